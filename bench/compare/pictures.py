# SPDX-License-Identifier: Apache-2.0
"""The photographs that the comparisons measure with. Needs NumPy, OpenCV and scikit-learn.

usage: pictures.py DIR      writes the JPEG files of docs/performance/cpu.md's table (needs Pillow)
"""

from __future__ import annotations

import pathlib
import sys

import cv2
import numpy as np
from sklearn.datasets import load_sample_images

PHOTOS = load_sample_images().images


def scene(height, width, seed):
    """A crop of a photograph, resized, with the mild noise of a sensor; another one for each seed."""
    random = np.random.default_rng(1000 + seed)
    photo = PHOTOS[seed % len(PHOTOS)]
    part = 0.55 + 0.45 * random.random()
    h, w = int(photo.shape[0] * part), int(photo.shape[1] * part)
    y, x = (int(random.integers(0, limit + 1)) for limit in (photo.shape[0] - h, photo.shape[1] - w))
    crop = photo[y : y + h, x : x + w]
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    image = cv2.resize(np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image + 2 * random.standard_normal(image.shape, np.float32), 0, 255).astype(np.uint8)


def write_jpegs(folder):
    from PIL import Image

    sizes = {"64x64": (64, 64), "224x224": (224, 224), "S": (480, 640), "M": (1280, 1920), "L": (4000, 5000)}
    standard = {"quality": 90, "subsampling": 2}
    variants = [(size, "", standard) for size in sizes]
    variants += [("M", "-quality75", standard | {"quality": 75}), ("M", "-444", standard | {"subsampling": 0}), ("M", "-gray", standard),
                 ("M", "-progressive", standard | {"progressive": True}), ("L", "-444", standard | {"subsampling": 0})]  # fmt: skip
    for size, suffix, options in variants:
        pixels = Image.fromarray(scene(*sizes[size], seed=0))
        (pixels.convert("L") if suffix == "-gray" else pixels).save(folder / f"{size}{suffix}.jpg", **options)


if __name__ == "__main__":
    write_jpegs(pathlib.Path(sys.argv[1]))
