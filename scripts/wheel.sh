#!/usr/bin/env bash
# Builds dist/restride-*.tar.gz, a wheel from it, and wheelhouse/restride-*.whl with the shared libraries bundled; installs
# that into an empty environment and tries it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
rm -rf dist wheelhouse
"$python" -m build --sdist --no-isolation --outdir dist . >/dev/null
# From the source distribution, so that what it lacks is found here.
"$python" -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist dist/*.tar.gz
PATH=$PWD/.venv/bin:$PATH "$python" -m auditwheel repair -w wheelhouse dist/*.whl >/dev/null 2>&1 ||
  PATH=$PWD/.venv/bin:$PATH "$python" -m auditwheel repair -w wheelhouse dist/*.whl
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
"$python" -m venv "$empty"
"$empty/bin/python" -m pip install -q --disable-pip-version-check wheelhouse/*.whl
cp scripts/try_wheel.py "$empty"
(cd "$empty" && env -u PYTHONPATH bin/python try_wheel.py)
# A package with a codec of its own, built against the wheel's headers and found by its entry point.
cp -r examples/plugin "$empty/plugin"
"$empty/bin/python" -m pip install -q --disable-pip-version-check "scikit-build-core>=0.10"
PATH=$PWD/.venv/bin:$PATH env -u PYTHONPATH "$empty/bin/python" -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps "$empty/plugin"
(cd "$empty" && env -u PYTHONPATH bin/python - <<'PY'
import numpy as np
import restride

pixels = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
encoded = bytes(restride.Encoder().encode(pixels, ".qoi", on_error="raise"))
assert encoded[:4] == b"qoif" and restride.CodeStream(encoded).codec_name == "qoi"
assert (np.asarray(restride.Decoder().decode(encoded, on_error="raise")) == pixels).all()
print("codec from outside ok:", restride.libraries()[-1]["path"])
PY
)
"$python" scripts/check_hardening.py wheelhouse/*.whl
ls -la dist wheelhouse
