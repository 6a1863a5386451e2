# SPDX-License-Identifier: Apache-2.0
"""Pictures written by other libraries, decoded here and by them: lossless formats must agree exactly."""

import io
import warnings

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import restride


def scene(height, width, channels=3, dtype=np.uint8, seed=1):
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    planes = [np.sin(x / (7 + 3 * c)) * 80 + np.cos(y / (5 + 2 * c)) * 40 + 128 + rng.normal(0, 3, x.shape) for c in range(channels)]
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    out = np.clip(np.stack(planes, -1), 0, 255) / 255 * full
    return out.astype(dtype) if channels > 1 else out[..., 0].astype(dtype)


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder(on_error="raise")


def pillow_bytes(image, fmt, **options):
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def rgb(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's advice on palettes with transparency
        return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))


SIZES = [(1, 1), (7, 3), (16, 16), (33, 65), (120, 97)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 3}])
def test_jpeg_is_bit_exact_with_libjpeg_turbo(decoder, size, subsampling, options):
    data = pillow_bytes(Pillow.fromarray(scene(*size)), "JPEG", quality=88, subsampling=subsampling, **options)
    assert (np.asarray(decoder.decode(data)) == rgb(data)).all()


def test_jpeg_gray_and_cmyk(decoder):
    gray = pillow_bytes(Pillow.fromarray(scene(50, 61, 1)), "JPEG")
    params = restride.DecodeParams(color_spec=restride.ColorSpec.GRAY)
    assert (np.asarray(decoder.decode(gray, params=params))[..., 0] == np.asarray(Pillow.open(io.BytesIO(gray)))).all()
    assert (np.asarray(decoder.decode(gray)) == rgb(gray)).all()
    cmyk = pillow_bytes(Pillow.fromarray(scene(50, 61, 4), "CMYK"), "JPEG", quality=95)
    difference = np.abs(np.asarray(decoder.decode(cmyk)).astype(int) - rgb(cmyk))
    assert difference.max() <= 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png(decoder, size, mode):
    if mode == "I;16":
        source = scene(*size, 1, np.uint16)
        data = imagecodecs.png_encode(source)
        params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
        assert (np.asarray(decoder.decode(data, params=params))[..., 0] == source).all()
        return
    image = Pillow.fromarray(scene(*size, 4)).convert(mode)
    data = pillow_bytes(image, "PNG")
    assert (np.asarray(decoder.decode(data)) == rgb(data)).all()
    if mode in ("LA", "RGBA"):
        params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED)
        assert (np.asarray(decoder.decode(data, params=params)) == np.asarray(image)).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_16_bit(decoder, channels):
    source = scene(45, 67, channels, np.uint16)
    data = imagecodecs.png_encode(source)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
    image = decoder.decode(data, params=params)
    assert image.precision == 16
    assert (np.asarray(image).reshape(source.shape) == source).all()


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp(decoder, lossless, mode):
    data = pillow_bytes(Pillow.fromarray(scene(75, 121, 4)).convert(mode), "WEBP", lossless=lossless, quality=85)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED)
    assert (np.asarray(decoder.decode(data, params=params)) == np.asarray(Pillow.open(io.BytesIO(data)))).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp(decoder, mode):
    data = pillow_bytes(Pillow.fromarray(scene(31, 45, 4)).convert(mode), "BMP")
    assert (np.asarray(decoder.decode(data)) == rgb(data)).all()


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_pnm(decoder, mode):
    data = pillow_bytes(Pillow.fromarray(scene(31, 45)).convert(mode), "PPM")
    assert (np.asarray(decoder.decode(data)) == rgb(data)).all()


def test_pnm_16_bit_and_float(decoder):
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
    wide = scene(31, 45, 3, np.uint16)
    data = cv2.imencode(".ppm", wide[..., ::-1])[1].tobytes()
    assert (np.asarray(decoder.decode(data, params=params)) == wide).all()
    floats = scene(31, 45, 3, np.float32)
    data = cv2.imencode(".pfm", floats[..., ::-1])[1].tobytes()
    assert (np.asarray(decoder.decode(data, params=params)) == floats).all()


