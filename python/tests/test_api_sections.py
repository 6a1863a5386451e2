# SPDX-License-Identifier: Apache-2.0
"""The Python API's contract, area by area: one class for each area of nvImageCodec's, named in its docstring.

What has tests of its own is only named here (``elsewhere``), and it is checked that they are there; the rest is tested below.
"""

import ast
import pathlib
import pickle
import shutil
import subprocess

import numpy as np
import pytest

import restride

TESTS = pathlib.Path(__file__).parent


def rgb(height=20, width=30, channels=3, dtype=np.uint8):
    return (np.arange(height * width * channels, dtype=np.uint64) * 7 % np.iinfo(dtype).max).astype(dtype).reshape(height, width, channels)


def encoded(array=None, codec="png", **params):
    data = restride.Encoder().encode(rgb() if array is None else array, codec, params=restride.EncodeParams(**params), on_error="raise")
    return bytes(data)


def elsewhere(module, *names):
    """A test that says which tests of other modules cover the area, and fails when one of them has gone."""

    def test(self):
        tree = ast.parse((TESTS / module).read_text())
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert set(names) <= there, set(names) - there

    return test


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder(device_id=restride.NVIMGCODEC_DEVICE_CPU_ONLY)


@pytest.fixture(scope="module")
def encoder():
    return restride.Encoder(device_id=restride.NVIMGCODEC_DEVICE_CPU_ONLY)


class TestPackage:
    """The package and its module functions (1.0, 1.1)."""

    test_names = elsewhere("test_api_names.py", "test_the_page_is_up_to_date_and_nothing_is_missing", "test_version_attributes")
    test_wrapping = elsewhere("test_image.py", "test_views_share_memory_and_keep_alive", "test_dlpack_both_ways", "test_refusals")

    def test_what_it_says_of_itself(self):
        assert restride.__version__.count(".") >= 2 and isinstance(restride.__git_sha__, str)
        assert restride.__cuda_version__ == 0 or restride.__cuda_version__ >= 12000
        assert restride.__doc__

    def test_as_images_wraps_each(self):
        arrays = [rgb(), rgb(5, 6)]
        images = restride.as_images(arrays)
        assert [i.shape for i in images] == [(20, 30, 3), (5, 6, 3)]
        assert all(np.shares_memory(np.asarray(i), a) for i, a in zip(images, arrays))

    def test_meaning_may_be_given(self):
        image = restride.as_image(rgb(), sample_format=restride.SampleFormat.I_BGR, color_spec=restride.SRGB)
        assert image.sample_format == restride.SampleFormat.I_BGR and image.color_spec == restride.SRGB
        with pytest.raises(ValueError, match="requires at least 4 channel"):
            restride.as_image(rgb(), sample_format=restride.SampleFormat.I_RGBA)


class TestEnumerations:
    """Enumerations (1.2)."""

    test_members = elsewhere("test_enums.py", "test_values", "test_members_are_module_attributes", "test_comparison_crosses_types",
                             "test_names_are_printed")  # fmt: skip

    def test_colliding_names_go_to_the_last_one(self):
        assert isinstance(restride.UNKNOWN, restride.MetadataType) and isinstance(restride.UNCHANGED, restride.ColorSpec)
        assert isinstance(restride.UNSUPPORTED, restride.SampleFormat) and isinstance(restride.ICC_PROFILE, restride.MetadataKind)

    def test_they_pickle_and_hash(self):
        for value in (restride.ColorSpec.SRGB, restride.SampleFormat.P_YUV, restride.QualityType.PSNR):
            assert pickle.loads(pickle.dumps(value)) == value and hash(value) == hash(int(value))

    def test_aliases_and_unknown_values(self):
        assert restride.ColorSpec.UNCHANGED == restride.ColorSpec.UNKNOWN == 0
        assert restride.SampleFormat.P_YUV == restride.SampleFormat.P_YCC == 11
        assert restride.SampleFormat.I_AUTO_COMPONENTS == restride.SampleFormat.I_UNCHANGED == 2
        assert int(restride.ColorSpec(99)) == 99


