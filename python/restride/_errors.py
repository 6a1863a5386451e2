# SPDX-License-Identifier: Apache-2.0
"""Exceptions: one family, one subclass a code."""

from __future__ import annotations


class Error(Exception):
    """Base of all errors of restride.

    Attributes: ``code`` (str, e.g. "truncated"), ``message`` (str), ``offset`` (byte position in the code stream, or None).
    """

    code = "internal"

    def __init__(self, message: str, offset: int | None = None) -> None:
        self.message = message
        self.offset = offset
        super().__init__(message if offset is None else f"{message} (at byte {offset})")

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return type(self), (self.message, self.offset)


class InvalidArgumentError(Error, ValueError):
    """The request makes no sense: change the call."""

    code = "invalid_argument"


class UnsupportedError(Error, RuntimeError):
    """Valid data or request that no available codec handles."""

    code = "unsupported"


class CorruptError(Error, RuntimeError):
    """The data contradicts its format."""

    code = "corrupt"


class TruncatedError(Error, RuntimeError):
    """The data ends too early."""

    code = "truncated"


class LimitExceededError(Error, RuntimeError):
    """Larger than max_pixels or max_memory allow."""

    code = "limit_exceeded"


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""

    code = "out_of_memory"


class IoError(Error, OSError, RuntimeError):
    """The operating system refused a file operation."""

    code = "io"


class NotFoundError(IoError, FileNotFoundError):
    """No such file."""

    code = "not_found"


class DeviceError(Error, RuntimeError):
    """CUDA, or its absence."""

    code = "device"


class WrongMemoryError(DeviceError, AttributeError):
    """An array interface of an image that is in the other memory; an AttributeError, so that hasattr says no."""


class InternalError(Error, RuntimeError):
    """A defect of restride: please report it."""

    code = "internal"


class ExtensionError(Error, RuntimeError):
    """A codec from outside the library failed, or did not keep its promises."""

    code = "extension"


_BY_CODE = {
    c.code: c
    for c in (
        InvalidArgumentError, UnsupportedError, CorruptError, TruncatedError, LimitExceededError, OutOfMemoryError, IoError,
        NotFoundError, DeviceError, InternalError, ExtensionError,
    )  # fmt: skip
}


def make_error(code: str, message: str, offset: int | None = None) -> Error:
    """The exception for an error of the native part."""
    return _BY_CODE.get(code, Error)(message, offset)


class CodecWarning(UserWarning):
    """One image of a call failed. Attributes: ``index`` in the batch, and ``error``, the exception object."""

    def __init__(self, text: str, index: int = 0, error: Error | None = None) -> None:
        self.index = index
        self.error = error
        super().__init__(text)
