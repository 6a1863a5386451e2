# SPDX-License-Identifier: Apache-2.0
"""The deep-zoom example: its tiles, and its page in a browser where there is one."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
import tifffile

import restride

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))
import deep_zoom  # noqa: E402

PIXELS = np.kron(np.random.default_rng(0).integers(0, 255, (25, 40, 3), dtype=np.uint8), np.ones((40, 40, 1), np.uint8))  # 1000 x 1600


@pytest.fixture
def slide(tmp_path):
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib"}
    with tifffile.TiffWriter(tmp_path / "slide.tif") as file:
        file.write(PIXELS, subifds=1, **options)
        file.write(np.ascontiguousarray(PIXELS[::2, ::2]), subfiletype=1, **options)
        file.write(np.zeros((100, 100, 3), np.uint8), photometric="rgb")  # a label, which is no level
    return tmp_path / "slide.tif"


def ask(server, path):
    return urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}{path}", timeout=20).read()


def test_tiles_of_a_pyramid(slide):
    server = deep_zoom.serve(slide)
    info = json.loads(ask(server, "/info.json"))
    assert [(level["height"], level["width"]) for level in info["levels"]] == [(1000, 1600), (500, 800)]
    for level, column, row in ((0, 0, 0), (0, 6, 3), (1, 3, 1)):
        step = 2**level
        want = PIXELS[::step, ::step][row * 256 : row * 256 + 256, column * 256 : column * 256 + 256].astype(int)
        got = restride.imread(ask(server, f"/tile/{level}/{column}/{row}.jpg")).astype(int)
        assert got.shape == want.shape and abs(got - want).mean() < 10
    for wrong in ("/tile/0/7/0.jpg", "/tile/5/0/0.jpg", "/tile/0/0/0.png", "/../etc/passwd"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(server, wrong)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2k"])
def test_levels_by_reduction(codec, tmp_path):
    path = tmp_path / f"a.{codec}"
    path.write_bytes(bytes(restride.Encoder().encode(PIXELS, codec)))
    pyramid = deep_zoom.Pyramid(path)
    assert [level[2:] for level in pyramid.levels] == [(1000, 1600), (500, 800), (250, 400)]
    assert restride.imread(pyramid.tile(2, 1, 0)).shape == (250, 144, 3)


ACTIONS = """
<script>
canvas.setPointerCapture = () => {};
const pointer = (type, id, x, y) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: id, clientX: x, clientY: y, bubbles: true }));
const key = (k) => window.dispatchEvent(new KeyboardEvent("keydown", { key: k }));
const now = () => [x, y, scale];
const wait = setInterval(() => {
  if (!info) return;
  clearInterval(wait);
  const seen = { all: now() };
  key("+"); seen.plus = now();
  key("ArrowRight"); seen.right = now();
  key("-"); key("0"); seen.zero = now();
  key("+"); key("+"); const before = now();
  pointer("pointerdown", 1, 300, 200); pointer("pointermove", 1, 250, 200); pointer("pointerup", 1, 250, 200);
  seen.drag = [x - before[0], y - before[1], scale / before[2], before[2]];
  const base = scale;
  pointer("pointerdown", 1, 200, 200); pointer("pointerdown", 2, 300, 200); pointer("pointermove", 2, 400, 200);
  pointer("pointerup", 1, 200, 200); pointer("pointerup", 2, 400, 200);
  seen.pinch = scale / base;
  document.title = "SEEN" + JSON.stringify(seen);
}, 20);
</script>
"""


def test_the_page_in_a_browser(slide, tmp_path, monkeypatch):
    browser = next((b for b in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if b), None)
    if browser is None:
        pytest.skip("no Chromium: the viewer's keys and touches are not tried")
    page = tmp_path / "page.html"
    page.write_text(deep_zoom.VIEWER.read_text() + ACTIONS)
    monkeypatch.setattr(deep_zoom, "VIEWER", page)
    server = deep_zoom.serve(slide)
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
               "--window-size=800,600", "--virtual-time-budget=8000", "--dump-dom",
               f"http://127.0.0.1:{server.server_address[1]}/"]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    server.shutdown()
    server.server_close()
    found = re.search(r"SEEN(\{.*?\})<", dom)
    assert found, dom[-2000:]
    seen = json.loads(found.group(1).replace("&quot;", '"'))
    x, y, scale = seen["all"]
    assert (x, y) == (800, 500) and seen["zero"] == seen["all"]
    assert seen["plus"] == [x, y, pytest.approx(scale * 1.5)] and seen["right"][0] > x and seen["right"][1] == y
    moved_x, moved_y, grown, at = seen["drag"]
    assert moved_x == pytest.approx(50 / at) and moved_y == pytest.approx(0) and grown == pytest.approx(1)
    assert seen["pinch"] == pytest.approx(2)
