# SPDX-License-Identifier: Apache-2.0
"""Decoder and Encoder."""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core, _extension
from ._batch import slots
from ._code_stream import CodeStream
from ._enums import BackendKind
from ._errors import CodecWarning, Error, make_error
from ._image import Image, as_image
from ._metadata import get_metadata
from ._params import Backend, DecodeParams, EncodeParams

_MISSING: Any = object()
_LOG = logging.getLogger("restride")  # quiet unless the program sets logging up
_LOG.addHandler(logging.NullHandler())
_ON_ERROR = ("none", "raise", "return")
_PLAIN_SOURCES = frozenset((bytes, CodeStream))
_DEFAULT_DECODE = DecodeParams()
_DEFAULT_ENCODE = EncodeParams()


def _backend_tuples(backends: Any) -> list[tuple[int, float, int]]:
    out = []
    for b in backends or ():
        if isinstance(b, (int, BackendKind)):
            b = Backend(b)
        out.append((int(b.backend_kind), float(b.load_hint), int(b.load_hint_policy)))
    return out


class _Codec:
    """What Decoder and Encoder share: the native object, error policy, context management."""

    _native_type: Any
    _what: str
    _frames = 4  # from a warning to the caller's line

    def __init__(self, device_id: int = -1, max_num_cpu_threads: int = 0, backends: Any = None, options: str = "", *,
                 on_error: str = "none", exact: bool = True) -> None:  # fmt: skip
        self._on_error = self._policy(on_error)
        self.errors: list[Error | None] = []
        _extension.load_entry_points()
        try:
            self._native: Any = self._native_type(device_id, max_num_cpu_threads, _backend_tuples(backends), options, exact)
        except Error as error:
            raise RuntimeError(f"Internal error - Could not create {self._what}. Code: 7 ({error})") from error

        self._device: int = self._native.device if self._native.device >= 0 or device_id >= 0 else device_id

    @property
    def device_id(self) -> int:
        """Ordinal of the device worked on; the number given, or -1, where that is the CPU alone."""
        return self._device

    @staticmethod
    def _policy(on_error: str) -> str:
        if on_error not in _ON_ERROR:
            raise ValueError(f"on_error is one of {', '.join(_ON_ERROR)}, not {on_error!r}")
        return on_error

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self._native = None

    def _settle(self, results: list[Any], errors: list[Error | None], on_error: str | None) -> list[Any]:
        """Puts None, an exception object, or nothing in place of what failed; the reasons are kept in ``errors``."""
        self.errors = errors
        policy = self._on_error if on_error is None else self._policy(on_error)
        if not any(errors):
            return results
        for i, error in enumerate(errors):
            if error is None:
                continue
            if policy == "raise":
                raise error
            text = f"image #{i} was not {self._what[:-1]}d: {error}"
            _LOG.info(text)
            if policy == "none":
                warnings.warn(CodecWarning(text, i, error), stacklevel=self._frames)
            results[i] = error if policy == "return" else None
        return results


def _is_batch(source: Any) -> bool:
    if isinstance(source, list):
        return True
    # (bytes or path, offset, limit) are the arguments of one CodeStream
    return isinstance(source, tuple) and not (len(source) in (2, 3) and all(isinstance(v, int) for v in source[1:]))


def _one_of(function: str, name: str, value: Any, other_name: str, other: Any) -> Any:
    """The value of an argument that goes by two names."""
    if (value is _MISSING) == (other is _MISSING):
        raise TypeError(f"{function}(): incompatible function arguments: either {name} or {other_name} is needed")
    return other if value is _MISSING else value


def _stream_of(source: Any) -> CodeStream | None:
    if source is None or isinstance(source, CodeStream):
        return source
    return CodeStream(*source) if isinstance(source, tuple) else CodeStream(source)


