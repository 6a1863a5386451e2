# SPDX-License-Identifier: Apache-2.0
# Written by scripts/stubs.py.

from typing import Any, ClassVar

class _Enum(int):
    __members__: ClassVar[dict[str, Any]]
    def __init__(self, value: int = ...) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class BackendKind(_Enum):
    """Where a codec runs."""

    CPU_ONLY: ClassVar[BackendKind]
    GPU_ONLY: ClassVar[BackendKind]
    HYBRID_CPU_GPU: ClassVar[BackendKind]
    HW_GPU_ONLY: ClassVar[BackendKind]

class LoadHintPolicy(_Enum):
    """How a backend's load hint is used."""

    IGNORE: ClassVar[LoadHintPolicy]
    FIXED: ClassVar[LoadHintPolicy]
    ADAPTIVE_MINIMIZE_IDLE_TIME: ClassVar[LoadHintPolicy]

class ColorSpec(_Enum):
    """What the channels of a picture mean."""

    UNKNOWN: ClassVar[ColorSpec]
    UNCHANGED: ClassVar[ColorSpec]
    SRGB: ClassVar[ColorSpec]
    GRAY: ClassVar[ColorSpec]
    SYCC: ClassVar[ColorSpec]
    CMYK: ClassVar[ColorSpec]
    YCCK: ClassVar[ColorSpec]
    PALETTE: ClassVar[ColorSpec]
    ICC_PROFILE: ClassVar[ColorSpec]
    UNSUPPORTED: ClassVar[ColorSpec]

class SampleFormat(_Enum):
    """Meaning and layout of the channels: P_ planar (C,H,W), I_ interleaved (H,W,C)."""

    UNKNOWN: ClassVar[SampleFormat]
    P_AUTO_COMPONENTS: ClassVar[SampleFormat]
    I_AUTO_COMPONENTS: ClassVar[SampleFormat]
    P_UNCHANGED: ClassVar[SampleFormat]
    I_UNCHANGED: ClassVar[SampleFormat]
    P_Y: ClassVar[SampleFormat]
    I_Y: ClassVar[SampleFormat]
    P_YA: ClassVar[SampleFormat]
    I_YA: ClassVar[SampleFormat]
    P_RGB: ClassVar[SampleFormat]
    I_RGB: ClassVar[SampleFormat]
    P_BGR: ClassVar[SampleFormat]
    I_BGR: ClassVar[SampleFormat]
    P_YUV: ClassVar[SampleFormat]
    P_YCC: ClassVar[SampleFormat]
    I_YUV: ClassVar[SampleFormat]
    I_YCC: ClassVar[SampleFormat]
    P_RGBA: ClassVar[SampleFormat]
    I_RGBA: ClassVar[SampleFormat]
    P_YCCK: ClassVar[SampleFormat]
    I_YCCK: ClassVar[SampleFormat]
    P_CMYK: ClassVar[SampleFormat]
    I_CMYK: ClassVar[SampleFormat]
    UNSUPPORTED: ClassVar[SampleFormat]

class ChromaSubsampling(_Enum):
    """How chroma is sampled."""

    CSS_444: ClassVar[ChromaSubsampling]
    CSS_422: ClassVar[ChromaSubsampling]
    CSS_420: ClassVar[ChromaSubsampling]
    CSS_440: ClassVar[ChromaSubsampling]
    CSS_411: ClassVar[ChromaSubsampling]
    CSS_410: ClassVar[ChromaSubsampling]
    CSS_GRAY: ClassVar[ChromaSubsampling]
    CSS_410V: ClassVar[ChromaSubsampling]
    UNSUPPORTED: ClassVar[ChromaSubsampling]

class ImageBufferKind(_Enum):
    """Where an image's pixels are."""

    STRIDED_DEVICE: ClassVar[ImageBufferKind]
    STRIDED_HOST: ClassVar[ImageBufferKind]

class Jpeg2kBitstreamType(_Enum):
    """Raw codestream or JP2 file."""

    J2K: ClassVar[Jpeg2kBitstreamType]
    JP2: ClassVar[Jpeg2kBitstreamType]

class Jpeg2kProgOrder(_Enum):
    """Progression order of a JPEG 2000 codestream."""

    LRCP: ClassVar[Jpeg2kProgOrder]
    RLCP: ClassVar[Jpeg2kProgOrder]
    RPCL: ClassVar[Jpeg2kProgOrder]
    PCRL: ClassVar[Jpeg2kProgOrder]
    CPRL: ClassVar[Jpeg2kProgOrder]

class QualityType(_Enum):
    """What EncodeParams.quality_value means."""

    DEFAULT: ClassVar[QualityType]
    LOSSLESS: ClassVar[QualityType]
    QUALITY: ClassVar[QualityType]
    QUANTIZATION_STEP: ClassVar[QualityType]
    PSNR: ClassVar[QualityType]
    SIZE_RATIO: ClassVar[QualityType]

class MetadataFormat(_Enum):
    """How a metadata block is written."""

    UNKNOWN: ClassVar[MetadataFormat]
    RAW: ClassVar[MetadataFormat]
    JSON: ClassVar[MetadataFormat]
    XML: ClassVar[MetadataFormat]
    XMP: ClassVar[MetadataFormat]

class MetadataKind(_Enum):
    """What a metadata block is."""

    UNKNOWN: ClassVar[MetadataKind]
    TIFF_TAG: ClassVar[MetadataKind]
    ICC_PROFILE: ClassVar[MetadataKind]
    EXIF: ClassVar[MetadataKind]
    GEO: ClassVar[MetadataKind]
    MED_APERIO: ClassVar[MetadataKind]
    MED_PHILIPS: ClassVar[MetadataKind]
    MED_VENTANA: ClassVar[MetadataKind]
    MED_LEICA: ClassVar[MetadataKind]
    MED_TRESTLE: ClassVar[MetadataKind]
    TIFF_TAG_LIST: ClassVar[MetadataKind]
    XMP: ClassVar[MetadataKind]

class MetadataType(_Enum):
    """Type of a TIFF tag's values."""

    UNKNOWN: ClassVar[MetadataType]
    BYTE: ClassVar[MetadataType]
    ASCII: ClassVar[MetadataType]
    SHORT: ClassVar[MetadataType]
    LONG: ClassVar[MetadataType]
    RATIONAL: ClassVar[MetadataType]
    SBYTE: ClassVar[MetadataType]
    UNDEFINED: ClassVar[MetadataType]
    SSHORT: ClassVar[MetadataType]
    SLONG: ClassVar[MetadataType]
    SRATIONAL: ClassVar[MetadataType]
    FLOAT: ClassVar[MetadataType]
    DOUBLE: ClassVar[MetadataType]
    IFD: ClassVar[MetadataType]
    LONG8: ClassVar[MetadataType]
    SLONG8: ClassVar[MetadataType]
    IFD8: ClassVar[MetadataType]

def exported_members() -> dict[str, Any]: ...

__all__ = [
    "BackendKind",
    "LoadHintPolicy",
    "ColorSpec",
    "SampleFormat",
    "ChromaSubsampling",
    "ImageBufferKind",
    "Jpeg2kBitstreamType",
    "Jpeg2kProgOrder",
    "QualityType",
    "MetadataFormat",
    "MetadataKind",
    "MetadataType",
]
