#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/results/index.html: a bar chart for every case of result files of bench/compare.

usage: page.py OUT.html RESULTS.json...
One file, no script, light and dark as the reader's system is, columns that fold on a phone.
"""

from __future__ import annotations

import html
import json
import sys

STYLE = """
:root{color-scheme:light dark;--back:#fbfbfa;--text:#1c1d1f;--soft:#66696e;--line:#e3e3e0;--bar:#b9c0c9;--ours:#1f7a5c;--behind:#b8562b}
@media(prefers-color-scheme:dark){:root{--back:#16181b;--text:#e8e8e6;--soft:#9a9da3;--line:#2c2f34;--bar:#4a515b;--ours:#4cb88f;
--behind:#e08a5b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.2rem;background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}p{margin:.3rem 0;color:var(--soft);overflow-wrap:anywhere}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,23rem),1fr));gap:1rem}
section{border:1px solid var(--line);border-radius:.5rem;padding:.7rem .8rem}
h3{font-size:.95rem;margin:0 0 .5rem;display:flex;justify-content:space-between;gap:.8rem}
h3 span{color:var(--ours);white-space:nowrap}h3 span.behind{color:var(--behind)}
div.row{display:grid;grid-template-columns:8.2rem 1fr 4.6rem;gap:.5rem;align-items:center;font-size:.82rem;margin:.12rem 0}
div.row span:last-child{text-align:right;font-variant-numeric:tabular-nums}
div.row b{font-weight:600}i{display:block;height:.7rem;background:var(--bar);border-radius:.15rem;min-width:2px}
div.ours i{background:var(--ours)}
"""
OURS = "restride"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def chart(name: str, bars: list[tuple[str, float, str]], ratio: float | None) -> str:
    """bars: (library, length in any unit, what is written), longest first."""
    longest = max(length for _, length, _ in bars)
    rows = []
    for library, length, text in bars:
        mine = library == OURS
        label = f"<b>{OURS}</b>" if mine else html.escape(library)
        rows.append(f'<div class="row{" ours" if mine else ""}"><span>{label}</span><i style="width:{100 * length / longest:.1f}%"></i>'
                    f"<span>{html.escape(text)}</span></div>")  # fmt: skip
    verdict = ""
    if ratio is not None:
        verdict = f'<span class="{"behind" if ratio < 0.97 else "ahead"}">{ratio:.2f}x</span>'
    return f"<section><h3>{html.escape(name)} {verdict}</h3>{''.join(rows)}</section>"


def of_libraries(row: dict) -> str:
    """A case of bench/compare/cpu.py: speeds, more is better."""
    speeds = {library: row["pixels"] / r["median"] / 1e6 for library, r in row["libraries"].items() if "median" in r}
    peers = [s for library, s in speeds.items() if library != OURS]
    bars = [(library, s, number(s)) for library, s in sorted(speeds.items(), key=lambda item: -item[1])]
    name = row["case"] + (" (wall)" if row.get("clock") == "wall" else "")
    return chart(name, bars, speeds[OURS] / max(peers) if peers and OURS in speeds else None)


def of_modules(row: dict, modules: list[str]) -> str:
    """A case of bench/compare/gpu.py: times, drawn as calls a second."""
    times = {m: row[m]["median"] for m in modules}
    bars = [(m.split(".")[-1], 1 / t, f"{t * 1e3:.3g} ms") for m, t in sorted(times.items(), key=lambda item: item[1])]
    return chart(row["case"], bars, times[modules[0]] / times[OURS])


def part(data: dict) -> str:
    about, rows = data["about"], [r for r in data["rows"] if "error" not in r]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = about.get("gpu") or about.get("cpu", "")
    loads = [r["load"] for r in rows if "load" in r]
    load = f", load average {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    if "libraries" in rows[0]:
        title, unit = f"On the CPU: {where}", "million pixels a second of CPU time (of the wall clock where that is said): longer is better"
        charts = [of_libraries(r) for r in rows]
    else:
        modules = list(about["versions"])
        title, unit = f"On a GPU: {where}", "calls a second: longer is better; times from the call to a synchronised device"
        charts = [of_modules(r, modules) for r in rows]
    note = f"{about['date']}{load}. Bars: {unit}. The factor is restride against the best other library."
    return (f"<h2>{html.escape(title)}</h2><p>{html.escape(note)}</p><p>{html.escape(versions)}</p>"
            f"<p><code>{html.escape(about['command'])}</code></p><main>{''.join(charts)}</main>")  # fmt: skip


def main() -> None:
    parts = []
    for name in sys.argv[2:]:
        with open(name) as file:
            parts.append(part(json.load(file)))
    with open(sys.argv[1], "w") as file:
        file.write('<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
                   f"<title>Restride: measurements</title><style>{STYLE}</style><h1>Restride against other libraries</h1>"
                   f"{''.join(parts)}</html>\n")  # fmt: skip


if __name__ == "__main__":
    main()
