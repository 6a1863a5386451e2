# SPDX-License-Identifier: Apache-2.0
# Written by scripts/stubs.py.

from ._enums import BackendKind, ChromaSubsampling, ColorSpec, ImageBufferKind, Jpeg2kBitstreamType, Jpeg2kProgOrder, LoadHintPolicy, MetadataFormat, MetadataKind, MetadataType, QualityType, SampleFormat

ADAPTIVE_MINIMIZE_IDLE_TIME: LoadHintPolicy
ASCII: MetadataType
BYTE: MetadataType
CMYK: ColorSpec
CPRL: Jpeg2kProgOrder
CPU_ONLY: BackendKind
CSS_410: ChromaSubsampling
CSS_410V: ChromaSubsampling
CSS_411: ChromaSubsampling
CSS_420: ChromaSubsampling
CSS_422: ChromaSubsampling
CSS_440: ChromaSubsampling
CSS_444: ChromaSubsampling
CSS_GRAY: ChromaSubsampling
DEFAULT: QualityType
DOUBLE: MetadataType
EXIF: MetadataKind
FIXED: LoadHintPolicy
FLOAT: MetadataType
GEO: MetadataKind
GPU_ONLY: BackendKind
GRAY: ColorSpec
HW_GPU_ONLY: BackendKind
HYBRID_CPU_GPU: BackendKind
ICC_PROFILE: MetadataKind
IFD: MetadataType
IFD8: MetadataType
IGNORE: LoadHintPolicy
I_AUTO_COMPONENTS: SampleFormat
I_BGR: SampleFormat
I_CMYK: SampleFormat
I_RGB: SampleFormat
I_RGBA: SampleFormat
I_UNCHANGED: SampleFormat
I_Y: SampleFormat
I_YA: SampleFormat
I_YCC: SampleFormat
I_YCCK: SampleFormat
I_YUV: SampleFormat
J2K: Jpeg2kBitstreamType
JP2: Jpeg2kBitstreamType
JSON: MetadataFormat
LONG: MetadataType
LONG8: MetadataType
LOSSLESS: QualityType
LRCP: Jpeg2kProgOrder
MED_APERIO: MetadataKind
MED_LEICA: MetadataKind
MED_PHILIPS: MetadataKind
MED_TRESTLE: MetadataKind
MED_VENTANA: MetadataKind
PALETTE: ColorSpec
PCRL: Jpeg2kProgOrder
PSNR: QualityType
P_AUTO_COMPONENTS: SampleFormat
P_BGR: SampleFormat
P_CMYK: SampleFormat
P_RGB: SampleFormat
P_RGBA: SampleFormat
P_UNCHANGED: SampleFormat
P_Y: SampleFormat
P_YA: SampleFormat
P_YCC: SampleFormat
P_YCCK: SampleFormat
P_YUV: SampleFormat
QUALITY: QualityType
QUANTIZATION_STEP: QualityType
RATIONAL: MetadataType
RAW: MetadataFormat
RLCP: Jpeg2kProgOrder
RPCL: Jpeg2kProgOrder
SBYTE: MetadataType
SHORT: MetadataType
SIZE_RATIO: QualityType
SLONG: MetadataType
SLONG8: MetadataType
SRATIONAL: MetadataType
SRGB: ColorSpec
SSHORT: MetadataType
STRIDED_DEVICE: ImageBufferKind
STRIDED_HOST: ImageBufferKind
SYCC: ColorSpec
TIFF_TAG: MetadataKind
TIFF_TAG_LIST: MetadataKind
UNCHANGED: ColorSpec
UNDEFINED: MetadataType
UNKNOWN: MetadataType
UNSUPPORTED: SampleFormat
XML: MetadataFormat
XMP: MetadataFormat
YCCK: ColorSpec

__all__ = [
    "ADAPTIVE_MINIMIZE_IDLE_TIME",
    "ASCII",
    "BYTE",
    "CMYK",
    "CPRL",
    "CPU_ONLY",
    "CSS_410",
    "CSS_410V",
    "CSS_411",
    "CSS_420",
    "CSS_422",
    "CSS_440",
    "CSS_444",
    "CSS_GRAY",
    "DEFAULT",
    "DOUBLE",
    "EXIF",
    "FIXED",
    "FLOAT",
    "GEO",
    "GPU_ONLY",
    "GRAY",
    "HW_GPU_ONLY",
    "HYBRID_CPU_GPU",
    "ICC_PROFILE",
    "IFD",
    "IFD8",
    "IGNORE",
    "I_AUTO_COMPONENTS",
    "I_BGR",
    "I_CMYK",
    "I_RGB",
    "I_RGBA",
    "I_UNCHANGED",
    "I_Y",
    "I_YA",
    "I_YCC",
    "I_YCCK",
    "I_YUV",
    "J2K",
    "JP2",
    "JSON",
    "LONG",
    "LONG8",
    "LOSSLESS",
    "LRCP",
    "MED_APERIO",
    "MED_LEICA",
    "MED_PHILIPS",
    "MED_TRESTLE",
    "MED_VENTANA",
    "PALETTE",
    "PCRL",
    "PSNR",
    "P_AUTO_COMPONENTS",
    "P_BGR",
    "P_CMYK",
    "P_RGB",
    "P_RGBA",
    "P_UNCHANGED",
    "P_Y",
    "P_YA",
    "P_YCC",
    "P_YCCK",
    "P_YUV",
    "QUALITY",
    "QUANTIZATION_STEP",
    "RATIONAL",
    "RAW",
    "RLCP",
    "RPCL",
    "SBYTE",
    "SHORT",
    "SIZE_RATIO",
    "SLONG",
    "SLONG8",
    "SRATIONAL",
    "SRGB",
    "SSHORT",
    "STRIDED_DEVICE",
    "STRIDED_HOST",
    "SYCC",
    "TIFF_TAG",
    "TIFF_TAG_LIST",
    "UNCHANGED",
    "UNDEFINED",
    "UNKNOWN",
    "UNSUPPORTED",
    "XML",
    "XMP",
    "YCCK",
]
