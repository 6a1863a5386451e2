#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What transcoding a large collection takes: measures one core, computes the rest, for docs/guides/ray.md.

usage: sizing.py [--scale 1] [--images 64] [--folder FOLDER]
Without FOLDER, JPEG files of about 500 x 375 (times --scale), 4:2:0, quality 90. Each job is decode, encode and nothing else, on one
thread; CPU seconds, medians of five. Prints Markdown.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time

import numpy as np

import restride

QUALITY = restride.QualityType.QUALITY
JOBS = {
    "decode to RGB": None,
    "decode to half the side": None,
    "JPEG, quality 85": ("jpeg", restride.EncodeParams(QUALITY, 85)),
    "WebP, quality 80": ("webp", restride.EncodeParams(QUALITY, 80)),
    "JPEG 2000, lossless": ("jpeg2k", restride.EncodeParams(restride.LOSSLESS)),
    "HTJ2K, lossless": ("jpeg2k", restride.EncodeParams(restride.LOSSLESS, jpeg2k_encode_params=restride.Jpeg2kEncodeParams(ht=True))),
    "PNG": ("png", None),
}


def made(count: int, scale: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    params = restride.EncodeParams(QUALITY, 90, chroma_subsampling=restride.CSS_420)
    pixels = []
    for _ in range(count):
        h, w = (scale * (side + int(rng.integers(-40, 40))) for side in (375, 500))
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        waves = [np.sin(x / rng.uniform(5, 90) + y / rng.uniform(5, 90) + rng.uniform(0, 6)) for _ in range(3)]
        pixels.append((128 + 70 * np.stack(waves, 2) + rng.normal(0, 8, (h, w, 3))).clip(0, 255).astype(np.uint8))
    return [bytes(s) for s in restride.Encoder().encode(pixels, "jpeg", params=params, on_error="raise")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--folder", type=pathlib.Path)
    given = parser.parse_args()
    data = [p.read_bytes() for p in sorted(given.folder.iterdir())] if given.folder else made(given.images, given.scale)
    cpu = [restride.BackendKind.CPU_ONLY]
    decoder, encoder = restride.Decoder(max_num_cpu_threads=1, backends=cpu), restride.Encoder(max_num_cpu_threads=1, backends=cpu)
    images, streams = decoder.decode(data), [restride.CodeStream(0) for _ in data]
    size_in = sum(map(len, data)) / len(data)
    print(f"{len(data)} files, {size_in / 1e3:.0f} KB each\n")
    print("| job | images/s a core | KB out | in and out a core, MB/s | a billion: core-days | TB out |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, job in JOBS.items():
        params = restride.DecodeParams(reduce=1) if "half" in name else None
        seconds, out = [], 0.0
        for _ in range(6):
            start = time.process_time()
            decoder.decode(data, images=images, params=params, on_error="raise")
            if job is not None:
                try:
                    encoder.encode(images, job[0], code_stream_s=streams, params=job[1], on_error="raise")
                except restride.UnsupportedError as error:
                    print(f"| {name} | {error} | | | | |")
                    break
                out = sum(s.size for s in streams) / len(data)
            seconds.append(time.process_time() - start)
        else:
            rate = len(data) / statistics.median(seconds[1:])
            print(f"| {name} | {rate:,.0f} | {out / 1e3:.0f} | {rate * (size_in + out) / 1e6:.0f} | "
                  f"{1e9 / rate / 86400:.1f} | {out / 1e3:.0f} |")  # fmt: skip


if __name__ == "__main__":
    main()
