# SPDX-License-Identifier: Apache-2.0
"""What independent decoders say of a file: used by the corpus test, and to find who disagrees."""

import io
import json
import pathlib
import warnings

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image as Pillow

import restride

Pillow.MAX_IMAGE_PIXELS = None
UNCHANGED = restride.DecodeParams(apply_exif_orientation=False, color_spec=restride.ColorSpec.UNCHANGED, allow_any_depth=True)
SRGB = restride.DecodeParams(apply_exif_orientation=False)


def pillow_rgb(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))


def full_range(array, bits):
    """8 bits from an integer array of `bits` bits, as restride scales."""
    return np.floor(array.astype(np.float64) * (255 / (2**bits - 1)) + 0.5).astype(np.uint8)


def png_reference(path, data):
    sidecar = pathlib.Path(str(path).replace("/png/", "/json/")).with_suffix(".json")
    if sidecar != pathlib.Path(path) and sidecar.exists():
        rgba = np.array(json.loads(sidecar.read_text()))
        if rgba.ndim == 3:
            return rgba[..., :3].astype(np.uint8)
    return pillow_rgb(data)


def tiff_reference(data):
    """RGB or gray as stored, of the first page; None where tifffile is not a judge."""
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page = tif.pages[0]
        array = page.asarray()
        if page.axes not in ("YX", "YXS", "SYX") or page.photometric not in (0, 1, 2):
            return None
        if page.axes == "SYX":
            array = np.moveaxis(array, 0, -1)
        array = array.astype(np.uint8) if array.dtype == bool else array
        if page.photometric == 0 and array.dtype.kind == "u":
            array = (2**page.bitspersample - 1) - array
        return array if array.ndim == 3 else array[..., None]


def jpeg2k_reference(data):
    array = imagecodecs.jpeg2k_decode(data)
    return array if array.ndim == 3 else array[..., None]


def pnm_reference(data):
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise ValueError("OpenCV cannot read it")
    return array[..., ::-1] if array.ndim == 3 else array[..., None]


def verdict(decoder, path, data, codec):
    """("right" | "refused" | "wrong" | "unchecked", note) of one file."""
    try:
        stream = restride.CodeStream(data)
        shown = np.asarray(decoder.decode(stream, params=SRGB))
        kept = decoder.decode(stream, params=UNCHANGED)
    except restride.Error as error:
        return "refused", f"{error.code}: {error}"
    except RuntimeError as error:
        return "refused", str(error)
    exact, tolerance = np.asarray(kept), 0
    try:
        if codec == "tiff":
            want, got = tiff_reference(data), exact
            if want is None:
                want, got, tolerance = pillow_rgb(data), shown, 2
        elif codec == "jpeg2k":
            want, got, tolerance = jpeg2k_reference(data), exact, 1
            if (stream.chroma_subsampling or 0) > 0 and want.shape[-1] == 3:
                got, tolerance = shown, 2  # the reference converts subsampled chroma, with truncating arithmetic
        elif codec == "pnm":
            want, got = pnm_reference(data), exact
        elif codec == "png":
            want, got = png_reference(path, data), shown
            if kept.dtype == np.uint16:  # Pillow and the JSON files cut 16 bits off; the exact judge is libpng's wrapper
                want, got = imagecodecs.png_decode(data), exact
                want = want if want.ndim == 3 else want[..., None]
        else:
            # Pillow widens 5 and 6 bits by repeating bits; v * 255 / 31 differs from that by one.
            want, got = pillow_rgb(data), shown
            tolerance = {"jpeg": 2, "bmp": 1}.get(codec, 0)
    except Exception as error:  # noqa: BLE001  the reference could not: nothing to compare with
        return "unchecked", f"the reference failed: {type(error).__name__}: {error}"[:150]
    if want.shape != got.shape:
        return "wrong", f"shape {got.shape}, expected {want.shape}"
    difference = np.abs(got.astype(np.float64) - want.astype(np.float64))
    difference = difference[~np.isnan(difference)]
    worst = difference.max() if difference.size else 0
    return ("right", "") if worst <= tolerance else ("wrong", f"differs by up to {worst}, mean {difference.mean():.4f}")
