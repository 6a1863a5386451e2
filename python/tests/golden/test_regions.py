# SPDX-License-Identifier: Apache-2.0
"""A region's pixels equal the crop of the whole picture, bit for bit, for every format; outside is the fill value."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import restride
from test_generated import pillow_bytes, scene

SOURCE = scene(203, 311)


def tiff(**options):
    out = io.BytesIO()
    tifffile.imwrite(out, SOURCE, photometric="rgb", **options)
    return out.getvalue()


def jpeg(**options):
    return pillow_bytes(Pillow.fromarray(SOURCE), "JPEG", quality=90, **options)


def jpeg_with_factors(h, v):
    encoder = restride.Encoder(on_error="raise")
    css = {(4, 1): restride.CSS_411, (4, 2): restride.CSS_410, (1, 2): restride.CSS_440, (2, 4): restride.CSS_410V}[h, v]
    return bytes(encoder.encode(SOURCE, "jpeg", params=restride.EncodeParams(restride.QualityType.QUALITY, 90, chroma_subsampling=css)))


def jp2(**options):
    return pillow_bytes(Pillow.fromarray(SOURCE), "JPEG2000", **options)


STREAMS = {
    "jpeg 444": lambda: jpeg(subsampling=0),
    "jpeg 422": lambda: jpeg(subsampling=1),
    "jpeg 420": lambda: jpeg(subsampling=2),
    "jpeg 420 progressive": lambda: jpeg(subsampling=2, progressive=True),
    "jpeg 420 restarts": lambda: jpeg(subsampling=2, restart_marker_rows=1),
    "jpeg 411": lambda: jpeg_with_factors(4, 1),
    "jpeg 410": lambda: jpeg_with_factors(4, 2),
    "jpeg 440": lambda: jpeg_with_factors(1, 2),
    "jpeg 410v": lambda: jpeg_with_factors(2, 4),
    "jpeg gray": lambda: pillow_bytes(Pillow.fromarray(SOURCE[..., 0]), "JPEG"),
    "png": lambda: pillow_bytes(Pillow.fromarray(SOURCE), "PNG"),
    "png palette": lambda: pillow_bytes(Pillow.fromarray(SOURCE).convert("P"), "PNG"),
    "webp": lambda: pillow_bytes(Pillow.fromarray(SOURCE), "WEBP", quality=80),
    "webp lossless": lambda: pillow_bytes(Pillow.fromarray(SOURCE), "WEBP", lossless=True),
    "bmp": lambda: pillow_bytes(Pillow.fromarray(SOURCE), "BMP"),
    "pnm": lambda: pillow_bytes(Pillow.fromarray(SOURCE), "PPM"),
    "tiff strips": lambda: tiff(rowsperstrip=10),
    "tiff lzw predictor": lambda: tiff(rowsperstrip=10, compression="lzw", predictor=True),
    "tiff tiles deflate": lambda: tiff(tile=(64, 80), compression="zlib", predictor=True),
    "tiff tiles jpeg": lambda: tiff(tile=(64, 80), compression="jpeg"),
    "tiff planes": lambda: imagecodecs.tiff_encode(SOURCE, photometric="rgb", planarconfig="contig"),
    "jp2 lossless": lambda: jp2(irreversible=False),
    "jp2 lossy": lambda: jp2(irreversible=True, quality_mode="rates", quality_layers=[12]),
    "jp2 lossy tiles": lambda: jp2(irreversible=True, quality_mode="rates", quality_layers=[12], tile_size=(64, 64)),
    "jp2 lossless tiles": lambda: jp2(irreversible=False, tile_size=(50, 70)),
    "htj2k": lambda: imagecodecs.htj2k_encode(SOURCE, reversible=True),
    "htj2k lossy": lambda: imagecodecs.htj2k_encode(SOURCE, reversible=False),
}


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder(on_error="raise")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("options", ["", ":fancy_upsampling=0"])
def test_region_is_the_crop(name, options):
    if options and not name.startswith("jpeg"):
        pytest.skip("only JPEG has this option")
    decoder = restride.Decoder(options=options, on_error="raise")
    stream = restride.CodeStream(STREAMS[name]())
    whole = np.asarray(decoder.decode(stream))
    rng = np.random.default_rng(5)
    h, w = whole.shape[:2]
    rects = [(0, 0, 1, 1), (h - 1, w - 1, h, w), (0, 0, h, w), (0, w // 2, h, w), (h // 2, 0, h, w)]
    for _ in range(25 if name.startswith(("jp2", "ht")) else 80):
        y0, x0 = int(rng.integers(0, h)), int(rng.integers(0, w))
        rects.append((y0, x0, int(rng.integers(y0 + 1, h + 1)), int(rng.integers(x0 + 1, w + 1))))
    subs = [stream.get_sub_code_stream(region=restride.Region(*r)) for r in rects]
    for (y0, x0, y1, x1), image in zip(rects, decoder.decode(subs)):
        assert (np.asarray(image) == whole[y0:y1, x0:x1]).all(), (y0, x0, y1, x1)


@pytest.mark.parametrize("name", ["jpeg 420", "png", "bmp", "pnm", "webp", "tiff tiles deflate", "jp2 lossless"])
def test_outside_is_filled(decoder, name):
    stream = restride.CodeStream(STREAMS[name]())
    whole = np.asarray(decoder.decode(stream))
    h, w = whole.shape[:2]
    canvas = np.empty((h + 60, w + 80, 3), np.uint8)
    canvas[:] = (10, 125, 255)
    canvas[20 : 20 + h, 50 : 50 + w] = whole
    for y0, x0, y1, x1 in [(-20, -50, h + 40, w + 30), (-5, 10, 30, 40), (10, -7, 30, 40), (h - 3, 5, h + 9, 20), (5, w - 3, 20, w + 9),
                           (-20, -50, -1, -1), (h, w, h + 10, w + 10)]:  # fmt: skip
        region = restride.Region([y0, x0], [y1, x1], [10, 125, 255])
        got = np.asarray(decoder.decode(stream.get_sub_code_stream(region=region)))
        assert (got == canvas[20 + y0 : 20 + y1, 50 + x0 : 50 + x1]).all(), (y0, x0, y1, x1)
