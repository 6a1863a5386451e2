# SPDX-License-Identifier: Apache-2.0
"""Metadata: what a file says beside its pixels."""

from __future__ import annotations

import struct
from typing import Any

from . import _core
from ._enums import MetadataFormat, MetadataKind, MetadataType

_LARGEST_TAG = 65535
# struct's codes of the types whose values are single numbers
_NUMBERS = {
    MetadataType.SHORT: "H", MetadataType.LONG: "I", MetadataType.SBYTE: "b", MetadataType.SSHORT: "h", MetadataType.SLONG: "i",
    MetadataType.FLOAT: "f", MetadataType.DOUBLE: "d", MetadataType.IFD: "I", MetadataType.LONG8: "Q", MetadataType.SLONG8: "q",
    MetadataType.IFD8: "Q",
}  # fmt: skip
_PAIRS = {MetadataType.RATIONAL: "I", MetadataType.SRATIONAL: "i"}
_ORIENTATION = 274


class Metadata:
    """One block of what a file says beside its pixels. Read-only.

    Parameters
    ----------
    kind : MetadataKind, optional
        EXIF, ICC_PROFILE, XMP, TIFF_TAG, GEO, ...
    format : MetadataFormat, optional
        How the bytes are to be read.
    buffer : bytes, optional
        The block's bytes. EXIF starts at its TIFF header; a TIFF tag's values are in the machine's byte order, and ``value``
        gives them as Python objects.
    value_type : MetadataType, optional
        Type of a TIFF tag's values.
    id : int, optional
        Number of a TIFF tag.
    value_count : int, optional
        How many values a TIFF tag has.
    """

    __slots__ = ("_kind", "_format", "_type", "_id", "_count", "_buffer")

    def __init__(self, kind: int = MetadataKind.UNKNOWN, format: int = MetadataFormat.UNKNOWN, buffer: bytes = b"", *,
                 value_type: int = MetadataType.UNKNOWN, id: int = 0, value_count: int = 0) -> None:  # fmt: skip
        self._kind = MetadataKind(kind)
        self._format = MetadataFormat(format)
        self._type = MetadataType(value_type)
        self._id = int(id)
        self._count = int(value_count)
        self._buffer = bytes(buffer)

    @property
    def kind(self) -> MetadataKind:
        return self._kind

    @property
    def format(self) -> MetadataFormat:
        return self._format

    @property
    def value_type(self) -> MetadataType:
        """Type of a TIFF tag's values."""
        return self._type

    @property
    def id(self) -> int:
        """Number of a TIFF tag."""
        return self._id

    @property
    def value_count(self) -> int:
        """How many values a TIFF tag has."""
        return self._count

    @property
    def buffer(self) -> bytes:
        return self._buffer

    @property
    def buffer_size(self) -> int:
        return len(self._buffer)

    @property
    def value(self) -> Any:
        """A tag's values: str, int, float or (numerator, denominator), a list where there are several; bytes otherwise.

        None where the buffer is empty.
        """
        if not self._buffer:
            return None
        if self._type == MetadataType.ASCII:
            return self._buffer.rstrip(b"\0").decode("utf-8", "replace")
        if self._type == MetadataType.BYTE or self._type == MetadataType.UNDEFINED:
            return self._buffer[0] if self._count == 1 else self._buffer
        values: list[Any]
        if self._type in _NUMBERS:
            code = _NUMBERS[self._type]
            values = list(struct.unpack(f"={len(self._buffer) // struct.calcsize('=' + code)}{code}", self._buffer))
        elif self._type in _PAIRS:
            values = list(struct.iter_unpack(f"=2{_PAIRS[self._type]}", self._buffer))
        else:
            return self._buffer
        return values[0] if len(values) == 1 and self._kind != MetadataKind.TIFF_TAG_LIST else values

    def with_orientation(self, orientation: int = 1) -> Metadata:
        """A copy of an EXIF block that says another orientation, where it says any.

        Parameters
        ----------
        orientation : int, optional
            1 to 8, as EXIF has it; 1 for pixels that are upright already.

        Returns
        -------
        Metadata

        Raises
        ------
        ValueError
            The block is no EXIF or damaged, or there is no such orientation.
        """
        if self._kind != MetadataKind.EXIF:
            raise ValueError(f"only EXIF blocks have an orientation, not {self._kind}")
        if not 1 <= orientation <= 8:
            raise ValueError(f"orientation is 1 to 8, not {orientation}")
        out = bytearray(self._buffer)
        order = "<" if out[:2] == b"II" else ">"
        try:
            (start,) = struct.unpack_from(order + "I", out, 4)
            (entries,) = struct.unpack_from(order + "H", out, start)
            for at in range(start + 2, start + 2 + 12 * entries, 12):
                tag, kind = struct.unpack_from(order + "HH", out, at)
                if tag == _ORIENTATION and kind == MetadataType.SHORT:
                    struct.pack_into(order + "H", out, at + 8, orientation)
        except struct.error:
            raise ValueError("the EXIF block is damaged: its first directory is cut off") from None
        return Metadata(self._kind, self._format, bytes(out))

    def _tuple(self) -> tuple[int, int, int, int, int, bytes]:
        return int(self._kind), int(self._format), int(self._type), self._id, self._count, self._buffer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self._tuple() == other._tuple()

    def __hash__(self) -> int:
        return hash(self._tuple())

    def __repr__(self) -> str:
        return (f"Metadata(kind={self._kind} format={self._format} value_type={self._type} id={self._id} "
                f"value_count={self._count} buffer_size={len(self._buffer)})")  # fmt: skip


def _of(values: tuple[int, int, int, int, int, bytes]) -> Metadata:
    kind, form, value_type, tag, count, buffer = values
    return Metadata(kind, form, buffer, value_type=value_type, id=tag, value_count=count)


def get_metadata(stream: Any, kind: int | None, id: int | None) -> Any:
    """See Decoder.get_metadata."""
    if id is None:
        return [_of(m) for m in _core.read_metadata(stream, None if kind is None else int(kind))]
    if kind is not None and kind != MetadataKind.TIFF_TAG:
        raise ValueError(f"id= selects a TIFF tag: kind must be MetadataKind.TIFF_TAG, not {MetadataKind(kind)}")
    if not 0 <= id <= _LARGEST_TAG:
        raise ValueError(f"TIFF tag ID must be in range [0, 65535] (16-bit unsigned), got {id}")
    found: Any = _core.read_tiff_tag(stream, int(id))
    return None if found is None else _of(found)
