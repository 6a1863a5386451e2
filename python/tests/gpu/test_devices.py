# SPDX-License-Identifier: Apache-2.0
"""Several devices in one process: each decoder and encoder works on its own, and no other is touched."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys

import numpy as np
import pytest

import restride
from gpu_support import FORMATS, picture

pytestmark = pytest.mark.skipif(restride.device_count() < 2, reason="needs two devices")


def close(image, want, codec):
    """nvJPEG2000 rounds 9/7 wavelets otherwise."""
    difference = np.abs(np.asarray(image.cpu()).astype(int) - want.astype(int)).max()
    return difference <= (2 if codec == "jpeg2k" else 0)


@pytest.fixture(scope="module")
def decoders():
    return [restride.Decoder(device_id=d, on_error="raise") for d in (0, 1)]


@pytest.fixture(scope="module")
def encoders():
    return [restride.Encoder(device_id=d, on_error="raise") for d in (0, 1)]


@pytest.mark.parametrize("current", [0, 1])
def test_pixels_and_the_callers_device(cp, decoders, cpu_decoder, streams, current):
    with cp.cuda.Device(current):
        for device, decoder in enumerate(decoders):
            images = decoder.decode([streams[f] for f in FORMATS])
            assert cp.cuda.runtime.getDevice() == current
            for f, image in zip(FORMATS, images):
                assert image.device_id == device
                assert close(image, np.asarray(cpu_decoder.decode(streams[f])), f)
            assert cp.cuda.runtime.getDevice() == current


@pytest.mark.parametrize("codec", ["jpeg", "png", "jpeg2k", "pnm"])
def test_encoders(cp, encoders, cpu_encoder, codec):
    pixels = picture(200, 300)
    lossless = restride.EncodeParams(quality_type=restride.QualityType.LOSSLESS) if codec == "jpeg2k" else None
    for device, encoder in enumerate(encoders):
        with cp.cuda.Device(device):
            source = cp.asarray(pixels)
        out = encoder.encode(source, codec, params=lossless)
        if codec != "jpeg2k":
            assert bytes(out) == bytes(cpu_encoder.encode(pixels, codec))
        else:
            assert (np.asarray(restride.imread(bytes(out))) == pixels).all()


def test_buffers_and_streams_of_the_second(cp, decoders, streams):
    with cp.cuda.Device(1):
        canvas = cp.zeros((300, 400, 3), cp.uint8)
        stream = cp.cuda.Stream(non_blocking=True)
        image = restride.as_image(canvas[40:251, 30:363])
        assert image.device_id == 1
        decoders[1].decode(streams["png"], image=image, cuda_stream=stream.ptr)
        stream.synchronize()
        assert (cp.asnumpy(canvas[40:251, 30:363]) == picture(211, 333)).all()
        canvas[40:251, 30:363] = 0
        assert not canvas.any()


def test_memory_of_another_device_is_refused(cp, decoders, encoders, streams):
    with cp.cuda.Device(0):
        array = cp.zeros((211, 333, 3), cp.uint8)
    with pytest.raises((restride.Error, RuntimeError, ValueError), match="device 0.*device 1"):
        decoders[1].decode(streams["png"], image=restride.as_image(array))
    with pytest.raises((restride.Error, RuntimeError, ValueError), match="device 0.*device 1"):
        encoders[1].encode(array, "jpeg")
    assert not array.any()


def test_side_by_side(cp, decoders, cpu_decoder, cpu_encoder):
    streams = [cpu_encoder.encode(picture(100 + 13 * k, 150 + 7 * k, k), FORMATS[k % len(FORMATS)]) for k in range(14)]
    expected = [np.asarray(cpu_decoder.decode(s)) for s in streams]

    def work(device):
        with cp.cuda.Device(device):
            images = None
            for _ in range(10):
                images = decoders[device].decode(streams, images=images)
                for image, want in zip(images, expected):
                    assert image.device_id == device
                    assert close(image, want, "jpeg2k")
        return True

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, [0, 1, 0, 1]))


def test_the_first_device_stays_untouched(streams, tmp_path):
    (tmp_path / "a.jpg").write_bytes(bytes(streams["jpeg"]))
    code = """
import ctypes, sys, restride
image = restride.Decoder(device_id=1, on_error="raise").decode(sys.argv[1])
assert image.device_id == 1
restride.Encoder(device_id=1, on_error="raise").encode(image, "jpeg")
image.cpu()
driver = ctypes.CDLL("libcuda.so.1")
flags, active = ctypes.c_uint(), ctypes.c_int()
for device, want in ((0, 0), (1, 1)):
    assert driver.cuDevicePrimaryCtxGetState(device, ctypes.byref(flags), ctypes.byref(active)) == 0
    assert active.value == want, f"device {device}: context active {active.value}"
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.jpg")], check=True, timeout=120)
