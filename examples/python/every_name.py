# SPDX-License-Identifier: Apache-2.0
"""Every public name of restride in use, on the CPU; type-checked strictly by the tests."""

from __future__ import annotations

import pathlib
import tempfile
import warnings

import numpy as np

import restride


def streams_and_views(data: bytes) -> None:
    stream: restride.CodeStream = restride.CodeStream(data)
    size: tuple[int, int, int] = (stream.height, stream.width, stream.num_channels)
    assert size == (48, 64, 3) and stream.codec_name == "jpeg2k" and stream.num_images == 1 and stream.precision == 8
    assert stream.dtype == np.uint8 and stream.color_spec == restride.ColorSpec.SRGB
    assert stream.sample_format == restride.SampleFormat.P_RGB
    assert stream.chroma_subsampling == restride.ChromaSubsampling.CSS_444
    tiles: tuple[int | None, ...] = (stream.num_tiles_y, stream.num_tiles_x, stream.tile_height, stream.tile_width)
    assert tiles == (1, 1, 48, 64) and (stream.tile_offset_y, stream.tile_offset_x) == (0, 0)
    assert stream.ifd_offset is None and stream.next_ifd_offset is None and stream.next_bitstream_offset is None
    assert stream.subifd_offsets == [] and stream.view is None and not stream.pin_memory
    assert stream.size == stream.capacity == len(data) == len(bytes(stream))
    region: restride.Region = restride.Region(-2, 0, 10, 20, 255)
    assert region.ndim == 2 and region.start == (-2, 0) and region.end == (10, 20) and region.out_of_bounds_samples[0] == 255
    view: restride.CodeStreamView = restride.CodeStreamView(0, region)
    part = stream.get_sub_code_stream(view)
    assert part.view is not None and part.view.region is region and part.view.image_idx == 0
    assert part.view.bitstream_offset == 0 and part.view.limit_images == 0


def decode(decoder: restride.Decoder, data: bytes) -> restride.Image:
    params = restride.DecodeParams(apply_exif_orientation=True, color_spec=restride.SRGB, allow_any_depth=False,
                                   sample_format=restride.I_RGB, reduce=0, fit_within=(48, 64), max_pixels=1 << 20,
                                   max_memory=1 << 30, color_managed=False)  # fmt: skip
    image: restride.Image = decoder.decode(data, params=params)
    again: restride.Image = decoder.read(data, image=image)
    assert again is image and decoder.errors == [None] and decoder.device_id < 0
    batch = np.empty((2, 3, 48, 64), np.uint8)
    decoder.decode([data, data], out=batch, params=restride.DecodeParams(sample_format=restride.SampleFormat.P_RGB))
    blocks: list[restride.Metadata] = decoder.get_metadata(data, kind=restride.MetadataKind.EXIF)
    exif = blocks[0]
    assert exif.kind == restride.EXIF and exif.format == restride.MetadataFormat.RAW
    assert exif.value_type == restride.MetadataType.UNKNOWN and exif.value == exif.buffer and exif.buffer_size == len(exif.buffer)
    assert exif.id == 0 and exif.value_count == 0 and exif.with_orientation(1).buffer_size == exif.buffer_size
    return image


def look_at(image: restride.Image) -> None:
    assert image.shape == (48, 64, 3) and image.strides == (192, 3, 1) and image.ndim == 3
    assert (image.height, image.width, image.num_channels) == (48, 64, 3) and image.dtype == np.uint8 and image.precision == 8
    assert image.color_spec == restride.SRGB and image.sample_format == restride.I_RGB
    assert image.buffer_kind == restride.ImageBufferKind.STRIDED_HOST and image.size <= image.capacity
    assert image.cpu() is image and image.device_id < 0 and image.cuda_stream == 0
    assert image.__array_interface__["shape"] == image.shape and image.__dlpack_device__() == (1, 0)
    wrapped: restride.Image = restride.as_image(np.asarray(image), sample_format=restride.I_BGR, precision=8)
    many: list[restride.Image] = restride.as_images([np.zeros((4, 4, 3), np.uint8)])
    assert wrapped.shape == restride.from_dlpack(image.to_dlpack()).shape and len(many) == 1
    if restride.device_count() == 0:
        assert restride.device_missing_reason()
        try:
            image.cuda(synchronize=True)
        except restride.DeviceError as error:
            assert error.message
        try:
            print(image.__cuda_array_interface__)
        except AttributeError as error:
            assert "Image buffer is not on device" in str(error)


