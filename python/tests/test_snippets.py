# SPDX-License-Identifier: Apache-2.0
"""Every Python block of README.md and docs is run, and every shell block of the guide to the command, so that what they show
stays true.

A comment in front of a Python block says what it needs beyond the tests' own packages, or why it is not run:
<!-- needs: torch --> and <!-- no-run: why -->.
"""

import os
import pathlib
import re
import subprocess

import numpy as np
import pytest

import restride

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


SHELL = re.compile(r"^```sh\n(.*?)^```", re.S | re.M)
COMMAND = pathlib.Path(restride.__file__).parent / "bin"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """What the guide to the command works on; its blocks stand on each other."""
    here = tmp_path_factory.mktemp("guide")
    (here / "photos").mkdir()
    y, x = np.mgrid[0:480, 0:640]
    for i, name in enumerate(("sea", "hills", "town")):
        restride.imwrite(here / "photos" / f"{name}.jpg", np.stack([x + i, y, x + y], -1).astype(np.uint8))
    (here / "photos" / "broken.jpg").write_bytes((here / "photos" / "sea.jpg").read_bytes()[:5000])
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(here / "scan.tif", np.zeros((2, 32, 32), np.uint8), photometric="minisblack")
    return here


def shell_snippets():
    return re.findall(SHELL, (ROOT / "docs" / "command-line.md").read_text())


@pytest.mark.skipif(not (COMMAND / "restride").exists(), reason="this build has no restride command")
@pytest.mark.parametrize("number", range(len(shell_snippets())))
def test_command_guide(number, photos):
    lines = shell_snippets()[number]
    environment = os.environ | {"PATH": f"{COMMAND}:{os.environ['PATH']}", "HOME": str(photos)}
    done = subprocess.run(["bash", "-o", "pipefail", "-c", lines], cwd=photos, env=environment, capture_output=True, text=True, timeout=120)
    # broken.jpg fails wherever the folder is worked on, and nothing else does.
    complaints = [line for line in done.stderr.splitlines() if line.startswith(("failed: ", "restride: ", "bash: "))]
    assert all("broken.jpg: truncated" in line for line in complaints), done.stderr
    assert done.returncode == 0, done.stderr
    if "report.jsonl" in lines:
        assert "exit code 1" in done.stdout and "photos/broken.jpg truncated" in done.stdout and "'done': 3" in done.stdout
    if "second-page" in lines:
        assert sorted(p.name for p in (photos / "small").iterdir()) == ["hills.jpg", "sea.jpg", "town.jpg"]
        assert restride.imread(photos / "corner.png").shape == (200, 320, 3)
        assert (restride.imread(photos / "sea.png") == restride.imread(photos / "photos" / "sea.jpg")).all()
        assert len((photos / "archive.jsonl").read_text().splitlines()) == 5
    if "from-raw" in lines:
        assert (restride.imread(photos / "from-raw.png") == restride.imread(photos / "again" / "sea.png")).all()
