# SPDX-License-Identifier: Apache-2.0
"""color_managed=True: ICC profiles applied, compared with Pillow's ImageCms (Little CMS too, but a build of its own)."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageCms

import restride

MANAGED = restride.DecodeParams(color_managed=True)
SRGB = ImageCms.createProfile("sRGB")


def tone_curve(gamma):
    """An ICC curveType of one gamma value (u8Fixed8Number)."""
    return b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + bytes(2)


def xyz(x, y, z):
    return b"XYZ " + bytes(4) + b"".join(round(v * 65536).to_bytes(4, "big", signed=True) for v in (x, y, z))


def profile(space, tags, kind=b"mntr", connection=b"XYZ "):
    """A small ICC version 2 display profile."""
    body, table = b"", b""
    at = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + (at + len(body)).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        body += data
    head = bytearray(128)
    head[:4] = (at + len(body)).to_bytes(4, "big")
    head[8:12] = b"\x02\x40\0\0"
    head[12:24] = kind + space + connection
    head[36:40] = b"acsp"
    head[68:80] = xyz(0.9642, 1, 0.8249)[8:]
    return bytes(head) + len(tags).to_bytes(4, "big") + table + body


DESC = b"desc" + bytes(4) + (5).to_bytes(4, "big") + b"test\0" + bytes(78)
# Adobe RGB's primaries (adapted to D50) and gamma; and red and green exchanged, which nobody can overlook.
WIDE = {b"rXYZ": xyz(0.6097, 0.3111, 0.0195), b"gXYZ": xyz(0.2053, 0.6257, 0.0609), b"bXYZ": xyz(0.1492, 0.0632, 0.7446)}
WHITE = {b"desc": DESC, b"wtpt": xyz(0.9642, 1, 0.8249), b"cprt": b"text" + bytes(4) + b"none\0"}
CURVES = {name: tone_curve(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")}
RGB = profile(b"RGB ", {**WHITE, **WIDE, **CURVES})
SWAPPED = profile(b"RGB ", {**WHITE, **WIDE, b"rXYZ": WIDE[b"gXYZ"], b"gXYZ": WIDE[b"rXYZ"], **CURVES})
GRAY = profile(b"GRAY", {**WHITE, b"kTRC": tone_curve(1.0)})


def cmyk_lut():
    """A lut8Type from four inks to Lab: sixteen mixtures and what lies between, with more gray than ink alone would give."""
    identity = bytes(range(256))
    matrix = b"".join(int(65536 * (i % 4 == 0)).to_bytes(4, "big") for i in range(9))
    mixtures = b""
    for c, m, y, k in itertools.product((0, 1), repeat=4):
        light = 96 * (1 - 0.35 * c) * (1 - 0.45 * m) * (1 - 0.08 * y) * (1 - 0.9 * k)
        a, b = (-35 * c + 70 * m - 5 * y) * (1 - k), (-48 * c - 4 * m + 88 * y) * (1 - k)
        mixtures += bytes([round(light * 2.55), round(a + 128), round(b + 128)])
    return b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + mixtures + identity * 3


CMYK = profile(b"CMYK", {**WHITE, b"A2B0": cmyk_lut()}, kind=b"prtr", connection=b"Lab ")


def pixels(channels, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, np.iinfo(dtype).max, (48, 64, channels), dtype, endpoint=True)
    a[:8] = np.linspace(0, np.iinfo(dtype).max, 64).astype(dtype)[:, None]
    return a


def encoded(array, icc, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(array.squeeze()).save(out, kind, icc_profile=icc, **options)
    return out.getvalue()


def expected(data, icc, mode="RGB"):
    picture = Image.open(io.BytesIO(data))
    own = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return np.asarray(ImageCms.profileToProfile(picture, own, SRGB, outputMode=mode))


def close(found, wanted, atol=1):
    found, wanted = np.asarray(found).astype(int), np.asarray(wanted).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= atol


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder()


@pytest.mark.parametrize("icc", [RGB, SWAPPED], ids=["wide", "swapped"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_rgb(decoder, kind, icc):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = encoded(pixels(3), icc, kind, **options)
    image = decoder.decode(data, params=MANAGED, on_error="raise")
    close(image, expected(data, icc), 2 if kind == "JPEG" else 1)  # JPEG: two decoders
    assert image.color_spec == restride.SRGB
    plain = np.asarray(decoder.decode(data, on_error="raise"))
    assert np.abs(plain.astype(int) - np.asarray(image).astype(int)).max() > 20, "the profile does something"


def test_alpha_is_kept_and_not_changed(decoder):
    a = pixels(4)
    data = encoded(a, RGB)
    params = restride.DecodeParams(color_spec=restride.UNCHANGED, color_managed=True)
    image = np.asarray(decoder.decode(data, params=params, on_error="raise"))
    assert (image[..., 3] == a[..., 3]).all()
    close(image[..., :3], expected(encoded(a[..., :3].copy(), RGB), RGB))
    close(decoder.decode(data, params=MANAGED, on_error="raise"), image[..., :3], 0)


def test_gray(decoder):
    data = encoded(pixels(1), GRAY)
    close(decoder.decode(data, params=MANAGED, on_error="raise"), expected(data, GRAY))
    one = decoder.decode(data, params=restride.DecodeParams(color_spec=restride.GRAY, color_managed=True), on_error="raise")
    close(np.asarray(one)[..., 0], expected(data, GRAY)[..., 0])


def test_gray_with_a_profile_for_colours(decoder):
    a = pixels(1)
    found = decoder.decode(encoded(a, RGB), params=MANAGED, on_error="raise")
    close(found, expected(encoded(np.repeat(a, 3, axis=2), RGB), RGB))


def test_palette(decoder):
    picture = Image.fromarray(pixels(3)).quantize(64)
    out = io.BytesIO()
    picture.save(out, "PNG", icc_profile=SWAPPED)
    wanted = expected(encoded(np.asarray(picture.convert("RGB")), SWAPPED), SWAPPED)
    close(decoder.decode(out.getvalue(), params=MANAGED, on_error="raise"), wanted)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk(decoder, kind):
    out = io.BytesIO()
    Image.fromarray(pixels(4), "CMYK").save(out, kind, icc_profile=CMYK, **({"quality": 98, "subsampling": 0} if kind == "JPEG" else {}))
    close(decoder.decode(out.getvalue(), params=MANAGED, on_error="raise"), expected(out.getvalue(), CMYK), 3 if kind == "JPEG" else 1)


def test_sixteen_bits(decoder):
    eight = pixels(3)
    wide = eight.astype(np.uint16) * 257
    block = next(m for m in decoder.get_metadata(encoded(eight, RGB)) if m.kind == restride.MetadataKind.ICC_PROFILE)
    data = bytes(restride.Encoder().encode(wide, "png", params=restride.EncodeParams(metadata=[block]), on_error="raise"))
    params = restride.DecodeParams(color_managed=True, allow_any_depth=True)
    image = decoder.decode(data, params=params, on_error="raise")
    assert image.dtype == np.uint16
    close((np.asarray(image).astype(int) + 128) // 257, expected(encoded(eight, RGB), RGB))
    close(decoder.decode(data, params=MANAGED, on_error="raise"), expected(encoded(eight, RGB), RGB))


def test_a_region_equals_the_crop(decoder):
    data = restride.CodeStream(encoded(pixels(3), SWAPPED, "JPEG", quality=90))
    whole = np.asarray(decoder.decode(data, params=MANAGED, on_error="raise"))
    for y0, x0, y1, x1 in [(0, 0, 48, 64), (3, 5, 20, 41), (40, 60, 48, 64)]:
        part = data.get_sub_code_stream(region=restride.Region(y0, x0, y1, x1))
        assert (np.asarray(decoder.decode(part, params=MANAGED, on_error="raise")) == whole[y0:y1, x0:x1]).all()
    outside = data.get_sub_code_stream(region=restride.Region(-2, 0, 10, 64, 99))
    found = np.asarray(decoder.decode(outside, params=MANAGED, on_error="raise"))
    assert (found[:2] == 99).all() and (found[2:] == whole[:10]).all()


def test_batches_threads_layouts_and_orientation(decoder):
    exif = Image.Exif()
    exif[0x0112] = 6
    arrays = [pixels(3, seed=i) for i in range(12)]
    streams = [encoded(a, (RGB, SWAPPED)[i % 2]) for i, a in enumerate(arrays)]
    images = decoder.decode(streams, params=MANAGED, on_error="raise")
    for i, (image, data) in enumerate(zip(images, streams)):
        close(image, expected(data, (RGB, SWAPPED)[i % 2]))
    params = restride.DecodeParams(color_managed=True, sample_format=restride.P_BGR)
    planar = np.asarray(decoder.decode(streams[0], params=params, on_error="raise"))
    assert (planar[::-1].transpose(1, 2, 0) == np.asarray(images[0])).all()
    turned = encoded(arrays[0], RGB, exif=exif)
    assert (np.asarray(decoder.decode(turned, params=MANAGED, on_error="raise")) == np.rot90(np.asarray(images[0]), -1)).all()
    padded = np.full((48, 70, 3), 9, np.uint8)
    decoder.decode(streams[0], image=restride.as_image(padded[:, :64]), params=MANAGED, on_error="raise")
    assert (padded[:, :64] == np.asarray(images[0])).all() and (padded[:, 64:] == 9).all()


def test_without_a_profile_nothing_changes(decoder):
    data = encoded(pixels(3), None)
    assert (np.asarray(decoder.decode(data, params=MANAGED)) == np.asarray(decoder.decode(data))).all()


def test_profiles_that_cannot_be_applied_are_refused(decoder):
    for icc, kind, text in [
        (b"nonsense", restride.CorruptError, "cannot be read"),
        (RGB[:200], restride.CorruptError, "cannot be"),
        (GRAY, restride.UnsupportedError, "is for GRAY"),
    ]:
        error = decoder.decode(encoded(pixels(3), icc), params=MANAGED, on_error="return")
        assert isinstance(error, kind) and text in str(error), error
    data = restride.Encoder().encode(np.zeros((4, 4, 3), np.float32), "tiff", on_error="raise")
    assert restride.DecodeParams().color_managed is False
    assert decoder.decode(data, params=MANAGED) is not None  # no profile: nothing to refuse


def test_many_profiles_in_turn(decoder):
    """More than are kept."""
    for i in range(40):
        icc = profile(b"RGB ", {**WHITE, **WIDE, **{name: tone_curve(1 + i / 20) for name in CURVES}})
        data = encoded(pixels(3), icc)
        close(decoder.decode(data, params=MANAGED, on_error="raise"), expected(data, icc))
