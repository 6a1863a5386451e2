# SPDX-License-Identifier: Apache-2.0
"""The demo's page: one file, pictures inside, nothing fetched."""

from __future__ import annotations

import base64
import dataclasses
import html
import os
import pathlib
import platform

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1c1f24; --soft: #666c76; --line: #dedbd2; --card: #ffffff;
  --used: #2f6f8f; --free: #d5e3ea; --good: #2c7a4b; --bad: #b3261e; --code: #f1efe8; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e4de; --soft: #9aa1ab; --line: #2c323a; --card: #1b1f25;
  --used: #6fb3d2; --free: #2b3d47; --good: #74c692; --bad: #ff8a80; --code: #232830; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: clamp(1.6rem, 5vw, 2.4rem); line-height: 1.15; margin: 0 0 .6rem; letter-spacing: -.02em; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; }
p { margin: 0 0 .8rem; max-width: 42rem; }
.soft, figcaption, small { color: var(--soft); }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; }
li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; display: grid; gap: .4rem 1.2rem;
  grid-template-columns: minmax(0, 1fr); align-content: start; }
@media (min-width: 46rem) { li.shown { grid-template-columns: minmax(0, 1fr) minmax(11rem, 17rem); } }
h3 { font-size: 1.05rem; margin: 0 0 .35rem; }
h3 span { color: var(--soft); font-variant-numeric: tabular-nums; font-weight: 400; margin-right: .5rem; }
code { font: .84rem/1.4 ui-monospace, monospace; }
pre { margin: 0 0 .6rem; background: var(--code); padding: .45rem .6rem; border-radius: 6px; overflow-x: auto; }
.pictures { display: flex; flex-wrap: wrap; gap: .6rem; align-content: start; }
figure { margin: 0; flex: 1 1 7rem; max-width: 17rem; }
img { display: block; width: 100%; height: auto; border-radius: 6px; }
figcaption { font-size: .8rem; margin-top: .2rem; }
.memory { margin: .5rem 0; display: grid; grid-template-columns: auto minmax(3rem, 1fr) auto; gap: .3rem .7rem; align-items: center;
  font-size: .86rem; font-variant-numeric: tabular-nums; }
.bar { height: .8rem; }
.bar i { display: block; height: 100%; background: var(--free); border-radius: 3px; overflow: hidden; min-width: 3px; }
.bar b { display: block; height: 100%; background: var(--used); }
.checks { margin: .5rem 0 0; padding: 0; font-size: .9rem; }
.checks div { padding-left: 1.35rem; text-indent: -1.35rem; overflow-wrap: anywhere; }
.yes::before { content: "✓"; color: var(--good); display: inline-block; width: 1.35rem; text-indent: 0; font-weight: 700; }
.no::before { content: "✗"; color: var(--bad); display: inline-block; width: 1.35rem; text-indent: 0; font-weight: 700; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: 30rem; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 600; color: var(--soft); vertical-align: bottom; }
.key { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; vertical-align: -1px; margin: 0 .25rem 0 .1rem; }
.failed { color: var(--bad); font-weight: 600; }
"""


@dataclasses.dataclass
class Check:
    claim: str
    held: bool


@dataclasses.dataclass
class Card:
    title: str
    code: str
    text: str
    checks: list[Check] = dataclasses.field(default_factory=list)
    memory: list[tuple[str, int, int]] = dataclasses.field(default_factory=list)  # label, size, capacity
    pictures: list[tuple[bytes, str]] = dataclasses.field(default_factory=list)  # JPEG, caption


@dataclasses.dataclass
class Column:
    """One measured case."""

    name: str
    fresh_ms: float
    reused_ms: float
    fresh_allocations: int
    reused_allocations: int


def memory_rows(rows: list[tuple[str, int, int]], largest: int) -> str:
    """Bars to one scale (the square root of bytes, so that 1 MB is still seen beside 96 MB)."""
    out = []
    for label, size, capacity in rows:
        width = 100 * (capacity / largest) ** 0.5
        used = 100 * size / max(capacity, 1)
        bar = f'<span class="bar"><i style="width:{width:.1f}%"><b style="width:{used:.1f}%"></b></i></span>'
        out.append(f"<span>{html.escape(label)}</span>{bar}<span>{size:,} of {capacity:,}</span>")
    return f'<div class="memory">{"".join(out)}</div>' if out else ""


def card_html(number: int, card: Card, largest: int) -> str:
    pictures = "".join(
        f'<figure><img alt="{html.escape(caption)}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for data, caption in card.pictures
    )
    checks = "".join(f'<div class="{"yes" if c.held else "no"}">{html.escape(c.claim)}</div>' for c in card.checks)
    return (f'<li{" class=shown" if pictures else ""}><div><h3><span>{number}</span>{html.escape(card.title)}</h3>'
            f"<pre><code>{html.escape(card.code)}</code></pre><p>{html.escape(card.text)}</p>"
            f'{memory_rows(card.memory, largest)}<div class="checks">{checks}</div></div>'
            f'{f"<div class=pictures>{pictures}</div>" if pictures else ""}</li>')  # fmt: skip


def table_html(columns: list[Column]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(c.name)}</td><td>{c.fresh_ms:.2f} ms</td><td>{c.reused_ms:.2f} ms</td>"
        f"<td>{c.fresh_ms / c.reused_ms:.2f}×</td>"
        f"<td>{c.fresh_allocations}</td><td>{c.reused_allocations}</td></tr>"
        for c in columns
    )
    return ('<div class="scroll"><table><thead><tr><th></th><th>new memory</th><th>reused</th><th>ratio</th><th>allocations,<br>new</th>'
            f"<th>allocations,<br>reused</th></tr></thead><tbody>{rows}</tbody></table></div>")  # fmt: skip


def processor() -> str:
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def write_page(path: pathlib.Path, version: str, cards: list[Card], columns: list[Column]) -> None:
    largest = max((capacity for card in cards for _, _, capacity in card.memory), default=1)
    claims = [c for card in cards for c in card.checks]
    held, total = sum(c.held for c in claims), len(claims)
    verdict = f"All {held} claims on this page held." if held == total else f"{total - held} of {total} claims did not hold."
    path.write_text(f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Restride: decoding into memory that is used again</title><style>{STYLE}</style></head><body><main>
<h1>Pictures into memory you already have</h1>
<p>What <code>make demo</code> just ran on this machine: real photographs, decoded and encoded with restride {html.escape(version)}
into memory that is used again. The files were written by Pillow and tifffile, and their pixels judge ours.
<span class="{"soft" if held == total else "failed"}">{verdict}</span></p>
<p class="soft"><span class="key" style="background:var(--used)"></span>bytes in use
<span class="key" style="background:var(--free);margin-left:.8rem"></span>capacity kept (widths by the square root)</p>
<ol>{"".join(card_html(i, card, largest) for i, card in enumerate(cards, 1))}</ol>
<h2>With and without reuse</h2>
<p>Medians of alternating calls in one process; allocations are those that the library made in one warm call.
Measured on {os.cpu_count()} cores of {html.escape(processor())}, which may have been doing other work.</p>
{table_html(columns)}
</main></body></html>
""", encoding="utf-8")
