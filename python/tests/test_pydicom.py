# SPDX-License-Identifier: Apache-2.0
"""restride.pydicom on the files that pydicom ships, against its own references, Pillow and imagecodecs."""

import copy
import pathlib
import runpy

import numpy as np
import pytest

import restride

pydicom = pytest.importorskip("pydicom", "3.0", reason="pydicom 3 is not installed: restride.pydicom is not tested")
rp = pytest.importorskip("restride.pydicom")
from pydicom import uid  # noqa: E402
from pydicom.encaps import encapsulate, generate_frames  # noqa: E402
from pydicom.pixels import pixel_array  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FILES = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
OURS = ("restride",)


def read(name):
    return pydicom.dcmread(FILES / name, force=True)


def by(plugin, dataset, **options):
    return pixel_array(dataset, decoding_plugin=plugin, **options)


def high_throughput():
    try:
        params = restride.EncodeParams(restride.LOSSLESS, jpeg2k_encode_params=restride.Jpeg2kEncodeParams(ht=True))
        restride.Encoder().encode(np.zeros((16, 16), np.uint8), "jpeg2k", params=params, on_error="raise")
    except restride.UnsupportedError:
        return False
    return True


# Lossy: Pillow's libjpeg may be another; what is lossless, or JPEG 2000 by the same OpenJPEG, is equal.
@pytest.mark.parametrize("name, reference, tolerance", [
    ("JPEG2000.dcm", "emri_small.dcm", None),
    ("MR_small_jp2klossless.dcm", "MR_small.dcm", 0),
    ("examples_jpeg2k.dcm", None, 0),
    ("SC_rgb_gdcm_KY.dcm", None, 1),
    ("SC_jpeg_no_color_transform.dcm", None, 1),
    ("SC_jpeg_no_color_transform_2.dcm", None, 1),
    ("SC_rgb_dcmtk_+eb+cr.dcm", None, 1),
    ("SC_rgb_dcmtk_+eb+cy+n1.dcm", None, 1),
    ("SC_rgb_dcmtk_+eb+cy+n2.dcm", None, 1),
    ("SC_rgb_dcmtk_+eb+cy+np.dcm", None, 1),
    ("SC_rgb_dcmtk_+eb+cy+s2.dcm", None, 1),
    ("SC_rgb_dcmtk_+eb+cy+s4.dcm", None, 1),
    ("SC_rgb_jpeg.dcm", None, 1),
    ("SC_rgb_jpeg_app14_dcmd.dcm", None, 1),
    ("SC_rgb_jpeg_dcmtk.dcm", None, 1),
    ("SC_rgb_jpeg_lossy_gdcm.dcm", None, 1),
    ("SC_rgb_small_odd_jpeg.dcm", None, 1),
    ("examples_ybr_color.dcm", None, 1),
])  # fmt: skip
@pytest.mark.parametrize("raw", [False, True])
def test_pixels_are_those_of_another_decoder(name, reference, tolerance, raw):
    if not (FILES / name).exists():
        pytest.skip(f"this pydicom has no {name}")
    dataset = read(name)
    got = by("restride", dataset, raw=raw)
    want = by("pillow", dataset, raw=raw) if reference is None or tolerance is None else read(reference).pixel_array
    assert got.shape == want.shape and got.dtype == want.dtype
    difference = np.abs(got.astype(np.int32) - want.astype(np.int32))
    assert difference.max() <= (tolerance or 0), (difference.max(), difference.mean())
    frames = rp.decode_frames(dataset, raw=raw)
    single = int(dataset.get("NumberOfFrames", 1) or 1) == 1
    assert frames.dtype == got.dtype and (frames == (got[None] if single else got)).all()


@pytest.mark.parametrize("name", ["693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm"])
def test_signs_are_the_data_sets(name):
    """13 bits signed in an unsigned code stream, and 14 bits in 16: pydicom's sign correction and ours agree with Pillow."""
    dataset = read(name)
    got, want = by("restride", dataset), by("pillow", dataset)
    assert got.dtype == np.int16 and (np.abs(got.astype(int) - want) <= 1).all() and got.min() < 0
    assert (rp.decode_frames(dataset)[0] == got).all()


@pytest.mark.parametrize("name, decode", [("SC_rgb_jpeg_gdcm.dcm", "jpeg8_decode"), ("GDCMJ2K_TextGBR.dcm", "jpeg2k_decode")])
def test_what_pillow_does_not_decode(name, decode):
    """Lossless JPEG, and a JPEG 2000 code stream that Pillow calls broken."""
    imagecodecs = pytest.importorskip("imagecodecs")
    dataset = read(name)
    want = getattr(imagecodecs, decode)(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    assert (by("restride", dataset) == want).all() and (rp.decode_frames(dataset)[0] == want).all()


def made(pixels, syntax, frames, bits, signed=0, fragments=1):
    dataset = copy.deepcopy(read("MR_small.dcm"))
    dataset.Rows, dataset.Columns = pixels.shape[1:3]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = (8 if bits <= 8 else 16), bits, bits - 1
    dataset.PixelRepresentation = signed
    dataset.NumberOfFrames = len(frames)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments)
    dataset["PixelData"].is_undefined_length = True
    return dataset


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("fragments", [1, 3])
def test_lossless_jpeg_of_many_bits_frames_and_fragments(bits, fragments):
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(bits)
    pixels = rng.integers(0, 1 << bits, (3, 40, 50)).astype(np.uint8 if bits == 8 else np.uint16)
    coded = [imagecodecs.ljpeg_encode(p, bitspersample=bits) for p in pixels]
    dataset = made(pixels, uid.JPEGLosslessSV1, coded, bits, fragments=fragments)
    assert (by("restride", dataset) == pixels).all() and (rp.decode_frames(dataset) == pixels).all()


