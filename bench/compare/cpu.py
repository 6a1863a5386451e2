#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E402 - the environment is set before the libraries are loaded
"""Restride against the libraries of PyPI on the CPU: the same work, round-robin in one process, results compared.

usage: cpu.py OUT.json [--only TEXT] [--reps N]      with --only, the other cases of an OUT.json that is there stay in it
       cpu.py --quick       a dozen cases in under three minutes; exit status 1 if one of them is more than 5 % behind
Needs restride, NumPy, OpenCV, Pillow and scikit-learn (for its photographs). The libraries of bench/requirements.txt take part
where they are installed. Prints a line a case; writes seconds a call (median, minimum, maximum): CPU time of all threads of the
process, or, where several threads share the work, the clock on the wall; bytes of what was encoded; and the largest difference
of a sample from the reference. bench/report.py makes tables and the page from the file.

Decoders get bytes and parse them in every call; those that can, write into memory that they were given. Restride is driven
the same way: bytes in, an array that is kept.
"""

from __future__ import annotations

import os

os.environ |= {"VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "ERROR"}

import argparse
import datetime
import functools
import importlib
import importlib.metadata
import io
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from pictures import scene
from PIL import Image

import restride


def optional(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


imagecodecs, kornia, nvimgcodec, pyvips, simplejpeg, tifffile = (
    optional(name) for name in ("imagecodecs", "kornia_rs", "nvidia.nvimgcodec", "pyvips", "simplejpeg", "tifffile"))  # fmt: skip
turbojpeg = optional("turbojpeg")
TURBOJPEG = None
if turbojpeg:
    try:
        TURBOJPEG = turbojpeg.TurboJPEG()
    except RuntimeError:  # the package is there, libturbojpeg is not
        turbojpeg = None
PACKAGES = {"restride": restride, "simplejpeg": simplejpeg, "PyTurboJPEG": turbojpeg, "imagecodecs": imagecodecs,
            "opencv-python-headless": cv2, "pillow": Image, "tifffile": tifffile, "pyvips-binary": pyvips, "kornia-rs": kornia,
            "nvidia-nvimgcodec-cu13": nvimgcodec}  # fmt: skip
SMALLEST_SAMPLE = 0.02  # seconds of work in one measurement
SIZES = {"64x64": (64, 64), "224x224": (224, 224), "640x480": (480, 640), "1920x1280": (1280, 1920), "5000x4000": (4000, 5000)}
SLACK = 0.05  # how far --quick lets us be behind
CASES = {}
cv2.setNumThreads(1)
Image.MAX_IMAGE_PIXELS = None


@functools.cache
def picture(size):
    return scene(*SIZES[size], seed=0)


@functools.cache
def output(shape):
    """The memory that all libraries decode into: how fast a copy is depends on where it goes."""
    return np.empty(shape, np.uint8)


class Codec:
    """Restride, or nvImageCodec, whose API is the same: results in memory that is kept."""

    def __init__(self, module, threads=1):
        options = {"max_num_cpu_threads": threads, "backends": [module.Backend(module.BackendKind.CPU_ONLY)],
                   "device_id": getattr(module, "NVIMGCODEC_DEVICE_CPU_ONLY", -1)}  # fmt: skip
        self.module, self.decoder, self.encoder = module, module.Decoder(**options), module.Encoder(**options)

    def decode(self, data, gray):
        params = self.module.DecodeParams(color_spec=self.module.ColorSpec.GRAY if gray else self.module.ColorSpec.SRGB)
        kept = self.decoder.decode(data, params=params)
        if kept is None:
            return None
        out = output(np.asarray(kept).shape)
        image = self.module.as_image(out)

        def run():
            self.decoder.decode(data, image=image, params=params)
            return out

        return run

    def decode_all(self, files, shape):
        """A batch of pictures of one shape into one array."""
        out = output((len(files), *shape))
        images = [self.module.as_image(place) for place in out]

        def run():
            self.decoder.decode(files, images=images)
            return out[-1]

        return run

    def region(self, data, y, x, size):
        """First a region of new bytes, then one of a stream that was looked at before."""
        out = output((size, size, 3))
        image = self.module.as_image(out)
        where = self.module.Region(y, x, y + size, x + size)

        def view(stream):
            self.decoder.decode(stream.get_sub_code_stream(0, where), image=image)
            return out

        known = self.module.CodeStream(data)
        return (lambda: view(self.module.CodeStream(data))), (lambda: view(known))

    def encode(self, pixels, codec, quality=None, value=0, **options):
        module = self.module
        if "chroma_subsampling" in options:
            options["chroma_subsampling"] = getattr(module.ChromaSubsampling, options["chroma_subsampling"])
        if quality is not None:
            options |= {"quality_type": getattr(module.QualityType, quality), "quality_value": value}
        params = module.EncodeParams(**options)
        kept = self.encoder.encode(pixels, codec, params=params)
        if kept is None:
            return None
        return lambda: self.encoder.encode(pixels, codec, params=params, code_stream_s=kept)


OURS, OURS_2 = Codec(restride), Codec(restride, 2)
NVIDIA, NVIDIA_2 = (nvimgcodec and Codec(nvimgcodec), nvimgcodec and Codec(nvimgcodec, 2))


def saved(pixels, kind, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def tiff(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, photometric="rgb", **options)
    return out.getvalue()


def into(decode, data, shape, **options):
    """`decode` with an out= that is used again."""
    out = output(shape)
    return lambda: decode(data, out=out, **options)


def simplejpeg_into(data, shape):
    out = output((*shape[:2], 3 if len(shape) == 3 else 1))
    colour = "RGB" if len(shape) == 3 else "GRAY"

    def run():
        simplejpeg.decode_jpeg(data, colour, buffer=out)
        return out

    return run


def decoders(kind, data, shape):
    """{library: function that decodes}, restride last."""
    gray, array = len(shape) == 2, np.frombuffer(data, np.uint8)
    found = {"Pillow": lambda: np.asarray(Image.open(io.BytesIO(data)))}
    if kind != "htj2k":  # OpenCV's OpenJPEG is not asked for it
        found["OpenCV"] = lambda: cv2.imdecode(array, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB)
    else:
        del found["Pillow"]
    if pyvips and kind in ("jpeg", "png", "webp", "tiff"):  # its wheel reads no others
        found["pyvips"] = lambda: pyvips.Image.new_from_buffer(data, "", access="sequential").numpy()
    if simplejpeg and kind == "jpeg":
        found["simplejpeg"] = simplejpeg_into(data, shape)
    if turbojpeg and kind == "jpeg" and not gray:
        kept = output(shape)
        found["PyTurboJPEG"] = lambda: TURBOJPEG.decode(data, pixel_format=turbojpeg.TJPF_RGB, dst=kept)
    if imagecodecs:
        names = {"jpeg": ["jpeg8"], "png": ["png", "spng"], "jpeg2k": ["jpeg2k"], "pnm": []}.get(kind, [kind])
        options = {"jpeg2k": {"numthreads": 1}}.get(kind, {})
        for name in names:
            found[f"imagecodecs {name}"] = into(getattr(imagecodecs, f"{name}_decode"), data, shape, **options)
    if tifffile and kind == "tiff":
        out = output(shape)
        found["tifffile"] = lambda: tifffile.imread(io.BytesIO(data), out=out, maxworkers=1)
    if kornia and kind == "png":
        found["kornia-rs"] = lambda: np.asarray(kornia.io.decode_image_png_u8(data, shape[:2], "rgb"))
    if kornia and kind == "jpeg" and not gray:
        decoder = kornia.io.ImageDecoder()
        found["kornia-rs"] = lambda: np.asarray(decoder.decode(data))
    if NVIDIA:
        found["nvImageCodec"] = NVIDIA.decode(data, gray)
    return found | {"restride": OURS.decode(data, gray)}


def two_threads(kind, name, size, make, exact=False):
    """One picture, all that two threads can do for it; peers that have no threads use one."""

    def start():
        pixels = picture(size)
        data = make(pixels)
        found = decoders(kind, data, pixels.shape)
        if kind == "jpeg2k":
            del found["imagecodecs jpeg2k"]
            found["imagecodecs jpeg2k, 2 threads"] = into(imagecodecs.jpeg2k_decode, data, pixels.shape, numthreads=2)
        if "tifffile" in found:
            out = output(pixels.shape)
            found["tifffile"] = lambda: tifffile.imread(io.BytesIO(data), out=out, maxworkers=2)
        if NVIDIA_2:
            found["nvImageCodec"] = NVIDIA_2.decode(data, False)
        return found | {"restride": OURS_2.decode(data, False)}, pixels if exact else None

    CASES[f"{name} decode on 2 threads, {size}"] = (SIZES[size], start, "wall")


def batch_case(size, count):
    """Different JPEG files at once on two threads: the calls' own, or a pool's."""

    def start():
        height, width = SIZES[size]
        files = [saved(scene(height, width, seed), "JPEG", quality=90, subsampling=2) for seed in range(count)]
        pool = ThreadPoolExecutor(2)
        out = output((count, height, width, 3))

        def spread(decode):
            def run():
                list(pool.map(decode, range(count)))
                return out[-1]

            return run

        def by_opencv(i):
            out[i] = cv2.imdecode(np.frombuffer(files[i], np.uint8), cv2.IMREAD_COLOR_RGB)

        found = {"OpenCV": spread(by_opencv)}
        if simplejpeg:
            found["simplejpeg"] = spread(lambda i: simplejpeg.decode_jpeg(files[i], "RGB", buffer=out[i]))
        if imagecodecs:
            found["imagecodecs jpeg8"] = spread(lambda i: imagecodecs.jpeg8_decode(files[i], out=out[i]))
        if NVIDIA_2:
            found["nvImageCodec"] = NVIDIA_2.decode_all(files, out.shape[1:])
        return found | {"restride": OURS_2.decode_all(files, out.shape[1:])}, None

    height, width = SIZES[size]
    CASES[f"JPEG batch of {count} decode on 2 threads, {size}"] = ((height * count, width), start, "wall")


def region_case(kind, name, make, again):
    """256x256 at the centre of a large picture; libraries without regions decode it all."""
    size, top, left = 256, 1872, 2372

    def start():
        pixels = picture("5000x4000")
        data = make(pixels)
        array = np.frombuffer(data, np.uint8)
        crop = (slice(top, top + size), slice(left, left + size))
        found = {"OpenCV": lambda: cv2.imdecode(array, cv2.IMREAD_COLOR_RGB)[crop]}
        if kind == "jpeg" and simplejpeg:
            whole = simplejpeg_into(data, pixels.shape)
            found["simplejpeg"] = lambda: whole()[crop]
        if kind == "tiff" and imagecodecs:
            everything = into(imagecodecs.tiff_decode, data, pixels.shape)
            found["imagecodecs tiff"] = lambda: everything()[crop]
        if pyvips:
            found["pyvips"] = lambda: pyvips.Image.new_from_buffer(data, "").crop(left, top, size, size).numpy()
        if NVIDIA:
            found["nvImageCodec"] = NVIDIA.region(data, top, left, size)[again]
        return found | {"restride": OURS.region(data, top, left, size)[again]}, None

    CASES[f"{name} {'later' if again else 'first'} region 256x256 of 5000x4000"] = ((size, size), start, "cpu")


def decode_case(kind, name, size, make, exact=False, gray=False):
    """exact: the file keeps the picture's samples; the reference is the picture, else what OpenCV or imagecodecs makes of it."""

    def start():
        pixels = picture(size)
        if gray:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        return decoders(kind, make(pixels), pixels.shape), pixels if exact else None

    CASES[f"{name} decode, {size}"] = (SIZES[size], start, "cpu")


def encode_case(name, size, peers, codec, exact, **params):
    """peers(RGB, BGR): {library: function that encodes}."""

    def start():
        pixels = picture(size)
        found = peers(pixels, np.ascontiguousarray(pixels[..., ::-1]))
        # nvImageCodec has no quality types for PNG, and TIFF compression by quality only
        if NVIDIA and not exact:
            found["nvImageCodec"] = NVIDIA.encode(pixels, codec, **params)
        return found | {"restride": OURS.encode(pixels, codec, **params)}, pixels if exact else None

    CASES[f"{name} encode, {size}"] = (SIZES[size], start, "cpu")


for each in SIZES:
    decode_case("jpeg", "JPEG 4:2:0 q90", each, lambda p: saved(p, "JPEG", quality=90, subsampling=2))
decode_case("jpeg", "JPEG 4:4:4 q90", "1920x1280", lambda p: saved(p, "JPEG", quality=90, subsampling=0))
decode_case("jpeg", "JPEG gray q90", "1920x1280", lambda p: saved(p, "JPEG", quality=90), gray=True)
decode_case("jpeg", "JPEG 4:2:0 q90 progressive", "1920x1280", lambda p: saved(p, "JPEG", quality=90, subsampling=2, progressive=True))
for each in ("640x480", "1920x1280", "5000x4000"):
    decode_case("png", "PNG level 6", each, lambda p: saved(p, "PNG"), exact=True)
decode_case("png", "PNG level 1", "1920x1280", lambda p: saved(p, "PNG", compress_level=1), exact=True)
for each in ("640x480", "1920x1280", "5000x4000"):
    decode_case("bmp", "BMP", each, lambda p: saved(p, "BMP"), exact=True)
for each in ("640x480", "1920x1280"):
    decode_case("pnm", "PPM", each, lambda p: saved(p, "PPM"), exact=True)
    decode_case("webp", "WebP q90", each, lambda p: saved(p, "WEBP", quality=90))
decode_case("webp", "WebP lossless", "1920x1280", lambda p: saved(p, "WEBP", lossless=True), exact=True)
if tifffile:
    TILES = {"tile": (256, 256)}
    STRIPS = {"rowsperstrip": 64}
    DEFLATE = {"compression": "zlib", "predictor": True}
    for text, options in (("none, strips", STRIPS), ("none, tiles", TILES), ("LZW, strips", STRIPS | {"compression": "lzw"}),
                          ("LZW + predictor, strips", STRIPS | {"compression": "lzw", "predictor": True}),
                          ("Deflate + predictor, strips", STRIPS | DEFLATE), ("Deflate + predictor, tiles", TILES | DEFLATE)):  # fmt: skip
        decode_case("tiff", f"TIFF {text}", "1920x1280", lambda p, o=options: tiff(p, **o), exact=True)
    decode_case("tiff", "TIFF Deflate + predictor, tiles", "5000x4000", lambda p: tiff(p, **TILES, **DEFLATE), exact=True)
if imagecodecs:
    decode_case("jpeg2k", "JPEG 2000 lossless", "1920x1280",
                lambda p: imagecodecs.jpeg2k_encode(p, codecformat="jp2", reversible=True), exact=True)  # fmt: skip
    decode_case("jpeg2k", "JPEG 2000 9/7 PSNR 40", "1920x1280",
                lambda p: imagecodecs.jpeg2k_encode(p, level=40, codecformat="jp2", reversible=False))  # fmt: skip
    for each in ("640x480", "1920x1280"):
        decode_case("htj2k", "HTJ2K lossless", each, lambda p: bytes(imagecodecs.htj2k_encode(p, reversible=True)), exact=True)


two_threads("jpeg", "JPEG 4:2:0 q90", "5000x4000", lambda p: saved(p, "JPEG", quality=90, subsampling=2))
for each, many in (("640x480", 64), ("1920x1280", 16)):
    batch_case(each, many)
for later in (False, True):
    region_case("jpeg", "JPEG", lambda p: saved(p, "JPEG", quality=90, subsampling=2), later)
if tifffile:
    two_threads("tiff", "TIFF Deflate + predictor, tiles", "5000x4000", lambda p: tiff(p, **TILES, **DEFLATE), exact=True)
    region_case("tiff", "TIFF Deflate tiles", lambda p: tiff(p, **TILES, **DEFLATE), False)
if imagecodecs:
    two_threads("jpeg2k", "JPEG 2000 lossless", "1920x1280",
                lambda p: imagecodecs.jpeg2k_encode(p, codecformat="jp2", reversible=True), exact=True)  # fmt: skip


def written_by(name, *options, **values):
    """imagecodecs' encoder of that name, into a buffer that is kept; nothing where imagecodecs is not there."""

    def of(pixels):
        out = bytearray(2 * pixels.size + 4096)
        return {f"imagecodecs {name}": lambda: getattr(imagecodecs, f"{name}_encode")(pixels, *options, out=out, **values)}

    return of if imagecodecs else lambda pixels: {}


def jpeg_encoders(rgb, bgr):
    found = {"Pillow": lambda: saved(rgb, "JPEG", quality=90, subsampling=2)}
    flags = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    found["OpenCV"] = lambda: cv2.imencode(".jpg", bgr, flags)[1]
    if simplejpeg:
        found["simplejpeg"] = lambda: simplejpeg.encode_jpeg(rgb, 90, "RGB", "420", fastdct=False)
    if kornia:
        found["kornia-rs"] = lambda: kornia.io.encode_image_jpegturbo(rgb, 90, "4:2:0")
    return found | written_by("jpeg8", level=90, subsampling="420")(rgb)


def png_encoders(level):
    def of(rgb, bgr):
        found = {"Pillow": lambda: saved(rgb, "PNG", compress_level=level)}
        flags = [cv2.IMWRITE_PNG_COMPRESSION, level] if level > 1 else []  # its default is its fast one
        found["OpenCV"] = lambda: cv2.imencode(".png", bgr, flags)[1]
        found |= written_by("spng", level=level)(rgb)
        return found | (written_by("png", level=1, strategy=3, filter=16) if level == 1 else written_by("png", level=level))(rgb)

    return of


def raw_encoders(kind, extension):
    def of(rgb, bgr):
        found = {"Pillow": lambda: saved(rgb, kind), "OpenCV": lambda: cv2.imencode(extension, bgr)[1]}
        return found | (written_by("bmp")(rgb) if kind == "BMP" else {})

    return of


def webp_encoders(rgb, bgr):
    found = {"Pillow": lambda: saved(rgb, "WEBP", quality=90)}
    found["OpenCV"] = lambda: cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, 90])[1]
    return found | written_by("webp", level=90, lossless=False)(rgb)


def tiff_encoders(compression):
    pillow = {None: None, "lzw": "tiff_lzw", "zlib": "tiff_adobe_deflate"}[compression]
    number = {None: 1, "lzw": 5, "zlib": 8}[compression]  # Compression tag

    def of(rgb, bgr):
        found = {"Pillow": lambda: saved(rgb, "TIFF", compression=pillow)}
        flags = [cv2.IMWRITE_TIFF_COMPRESSION, number]
        found["OpenCV"] = lambda: cv2.imencode(".tiff", bgr, flags)[1]
        if tifffile:
            options = {"compression": compression, "predictor": True} if compression else {}
            found["tifffile"] = lambda: tiff(rgb, rowsperstrip=64, maxworkers=1, **options)
        return found

    return of


for each in ("64x64", "640x480", "1920x1280", "5000x4000"):
    encode_case("JPEG 4:2:0 q90", each, jpeg_encoders, "jpeg", False, quality="QUALITY", value=90, chroma_subsampling="CSS_420")
for each in ("640x480", "1920x1280"):
    encode_case("PNG fast", each, png_encoders(1), "png", True)
encode_case("PNG level 6", "1920x1280", png_encoders(6), "png", True, quality="LOSSLESS", value=6)
encode_case("BMP", "1920x1280", raw_encoders("BMP", ".bmp"), "bmp", True)
encode_case("PPM", "1920x1280", raw_encoders("PPM", ".ppm"), "pnm", True)
encode_case("WebP q90", "1920x1280", webp_encoders, "webp", False, quality="QUALITY", value=90)
for text, theirs in (("none", None), ("lzw", "lzw"), ("deflate", "zlib")):
    encode_case(f"TIFF {text}", "1920x1280", tiff_encoders(theirs), "tiff", True, tiff_compression=text)


def samples(result):
    """The pixels of what a decoder or an encoder gave, and the bytes of a file."""
    if isinstance(result, np.ndarray) and (result.ndim == 3 or (result.ndim == 2 and min(result.shape) > 1)):
        return result.reshape(result.shape[:2]) if result.shape[2:] == (1,) else result, None
    data = np.frombuffer(bytes(result), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), len(data)


def prepare(name, run, reference):
    """Calls it twice: (largest difference, bytes, calls in one measurement)."""
    pixels, size = samples(run())
    if pixels.shape != reference.shape:
        raise ValueError(f"{name} gives {pixels.shape}")
    difference = int(np.abs(pixels.astype(np.int16) - reference).max())
    begin = time.perf_counter()
    run()
    return difference, size, max(1, min(2000, int(SMALLEST_SAMPLE / (time.perf_counter() - begin))))


def measure(libraries, reference, clock, reps):
    """{library: {"median", "min", "max", "cpu", "wall", "runs", "difference", "bytes"} or {"error"}}; the first three by `clock`"""
    rows, ready = {}, {}
    if reference is None:
        peer = next(n for n in ("OpenCV", "imagecodecs jpeg2k") if n in libraries)
        reference = samples(libraries[peer]())[0].copy()
    for name, run in libraries.items():
        try:
            difference, size, calls = prepare(name, run, reference)
        except Exception as error:  # a library that cannot do the case leaves it to the others
            rows[name] = {"error": f"{type(error).__name__}: {error}"[:160]}
            continue
        rows[name] = {"difference": difference} | ({"bytes": size} if size else {})
        ready[name] = (run, calls, [], [])
    for k in range(reps):
        names = list(ready)
        for name in names[k % len(names) :] + names[: k % len(names)]:
            run, calls, cpu, wall = ready[name]
            begin, begin_wall = time.process_time(), time.perf_counter()
            for _ in range(calls):
                run()
            cpu.append((time.process_time() - begin) / calls)
            wall.append((time.perf_counter() - begin_wall) / calls)
    for name, (_, _, cpu, wall) in ready.items():
        times = wall if clock == "wall" else cpu
        rows[name] |= {"median": statistics.median(times), "min": min(times), "max": max(times), "cpu": statistics.median(cpu),
                       "wall": statistics.median(wall), "runs": reps}  # fmt: skip
    return rows


# What --quick looks at: cases in which we are level or ahead. Known losses are in docs/performance/cpu.md.
QUICK = ("JPEG 4:2:0 q90 decode, 64x64", "JPEG 4:2:0 q90 decode, 640x480", "JPEG 4:2:0 q90 decode, 1920x1280",
         "JPEG 4:2:0 q90 encode, 1920x1280", "PNG level 6 decode, 1920x1280", "PNG fast encode, 640x480", "BMP decode, 1920x1280",
         "BMP encode, 1920x1280", "PPM decode, 1920x1280", "TIFF none, strips decode, 1920x1280",
         "TIFF LZW + predictor, strips decode, 1920x1280", "WebP q90 decode, 640x480")  # fmt: skip


def quick():
    """The names of the cases in which we stay behind the best peer, also when they are measured once more."""
    behind = []
    for name in QUICK:
        _, start, clock = CASES[name]
        for attempt in range(2):
            measured = measure(*start(), clock, 9)
            mine = measured.pop("restride")
            if "error" in mine:
                raise SystemExit(f"{name}: {mine['error']}")
            times = {peer: row["median"] for peer, row in measured.items() if "median" in row}
            best = min(times, key=times.get)
            ratio = times[best] / mine["median"]
            print(f"{name:50s} {ratio:5.2f} times as fast as {best}{' (again)' * attempt}", flush=True)
            if ratio >= 1 - SLACK:
                break
        else:
            behind.append(name)
    return behind


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?")
    parser.add_argument("--only", default="")
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        behind = quick()
        print("\n".join(f"behind the best peer: {name}" for name in behind) or "level with the best peer or ahead everywhere")
        sys.exit(bool(behind))
    if not arguments.out:
        parser.error("OUT.json is missing")
    rows = []
    kept = {}
    if arguments.only and os.path.exists(arguments.out):
        with open(arguments.out) as file:
            kept = {row["case"]: row for row in json.load(file)["rows"]}
    for name, ((height, width), start, clock) in CASES.items():
        if arguments.only not in name:
            rows += [kept[name]] if name in kept else []
            continue
        load = os.getloadavg()[0]
        measured = measure(*start(), clock, arguments.reps)
        rows.append({"case": name, "pixels": height * width, "clock": clock, "load": round(load, 1), "libraries": measured})
        print(name, flush=True)
        for library, row in sorted(measured.items(), key=lambda item: item[1].get("median", 1e9)):
            if "error" in row:
                print(f"    {library:20s} {row['error']}")
                continue
            size = f"  {row['bytes']:9d} bytes" if "bytes" in row else ""
            print(f"    {library:20s} {height * width / row['median'] / 1e6:8.1f} MPix/s  {row['median'] * 1e3:9.3f} ms"
                  f"  wall {row['wall'] * 1e3:9.3f} ms  differ {row['difference']}{size}", flush=True)  # fmt: skip
    with open("/proc/cpuinfo") as file:
        cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    about = {
        "command": " ".join(sys.argv),
        "date": datetime.date.today().isoformat(),
        "cpu": cpu,
        "load": os.getloadavg()[0],
        "versions": {n: importlib.metadata.version(n) if n != "restride" else m.__version__ for n, m in PACKAGES.items() if m},
    }
    with open(arguments.out, "w") as file:
        json.dump({"about": about, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
