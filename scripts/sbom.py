#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a bill of materials (CycloneDX 1.5, JSON): the libraries that a wheel bundles or a build links, with versions.

usage: scripts/sbom.py [WHEEL] >sbom.json

With a wheel, exactly the libraries in it, each with its SHA-256; without, what pkg-config says of this machine.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
# pkg-config's name, the shared library's, its project's, and its licence.
LIBRARIES = [
    ("libjpeg", "libjpeg", "libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib"),
    ("libopenjp2", "libopenjp2", "openjpeg", "BSD-2-Clause"),
    ("openjph", "libopenjph", "openjph", "BSD-2-Clause"),
    ("libtiff-4", "libtiff", "libtiff", "libtiff"),
    ("libwebp", "libwebp", "libwebp", "BSD-3-Clause"),
    ("libsharpyuv", "libsharpyuv", "libwebp", "BSD-3-Clause"),
    ("libdeflate", "libdeflate", "libdeflate", "MIT"),
    ("libisal", "libisal", "isa-l", "BSD-3-Clause"),
    ("liblzma", "liblzma", "xz", "0BSD"),
    ("libzstd", "libzstd", "zstd", "BSD-3-Clause"),
    ("zlib", "libz", "zlib", "Zlib"),
    ("lerc", "libLerc", "lerc", "Apache-2.0"),
    ("jbig", "libjbig", "jbigkit", "GPL-2.0-or-later"),
]


def version_of(package):
    done = subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def component(name, version, licence, digest=None, file=None):
    out = {"type": "library", "name": name, "licenses": [{"expression": licence}]}
    if version:
        out["version"] = version
    if digest:
        out["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if file:
        out["properties"] = [{"name": "file", "value": file}]
    return out


def of_wheel(path):
    """One component for each bundled library; the version is pkg-config's, or the one in the library's name."""
    with zipfile.ZipFile(path) as wheel:
        for entry in sorted(wheel.namelist()):
            name = entry.rsplit("/", 1)[-1]
            if ".libs/" not in entry or ".so" not in name:
                continue
            known = next((k for k in LIBRARIES if re.match(re.escape(k[1]) + r"[-.]", name)), None)
            in_name = re.search(r"\.so\.([\d.]+)", name)
            version = (version_of(known[0]) if known else "") or (in_name.group(1) if in_name else "")
            digest = hashlib.sha256(wheel.read(entry)).hexdigest()
            yield component(known[2] if known else name.split("-")[0], version, known[3] if known else "NOASSERTION", digest, entry)


def of_machine():
    for package, _, project, licence in LIBRARIES:
        version = version_of(package)
        if version:
            yield component(project, version, licence)


def main():
    wheel = sys.argv[1] if len(sys.argv) > 1 else None
    version = (ROOT / "VERSION").read_text().strip()
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "library", "name": "restride", "version": version, "licenses": [{"expression": "Apache-2.0"}]}},
        "components": list(of_wheel(wheel) if wheel else of_machine()),
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
