# SPDX-License-Identifier: Apache-2.0
"""All public names (nvImageCodec API, sections 1.0 to 1.9): each name, argument, default and value of 0.9.0 and 0.8.0 is here."""

import inspect
import pathlib
import subprocess
import sys

import pytest

import restride

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
api = pytest.importorskip("api_compatibility")
FACTS = api.read_facts([])


def test_the_page_is_up_to_date_and_nothing_is_missing():
    done = subprocess.run([sys.executable, str(ROOT / "scripts/api_compatibility.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", sorted(FACTS))
def test_members_are_module_attributes(version):
    for name, what in FACTS[version].items():
        for member, value in what.get("enum", {}).items():
            assert getattr(getattr(restride, name), member) == value
            assert hasattr(restride, member), member
        if "value" not in what and "enum" not in what:
            continue
        if isinstance(what.get("value"), int) and name.isupper():
            assert int(getattr(restride, name)) == what["value"], name


def test_defaults_are_the_same():
    """As 0.9.0 writes them in its signatures; constructors with several forms are tested in test_params."""
    for owner, what in FACTS["0.9.0"].items():
        functions = {owner: what["function"]} if "function" in what else {}
        for member, forms in what.get("class", {}).items():
            if isinstance(forms, list) and member not in api.INTERNAL and owner not in ("Region", "Image", "Metadata"):
                functions[f"{owner}.{member}"] = forms
        for name, forms in functions.items():
            ours = restride
            for part in name.split("."):
                ours = getattr(ours, part)
            parameters = inspect.signature(ours).parameters
            for form in forms:
                for argument, default in api.arguments(form):
                    if default is None or argument in ("bitstream_offset", "kind", "pin_memory", "pre_allocated_size"):
                        continue
                    here = parameters[argument].default
                    if argument.startswith("jpeg") or default == "None":
                        assert here is None or here is api_missing(here), (name, argument)
                    elif default.startswith("<"):
                        assert repr(here) == default, (name, argument)
                    else:
                        assert here == eval(default), (name, argument)  # noqa: S307  literals written by the script


def api_missing(value):
    """Arguments that go by two names have a marker as their default."""
    return value if type(value) is object else None


def test_version_attributes():
    assert restride.__version__ == (ROOT / "VERSION").read_text().strip()
    assert isinstance(restride.__cuda_version__, int) and isinstance(restride.__git_sha__, str)