class TestParameters:
    """Parameter classes (1.3)."""

    test_classes = elsewhere("test_params.py", "test_backend", "test_decode_params", "test_encode_params", "test_region",
                             "test_code_stream_view", "test_region_details")  # fmt: skip

    def test_nested_parameters_are_references(self):
        params = restride.EncodeParams()
        params.jpeg_params.progressive = True
        params.jpeg2k_params.num_resolutions = 3
        assert params.jpeg_params.progressive and params.jpeg2k_params.num_resolutions == 3

    def test_backends_are_read_only_and_kinds_convert(self):
        backend = restride.Backend(restride.CPU_ONLY, load_hint=0.5)
        with pytest.raises(AttributeError):
            backend.load_hint = 1.0
        assert restride.Decoder(backends=[restride.CPU_ONLY]).decode(encoded()) is not None

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (([1], [2, 3]), "Dimension mismatch"),
            (([0] * 6, [1] * 6), "Too many dimensions: 6, at most 5 are allowed."),
            ((100, 0, 10, 5), "Invalid dimension on index 0; start = 100, end = 10"),
            (([0, 0], [1, 1], [0] * 6), "Too many fill values: 6, at most 5 are allowed."),
        ],
    )
    def test_region_errors_word_for_word(self, arguments, text):
        with pytest.raises(RuntimeError) as raised:
            restride.Region(*arguments)
        assert str(raised.value) == text


class TestCodeStreams:
    """CodeStream (1.4), with the names of 0.9 (1.9)."""

    test_streams = elsewhere("test_code_stream.py", "test_sources", "test_sources_that_are_refused", "test_headers_are_read_when_asked",
                             "test_output_streams", "test_what_headers_report", "test_pages_and_views", "test_directory_offsets",
                             "test_views_of_views", "test_sub_directories")  # fmt: skip

    def test_garbage_raises_when_it_is_asked(self):
        stream = restride.CodeStream(b"no picture at all")
        assert stream.size == 17
        with pytest.raises(RuntimeError, match="Failed to get"):
            _ = stream.width

    def test_what_an_encoder_made_describes_its_input(self, encoder):
        stream = encoder.encode(rgb(), "jpeg", on_error="raise")
        assert stream.sample_format == restride.SampleFormat.I_RGB and stream.num_images == 1
        assert restride.CodeStream(bytes(stream)).sample_format == restride.SampleFormat.P_YCC
        with pytest.raises(RuntimeError, match="out of range"):
            stream.get_sub_code_stream(1)

    def test_a_region_keeps_the_whole_size(self):
        sub = restride.CodeStream(encoded()).get_sub_code_stream(region=restride.Region(1, 2, 5, 9))
        assert (sub.height, sub.width) == (20, 30) and sub.view.region.start == (1, 2)
        with pytest.raises(RuntimeError, match="nested regions"):
            sub.get_sub_code_stream(region=restride.Region(0, 0, 2, 2))

    def test_buffers(self, tmp_path):
        data = encoded()
        assert bytes(memoryview(restride.CodeStream(data))) == data
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(BufferError, match="Error getting buffer"):
            memoryview(restride.CodeStream(tmp_path / "x.png"))

    def test_formats_without_tiles(self):
        for codec in ("png", "jpeg", "bmp", "webp", "pnm"):
            stream = restride.CodeStream(encoded(codec=codec))
            assert stream.num_tiles_x is None and stream.tile_width is None and stream.tile_offset_y is None
        assert restride.CodeStream(encoded(codec="jpeg2k")).num_tiles_x == 1


class TestImages:
    """Image (1.5)."""

    test_images = elsewhere("test_image.py", "test_properties", "test_defaults_by_channels", "test_array_protocol", "test_padded_rows_only")

    def test_copies_for_the_other_memory_are_the_same_object(self):
        image = restride.as_image(rgb())
        assert image.cpu() is image

    def test_precision(self, decoder):
        data = encoded(rgb(dtype=np.uint16))
        assert decoder.decode(data, params=restride.DecodeParams(allow_any_depth=True)).precision == 16

    def test_copy_and_dtype(self):
        image = restride.as_image(rgb())
        with pytest.raises(ValueError):
            image.__array__(np.float32, copy=False)
        assert np.asarray(image, np.float32).dtype == np.float32


class TestMetadata:
    """Metadata (1.6, 3.4)."""

    test_metadata = elsewhere("test_metadata.py", "test_the_class", "test_tiff_tags", "test_geo", "test_slides",
                              "test_formats_without_tags")  # fmt: skip

    def test_the_classes_refusals(self, decoder):
        tiff = encoded(codec="tiff")
        with pytest.raises(ValueError, match="TIFF tag ID must be in range"):
            decoder.get_metadata(restride.CodeStream(tiff), id=70000)
        assert decoder.get_metadata(restride.CodeStream(tiff), id=256).value == 30
        assert decoder.get_metadata(restride.CodeStream(tiff), id=65000) is None


