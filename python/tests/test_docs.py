# SPDX-License-Identifier: Apache-2.0
"""The site builds without a warning where MkDocs is installed, and the C++ reference misses no declaration."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_site_builds_without_a_warning(tmp_path):
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package, reason="MkDocs is not installed (make docs): the site is not built")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
    text = (tmp_path / "site" / "reference" / "python.html").read_text()
    for name in ("imread", "IterableImageDataset", "transcode", "decode_frames", "DecodeParams", "TruncatedError"):
        assert name in text, name


def test_the_cpp_reference_has_every_type():
    pytest.importorskip("mkdocs", reason="MkDocs is not installed (make docs): its hooks are not tried")
    sys.path.insert(0, str(ROOT / "scripts"))
    site = pytest.importorskip("site_pages")
    text = site.cpp_reference()
    for header in (ROOT / "include" / "restride").glob("*.h"):
        for name in re.findall(r"^(?:class|struct|enum class) (?:RESTRIDE_API )?(\w+)(?:\s*:[^{;]*)?\s*\{", header.read_text(), re.M):
            assert re.search(rf"^### .*\b{name}\b", text, re.M), (header.name, name)
