# SPDX-License-Identifier: Apache-2.0
"""What people meet at a prompt, in a notebook and in help(): reprs, thumbnails, docstrings, warnings."""

import inspect
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import restride
from restride import _enums, _exported

ENUMS = set(_enums.__all__) | set(_exported.__all__)
PUBLIC = [getattr(restride, name) for name in restride.__all__ if name not in ENUMS]


def functions():
    """Every public function and method, with the docstring that describes its parameters."""
    for item in PUBLIC:
        if inspect.isclass(item) and not issubclass(item, Exception):
            yield pytest.param(item.__init__, item.__doc__, id=item.__name__)
            for name, member in vars(item).items():
                if not name.startswith("_") and inspect.isfunction(member):
                    yield pytest.param(member, member.__doc__, id=f"{item.__name__}.{name}")
        elif inspect.isfunction(item):
            yield pytest.param(item, item.__doc__, id=item.__name__)


def sections(doc):
    """The text behind each underlined title."""
    parts = re.split(r"^(\w[\w ]*)\n-+$", inspect.cleandoc(doc), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


@pytest.mark.parametrize("function, doc", list(functions()))
def test_docstrings_are_in_numpy_style(function, doc):
    summary = inspect.cleandoc(doc).splitlines()[0]
    assert summary.endswith(".") and len(summary) <= 100
    if function is restride.Image.__init__:
        return  # not public
    found = sections(doc)
    named = set(re.findall(r"\*{0,2}\w+", " ".join(re.findall(r"^(\S.*?)(?: :.*)?$", found.get("Parameters", ""), re.M))))
    for name, parameter in inspect.signature(function).parameters.items():
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if name != "self" and not (function is restride.Region.__init__ and stars):
            assert stars + name in named, (name, named)
    returns = inspect.signature(function).return_annotation
    if function.__name__ != "__init__" and returns not in (None, "None", "NoReturn"):
        assert "Returns" in found


def test_classes_and_properties_say_what_they_are():
    for item in PUBLIC:
        assert inspect.getdoc(item), item


def test_reprs_of_parameters_show_what_was_changed():
    assert repr(restride.DecodeParams()) == "DecodeParams()"
    assert repr(restride.DecodeParams(reduce=2, fit_within=(8, 9))) == "DecodeParams(reduce=2, fit_within=(8, 9))"
    params = restride.EncodeParams(quality_type=restride.QualityType.QUALITY, quality_value=80, tile_width=16, tile_height=16)
    assert repr(params) == ("EncodeParams(quality_type=<QualityType.QUALITY: 2>, quality_value=80.0, tile_width=16, tile_height=16)")
    params = restride.EncodeParams(jpeg2k_encode_params=restride.Jpeg2kEncodeParams(ht=True))
    assert repr(params) == "EncodeParams(jpeg2k_encode_params=Jpeg2kEncodeParams(ht=True))"
    assert repr(restride.JpegEncodeParams(True)) == "JpegEncodeParams(progressive=True)"


def test_reprs_of_codecs_and_images():
    decoder = restride.Decoder(device_id=restride.NVIMGCODEC_DEVICE_CPU_ONLY, on_error="raise")
    assert repr(decoder) == "Decoder(CPU on_error='raise')"
    with restride.Encoder(device_id=restride.NVIMGCODEC_DEVICE_CPU_ONLY) as encoder:
        assert repr(encoder) == "Encoder(CPU on_error='none')"
    assert repr(encoder) == "Encoder(closed on_error='none')"
    assert repr(restride.as_image(np.zeros((2, 3, 3), np.uint8))).startswith("Image(shape=(2, 3, 3) dtype=uint8 ColorSpec.SRGB")


def shown(image):
    png = image._repr_png_()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return restride.imread(png, color_spec=restride.UNCHANGED)


def test_a_small_image_is_shown_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    assert (shown(restride.as_image(pixels)) == pixels).all()
    planar = restride.as_image(np.ascontiguousarray(pixels.transpose(2, 0, 1)), sample_format=restride.P_RGB)
    assert (shown(planar) == pixels).all()
    bgr = restride.as_image(np.ascontiguousarray(pixels[..., ::-1]), sample_format=restride.I_BGR)
    assert (shown(bgr) == pixels).all()
    assert (shown(restride.as_image(np.ascontiguousarray(pixels[..., 0]))) == pixels[..., :1]).all()
    alpha = np.dstack([pixels, pixels[..., 0]])
    assert (shown(restride.as_image(alpha)) == alpha).all()


@pytest.mark.parametrize("shape", [(1000, 700, 3), (321, 1, 1), (1, 5000, 3), (640, 640, 2), (320, 320, 4)])
def test_a_large_image_is_shown_small(shape):
    pixels = np.full(shape, 77, np.uint8)
    small = shown(restride.as_image(pixels))
    assert max(small.shape[:2]) <= 320 and (small == 77).all() and small.shape[2] == shape[2]
    assert max(small.shape[:2]) >= 160


def test_other_types_are_scaled_to_8_bits():
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16)
    assert (shown(restride.as_image(ramp * 257))[..., 0] == ramp).all()
    assert (shown(restride.as_image((ramp.astype(np.int32) - 128).astype(np.int8)))[..., 0] == ramp).all()
    assert (shown(restride.as_image((ramp / 255).astype(np.float32)))[..., 0] == ramp).all()
    twelve = restride.as_image(np.full((4, 4), 4095, np.uint16), precision=12)
    assert (shown(twelve) == 255).all()
    odd = np.array([[np.nan, np.inf], [-np.inf, 0.5]], np.float32)
    assert shown(restride.as_image(odd)).ravel().tolist() == [0, 255, 0, 128]


def test_many_channels_and_other_colours():
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 6), np.uint8)
    assert (shown(restride.as_image(pixels)) == pixels[..., :3]).all()
    white = np.full((8, 8, 3), 128, np.uint8)
    white[..., 0] = 255
    assert (shown(restride.as_image(white, sample_format=restride.I_YCC)) == 255).all()


def test_the_same_warning_is_shown_once():
    code = """
import restride
decoder = restride.Decoder()
for i in range(5):
    decoder.decode(b"no picture")
"""
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(restride.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr.count("CodecWarning") == 1, done.stderr
