# SPDX-License-Identifier: Apache-2.0
"""Every Python block of README.md and docs is run, so that what they show stays true.

A comment in front of a block says what it needs beyond the tests' own packages, or why it is not run:
<!-- needs: torch --> and <!-- no-run: why -->.
"""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?:<!-- (no-run|needs)(?:: ([^>]*?))? -->\s*)?^```python\n(.*?)^```", re.S | re.M)


def snippets():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for i, (word, what, code) in enumerate(BLOCK.findall(path.read_text())):
            if word != "no-run":
                yield pytest.param(code, what.split() if word else [], id=f"{path.relative_to(ROOT)}-{i}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning", "ignore::UserWarning:pydicom",
                            "ignore::pytest.PytestUnraisableExceptionWarning")  # fmt: skip
@pytest.mark.parametrize("code, needs", list(snippets()))
def test_snippet(code, needs, tmp_path, monkeypatch):
    for package in needs:
        pytest.importorskip(package, reason=f"the snippet needs {package}")
    monkeypatch.chdir(tmp_path)
    if "ray" in needs:  # its workers import restride too
        monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(pytest.importorskip("restride").__file__).parents[1]))
    exec(compile(code, "snippet", "exec"), {"__name__": "__main__"})
    if "ray" in needs:
        pytest.importorskip("ray").shutdown()
