#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Restride against nvImageCodec on a GPU: the same work, round-robin in one process, pictures compared.

usage: gpu.py OUT.json [--only TEXT] [--reps N] [--modules nvidia.nvimgcodec,restride]
Needs NumPy, Pillow, OpenCV, tifffile, scikit-learn (for its photographs), CuPy and the modules. Prints a line a case and
writes medians, minima and maxima in seconds, synchronisation included. bench/report.py makes the tables from the file.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import importlib
import importlib.metadata
import io
import json
import platform
import statistics
import sys
import time

import cupy
import cv2
import numpy as np
import tifffile
from pictures import scene
from PIL import Image

CASES = {}


KEPT = {}


def scenes(count, height, width, vary=False):
    kept = KEPT.setdefault((height, width, vary), [])
    sizes = [(height + i % 7 * 20 - 60, width + i % 5 * 24 - 48) if vary else (height, width) for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        kept += pool.map(lambda i: scene(*sizes[i], i), range(len(kept), count))
    return kept[:count]


def files(images, kind, **options):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda image: file_of(image, kind, **options), images))


def file_of(image, kind, **options):
    out = io.BytesIO()
    if kind == "TIFF" and options.get("compression") != "tiff_lzw":
        tifffile.imwrite(out, image, photometric="rgb", **options)
    else:
        Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()


class Decode:
    """Decodes `files`; reuse: into the images of the call before."""

    def __init__(self, module, files, reuse, regions=None):
        self.decoder, self.reuse, self.images = module.Decoder(), reuse, None
        self.streams = [module.CodeStream(f) for f in files]
        if regions:
            self.streams = [self.streams[0].get_sub_code_stream(region=module.Region(*r)) for r in regions]

    def run(self):
        if self.reuse and self.images is not None:
            images = self.decoder.decode(self.streams, images=self.images)
        else:
            images = self.decoder.decode(self.streams)
        if any(i is None for i in images):
            raise RuntimeError("a picture was not decoded")
        self.images = images

    def result(self):
        return [np.asarray(i.cpu()) for i in (self.images[0], self.images[-1])]


class Encode:
    def __init__(self, module, pixels, codec, source, reuse, **params):
        self.encoder, self.codec, self.reuse, self.streams = module.Encoder(), codec, reuse, None
        self.images = pixels if source == "host" else [module.as_image(cupy.asarray(p)) for p in pixels]
        self.params = self.params_of(module, **params)

    @staticmethod
    def params_of(module, quality=None, value=0, ht=False, mct=0):
        if quality is None:
            return None
        return module.EncodeParams(quality_type=getattr(module.QualityType, quality), quality_value=value,
                                   jpeg2k_encode_params=module.Jpeg2kEncodeParams(ht=ht, mct_mode=mct))  # fmt: skip

    def run(self):
        options = {} if self.params is None else {"params": self.params}
        if self.reuse and self.streams is not None:
            options["code_stream_s"] = self.streams
        streams = self.encoder.encode(self.images, self.codec, **options)
        if any(s is None for s in streams):
            raise RuntimeError("a picture was not encoded")
        self.streams = streams

    def result(self):
        return [cv2.imdecode(np.frombuffer(bytes(self.streams[0]), np.uint8), cv2.IMREAD_COLOR)] if self.codec == "jpeg" else []


class OneByOne(Decode):
    """Twenty calls of one picture; divide by twenty."""

    def run(self):
        for _ in range(20):
            self.images = self.decoder.decode(self.streams, images=self.images) if self.images else self.decoder.decode(self.streams)


def prepared(make, build):
    """A case: make() its data once, then build(module, data) a worker for each module."""

    def start():
        data = make()
        return lambda module: build(module, data)

    return start


def decode_cases(name, make, both=True):
    if both:
        CASES[name + ", fresh"] = prepared(make, lambda m, files: Decode(m, files, False))
    CASES[name + ", reuse"] = prepared(make, lambda m, files: Decode(m, files, True))


def jpegs(count, height, width, vary=False, **options):
    return lambda: files(scenes(count, height, width, vary), "JPEG", **options)


decode_cases("JPEG decode, 256 of ~500x375 4:2:0 q90", jpegs(256, 375, 500, True, quality=90, subsampling=2))
decode_cases("JPEG decode, 32 of ~500x375 4:2:0 q90", jpegs(32, 375, 500, True, quality=90, subsampling=2))
decode_cases("JPEG decode, 256 of ~500x375 4:4:4 q96", jpegs(256, 375, 500, True, quality=96, subsampling=0))
decode_cases("JPEG decode, 256 progressive of ~500x375", jpegs(256, 375, 500, True, quality=90, subsampling=2, progressive=True), False)
decode_cases("JPEG decode, 256 of 224x224", lambda: jpegs(32, 224, 224, quality=90, subsampling=2)() * 8, False)
decode_cases("JPEG decode, 256 of 64x64", lambda: jpegs(32, 64, 64, quality=90, subsampling=2)() * 8, False)
decode_cases("JPEG decode, 32 of 1920x1280", jpegs(32, 1280, 1920, quality=90, subsampling=2), False)
decode_cases("JPEG decode, one 6000x4000", jpegs(1, 4000, 6000, quality=90, subsampling=2), False)
for side in (64, 224):
    CASES[f"JPEG decode, one {side}x{side}, twenty times"] = prepared(
        jpegs(1, side, side, quality=90, subsampling=2), lambda m, files: OneByOne(m, files, True))  # fmt: skip