TIFF_TYPES = [np.uint8, np.uint16, np.uint32, np.int16, np.float32, np.float64, np.float16]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
@pytest.mark.parametrize("layout", [{}, {"tile": (32, 48)}, {"rowsperstrip": 7}, {"planarconfig": "separate"}])
@pytest.mark.parametrize("dtype", TIFF_TYPES)
@pytest.mark.parametrize("predictor", [False, True])
def test_tiff(decoder, byteorder, compression, layout, dtype, predictor):
    if predictor and compression not in ("lzw", "zlib"):
        pytest.skip("no predictor without LZW or Deflate")
    if predictor and dtype == np.float16:
        pytest.skip("the writer has no float16 predictor")
    source = scene(70, 101, 3, dtype)
    out = io.BytesIO()
    data = source.transpose(2, 0, 1) if "planarconfig" in layout else source
    tifffile.imwrite(out, data, photometric="rgb", byteorder=byteorder, compression=compression, predictor=predictor, **layout)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
    got = np.asarray(decoder.decode(out.getvalue(), params=params))
    assert got.dtype == source.dtype
    assert (got == source).all()


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"photometric": "minisblack"}, {"photometric": "miniswhite"}])
def test_tiff_gray(decoder, options):
    source = scene(70, 101, 1)
    out = io.BytesIO()
    tifffile.imwrite(out, source, **options)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.GRAY)
    want = 255 - source if options.get("photometric") == "miniswhite" else source
    assert (np.asarray(decoder.decode(out.getvalue(), params=params))[..., 0] == want).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_tiff_by_libtiff(decoder, mode, compression):
    if compression == "jpeg" and mode in ("1", "P", "RGBA"):
        pytest.skip("not a JPEG picture")
    data = pillow_bytes(Pillow.fromarray(scene(70, 101, 4)).convert(mode), "TIFF", compression=compression)
    assert np.abs(np.asarray(decoder.decode(data)).astype(int) - rgb(data)).max() <= (2 if compression == "jpeg" else 0)


def test_tiff_pages(decoder):
    pages = [scene(20 + i, 30 + i, seed=i) for i in range(5)]
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for page in pages:
            writer.write(page, photometric="rgb")
    stream = restride.CodeStream(out.getvalue())
    assert stream.num_images == 5
    for i, page in enumerate(pages):
        sub = stream.get_sub_code_stream(image_idx=i)
        assert (sub.height, sub.width) == page.shape[:2]
        assert (np.asarray(decoder.decode(sub)) == page).all()


@pytest.mark.parametrize("options", [{}, {"tile_size": (40, 33)}, {"num_resolutions": 2}, {"progression": "PCRL"}, {"no_jp2": True},
                                     {"codeblock_size": (16, 16)}, {"mct": 0}, {"precinct_size": (64, 64)}])  # fmt: skip
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_jpeg2000_reversible(decoder, options, mode):
    image = Pillow.fromarray(scene(90, 131, 4)).convert(mode)
    data = pillow_bytes(image, "JPEG2000", irreversible=False, **options)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED)
    assert (np.asarray(decoder.decode(data, params=params)).reshape(np.asarray(image).shape) == np.asarray(image)).all()


@pytest.mark.parametrize("bits", [1, 4, 5, 8, 12, 16])
@pytest.mark.parametrize("reversible", [True, False])
def test_jpeg2000_depths(decoder, bits, reversible):
    source = scene(60, 77, 1, np.uint16) >> (16 - bits)
    source = source.astype(np.uint8) if bits <= 8 else source
    data = imagecodecs.jpeg2k_encode(source, bitspersample=bits, reversible=reversible, level=0 if reversible else 60)
    want = imagecodecs.jpeg2k_decode(data)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
    image = decoder.decode(data, params=params)
    assert image.precision == bits
    assert np.abs(np.asarray(image)[..., 0].astype(int) - want).max() <= (0 if reversible else 1)
    # Without allow_any_depth every depth fills 0 to 255.
    scaled = np.floor(np.asarray(image)[..., 0] * (255 / (2**bits - 1)) + 0.5).astype(np.uint8)
    gray = restride.DecodeParams(color_spec=restride.ColorSpec.GRAY)
    assert (np.asarray(decoder.decode(data, params=gray))[..., 0] == scaled).all()


@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_htj2k(decoder, reversible, dtype, channels):
    source = scene(95, 141, channels, dtype)
    data = imagecodecs.htj2k_encode(source, reversible=reversible)
    want = imagecodecs.jpeg2k_decode(data)
    params = restride.DecodeParams(color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
    got = np.asarray(decoder.decode(data, params=params)).reshape(source.shape)
    assert np.abs(got.astype(int) - (source if reversible else want)).max() <= (0 if reversible else 2)
