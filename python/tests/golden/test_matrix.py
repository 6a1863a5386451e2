# SPDX-License-Identifier: Apache-2.0
"""docs/formats.md says what this build does."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import make_matrix
import restride


def test_matrix_is_current():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ht = restride.EncodeParams(jpeg2k_encode_params=restride.Jpeg2kEncodeParams(ht=True))
        if restride.Encoder().encode(np.zeros((8, 8, 3), np.uint8), "jpeg2k", params=ht) is None:
            pytest.skip("the matrix is of a build with all libraries; this one has no OpenJPH")
    done = subprocess.run([sys.executable, make_matrix.__file__, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
