# SPDX-License-Identifier: Apache-2.0
"""Restride: decode and encode images into memory that you already have.

The API is nvImageCodec's; see the project's documentation for what is better on purpose.
"""

from __future__ import annotations

import importlib.util
import pathlib

from . import _core, _enums, _exported
from ._code_stream import CodeStream
from ._codecs import Decoder, Encoder, imread, imwrite
from ._enums import *  # noqa: F403
from ._errors import (
    CodecWarning,
    CorruptError,
    DeviceError,
    Error,
    ExtensionError,
    InternalError,
    InvalidArgumentError,
    IoError,
    LimitExceededError,
    NotFoundError,
    OutOfMemoryError,
    TruncatedError,
    UnsupportedError,
)
from ._exported import *  # noqa: F403
from ._extension import CodecInfo, get_include, libraries, load_codec_library, register_codec, unregister_codec
from ._image import Image, as_image, as_images, from_dlpack
from ._metadata import Metadata
from ._params import Backend, CodeStreamView, DecodeParams, EncodeParams, Jpeg2kEncodeParams, JpegEncodeParams, Region

__version__: str = _core.version
__cuda_version__: int = _core.cuda_version  # of the toolkit that the GPU part was built with, as 13000; 0 where there is none
__git_sha__ = ""
NVIMGCODEC_DEVICE_CPU_ONLY = -99999
NVIMGCODEC_DEVICE_CURRENT = -1


def _nvidia_folders() -> list[str]:
    """Where pip puts NVIDIA's codec libraries: nvidia/*/lib (nvCOMP: lib64), in every place of that namespace package."""
    spec = importlib.util.find_spec("nvidia")
    places = spec.submodule_search_locations if spec is not None else None
    return [str(lib) for place in places or () for lib in sorted(pathlib.Path(place).glob("*/lib*")) if lib.is_dir()]


_core.set_library_folders(_nvidia_folders())


def memory_stats() -> dict[str, dict[str, int]]:
    """Counts of every allocation made through the library's memory resources.

    Returns
    -------
    dict of dict of int
        "host", "pinned" and "device"; in each "allocations", "deallocations", "bytes_in_use" and "peak_bytes".
    """
    return _core.memory_stats()


def backends() -> list[dict[str, object]]:
    """Every codec of this process, in order of preference within a format.

    Returns
    -------
    list of dict
        name, format, kind (a BackendKind), decodes, encodes and version (of the library behind it, where known).
    """
    return [{"name": name, "format": format_, "kind": _enums.BackendKind(kind), "decodes": decodes, "encodes": encodes,
             "version": version} for name, format_, kind, decodes, encodes, version in _core.backends()]  # fmt: skip


def device_count() -> int:
    """CUDA devices that can be used; with 0, device_missing_reason() says what is missing.

    Returns
    -------
    int
    """
    return _core.device_count()


def device_missing_reason() -> str:
    """Why device_count() is 0.

    Returns
    -------
    str
        Empty where it is not 0.
    """
    return _core.device_missing_reason()


def trim_memory() -> None:
    """Gives device and pinned memory that is kept for reuse, and is not in use, back to the driver."""
    _core.trim_memory()


__all__ = [
    "Backend", "CodecInfo", "CodeStream", "CodeStreamView", "CodecWarning", "CorruptError", "DecodeParams", "Decoder", "DeviceError",
    "EncodeParams", "Encoder", "Error", "ExtensionError", "Image", "InternalError", "InvalidArgumentError", "IoError", "Jpeg2kEncodeParams",
    "JpegEncodeParams", "LimitExceededError", "Metadata", "NotFoundError", "OutOfMemoryError", "Region", "TruncatedError",
    "UnsupportedError", "as_image", "as_images", "backends", "device_count", "device_missing_reason",
    "from_dlpack", "get_include", "imread", "imwrite", "libraries", "load_codec_library", "memory_stats", "register_codec",
    "trim_memory", "unregister_codec",
]  # fmt: skip
__all__ += _enums.__all__
__all__ += _exported.__all__


