#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom: a file may include only what stands to the left of its own room.

base < memory < image < stream < codec < coding < formats, cuda < table < engine < c_api, cli, python, bench
The public headers (include/restride) may be used everywhere; cli, bench and examples use nothing else. A format may not
include another format.
"""

import pathlib
import re
import sys

ROOMS = ["base", "memory", "image", "stream", "codec", "coding", "formats", "table", "engine", "c_api"]
LEVEL = {room: i for i, room in enumerate(ROOMS)} | {"cuda": ROOMS.index("formats")}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def room_of(path: str) -> str:
    if path.startswith("formats/table."):
        return "table"
    return path.split("/")[0]


def complaints(root: pathlib.Path) -> list[str]:
    out = []
    source = root / "src"
    for file in sorted(source.rglob("*")):
        if file.suffix not in (".h", ".cpp", ".cu", ".cuh"):
            continue
        name = file.relative_to(source).as_posix()
        room = room_of(name)
        if room == "cli":  # a user's program that happens to lie here; see below
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found or found[1].startswith("restride/"):
                continue
            target = found[1]
            other = room_of(target)
            where = f"src/{name}:{number}"
            if other not in LEVEL:
                out.append(f"{where}: {target} belongs to no room")
            elif LEVEL[other] > LEVEL[room] or (other == "cuda") != (room == "cuda") and other == "cuda":
                out.append(f"{where}: {room} may not include {target}")
            elif room == other == "formats" and target.count("/") > 1 and target.split("/")[1] != name.split("/")[1]:
                out.append(f"{where}: a format may not include another format ({target})")
    for folder in ("src/cli", "bench", "examples"):
        for file in sorted((root / folder).rglob("*.cpp")) + sorted((root / folder).rglob("*.h")):
            for number, line in enumerate(file.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if found and not found[1].startswith("restride/") and not (file.parent / found[1]).exists():
                    out.append(f"{file.relative_to(root)}:{number}: only the public headers, not {found[1]}")
    return out


if __name__ == "__main__":
    found = complaints(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(found) if found else "layers: ok")
    sys.exit(bool(found))
