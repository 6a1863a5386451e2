#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the shared libraries of a wheel or folder: what restride builds must be hardened, what is bundled is listed.

usage: scripts/check_hardening.py WHEEL_OR_FOLDER

Of our own libraries: full RELRO (GNU_RELRO and BIND_NOW), a stack that is not executable, no text relocations, stack
protector and FORTIFY_SOURCE in use, no RPATH that leads outside the package.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, str(path)], capture_output=True, text=True, check=True).stdout


def faults(path):
    """What is wrong with one ELF file; empty where nothing is."""
    segments, dynamic, symbols = readelf("-l", path), readelf("-d", path), readelf("--dyn-syms", path)
    stack = [line for line in segments.splitlines() if "GNU_STACK" in line]
    paths = [line for line in dynamic.splitlines() if "(RPATH)" in line or "(RUNPATH)" in line]
    checks = {
        "no GNU_RELRO": "GNU_RELRO" in segments,
        "no BIND_NOW": "BIND_NOW" in dynamic or " NOW" in dynamic,
        "executable stack": bool(stack) and "RWE" not in stack[0],
        "text relocations": "TEXTREL" not in dynamic,
        "no stack protector": "__stack_chk_fail" in symbols,
        "no FORTIFY_SOURCE": "_chk@" in symbols.replace("__stack_chk_fail", ""),
        "RPATH outside the package": all("$ORIGIN" in line for line in paths),
    }
    return [name for name, good in checks.items() if not good]


def main():
    given = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        root = given
        if given.is_file():
            root = pathlib.Path(folder)
            zipfile.ZipFile(given).extractall(root)
        libraries = sorted(p for p in root.rglob("*") if p.is_file() and p.read_bytes()[:4] == b"\x7fELF")
        ours = [p for p in libraries if "restride" in p.name or p.name.startswith("_core")]
        bad = {p.name: faults(p) for p in ours}
        for name, found in bad.items():
            print(f"{name}: {', '.join(found) or 'hardened'}")
        for path in libraries:
            if path not in ours:
                print(f"{path.name} (bundled): {', '.join(faults(path)) or 'hardened'}")
    if not ours:
        print("no library of restride found")
        return 1
    return any(bad.values())


if __name__ == "__main__":
    sys.exit(main())
