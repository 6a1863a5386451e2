# SPDX-License-Identifier: Apache-2.0
"""NumPy's names of the native part's sample types, in its order."""

from typing import Any

import numpy as np

DTYPES: tuple[np.dtype[Any], ...] = tuple(np.dtype(t) for t in ("u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"))
