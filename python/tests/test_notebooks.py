# SPDX-License-Identifier: Apache-2.0
"""The notebooks run from the first cell to the last, and hold what the site shows of them."""

import json
import os
import pathlib

import pytest

import restride

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: the notebooks are not run")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: the notebooks are not run")
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NEEDS = {"jpeg2000": ["matplotlib", "sklearn"], "interchange": ["cupy", "torch"]}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning",
                                        "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")  # fmt: skip
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs(path, monkeypatch):
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebooks are not run")
    if path.stem == "interchange" and not restride.device_count():
        pytest.skip(f"no GPU: {restride.device_missing_reason()}")
    for package in NEEDS.get(path.stem, ["sklearn", "tifffile"]):
        pytest.importorskip(package)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(pathlib.Path(restride.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_its_output_is_kept_and_no_error(path):
    cells = json.loads(path.read_text())["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", ())]
    assert not [out for out in outputs if out["output_type"] == "error"]
    assert outputs or path.stem == "interchange"
    assert path.stat().st_size < 600_000
