# SPDX-License-Identifier: Apache-2.0
"""CodeStream (nvImageCodec API, section 1.4): constructors, properties, views, errors."""

import io

import numpy as np
import pytest
import tifffile

import restride


@pytest.fixture(scope="module")
def png():
    return bytes(restride.Encoder().encode(np.full((20, 30, 3), 9, np.uint8), "png"))


def pages(n):
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for i in range(n):
            writer.write(np.full((10 + i, 20, 3), i, np.uint8), photometric="rgb")
    return out.getvalue()


def test_sources(png, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png)
    for source in (png, bytearray(png), memoryview(png), np.frombuffer(png, np.uint8), str(path), path, f"file://{path}", open(path, "rb")):
        stream = restride.CodeStream(source)
        assert (stream.height, stream.width, stream.num_channels, stream.codec_name) == (20, 30, 3, "png")
        assert stream.size == len(png) and stream.num_images == 1 and stream.dtype == np.uint8 and stream.precision == 8
        assert stream.num_tiles_x is None and stream.tile_width is None
        if hasattr(source, "close"):
            source.close()
    assert bytes(restride.CodeStream(png)) == png == bytes(restride.CodeStream(path))
    assert bytes(memoryview(restride.CodeStream(png))) == png
    with pytest.raises(BufferError, match="Error getting buffer"):
        memoryview(restride.CodeStream(path))


def test_sources_that_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        restride.CodeStream(tmp_path / "none.png")
    assert caught.value.filename.endswith("none.png")
    with pytest.raises(ValueError, match="array has incorrect number of dimensions: 2; expected 1"):
        restride.CodeStream(np.zeros((2, 2), np.uint8))
    with pytest.raises(TypeError, match="incompatible constructor arguments"):
        restride.CodeStream(1.5)


def test_headers_are_read_when_asked():
    stream = restride.CodeStream(b"this is no picture")
    assert stream.size == 18
    with pytest.raises(RuntimeError, match="^Failed to get image info"):
        _ = stream.width
    with pytest.raises(RuntimeError, match="^Failed to get code stream info"):
        _ = stream.num_images


def test_the_source_is_kept_alive_not_copied(png):
    array = np.frombuffer(png, np.uint8).copy()
    stream = restride.CodeStream(array)
    array[0] = 0
    with pytest.raises(RuntimeError):
        _ = stream.width
    stream = restride.CodeStream(bytearray(png))
    assert stream.width == 30


def test_output_streams():
    stream = restride.CodeStream(1000, pin_memory=True)
    assert stream.capacity == 1000 and stream.size == 0 and stream.pin_memory is True
    assert restride.CodeStream(1000, pin_memory=False).pin_memory is False
    stream = restride.Encoder().encode(np.zeros((5, 6, 3), np.uint8), "bmp")
    assert stream.num_images == 1 and stream.color_spec == restride.SRGB and stream.sample_format == restride.I_RGB
    assert stream.view.image_idx == 0
    parsed = restride.CodeStream(bytes(stream))
    assert parsed.sample_format == restride.P_RGB and parsed.view is None


def test_what_headers_report():
    encoder = restride.Encoder()
    rgb = np.zeros((16, 16, 3), np.uint8)
    params = restride.EncodeParams(chroma_subsampling=restride.CSS_420)
    jpeg = restride.CodeStream(bytes(encoder.encode(rgb, "jpeg", params=params)))
    assert jpeg.color_spec == restride.SYCC and jpeg.sample_format == restride.SampleFormat.P_YCC
    assert jpeg.chroma_subsampling == restride.CSS_420
    jp2 = restride.CodeStream(bytes(encoder.encode(rgb, "jpeg2k")))
    assert (jp2.num_tiles_y, jp2.num_tiles_x, jp2.tile_height, jp2.tile_width) == (1, 1, 16, 16)
    assert jp2.color_spec == restride.SRGB
    tiles = restride.EncodeParams(tile_width=32, tile_height=16)
    tiled = restride.CodeStream(bytes(encoder.encode(np.zeros((70, 90, 3), np.uint8), "tiff", params=tiles)))
    assert (tiled.num_tiles_y, tiled.num_tiles_x, tiled.tile_height, tiled.tile_width) == (5, 3, 16, 32)


def test_pages_and_views():
    decoder = restride.Decoder(on_error="raise")
    stream = restride.CodeStream(pages(7))
    assert stream.num_images == 7
    sub = stream.get_sub_code_stream(3)
    assert sub.num_images == 1 and sub.height == 13 and sub.size == stream.size and sub.view.image_idx == 3
    assert (np.asarray(decoder.decode(sub)) == 3).all()
    region = restride.Region(2, 3, 8, 9)
    part = sub.get_sub_code_stream(region=region)
    assert (part.height, part.width) == (13, 20)  # of the whole picture
    assert part.view.region is region
    assert decoder.decode(part).shape == (6, 6, 3)
    with pytest.raises(RuntimeError, match=r"Image index #7 out of range \(0, 6\)"):
        stream.get_sub_code_stream(7)
    with pytest.raises(RuntimeError, match="nested regions. This is not supported."):
        part.get_sub_code_stream(region=restride.Region(0, 0, 1, 1))
    with pytest.raises(TypeError, match="^get_sub_code_stream\\(\\): incompatible function arguments"):
        stream.get_sub_code_stream(-1)
    assert stream.get_sub_code_stream(restride.CodeStreamView(2)).height == 12


