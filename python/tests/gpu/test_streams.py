# SPDX-License-Identifier: Apache-2.0
"""Stream order: work queued before a call is done with the buffers before it writes; work queued after sees the result."""

from __future__ import annotations

import numpy as np
import pytest

import restride
from gpu_support import FORMATS, picture

SPIN = r'extern "C" __global__ void spin(long long n) { long long s = clock64(); while (clock64() - s < n); }'
CYCLES = 20_000_000  # about 12 ms


@pytest.fixture(scope="module")
def spin(cp):
    kernel = cp.RawKernel(SPIN, "spin")
    return lambda: kernel((1,), (1,), (np.int64(CYCLES),))


@pytest.fixture(params=["legacy", "per-thread", "non-blocking", "blocking"])
def stream(request, cp):
    if request.param == "legacy":
        return cp.cuda.Stream.null
    if request.param == "per-thread":
        return cp.cuda.Stream.ptds
    return cp.cuda.Stream(non_blocking=request.param == "non-blocking")


@pytest.mark.parametrize("codec", FORMATS)
@pytest.mark.parametrize("count", [1, 12])
def test_decode_waits_for_earlier_readers(cp, codec, count, stream, spin, streams, decoder, cpu_decoder):
    sources = [streams[codec]] * count
    buffers = [cp.zeros((211, 333, 3), cp.uint8) for _ in range(count)]
    images = [restride.as_image(b, cuda_stream=stream.ptr) for b in buffers]
    want = np.asarray(cpu_decoder.decode(streams[codec])).astype(int)
    for _ in range(3):
        for b in buffers:
            b.fill(77)
        cp.cuda.Device().synchronize()
        with stream:
            spin()
            before = [b.copy() for b in buffers]
        decoder.decode(sources, images=images, cuda_stream=stream.ptr)
        with stream:
            after = [b.copy() for b in buffers]
        stream.synchronize()
        assert all(bool((b == 77).all()) for b in before)
        for b in after:
            assert np.abs(cp.asnumpy(b).astype(int) - want).max() <= (2 if codec == "jpeg2k" else 0)


@pytest.mark.parametrize("codec", FORMATS)
def test_cpu_codecs_wait_too(cp, codec, spin, streams, cpu_decoder):
    stream = cp.cuda.Stream(non_blocking=True)
    buffer = cp.zeros((211, 333, 3), cp.uint8)
    image = restride.as_image(buffer, cuda_stream=stream.ptr)
    cp.cuda.Device().synchronize()
    with stream:
        spin()
        before = buffer.copy()
    cpu_decoder.decode(streams[codec], image=image, cuda_stream=stream.ptr)
    with stream:
        after = buffer.copy()
    stream.synchronize()
    assert not before.any()
    assert (cp.asnumpy(after) == np.asarray(cpu_decoder.decode(streams[codec]))).all()


@pytest.mark.parametrize("codec", FORMATS)
@pytest.mark.parametrize("count", [1, 12])
def test_encode_sees_what_was_queued_and_nothing_later(cp, codec, count, stream, spin, encoder):
    pixels = picture(96, 128)
    want = bytes(encoder.encode(restride.as_image(cp.asarray(pixels)), codec))
    buffers = [cp.zeros((96, 128, 3), cp.uint8) for _ in range(count)]
    source = cp.asarray(pixels)
    images = [restride.as_image(b, cuda_stream=stream.ptr) for b in buffers]
    cp.cuda.Device().synchronize()
    for _ in range(3):
        with stream:
            spin()
            for b in buffers:
                b[...] = source
        outputs = encoder.encode(images, codec, cuda_stream=stream.ptr)
        with stream:
            for b in buffers:
                b.fill(0)
        stream.synchronize()
        assert all(bytes(o) == want for o in outputs)


def test_an_image_may_change_streams(cp, spin, streams, decoder):
    first, second = cp.cuda.Stream(non_blocking=True), cp.cuda.Stream(non_blocking=True)
    image = decoder.decode(streams["png"], cuda_stream=first.ptr)
    cp.cuda.Device().synchronize()
    with first:
        spin()
        before = cp.asarray(image).copy()
    decoder.decode(streams["bmp"].get_sub_code_stream(region=restride.Region(0, 0, 211, 100)), image=image, cuda_stream=second.ptr)
    cp.cuda.Device().synchronize()
    assert (cp.asnumpy(before) == picture(211, 333)).all()
