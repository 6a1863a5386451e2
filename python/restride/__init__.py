# SPDX-License-Identifier: Apache-2.0
"""Restride: decode and encode images into memory that you already have.

The API is nvImageCodec's; see the project's documentation for what is better on purpose.
"""

from __future__ import annotations

from . import _core, _enums
from ._code_stream import CodeStream
from ._codecs import Decoder, Encoder, imread, imwrite
from ._enums import *  # noqa: F403
from ._errors import (
    CodecWarning,
    CorruptError,
    DeviceError,
    Error,
    InternalError,
    InvalidArgumentError,
    IoError,
    LimitExceededError,
    NotFoundError,
    OutOfMemoryError,
    TruncatedError,
    UnsupportedError,
)
from ._image import Image, as_image, as_images, from_dlpack
from ._params import Backend, CodeStreamView, DecodeParams, EncodeParams, Jpeg2kEncodeParams, JpegEncodeParams, Region

__version__: str = _core.version
NVIMGCODEC_DEVICE_CPU_ONLY = -99999
NVIMGCODEC_DEVICE_CURRENT = -1

globals().update(_enums.exported_members())


def memory_stats() -> dict[str, dict[str, int]]:
    """Counts of every allocation made through the library's memory resources: host, pinned and device."""
    return _core.memory_stats()  # type: ignore[no-any-return]


__all__ = [
    "Backend", "CodeStream", "CodeStreamView", "CodecWarning", "CorruptError", "DecodeParams", "Decoder", "DeviceError",
    "EncodeParams", "Encoder", "Error", "Image", "InternalError", "InvalidArgumentError", "IoError", "Jpeg2kEncodeParams",
    "JpegEncodeParams", "LimitExceededError", "NotFoundError", "OutOfMemoryError", "Region", "TruncatedError",
    "UnsupportedError", "as_image", "as_images", "from_dlpack", "imread", "imwrite", "memory_stats",
    *_enums.__all__,
]  # fmt: skip


