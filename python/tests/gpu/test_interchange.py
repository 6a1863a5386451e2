# SPDX-License-Identifier: Apache-2.0
"""CUDA array interface, DLPack both ways, .cpu() and .cuda(), the caller's current device."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import restride
from gpu_support import picture


@pytest.fixture
def image(decoder, cpu_encoder):
    return decoder.decode(cpu_encoder.encode(picture(60, 80), "png"))


def test_cuda_array_interface(cp, image):
    interface = image.__cuda_array_interface__
    assert interface["version"] == 3 and interface["strides"] is None and interface["stream"] == 1
    array = cp.asarray(image)
    assert (cp.asnumpy(array) == picture(60, 80)).all()
    array[:] = 3
    assert (np.asarray(image.cpu()) == 3).all()
    with pytest.raises(AttributeError, match="Call '.cpu\\(\\)'"):
        _ = image.__array_interface__
    with pytest.raises(RuntimeError, match=".cpu\\(\\)"):
        np.asarray(image)


def test_copies(image):
    host = image.cpu()
    assert host.cpu() is host and image.cuda() is image
    assert host.buffer_kind == restride.ImageBufferKind.STRIDED_HOST
    back = host.cuda()
    assert back is not image and (np.asarray(back.cpu()) == picture(60, 80)).all()


def test_dlpack_out(cp, image):
    torch = pytest.importorskip("torch")
    assert image.__dlpack_device__() == (2, image.device_id)
    for tensor in (torch.from_dlpack(image), torch.utils.dlpack.from_dlpack(image.to_dlpack())):
        assert tensor.is_cuda and (tensor.cpu().numpy() == picture(60, 80)).all()
    assert (cp.asnumpy(cp.from_dlpack(image)) == picture(60, 80)).all()
    pointer = torch.from_dlpack(image)
    del image
    assert (pointer.cpu().numpy() == picture(60, 80)).all()  # the tensor keeps the memory


def test_dlpack_in(cp, decoder, cpu_encoder):
    torch = pytest.importorskip("torch")
    stream = cpu_encoder.encode(picture(60, 80), "png")
    tensor = torch.zeros((60, 80, 3), dtype=torch.uint8, device="cuda")
    for source in (tensor, tensor.__dlpack__()):
        tensor.zero_()
        image = restride.as_image(source)
        assert decoder.decode(stream, image=image) is image
        assert (tensor.cpu().numpy() == picture(60, 80)).all()
    capsule = tensor.__dlpack__()
    restride.from_dlpack(capsule)
    with pytest.raises(ValueError, match="consumed"):
        restride.from_dlpack(capsule)


def test_planar_tensor(decoder, cpu_encoder):
    torch = pytest.importorskip("torch")
    batch = torch.zeros((3, 3, 60, 80), dtype=torch.uint8, device="cuda")
    streams = [cpu_encoder.encode(picture(60, 80, k), "png") for k in range(3)]
    images = [restride.as_image(t, sample_format=restride.SampleFormat.P_RGB) for t in batch]
    decoder.decode(streams, images=images, params=restride.DecodeParams(sample_format=restride.SampleFormat.P_RGB))
    for k in range(3):
        assert (batch[k].permute(1, 2, 0).cpu().numpy() == picture(60, 80, k)).all()


def test_numba(cp, decoder, cpu_encoder):
    cuda = pytest.importorskip("numba.cuda")
    array = cuda.device_array((60, 80, 3), np.uint8)
    decoder.decode(cpu_encoder.encode(picture(60, 80), "png"), image=restride.as_image(array))
    assert (array.copy_to_host() == picture(60, 80)).all()


def test_the_callers_device_stays(cp, decoder, streams):
    before = cp.cuda.runtime.getDevice()
    decoder.decode([streams["png"], streams["jpeg"]])
    assert cp.cuda.runtime.getDevice() == before


def test_a_forked_child_has_the_cpu(streams, tmp_path):
    (tmp_path / "a.png").write_bytes(bytes(streams["png"]))
    code = """
import os, sys, numpy as np, restride
decoder = restride.Decoder(on_error="raise")
whole = np.asarray(decoder.decode(sys.argv[1]).cpu())
child = os.fork()
if child == 0:
    try:
        cpu = restride.Decoder(backends=[restride.BackendKind.CPU_ONLY], on_error="raise")
        assert (np.asarray(cpu.decode(sys.argv[1])) == whole).all()
        restride.Encoder(backends=[restride.BackendKind.CPU_ONLY], on_error="raise").encode(whole, "jpeg")
        try:
            decoder.decode(sys.argv[1])
        except restride.DeviceError as error:
            assert "spawn" in str(error)
        else:
            os._exit(3)
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], check=True, timeout=120)


def test_imread_gives_numpy(cpu_encoder):
    pixels = picture(50, 70)
    array = restride.imread(bytes(cpu_encoder.encode(pixels, "png")))
    assert isinstance(array, np.ndarray) and (array == pixels).all()
