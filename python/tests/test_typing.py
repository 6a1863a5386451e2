# SPDX-License-Identifier: Apache-2.0
"""Type information (section "better on purpose", 8): stubs are up to date, strict checking passes, an example uses every name."""

import pathlib
import re
import runpy
import subprocess
import sys

import pytest

import restride
from restride import _exported

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "python" / "every_name.py"


def test_the_example_runs_and_uses_every_name():
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    text = EXAMPLE.read_text()
    unused = [n for n in restride.__all__ if n not in _exported.__all__ and not re.search(rf"\brestride\.{n}\b", text)]
    assert not unused, unused


def test_strict_checking():
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "-p", "restride", str(EXAMPLE)]
    for arguments in (command[:-1], [*command[:-3], str(EXAMPLE)]):
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_are_up_to_date():
    pytest.importorskip("nanobind")
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "stubs.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
