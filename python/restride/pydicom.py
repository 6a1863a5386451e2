# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="import-not-found,import-untyped,no-any-return,no-untyped-call,attr-defined,arg-type"
"""DICOM: a decoder plugin for pydicom 3, all frames at once, and transcoding to HTJ2K.

    import restride.pydicom                                   # registers the plugin "restride"
    array = pydicom.dcmread("ct.dcm").pixel_array             # decoded by it where the transfer syntax is one of ours
    frames = restride.pydicom.decode_frames(dataset)          # (frames, rows, columns[, samples]), on all cores
    restride.pydicom.compress(dataset)                        # to HTJ2K Lossless, in place

Transfer syntaxes: JPEG Baseline and Extended (12 bits need libjpeg-turbo 3), JPEG Lossless (14, and 14 SV1), JPEG 2000
and HTJ2K, each lossless or not. JPEG-LS, RLE and JPEG XL are left to pydicom's other plugins.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pydicom.uid as uid
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.pixels.processing import convert_color_space

from ._code_stream import CodeStream
from ._codecs import Decoder, Encoder
from ._enums import BackendKind, ColorSpec, Jpeg2kBitstreamType, Jpeg2kProgOrder, QualityType, SampleFormat
from ._errors import Error, InvalidArgumentError, UnsupportedError
from ._image import as_image
from ._params import DecodeParams, EncodeParams, Jpeg2kEncodeParams

__all__ = ["DECODER_DEPENDENCIES", "compress", "decode_frames", "is_available", "register", "unregister"]

_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
_LOSSLESS = {uid.HTJ2KLossless: True, uid.HTJ2KLosslessRPCL: True, uid.JPEG2000Lossless: False}  # to encode; True: high throughput
# pydicom asks its plugins for these two names.
DECODER_DEPENDENCIES = {syntax: ("restride",) for syntax in (*_JPEG, *_JPEG_2000)}


def is_available(syntax: str) -> bool:
    """True for the transfer syntaxes decoded here."""
    return syntax in DECODER_DEPENDENCIES


def register(first: bool = True) -> None:
    """Makes pydicom use the plugin; with ``first``, before its others. Importing this module does it."""
    for syntax in DECODER_DEPENDENCIES:
        decoder = get_decoder(syntax)
        if "restride" not in decoder.available_plugins:
            decoder.add_plugin("restride", ("restride.pydicom", "_decode_frame"))
        if first:  # pydicom tries them in the order in which they came
            others = {name: call for name, call in decoder._available.items() if name != "restride"}
            decoder._available = {"restride": decoder._available["restride"], **others}


def unregister() -> None:
    """Takes the plugin out again."""
    for syntax in DECODER_DEPENDENCIES:
        decoder = get_decoder(syntax)
        if "restride" in decoder.available_plugins:
            decoder.remove_plugin("restride")


@functools.cache
def _decoder() -> Decoder:
    return Decoder(backends=[BackendKind.CPU_ONLY])


@functools.cache
def _encoder() -> Encoder:
    return Encoder(backends=[BackendKind.CPU_ONLY])


def _params(syntax: str, frame: bytes, stream: CodeStream, photometric: str) -> DecodeParams:
    """Samples as they are stored: DICOM's Photometric Interpretation says what they are, and pydicom converts."""
    color, form = ColorSpec.UNCHANGED, SampleFormat.I_UNCHANGED
    if syntax in _JPEG and stream.color_spec == ColorSpec.SYCC:
        # An Adobe marker that names YCbCr, where DICOM says RGB: PS3.5 8.2.1 expects the conversion that undoes the encoder's.
        adobe = b"\xff\xee\x00\x0eAdobe" in frame[: frame.find(b"\xff\xda")]
        if not (adobe and photometric == "RGB"):
            color, form = ColorSpec.SYCC, SampleFormat.I_YCC
    return DecodeParams(False, color, True, form)


def _check(stream: CodeStream, rows: int, columns: int, samples: int) -> None:
    if (stream.height, stream.width, stream.num_channels) != (rows, columns, samples):
        raise InvalidArgumentError(f"the code stream has {stream.height} rows, {stream.width} columns and {stream.num_channels} samples "
                                   f"a pixel, its data set says {rows}, {columns} and {samples}")  # fmt: skip


def _decode_frame(source: bytes, runner: DecodeRunner) -> bytearray:
    """One frame, for pydicom: dense samples, colour by pixel, in a container that ``bits_allocated`` then names."""
    stream = CodeStream(source)
    _check(stream, runner.rows, runner.columns, runner.samples_per_pixel)
    params = _params(runner.transfer_syntax, source, stream, str(runner.photometric_interpretation))
    dtype = stream.dtype
    out = bytearray(runner.rows * runner.columns * runner.samples_per_pixel * dtype.itemsize)
    pixels = np.frombuffer(out, dtype).reshape(runner.rows, runner.columns, runner.samples_per_pixel)
    _decoder().decode(stream, image=as_image(pixels), params=params, on_error="raise")
    if runner.transfer_syntax in _JPEG_2000 and runner.photometric_interpretation in ("YBR_ICT", "YBR_RCT"):
        runner.set_option("photometric_interpretation", "RGB")  # the component transformation is the codec's, and undone
    if runner.samples_per_pixel > 1:
        runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", dtype.itemsize * 8)
    return out