class Decoder(_Codec):
    """Decodes code streams, files and bytes into images.

    Keep one and use it from as many threads as you like. A failed image gives None in its place and a CodecWarning with the
    reason, which ``errors`` keeps too; on_error="raise" raises the first error after the batch, "return" puts the exceptions
    in place.
    """

    _native_type = _core.Decoder
    _what = "decoder"
    _frames = 5

    def decode(self, src: Any = _MISSING, *, image: Image | None = None, images: Sequence[Image | None] | None = None,
               params: DecodeParams | None = None, cuda_stream: int = 0, on_error: str | None = None, srcs: Any = _MISSING,
               out: Any = None) -> Any:  # fmt: skip
        """Decodes one source into an Image, or a list of sources into a list; into ``image`` or ``images`` where given.

        ``out``: one array for the whole batch, in host or device memory, (N, H, W, C), or (N, C, H, W) with a P_ sample_format;
        picture i goes to out[i], which must have exactly its shape and type, and the Images returned are views of it. A list
        shorter than N fills the first places.
        """
        return self._call(_one_of("decode", "src", src, "srcs", srcs), image, images, params, cuda_stream, on_error, out)

    def read(self, path: Any = _MISSING, *, image: Image | None = None, images: Sequence[Image | None] | None = None,
             params: DecodeParams | None = None, cuda_stream: int = 0, on_error: str | None = None, paths: Any = _MISSING,
             out: Any = None) -> Any:  # fmt: skip
        """As decode(): sources of all kinds are taken by both."""
        return self._call(_one_of("read", "path", path, "paths", paths), image, images, params, cuda_stream, on_error, out)

    def _call(self, src: Any, image: Image | None, images: Sequence[Image | None] | None, params: DecodeParams | None,
              cuda_stream: int, on_error: str | None, out: Any) -> Any:  # fmt: skip
        if params is not None and not isinstance(params, DecodeParams):
            raise TypeError(f"decode(): incompatible function arguments: params is a {type(params).__name__}, not DecodeParams")
        if type(src) in _PLAIN_SOURCES and images is None and out is None and self._native is not None:
            return self._decode_one(src, image, params, cuda_stream, on_error)
        if isinstance(src, (int, np.integer)):
            raise TypeError("decode(): incompatible function arguments: a number is no source")
        if not _is_batch(src):
            if images is not None or out is not None:
                raise TypeError("decode(): a single source takes image=, not images= or out=")
            return self._decode([src], [image], params, cuda_stream, on_error)[0]
        if image is not None:
            raise TypeError("decode(): a list of sources takes images=, not image=")
        if out is None:
            return self._decode(list(src), None if images is None else list(images), params, cuda_stream, on_error)
        if images is not None:
            raise TypeError("decode(): give either images= or out=")
        places = slots(out, len(src), int((params or _DEFAULT_DECODE).sample_format) % 2 == 1, cuda_stream)
        return self._decode(list(src), places, params, cuda_stream, on_error, exact_shape=True)

    def get_metadata(self, code_stream: Any, *, kind: int | None = None, id: int | None = None) -> Any:
        """What ``code_stream`` (or bytes, or a path) says beside its pixels: a list of Metadata, empty where there is nothing.

        kind: only blocks of that kind; TIFF_TAG_LIST gives one Metadata whose value is the list of tag numbers. id: that TIFF
        tag alone, or None where the file lacks it. Without kind, TIFF tags are left out. Damaged blocks raise.
        """
        if code_stream is None or isinstance(code_stream, (int, np.integer)):
            raise TypeError(f"get_metadata(): incompatible function arguments: a {type(code_stream).__name__} is no code stream")
        return get_metadata(_stream_of(code_stream), kind, id)

    def _decode_one(self, src: Any, image: Image | None, params: DecodeParams | None, cuda_stream: int, on_error: str | None) -> Any:
        """_decode() of one source of the commonest kinds, where a small picture should not wait for lists."""
        if image is None:
            image = Image(self._native.output_memory)
        elif not isinstance(image, Image):
            raise TypeError(f"decode(): incompatible function arguments: an image is a {type(image).__name__}; wrap it by as_image")
        status = self._native.decode_one(src, image, (params or _DEFAULT_DECODE)._tuple(), cuda_stream)
        if status is None and on_error is None:
            self.errors = [None]
            return image
        error = None if status is None else make_error(*status)
        if error is not None and error.code == "invalid_argument":  # the caller's mistake, not the picture's
            self.errors = [error]
            raise error
        return self._settle([image], [error], on_error)[0]

    def _decode(self, sources: list[Any], images: Sequence[Image | None] | None, params: DecodeParams | None,
                cuda_stream: int, on_error: str | None, exact_shape: bool = False) -> list[Any]:  # fmt: skip
        if images is not None and len(images) != len(sources):
            raise ValueError(f"Size mismatch - images list has {len(images)} items, but code_streams list has {len(sources)} items.")
        for given in images or ():
            if given is not None and not isinstance(given, Image):
                raise TypeError(f"decode(): incompatible function arguments: an image is a {type(given).__name__}; wrap it by as_image")
        streams = [_stream_of(s) for s in sources]
        memory = self._native.output_memory if self._native is not None else 0
        results: list[Any] = [Image(memory) if i is None else i for i in images or [None] * len(sources)]
        errors: list[Error | None] = [None] * len(sources)
        work = [i for i, s in enumerate(streams) if s is not None]
        for i, s in enumerate(streams):
            if s is None:
                results[i] = None
        if self._native is None:
            for i in work:
                errors[i] = make_error("invalid_argument", "the decoder was closed by its with block")
            return self._settle(results, errors, on_error)
        statuses = self._native.decode([streams[i] for i in work], [results[i] for i in work], (params or _DEFAULT_DECODE)._tuple(),
                                       cuda_stream, exact_shape)  # fmt: skip
        refused = None
        for i, status in zip(work, statuses):
            if status is not None:
                errors[i] = make_error(*status)
                if status[0] == "invalid_argument" and refused is None:
                    refused = errors[i]
        if refused is not None:  # the caller's mistake, not the picture's
            self.errors = errors
            raise refused
        return self._settle(results, errors, on_error)


