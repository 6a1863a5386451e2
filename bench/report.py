#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Markdown table of a result file of bench/compare, for docs/performance.md and docs/performance/cpu.md.

usage: report.py bench/results/FILE.json
Of two modules both columns; of many libraries the best peer. Ratios below 0.97 are marked.
"""

from __future__ import annotations

import json
import sys


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
        shown = f"**{ratio:.2f}, behind**" if ratio < 0.97 else f"{ratio:.2f}"
        spread = f"{(mine['max'] - mine['min']) / mine['median']:.0%}"
        files = f"{theirs['bytes'] / 1e6:.3g} / {mine['bytes'] / 1e6:.3g}" if "bytes" in mine else ""
        speeds = f"{speed(theirs, row['pixels'])} | {speed(mine, row['pixels'])}"
        print(f"| {row['case']} | {peer} | {speeds} | {shown} | {spread} | {files} |")


def main() -> None:
    with open(sys.argv[1]) as file:
        data = json.load(file)
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
