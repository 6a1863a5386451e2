#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  the tables below read best unwrapped
"""Writes docs/formats.md: what each format decodes and encodes, from trying it.

usage: python python/tests/golden/make_matrix.py [--check]     --check: fail if the file is out of date
"""

import io
import pathlib
import sys
import warnings

import imagecodecs
import numpy as np
import tifffile
from PIL import Image as Pillow

import restride

ROOT = pathlib.Path(__file__).resolve().parents[3]
UNCHANGED = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)


def scene(channels, dtype):
    y, x = np.mgrid[:40, :56]
    planes = np.stack([(x * (c + 3) + y * (5 - c)) % 256 for c in range(channels)], -1) / 255
    out = (planes * (np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1)).astype(dtype)
    return out if channels > 1 else out[..., 0]


def pillow(mode, fmt, **options):
    out = io.BytesIO()
    Pillow.fromarray(scene(4, np.uint8)).convert(mode).save(out, fmt, **options)
    return out.getvalue()


def tiff(channels=3, dtype=np.uint8, **options):
    out = io.BytesIO()
    photometric = {1: "minisblack", 3: "rgb", 4: "rgb"}[channels]
    tifffile.imwrite(out, scene(channels, dtype), **{"photometric": photometric, **options})
    return out.getvalue()


