#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Markdown table of a result file of bench/compare, for docs/performance.md and docs/performance/cpu.md.

usage: report.py bench/results/FILE.json             the whole table, on standard output
       report.py bench/results/FILE.json README.md   the short table of a CPU file, between its marks in README.md
Of two modules both columns; of many libraries the best peer. Ratios below 0.97 are marked.
"""

from __future__ import annotations

import json
import pathlib
import sys

BEGIN, END = "<!-- made by bench/report.py -->\n", "<!-- end -->"
SHORT = ("JPEG 4:2:0 q90 decode, 64x64", "JPEG 4:2:0 q90 decode, 1920x1280", "JPEG later region 256x256 of 5000x4000",
         "JPEG 4:2:0 q90 encode, 1920x1280", "PNG level 6 decode, 1920x1280", "PNG fast encode, 1920x1280", "BMP decode, 1920x1280",
         "BMP encode, 1920x1280", "TIFF LZW + predictor, strips decode, 1920x1280", "WebP q90 decode, 1920x1280",
         "JPEG 2000 9/7 PSNR 40 decode, 1920x1280", "HTJ2K lossless decode, 1920x1280")  # fmt: skip


def speed(row: dict, pixels: int) -> str:
    """MPix per CPU second, and microseconds a call where the picture is small."""
    text = f"{pixels / row['median'] / 1e6:,.{0 if pixels / row['median'] >= 1e8 else 1}f}"
    return f"{text} ({row['median'] * 1e6:.1f} us)" if pixels < 100_000 else text


def best_peer(rows: list[dict], ours: str) -> None:
    print(f"| case | best peer | its speed | {ours} | ratio | spread | files, MB |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        measured = {name: r for name, r in row["libraries"].items() if "median" in r}
        if ours not in measured:
            print(f"| {row['case']} | {ours}: {row['libraries'][ours]['error']} | | | | | |")
            continue
        mine = measured.pop(ours)
        peer = min(measured, key=lambda name: measured[name]["median"])
        theirs = measured[peer]
        ratio = theirs["median"] / mine["median"]
        verdict = f"**{ratio:.2f}, behind**" if ratio < 0.97 else f"{ratio:.2f}"
        spread = f"{(mine['max'] - mine['min']) / mine['median']:.0%}"
        files = f"{theirs['bytes'] / 1e6:.3g} / {mine['bytes'] / 1e6:.3g}" if "bytes" in mine else ""
        speeds = f"{speed(theirs, row['pixels'])} | {speed(mine, row['pixels'])}"
        name = row["case"] + (" (wall)" if row.get("clock") == "wall" else "")
        print(f"| {name} | {peer} | {speeds} | {verdict} | {spread} | {files} |")


def shown(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"


def short_table(rows: list[dict], ours: str) -> str:
    by_name = {row["case"]: row for row in rows}
    lines = ["| one CPU core, million pixels a second | best other library | Restride |", "| --- | ---: | ---: |"]
    for name in SHORT:
        row = by_name[name]
        speeds = {library: row["pixels"] / r["median"] / 1e6 for library, r in row["libraries"].items() if "median" in r}
        mine = speeds.pop(ours)
        peer = max(speeds, key=speeds.__getitem__)
        lines.append(f"| {name} | {shown(speeds[peer])} ({peer}) | {shown(mine)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    with open(sys.argv[1]) as file:
        data = json.load(file)
    if len(sys.argv) > 2:
        page = pathlib.Path(sys.argv[2])
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(before + BEGIN + short_table(data["rows"], "restride") + END + rest.partition(END)[2])
        return
    if "libraries" in data["rows"][0]:
        best_peer(data["rows"], "restride")
        return
    peer, ours = data["about"]["versions"]
    print(f"| case | {peer} | {ours} | ratio | spread |\n| --- | ---: | ---: | ---: | ---: |")
    for row in data["rows"]:
        if "error" in row:
            print(f"| {row['case']} | {row['error']} | | | |")
            continue
        a, b = row[peer], row[ours]
        spread = f"{(b['max'] - b['min']) / b['median']:.0%}" if "max" in b else "-"
        ratio = a["median"] / b["median"]
        print(f"| {row['case']} | {a['median'] * 1e3:.2f} ms | {b['median'] * 1e3:.2f} ms | {ratio:.2f} | {spread} |")


if __name__ == "__main__":
    main()
