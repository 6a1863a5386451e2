# SPDX-License-Identifier: Apache-2.0
"""Enumerations (nvImageCodec API, section 1.2): values, comparison, names, pickling, module attributes."""

import pickle

import pytest

import restride

VALUES = {
    "BackendKind": dict(CPU_ONLY=1, GPU_ONLY=2, HYBRID_CPU_GPU=3, HW_GPU_ONLY=4),
    "LoadHintPolicy": dict(IGNORE=1, FIXED=2, ADAPTIVE_MINIMIZE_IDLE_TIME=3),
    "ColorSpec": dict(UNKNOWN=0, UNCHANGED=0, SRGB=1, GRAY=2, SYCC=3, CMYK=4, YCCK=5, PALETTE=6, ICC_PROFILE=7, UNSUPPORTED=-1),
    "SampleFormat": dict(UNKNOWN=0, P_UNCHANGED=1, I_UNCHANGED=2, P_AUTO_COMPONENTS=1, I_AUTO_COMPONENTS=2, P_Y=3, I_Y=4, P_YA=5, I_YA=6,
                         P_RGB=7, I_RGB=8, P_BGR=9, I_BGR=10, P_YUV=11, P_YCC=11, I_YUV=12, I_YCC=12, P_RGBA=13, I_RGBA=14, P_YCCK=15,
                         I_YCCK=16, P_CMYK=17, I_CMYK=18, UNSUPPORTED=-1),
    "ChromaSubsampling": dict(CSS_444=0, CSS_422=2, CSS_420=3, CSS_440=4, CSS_411=5, CSS_410=6, CSS_GRAY=7, CSS_410V=8),
    "ImageBufferKind": dict(STRIDED_DEVICE=1, STRIDED_HOST=2),
    "Jpeg2kBitstreamType": dict(J2K=0, JP2=1),
    "Jpeg2kProgOrder": dict(LRCP=0, RLCP=1, RPCL=2, PCRL=3, CPRL=4),
    "QualityType": dict(DEFAULT=0, LOSSLESS=1, QUALITY=2, QUANTIZATION_STEP=3, PSNR=4, SIZE_RATIO=5),
    "MetadataFormat": dict(UNKNOWN=0, RAW=1, JSON=2, XML=3, XMP=4),
    "MetadataKind": dict(UNKNOWN=0, TIFF_TAG=1, ICC_PROFILE=2, EXIF=3, GEO=4, MED_APERIO=5, MED_PHILIPS=6, MED_VENTANA=7, MED_LEICA=8,
                         MED_TRESTLE=9, TIFF_TAG_LIST=10),
    "MetadataType": dict(UNKNOWN=0, BYTE=1, ASCII=2, SHORT=3, LONG=4, RATIONAL=5, SBYTE=6, UNDEFINED=7, SSHORT=8, SLONG=9, SRATIONAL=10,
                         FLOAT=11, DOUBLE=12, IFD=13, LONG8=16, SLONG8=17, IFD8=18),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    enumeration = getattr(restride, name)
    for member, value in VALUES[name].items():
        m = getattr(enumeration, member)
        assert m == value and int(m) == value and m.value == value and hash(m) == hash(value)
        assert enumeration.__members__[member] == value
        assert isinstance(m, enumeration)
        again = pickle.loads(pickle.dumps(m))
        assert again == m and type(again) is enumeration


def test_members_are_module_attributes():
    for name in ("SRGB", "GRAY", "JP2", "RPCL", "CSS_411", "GPU_ONLY", "LOSSLESS", "I_RGB", "STRIDED_HOST", "TIFF_TAG"):
        assert hasattr(restride, name), name
    assert type(restride.UNKNOWN) is restride.MetadataType
    assert type(restride.UNCHANGED) is restride.ColorSpec
    assert type(restride.UNSUPPORTED) is restride.SampleFormat
    assert type(restride.ICC_PROFILE) is restride.MetadataKind


def test_comparison_crosses_types():
    assert restride.ColorSpec.SRGB == restride.BackendKind.CPU_ONLY == 1
    assert restride.ColorSpec.SRGB != restride.ColorSpec.GRAY
    assert restride.ColorSpec.UNCHANGED == restride.ColorSpec.UNKNOWN
    assert restride.ColorSpec.UNCHANGED is not restride.ColorSpec.UNKNOWN


def test_names_are_printed():
    assert repr(restride.ColorSpec.SRGB) == "<ColorSpec.SRGB: 1>"
    assert str(restride.ColorSpec.SRGB) == "ColorSpec.SRGB"
    assert restride.ColorSpec.SRGB.name == "SRGB"
    assert repr(restride.ColorSpec.UNCHANGED) == "<ColorSpec.UNKNOWN: 0>"
    assert repr(restride.ColorSpec(99)) == "<ColorSpec.???: 99>"
    with pytest.raises(TypeError):
        list(restride.ColorSpec)
