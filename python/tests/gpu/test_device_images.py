# SPDX-License-Identifier: Apache-2.0
"""Every format into and out of device memory: the CPU's pixels, wherever they go."""

from __future__ import annotations

import numpy as np
import pytest

import restride
from gpu_support import FORMATS, picture
from restride import ColorSpec, DecodeParams, ImageBufferKind, Region, SampleFormat

# An irreversible JPEG 2000 stream may come from another implementation on the device.
TOLERANCE = {"jpeg2k": 2}


def check(got, want, codec):
    got, want = np.asarray(got.cpu()), np.asarray(want)
    assert got.shape == want.shape and got.dtype == want.dtype
    difference = np.abs(got.astype(int) - want.astype(int)).max()
    assert difference <= TOLERANCE.get(codec, 0), f"{codec}: off by {difference}"


@pytest.mark.parametrize("codec", FORMATS)
@pytest.mark.parametrize("params", [
    DecodeParams(), DecodeParams(color_spec=ColorSpec.GRAY), DecodeParams(color_spec=ColorSpec.UNCHANGED),
    DecodeParams(sample_format=SampleFormat.P_RGB), DecodeParams(sample_format=SampleFormat.I_BGR),
    DecodeParams(sample_format=SampleFormat.I_RGBA),
], ids=str)  # fmt: skip
def test_pixels(codec, params, streams, decoder, cpu_decoder):
    image = decoder.decode(streams[codec], params=params)
    assert image.buffer_kind == ImageBufferKind.STRIDED_DEVICE and image.device_id == decoder.device_id
    check(image, cpu_decoder.decode(streams[codec], params=params), codec)


@pytest.mark.parametrize("codec", FORMATS)
def test_regions(codec, streams, decoder, cpu_decoder):
    for corners in ((10, 20, 150, 300), (0, 0, 1, 1), (-5, -9, 250, 400), (200, 320, 230, 350), (500, 500, 510, 520)):
        part = streams[codec].get_sub_code_stream(region=Region(*corners, 77))
        check(decoder.decode(part), cpu_decoder.decode(part), codec)


@pytest.mark.parametrize("codec", FORMATS)
def test_region_is_the_crop(codec, streams, decoder):
    whole = np.asarray(decoder.decode(streams[codec]).cpu())
    part = streams[codec].get_sub_code_stream(region=Region(33, 41, 140, 290))
    assert (np.asarray(decoder.decode(part).cpu()) == whole[33:140, 41:290]).all()


def test_orientation(decoder, cpu_decoder):
    from io import BytesIO

    from PIL import Image as PilImage

    for orientation in range(1, 9):
        exif = PilImage.Exif()
        exif[0x0112] = orientation
        out = BytesIO()
        PilImage.fromarray(picture(61, 93)).save(out, "JPEG", quality=90, exif=exif)
        for region in (None, Region(5, 7, 50, 60)):
            stream = restride.CodeStream(out.getvalue())
            stream = stream if region is None else stream.get_sub_code_stream(region=region)
            check(decoder.decode(stream), cpu_decoder.decode(stream), "jpeg")


@pytest.mark.parametrize("codec", FORMATS)
def test_padded_slices(codec, cp, streams, decoder, cpu_decoder):
    buffer = cp.full((300, 400, 3), 9, cp.uint8)
    view = buffer[40:251, 30:363]
    image = restride.as_image(view)
    assert decoder.decode(streams[codec], image=image) is image
    got = cp.asnumpy(buffer)
    check(restride.as_image(got[40:251, 30:363]), cpu_decoder.decode(streams[codec]), codec)
    got[40:251, 30:363] = 9
    assert (got == 9).all()


@pytest.mark.parametrize("codec", FORMATS)
def test_host_destination(codec, streams, decoder, cpu_decoder):
    array = np.zeros((211, 333, 3), np.uint8)
    image = decoder.decode(streams[codec], image=restride.as_image(array))
    assert image.buffer_kind == ImageBufferKind.STRIDED_HOST
    check(restride.as_image(array), cpu_decoder.decode(streams[codec]), codec)


@pytest.mark.parametrize("codec", FORMATS)
def test_device_destination_for_the_cpu(codec, cp, streams, cpu_decoder):
    array = cp.zeros((211, 333, 3), cp.uint8)
    cpu_decoder.decode(streams[codec], image=restride.as_image(array))
    assert (cp.asnumpy(array) == np.asarray(cpu_decoder.decode(streams[codec]))).all()


def test_mixed_batch(streams, decoder, cpu_decoder, encoder):
    sources = [streams[f] for f in FORMATS] * 3 + [b"nonsense"]
    images = decoder.decode(sources, on_error="return")
    assert isinstance(images[-1], restride.Error)
    for codec, stream, image in zip(FORMATS * 3, sources, images):
        check(image, cpu_decoder.decode(stream), codec)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_depths(dtype, decoder, cpu_decoder, cpu_encoder):
    pixels = (picture(50, 70).astype(np.uint16) << 8 | 17).astype(dtype) if dtype == "uint16" else picture(50, 70)
    for codec in ("png", "tiff", "pnm"):
        stream = cpu_encoder.encode(pixels, codec)
        for any_depth in (False, True):
            params = DecodeParams(allow_any_depth=any_depth)
            check(decoder.decode(stream, params=params), cpu_decoder.decode(stream, params=params), codec)


@pytest.mark.parametrize("codec", FORMATS)
def test_encode_from_the_device(codec, cp, encoder, decoder, cpu_decoder, cpu_encoder):
    pixels = [picture(100 + 7 * k, 150 - 5 * k, k) for k in range(4)]
    device = [restride.as_image(cp.asarray(p)) for p in pixels]
    padded = cp.zeros((130, 200, 3), cp.uint8)
    padded[3:103, 5:155] = cp.asarray(pixels[0])
    device.append(restride.as_image(padded[3:103, 5:155]))
    host = encoder.encode(pixels, codec)
    outputs = encoder.encode(device, codec)
    for k, (stream, from_host) in enumerate(zip(outputs, host)):
        assert k == 4 or bytes(stream) == bytes(from_host)
        want = np.asarray(cpu_decoder.decode(cpu_encoder.encode(pixels[k % 4], codec)))
        got = np.asarray(cpu_decoder.decode(restride.CodeStream(bytes(stream))))
        error = np.abs(got.astype(int) - want.astype(int))
        assert error.max() == 0 if codec != "jpeg2k" else error.mean() < 2
    assert bytes(outputs[4]) == bytes(outputs[0])


def test_reuse(streams, decoder):
    image = decoder.decode(streams["png"])
    capacity = image.capacity
    pointer = image.__cuda_array_interface__["data"][0]
    small = streams["jpeg"].get_sub_code_stream(region=Region(0, 0, 50, 60))
    assert decoder.decode(small, image=image) is image
    assert image.shape == (50, 60, 3) and image.capacity == capacity and image.size == 9000
    assert image.__cuda_array_interface__["data"][0] == pointer
