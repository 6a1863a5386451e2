# SPDX-License-Identifier: Apache-2.0
"""CUDA that fails: each case in a process of its own, since some of them end the CUDA context for good.

What must hold: the error is named, the process lives, and the CPU still decodes.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PREAMBLE = """
import sys
sys.path.insert(0, {folder!r})
import cupy as cp
import numpy as np
import restride
from gpu_support import picture

CPU = [restride.Backend(restride.BackendKind.CPU_ONLY)]
cpu_encoder = restride.Encoder(backends=CPU, on_error="raise")
cpu_decoder = restride.Decoder(backends=CPU, on_error="raise")
source = picture(500, 700)
STREAMS = {{c: cpu_encoder.encode(source, c) for c in ("jpeg", "jpeg2k", "png", "tiff", "webp", "bmp")}}
WANT = {{c: np.asarray(cpu_decoder.decode(s)) for c, s in STREAMS.items()}}


def cpu_still_works():
    for codec, stream in STREAMS.items():
        assert (np.asarray(cpu_decoder.decode(stream)) == WANT[codec]).all(), codec
    assert (np.asarray(cpu_decoder.decode(cpu_encoder.encode(source, "png"))) == source).all()


def same_as_cpu(image, codec):
    difference = np.abs(np.asarray(image.cpu()).astype(int) - WANT[codec]).max()
    assert difference <= (2 if codec == "jpeg2k" else 0), (codec, difference)
"""


def child(body: str, timeout: int = 120) -> str:
    """Runs `body` behind the preamble; its output. Fails where it dies, hangs or raises."""
    import gpu_support

    folder = gpu_support.__file__.rsplit("/", 1)[0]
    code = PREAMBLE.format(folder=folder) + textwrap.dedent(body) + "\nprint('done')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout}\n{done.stderr[-3000:]}"
    assert done.stdout.rstrip().endswith("done")
    return done.stdout


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2k", "png"])
def test_device_out_of_memory(codec):
    """All device memory but some MB is taken; a decode that needs more is an error, and works once there is room."""
    child(f"""
        codec = {codec!r}
        decoder = restride.Decoder(on_error="raise")
        same_as_cpu(decoder.decode(STREAMS[codec]), codec)
        restride.trim_memory()
        hoard = []
        for size in (1 << 33, 1 << 30, 1 << 27, 1 << 24, 1 << 22):
            while True:
                try:
                    hoard.append(cp.cuda.memory.Memory(size))
                except cp.cuda.runtime.CUDARuntimeError:
                    break
        failed = []
        keep = []
        for _ in range(40):  # some calls may still fit
            try:
                keep.append(decoder.decode([STREAMS[codec]] * 16, on_error="return"))
            except restride.Error as error:
                failed.append(error)
                break
            bad = [e for e in keep[-1] if isinstance(e, BaseException)]
            if bad:
                failed += bad
                break
        assert failed, "device memory never ran out"
        assert all(isinstance(e, (restride.OutOfMemoryError, restride.DeviceError)) for e in failed), failed[:3]
        assert all(str(e) for e in failed)
        print(type(failed[0]).__name__, failed[0])
        cpu_still_works()
        keep.clear()
        hoard.clear()
        restride.trim_memory()
        same_as_cpu(decoder.decode(STREAMS[codec]), codec)
    """)


def test_host_images_when_the_device_is_full():
    """A picture for host memory has the CPU to fall back to: it is decoded although the device has no room."""
    child("""
        decoder = restride.Decoder(on_error="raise")
        restride.trim_memory()
        hoard = []
        for size in (1 << 33, 1 << 30, 1 << 27, 1 << 24, 1 << 22):
            while True:
                try:
                    hoard.append(cp.cuda.memory.Memory(size))
                except cp.cuda.runtime.CUDARuntimeError:
                    break
        outputs = [np.zeros_like(source) for _ in range(32)]
        images = [restride.as_image(o) for o in outputs]
        try:
            decoder.decode([STREAMS["jpeg"]] * 32, images=images)
            assert all((o == WANT["jpeg"]).all() for o in outputs)
            print("decoded")
        except (restride.OutOfMemoryError, restride.DeviceError) as error:
            print("refused:", error)
        cpu_still_works()
    """)


def test_wrong_device_pointer():
    """Host memory that claims to be the device's: refused, or a named error; the process and the CPU go on."""
    child("""
        class Liar:
            def __init__(self):
                self.memory = np.zeros((500, 700, 3), np.uint8)
                self.__cuda_array_interface__ = {"version": 3, "shape": (500, 700, 3), "typestr": "|u1",
                                                 "data": (self.memory.ctypes.data, False), "strides": None, "stream": 1}
        named = None
        try:
            image = restride.as_image(Liar())
            decoder = restride.Decoder(on_error="raise")
            decoder.decode(STREAMS["jpeg"], image=image)
            cp.cuda.Device().synchronize()
        except (restride.Error, ValueError, RuntimeError) as error:
            named = error
        print(type(named).__name__, named)
        cpu_still_works()
    """)