def test_directory_offsets():
    stream = restride.CodeStream(pages(4))
    second = stream.next_ifd_offset
    assert second == stream.next_bitstream_offset and second > 0
    sub = stream.get_sub_code_stream(bitstream_offset=second)
    assert sub.height == 11 and sub.ifd_offset == second
    assert stream.get_sub_code_stream(3).next_ifd_offset is None
    assert restride.CodeStream(pages(4), bitstream_offset=second, limit_images=2).height == 11
    assert stream.subifd_offsets == []
    with pytest.raises(RuntimeError):
        stream.get_sub_code_stream(bitstream_offset=5)


def test_views_of_views():
    stream = restride.CodeStream(pages(4))
    second = stream.get_sub_code_stream(1)
    again = second.get_sub_code_stream(0)
    assert again.height == 11 and again.view.image_idx == 1 and again.num_images == 1
    assert repr(again.view) == "CodeStreamView(image_idx=1, region=None)" and again.view.bitstream_offset == 0
    with pytest.raises(RuntimeError, match="^Cannot apply nonzero image_idx to a sub code stream."):
        second.get_sub_code_stream(1)
    region = restride.Region(1, 2, 5, 9)
    part = second.get_sub_code_stream(region=region)
    assert part.view.image_idx == 1 and part.view.region is region
    assert part.get_sub_code_stream(0).view.region is region
    assert stream.get_sub_code_stream(0, restride.Region()).view.region is None
    for bad in (("x",), (0, 5), (1.5,)):
        with pytest.raises(TypeError, match="^get_sub_code_stream\\(\\): incompatible function arguments"):
            stream.get_sub_code_stream(*bad)
    with pytest.raises(RuntimeError, match="^Failed to get image info"):
        restride.CodeStream(b"no picture").get_sub_code_stream(0)


def test_an_offset_is_a_view_and_a_limit_a_shorter_stream():
    data = pages(5)
    stream = restride.CodeStream(data)
    third = stream.get_sub_code_stream(2).ifd_offset
    at_third = stream.get_sub_code_stream(bitstream_offset=third)
    assert at_third.num_images == 1 and at_third.height == 12 and at_third.view.bitstream_offset == third
    assert repr(at_third.view) == f"CodeStreamView(image_idx=0, region=None, bitstream_offset={third})"
    assert restride.CodeStream(data, bitstream_offset=third).view.bitstream_offset == third
    for limited in (restride.CodeStream(data, third, 2), stream.get_sub_code_stream(bitstream_offset=third, limit_images=2)):
        assert limited.num_images == 2 and limited.height == 12
        last = limited.get_sub_code_stream(1)
        assert last.height == 13 and last.view.image_idx == 1
        assert restride.Decoder().decode(last).shape == (13, 20, 3)
        with pytest.raises(RuntimeError, match=r"Image index #2 out of range \(0, 1\)"):
            limited.get_sub_code_stream(2)
    assert restride.CodeStream(data, limit_images=1).num_images == 1


def test_sub_directories():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(np.full((40, 50, 3), 1, np.uint8), photometric="rgb", subifds=2)
        writer.write(np.full((20, 25, 3), 2, np.uint8), photometric="rgb", subfiletype=1)
        writer.write(np.full((10, 12, 3), 3, np.uint8), photometric="rgb", subfiletype=1)
    stream = restride.CodeStream(out.getvalue())
    assert stream.num_images == 1 and len(stream.subifd_offsets) == 2
    sizes = [stream.get_sub_code_stream(bitstream_offset=o).height for o in stream.subifd_offsets]
    assert sizes == [20, 10]
    small = stream.get_sub_code_stream(bitstream_offset=stream.subifd_offsets[1], region=restride.Region(2, 2, 5, 6))
    assert (np.asarray(restride.Decoder().decode(small)) == 3).all()
    assert restride.CodeStream(bytes(restride.Encoder().encode(np.zeros((8, 8, 3), np.uint8), "png"))).ifd_offset is None


def test_more_sources(png):
    assert restride.CodeStream(list(png)).width == 30
    assert restride.CodeStream(bytes=png).width == restride.CodeStream(array=np.frombuffer(png, np.uint8)).width == 30
    assert restride.CodeStream(1000, False).capacity == 1000 and restride.CodeStream(pre_allocated_size=5).capacity == 5
    for bad in (-1, None, 2.5):
        with pytest.raises(TypeError, match="^__init__\\(\\): incompatible constructor arguments"):
            restride.CodeStream(bad)
    with pytest.raises(RuntimeError, match="Failed to create code stream"):
        restride.CodeStream("no/such/file.jpg")
