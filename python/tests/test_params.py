# SPDX-License-Identifier: Apache-2.0
"""Parameter classes (nvImageCodec API, section 1.3): constructors, defaults, properties, exact errors."""

import numpy as np
import pytest

import restride


def test_backend():
    b = restride.Backend()
    assert (b.backend_kind, b.load_hint, b.load_hint_policy) == (restride.GPU_ONLY, 1.0, restride.FIXED)
    b = restride.Backend(restride.CPU_ONLY, load_hint=0.5, load_hint_policy=restride.IGNORE)
    assert (b.backend_kind, b.load_hint, b.load_hint_policy) == (restride.CPU_ONLY, 0.5, restride.IGNORE)
    with pytest.raises(AttributeError):
        b.load_hint = 1


def test_decode_params():
    p = restride.DecodeParams()
    assert p.apply_exif_orientation is True and p.color_spec == restride.SRGB and p.allow_any_depth is False
    assert p.sample_format == restride.SampleFormat.I_AUTO_COMPONENTS
    p.color_spec = restride.GRAY
    assert p.color_spec == restride.GRAY
    assert restride.DecodeParams(False, restride.UNCHANGED, True).allow_any_depth is True


def test_encode_params():
    p = restride.EncodeParams()
    assert p.quality_type == restride.DEFAULT and p.quality_value == 0 and p.color_spec == restride.UNCHANGED
    assert p.chroma_subsampling is None and p.tile_width == 0 and p.tile_height == 0
    p.jpeg_params.progressive = True  # a reference, changed in place
    assert p.jpeg_params.progressive is True and p.jpeg_params.optimized_huffman is False
    k = p.jpeg2k_params
    assert tuple(k.code_block_size) == (64, 64) and k.num_resolutions == 6 and k.bitstream_type == restride.JP2
    assert k.prog_order == restride.RPCL and k.mct_mode == 0 and k.ht is False
    with pytest.raises(ValueError, match="^Both tile_width and tile_height must be provided together, or neither should be provided$"):
        restride.EncodeParams(tile_width=64)
    assert restride.EncodeParams(tile_width=64, tile_height=32).tile_height == 32
    mine = restride.JpegEncodeParams(optimized_huffman=True)
    assert restride.EncodeParams(jpeg_encode_params=mine).jpeg_params is mine


def test_region():
    r = restride.Region()
    assert r.ndim == 0 and r.start == () and r.end == ()
    r = restride.Region(1, 2, 3, 4)
    assert r.ndim == 2 and r.start == (1, 2) and r.end == (3, 4) and r.out_of_bounds_samples == [0] * 5
    assert restride.Region(1, 2, 3, 4, 7).out_of_bounds_samples[0] == 7
    assert restride.Region(start_y=1, start_x=2, end_y=3, end_x=4).end == (3, 4)
    assert restride.Region([1, 2], (3, 4)).start == (1, 2)
    assert restride.Region(start=[-5, 2], end=[3, 400], out_of_bounds_samples=[1, 2, 3]).out_of_bounds_samples[:3] == [1, 2, 3]
    assert repr(r) == "Region(start=(1, 2) end=(3, 4) out_of_bounds_policy=CONSTANT with samples=[0, 0, 0, 0, 0])"
    for arguments, text in [
        (([1, 2, 3], [4, 5]), "Dimension mismatch"),
        (([0] * 6, [1] * 6), "Too many dimensions: 6, at most 5 are allowed."),
        (([100, 0], [10, 5]), "Invalid dimension on index 0; start = 100, end = 10"),
        (([0, 0], [1, 1], [1] * 6), "Too many fill values: 6, at most 5 are allowed."),
    ]:
        with pytest.raises(RuntimeError) as caught:
            restride.Region(*arguments)
        assert str(caught.value) == text


def test_code_stream_view():
    v = restride.CodeStreamView()
    assert v.image_idx == 0 and v.region is None
    region = restride.Region(0, 0, 1, 1)
    v = restride.CodeStreamView(3, region)
    assert v.image_idx == 3 and v.region is region
    with pytest.raises(AttributeError):
        v.image_idx = 1


def test_region_details():
    with pytest.raises(RuntimeError, match="^Invalid dimension on index 0; start = 5, end = 5$"):
        restride.Region(5, 5, 5, 5)
    assert restride.Region((1, 2), (3, 4), [7]).out_of_bounds_samples == [7, 0, 0, 0, 0]
    assert restride.Region((1, 2), (3, 4), 7).out_of_bounds_samples == [7] * 5
    assert restride.Region((1, 2), (3, 4), 5.25).out_of_bounds_samples == [5.25] * 5
    for bad in ((1, 2), (1, 2, 3), ("a", "b"), (1.5, 2, 3, 4)):
        with pytest.raises(TypeError, match="^__init__\\(\\): incompatible constructor arguments"):
            restride.Region(*bad)
    with pytest.raises(TypeError):
        restride.CodeStreamView(-1)


def test_values_take_their_types():
    assert restride.Jpeg2kEncodeParams(code_block_size=[32, 32]).code_block_size == (32, 32)
    value = restride.EncodeParams(quality_value=3).quality_value
    assert value == 3.0 and isinstance(value, float)


FAMILIES = {
    "SRGB": ("I_RGB", "P_BGR", "I_RGBA"), "GRAY": ("I_Y", "P_YA"), "SYCC": ("I_YCC", "P_YUV"), "CMYK": ("I_CMYK",), "YCCK": ("P_YCCK",),
}  # fmt: skip


@pytest.mark.parametrize("color", FAMILIES)
def test_colours_and_formats_that_do_not_go_together(color):
    decoder, data = restride.Decoder(), bytes(restride.Encoder().encode(np.zeros((8, 8, 3), np.uint8), "jpeg"))
    for other, formats in FAMILIES.items():
        for name in formats:
            form = getattr(restride.SampleFormat, name)
            params = restride.DecodeParams(color_spec=getattr(restride.ColorSpec, color), sample_format=form)
            if other == color:
                params._tuple()
                continue
            text = f"^sample_format {form.name} is not compatible with color_spec {color}. Use a matching sample_format"
            with pytest.raises(ValueError, match=text):
                decoder.decode(data, params=params)
    with pytest.raises(ValueError, match="^unsupported color_spec PALETTE"):
        decoder.decode(data, params=restride.DecodeParams(color_spec=restride.ColorSpec.PALETTE))
    with pytest.raises(ValueError, match="^unsupported sample_format UNKNOWN"):
        decoder.decode(data, params=restride.DecodeParams(sample_format=restride.SampleFormat.UNKNOWN))
