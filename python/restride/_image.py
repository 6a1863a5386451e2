# SPDX-License-Identifier: Apache-2.0
"""Image: pixels in memory that is reused, and the ways in and out."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._dtypes import DTYPES
from ._enums import ColorSpec, ImageBufferKind, SampleFormat
from ._errors import DeviceError, WrongMemoryError

_CHANNELS = {3: 1, 4: 1, 5: 2, 6: 2, 7: 3, 8: 3, 9: 3, 10: 3, 11: 3, 12: 3, 13: 4, 14: 4, 15: 4, 16: 4, 17: 4, 18: 4}
_DEFAULTS = {1: (SampleFormat.I_Y, ColorSpec.GRAY), 2: (SampleFormat.I_YA, ColorSpec.GRAY),
             3: (SampleFormat.I_RGB, ColorSpec.SRGB), 4: (SampleFormat.I_RGBA, ColorSpec.SRGB)}  # fmt: skip
_TYPES: dict[tuple[str, int], int] = {(d.kind, d.itemsize): i for i, d in enumerate(DTYPES)}
_PINNED, DEVICE = 1, 2  # values of the native Memory; 0 is host
_DL_CPU, _DL_CUDA, _DL_CUDA_HOST, _DL_CUDA_MANAGED = 1, 2, 3, 13  # DLPack's device types
_LEGACY_STREAM = 1  # how the array interface and DLPack call the default stream


class Image(_core.Image):
    """Pixels, (H, W, C) or planar (C, H, W). Made by a decoder or by as_image; has no public constructor.

    Its buffer grows when a larger picture is decoded into it and never shrinks; memory given by as_image is never
    reallocated. Not safe for concurrent use by itself.
    """

    @property
    def width(self) -> int:
        return self._spec[1]  # type: ignore[no-any-return]

    @property
    def height(self) -> int:
        return self._spec[0]  # type: ignore[no-any-return]

    @property
    def num_channels(self) -> int:
        return self._spec[2]  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return 3

    @property
    def dtype(self) -> np.dtype[Any]:
        return DTYPES[int(self._spec[3])]

    @property
    def precision(self) -> int:
        """Significant bits of a sample."""
        return self._spec[4] or self.dtype.itemsize * 8

    @property
    def sample_format(self) -> SampleFormat:
        return SampleFormat(self._spec[5])

    @property
    def color_spec(self) -> ColorSpec:
        return ColorSpec(self._spec[6])

    @property
    def _planar(self) -> bool:
        return bool(self._spec[5] > 0 and self._spec[5] % 2 == 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        h, w, c = self._spec[:3]
        return (c, h, w) if self._planar else (h, w, c)

    @property
    def strides(self) -> tuple[int, int, int]:
        """Bytes from row to row, pixel to pixel, channel to channel, in the order of ``shape``."""
        row, pixel, channel = self._strides
        return (channel, row, pixel) if self._planar else (row, pixel, channel)

    @property
    def buffer_kind(self) -> ImageBufferKind:
        return ImageBufferKind.STRIDED_DEVICE if self._memory == DEVICE else ImageBufferKind.STRIDED_HOST

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self._memory == DEVICE:
            raise WrongMemoryError("Unable to initialize __array_interface__: Image buffer is not in host memory (expected host buffer for "
                                   "__array_interface__). Call '.cpu()' on the image to obtain a host-backed image before using the array "
                                   "interface.")  # fmt: skip
        return self._interface()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self._memory != DEVICE:
            raise WrongMemoryError("Unable to initialize __cuda_array_interface__: Image buffer is not on device (expected device buffer "
                                   "for __cuda_array_interface__). Call '.cuda()' on the image to obtain a device-backed image before "
                                   "using the CUDA array interface.")  # fmt: skip
        return self._interface() | {"stream": self.cuda_stream or _LEGACY_STREAM}

    def _interface(self) -> dict[str, Any]:
        return {"version": 3, "shape": self.shape, "typestr": self.dtype.str, "data": (self._address, False),
                "strides": None if self._contiguous else self.strides}  # fmt: skip

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self._memory == DEVICE:
            raise RuntimeError("the image is in device memory, which NumPy cannot read: call '.cpu()' first")
        array = np.asarray(_View(self))
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError("Unable to avoid a copy: the dtype asked for is not the image's")
            return array.astype(dtype)
        return array.copy() if copy else array

    def cpu(self) -> Image:
        """This image in host memory.

        Returns
        -------
        Image
            Itself if it is there, else a copy in pinned memory, complete on return.
        """
        if self._memory != DEVICE:
            return self
        copy = Image(_PINNED)
        self._transfer(copy, 0, -1, True)
        return copy

    def cuda(self, synchronize: bool = True, device_id: int = -1, cuda_stream: int = 0) -> Image:
        """This image in the memory of a GPU.

        Parameters
        ----------
        synchronize : bool, optional
            Wait until the copy is complete.
        device_id : int, optional
            Which GPU; -1: the current one.
        cuda_stream : int, optional
            Handle of the CUDA stream that the copy is queued on.

        Returns
        -------
        Image
            Itself if it is there, else a copy.

        Raises
        ------
        DeviceError
            There is no GPU to use, and why.
        """
        if self._memory == DEVICE and device_id in (-1, self.device_id):
            return self
        if _core.device_count() == 0:
            raise DeviceError(f"the image stays in host memory: {_core.device_missing_reason()}")
        copy = Image(DEVICE)
        self._transfer(copy, cuda_stream, _core.current_device() if device_id == -1 else device_id, synchronize)
        return copy

    def to_dlpack(self, cuda_stream: Any = None) -> Any:
        """These pixels as a DLPack capsule, without a copy; it keeps the image alive.

        Parameters
        ----------
        cuda_stream : int, optional
            Work queued on that CUDA stream from now on sees the pixels.

        Returns
        -------
        capsule
        """
        return self.__dlpack__(stream=cuda_stream)

    def __dlpack__(self, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            if tuple(dl_device) == (_DL_CPU, 0) and copy is not False:
                return self.cpu().__dlpack__()
            raise BufferError("the image can only be exported where it is: see .cpu() and .cuda()")
        if copy:
            raise BufferError("the image is exported without a copy only")
        if self._memory == DEVICE and stream != -1:
            self._wait_on(int(stream or 0))
        return _core._dlpack_export(self)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (_DL_CUDA, self.device_id) if self._memory == DEVICE else (_DL_CPU, 0)

    def __repr__(self) -> str:
        where = f" device_id={self.device_id}" if self._memory == DEVICE else ""
        return f"Image(shape={self.shape} dtype={self.dtype} {self.color_spec} {self.sample_format} capacity={self.capacity}{where})"

    def _repr_png_(self) -> bytes | None:
        """A thumbnail of at most 320 x 320 pixels for notebooks; None where there is nothing that PNG could show."""
        from ._codecs import png_of  # Image is what codecs stand on

        small = _thumbnail(self.cpu())
        return None if small is None else png_of(small)


class _View:
    """What NumPy needs to make a view that keeps the image alive."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.__array_interface__ = image.__array_interface__


