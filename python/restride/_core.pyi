# SPDX-License-Identifier: Apache-2.0
# Written by scripts/stubs.py.
"""Native part of restride; use the restride package."""

from typing import Any
from collections.abc import Sequence


version: str

cuda_version: int

class CodeStream:
    def __init__(self, arg: CodeStream, /) -> None: ...

    @staticmethod
    def _open(arg: str, /) -> CodeStream: ...

    @staticmethod
    def _borrow(arg: object, /) -> CodeStream: ...

    @staticmethod
    def _create(arg0: int, arg1: bool, /) -> CodeStream: ...

    def _describe(self) -> tuple[Any, ...]: ...

    def _sub(self, image: int, region: tuple[int, int, int, int] | None, fill: Sequence[float], offset: int | None, limit: int) -> CodeStream: ...

    def _bytes(self) -> bytes: ...

    @property
    def _is_view(self) -> bool: ...

    @property
    def size(self) -> int:
        """Bytes of the encoded stream."""

    @property
    def capacity(self) -> int:
        """Bytes that the buffer can hold."""

    @property
    def pin_memory(self) -> bool:
        """True if the buffer is pinned, where a GPU is in use."""

    @property
    def _writable(self) -> bool: ...

class Image:
    def __init__(self, memory: int = 0) -> None: ...

    def _transfer(self, arg0: Image, arg1: int, arg2: int, arg3: bool, /) -> None: ...

    def _wait_on(self, arg: int, /) -> None: ...

    @property
    def _memory(self) -> int: ...

    @property
    def device_id(self) -> int:
        """Ordinal of the device that holds the pixels; -1: host memory."""

    @property
    def cuda_stream(self) -> int:
        """
        Handle of the stream on which the pixels were last written; 0: the default stream.
        """

    def _wrap(self, arg0: int, arg1: int, arg2: int, arg3: int, arg4: int, arg5: int, arg6: int, arg7: int, arg8: int, arg9: int, arg10: int, arg11: int, arg12: int, arg13: object, /) -> None: ...

    @property
    def _spec(self) -> tuple[Any, ...]: ...

    @property
    def _strides(self) -> tuple[Any, ...]: ...

    @property
    def _address(self) -> int: ...

    @property
    def _contiguous(self) -> bool: ...

    @property
    def _borrowed(self) -> bool: ...

    @property
    def size(self) -> int:
        """Bytes of the current picture, without padding."""

    @property
    def capacity(self) -> int:
        """Bytes that the buffer can hold."""

def _dlpack_export(arg: object, /) -> object: ...

def _dlpack_import(arg: object, /) -> tuple[Any, ...]: ...

class Decoder:
    def __init__(self, arg0: int, arg1: int, arg2: Sequence[tuple[int, float, int]], arg3: str, arg4: bool, /) -> None: ...

    def decode(self, streams: Sequence[CodeStream], images: Sequence[Image], params: tuple[bool, int, int, bool, int, int | None, int | None, tuple[int, int]], stream: int, exact_shape: bool) -> list[Any]: ...

    def decode_one(self, arg0: object, arg1: Image, arg2: tuple[bool, int, int, bool, int, int | None, int | None, tuple[int, int]], arg3: int, /) -> object: ...

    @property
    def device(self) -> int: ...

    @property
    def output_memory(self) -> int: ...

class Encoder:
    def __init__(self, arg0: int, arg1: int, arg2: Sequence[tuple[int, float, int]], arg3: str, arg4: bool, /) -> None: ...

    def encode(self, images: Sequence[Image], codec: str, streams: Sequence[CodeStream], params: tuple[Any, ...], stream: int) -> list[Any]: ...

    def encode_one(self, arg0: object, arg1: str, arg2: CodeStream, arg3: tuple[Any, ...], arg4: int, /) -> object: ...

    def write(self, images: Sequence[Image], paths: Sequence[str], codec: str, params: tuple[Any, ...], stream: int) -> list[Any]: ...

    @property
    def device(self) -> int: ...

def set_library_folders(arg: Sequence[str], /) -> None: ...

def device_count() -> int: ...

def device_missing_reason() -> str: ...

def current_device() -> int: ...

def device_of(arg: int, /) -> int: ...

def order(arg0: int, arg1: int, arg2: int, arg3: int, /) -> None: ...

def synchronize(arg0: int, arg1: int, /) -> None: ...

def trim_memory() -> None: ...

def backends() -> list[Any]: ...

def read_metadata(stream: CodeStream, kind: int | None) -> list[Any]: ...

def read_tiff_tag(stream: CodeStream, id: int) -> object: ...

def memory_stats() -> dict[str, Any]: ...

def codec_for(arg: str, /) -> str: ...
