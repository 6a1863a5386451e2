# SPDX-License-Identifier: Apache-2.0
"""Enumerations that behave as nvImageCodec's do.

Members are integers: they compare equal to plain integers and to members of other enumerations, hash as integers, pickle,
and are module attributes of ``restride`` too. Values that have no member are accepted and keep their number.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "BackendKind", "LoadHintPolicy", "ColorSpec", "SampleFormat", "ChromaSubsampling", "ImageBufferKind",
    "Jpeg2kBitstreamType", "Jpeg2kProgOrder", "QualityType", "MetadataFormat", "MetadataKind", "MetadataType",
]  # fmt: skip


class _Enum(int):
    """Base of all enumerations; members are made from the ``_values`` of a subclass."""

    __members__: ClassVar[dict[str, Any]]
    _names: ClassVar[dict[int, str]]

    def __init_subclass__(cls, values: str | None = None) -> None:
        if values is None:
            return
        cls.__members__ = {}
        cls._names = {}
        for item in values.split():
            name, number = item.split("=")
            member = int.__new__(cls, int(number))
            cls.__members__[name] = member
            cls._names.setdefault(int(number), name)
            setattr(cls, name, member)

    @property
    def name(self) -> str:
        return self._names.get(int(self), "???")

    @property
    def value(self) -> int:
        return int(self)

    def __bool__(self) -> bool:
        return True

    def _no_flag(self, other: Any) -> Any:
        return NotImplemented

    # Members cannot be combined by | and the like.
    __or__ = __ror__ = __and__ = __rand__ = __xor__ = __rxor__ = _no_flag

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}: {int(self)}>"

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self),)


class BackendKind(_Enum, values="CPU_ONLY=1 GPU_ONLY=2 HYBRID_CPU_GPU=3 HW_GPU_ONLY=4"):
    """Where a codec runs."""


class LoadHintPolicy(_Enum, values="IGNORE=1 FIXED=2 ADAPTIVE_MINIMIZE_IDLE_TIME=3"):
    """How a backend's load hint is used."""


class ColorSpec(
    _Enum,
    values="UNKNOWN=0 UNCHANGED=0 SRGB=1 GRAY=2 SYCC=3 CMYK=4 YCCK=5 PALETTE=6 ICC_PROFILE=7 UNSUPPORTED=-1",
):
    """What the channels of a picture mean."""


class SampleFormat(
    _Enum,
    values="UNKNOWN=0 P_AUTO_COMPONENTS=1 I_AUTO_COMPONENTS=2 P_UNCHANGED=1 I_UNCHANGED=2 P_Y=3 I_Y=4 P_YA=5 I_YA=6 "
    "P_RGB=7 I_RGB=8 P_BGR=9 I_BGR=10 P_YUV=11 P_YCC=11 I_YUV=12 I_YCC=12 P_RGBA=13 I_RGBA=14 P_YCCK=15 I_YCCK=16 "
    "P_CMYK=17 I_CMYK=18 UNSUPPORTED=-1",
):
    """Meaning and layout of the channels: P_ planar (C,H,W), I_ interleaved (H,W,C)."""


class ChromaSubsampling(
    _Enum,
    values="CSS_444=0 CSS_422=2 CSS_420=3 CSS_440=4 CSS_411=5 CSS_410=6 CSS_GRAY=7 CSS_410V=8 UNSUPPORTED=-1",
):
    """How chroma is sampled."""


class ImageBufferKind(_Enum, values="STRIDED_DEVICE=1 STRIDED_HOST=2"):
    """Where an image's pixels are."""


class Jpeg2kBitstreamType(_Enum, values="J2K=0 JP2=1"):
    """Raw codestream or JP2 file."""


class Jpeg2kProgOrder(_Enum, values="LRCP=0 RLCP=1 RPCL=2 PCRL=3 CPRL=4"):
    """Progression order of a JPEG 2000 codestream."""


class QualityType(_Enum, values="DEFAULT=0 LOSSLESS=1 QUALITY=2 QUANTIZATION_STEP=3 PSNR=4 SIZE_RATIO=5"):
    """What EncodeParams.quality_value means."""


class MetadataFormat(_Enum, values="UNKNOWN=0 RAW=1 JSON=2 XML=3 XMP=4"):
    """How a metadata block is written."""


class MetadataKind(
    _Enum,
    values="UNKNOWN=0 TIFF_TAG=1 ICC_PROFILE=2 EXIF=3 GEO=4 MED_APERIO=5 MED_PHILIPS=6 MED_VENTANA=7 MED_LEICA=8 "
    "MED_TRESTLE=9 TIFF_TAG_LIST=10 XMP=11",
):
    """What a metadata block is."""


class MetadataType(
    _Enum,
    values="UNKNOWN=0 BYTE=1 ASCII=2 SHORT=3 LONG=4 RATIONAL=5 SBYTE=6 UNDEFINED=7 SSHORT=8 SLONG=9 SRATIONAL=10 "
    "FLOAT=11 DOUBLE=12 IFD=13 LONG8=16 SLONG8=17 IFD8=18",
):
    """Type of a TIFF tag's values."""


def exported_members() -> dict[str, Any]:
    """All members by name, as module attributes; where names collide the later enumeration wins, as in nvImageCodec."""
    out: dict[str, Any] = {}
    order = [BackendKind, LoadHintPolicy, ColorSpec, ChromaSubsampling, ImageBufferKind, Jpeg2kBitstreamType,
             Jpeg2kProgOrder, QualityType, MetadataKind, MetadataFormat, MetadataType]  # fmt: skip
    for enumeration in order:
        out.update(enumeration.__members__)
    out.update({name: m for name, m in SampleFormat.__members__.items() if name != "UNKNOWN"})
    out["UNCHANGED"] = ColorSpec.UNCHANGED
    out["UNKNOWN"] = MetadataType.UNKNOWN
    out["ICC_PROFILE"] = MetadataKind.ICC_PROFILE
    return out