@pytest.mark.parametrize("syntax", [uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K])
def test_htj2k_of_another_encoder(syntax):
    imagecodecs = pytest.importorskip("imagecodecs")
    if not getattr(imagecodecs, "HTJ2K", None) or not imagecodecs.HTJ2K.available:
        pytest.skip("this imagecodecs does not encode HTJ2K")
    pixels = np.random.default_rng(1).integers(0, 4096, (2, 64, 70)).astype(np.uint16)
    coded = [imagecodecs.htj2k_encode(p, reversible=True) for p in pixels]
    dataset = made(pixels, syntax, coded, 16)
    assert (by("restride", dataset) == pixels).all() and (rp.decode_frames(dataset) == pixels).all()


@pytest.mark.parametrize("name", [
    "CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_small_odd.dcm", "examples_rgb_color.dcm",
    "examples_ybr_color.dcm", "liver_1frame.dcm",
])  # fmt: skip
@pytest.mark.parametrize("syntax", [uid.HTJ2KLosslessRPCL, uid.HTJ2KLossless, uid.JPEG2000Lossless])
def test_compress_keeps_every_pixel(name, syntax, tmp_path):
    if syntax != uid.JPEG2000Lossless and not high_throughput():
        pytest.skip("this build does not write HTJ2K")
    if not (FILES / name).exists():
        pytest.skip(f"this pydicom has no {name}")
    dataset = read(name)
    before = dataset.pixel_array
    rp.compress(dataset, syntax)
    dataset.save_as(tmp_path / "out.dcm")
    after = pydicom.dcmread(tmp_path / "out.dcm")
    assert after.file_meta.TransferSyntaxUID == syntax
    got = after.pixel_array
    assert got.shape == before.shape and got.dtype == before.dtype and (got == before).all()
    count = int(after.get("NumberOfFrames", 1) or 1)
    assert len(list(generate_frames(after.PixelData, number_of_frames=count))) == count
    if syntax == uid.JPEG2000Lossless and int(after.SamplesPerPixel) == 3:  # another decoder reads it
        assert (by("pillow", after) == before).all()


def test_signed_bits_fewer_than_allocated(tmp_path):
    dataset = read("CT_small.dcm")
    pixels = (np.arange(128 * 128).reshape(128, 128) % 4096 - 2048).astype(np.int16)
    dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = pixels.tobytes(), 12, 11, 1
    rp.compress(dataset, uid.JPEG2000Lossless)
    assert (dataset.pixel_array == pixels).all() and (rp.decode_frames(dataset)[0] == pixels).all()


def test_the_plugin_is_pydicoms_first_choice_and_can_be_taken_out():
    decoder = pydicom.pixels.get_decoder(uid.JPEG2000Lossless)
    assert next(iter(decoder._available)) == "restride"
    rp.unregister()
    assert "restride" not in decoder.available_plugins
    rp.register(first=False)
    assert list(decoder._available)[-1] == "restride"
    rp.register()
    assert next(iter(decoder._available)) == "restride"


def test_what_is_not_decoded_here_says_so():
    assert not rp.is_available(uid.JPEGLSLossless) and not rp.is_available(uid.RLELossless)
    with pytest.raises(restride.UnsupportedError, match="JPEG-LS"):
        rp.decode_frames(read("MR_small_jpeg_ls_lossless.dcm"))
    with pytest.raises(restride.InvalidArgumentError, match="writes"):
        rp.compress(read("CT_small.dcm"), uid.JPEGBaseline8Bit)
    with pytest.raises(restride.UnsupportedError, match="big endian"):
        rp.compress(read("MR_small_bigendian.dcm"))


def test_damage_names_the_frame():
    dataset = read("MR_small_jp2klossless.dcm")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData, dataset.NumberOfFrames = encapsulate([frame, frame[: len(frame) // 2]]), 2
    with pytest.raises(restride.Error, match="frame 1"):
        rp.decode_frames(dataset)
    with pytest.raises(RuntimeError):
        by("restride", dataset)
    dataset = read("MR_small_jp2klossless.dcm")
    dataset.Rows = 65
    with pytest.raises(restride.InvalidArgumentError, match="65"):
        rp.decode_frames(dataset)


def test_twelve_bits_or_the_reason():
    dataset = read("JPGExtended.dcm")
    try:
        pixels = by("restride", dataset)
    except RuntimeError as error:
        assert "libjpeg-turbo 3" in str(error)
    else:
        assert pixels.dtype == np.uint16 and 255 < pixels.max() < 4096


def test_the_example(tmp_path, monkeypatch, capsys):
    example = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python" / "dicom_htj2k.py"
    monkeypatch.setattr("sys.argv", [str(example), str(FILES / "CT_small.dcm"), str(tmp_path / "out.dcm")])
    runpy.run_path(str(example), run_name="__main__")
    assert "pixels are equal" in capsys.readouterr().out
    assert (pydicom.dcmread(tmp_path / "out.dcm").pixel_array == read("CT_small.dcm").pixel_array).all()
