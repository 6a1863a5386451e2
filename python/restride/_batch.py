# SPDX-License-Identifier: Apache-2.0
"""One array for a whole batch: (N, H, W, C) or (N, C, H, W), in host or device memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._enums import SampleFormat
from ._image import Image, _wrap

_DL_CPU, _DL_CUDA, _DL_CUDA_HOST, _DL_CUDA_MANAGED = 1, 2, 3, 13


def _describe(array: Any, cuda_stream: int) -> tuple[Any, int, tuple[int, ...], tuple[int, ...], str, int, int]:
    """(owner, address, shape, strides in bytes, kind, bytes a sample, device or -1) of what can be written to in place."""
    for name in ("__cuda_array_interface__", "__array_interface__"):
        interface = getattr(array, name, None)
        if interface is None:
            continue
        address, read_only = interface["data"]
        if read_only:
            raise ValueError("out= is a read-only array")
        dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
        strides = interface.get("strides")
        if strides is None:
            strides = tuple(int(np.prod(shape[i + 1 :], dtype=np.int64)) * dtype.itemsize for i in range(len(shape)))
        if dtype.byteorder == ">":
            raise ValueError("out= is an array of the other byte order")
        device = _core.device_of(address) if name == "__cuda_array_interface__" else -1
        return array, address, shape, tuple(strides), dtype.kind, dtype.itemsize, device
    if not hasattr(array, "__dlpack__"):
        raise TypeError(f"decode(): incompatible function arguments: out is a {type(array).__name__}, not an array")
    on_device = array.__dlpack_device__()[0] in (_DL_CUDA, _DL_CUDA_MANAGED)
    capsule = array.__dlpack__(stream=cuda_stream or 1) if on_device else array.__dlpack__()
    address, shape, strides, kind, itemsize, _, device, owner = _core._dlpack_import(capsule)
    return (owner, array), address, tuple(shape), tuple(strides), kind, itemsize, device if on_device else -1


def slots(array: Any, count: int, planar: bool, cuda_stream: int) -> list[Image]:
    """The first `count` places of `array` as Images over its memory."""
    owner, address, shape, strides, kind, itemsize, device = _describe(array, cuda_stream)
    layout = "(N, C, H, W)" if planar else "(N, H, W, C)"
    if len(shape) == 3:  # no channel axis: one channel
        at = 1 if planar else 3
        shape, strides = (*shape[:at], 1, *shape[at:]), (*strides[:at], itemsize, *strides[at:])
        if planar:
            strides = (strides[0], shape[2] * strides[2], *strides[2:])
    if len(shape) != 4:
        raise ValueError(f"out= has {len(shape)} dimensions; a batch has 4: {layout}")
    if shape[0] < count:
        raise ValueError(f"out= has room for {shape[0]} pictures, but there are {count} sources")
    rows, row_stride = (shape[2], strides[2]) if planar else (shape[1], strides[1])
    if shape[0] > 1 and strides[0] < (shape[1] * strides[1] if planar else rows * row_stride):
        raise ValueError("the pictures of out= overlap")
    form = SampleFormat.P_UNCHANGED if planar else SampleFormat.I_UNCHANGED
    return [_wrap(owner, address + i * strides[0], shape[1:], strides[1:], kind, itemsize, form, None, None, device, cuda_stream)
            for i in range(count)]  # fmt: skip