class Encoder(_Codec):
    """Encodes images into code streams and files. Errors as with Decoder."""

    _native_type = _core.Encoder
    _what = "encoder"

    def encode(self, image_s: Any, codec: str, *, code_stream_s: Any = None, params: EncodeParams | None = None,
               cuda_stream: int = 0, on_error: str | None = None) -> Any:  # fmt: skip
        """Encodes one image or a list; into ``code_stream_s`` where given, whose buffers are reused and grow."""
        codec = self._codec_name(codec)
        if isinstance(image_s, list):
            if code_stream_s is not None and (not isinstance(code_stream_s, (list, tuple)) or len(code_stream_s) != len(image_s)
                                              or not all(isinstance(s, CodeStream) for s in code_stream_s)):  # fmt: skip
                raise ValueError("if multiple images are provided, code_stream_s must be a list of CodeStreams "
                                 "the same size as the number of images")  # fmt: skip
            return self._encode(image_s, codec, code_stream_s, params, cuda_stream, on_error)
        if isinstance(code_stream_s, (list, tuple)) and len(code_stream_s) == 1:
            code_stream_s = code_stream_s[0]
        if code_stream_s is not None and not isinstance(code_stream_s, CodeStream):
            raise ValueError("code_stream_s must be a single CodeStream if single image is provided")
        if self._native is not None and isinstance(image_s, (np.ndarray, Image)):
            stream = CodeStream(0) if code_stream_s is None else code_stream_s
            status = self._native.encode_one(image_s, codec, stream, (params or _DEFAULT_ENCODE)._tuple(), cuda_stream)
            if status is None and on_error is None:
                self.errors = [None]
                return stream
            if status is not False:
                return self._settled([stream], [None if status is None else make_error(*status)], on_error)[0]
        return self._encode([image_s], codec, None if code_stream_s is None else [code_stream_s], params, cuda_stream, on_error)[0]

    def _settled(self, results: list[Any], errors: list[Error | None], on_error: str | None) -> list[Any]:
        return self._settle(results, errors, on_error)  # as many frames from the caller's line as through _encode

    @staticmethod
    def _codec_name(codec: str) -> str:
        if not codec:
            raise ValueError("Unspecified codec.")
        if codec.startswith(".") and not _core.codec_for(codec):
            raise ValueError("Unsupported codec.")
        return codec

    @staticmethod
    def _image_of(source: Any) -> Image | Error | None:
        """The image that ``source`` is or can be wrapped as, or why it cannot."""
        if source is None or isinstance(source, Image):
            return source
        try:
            return as_image(source)
        except (RuntimeError, ValueError, TypeError) as error:
            return make_error("invalid_argument", f"a {type(source).__name__} is no image: {error} (see as_image)")

    def _encode(self, sources: list[Any], codec: str, streams: Any, params: EncodeParams | None, cuda_stream: int,
                on_error: str | None) -> list[Any]:  # fmt: skip
        images = [self._image_of(s) for s in sources]
        results: list[Any] = [CodeStream(0) for _ in sources] if streams is None else list(streams[: len(sources)])
        errors: list[Error | None] = [None] * len(sources)
        if self._native is None:
            errors = [make_error("invalid_argument", "the encoder was closed by its with block") for _ in sources]
            return self._settle(results, errors, on_error)
        work = []
        for i, (source, image) in enumerate(zip(sources, images)):
            if source is None:
                results[i] = None
            elif isinstance(image, Error):
                errors[i] = image
            else:
                work.append(i)
        if work:
            values = (params or _DEFAULT_ENCODE)._tuple()
            statuses = self._native.encode([images[i] for i in work], codec, [results[i] for i in work], values, cuda_stream)
            for i, status in zip(work, statuses):
                errors[i] = None if status is None else make_error(*status)
        return self._settle(results, errors, on_error)

    def write(self, file_name: Any = _MISSING, image: Any = _MISSING, codec: str = "", params: EncodeParams | None = None,
              cuda_stream: int = 0, *, on_error: str | None = None, file_names: Any = _MISSING, images: Any = _MISSING) -> Any:  # fmt: skip
        """Encodes into a file, or a list of images into a list of files; gives the names. A file is complete or not there."""
        file_name = _one_of("write", "file_name", file_name, "file_names", file_names)
        image = _one_of("write", "image", image, "images", images)
        if isinstance(file_name, (list, tuple)):
            if len(file_name) != len(image):
                raise ValueError(f"Size mismatch - filenames list has {len(file_name)} items, but images list has {len(image)} items.")
            return self._write([os.fspath(f) for f in file_name], list(image), codec, params, cuda_stream, on_error)
        return self._write([os.fspath(file_name)], [image], codec, params, cuda_stream, on_error)[0]

    def _write(self, names: list[str], sources: list[Any], codec: str, params: EncodeParams | None, cuda_stream: int,
               on_error: str | None) -> list[Any]:  # fmt: skip
        if codec:
            self._codec_name(codec)
        for name in names if not codec else ():
            if not _core.codec_for(os.path.splitext(name)[1]):
                raise ValueError(f"Unsupported codec. {name!r} has no known extension: give codec=")
        results: list[Any] = list(names)
        errors: list[Error | None] = [None] * len(names)
        images = [self._image_of(s) for s in sources]
        work = [i for i, image in enumerate(images) if isinstance(image, Image)]
        for i, image in enumerate(images):
            if not isinstance(image, Image):
                results[i] = None
                errors[i] = image
        if self._native is None:
            raise RuntimeError("the encoder was closed by its with block")
        statuses = self._native.write([images[i] for i in work], [names[i] for i in work], codec, (params or _DEFAULT_ENCODE)._tuple(),
                                      cuda_stream)  # fmt: skip
        for i, status in zip(work, statuses):
            if status is None:
                continue
            errors[i] = make_error(*status)
            if status[0] in ("io", "not_found"):
                self.errors = errors
                raise RuntimeError(f"Failed to create code stream: {errors[i]}") from errors[i]
        return self._settle(results, errors, on_error)


def imread(source: Any, **kwargs: Any) -> np.ndarray[Any, Any]:
    """The picture as a NumPy array; raises on failure. Keywords: those of DecodeParams."""
    image = _shared_decoder().decode(source, params=DecodeParams(**kwargs), on_error="raise")
    return np.asarray(image.cpu())


def imwrite(file_name: Any, pixels: Any, codec: str = "", **kwargs: Any) -> None:
    """Writes an array or Image to a file; raises on failure. Keywords: those of EncodeParams."""
    _shared_encoder().write(file_name, pixels, codec, EncodeParams(**kwargs), on_error="raise")


@functools.cache
def _shared_decoder() -> Decoder:
    return Decoder()


@functools.cache
def _shared_encoder() -> Encoder:
    return Encoder()


_extension.on_change += [_shared_decoder.cache_clear, _shared_encoder.cache_clear]
