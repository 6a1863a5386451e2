# SPDX-License-Identifier: Apache-2.0
"""CodeStream: encoded bytes and what their headers say."""

from __future__ import annotations

import errno
import os
from typing import Any

import numpy as np

from . import _core, _extension
from ._dtypes import DTYPES
from ._enums import ChromaSubsampling, ColorSpec, SampleFormat
from ._errors import Error, NotFoundError
from ._params import CodeStreamView, Region


class CodeStream(_core.CodeStream):
    """Encoded bytes, and what their headers say.

    Headers are parsed once, on the first property asked for. Safe to use from several threads, except while it is encoded
    into.

    Parameters
    ----------
    source : bytes, 1-D uint8 array, path, open binary file, or int
        Bytes and arrays are not copied but kept alive. Files below 16 MiB are read, larger ones mapped: they must not change while the
        stream lives. A number makes an empty stream of that capacity, to encode into.
    bitstream_offset : int, optional
        TIFF: start at the directory at this offset.
    limit_images : int, optional
        TIFF: see so many directories at most; 0: all.
    pin_memory : bool, optional
        Of an empty stream: memory that a GPU can read and write directly.
    pre_allocated_size, filename, bytes, array : optional
        Other names of ``source``.

    Raises
    ------
    NotFoundError
        There is no such file.
    TypeError
        ``source`` is something else.
    """

    def __init__(self, source: Any = 0, bitstream_offset: Any = None, limit_images: int = 0, *, pin_memory: bool = True,
                 pre_allocated_size: int | None = None, filename: Any = None, bytes: Any = None, array: Any = None) -> None:  # fmt: skip
        self._source: Any = None
        _extension.load_entry_points()
        for given in (filename, bytes, array, pre_allocated_size):
            if given is not None:
                source = given
        native = self._make(source, bitstream_offset, pin_memory)
        offset = None if isinstance(source, (int, np.integer)) and not isinstance(source, bool) else (bitstream_offset or None)
        if offset is not None or limit_images:
            native = native._sub(0, None, [], offset, limit_images)
        super().__init__(native)
        self._view: CodeStreamView | None = None
        if offset is not None:
            self._view = CodeStreamView(0, None, offset, limit_images)

    def _make(self, source: Any, second: Any, pin_memory: bool) -> Any:
        if isinstance(source, (int, np.integer)):
            if source < 0:
                raise self._refused(f"a capacity of {source}")
            return _core.CodeStream._create(int(source), bool(pin_memory if second is None else second))
        if isinstance(source, (str, os.PathLike)):
            try:
                return _core.CodeStream._open(os.fspath(source))
            except NotFoundError as error:
                named = NotFoundError(f"Failed to create code stream: {error.message}")
                named.errno, named.strerror, named.filename = errno.ENOENT, named.message, os.fspath(source)
                raise named from None
        if isinstance(source, list):
            source = np.asarray(source, dtype=np.uint8)
        if isinstance(source, np.ndarray):
            if source.ndim != 1:
                raise ValueError(f"array has incorrect number of dimensions: {source.ndim}; expected 1")
            source = np.ascontiguousarray(source, dtype=np.uint8)
        elif hasattr(source, "read"):
            source = source.read()
        if not isinstance(source, (bytes_type, bytearray, memoryview, np.ndarray)):
            raise self._refused(f"a {type(source).__name__}")
        self._source = source
        return _core.CodeStream._borrow(source)

    @staticmethod
    def _refused(what: str) -> TypeError:
        return TypeError(f"__init__(): incompatible constructor arguments. CodeStream takes a path, bytes, a one-dimensional uint8 array, "
                         f"an open binary file or a capacity, not {what}")  # fmt: skip

    @classmethod
    def _of(cls, native: Any, source: Any, view: CodeStreamView | None) -> CodeStream:
        self = cls.__new__(cls)
        _core.CodeStream.__init__(self, native)
        self._source = source
        self._view = view
        return self

    def get_sub_code_stream(self, image_idx: Any = 0, region: Region | None = None, bitstream_offset: int | None = None,
                            limit_images: int = 0, *, view: CodeStreamView | None = None) -> CodeStream:  # fmt: skip
        """A view on one image and region of this stream; keeps it alive, copies nothing.

        Parameters
        ----------
        image_idx : int, optional
            Which image of several, from 0; or a CodeStreamView that says everything.
        region : Region, optional
            The part that decoding gives.
        bitstream_offset : int, optional
            TIFF: start at the directory at this offset, for example one of ``subifd_offsets``.
        limit_images : int, optional
            TIFF: see so many directories at most.
        view : CodeStreamView, optional
            All of that in one.

        Returns
        -------
        CodeStream

        Raises
        ------
        RuntimeError
            No such image, a region of a region, or no directory at the offset.
        """
        if isinstance(image_idx, CodeStreamView):
            view = image_idx
        if view is None:
            try:
                view = CodeStreamView(image_idx, region, bitstream_offset, limit_images)
            except TypeError as error:
                reason = str(error).partition("arguments. ")[2] or str(error)
                raise TypeError(f"get_sub_code_stream(): incompatible function arguments. {reason}") from None
        rect: tuple[int, int, int, int] | None = None
        fill: list[float] = []
        if view.region is not None:
            r = view.region
            if r.ndim != 2:
                raise RuntimeError(f"a region of an image has 2 dimensions (y, x), not {r.ndim}")
            rect = (r.start[0], r.start[1], r.end[0], r.end[1])
            fill = [float(v) for v in r.out_of_bounds_samples]
        try:
            native = self._sub(view.image_idx, rect, fill, view.bitstream_offset or None, view.limit_images)
        except ValueError as error:
            raise RuntimeError(str(error)) from None
        except Error as error:
            raise type(error)(f"Failed to get image info: {error.message}", error.offset) from error
        mine = self._view
        if mine is not None:  # a view of a view shows what both choose
            index = view.image_idx if view.bitstream_offset or mine.limit_images else mine.image_idx
            view = CodeStreamView(index, view.region or mine.region, view.bitstream_offset or mine.bitstream_offset, view.limit_images)
        return CodeStream._of(native, self, view)

    def _info(self, what: str = "image") -> tuple[Any, ...]:
        try:
            return self._describe()
        except ValueError as error:
            raise RuntimeError(f"Failed to get {what} info: {error}") from error
        except Error as error:
            raise type(error)(f"Failed to get {what} info: {error.message}", error.offset) from error

    @property
    def codec_name(self) -> str:
        """"jpeg", "jpeg2k", "tiff", "png", "webp", "bmp" or "pnm"."""
        return self._info()[0]  # type: ignore[no-any-return]

    @property
    def num_images(self) -> int:
        return self._info("code stream")[1]  # type: ignore[no-any-return]

    @property
    def height(self) -> int:
        """Rows as stored, also for a region's view."""
        return self._info()[2]  # type: ignore[no-any-return]

    @property
    def width(self) -> int:
        """Columns as stored, also for a region's view."""
        return self._info()[3]  # type: ignore[no-any-return]

    @property
    def num_channels(self) -> int:
        return self._info()[4]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return DTYPES[int(self._info()[5])]

    @property
    def precision(self) -> int:
        """Significant bits of a sample."""
        return self._info()[6]  # type: ignore[no-any-return]

    @property
    def sample_format(self) -> SampleFormat:
        return SampleFormat(self._info()[7])

    @property
    def color_spec(self) -> ColorSpec:
        return ColorSpec(self._info()[8])

    @property
    def chroma_subsampling(self) -> ChromaSubsampling:
        return ChromaSubsampling(self._info()[9])

    def _tile(self, i: int) -> int | None:
        tiles = self._info()[11]
        return None if tiles is None else tiles[i]

    @property
    def num_tiles_y(self) -> int | None:
        return self._tile(0)

    @property
    def num_tiles_x(self) -> int | None:
        return self._tile(1)

    @property
    def tile_height(self) -> int | None:
        return self._tile(2)

    @property
    def tile_width(self) -> int | None:
        return self._tile(3)

    @property
    def tile_offset_y(self) -> int | None:
        return self._tile(4)

    @property
    def tile_offset_x(self) -> int | None:
        return self._tile(5)

    @property
    def ifd_offset(self) -> int | None:
        """TIFF: where the image's directory starts; otherwise None."""
        return self._info()[12] or None

    @property
    def next_ifd_offset(self) -> int | None:
        """TIFF: where the next directory starts, or None."""
        return self._info()[13]  # type: ignore[no-any-return]

    next_bitstream_offset = next_ifd_offset

    @property
    def subifd_offsets(self) -> list[int]:
        return self._info()[14]  # type: ignore[no-any-return]

    @property
    def view(self) -> CodeStreamView | None:
        if self._view is None and self._writable and self.size:
            return CodeStreamView(0)
        return self._view

    def __bytes__(self) -> bytes:
        return self._bytes()

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        try:
            return (f"CodeStream(codec={self.codec_name} size={self.size} capacity={self.capacity} {self.width}x{self.height} "
                    f"{self.color_spec} {self.sample_format} {self.dtype})")  # fmt: skip
        except RuntimeError:
            return f"CodeStream(size={self.size} capacity={self.capacity})"


bytes_type = type(b"")  # noqa: UP003  `bytes` is a parameter's name above
