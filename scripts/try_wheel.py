#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tries an installed wheel, far from any source tree: every codec, the command by both its names, what was bundled."""

import pathlib
import subprocess
import sys
import sysconfig
import tempfile

import numpy as np

import restride

pixels = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
encoder, decoder = restride.Encoder(), restride.Decoder()
for codec in ("jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"):
    picture = np.asarray(decoder.decode(encoder.encode(pixels, codec, on_error="raise"), on_error="raise"))
    assert picture.shape == pixels.shape, codec
    assert codec in ("jpeg", "jpeg2k", "webp") or (picture == pixels).all(), codec

script = pathlib.Path(sysconfig.get_path("scripts")) / "restride"
for command in ([str(script)], [sys.executable, "-m", "restride"]):
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"restride {restride.__version__}\n", said
with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    (here / "in").mkdir()
    for i in range(3):
        restride.imwrite(here / "in" / f"{i}.png", pixels)
    subprocess.run([script, "transcode", here / "in", here / "out", "--codec", "jpeg2k", "--lossless"], check=True)
    for i in range(3):
        assert (restride.imread(here / "out" / f"{i}.jp2") == pixels).all()

data = pathlib.Path(sysconfig.get_path("data"))
for page in ("man/man1/restride.1", "bash-completion/completions/restride", "zsh/site-functions/_restride",
             "fish/vendor_completions.d/restride.fish"):  # fmt: skip
    assert (data / "share" / page).is_file(), page
print("wheel ok: restride", restride.__version__, "from", restride.__file__)
