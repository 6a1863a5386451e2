# SPDX-License-Identifier: Apache-2.0
"""QOI for restride. Nothing to call: installing the package is enough."""

import pathlib


def library() -> str:
    """The entry point: where the codec's shared library lies."""
    return str(pathlib.Path(__file__).with_name("restride_qoi.so"))