def encode(encoder: restride.Encoder, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    exif = restride.Metadata(restride.MetadataKind.EXIF, restride.MetadataFormat.RAW, b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    params = restride.EncodeParams(
        quality_type=restride.QualityType.LOSSLESS, quality_value=0, color_spec=restride.UNCHANGED,
        chroma_subsampling=restride.CSS_444, jpeg_encode_params=restride.JpegEncodeParams(progressive=True, optimized_huffman=True),
        jpeg2k_encode_params=restride.Jpeg2kEncodeParams(
            code_block_size=(32, 32), num_resolutions=3, bitstream_type=restride.Jpeg2kBitstreamType.JP2,
            prog_order=restride.Jpeg2kProgOrder.RPCL, mct_mode=0, ht=False),
        tiff_compression=None, metadata=[exif])  # fmt: skip
    assert params.jpeg_params.progressive and params.jpeg2k_params.num_resolutions == 3 and params.tile_width == 0
    stream = restride.CodeStream(1 << 16, pin_memory=False)
    assert encoder.encode(pixels, "jpeg2k", code_stream_s=stream, params=params) is stream
    return bytes(stream)


def errors(decoder: restride.Decoder) -> None:
    family: tuple[type[restride.Error], ...] = (
        restride.CorruptError, restride.DeviceError, restride.InternalError, restride.InvalidArgumentError, restride.IoError,
        restride.LimitExceededError, restride.NotFoundError, restride.OutOfMemoryError, restride.TruncatedError,
        restride.UnsupportedError, restride.ExtensionError)  # fmt: skip
    assert len({e.code for e in family}) == len(family)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", restride.CodecWarning)
        assert decoder.decode(b"no picture") is None
    assert isinstance(caught[0].message, restride.CodecWarning) and caught[0].message.error is decoder.errors[0]
    try:
        decoder.decode(b"no picture", on_error="raise")
    except restride.Error as error:
        assert error.code == "unsupported" and error.offset == 0


def codecs_from_outside(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    """Bytes as they are, behind four letters and two numbers."""

    def info(data: bytes) -> restride.CodecInfo:
        return restride.CodecInfo(height=data[4], width=data[5], channels=3, dtype=np.uint8, precision=8, color_spec=restride.SRGB,
                                  orientation=1)  # fmt: skip

    def decode_bytes(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.frombuffer(data, np.uint8, offset=6).reshape(data[4], data[5], 3)

    def encode_pixels(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
        return b"bare" + bytes(array.shape[:2]) + array.tobytes()

    restride.register_codec("bare", probe=lambda data: data[:4] == b"bare", info=info, decode=decode_bytes, encode=encode_pixels,
                            extensions=[".bare"], channels=[3], dtypes=[np.uint8], takes_quality=False)  # fmt: skip
    data = bytes(restride.Encoder().encode(pixels, ".bare"))
    assert (restride.imread(data) == pixels).all()
    restride.unregister_codec("bare")
    try:
        restride.load_codec_library("/nowhere/codec.so")
    except restride.NotFoundError:
        pass
    assert any(library["name"] == "librestride_cuda" for library in restride.libraries())
    assert (pathlib.Path(restride.get_include()) / "restride" / "codec.h").exists()


def main() -> None:
    pixels = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    backend = restride.Backend(restride.BackendKind.CPU_ONLY, load_hint=1.0, load_hint_policy=restride.LoadHintPolicy.FIXED)
    device = restride.NVIMGCODEC_DEVICE_CPU_ONLY
    with restride.Encoder(device_id=device, backends=[backend]) as encoder, restride.Decoder(device_id=device) as decoder:
        data = encode(encoder, pixels)
        streams_and_views(data)
        image = decode(decoder, data)
        assert (np.asarray(image) == pixels).all()
        look_at(image)
        errors(decoder)
        codecs_from_outside(pixels)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "picture.png"
            assert encoder.write(path, image) == str(path)
            restride.imwrite(path, pixels)
            assert (restride.imread(path, color_spec=restride.SRGB) == pixels).all()
    assert restride.memory_stats()["host"]["allocations"] > 0 and any(b["format"] == "jpeg" for b in restride.backends())
    restride.trim_memory()
    assert restride.NVIMGCODEC_DEVICE_CURRENT == -1 and restride.__version__ and restride.__cuda_version__ >= 0


if __name__ == "__main__":
    main()
