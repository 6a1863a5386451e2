#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the type stubs of what a type checker cannot see: the extension, and the members of the enumerations.

usage: scripts/stubs.py [--check]      (restride must be importable; --check: exit with 1 where a stub is not up to date)
"""

import inspect
import pathlib
import re
import subprocess
import sys
import tempfile

import restride
from restride import _enums

PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "python" / "restride"
NOTE = "# SPDX-License-Identifier: Apache-2.0\n# Written by scripts/stubs.py.\n"


def core() -> str:
    """nanobind's own stubs. Values that differ from build to build are left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "_core.pyi"
        command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-P", "-m", "restride._core", "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        lines = [line.partition(" = ")[0] if line.startswith(("version:", "cuda_version:")) else line
                 for line in path.read_text().splitlines()]  # fmt: skip
    text = "\n".join(lines)
    for bare, full in (("tuple", "tuple[Any, ...]"), ("list", "list[Any]"), ("dict", "dict[str, Any]")):
        text = re.sub(rf"\b{bare}\b(?!\[)(?=[,):\n])", full, text)
    return NOTE + text.replace("from collections.abc", "from typing import Any\nfrom collections.abc", 1) + "\n"


def enumerations() -> list[type]:
    return [getattr(_enums, name) for name in _enums.__all__]


def enums() -> str:
    out = [NOTE, "from typing import Any, ClassVar\n"]
    out.append("class _Enum(int):\n    __members__: ClassVar[dict[str, Any]]\n"
               "    def __init__(self, value: int = ...) -> None: ...\n"
               "    @property\n    def name(self) -> str: ...\n    @property\n    def value(self) -> int: ...\n")  # fmt: skip
    for enumeration in enumerations():
        out.append(f"class {enumeration.__name__}(_Enum):\n    \"\"\"{inspect.getdoc(enumeration)}\"\"\"\n")
        out += [f"    {name}: ClassVar[{enumeration.__name__}]" for name in enumeration.__members__]
        out.append("")
    out.append("def exported_members() -> dict[str, Any]: ...\n")
    out.append("__all__ = [\n" + "".join(f'    "{name}",\n' for name in _enums.__all__) + "]")
    return "\n".join(out) + "\n"


def exported() -> str:
    members = _enums.exported_members()
    names = sorted({type(m).__name__ for m in members.values()})
    out = [NOTE, f"from ._enums import {', '.join(names)}\n"]
    out += [f"{name}: {type(member).__name__}" for name, member in sorted(members.items())]
    out.append("\n__all__ = [\n" + "".join(f'    "{name}",\n' for name in sorted(members)) + "]")
    return "\n".join(out) + "\n"


def main() -> int:
    stale = []
    for name, text in (("_core.pyi", core()), ("_enums.pyi", enums()), ("_exported.pyi", exported())):
        path = PACKAGE / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.write_text(text)
    for name in stale:
        print(f"python/restride/{name} is not what scripts/stubs.py writes for restride {restride.__version__}", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
