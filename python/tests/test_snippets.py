# SPDX-License-Identifier: Apache-2.0
"""Every Python block of README.md and docs is run, so that what they show stays true."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(<!-- no-run[^>]*-->\s*)?^```python\n(.*?)^```", re.S | re.M)


def snippets():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for i, (skip, code) in enumerate(BLOCK.findall(path.read_text())):
            if not skip:
                yield pytest.param(code, id=f"{path.relative_to(ROOT)}-{i}")


@pytest.mark.parametrize("code", list(snippets()))
def test_snippet(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "snippet", "exec"), {})
