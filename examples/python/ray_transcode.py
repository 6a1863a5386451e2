# SPDX-License-Identifier: Apache-2.0
"""Transcodes a folder to lossless JPEG 2000, or to another codec, on all machines of a Ray cluster.

usage: ray_transcode.py [SOURCE TARGET] [--codec jpeg2k] [--ht] [--address auto] [--cpus 1] [--gpus 0]

Without SOURCE and TARGET it makes a folder of --images small JPEG files and works on this machine alone. Run it again after
a stop: what is there is not done again. Both folders must be reachable under the same paths on all machines.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile

import numpy as np
import ray

import restride
from restride.ray import transcode


def make_folder(root: pathlib.Path, count: int) -> pathlib.Path:
    rng = np.random.default_rng(0)
    root.mkdir()
    y, x = np.mgrid[0:96, 0:128]
    for i in range(count):
        pixels = 128 + 90 * np.sin(x / rng.uniform(4, 30) + y / rng.uniform(4, 30))[..., None] * rng.uniform(0.3, 1, 3)
        restride.imwrite(root / f"{i:04d}.jpg", pixels.astype(np.uint8))
    return root


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=pathlib.Path, metavar="SOURCE TARGET")
    parser.add_argument("--codec", default="jpeg2k")
    parser.add_argument("--ht", action="store_true", help="jpeg2k: high throughput (HTJ2K), where this build can write it")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--address", help="of a running cluster; without it, Ray starts on this machine")
    parser.add_argument("--cpus", type=float, default=1, help="of an actor")
    parser.add_argument("--gpus", type=float, default=0, help="of an actor, as 0.25")
    given = parser.parse_args()
    if len(given.folders) not in (0, 2):
        parser.error("SOURCE and TARGET, or neither")
    if not ray.is_initialized():
        ray.init(address=given.address, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as made:
        source, target = given.folders or (make_folder(pathlib.Path(made) / "in", given.images), pathlib.Path(made) / "out")
        params = restride.EncodeParams(quality_type=restride.LOSSLESS,
                                       jpeg2k_encode_params=restride.Jpeg2kEncodeParams(ht=given.ht))  # fmt: skip
        report = transcode(source, target, given.codec, params=params if given.codec == "jpeg2k" else None, num_cpus=given.cpus,
                           num_gpus=given.gpus)  # fmt: skip
    rate = report.written / report.seconds if report.seconds else 0
    print(f"{report.written} written, {report.skipped} there already, {len(report.failed)} failed in {report.seconds:.1f} s "
          f"({rate:.0f} a second); {report.bytes_in} bytes in, {report.bytes_out} out")  # fmt: skip
    for path, reason in report.failed:
        print(f"{path}: {reason}", file=sys.stderr)
    return 1 if report.failed else 0


if __name__ == "__main__":
    code = main()
    if code:
        sys.exit(code)
