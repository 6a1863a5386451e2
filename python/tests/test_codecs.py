# SPDX-License-Identifier: Apache-2.0
"""Decoder and Encoder (nvImageCodec API, section 1.7): calls, batches, failures, files, threads, processes."""

import contextlib
import os
import threading
import warnings

import numpy as np
import pytest

import restride


def picture(h=24, w=32, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (h, w, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def encoder():
    return restride.Encoder()


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder()


@contextlib.contextmanager
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", restride.CodecWarning)
        yield


def test_singles_and_batches(encoder, decoder, tmp_path):
    data = bytes(encoder.encode(picture(), "png"))
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source in (data, np.frombuffer(data, np.uint8), str(path), path, restride.CodeStream(data)):
        assert (np.asarray(decoder.decode(source)) == picture()).all()
        assert (np.asarray(decoder.read(source)) == picture()).all()
    batch = decoder.decode([data, None, path])
    assert isinstance(batch, list) and batch[1] is None and (np.asarray(batch[2]) == picture()).all()
    assert decoder.decode([]) == []
    image = decoder.decode(data)
    assert decoder.decode([data, data], images=[image, None])[0] is image


def test_failures_in_place(encoder, decoder):
    good, bad = bytes(encoder.encode(picture(), "png")), b"\x89PNG\r\n\x1a\n rubbish"
    with pytest.warns(restride.CodecWarning, match="image #1") as caught:
        images = decoder.decode([good, bad, good])
    assert images[1] is None and images[2] is not None
    assert caught[0].message.index == 1 and isinstance(caught[0].message.error, restride.Error)
    assert decoder.errors[0] is None and isinstance(decoder.errors[1], restride.Error)
    returned = decoder.decode([bad], on_error="return")[0]
    assert isinstance(returned, restride.Error) and returned.code in ("corrupt", "truncated")
    with pytest.raises(restride.Error):
        decoder.decode(bad, on_error="raise")
    with pytest.raises(restride.Error):
        restride.Decoder(on_error="raise").decode(bad)
    with pytest.raises(ValueError):
        decoder.decode(good, on_error="maybe")
    with quiet():
        assert decoder.decode(good) is not None
    assert decoder.errors == [None]


def test_callers_mistakes_raise(encoder, decoder):
    data = bytes(encoder.encode(picture(), "png"))
    with pytest.raises(ValueError, match="^Size mismatch - images list has 1 items, but code_streams list has 2 items.$"):
        decoder.decode([data, data], images=[None])
    with pytest.raises(TypeError):
        decoder.decode(data, image=np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(TypeError):
        decoder.decode(3.5)
    with pytest.raises(FileNotFoundError):
        decoder.decode("no/such/file.jpg")
    with pytest.raises(ValueError):
        decoder.decode(data, params=restride.DecodeParams(color_spec=restride.GRAY, sample_format=restride.I_RGBA))


def test_colour_and_depth(encoder, decoder):
    rgba = np.random.default_rng(1).integers(0, 65535, (9, 11, 4), dtype=np.uint16)
    data = bytes(encoder.encode(rgba, "png"))
    kept = decoder.decode(data, params=restride.DecodeParams(color_spec=restride.UNCHANGED, allow_any_depth=True))
    assert (np.asarray(kept) == rgba).all() and kept.precision == 16 and kept.sample_format == restride.I_RGBA
    srgb = decoder.decode(data)
    assert srgb.shape == (9, 11, 3) and srgb.dtype == np.uint8 and srgb.color_spec == restride.SRGB
    assert (np.asarray(srgb) == ((rgba[..., :3].astype(np.uint32) * 255 + 32767) // 65535)).all()
    gray = decoder.decode(data, params=restride.DecodeParams(color_spec=restride.GRAY))
    assert gray.shape == (9, 11, 1) and gray.sample_format == restride.I_Y
    planar = decoder.decode(data, params=restride.DecodeParams(sample_format=restride.SampleFormat.P_BGR))
    assert planar.shape == (3, 9, 11) and (np.asarray(planar)[2] == np.asarray(srgb)[..., 0]).all()


def test_limits(encoder, decoder):
    data = bytes(encoder.encode(picture(), "png"))
    with pytest.raises(restride.LimitExceededError, match="max_pixels"):
        decoder.decode(data, params=restride.DecodeParams(max_pixels=100), on_error="raise")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(decoder, orientation):
    import io

    from PIL import Image as Pillow
    from PIL import ImageOps

    source = Pillow.fromarray(np.kron(picture(6, 9), np.ones((8, 8, 1), np.uint8)).astype(np.uint8))
    exif = Pillow.Exif()
    exif[274] = orientation
    for fmt, options in (("JPEG", {"subsampling": 0}), ("PNG", {}), ("WEBP", {"lossless": True})):
        out = io.BytesIO()
        source.save(out, fmt, exif=exif, **options)
        data = out.getvalue()
        want = np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))))
        image = decoder.decode(data)
        assert (np.asarray(image) == want).all(), fmt
        region = restride.CodeStream(data).get_sub_code_stream(region=restride.Region(-3, 5, 40, 47, 99))
        part = np.asarray(decoder.decode(region))
        assert (part[3:] == want[:40, 5:47]).all() and (part[:3] == 99).all(), fmt
        stored = decoder.decode(data, params=restride.DecodeParams(apply_exif_orientation=False))
        assert stored.shape[:2] == (48, 72)


def test_encode(encoder, decoder):
    assert isinstance(encoder.encode(picture(), "png"), restride.CodeStream)
    assert isinstance(encoder.encode([picture()], ".png"), list)
    assert encoder.encode([], "png") == [] and encoder.encode([None], "png") == [None] and encoder.encode(None, "png") is None
    stream = encoder.encode(picture(), codec="jpeg2k", params=restride.EncodeParams(quality_type=restride.LOSSLESS))
    assert (np.asarray(decoder.decode(stream)) == picture()).all()
    for arguments, text in [
        (dict(codec=""), "Unspecified codec."),
        (dict(codec=".xyz"), "Unsupported codec."),
        (
            dict(codec="png", code_stream_s=[restride.CodeStream(), restride.CodeStream()]),
            "code_stream_s must be a single CodeStream if single image is provided",
        ),
    ]:
        with pytest.raises(ValueError) as caught:
            encoder.encode(picture(), **arguments)
        assert str(caught.value) == text
    with pytest.raises(ValueError, match="if multiple images are provided, code_stream_s must be a list"):
        encoder.encode([picture(), picture()], "png", code_stream_s=[restride.CodeStream()])


def test_encode_failures_give_none(encoder):
    lossless = restride.EncodeParams(quality_type=restride.LOSSLESS)
    tiled = restride.EncodeParams(tile_width=8, tile_height=8)
    with quiet():
        assert encoder.encode(picture(), "nonsense") is None
        assert encoder.encode(picture(), "jpeg", params=lossless) is None and "QUALITY" in str(encoder.errors[0])
        assert encoder.encode(picture(), "png", params=tiled) is None
        assert encoder.encode(np.zeros((4, 4, 5), np.uint8), "jpeg") is None
        assert encoder.encode(np.zeros((4, 4, 3), np.float64), "png") is None
        assert encoder.encode("no image", "png") is None
        assert "a str is no image: " in str(encoder.errors[0]) and "__dlpack__" in str(encoder.errors[0])
        assert encoder.encode(picture(), "png", code_stream_s=restride.CodeStream(b"an input")) is None


def test_png_levels_shrink(encoder):
    smooth = np.kron(picture(20, 20), np.ones((8, 8, 1), np.uint8)).astype(np.uint8)
    sizes = [encoder.encode(smooth, "png", params=restride.EncodeParams(restride.LOSSLESS, level)).size for level in (0, 1, 9)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_write(encoder, decoder, tmp_path):
    names = [tmp_path / f"a.{e}" for e in ("jpg", "PNG", "tif", "bmp", "ppm", "webp", "jp2", "j2k")]
    for name in names:
        assert encoder.write(name, picture()) == str(name)
        assert decoder.read(name).shape == (24, 32, 3)
    assert encoder.write(tmp_path / "b.dat", picture(), codec="png") == str(tmp_path / "b.dat")
    assert encoder.write([names[0], names[1]], [picture(), picture()]) == [str(names[0]), str(names[1])]
    with pytest.raises(ValueError, match="Unsupported codec."):
        encoder.write(tmp_path / "a.xyz", picture())
    with pytest.raises(ValueError, match="^Size mismatch - filenames list has 1 items, but images list has 2 items.$"):
        encoder.write([names[0]], [picture(), picture()])
    with pytest.raises(RuntimeError, match="Failed to create code stream"):
        encoder.write(tmp_path / "no" / "folder.png", picture())
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([n.name for n in names] + ["b.dat"])  # and no half files


def test_with_block_closes(encoder):
    data = bytes(encoder.encode(picture(), "png"))
    with restride.Decoder() as decoder:
        assert decoder.decode(data) is not None
    with quiet():
        assert decoder.decode(data) is None


def test_backends():
    cpu = restride.Decoder(backends=[restride.Backend(restride.CPU_ONLY)], device_id=restride.NVIMGCODEC_DEVICE_CPU_ONLY)
    assert cpu.decode(restride.Encoder(backends=[restride.BackendKind.CPU_ONLY]).encode(picture(), "png")) is not None
    with pytest.raises(RuntimeError, match="Internal error - Could not create decoder. Code: 7"):
        restride.Decoder(device_id=restride.NVIMGCODEC_DEVICE_CPU_ONLY, backends=[restride.HW_GPU_ONLY])


def test_many_threads_one_decoder(encoder, decoder):
    streams = [encoder.encode(picture(seed=i), "png") for i in range(4)]
    wrong = []

    def work(k):
        image = None
        for i in range(50):
            image = decoder.decode(streams[(i + k) % 4], image=image)
            if (np.asarray(image) != picture(seed=(i + k) % 4)).any():
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_works_after_fork(encoder, decoder):
    streams = [encoder.encode(picture(seed=i), "png") for i in range(8)]
    decoder.decode(streams)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own advice about fork and threads
        child = os.fork()
    if child == 0:
        images = decoder.decode(streams)
        os._exit(0 if all((np.asarray(im) == picture(seed=i)).all() for i, im in enumerate(images)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_one_liners(tmp_path):
    restride.imwrite(tmp_path / "a.png", picture())
    assert (restride.imread(tmp_path / "a.png") == picture()).all()
    assert restride.imread(tmp_path / "a.png", color_spec=restride.GRAY).shape == (24, 32, 1)
    with pytest.raises(FileNotFoundError):
        restride.imread(tmp_path / "none.png")
