# SPDX-License-Identifier: Apache-2.0
"""Image, as_image, from_dlpack (nvImageCodec API, sections 1.1 and 1.5) for host memory."""

import gc
import weakref

import numpy as np
import pytest

import restride


class Array(np.ndarray):
    """An ndarray that weakref can see."""


def test_properties():
    source = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3)
    image = restride.as_image(source)
    assert image.shape == (4, 5, 3) and image.strides == source.strides and image.ndim == 3
    assert (image.height, image.width, image.num_channels) == (4, 5, 3)
    assert image.dtype == np.uint16 and image.precision == 16
    assert image.sample_format == restride.I_RGB and image.color_spec == restride.SRGB
    assert image.buffer_kind == restride.STRIDED_HOST and image.size == image.capacity == source.nbytes
    assert image.cpu() is image
    assert (np.asarray(image) == source).all()


def test_defaults_by_channels():
    expected = [(1, restride.I_Y, restride.GRAY), (2, restride.I_YA, restride.GRAY), (3, restride.I_RGB, restride.SRGB),
                (4, restride.I_RGBA, restride.SRGB), (6, 0, 0)]  # fmt: skip
    for channels, format_, color in expected:
        image = restride.as_image(np.zeros((3, 4, channels), np.uint8))
        assert image.sample_format == format_ and image.color_spec == color
    assert restride.as_image(np.zeros((3, 4), np.uint8)).shape == (3, 4, 1)
    planar = restride.as_image(np.zeros((3, 4, 5), np.uint8), sample_format=restride.P_RGB)
    assert planar.shape == (3, 4, 5) and (planar.height, planar.width) == (4, 5)


def test_views_share_memory_and_keep_alive():
    source = np.zeros((4, 5, 3), np.uint8).view(Array)
    watch = weakref.ref(source)
    image = restride.as_image(source)
    view = np.asarray(image)
    source[1, 2, 0] = 77
    assert view[1, 2, 0] == 77
    del source
    gc.collect()
    assert watch() is not None
    del image
    gc.collect()
    assert watch() is not None and view[1, 2, 0] == 77
    del view
    gc.collect()
    assert watch() is None


def test_array_protocol():
    image = restride.as_image(np.full((2, 2, 3), 5, np.uint8))
    assert np.asarray(image).dtype == np.uint8
    assert np.asarray(image, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError):
        image.__array__(np.float32, copy=False)
    copied = image.__array__(copy=True)
    copied[:] = 0
    assert (np.asarray(image) == 5).all()
    with pytest.raises(AttributeError, match="Call '.cuda\\(\\)'"):
        _ = image.__cuda_array_interface__
    with pytest.raises(RuntimeError, match="stays in host memory"):
        image.cuda()


def test_padded_rows_only():
    canvas = np.zeros((10, 20, 3), np.uint8)
    assert restride.as_image(canvas[2:5, 3:9]).strides == (60, 3, 1)
    message = "Unexpected array style. Padding is only allowed for rows. Other dimensions should have contiguous strides."
    for bad in (canvas[:, ::2], canvas[..., :2], canvas[::-1], canvas.transpose(1, 0, 2)):
        with pytest.raises(RuntimeError) as caught:
            restride.as_image(bad)
        assert str(caught.value) == message


def test_refusals():
    for source, text in [
        (np.zeros(4, np.uint8), "Unexpected number of dimensions. At least 2 dimensions are expected."),
        (np.zeros((1, 1, 1, 1), np.uint8), "Unexpected number of dimensions. At most 3 dimensions are expected."),
        (np.zeros((2, 2, 0), np.uint8), "Unexpected number of channels. At least 1 channel is expected."),
        (np.zeros((2, 2, 3), bool), "Sample data type not supported, must be UNSIGNED, SIGNED, FLOAT"),
        (object(), "Object does not support neither __cuda_array_interface__ nor __dlpack__"),
    ]:
        with pytest.raises(RuntimeError) as caught:
            restride.as_image(source)
        assert str(caught.value) == text
    with pytest.raises(ValueError, match="requires at least 3 channel\\(s\\), but image has only 1 channel\\(s\\)."):
        restride.as_image(np.zeros((2, 2, 1), np.uint8), sample_format=restride.I_RGB)
    with pytest.raises(ValueError):
        restride.as_image(np.zeros((2, 2, 3), np.uint8), sample_format=restride.SampleFormat.UNKNOWN)
    assert len(restride.as_images([np.zeros((2, 2, 3), np.uint8)] * 3)) == 3


def test_dlpack_both_ways():
    source = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    image = restride.as_image(source)
    assert image.__dlpack_device__() == (1, 0)
    exported = np.from_dlpack(image)
    assert (exported == source).all() and exported.ctypes.data == source.ctypes.data
    del image
    gc.collect()
    assert (exported == source).all()
    again = restride.from_dlpack(source)
    assert (np.asarray(again) == source).all() and again.sample_format == restride.I_RGB
    capsule = restride.as_image(source).to_dlpack()
    assert (np.asarray(restride.from_dlpack(capsule)) == source).all()
    with pytest.raises(ValueError, match="consumed already"):
        restride.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="lower than expected at least 3"):
        restride.from_dlpack(np.zeros((2, 2), np.uint8))


def test_decoded_padding_is_seen():
    stream = restride.Encoder().encode(np.full((4, 5, 3), 8, np.uint8), "png")
    canvas = np.zeros((9, 9, 3), np.uint8)
    image = restride.Decoder().decode(stream, image=restride.as_image(canvas[:7, :8]))
    assert image.shape == (4, 5, 3) and image.strides == (27, 3, 1) and image.size == 60 and image.capacity == 7 * 8 * 3
    assert (np.asarray(image) == 8).all()
    assert (np.from_dlpack(image) == 8).all()
