# SPDX-License-Identifier: Apache-2.0
"""The rules of reuse from Python: images, code streams, external memory; and the walkthrough itself where it is there."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import restride

HERE = pathlib.Path(__file__).resolve()


def picture(height, width, seed=0):
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    base = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1)
    return np.clip(base + rng.normal(0, 2, base.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def codecs():
    return restride.Decoder(), restride.Encoder()


def test_image_shrinks_keeps_and_grows(codecs):
    decoder, encoder = codecs
    large, small, huge = (encoder.encode(picture(*s), c) for s, c in (((720, 720), "jpeg"), ((475, 640), "jpeg2k"), ((900, 1000), "tiff")))
    image = first = decoder.decode(large)
    assert image.size == image.capacity == 720 * 720 * 3
    image = decoder.decode(small, image=image)
    assert image is first and image.shape == (475, 640, 3)
    assert image.size == 475 * 640 * 3 and image.capacity == 720 * 720 * 3
    image = decoder.decode(huge, image=image)
    assert image is first and image.size == image.capacity == 900 * 1000 * 3
    assert (np.asarray(image) == picture(900, 1000)).all()


def test_batch_reuse_gives_the_same_objects(codecs):
    decoder, encoder = codecs
    streams = [encoder.encode(picture(60 + i, 80, i), c) for i, c in enumerate(("png", "bmp", "pnm", "tiff"))]
    images = decoder.decode(streams)
    again = decoder.decode(streams[::-1], images=images)
    assert all(a is b for a, b in zip(images, again))
    for i, image in enumerate(again):
        assert (np.asarray(image) == picture(63 - i, 80, 3 - i)).all()


def test_code_stream_keeps_a_preallocation_and_grows_when_it_must(codecs):
    decoder, encoder = codecs
    stream = restride.CodeStream(100_000, pin_memory=True)
    assert stream.capacity == 100_000 and stream.size == 0
    assert encoder.encode(picture(50, 50), "bmp", code_stream_s=stream) is stream
    assert stream.capacity == 100_000 and stream.size == 54 + 50 * 152
    assert encoder.encode(picture(300, 300), "bmp", code_stream_s=stream) is stream
    assert stream.capacity == stream.size == 54 + 300 * 900
    assert (np.asarray(decoder.decode(stream)) == picture(300, 300)).all()
    fresh = encoder.encode(picture(50, 50), "png")
    assert fresh.size == fresh.capacity == len(bytes(fresh)) == memoryview(fresh).nbytes


def test_padded_slices_are_filled_and_nothing_else(codecs):
    decoder, encoder = codecs
    source = picture(40, 50)
    for codec in ("png", "bmp", "pnm", "tiff"):
        stream = encoder.encode(source, codec)
        canvas = np.full((60, 70, 3), 99, np.uint8)
        image = restride.as_image(canvas[10:50, 5:55])
        assert decoder.decode(stream, image=image) is image
        assert (canvas[10:50, 5:55] == source).all(), codec
        canvas[10:50, 5:55] = 99
        assert (canvas == 99).all(), codec


def test_contiguous_memory_is_reshaped(codecs):
    decoder, encoder = codecs
    buffer = np.zeros((10, 400, 3), np.uint8)
    decoder.decode(encoder.encode(picture(40, 60), "png"), image=restride.as_image(buffer))
    assert (buffer.reshape(-1)[: 40 * 60 * 3].reshape(40, 60, 3) == picture(40, 60)).all()
    assert not buffer.reshape(-1)[40 * 60 * 3 :].any()


def test_the_two_refusals(codecs):
    decoder, encoder = codecs
    stream = encoder.encode(picture(100, 100), "png")
    buffer = np.zeros((10, 400, 3), np.uint8)
    with pytest.raises(ValueError, match="^Existing buffer is too small to fit new image$"):
        decoder.decode(stream, image=restride.as_image(buffer))
    with pytest.raises(ValueError, match="^Existing buffer is not continuous. Row size or height are too small to fit new image.$"):
        decoder.decode(stream, image=restride.as_image(buffer[1:-1, 10:-10]))
    assert not buffer.any()


def test_reuse_takes_no_memory(codecs):
    decoder, encoder = codecs
    streams = [encoder.encode(picture(64, 64, i), c) for i, c in enumerate(("jpeg", "png", "bmp", "pnm"))]
    images = decoder.decode(streams)
    # Threads take images as they come: it takes some calls until each has met the largest.
    made = []
    while len(made) < 100 and made[-5:] != [0] * 5:
        before = restride.memory_stats()["host"]["allocations"]
        decoder.decode(streams, images=images)
        made.append(restride.memory_stats()["host"]["allocations"] - before)
    assert made[-5:] == [0] * 5


def test_walkthrough(tmp_path):
    shared = pathlib.Path(os.environ.get("RESTRIDE_SHARED", HERE.parents[3] / "shared"))
    scripts = shared / "walkthrough"
    if not scripts.is_dir():
        pytest.skip("the walkthrough's scripts are not beside the checkout")
    subprocess.run([sys.executable, scripts / "make_assets.py", tmp_path], check=True, capture_output=True)
    done = subprocess.run([sys.executable, scripts / "reuse_resources.py", "restride", tmp_path, "--host"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith("all 14 steps held")
