# SPDX-License-Identifier: Apache-2.0
"""Codecs from outside: the QOI example as a shared library, and codecs made of Python functions."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest

import restride

ROOT = pathlib.Path(__file__).resolve().parents[2]
imagecodecs = pytest.importorskip("imagecodecs")


def picture(height=40, width=50, channels=3, seed=1, dtype=np.uint8):
    """Flat parts, gradients and noise, so that a codec's every way is taken."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype)
    a[height // 4 : height // 2] = 200
    a[height // 2 : 3 * height // 4] = np.arange(width)[:, None] // 3 + np.arange(channels)
    return a


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The example, built by itself against the headers that the package brings along."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    out = tmp_path_factory.mktemp("plugin") / "restride_qoi.so"
    source = ROOT / "examples" / "plugin" / "qoi.cpp"
    subprocess.run([compiler, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
                    f"-I{restride.get_include()}", "-o", out, source], check=True)  # fmt: skip
    return out


@pytest.fixture
def qoi(plugin):
    restride.load_codec_library(plugin)  # stays: a library is loaded once
    return restride.Decoder(), restride.Encoder()


def run(code, **environment):
    """What a fresh process prints, as JSON."""
    result = subprocess.run([sys.executable, "-c", "import json, restride\n" + code], env={**os.environ, **environment},
                            capture_output=True, text=True, timeout=120)  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


class TestSharedLibrary:
    @pytest.mark.parametrize("channels", [3, 4])
    def test_agrees_with_another_implementation_both_ways(self, qoi, channels):
        decoder, encoder = qoi
        params = restride.DecodeParams(color_spec=restride.UNCHANGED)
        for seed in range(8):
            a = picture(31 + seed, 47 - seed, channels, seed)
            ours = bytes(encoder.encode(a, "qoi", on_error="raise"))
            assert (imagecodecs.qoi_decode(ours) == a).all()
            theirs = imagecodecs.qoi_encode(a)
            assert (np.asarray(decoder.decode(theirs, params=params, on_error="raise")) == a).all()

    def test_stream_says_what_it_is(self, qoi):
        stream = restride.CodeStream(imagecodecs.qoi_encode(picture(11, 13, 4)))
        assert (stream.codec_name, stream.height, stream.width, stream.num_channels) == ("qoi", 11, 13, 4)
        assert stream.color_spec == restride.SRGB and stream.num_images == 1 and stream.num_tiles_x is None

    def test_batches_regions_and_reuse_are_the_engines(self, qoi):
        decoder, encoder = qoi
        pictures = [picture(40 + i, 50, 3, i) for i in range(6)]
        streams = encoder.encode(pictures, ".qoi", on_error="raise")
        images = decoder.decode(streams, on_error="raise")
        assert all((np.asarray(i) == p).all() for i, p in zip(images, pictures))
        again = decoder.decode(streams[:1], images=images[5:], on_error="raise")
        assert again[0] is images[5] and again[0].capacity == 45 * 50 * 3 and again[0].size == 40 * 50 * 3
        sub = restride.CodeStream(bytes(streams[2])).get_sub_code_stream(region=restride.Region(-2, 3, 20, 60, 77))
        found = np.asarray(decoder.decode(sub, on_error="raise"))
        assert found.shape == (22, 57, 3) and (found[2:, :47] == pictures[2][:20, 3:]).all()
        assert (found[:2] == 77).all() and (found[:, 47:] == 77).all()
        padded = np.full((40, 60, 3), 5, np.uint8)
        decoder.decode(streams[0], image=restride.as_image(padded[:, :50]), on_error="raise")
        assert (padded[:, :50] == pictures[0]).all() and (padded[:, 50:] == 5).all()

    def test_files_are_written_and_read_by_extension(self, qoi, tmp_path):
        restride.imwrite(tmp_path / "x.qoi", picture())
        assert (restride.imread(tmp_path / "x.qoi") == picture()).all()

    def test_every_damaged_stream_gives_a_reason(self, qoi):
        decoder, _ = qoi
        data = imagecodecs.qoi_encode(picture(9, 11))
        for n in range(len(data) - 8):
            error = decoder.decode(data[:n], on_error="return")
            assert isinstance(error, restride.TruncatedError if n >= 4 else (restride.TruncatedError, restride.UnsupportedError)), n
            assert n < 4 or error.offset is not None
        assert isinstance(decoder.decode(data[:12] + b"\x09" + data[13:], on_error="return"), restride.CorruptError)

    def test_what_it_cannot_write_it_refuses(self, qoi):
        _, encoder = qoi
        assert "8-bit" in str(encoder.encode(picture(dtype=np.uint16), "qoi", on_error="return"))
        quality = restride.EncodeParams(quality_type=restride.QualityType.QUALITY, quality_value=50)
        assert "lossless" in str(encoder.encode(picture(), "qoi", params=quality, on_error="return"))
        tiles = restride.EncodeParams(tile_width=16, tile_height=16)
        assert isinstance(encoder.encode(picture(), "qoi", params=tiles, on_error="return"), restride.UnsupportedError)

    def test_gray_and_alpha(self, qoi):
        decoder, encoder = qoi
        gray = picture(channels=1)
        assert (np.asarray(decoder.decode(encoder.encode(gray, "qoi", on_error="raise"))) == gray).all()
        found = decoder.decode(encoder.encode(picture(channels=4), "qoi"), params=restride.DecodeParams(color_spec=restride.GRAY))
        assert np.asarray(found).shape == (40, 50, 1)


class TestWhereLibrariesAreFound:
    ASK = "print(json.dumps([restride.libraries(), [b['format'] for b in restride.backends()]]))"

    def found(self, plugin, path):
        libraries, formats = run(self.ASK, RESTRIDE_CODEC_PATH=str(path))
        return [(entry["path"], entry["missing"]) for entry in libraries[1:] if "librestride" not in entry["name"]], "qoi" in formats

    def test_a_file(self, plugin):
        assert self.found(plugin, plugin) == ([(str(plugin.resolve()), "")], True)

    def test_a_folder(self, plugin, tmp_path):
        shutil.copy(plugin, tmp_path / "a.so")
        (tmp_path / "b.so").write_bytes(b"no library")
        (tmp_path / "notes.txt").write_text("not looked at")
        (first, second), there = self.found(plugin, f"{tmp_path}:")
        assert there and first == (str(tmp_path / "a.so"), "") and second[0] == str(tmp_path / "b.so") and second[1]

    def test_relative_paths_are_refused(self, plugin):
        [(path, why)], there = self.found(plugin, os.path.relpath(plugin))
        assert not there and "absolute" in why

    def test_nothing_there(self, plugin):
        [(path, why)], there = self.found(plugin, "/nowhere/x.so")
        assert not there and path == "/nowhere/x.so" and "No such file" in why

    def test_nothing_else_is_looked_at(self, plugin, tmp_path):
        shutil.copy(plugin, tmp_path / "restride_qoi.so")
        code = f"import os; os.chdir({str(tmp_path)!r})\n" + self.ASK
        _, formats = run(code, RESTRIDE_CODEC_PATH="")
        assert "qoi" not in formats

    def package(self, folder, plugin, entry="fake_qoi:library"):
        (folder / "fake_qoi.py").write_text(f"def library():\n    return {str(plugin)!r}\n\ndef broken():\n    raise OSError('no luck')\n")
        info = folder / "fake_qoi-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-qoi\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[restride.codecs]\nqoi = {entry}\n")
        return os.pathsep.join([str(folder), *sys.path])

    def test_an_entry_point(self, plugin, tmp_path):
        path = self.package(tmp_path, plugin)
        code = "import numpy as np\na = np.ones((3, 4, 3), np.uint8)\ndata = bytes(restride.Encoder().encode(a, 'qoi'))\n"
        assert run(code + "print(json.dumps(restride.CodeStream(data).codec_name))", PYTHONPATH=path) == "qoi"

    def test_an_entry_point_that_fails_is_told(self, plugin, tmp_path):
        path = self.package(tmp_path, plugin, "fake_qoi:broken")
        entry = run("print(json.dumps(restride.libraries()[-1]))", PYTHONPATH=path)
        assert entry == {"name": "qoi = fake_qoi:broken", "version": "", "path": "", "missing": "OSError: no luck"}

    def test_a_library_that_is_none(self, tmp_path):
        with pytest.raises(restride.NotFoundError):
            restride.load_codec_library(tmp_path / "x.so")
        (tmp_path / "x.so").write_bytes(b"text")
        with pytest.raises(restride.IoError, match="x.so"):
            restride.load_codec_library(tmp_path / "x.so")


# A format of our own: "ZRAW", height, width, channels, bytes a sample; zlib.
HEADER = struct.Struct("<4sIIBB")


def zraw_info(data):
    _, height, width, channels, size = HEADER.unpack_from(data)
    return restride.CodecInfo(height, width, channels, np.uint16 if size == 2 else np.uint8)


def zraw_decode(data):
    info = zraw_info(data)
    try:
        raw = zlib.decompress(data[HEADER.size :])
    except zlib.error as error:
        raise restride.CorruptError(f"zlib: {error}", offset=HEADER.size) from None
    return np.frombuffer(raw, info.dtype).reshape(info.height, info.width, info.channels)


def zraw_encode(pixels):
    return HEADER.pack(b"ZRAW", *pixels.shape, pixels.itemsize) + zlib.compress(pixels.tobytes())


GOOD = {
    "probe": lambda data: data.startswith(b"ZRAW"),
    "info": zraw_info,
    "decode": zraw_decode,
    "encode": zraw_encode,
    "extensions": [".zraw"],
    "dtypes": [np.uint8, np.uint16],
}


@pytest.fixture
def zraw():
    """Registers the codec, with parts replaced as a test likes it."""
    registered = []

    def register(**parts):
        for name in registered:
            restride.unregister_codec(name)
        registered[:] = ["zraw"]
        restride.register_codec("zraw", **{**GOOD, **parts})
        return restride.Decoder(), restride.Encoder()

    yield register
    for name in registered:
        restride.unregister_codec(name)


class TestPythonCodec:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_round_trip(self, zraw, channels, dtype):
        decoder, encoder = zraw()
        a = picture(channels=channels, dtype=dtype)
        stream = restride.CodeStream(bytes(encoder.encode(a, "zraw", on_error="raise")))
        assert stream.codec_name == "zraw" and stream.dtype == dtype and stream.num_channels == channels
        params = restride.DecodeParams(color_spec=restride.UNCHANGED, allow_any_depth=True)
        assert (np.asarray(decoder.decode(stream, params=params, on_error="raise")) == a).all()

    def test_batches_threads_regions_reuse_and_out(self, zraw):
        decoder, encoder = zraw()
        pictures = [picture(seed=i) for i in range(16)]
        streams = [bytes(s) for s in encoder.encode(pictures, "zraw", on_error="raise")]
        out = np.empty((16, 40, 50, 3), np.uint8)
        decoder.decode(streams, out=out, on_error="raise")
        assert (out == np.stack(pictures)).all()
        planar = np.empty((16, 3, 40, 50), np.uint8)
        decoder.decode(streams, out=planar, params=restride.DecodeParams(sample_format=restride.P_RGB), on_error="raise")
        assert (planar.transpose(0, 2, 3, 1) == out).all()
        sub = restride.CodeStream(streams[3]).get_sub_code_stream(region=restride.Region(5, 7, 30, 45))
        assert (np.asarray(decoder.decode(sub, on_error="raise")) == pictures[3][5:30, 7:45]).all()
        results = []
        threads = [threading.Thread(target=lambda: results.append(decoder.decode(streams, on_error="raise"))) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(results) == 4 and all((np.asarray(i) == p).all() for r in results for i, p in zip(r, pictures))
        padded = np.full((40, 60, 3), 5, np.uint8)
        decoder.decode(streams[0], image=restride.as_image(padded[:, :50]), on_error="raise")
        assert (padded[:, :50] == pictures[0]).all() and (padded[:, 50:] == 5).all()

    def test_other_codecs_may_be_used_inside(self, zraw):
        inner = restride.Decoder()

        def decode(data):
            return np.asarray(inner.decode(data[HEADER.size :], on_error="raise"))

        decoder, _ = zraw(decode=decode)
        a = picture()
        png = bytes(restride.Encoder().encode(a, "png"))
        images = decoder.decode([HEADER.pack(b"ZRAW", 40, 50, 3, 1) + png] * 8, on_error="raise")
        assert all((np.asarray(i) == a).all() for i in images)

    def test_headers_only(self, zraw):
        def decode(data):
            raise AssertionError("pixels were not asked for")

        _, encoder = zraw(decode=decode)
        assert restride.CodeStream(bytes(encoder.encode(picture(), ".zraw"))).width == 50

    def test_orientation_precision_and_limits(self, zraw):
        def info(data):
            return restride.CodecInfo(40, 50, 1, np.uint16, precision=12, orientation=6)

        decoder, encoder = zraw(info=info)
        a = picture(channels=1, dtype=np.uint16) % 4096
        stream = restride.CodeStream(bytes(encoder.encode(a, "zraw")))
        assert stream.precision == 12
        params = restride.DecodeParams(color_spec=restride.UNCHANGED, allow_any_depth=True)
        image = decoder.decode(stream, params=params, on_error="raise")
        assert image.precision == 12 and (np.asarray(image) == np.rot90(a, -1)).all()
        eight = decoder.decode(stream, params=restride.DecodeParams(color_spec=restride.GRAY), on_error="raise")
        assert (np.asarray(eight) == np.rot90(np.round(a * (255 / 4095)).astype(np.uint8), -1)).all()
        error = decoder.decode(stream, params=restride.DecodeParams(max_pixels=1999), on_error="return")
        assert isinstance(error, restride.LimitExceededError)

    def test_gray_for_a_codec_of_colours(self, zraw):
        _, encoder = zraw(channels=[3, 4])
        assert restride.CodeStream(bytes(encoder.encode(picture(channels=1), "zraw", on_error="raise"))).num_channels == 3
        _, encoder = zraw(channels=[3])
        error = encoder.encode(picture(channels=4), "zraw", on_error="return")
        assert isinstance(error, restride.UnsupportedError) and "4 channels" in str(error)
        _, encoder = zraw(dtypes=[np.uint8])
        assert isinstance(encoder.encode(picture(dtype=np.uint16), "zraw", on_error="return"), restride.UnsupportedError)

    def test_quality(self, zraw):
        seen = []

        def encode(pixels, quality):
            seen.append(quality)
            return zraw_encode(pixels)

        params = restride.EncodeParams(quality_type=restride.QualityType.QUALITY, quality_value=42)
        _, encoder = zraw(encode=encode, takes_quality=True)
        encoder.encode(picture(), "zraw", on_error="raise")
        encoder.encode(picture(), "zraw", params=params, on_error="raise")
        assert seen == [None, 42.0]
        _, encoder = zraw()
        assert isinstance(encoder.encode(picture(), "zraw", params=params, on_error="return"), restride.UnsupportedError)

    def test_what_functions_keep_stays_good(self, zraw):
        kept = []

        def decode(data):
            kept.append(data)
            return zraw_decode(data)

        def encode(pixels):
            kept.append(pixels)
            return zraw_encode(pixels)

        decoder, encoder = zraw(decode=decode, encode=encode)
        a = picture()
        data = bytearray(bytes(encoder.encode(a, "zraw")))
        decoder.decode(data, on_error="raise")
        before = bytes(data)
        data[:] = bytes(len(data))
        a[:] = 0
        assert (kept[0] == picture()).all() and kept[1] == before


class TestPythonCodecsThatFail:
    """One bad picture spoils no other, and the reason is told."""

    def check(self, decoder, streams, kind, *texts):
        results = decoder.decode([streams[0], *streams], on_error="return")
        for result in results:
            assert isinstance(result, kind), result
            for text in texts:
                assert text in str(result), result

    @pytest.fixture
    def streams(self):
        return [zraw_encode(picture(seed=i)) for i in range(3)]

    def test_exceptions(self, zraw, streams):
        def decode(data):
            raise ValueError("bad luck")

        decoder, _ = zraw(decode=decode)
        self.check(decoder, streams, restride.ExtensionError, "codec zraw, decoding: it raised ValueError: bad luck")

    def test_errors_of_ours_keep_their_kind(self, zraw, streams):
        decoder, _ = zraw()
        broken = streams[0][: HEADER.size] + b"nonsense"
        good, bad = decoder.decode([streams[0], broken], on_error="return")
        assert (np.asarray(good) == picture(seed=0)).all()
        assert isinstance(bad, restride.CorruptError) and bad.offset == HEADER.size and "zlib" in str(bad)

    @pytest.mark.parametrize(
        "result",
        [np.zeros((3, 3, 3), np.uint8), np.zeros((40, 50), np.uint8), np.zeros((40, 50, 3), np.float32), None, "text"],
        ids=["size", "channels", "type", "None", "text"],
    )
    def test_wrong_pixels(self, zraw, streams, result):
        decoder, _ = zraw(decode=lambda data: result)
        self.check(decoder, streams, restride.ExtensionError, "decode gave", "info had said uint8 and (40, 50, 3)")

    def test_wrong_headers(self, zraw, streams):
        for info, text in [
            (restride.CodecInfo(0, 5), "the height cannot be 0"),
            (restride.CodecInfo(5, 5, 99), "the number of channels cannot be 99"),
            (restride.CodecInfo(5, 5, dtype=np.int64), "no sample type"),
            (restride.CodecInfo(5, 5, orientation=9), "the orientation cannot be 9"),
            (restride.CodecInfo(-5, 5), "wrong type"),
            ((5, 5), "info gave a tuple, not a CodecInfo"),
        ]:
            decoder, _ = zraw(info=lambda data, info=info: info)
            self.check(decoder, streams, restride.Error, text)

    def test_wrong_bytes(self, zraw):
        for result, text in [(None, "encode gave a NoneType"), (b"", "wrote nothing"), ("text", "encode gave a str")]:
            _, encoder = zraw(encode=lambda pixels, result=result: result)
            error = encoder.encode(picture(), "zraw", on_error="return")
            assert isinstance(error, restride.ExtensionError) and text in str(error)

    def test_a_probe_that_fails_recognises_nothing(self, zraw, streams):
        def probe(data):
            raise RuntimeError("oops")

        decoder, _ = zraw(probe=probe)
        self.check(decoder, streams, restride.UnsupportedError, "unknown format", "pnm, ")

    def test_own_formats_come_first(self, zraw):
        decoder, encoder = zraw(probe=lambda data: True)
        assert restride.CodeStream(bytes(encoder.encode(picture(), "png"))).codec_name == "png"

    def test_names_that_are_taken(self, zraw):
        zraw()
        for name, extensions in [("zraw", []), ("png", []), ("other", [".zraw"]), ("other", [".jpg"])]:
            with pytest.raises(restride.InvalidArgumentError, match="is taken by"):
                restride.register_codec(name, **{**GOOD, "extensions": extensions})
        with pytest.raises(restride.InvalidArgumentError, match="lower case"):
            restride.register_codec("Other Name", **{**GOOD, "extensions": []})
        with pytest.raises(restride.InvalidArgumentError, match="neither"):
            restride.register_codec("other")
        with pytest.raises(restride.InvalidArgumentError, match="no probe or no info"):
            restride.register_codec("other", decode=zraw_decode)
        with pytest.raises(restride.InvalidArgumentError, match="no codec called"):
            restride.unregister_codec("other")

    def test_after_it_was_taken_back(self, zraw, streams):
        zraw()
        restride.unregister_codec("zraw")
        decoder = restride.Decoder()
        self.check(decoder, streams, restride.UnsupportedError, "unknown format")
        restride.register_codec("zraw", **GOOD)
        assert (restride.imread(streams[1]) == picture(seed=1)).all()

    def test_python_ends_quietly(self):
        code = """
import numpy as np, sys
held = restride.Decoder()
restride.register_codec("x", probe=lambda d: d[:1] == b"x", info=lambda d: restride.CodecInfo(1, 1),
                        decode=lambda d: held and np.ones((1, 1, 3), np.uint8))
image = restride.Decoder().decode(b"x")
print(json.dumps(np.asarray(image).tolist()))
"""
        result = subprocess.run([sys.executable, "-c", "import json, restride" + code], capture_output=True, text=True, timeout=120)
        assert result.returncode == 0 and json.loads(result.stdout) == [[[1, 1, 1]]]
        assert result.stderr == ""