def decode_frames(dataset: Any, *, raw: bool = False) -> np.ndarray[Any, Any]:
    """All frames of ``dataset`` in one call, decoded side by side: (frames, rows, columns), with (..., 3) for colour.

    The values of ``pydicom.pixels.pixel_array``, with a first axis also for a single frame. raw: YBR_FULL stays as it is.
    Raises the first frame's error, with its number; UnsupportedError for transfer syntaxes that are not decoded here.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if not is_available(syntax):
        raise UnsupportedError(f"{syntax.name} is not decoded here: use dataset.pixel_array, with the plugin that pydicom names")
    frames = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1)))
    rows, columns, samples = int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel)
    photometric = str(dataset.PhotometricInterpretation)
    streams = [CodeStream(frame) for frame in frames]
    for number, stream in enumerate(streams):
        try:
            _check(stream, rows, columns, samples)
        except Error as error:
            raise type(error)(f"frame {number}: {error.message}", error.offset) from None
    out = np.empty((len(frames), rows, columns, samples), streams[0].dtype)
    results = _decoder().decode(streams, out=out, params=_params(syntax, frames[0], streams[0], photometric), on_error="return")
    for number, failed in enumerate(results):
        if isinstance(failed, Error):
            raise type(failed)(f"frame {number}: {failed.message}", failed.offset)
    return _finished(dataset, syntax, streams[0], out, photometric, raw)


def _finished(dataset: Any, syntax: str, stream: CodeStream, out: np.ndarray[Any, Any], photometric: str,
              raw: bool) -> np.ndarray[Any, Any]:  # fmt: skip
    signed = int(dataset.PixelRepresentation)
    dtype = np.dtype(f"{'ui'[signed]}{int(dataset.BitsAllocated) // 8}")
    out = out[..., 0] if out.shape[3] == 1 else out
    j2k = syntax in _JPEG_2000
    bits = stream.precision if j2k else int(dataset.BitsStored)
    unused = out.dtype.itemsize * 8 - bits
    if unused and (not j2k or (out.dtype.kind == "i") != bool(signed)):  # the sign is bit `bits` - 1, whatever the code stream says
        out = out.view(f"{'ui'[signed]}{out.dtype.itemsize}")
        np.left_shift(out, unused, out=out)
        np.right_shift(out, unused, out=out)
    elif out.dtype.itemsize == dtype.itemsize:
        out = out.view(dtype)
    if not raw and photometric.startswith("YBR_FULL"):
        out = convert_color_space(out, "YBR_FULL", "RGB", per_frame=True)
    return out.astype(dtype, copy=False)


def compress(dataset: Any, syntax: str = uid.HTJ2KLosslessRPCL) -> None:
    """Makes the pixel data of ``dataset`` HTJ2K (or JPEG 2000) Lossless, in place; every frame is one fragment.

    Takes native and encapsulated data, 8 to 16 bits, signed or not, one or three samples a pixel. Nothing is lost, but for
    what a lossy source had lost before: its Lossy Image Compression attributes stay. UnsupportedError where this build does
    not write HTJ2K, and for big endian data sets; the data set is then as it was.
    """
    if syntax not in _LOSSLESS:
        raise InvalidArgumentError(f"compress() writes {', '.join(s.name for s in _LOSSLESS)}, not {uid.UID(syntax).name}")
    source, photometric = dataset.file_meta.TransferSyntaxUID, str(dataset.PhotometricInterpretation)
    if not source.is_little_endian:
        raise UnsupportedError("a big endian data set: pydicom writes encapsulated data in little endian data sets only")
    frames = decode_frames(dataset) if is_available(source) else _native(dataset)
    kind, stored = "ui"[int(dataset.PixelRepresentation)], int(dataset.BitsStored)
    samples = int(dataset.SamplesPerPixel)
    if samples == 3 and photometric.startswith("YBR"):
        photometric = "RGB"
    images = [as_image(np.ascontiguousarray(f), precision=stored) for f in frames.astype(f"{kind}{1 if stored <= 8 else 2}", copy=False)]
    coding = Jpeg2kEncodeParams(bitstream_type=Jpeg2kBitstreamType.J2K, prog_order=Jpeg2kProgOrder.RPCL, ht=_LOSSLESS[uid.UID(syntax)],
                                mct_mode=1 if samples == 3 else 0)  # fmt: skip
    params = EncodeParams(QualityType.LOSSLESS, color_spec=ColorSpec.UNCHANGED, jpeg2k_encode_params=coding)
    encoded = [bytes(s) for s in _encoder().encode(images, "jpeg2k", params=params, on_error="raise")]
    dataset.PixelData = encapsulate(encoded, has_bot=sum(map(len, encoded)) < 0xF0000000)
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    dataset.BitsAllocated = 8 if stored <= 8 else 16
    if samples == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = ("YBR_RCT" if photometric == "RGB" else photometric), 0


def _native(dataset: Any) -> np.ndarray[Any, Any]:
    array = dataset.pixel_array
    single = int(dataset.get("NumberOfFrames", 1) or 1) == 1
    return array[None] if single else array


register()
