# SPDX-License-Identifier: Apache-2.0
"""Tests that need a GPU and CuPy; without them every one is skipped, and says why."""

from __future__ import annotations

import pytest

import restride
from gpu_support import FORMATS, picture

try:
    import cupy
except ImportError:
    cupy = None

REASON = restride.device_missing_reason() or ("" if cupy is not None else "CuPy is not installed")


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gpu/" in str(item.path) and REASON:
            item.add_marker(pytest.mark.skip(reason=f"needs a GPU: {REASON}"))


@pytest.fixture(scope="session")
def cp():
    return cupy


@pytest.fixture(scope="session")
def decoder():
    return restride.Decoder(on_error="raise")


@pytest.fixture(scope="session")
def encoder():
    return restride.Encoder(on_error="raise")


@pytest.fixture(scope="session")
def cpu_decoder():
    return restride.Decoder(backends=[restride.Backend(restride.BackendKind.CPU_ONLY)], on_error="raise")


@pytest.fixture(scope="session")
def cpu_encoder():
    return restride.Encoder(backends=[restride.Backend(restride.BackendKind.CPU_ONLY)], on_error="raise")


@pytest.fixture(scope="session")
def streams(cpu_encoder):
    """One stream a format, of one picture."""
    return {f: cpu_encoder.encode(picture(211, 333), f) for f in FORMATS}
