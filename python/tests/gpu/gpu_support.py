# SPDX-License-Identifier: Apache-2.0
"""Pictures for the GPU tests."""

from __future__ import annotations

import numpy as np

FORMATS = ("jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm")


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with mild noise."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [128 + 90 * np.sin(x / (9 + 4 * c) + seed) + 30 * np.cos(y / (7 + 3 * c)) for c in range(3)]
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, 3))
    return np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)