CENTRE = [(1800, 2800, 2056, 3056)]
SIXTEEN = [(y, x, y + 512, x + 512) for y in range(0, 2048, 512) for x in range(0, 2048, 512)]
LARGE = jpegs(1, 4000, 6000, quality=90, subsampling=2)
CASES["JPEG region 256x256 of 6000x4000"] = prepared(LARGE, lambda m, files: Decode(m, files, False, CENTRE))
CASES["JPEG, 16 regions 512x512 of 6000x4000"] = prepared(LARGE, lambda m, files: Decode(m, files, False, SIXTEEN))
decode_cases("BMP decode, 8 of 1920x1280", lambda: files(scenes(8, 1280, 1920), "BMP"))
decode_cases("PNM decode, 8 of 1920x1280", lambda: files(scenes(8, 1280, 1920), "PPM"))
decode_cases("PNG decode, 8 of 1920x1280", lambda: files(scenes(8, 1280, 1920), "PNG"), False)
decode_cases("PNG decode, 64 of 640x480", lambda: files(scenes(64, 480, 640), "PNG"), False)
decode_cases("WebP decode, 64 of 640x480", lambda: files(scenes(64, 480, 640), "WEBP", quality=90), False)
decode_cases("TIFF decode, 8 of 1920x1280, uncompressed", lambda: files(scenes(8, 1280, 1920), "TIFF", rowsperstrip=64))
decode_cases("TIFF decode, 8 of 1920x1280, Deflate tiles",
             lambda: files(scenes(8, 1280, 1920), "TIFF", tile=(256, 256), compression="zlib"), False)  # fmt: skip
decode_cases("TIFF decode, 8 of 1920x1280, LZW strips",
             lambda: files(scenes(8, 1280, 1920), "TIFF", compression="tiff_lzw"), False)  # fmt: skip


def encode_case(name, count, height, width, codec, source, reuse, **params):
    CASES[name] = prepared(lambda: scenes(count, height, width), lambda m, pixels: Encode(m, pixels, codec, source, reuse, **params))


for text, count, h, w in (("64 of 512x384", 64, 384, 512), ("32 of 1920x1280", 32, 1280, 1920), ("one 6000x4000", 1, 4000, 6000)):
    for source, reuse in (("host", False), ("device", False), ("device", True)):
        encode_case(f"JPEG encode, {text}, {source} source{', reuse' if reuse else ''}", count, h, w, "jpeg", source, reuse)


def jpeg2000(count, h, w, **params):
    def make():
        import nvidia.nvimgcodec as writer

        encode = Encode(writer, scenes(count, h, w), "jpeg2k", "host", False, **params)
        encode.run()
        return [bytes(s) for s in encode.streams]

    return make


for text, params in (("lossless", {"quality": "LOSSLESS"}), ("PSNR 40", {"quality": "PSNR", "value": 40}),
                     ("HT lossless", {"quality": "LOSSLESS", "ht": True})):  # fmt: skip
    for size, count, h, w in (("32 of 768x512", 32, 512, 768), ("4 of 3840x2160", 4, 2160, 3840)):
        decode_cases(f"JPEG 2000 decode, {text}, {size}", jpeg2000(count, h, w, **params), False)
        encode_case(f"JPEG 2000 encode, {text}, {size}, device source, reuse", count, h, w, "jpeg2k", "device", True, **params)


def measure(make, modules, reps, budget=1.2):
    workers = {name: make(module) for name, module in modules.items()}
    for worker in workers.values():
        for _ in range(3):
            worker.run()
        cupy.cuda.Device().synchronize()
    times = {name: [] for name in workers}
    start = time.time()
    for k in range(reps):
        for name, worker in workers.items():
            begin = time.perf_counter()
            worker.run()
            cupy.cuda.Device().synchronize()
            times[name].append(time.perf_counter() - begin)
        if k >= 6 and time.time() - start > budget:
            break
    results = {name: worker.result() for name, worker in workers.items()}
    reference = next(iter(results.values()))
    difference = max((np.abs(a.astype(int) - b.astype(int)).mean() for r in results.values() for a, b in zip(r, reference)), default=0.0)
    return times, float(difference)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--only", default="")
    parser.add_argument("--reps", type=int, default=11)
    parser.add_argument("--modules", default="nvidia.nvimgcodec,restride")
    arguments = parser.parse_args()
    modules = {name: importlib.import_module(name) for name in arguments.modules.split(",")}
    about = {
        "command": " ".join(sys.argv),
        "date": datetime.date.today().isoformat(),
        "gpu": cupy.cuda.runtime.getDeviceProperties(0)["name"].decode(),
        "cpu": platform.processor() or platform.machine(),
        "versions": {m: getattr(module, "__version__", "") for m, module in modules.items()},
    }
    rows = []

    def keep(row):  # at once: a run that is stopped keeps what it has
        rows.append(row)
        with open(arguments.out, "w") as file:
            json.dump({"about": about, "rows": rows}, file, indent=1)

    for name, make in CASES.items():
        if arguments.only not in name:
            continue
        try:
            times, difference = measure(make(), modules, arguments.reps)
        except Exception as error:
            print(f"{name}: {error!r}", flush=True)
            keep({"case": name, "error": repr(error)})
            continue
        row = {"case": name, "difference": difference}
        for module, seconds in times.items():
            row[module] = {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds), "runs": len(seconds)}
        keep(row)
        medians = [row[m]["median"] * 1e3 for m in modules]
        shown = "  ".join(f"{v:9.3f} ms" for v in medians)
        print(f"{name:62s} {shown}  ratio {medians[0] / medians[-1]:6.2f}  differ {difference:.3f}", flush=True)


if __name__ == "__main__":
    main()
