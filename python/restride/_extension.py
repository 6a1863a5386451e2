# SPDX-License-Identifier: Apache-2.0
"""Codecs from outside: Python functions, shared libraries, and what other packages bring along."""

from __future__ import annotations

import atexit
import dataclasses
import logging
import os
import pathlib
import threading
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from ._dtypes import DTYPES
from ._enums import ColorSpec, QualityType
from ._errors import Error, ExtensionError, InvalidArgumentError, UnsupportedError

_LOG = logging.getLogger("restride")
# restride_code of restride/c_types.h, in its order.
_CODES = ("", "invalid_argument", "unsupported", "corrupt", "truncated", "limit_exceeded", "out_of_memory", "io", "not_found",
          "device", "internal", "extension")  # fmt: skip
_GROUP = "restride.codecs"


@dataclasses.dataclass(frozen=True)
class CodecInfo:
    """What the headers of a stream say, given by a codec's ``info`` function: the array that ``decode`` will give.

    precision: significant bits of a sample, 0 for all. color_spec: SRGB, GRAY, SYCC, CMYK or YCCK; UNCHANGED: what is usual for
    so many channels. orientation: EXIF's, 1 to 8, of the stored picture; it is applied by the decoder.
    """

    height: int
    width: int
    channels: int = 3
    dtype: npt.DTypeLike = np.uint8
    precision: int = 0
    color_spec: int = ColorSpec.UNCHANGED
    orientation: int = 1


def describe(exception: BaseException) -> tuple[int, str, int | None]:
    """An exception of a codec's function as (restride_code, message, offset)."""
    if isinstance(exception, Error) and exception.code in _CODES:
        return _CODES.index(exception.code), exception.message, exception.offset
    if isinstance(exception, MemoryError):
        return _CODES.index("out_of_memory"), str(exception) or "MemoryError", None
    return _CODES.index("extension"), f"it raised {type(exception).__name__}: {exception}", None


def _type_number(dtype: npt.DTypeLike) -> int:
    try:
        return DTYPES.index(np.dtype(dtype))
    except (ValueError, TypeError):
        raise InvalidArgumentError(f"{dtype!r} is no sample type: int or uint of 8, 16 or 32 bits, float of 16, 32 or 64") from None


def _info_of(info: Callable[[bytes], CodecInfo]) -> Callable[[bytes], tuple[int, ...]]:
    def call(data: bytes) -> tuple[int, ...]:
        found = info(data)
        if not isinstance(found, CodecInfo):
            raise ExtensionError(f"info gave a {type(found).__name__}, not a CodecInfo")
        values = (found.height, found.width, found.channels, _type_number(found.dtype), found.precision, found.color_spec,
                  found.orientation)  # fmt: skip
        return tuple(int(v) for v in values)

    return call


def _decode_of(decode: Callable[[bytes], npt.ArrayLike]) -> Callable[..., None]:
    def call(data: bytes, shape: tuple[int, int, int], sample_type: int, place: memoryview, row_stride: int) -> None:
        pixels = np.asarray(decode(data))
        dtype = DTYPES[sample_type]
        given = pixels.shape + (1,) if pixels.ndim == 2 and shape[2] == 1 else pixels.shape
        if given != shape or pixels.dtype.newbyteorder("=") != dtype:
            raise ExtensionError(f"decode gave {pixels.dtype} pixels of shape {pixels.shape}, info had said {dtype} and {shape}")
        strides = (row_stride, shape[2] * dtype.itemsize, dtype.itemsize)
        np.ndarray(shape, dtype, place, strides=strides)[...] = pixels.reshape(shape)

    return call


def _encode_of(encode: Callable[..., bytes], takes_quality: bool) -> Callable[..., bytes]:
    def call(memory: memoryview, shape: tuple[int, int, int], sample_type: int, row_stride: int, quality_type: int,
             quality_value: float) -> bytes:  # fmt: skip
        quality: float | None = None
        if quality_type == QualityType.QUALITY and takes_quality:
            quality = quality_value
        elif quality_type != QualityType.DEFAULT:
            raise UnsupportedError(f"{QualityType(quality_type).name} is not understood: "
                                   + ("QualityType DEFAULT or QUALITY" if takes_quality else "QualityType DEFAULT alone"))  # fmt: skip
        dtype = DTYPES[sample_type]
        strides = (row_stride, shape[2] * dtype.itemsize, dtype.itemsize)
        # The function may keep its array, and the memory is the caller's: a copy.
        pixels = np.ndarray(shape, dtype, memory, strides=strides).copy()
        encoded = encode(pixels, quality) if takes_quality else encode(pixels)
        if not isinstance(encoded, (bytes, bytearray, memoryview)):
            raise ExtensionError(f"encode gave a {type(encoded).__name__}, not bytes")
        return bytes(encoded)

    return call


