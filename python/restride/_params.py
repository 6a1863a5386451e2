# SPDX-License-Identifier: Apache-2.0
"""Parameter classes: plain data with nvImageCodec's names and defaults."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Sequence
from typing import Any

from ._enums import BackendKind, ColorSpec, Jpeg2kBitstreamType, Jpeg2kProgOrder, LoadHintPolicy, QualityType, SampleFormat
from ._metadata import Metadata

_MAX_DIMENSIONS = 5


class _Repr:
    """Shows what differs from the defaults, in the order of the constructor's arguments."""

    __slots__ = ()
    _arguments: dict[str, str] = {}  # argument -> attribute, where the two differ

    def __repr__(self) -> str:
        default = type(self)()
        parts = []
        for argument in inspect.signature(type(self).__init__).parameters:
            attribute = self._arguments.get(argument, argument)
            if argument != "self" and repr(getattr(self, attribute)) != repr(getattr(default, attribute)):
                parts.append(f"{argument}={getattr(self, attribute)!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


class Backend:
    """A kind of codec that may be used, with its share of the load. Read-only.

    Parameters
    ----------
    backend_kind : BackendKind, optional
        CPU_ONLY, GPU_ONLY, HYBRID_CPU_GPU or HW_GPU_ONLY.
    load_hint : float, optional
        The largest share, 0 to 1, of the pictures of a batch that would go to this backend that it gets; the others go to the
        next backend that can decode them, and stay where there is none. Encoders take no notice.
    load_hint_policy : LoadHintPolicy, optional
        IGNORE: all of them; ADAPTIVE_MINIMIZE_IDLE_TIME is taken as FIXED.
    """

    __slots__ = ("_kind", "_hint", "_policy")

    def __init__(self, backend_kind: int = BackendKind.GPU_ONLY, load_hint: float = 1.0,
                 load_hint_policy: int = LoadHintPolicy.FIXED) -> None:  # fmt: skip
        self._kind = BackendKind(backend_kind)
        self._hint = float(load_hint)
        self._policy = LoadHintPolicy(load_hint_policy)

    @property
    def backend_kind(self) -> BackendKind:
        return self._kind

    @property
    def load_hint(self) -> float:
        return self._hint

    @property
    def load_hint_policy(self) -> LoadHintPolicy:
        return self._policy

    def __repr__(self) -> str:
        return f"Backend({self._kind}, load_hint={self._hint}, load_hint_policy={self._policy})"


# The interleaved sample formats that go with a colour.
_FAMILIES: dict[int, tuple[int, ...]] = {
    ColorSpec.SRGB: (SampleFormat.I_RGB, SampleFormat.I_BGR, SampleFormat.I_RGBA),
    ColorSpec.GRAY: (SampleFormat.I_Y, SampleFormat.I_YA),
    ColorSpec.SYCC: (SampleFormat.I_YCC,),
    ColorSpec.CMYK: (SampleFormat.I_CMYK,),
    ColorSpec.YCCK: (SampleFormat.I_YCCK,),
}


class DecodeParams(_Repr):
    """How to decode.

    Parameters
    ----------
    apply_exif_orientation : bool, optional
        Show the picture upright; regions are then in displayed coordinates.
    color_spec : ColorSpec, optional
        SRGB, GRAY, SYCC or UNCHANGED.
    allow_any_depth : bool, optional
        False gives uint8; True the stream's own type and precision.
    sample_format : SampleFormat, optional
        I_AUTO_COMPONENTS or P_AUTO_COMPONENTS (channels follow from ``color_spec``), or a definite one.
    reduce : int, optional
        Halvings of the size: JPEG 0 to 3, JPEG 2000 up to its decomposition levels, TIFF where it holds overviews.
    fit_within : tuple of int, optional
        (height, width) that the picture must fit within: it is halved as often as that takes, or refused.
    color_managed : bool, optional
        Apply the picture's ICC profile (perceptual intent), so that pixels are sRGB, or gray or SYCC made of it; a picture without a
        profile counts as sRGB. 8 and 16-bit RGB, gray and CMYK.
    max_pixels, max_memory : int, optional
        Refuse larger pictures before memory is taken; the library's defaults if not given.
    """

    __slots__ = ("apply_exif_orientation", "color_spec", "allow_any_depth", "sample_format", "reduce", "fit_within",
                 "max_pixels", "max_memory", "color_managed")  # fmt: skip

    def __init__(
        self,
        apply_exif_orientation: bool = True,
        color_spec: int = ColorSpec.SRGB,
        allow_any_depth: bool = False,
        sample_format: int = SampleFormat.I_AUTO_COMPONENTS,
        *,
        reduce: int = 0,
        fit_within: tuple[int, int] | None = None,
        max_pixels: int | None = None,
        max_memory: int | None = None,
        color_managed: bool = False,
    ) -> None:
        self.apply_exif_orientation = apply_exif_orientation
        self.color_spec = color_spec
        self.allow_any_depth = allow_any_depth
        self.sample_format = sample_format
        self.reduce = reduce
        self.fit_within = fit_within
        self.max_pixels = max_pixels
        self.max_memory = max_memory
        self.color_managed = color_managed

    def _tuple(self) -> tuple[Any, ...]:
        color, form = ColorSpec(self.color_spec), SampleFormat(self.sample_format)
        if color not in _FAMILIES and color != ColorSpec.UNCHANGED:
            raise ValueError(f"unsupported color_spec {color.name}")
        if form <= 0:
            raise ValueError(f"unsupported sample_format {form.name}")
        auto = form in (SampleFormat.I_AUTO_COMPONENTS, SampleFormat.P_AUTO_COMPONENTS)
        if not auto and color != ColorSpec.UNCHANGED and (form + 1) // 2 * 2 not in _FAMILIES[color]:
            raise ValueError(f"sample_format {form.name} is not compatible with color_spec {color.name}. Use a matching sample_format "
                             "for the chosen color_spec, or set sample_format to UNKNOWN / I_UNCHANGED / P_UNCHANGED.")  # fmt: skip
        if not 0 <= self.reduce <= 32:
            raise ValueError(f"reduce={self.reduce} is outside 0 to 32")
        fit = (0, 0) if self.fit_within is None else (int(self.fit_within[0]), int(self.fit_within[1]))
        if self.fit_within is not None and min(fit) < 1:
            raise ValueError(f"fit_within={self.fit_within} has no room for a pixel")
        return (bool(self.apply_exif_orientation), int(self.color_spec), int(self.sample_format), bool(self.allow_any_depth),
                int(self.reduce), self.max_pixels, self.max_memory, fit, bool(self.color_managed))  # fmt: skip


class JpegEncodeParams(_Repr):
    """How to encode JPEG.

    Parameters
    ----------
    progressive : bool, optional
        Progressive scans instead of one.
    optimized_huffman : bool, optional
        Huffman tables made for the picture: smaller and slower.
    """

    __slots__ = ("progressive", "optimized_huffman")

    def __init__(self, progressive: bool = False, optimized_huffman: bool = False) -> None:
        self.progressive = progressive
        self.optimized_huffman = optimized_huffman


class Jpeg2kEncodeParams(_Repr):
    """How to encode JPEG 2000.

    Parameters
    ----------
    code_block_size : tuple of int, optional
        Powers of two, 4 to 1024, product at most 4096.
    num_resolutions : int, optional
        Decomposition levels and one.
    bitstream_type : Jpeg2kBitstreamType, optional
        JP2, with boxes around it, or J2K, the bare code stream.
    prog_order : Jpeg2kProgOrder, optional
        Progression order.
    mct_mode : int, optional
        1: multiple component transform.
    ht : bool, optional
        High throughput block coder (HTJ2K, ISO/IEC 15444-15).
    """

    __slots__ = ("code_block_size", "num_resolutions", "bitstream_type", "prog_order", "mct_mode", "ht")

    def __init__(
        self,
        code_block_size: tuple[int, int] = (64, 64),
        num_resolutions: int = 6,
        bitstream_type: int = Jpeg2kBitstreamType.JP2,
        prog_order: int = Jpeg2kProgOrder.RPCL,
        mct_mode: int = 0,
        ht: bool = False,
    ) -> None:
        self.code_block_size = (int(code_block_size[0]), int(code_block_size[1]))
        self.num_resolutions = num_resolutions
        self.bitstream_type = bitstream_type
        self.prog_order = prog_order
        self.mct_mode = mct_mode
        self.ht = ht


_TIFF_COMPRESSIONS = {None: 0, "none": 1, "lzw": 2, "deflate": 3}


class EncodeParams(_Repr):
    """How to encode.

    Parameters
    ----------
    quality_type : QualityType, optional
        DEFAULT, LOSSLESS, QUALITY, or for JPEG 2000 QUANTIZATION_STEP, PSNR, SIZE_RATIO.
    quality_value : float, optional
        QUALITY: 1 to 100; PSNR: dB; SIZE_RATIO: 0 to 1; LOSSLESS with PNG: compression level 0 to 9.
    color_spec : ColorSpec, optional
        GRAY for gray files of colour images.
    chroma_subsampling : ChromaSubsampling, optional
        Gray below 3 channels and 4:4:4 else, if not given.
    jpeg_encode_params : JpegEncodeParams, optional
        Kept as ``jpeg_params``.
    jpeg2k_encode_params : Jpeg2kEncodeParams, optional
        Kept as ``jpeg2k_params``.
    tile_width, tile_height : int, optional
        Tiles (JPEG 2000, TIFF); both or neither.
    tiff_compression : {None, "none", "lzw", "deflate"}, optional
        None: by quality.
    metadata : sequence of Metadata, optional
        Blocks to keep in the file, as Decoder.get_metadata gives them: EXIF, ICC_PROFILE and XMP in JPEG, PNG, WebP, JP2 and
        TIFF, and TIFF_TAG in TIFF. A picture that was decoded upright needs ``exif.with_orientation(1)``.
    """

    __slots__ = ("quality_type", "quality_value", "color_spec", "chroma_subsampling", "jpeg_params", "jpeg2k_params",
                 "_tile_width", "_tile_height", "tiff_compression", "metadata")  # fmt: skip
    _arguments = {"jpeg_encode_params": "jpeg_params", "jpeg2k_encode_params": "jpeg2k_params"}

    def __init__(
        self,
        quality_type: int = QualityType.DEFAULT,
        quality_value: float = 0,
        color_spec: int = ColorSpec.UNCHANGED,
        chroma_subsampling: int | None = None,
        jpeg_encode_params: JpegEncodeParams | None = None,
        jpeg2k_encode_params: Jpeg2kEncodeParams | None = None,
        tile_width: int | None = None,
        tile_height: int | None = None,
        *,
        tiff_compression: str | None = None,
        metadata: Sequence[Metadata] | None = None,
    ) -> None:
        if (tile_width is None) != (tile_height is None):
            raise ValueError("Both tile_width and tile_height must be provided together, or neither should be provided")
        if tiff_compression not in _TIFF_COMPRESSIONS:
            raise ValueError(f"tiff_compression is None, 'none', 'lzw' or 'deflate', not {tiff_compression!r}")
        self.quality_type = quality_type
        self.quality_value = float(quality_value)
        self.color_spec = color_spec
        self.chroma_subsampling = chroma_subsampling
        self.jpeg_params = jpeg_encode_params if jpeg_encode_params is not None else JpegEncodeParams()
        self.jpeg2k_params = jpeg2k_encode_params if jpeg2k_encode_params is not None else Jpeg2kEncodeParams()
        self._tile_width = tile_width or 0
        self._tile_height = tile_height or 0
        self.tiff_compression = tiff_compression
        self.metadata = list(metadata) if metadata is not None else []

    @property
    def tile_width(self) -> int:
        return self._tile_width

    @tile_width.setter
    def tile_width(self, value: int) -> None:
        self._tile_width = int(value)

    @property
    def tile_height(self) -> int:
        return self._tile_height

    @tile_height.setter
    def tile_height(self, value: int) -> None:
        self._tile_height = int(value)

    def _tuple(self) -> tuple[Any, ...]:
        j, k = self.jpeg_params, self.jpeg2k_params
        css = self.chroma_subsampling
        return (int(self.quality_type), float(self.quality_value), int(self.color_spec), None if css is None else int(css),
                bool(j.progressive), bool(j.optimized_huffman), tuple(map(int, k.code_block_size)), int(k.num_resolutions),
                int(k.bitstream_type), int(k.prog_order), int(k.mct_mode), bool(k.ht), self._tile_width, self._tile_height,
                _TIFF_COMPRESSIONS[self.tiff_compression], [m._tuple() for m in self.metadata] if self.metadata else ())  # fmt: skip


class Region:
    """A rectangle (y, x), half open, that may reach outside the picture. Read-only.

    Region(), Region(start_y, start_x, end_y, end_x[, out_of_bounds_sample]) or
    Region(start, end[, out_of_bounds_sample or out_of_bounds_samples]).

    Parameters
    ----------
    start_y, start_x, end_y, end_x : int
        First row and column, and those behind the last ones.
    start, end : sequence of int
        (y, x) of both corners.
    out_of_bounds_sample : number, optional
        What lies outside the picture.
    out_of_bounds_samples : sequence of number, optional
        The same for each channel, five at most.
    """

    __slots__ = ("_start", "_end", "_samples")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        samples: Any = kwargs.pop("out_of_bounds_sample", None)
        if "out_of_bounds_samples" in kwargs:
            samples = kwargs.pop("out_of_bounds_samples")
        values = list(args)
        names = ("start", "end") if "start" in kwargs or "end" in kwargs else ("start_y", "start_x", "end_y", "end_x")
        for name in names[len(values) :] if kwargs else ():
            if name not in kwargs:
                raise self._refused(f"{name} is missing")
            values.append(kwargs.pop(name))
        if kwargs:
            raise self._refused(f"nothing is called {', '.join(sorted(kwargs))}")
        start: Sequence[int] = ()
        end: Sequence[int] = ()
        if values and isinstance(values[0], (list, tuple)):
            if len(values) not in (2, 3) or not isinstance(values[1], (list, tuple)):
                raise self._refused("start and end are both needed, as lists or tuples")
            start, end = values[:2]
            if len(values) == 3:
                samples = values[2]
        elif values:
            if len(values) not in (4, 5):
                raise self._refused("four coordinates are needed: start_y, start_x, end_y, end_x")
            start, end = values[:2], values[2:4]
            if len(values) == 5:
                samples = values[4]
        try:
            self._start = tuple(operator.index(v) for v in start)
            self._end = tuple(operator.index(v) for v in end)
        except TypeError:
            raise self._refused("coordinates are integers") from None
        self._check()
        self._samples = self._fill(samples)

    @staticmethod
    def _refused(why: str) -> TypeError:
        return TypeError(f"__init__(): incompatible constructor arguments. Region: {why}")

    def _check(self) -> None:
        if len(self._start) != len(self._end):
            raise RuntimeError("Dimension mismatch")
        if len(self._start) > _MAX_DIMENSIONS:
            raise RuntimeError(f"Too many dimensions: {len(self._start)}, at most {_MAX_DIMENSIONS} are allowed.")
        for i, (a, b) in enumerate(zip(self._start, self._end)):
            if b <= a:
                raise RuntimeError(f"Invalid dimension on index {i}; start = {a}, end = {b}")

    @staticmethod
    def _fill(samples: Any) -> tuple[float, ...]:
        if samples is None:
            return (0,) * _MAX_DIMENSIONS
        if not isinstance(samples, (list, tuple)):
            return (samples,) * _MAX_DIMENSIONS
        if len(samples) > _MAX_DIMENSIONS:
            raise RuntimeError(f"Too many fill values: {len(samples)}, at most {_MAX_DIMENSIONS} are allowed.")
        return tuple(samples) + (0,) * (_MAX_DIMENSIONS - len(samples))

    @property
    def ndim(self) -> int:
        return len(self._start)

    @property
    def start(self) -> tuple[int, ...]:
        return self._start

    @property
    def end(self) -> tuple[int, ...]:
        return self._end

    @property
    def out_of_bounds_samples(self) -> list[float]:
        return list(self._samples)

    def __repr__(self) -> str:
        return f"Region(start={self._start} end={self._end} out_of_bounds_policy=CONSTANT with samples={list(self._samples)})"


class CodeStreamView:
    """Selects an image and a region of a code stream. Read-only.

    Parameters
    ----------
    image_idx : int, optional
        Which image of several, from 0.
    region : Region, optional
        The part that decoding gives.
    bitstream_offset : int, optional
        TIFF: start at the directory at this offset.
    limit_images : int, optional
        TIFF: see so many directories at most; 0: all.
    """

    __slots__ = ("_image_idx", "_region", "_bitstream_offset", "_limit_images")

    def __init__(self, image_idx: int = 0, region: Region | None = None, bitstream_offset: int | None = None,
                 limit_images: int = 0) -> None:  # fmt: skip
        if isinstance(image_idx, bool) or not hasattr(image_idx, "__index__") or image_idx < 0:
            raise TypeError(f"__init__(): incompatible constructor arguments. image_idx is an integer of 0 or more, not {image_idx!r}")
        if region is not None and not isinstance(region, Region):
            raise TypeError(f"__init__(): incompatible constructor arguments. region is a Region, not a {type(region).__name__}")
        self._image_idx = operator.index(image_idx)
        self._region = region if region is not None and region.ndim else None
        self._bitstream_offset = int(bitstream_offset or 0)
        self._limit_images = int(limit_images)

    @property
    def image_idx(self) -> int:
        return self._image_idx

    @property
    def region(self) -> Region | None:
        return self._region

    @property
    def bitstream_offset(self) -> int:
        """TIFF: where the directory starts that is looked at; 0: the file's first."""
        return self._bitstream_offset

    @property
    def limit_images(self) -> int:
        return self._limit_images

    def __repr__(self) -> str:
        offset = f", bitstream_offset={self._bitstream_offset}" if self._bitstream_offset else ""
        return f"CodeStreamView(image_idx={self._image_idx}, region={self._region}{offset})"
