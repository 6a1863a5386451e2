#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder of JPEG files to another codec: `restride transcode` beside a plain loop over Pillow.

usage: bench/transcode.py [--count N] [--rounds N] [--codec webp|jpeg]...      (restride importable, with its command; Pillow)

Prints, for each, the median over rounds of images a second, CPU milliseconds an image and peak memory of the process; rounds
alternate between the two, since machines are shared.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import restride

COMMAND = pathlib.Path(restride.__file__).parent / "bin" / "restride"
OPTIONS = {"webp": (["--quality", "80"], {"quality": 80}), "jpeg": (["--quality", "85", "--subsampling", "420"], {"quality": 85})}
LOOP = """
import pathlib, sys
from PIL import Image
codec, options, source, target = sys.argv[1], eval(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
target.mkdir()
for path in sorted(source.iterdir()):
    with Image.open(path) as image:
        image.save(target / (path.stem + "." + codec), **options)
"""


def generate(folder: pathlib.Path, count: int) -> None:
    """1600 x 1200 and smaller: soft shapes, edges and grain, so that sizes are those of photographs."""
    encoder = restride.Encoder()
    quality = restride.EncodeParams(restride.QualityType.QUALITY, 90, chroma_subsampling=restride.CSS_420)
    for i in range(count):
        random = np.random.default_rng(i)
        height, width = [(1200, 1600), (768, 1024), (1080, 810)][i % 3]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        waves = [np.sin(x / random.uniform(20, 200) + random.uniform(0, 6)) * np.cos(y / random.uniform(20, 200)) for _ in range(3)]
        edges = ((x * random.uniform(-1, 1) + y * random.uniform(-1, 1)) % 256 < 100) * 40
        picture = np.stack([128 + 60 * w + edges for w in waves], -1) + random.normal(0, 4, (height, width, 1))
        encoder.write(folder / f"{i:05}.jpg", picture.clip(0, 255).astype(np.uint8), params=quality, on_error="raise")


# A small process that starts the command: the peak memory of a child counts what its parent had when it started it.
MEASURE = """
import json, os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000]))
"""


def run(command: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds, peak MB."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], capture_output=True, text=True, check=True)
    code, cpu, peak = json.loads(done.stdout)
    if code != 0:
        sys.exit(f"{command} failed: {done.stderr}")
    return time.perf_counter() - start, cpu, peak


def commands(codec: str, source: pathlib.Path) -> dict[str, list[str]]:
    """Without the target, which comes last for all of them."""
    ours, theirs = OPTIONS[codec]
    transcode = [str(COMMAND), "transcode", "-q", "-c", codec, *ours]
    return {"restride transcode": [*transcode, str(source)], "restride --threads 1": [*transcode, "--threads", "1", str(source)],
            "Pillow loop": [sys.executable, "-c", LOOP, codec, repr(theirs), str(source)]}  # fmt: skip


def measure(codec: str, root: pathlib.Path, given: argparse.Namespace) -> None:
    results: dict[str, list[tuple[float, float, float]]] = {}
    written = {}
    for round_ in range(given.rounds):
        for what, command in commands(codec, root / "in").items():
            out = root / f"out{round_}"
            results.setdefault(what, []).append(run([*command, str(out)]))
            written[what] = sum(p.stat().st_size for p in out.iterdir()) / 1e6
            shutil.rmtree(out)
    for what, rounds in results.items():
        seconds, cpu, peak = (statistics.median(r[i] for r in rounds) for i in range(3))
        print(f"{codec + ': ' + what:28} {given.count / seconds:8.1f}  {1000 * cpu / given.count:12.2f}  {peak:7.0f}  "
              f"{written[what]:10.1f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codec", action="append", choices=OPTIONS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        source = root / "in"
        source.mkdir()
        generate(source, given.count)
        size = sum(p.stat().st_size for p in source.iterdir())
        print(f"{given.count} files, {size / 1e6:.0f} MB, {os.cpu_count()} CPUs, restride {restride.__version__}")
        print(f"{'':28} images/s  CPU ms/image  peak MB  MB written")
        for codec in given.codec or OPTIONS:
            measure(codec, root, given)


if __name__ == "__main__":
    main()
