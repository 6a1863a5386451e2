# SPDX-License-Identifier: Apache-2.0
"""After warm-up a call allocates nothing and waits at most once, by our own count and by the driver's."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest

import restride
from gpu_support import FORMATS, picture

WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
ALLOCATIONS = ("cudaMalloc", "cudaMallocAsync", "cudaMallocFromPoolAsync", "cudaFree", "cudaFreeAsync", "cudaHostAlloc", "cudaMallocHost",
               "cudaFreeHost")  # fmt: skip


def profiled(work):
    from torch.profiler import ProfilerActivity, profile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the profiler, about its cycles
        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
            work()
    return {e.key: e.count for e in seen.key_averages() if e.key.startswith(("cuda", "cu"))}


def count_calls(work):
    """How often each CUDA runtime function is called by work(), as CUPTI saw it, less what profiling itself calls."""
    torch = pytest.importorskip("torch")
    torch.zeros(1, device="cuda")
    nothing, all_calls = profiled(lambda: None), profiled(work)
    return {name: n - nothing.get(name, 0) for name, n in all_calls.items() if n > nothing.get(name, 0)}


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("codec", FORMATS)
def test_decode(codec, count, streams, decoder):
    sources = [streams[codec]] * count
    images = decoder.decode(sources)
    for _ in range(10):
        decoder.decode(sources, images=images)
    before = restride.memory_stats()
    for _ in range(20):
        decoder.decode(sources, images=images)
    after = restride.memory_stats()
    for kind in ("device", "pinned"):
        assert after[kind]["allocations"] == before[kind]["allocations"], kind
    calls = count_calls(lambda: decoder.decode(sources, images=images))
    print(codec, count, calls)
    assert not any(calls.get(name) for name in ALLOCATIONS), calls
    if codec not in ("jpeg2k", "tiff"):  # vendor libraries may wait inside
        assert sum(calls.get(name, 0) for name in WAITS) <= 1, calls


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("codec", FORMATS)
def test_encode(codec, count, cp, encoder):
    images = [restride.as_image(cp.asarray(picture(96, 128, k))) for k in range(count)]
    outputs = [restride.CodeStream(1 << 20) for _ in images]
    for _ in range(10):
        encoder.encode(images, codec, code_stream_s=outputs)
    before = restride.memory_stats()
    for _ in range(20):
        encoder.encode(images, codec, code_stream_s=outputs)
    after = restride.memory_stats()
    for kind in ("device", "pinned"):
        assert after[kind]["allocations"] == before[kind]["allocations"], kind
    calls = count_calls(lambda: encoder.encode(images, codec, code_stream_s=outputs))
    print(codec, count, calls)
    if codec not in ("jpeg2k",):
        assert not any(calls.get(name) for name in ALLOCATIONS), calls
        assert sum(calls.get(name, 0) for name in WAITS) <= 1, calls


def test_memory_stays_flat(cp, cpu_encoder):
    """Many pictures of varying size, many decoders: device, pinned and host memory stop growing."""
    random = np.random.default_rng(5)
    streams = [cpu_encoder.encode(picture(int(h), int(w), 1), codec)
               for h, w, codec in zip(random.integers(20, 700, 40), random.integers(20, 700, 40), FORMATS * 6)]  # fmt: skip

    def work(rounds):
        decoder = restride.Decoder()
        images = [None] * 20
        for _ in range(rounds):
            chosen = [streams[i] for i in random.integers(0, len(streams), 20)]
            images = decoder.decode(chosen, images=images)

    work(100)
    restride.trim_memory()
    gc.collect()
    free_before = cp.cuda.runtime.memGetInfo()[0]
    stats = restride.memory_stats()
    for _ in range(20):
        work(25)
    gc.collect()
    restride.trim_memory()
    assert restride.memory_stats()["device"]["bytes_in_use"] <= stats["device"]["bytes_in_use"] * 1.1
    assert restride.memory_stats()["pinned"]["bytes_in_use"] <= stats["pinned"]["bytes_in_use"] * 1.1
    assert free_before - cp.cuda.runtime.memGetInfo()[0] < 64 << 20


def test_a_thousand_decoders_and_encoders(cp):
    for _ in range(20):
        restride.Decoder(), restride.Encoder()
    free_before = cp.cuda.runtime.memGetInfo()[0]
    for _ in range(1000):
        restride.Decoder(max_num_cpu_threads=1), restride.Encoder(max_num_cpu_threads=1)
    assert free_before - cp.cuda.runtime.memGetInfo()[0] < 16 << 20