class TestDecoderAndEncoder:
    """Decoder, Encoder (1.7)."""

    test_both = elsewhere("test_codecs.py", "test_singles_and_batches", "test_failures_in_place", "test_callers_mistakes_raise",
                          "test_colour_and_depth", "test_exif_orientation", "test_encode", "test_write", "test_with_block_closes",
                          "test_many_threads_one_decoder")  # fmt: skip

    def test_empty_and_none(self, decoder, encoder):
        assert encoder.encode([], "png") == [] and decoder.decode([]) == []
        assert encoder.encode([None], "png") == [None] and encoder.encode(None, "png") is None
        images = decoder.decode([None, encoded()])
        assert images[0] is None and images[1] is not None

    def test_refusals_word_for_word(self, encoder):
        image, two = rgb(), [restride.CodeStream(10)] * 2
        for call, text in [
            (lambda: encoder.encode(image, ""), "Unspecified codec."),
            (lambda: encoder.encode(image, ".xyz"), "Unsupported codec."),
            (lambda: encoder.encode(image, "png", code_stream_s=two),
             "code_stream_s must be a single CodeStream if single image is provided"),
            (lambda: encoder.encode([image], "png", code_stream_s=two),
             "if multiple images are provided, code_stream_s must be a list of CodeStreams the same size as the number of images"),
            (lambda: encoder.write(["a.png", "b.png"], [image] * 3),
             "Size mismatch - filenames list has 2 items, but images list has 3 items."),
        ]:  # fmt: skip
            with pytest.raises(ValueError) as raised:
                call()
            assert str(raised.value) == text

    def test_backends_that_are_not_there(self):
        if restride.device_count():
            pytest.skip("this machine has a GPU")
        with pytest.raises(RuntimeError, match="Internal error - Could not create decoder. Code: 7"):
            restride.Decoder(backends=[restride.GPU_ONLY])

    def test_outputs(self, decoder):
        data = encoded(rgb(channels=4))
        for spec, shape, form in [
            (restride.SRGB, (20, 30, 3), restride.SampleFormat.I_RGB),
            (restride.GRAY, (20, 30, 1), restride.SampleFormat.I_Y),
            (restride.SYCC, (20, 30, 3), restride.SampleFormat.I_YCC),
            (restride.UNCHANGED, (20, 30, 4), restride.SampleFormat.I_RGBA),
        ]:
            image = decoder.decode(data, params=restride.DecodeParams(color_spec=spec), on_error="raise")
            assert (image.shape, image.sample_format) == (shape, form)
            assert image.buffer_kind == restride.ImageBufferKind.STRIDED_HOST

    def test_unusual_images_are_refused_with_a_reason(self, encoder):
        for codec in ("jpeg", "png", "bmp", "webp"):
            error = encoder.encode(rgb(channels=5), codec, on_error="return")
            assert isinstance(error, restride.UnsupportedError), codec
            assert isinstance(encoder.encode(np.zeros((4, 4, 3)), codec, on_error="return"), restride.Error), codec


class TestReuse:
    """Buffers used again (2)."""

    test_rules = elsewhere("test_reuse.py", "test_image_shrinks_keeps_and_grows", "test_batch_reuse_gives_the_same_objects",
                           "test_code_stream_keeps_a_preallocation_and_grows_when_it_must",
                           "test_padded_slices_are_filled_and_nothing_else",
                           "test_contiguous_memory_is_reshaped", "test_the_two_refusals")  # fmt: skip

    def test_only_bytes_count(self, decoder):
        memory = np.zeros((20, 30, 6), np.uint8)
        image = restride.as_image(memory, sample_format=restride.SampleFormat.I_UNCHANGED)
        params = restride.DecodeParams(allow_any_depth=True)
        same = decoder.decode(encoded(rgb(dtype=np.uint16)), image=image, params=params, on_error="raise")
        assert same is image and image.dtype == np.uint16 and image.shape == (20, 30, 3)
        assert (memory.view(np.uint16).reshape(20, 30, 3) == rgb(dtype=np.uint16)).all()
        assert image.capacity == memory.nbytes