def works(make):
    try:
        data = make()
    except Exception as error:  # noqa: BLE001
        raise SystemExit(f"an input could not be made: {error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return restride.Decoder().decode(data, params=UNCHANGED) is not None


def encodes(source, codec, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return restride.Encoder().encode(source, codec, params=restride.EncodeParams(**params)) is not None


def jpeg2k(**options):
    return restride.Jpeg2kEncodeParams(**options)


LOSSLESS = restride.QualityType.LOSSLESS
DECODE = {
    "JPEG": {
        "baseline, gray / 4:4:4 / 4:2:2 / 4:2:0": lambda: [pillow("L", "JPEG")] + [pillow("RGB", "JPEG", subsampling=s) for s in range(3)],
        "progressive, restart intervals": lambda: [pillow("RGB", "JPEG", progressive=True), pillow("RGB", "JPEG", restart_marker_rows=1)],
        "CMYK": lambda: [pillow("CMYK", "JPEG")],
        "lossless, 2 to 16 bits": lambda: [imagecodecs.ljpeg_encode(scene(1, np.uint8))],
        "12 bits (needs libjpeg-turbo 3)": lambda: [imagecodecs.jpeg8_encode(scene(1, np.uint16) >> 4, bitspersample=12)],
    },
    "JPEG 2000": {
        "lossless, lossy, tiles, 1 to 4 channels": lambda: [pillow("RGB", "JPEG2000", irreversible=i, tile_size=(24, 24)) for i in (0, 1)] + [pillow("RGBA", "JPEG2000"), pillow("L", "JPEG2000")],
        "1 to 16 bits": lambda: [imagecodecs.jpeg2k_encode(scene(1, np.uint16) >> (16 - b), bitspersample=b, level=0, reversible=True) for b in (9, 12, 16)],
        "HTJ2K": lambda: [imagecodecs.htj2k_encode(scene(3, np.uint8), reversible=r) for r in (True, False)],
    },
    "TIFF": {
        "none, PackBits, LZW, Deflate": lambda: [tiff(compression=c) for c in (None, "packbits", "lzw", "zlib")],
        "JPEG, ZSTD, LERC": lambda: [tiff(compression=c, tile=(16, 16)) for c in ("jpeg", "zstd", "lerc")],
        "predictors 2 and 3": lambda: [tiff(compression="zlib", predictor=True), tiff(compression="zlib", predictor=True, dtype=np.float32)],
        "8, 16, 32 bits, float16/32/64, signed": lambda: [tiff(dtype=d) for d in (np.uint8, np.uint16, np.uint32, np.int16, np.float16, np.float32, np.float64)],
        "tiles, planes, big-endian, BigTIFF": lambda: [tiff(tile=(16, 16)), tiff(byteorder=">"), tiff(bigtiff=True)],
        "palette, bilevel, alpha, CMYK": lambda: [pillow("P", "TIFF"), pillow("1", "TIFF"), pillow("RGBA", "TIFF"), pillow("CMYK", "TIFF")],
        "CCITT groups 3 and 4": lambda: [pillow("1", "TIFF", compression="group3"), pillow("1", "TIFF", compression="group4")],
    },
    "PNG": {
        "all colour types": lambda: [pillow(m, "PNG") for m in ("1", "L", "LA", "P", "RGB", "RGBA")],
        "16 bits": lambda: [imagecodecs.png_encode(scene(3, np.uint16))],
    },
    "WebP": {
        "lossy, lossless, alpha": lambda: [pillow("RGBA", "WEBP"), pillow("RGBA", "WEBP", lossless=True), pillow("RGB", "WEBP")],
        "animated: the first frame": lambda: [pillow("RGB", "WEBP", save_all=True, append_images=[Pillow.new("RGB", (56, 40))])],
    },
    "BMP": {"1, 4, 8, 24, 32 bits, RLE": lambda: [pillow(m, "BMP") for m in ("1", "L", "P", "RGB", "RGBA")]},
    "PNM": {"P4, P5, P6": lambda: [pillow(m, "PPM") for m in ("1", "L", "RGB")]},
}
U8, U16 = scene(3, np.uint8), scene(3, np.uint16)
ENCODE = {
    "JPEG": {
        "quality, 4:4:4 to 4:1:0, gray": lambda: all(encodes(U8, "jpeg", chroma_subsampling=c) for c in (0, 2, 3, 4, 5, 6, 7)),
        "progressive, optimised Huffman": lambda: encodes(U8, "jpeg", jpeg_encode_params=restride.JpegEncodeParams(True, True)),
    },
    "JPEG 2000": {
        "lossless, PSNR, quality, size ratio": lambda: all(encodes(U8, "jpeg2k", quality_type=t, quality_value=v) for t, v in ((1, 0), (4, 40), (2, 80), (5, 0.3))),
        "uint16, tiles, J2K": lambda: encodes(U16, "jpeg2k", tile_width=16, tile_height=16, jpeg2k_encode_params=jpeg2k(bitstream_type=restride.J2K)),
        "HTJ2K: lossless, PSNR, quality, quantisation step": lambda: all(encodes(U8, "jpeg2k", quality_type=t, quality_value=v, jpeg2k_encode_params=jpeg2k(ht=True)) for t, v in ((1, 0), (4, 40), (2, 80), (3, 0.01))),
    },
    "TIFF": {"none, LZW, Deflate; tiles; any depth": lambda: all(encodes(s, "tiff", tiff_compression=c) for s in (U8, U16, scene(3, np.float32)) for c in ("none", "lzw", "deflate"))},
    "PNG": {"levels 0 to 9, 8 and 16 bits, alpha": lambda: all(encodes(s, "png", quality_type=LOSSLESS, quality_value=v) for s in (U8, U16, scene(4, np.uint8)) for v in (0, 1, 6, 9))},
    "WebP": {"quality, lossless, alpha": lambda: encodes(scene(4, np.uint8), "webp") and encodes(U8, "webp", quality_type=LOSSLESS)},
    "BMP": {"gray, RGB, RGBA": lambda: all(encodes(scene(c, np.uint8), "bmp") for c in (1, 3, 4))},
    "PNM": {"P5, P6, P7, PFM, 16 bits": lambda: all(encodes(s, "pnm") for s in (U8, U16, scene(4, np.uint8), scene(3, np.float32)))},
}  # fmt: skip

INTRO = """# Formats

What this build decodes and encodes on the CPU, written by `python/tests/golden/make_matrix.py` from trying it. Regions equal the crop
of the whole picture for every row.

"""

RULES = """
## How samples are converted

- Depth: integers of p bits to q bits by round(v (2^q - 1) / (2^p - 1)); signed integers are first moved up by 2^(p-1); floats are taken as 0
  to 1 and clamped. `allow_any_depth=True` keeps the stored type, values and precision.
- Gray from RGB: BT.601 as libjpeg rounds it. SYCC: JFIF full-range BT.601.
- CMYK (inverted, as Adobe stores it): R = C K / 255. Alpha is dropped for SRGB and GRAY, kept for UNCHANGED.
- Palettes are expanded. Gamma is not applied. ICC profiles are, on request: `DecodeParams(color_managed=True)` gives sRGB (or gray or
  SYCC made of it) by Little CMS with the perceptual intent, for RGB, gray and CMYK of 8 or 16 bits, alpha untouched. A picture without a
  profile counts as sRGB; a profile that is damaged, or for other colours than the picture's, is an error. The CPU does it, for device
  images too; transforms are kept by profile, the last 16.
- EXIF orientation is applied unless `apply_exif_orientation=False`; regions are then in displayed coordinates.
"""


def main():
    lines = [INTRO, "| format | decodes | | encodes | |\n| --- | --- | --- | --- | --- |\n"]
    for name in DECODE:
        left = [(what, all(works(lambda d=d: d) for d in make())) for what, make in DECODE[name].items()]
        right = [(what, bool(try_it())) for what, try_it in ENCODE[name].items()]
        for i in range(max(len(left), len(right))):
            a = left[i] if i < len(left) else ("", None)
            b = right[i] if i < len(right) else ("", None)
            mark = {True: "yes", False: "no", None: ""}
            lines.append(f"| {name if i == 0 else ''} | {a[0]} | {mark[a[1]]} | {b[0]} | {mark[b[1]]} |\n")
    lines.append(RULES)
    text = "".join(lines)
    target = ROOT / "docs" / "formats.md"
    if "--check" in sys.argv:
        if not target.exists() or target.read_text() != text:
            raise SystemExit("docs/formats.md is out of date: run python/tests/golden/make_matrix.py")
        return
    target.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
