#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Markdown table of a result file of bench/compare, for docs/performance.md.

usage: report.py bench/results/FILE.json
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    with open(sys.argv[1]) as file:
        data = json.load(file)
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