class TestCodecs:
    """Formats and operations (3, 4)."""

    test_each_format = elsewhere("golden/test_generated.py", "test_png", "test_tiff", "test_webp", "test_bmp", "test_pnm", "test_htj2k")

    @pytest.mark.parametrize("codec", ["jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"])
    def test_gray_is_gray_everywhere(self, encoder, codec):
        stream = encoder.encode(rgb(), codec, params=restride.EncodeParams(color_spec=restride.GRAY), on_error="raise")
        if codec == "webp":
            assert stream.color_spec == restride.GRAY
        else:
            assert (stream.num_channels, stream.color_spec) == (1, restride.GRAY)

    def test_jpeg_options(self, encoder):
        plain = encoded(codec="jpeg", quality_type=restride.QualityType.QUALITY, quality_value=90)
        low = encoded(codec="jpeg", quality_type=restride.QualityType.QUALITY, quality_value=20)
        assert len(low) < len(plain)
        params = restride.JpegEncodeParams(progressive=True, optimized_huffman=True)
        assert b"\xff\xc2" in encoded(codec="jpeg", jpeg_encode_params=params)
        lossless = restride.EncodeParams(quality_type=restride.QualityType.LOSSLESS)
        assert isinstance(encoder.encode(rgb(), "jpeg", params=lossless, on_error="return"), restride.Error)

    @pytest.mark.parametrize("css", [m for m in restride.ChromaSubsampling.__members__ if m.startswith("CSS_4") and m != "CSS_410V"])
    def test_chroma_subsampling_is_as_asked(self, css):
        wanted = restride.ChromaSubsampling.__members__[css]
        assert restride.CodeStream(encoded(rgb(64, 64), "jpeg", chroma_subsampling=wanted)).chroma_subsampling == wanted

    def test_jpeg_2000_on_the_cpu(self, decoder):
        ht = restride.Jpeg2kEncodeParams(ht=True, bitstream_type=restride.Jpeg2kBitstreamType.J2K)
        lossless = {"quality_type": restride.QualityType.LOSSLESS}
        try:
            data = encoded(rgb(64, 64), "jpeg2k", jpeg2k_encode_params=ht, **lossless)
        except restride.UnsupportedError as error:
            pytest.skip(str(error))
        assert (np.asarray(decoder.decode(data)) == rgb(64, 64)).all()
        tiled = encoded(rgb(64, 64), "jpeg2k", tile_width=32, tile_height=32, **lossless)
        assert restride.CodeStream(tiled).num_tiles_x == 2
        assert (np.asarray(decoder.decode(tiled)) == rgb(64, 64)).all()


class TestWhatUsersRelyOn:
    """Behaviour that programs rely on (6)."""

    test_crops = elsewhere("golden/test_regions.py", "test_region_is_the_crop", "test_outside_is_filled")

    @pytest.mark.parametrize("codec", ["jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"])
    @pytest.mark.parametrize("fill", [0, 125, 255])
    def test_regions_reach_outside_on_every_side(self, decoder, codec, fill):
        data = restride.CodeStream(encoded(codec=codec))
        whole = np.pad(np.asarray(decoder.decode(data)), ((9, 9), (9, 9), (0, 0)), constant_values=fill)
        for y0, x0, y1, x1 in [(-5, -7, 10, 10), (-9, -9, 29, 39), (5, 5, 29, 39), (3, -4, 8, 2), (25, 35, 27, 38)]:
            sub = data.get_sub_code_stream(region=restride.Region(y0, x0, y1, x1, fill))
            assert (np.asarray(decoder.decode(sub, on_error="raise")) == whole[y0 + 9 : y1 + 9, x0 + 9 : x1 + 9]).all()

    def test_lossless_jpeg_2000_of_a_tiff_says_srgb(self, decoder, encoder):
        image = decoder.decode(encoded(codec="tiff"), params=restride.DecodeParams(color_spec=restride.UNCHANGED))
        stream = encoder.encode(image, "jpeg2k", params=restride.EncodeParams(quality_type=restride.QualityType.LOSSLESS), on_error="raise")
        assert stream.color_spec == restride.SRGB and restride.CodeStream(bytes(stream)).color_spec == restride.SRGB

    @pytest.mark.parametrize("progressive", [False, True])
    def test_arithmetic_coding(self, decoder, progressive):
        """Recoded without loss by libjpeg-turbo's own tool: the same pixels."""
        tool = shutil.which("jpegtran")
        if tool is None:
            pytest.skip("jpegtran is not there")
        plain = encoded(rgb(65, 77), "jpeg", chroma_subsampling=restride.ChromaSubsampling.CSS_420)
        command = [tool, "-arithmetic", *(["-progressive"] if progressive else [])]
        coded = subprocess.run(command, input=plain, capture_output=True, check=True).stdout
        assert (b"\xff\xca" if progressive else b"\xff\xc9") in coded
        whole = np.asarray(decoder.decode(coded, on_error="raise"))
        assert (whole == np.asarray(decoder.decode(plain))).all()
        sub = restride.CodeStream(coded).get_sub_code_stream(region=restride.Region(9, 11, 40, 50))
        assert (np.asarray(decoder.decode(sub, on_error="raise")) == whole[9:40, 11:50]).all()