def test_context_lost():
    """A kernel of somebody else traps: every later CUDA call fails. The error says so, and the CPU path works."""
    child("""
        decoder = restride.Decoder(on_error="raise")
        encoder = restride.Encoder(on_error="raise")
        image = decoder.decode(STREAMS["jpeg"])
        cp.cuda.Device().synchronize()
        trap = cp.RawKernel('extern "C" __global__ void fail() { asm("trap;"); }', "fail")
        trap((1,), (1,), ())
        try:
            cp.cuda.Device().synchronize()
            raise SystemExit("the kernel did not trap")
        except cp.cuda.runtime.CUDARuntimeError:
            pass
        for attempt in (lambda: decoder.decode(STREAMS["jpeg"]), lambda: encoder.encode(image, "jpeg"),
                        lambda: decoder.decode([STREAMS["png"]] * 4)):
            try:
                attempt()
                raise SystemExit("a lost context went unnoticed")
            except (restride.DeviceError, restride.OutOfMemoryError) as error:
                assert str(error)
                print(type(error).__name__, error)
        cpu_still_works()
        import os
        sys.stdout.write("done\\n")
        sys.stdout.flush()
        os._exit(0)  # CuPy's own clean-up fails in a lost context
    """)


def test_destroyed_stream():
    """A stream that is gone when the image is used later: only its value is compared, never the stream."""
    child("""
        decoder = restride.Decoder(on_error="raise")
        encoder = restride.Encoder(on_error="raise")
        images = []
        for _ in range(30):
            stream = cp.cuda.Stream(non_blocking=True)
            images.append(decoder.decode(STREAMS["jpeg"], cuda_stream=stream.ptr))
            stream.synchronize()
            del stream
        for image in images:
            same_as_cpu(image, "jpeg")
            assert encoder.encode(image, "jpeg").size > 0
        images.clear()
        restride.trim_memory()
        same_as_cpu(decoder.decode(STREAMS["jpeg"]), "jpeg")
    """)


LENIENT = pytest.mark.xfail(reason="nvTIFF takes some damaged LZW strips for whole")


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2k", "png", pytest.param("tiff", marks=LENIENT)])
def test_damaged_pictures_leave_the_device_alone(codec):
    """Bits flipped at random, in batches on the device: CPU and GPU say the same, and the next batch is right."""
    child(f"""
        rng = np.random.default_rng(3)
        decoder = restride.Decoder()
        codec = {codec!r}
        whole = np.frombuffer(bytes(STREAMS[codec]), np.uint8)
        for _ in range(8):
            batch = []
            for _ in range(24):
                damaged = whole.copy()
                at = rng.integers(0, len(damaged), rng.integers(1, 6))
                damaged[at] ^= (1 << rng.integers(0, 8, len(at))).astype(np.uint8)
                batch.append(damaged[: rng.integers(1, len(damaged) + 1)].tobytes() if rng.integers(0, 3) == 0
                             else damaged.tobytes())
            got = decoder.decode(batch, on_error="return")
            want = cpu_decoder.decode(batch, on_error="return")
            cp.cuda.Device().synchronize()
            for g, w in zip(got, want):
                assert isinstance(g, BaseException) == isinstance(w, BaseException), (codec, g, w)
                if isinstance(g, BaseException):
                    continue
                difference = np.abs(cp.asnumpy(cp.asarray(g)).astype(int) - np.asarray(w)).max()
                assert difference <= (3 if codec == "jpeg2k" else 0), (codec, difference)
        same_as_cpu(decoder.decode(STREAMS[codec]), codec)
    """, timeout=300)
