#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast pixels are converted while they are delivered: PNM files of 1920x1280 decoded into every layout, on one thread.

usage: conversions.py [ROUNDS]      prints million pixels a CPU second, medians of ROUNDS turns (9)
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

import restride

HEIGHT, WIDTH, CALLS = 1280, 1920, 5
F = restride.SampleFormat
RANDOM = np.random.default_rng(0)


def pnm(channels, dtype):
    """A PNM file of noise, as the encoder writes it: 16-bit samples are big-endian there."""
    pixels = RANDOM.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH, channels), dtype, endpoint=True)
    return bytes(memoryview(restride.Encoder().encode(pixels, "pnm")))


def cases():
    rgb, gray, rgba, deep = pnm(3, np.uint8), pnm(1, np.uint8), pnm(4, np.uint8), pnm(3, np.uint16)
    for name, data, form, depth in (
        ("RGB to RGB (a copy)", rgb, F.I_RGB, False), ("RGB to BGR", rgb, F.I_BGR, False), ("RGB to RGBA", rgb, F.I_RGBA, False),
        ("RGBA to RGB", rgba, F.I_RGB, False), ("gray to RGB", gray, F.I_RGB, False), ("RGB to planes", rgb, F.P_RGB, False),
        ("RGB to gray", rgb, F.I_Y, False), ("16-bit RGB to 16-bit RGB", deep, F.I_RGB, True), ("16-bit RGB to RGB", deep, F.I_RGB, False),
        ("16-bit RGB to planes of 8 bits", deep, F.P_RGB, False)):  # fmt: skip
        color = restride.ColorSpec.GRAY if form == F.I_Y else restride.ColorSpec.SRGB
        yield name, data, restride.DecodeParams(sample_format=form, color_spec=color, allow_any_depth=depth)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    decoder = restride.Decoder(max_num_cpu_threads=1, backends=[restride.Backend(restride.BackendKind.CPU_ONLY)])
    ready = [(name, data, params, decoder.decode(data, params=params), []) for name, data, params in cases()]
    for _ in range(rounds):
        for _, data, params, image, times in ready:
            begin = time.process_time()
            for _ in range(CALLS):
                decoder.decode(data, image=image, params=params)
            times.append((time.process_time() - begin) / CALLS)
    for name, _, _, _, times in ready:
        print(f"{name:32s} {HEIGHT * WIDTH / statistics.median(times) / 1e6:8.0f}")


if __name__ == "__main__":
    main()