def register_codec(
    name: str,
    *,
    probe: Callable[[bytes], bool] | None = None,
    info: Callable[[bytes], CodecInfo] | None = None,
    decode: Callable[[bytes], npt.ArrayLike] | None = None,
    encode: Callable[..., bytes] | None = None,
    extensions: Iterable[str] = (),
    channels: Sequence[int] = (1, 2, 3, 4),
    dtypes: Sequence[npt.DTypeLike] = (np.uint8,),
    takes_quality: bool = False,
) -> None:
    """Adds a codec made of plain functions, for Decoders and Encoders made from now on.

    probe(data): whether a stream may be of this format; gets its first bytes, 4096 at most.
    info(data): a CodecInfo, from the headers of the whole stream.
    decode(data): the picture as an array of just that shape and type, (height, width, channels) or (height, width).
    encode(pixels): bytes, from an array (height, width, channels) with a number of channels among ``channels`` and a type among
    ``dtypes``; with takes_quality, encode(pixels, quality), where quality is 1 to 100, or None where the caller did not say.

    The functions are called under the GIL, by several threads. Batches, regions, conversion, reuse and limits are the library's
    part. A restride.Error that they raise is passed on as it is (CorruptError("bad checksum", offset=12)); any other exception, or a
    wrong result, makes an ExtensionError for that one picture. The functions are kept until Python ends.

    Raises InvalidArgumentError where the name or an extension is taken, or a function is missing.
    """
    if decode is not None and (probe is None or info is None):
        raise InvalidArgumentError(f"codec {name} decodes, but has no probe or no info")
    extensions = [str(e) for e in extensions]
    types = [_type_number(d) for d in dtypes]
    _core.register_codec(name, extensions, probe and (lambda data: bool(probe(data))), info and _info_of(info),
                         decode and _decode_of(decode), encode and _encode_of(encode, takes_quality),
                         [int(c) for c in channels], types)  # fmt: skip
    _changed()


def unregister_codec(name: str) -> None:
    """Takes back a registered codec: streams are not recognised as ``name`` any more, and new Decoders and Encoders do without."""
    _core.unregister_codec(name)
    _changed()


def load_codec_library(path: str | os.PathLike[str]) -> None:
    """Registers the codecs of a shared library made with restride/codec.h; raises where it cannot be loaded."""
    _core.load_codec_library(os.fspath(path))
    _changed()


def get_include() -> str:
    """The folder of the headers that a codec in a shared library includes (restride/codec.h)."""
    return str(pathlib.Path(__file__).parent / "include")


# What is to be done once codecs have changed; _codecs.py puts its shared objects here.
on_change: list[Callable[[], None]] = []


def _changed() -> None:
    for call in on_change:
        call()


_lock = threading.Lock()
_entries: list[tuple[str, str]] | None = None  # (entry point, why it cannot be used), once they were looked for


def load_entry_points() -> None:
    """Once: the codecs that installed packages bring along, by entry points of the group "restride.codecs".

    Each is a function without arguments that gives the path of a shared library, or registers codecs itself and gives None.
    """
    global _entries
    if _entries is not None:
        return
    with _lock:
        if _entries is not None:
            return
        _entries = []
        import importlib.metadata

        for entry in importlib.metadata.entry_points(group=_GROUP):
            label = f"{entry.name} = {entry.value}"
            try:
                path = entry.load()()
                if path is not None:
                    load_codec_library(path)
                _entries.append((label, ""))
            except Exception as error:  # somebody else's package must not break ours
                _LOG.warning("codec %s cannot be used: %s", label, error)
                _entries.append((label, f"{type(error).__name__}: {error}"))


def libraries() -> list[dict[str, str]]:
    """What is opened at run time and became of it: librestride_cuda, NVIDIA's codec libraries, and codecs from outside.

    Each is a dict of name, version, path and missing: why it cannot be used, empty where it can.
    """
    load_entry_points()
    out = [dict(zip(("name", "version", "path", "missing"), values)) for values in _core.libraries()]
    out += [{"name": label, "version": "", "path": "", "missing": why} for label, why in _entries or () if why]
    return out


atexit.register(_core.forget_codecs)