_THUMBNAIL = 320  # rows and columns at most


def _thumbnail(image: Image) -> Image | None:
    """The mean of each block of pixels, as uint8, with the meaning that the channels have."""
    pixels = np.asarray(image)
    if image._planar:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.size == 0:
        return None
    step = max(1, -(-max(pixels.shape[:2]) // _THUMBNAIL))
    rows, columns = (max(1, n // step) for n in pixels.shape[:2])
    block_rows, block_columns = (min(step, n) for n in pixels.shape[:2])
    pixels = pixels[: rows * block_rows, : columns * block_columns]
    blocks = pixels.reshape(rows, block_rows, columns, block_columns, -1)
    small: np.ndarray[Any, Any] = blocks.mean((1, 3), dtype=np.float64)
    if image.dtype.kind == "i":  # as conversion to 8 bits has it: signed samples are moved up
        small += 2 ** (image.precision - 1)
    small *= 255.0 if image.dtype.kind == "f" else 255.0 / (2**image.precision - 1)
    small = np.nan_to_num(small).clip(0, 255).round().astype(np.uint8)
    small = np.ascontiguousarray(small if small.shape[2] <= 4 else small[..., :3])
    form = int(image.sample_format) + 1 if image._planar else int(image.sample_format)
    known = form in _CHANNELS and _CHANNELS[form] == small.shape[2]
    return as_image(small, sample_format=form if known else None, color_spec=int(image.color_spec) if known else None)


def _check_format(format_: int, channels: int) -> None:
    need = _CHANNELS.get(int(format_), 0)
    if need > channels:
        raise ValueError("Invalid sample_format for the number of channels. Sample format requires at least "
                         f"{need} channel(s), but image has only {channels} channel(s).")  # fmt: skip


def _wrap(owner: Any, address: int, shape: tuple[int, ...], strides: tuple[int, ...] | None, kind: str, itemsize: int,
          sample_format: int | None, color_spec: int | None, precision: int | None, device: int = -1,
          cuda_stream: int = 0) -> Image:  # fmt: skip
    if len(shape) < 2:
        raise RuntimeError("Unexpected number of dimensions. At least 2 dimensions are expected.")
    if len(shape) > 3:
        raise RuntimeError("Unexpected number of dimensions. At most 3 dimensions are expected.")
    if (kind, itemsize) not in _TYPES:
        raise RuntimeError("Sample data type not supported, must be UNSIGNED, SIGNED, FLOAT")
    planar = sample_format is not None and int(sample_format) > 0 and int(sample_format) % 2 == 1
    if strides is None:
        dense = []
        step = itemsize
        for n in reversed(shape):
            dense.append(step)
            step *= n
        strides = tuple(reversed(dense))
    if len(shape) == 2:
        shape = (1, *shape) if planar else (*shape, 1)
        strides = (shape[1] * strides[0], *strides) if planar else (*strides, itemsize)
    if planar:
        (channels, height, width), (channel_stride, row_stride, pixel_stride) = shape, strides
    else:
        (height, width, channels), (row_stride, pixel_stride, channel_stride) = shape, strides
    if channels < 1:
        raise RuntimeError("Unexpected number of channels. At least 1 channel is expected.")
    if channels == 1 and not planar:
        channel_stride = itemsize
    dense_pixels = pixel_stride == (itemsize if planar else itemsize * channels) and (planar or channel_stride == itemsize)
    if width == 1 and not planar:  # NumPy may give any stride along an axis of one
        dense_pixels, pixel_stride = channels == 1 or channel_stride == itemsize, itemsize * channels
    row_bytes = width * itemsize * (1 if planar else channels)
    if not dense_pixels or (row_stride < row_bytes and height > 1) or (planar and channels > 1 and channel_stride != row_stride * height):
        raise RuntimeError("Unexpected array style. Padding is only allowed for rows. Other dimensions should have contiguous strides.")
    if precision is not None and precision < 0:
        raise ValueError(f"Invalid precision {precision}. Precision must be a non-negative integer.")
    if precision is not None and precision > 8 * itemsize:
        raise ValueError(f"Precision {precision} exceeds the bitdepth of the sample type ({8 * itemsize} bits).")
    default_format, default_color = _DEFAULTS.get(channels, (SampleFormat.UNKNOWN, ColorSpec.UNKNOWN))
    if sample_format is not None and int(sample_format) == SampleFormat.UNKNOWN:
        raise ValueError("sample_format=UNKNOWN is not a valid as_image argument. Use a concrete I_*/P_* format, I_UNCHANGED / "
                         "P_UNCHANGED, or omit the argument to use the channel-count default.")  # fmt: skip
    format_ = default_format if sample_format is None else sample_format
    _check_format(format_, channels)
    color = color_spec
    if color is None:
        named = {3: ColorSpec.GRAY, 5: ColorSpec.GRAY, 7: ColorSpec.SRGB, 9: ColorSpec.SRGB, 11: ColorSpec.SYCC, 13: ColorSpec.SRGB,
                 15: ColorSpec.YCCK, 17: ColorSpec.CMYK}  # fmt: skip
        odd = int(format_) if int(format_) % 2 else int(format_) - 1
        color = default_color if sample_format is None else named.get(odd, default_color)
    image = Image()
    image._wrap(address, height, width, channels, _TYPES[(kind, itemsize)], precision or 8 * itemsize, int(format_), int(color),
                max(row_stride, row_bytes) if height == 1 else row_stride, pixel_stride, channel_stride, device, cuda_stream,
                owner)  # fmt: skip
    return image


def _is_capsule(source: Any) -> bool:
    return type(source).__name__ == "PyCapsule"


def from_dlpack(source: Any, cuda_stream: int = 0, *, sample_format: int | None = None, color_spec: int | None = None,
                precision: int | None = None) -> Image:  # fmt: skip
    """An Image over a DLPack tensor of three dimensions, without a copy.

    Parameters
    ----------
    source : capsule, or object with ``__dlpack__``
        Kept alive as long as the Image.
    cuda_stream, sample_format, color_spec, precision
        As with as_image().

    Returns
    -------
    Image

    Raises
    ------
    RuntimeError
        Other dimensions, types or devices than an Image can have.
    """
    if _is_capsule(source):
        capsule = source
    elif source.__dlpack_device__()[0] in (_DL_CUDA, _DL_CUDA_MANAGED):
        capsule = source.__dlpack__(stream=cuda_stream or _LEGACY_STREAM)  # its producer makes that stream wait
    else:
        capsule = source.__dlpack__()
    address, shape, strides, kind, itemsize, device_type, device, owner = _core._dlpack_import(capsule)
    if device_type not in (_DL_CPU, _DL_CUDA, _DL_CUDA_HOST, _DL_CUDA_MANAGED):
        raise RuntimeError("Unsupported device in DLTensor. Only CUDA-accessible and host memory buffers can be wrapped")
    if len(shape) < 3:
        raise RuntimeError("DLPack tensor number of dimension is lower than expected at least 3")
    if len(shape) > 3:
        raise RuntimeError("DLPack tensor number of dimension is higher than the supported maxdims=3")
    on_device = device_type in (_DL_CUDA, _DL_CUDA_MANAGED)
    return _wrap((owner, source), address, tuple(shape), tuple(strides), kind, itemsize, sample_format, color_spec, precision,
                 device if on_device else -1, cuda_stream)  # fmt: skip


def _from_interface(source: Any, interface: dict[str, Any], name: str, cuda_stream: int, **meaning: int | None) -> Image:
    if any(field not in interface for field in ("shape", "typestr", "data", "version")):
        raise RuntimeError(f"Unsupported {name} with missing field(s)")
    if interface["version"] < 2:
        raise RuntimeError(f"Unsupported {name} with version < 2")
    address = interface["data"][0]
    device = -1
    if name == "__cuda_array_interface__":
        device = _core.device_of(address)
        if device < 0:
            raise DeviceError("the array's memory is on no device that can be used here: "
                              + (_core.device_missing_reason() or "the pointer belongs to none"))  # fmt: skip
        stream = interface.get("stream")
        if stream == 0:
            raise RuntimeError("Invalid for stream to be 0")
        if stream is not None:
            _core.order(cuda_stream, device, stream, device)
    dtype = np.dtype(interface["typestr"])
    strides = interface.get("strides")
    return _wrap(source, address, tuple(interface["shape"]), None if strides is None else tuple(strides), dtype.kind, dtype.itemsize,
                 device=device, cuda_stream=cuda_stream, **meaning) # fmt: skip


def as_image(source: Any, cuda_stream: int = 0, *, sample_format: int | None = None, color_spec: int | None = None,
             precision: int | None = None) -> Image:  # fmt: skip
    """An Image over the memory of an array, without a copy.

    Parameters
    ----------
    source : object with ``__array_interface__``, ``__cuda_array_interface__`` or ``__dlpack__``
        Kept alive as long as the Image. Rows may be padded; pixels within a row must be dense.
    cuda_stream : int, optional
        Device memory is used in the order of this CUDA stream, which is made to wait for the one that ``source`` names.
    sample_format : SampleFormat, optional
        What the channels mean; by their number if not given. P_ formats take (C, H, W), others (H, W, C) or (H, W).
    color_spec : ColorSpec, optional
        By ``sample_format`` if not given.
    precision : int, optional
        Significant bits of a sample; all if not given.

    Returns
    -------
    Image
        ``source`` itself if it is one.

    Raises
    ------
    RuntimeError
        The array has another layout or type than an Image can have.
    ValueError
        More channels are needed for ``sample_format`` than there are.
    """
    if isinstance(source, Image):
        return source
    if _is_capsule(source):
        return from_dlpack(source, cuda_stream, sample_format=sample_format, color_spec=color_spec, precision=precision)
    meaning = {"sample_format": sample_format, "color_spec": color_spec, "precision": precision}
    for name in ("__cuda_array_interface__", "__array_interface__"):
        interface = getattr(source, name, None)
        if interface is not None:
            return _from_interface(source, interface, name, cuda_stream, **meaning)
    if hasattr(source, "__dlpack__"):
        return from_dlpack(source, cuda_stream, sample_format=sample_format, color_spec=color_spec, precision=precision)
    raise RuntimeError("Object does not support neither __cuda_array_interface__ nor __dlpack__")


def as_images(sources: Any, cuda_stream: int = 0, *, sample_format: int | None = None, color_spec: int | None = None,
              precision: int | None = None) -> list[Image]:  # fmt: skip
    """as_image() for each of several arrays.

    Parameters
    ----------
    sources : iterable of arrays
        As with as_image().
    cuda_stream, sample_format, color_spec, precision
        As with as_image(), for all of them.

    Returns
    -------
    list of Image
    """
    return [as_image(s, cuda_stream, sample_format=sample_format, color_spec=color_spec, precision=precision) for s in sources]
