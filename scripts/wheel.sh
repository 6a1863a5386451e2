#!/usr/bin/env bash
# Builds wheelhouse/restride-*.whl with the shared libraries bundled, installs it into an empty environment and tries it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
rm -rf dist wheelhouse
"$python" -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist .
PATH=$PWD/.venv/bin:$PATH "$python" -m auditwheel repair -w wheelhouse dist/*.whl >/dev/null 2>&1 ||
  PATH=$PWD/.venv/bin:$PATH "$python" -m auditwheel repair -w wheelhouse dist/*.whl
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
"$python" -m venv "$empty"
"$empty/bin/python" -m pip install -q --disable-pip-version-check wheelhouse/*.whl
(cd "$empty" && bin/python - <<'PY'
import numpy as np
import restride

pixels = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
encoder, decoder = restride.Encoder(), restride.Decoder()
for codec in ("jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"):
    lossless = codec in ("tiff", "png", "bmp", "pnm")
    picture = np.asarray(decoder.decode(encoder.encode(pixels, codec, on_error="raise"), on_error="raise"))
    assert picture.shape == pixels.shape, codec
    assert not lossless or (picture == pixels).all(), codec
print("wheel ok: restride", restride.__version__, "from", restride.__file__)
PY
)
"$python" scripts/check_hardening.py wheelhouse/*.whl
ls -la wheelhouse
