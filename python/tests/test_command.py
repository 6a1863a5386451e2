# SPDX-License-Identifier: Apache-2.0
"""The restride command, run as its users run it: every sub-command, and what goes wrong in long work."""

import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import numpy as np
import pytest

import restride

COMMAND = pathlib.Path(restride.__file__).parent / "bin" / "restride"
pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason="this build has no restride command")
CODECS = {"jpeg": ".jpg", "jpeg2k": ".jp2", "tiff": ".tiff", "png": ".png", "webp": ".webp", "bmp": ".bmp", "pnm": ".pnm"}
COMMANDS = ["info", "decode", "encode", "transcode", "bench", "codecs", "doctor", "completion", "man"]


def run(*arguments, **options):
    options = {"capture_output": True, "text": True, "timeout": 120} | options
    return subprocess.run([COMMAND, *map(str, arguments)], **options)


def picture(height=48, width=64, channels=3, shift=0):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return ((x * 3 + y * 2 + c * 40 + shift) % 256).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Seven pictures below two folders, one of them cut off, and a file that is none."""
    root = tmp_path / "in"
    (root / "below").mkdir(parents=True)
    for i in range(4):
        restride.imwrite(root / f"{i}.jpg", picture(shift=i))
    restride.imwrite(root / "below" / "deep.png", picture(channels=1)[..., 0].astype(np.uint16) * 257)
    restride.imwrite(root / "below" / "alpha.png", picture(channels=4))
    (root / "below" / "cut.jpg").write_bytes((root / "0.jpg").read_bytes()[:-200])
    (root / "notes.txt").write_text("no picture")
    return root


def report_of(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert list(lines[-1]) == ["summary"]
    return {pathlib.Path(line["source"]).name: line for line in lines[:-1]}, lines[-1]["summary"]


def no_parts(folder):
    return not [p for p in folder.rglob("*") if ".part" in p.name]


def test_info_text_and_json(folder):
    done = run("info", folder / "0.jpg", folder / "below" / "deep.png")
    assert done.returncode == 0 and "0.jpg: jpeg, 64 x 48, YCC, 3 x u8 of 8 bits, 4:4:4" in done.stdout
    assert "deep.png: png, 64 x 48, gray, 1 x u16 of 16 bits" in done.stdout
    done = run("info", "--json", folder, folder / "absent.png")
    found = {pathlib.Path(f["file"]).name: f for f in json.loads(done.stdout)}
    assert done.returncode == 1 and len(found) == 8
    assert (found["0.jpg"]["codec"], found["0.jpg"]["width"], found["0.jpg"]["height"]) == ("jpeg", 64, 48)
    assert found["deep.png"]["bits"] == 16 and found["absent.png"]["error"]["code"] == "not_found"


def test_info_of_pages_tiles_and_metadata(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as writer:
        for size in (64, 48):
            writer.write(picture(size, size), photometric="rgb", tile=(16, 16))
    (one,) = json.loads(run("info", "--json", path).stdout)
    assert one["images"] == 2 and [p["width"] for p in one["pages"]] == [64, 48]
    assert one["tiles"] == {"across": 4, "down": 4, "width": 16, "height": 16}
    exif = restride.Metadata(restride.MetadataKind.EXIF, restride.MetadataFormat.RAW, EXIF_6)
    restride.imwrite(tmp_path / "a.png", picture(), metadata=[exif])
    (one,) = json.loads(run("info", "--json", tmp_path / "a.png").stdout)
    assert one["metadata"] == [{"kind": "exif", "bytes": len(EXIF_6)}] and one["orientation"] == 6


# A TIFF header and a directory of one tag: orientation 6.
EXIF_6 = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)


def test_info_survives_odd_names(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\"\\\n\t.png"
    with open(path, "wb") as file:
        file.write(bytes(restride.Encoder().encode(picture(), "png")))
    done = subprocess.run([COMMAND, "info", "--json", path], capture_output=True, timeout=60)
    (one,) = json.loads(done.stdout)
    assert one["file"].endswith('/\ufffd"\\\n\t.png') and one["codec"] == "png"


def test_names_cannot_command_a_terminal(tmp_path):
    name = "\x1b[2J\nx.jpg"
    (tmp_path / name).write_bytes(b"no picture")
    for arguments in (("info", tmp_path), ("transcode", tmp_path, tmp_path / "out", "-c", "png", "-v"), ("bench", tmp_path)):
        done = run(*arguments)
        assert done.returncode == 1 and "?[2J?x.jpg" in done.stderr and "\x1b" not in done.stdout + done.stderr


def test_info_of_standard_input(folder):
    done = run("info", "--json", "-", input=(folder / "0.jpg").read_bytes(), text=False)
    assert json.loads(done.stdout)[0]["codec"] == "jpeg"


def test_a_closed_pipe_ends_it_quietly(folder):
    for _ in range(4):
        shutil.copytree(folder, folder.parent / f"more{_}")
    sources = [str(folder.parent)] * 300
    script = '"$0" info "$@" 2>errors | head -1; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", script, COMMAND, *sources], capture_output=True, text=True, cwd=folder, timeout=120)
    first, status = done.stdout.splitlines()
    assert "jpeg, 64 x 48" in first or "png, 64 x 48" in first
    assert int(status) == 128 + signal.SIGPIPE
    assert not [line for line in (folder / "errors").read_text().splitlines() if "cut.jpg" not in line]


@pytest.mark.parametrize("codec", CODECS)
def test_transcode_a_folder_to(codec, folder, tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.jsonl"
    done = run("transcode", folder, out, "--codec", codec, "--report", report)
    assert done.returncode == 1, done.stderr
    lines, summary = report_of(report)
    assert (summary["done"], summary["failed"], summary["not_reached"]) == (6, 1, 0)
    assert lines["cut.jpg"]["code"] == "truncated" and lines["cut.jpg"]["offset"] == (folder / "below" / "cut.jpg").stat().st_size
    assert "cut.jpg: truncated" in done.stderr and "6 done, 1 failed" in done.stderr and "1 other files" in done.stderr
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    extension = CODECS[codec]
    assert written == sorted([*(f"{i}{extension}" for i in range(4)), f"below/deep{extension}", f"below/alpha{extension}"])
    for name in written:
        stream = restride.CodeStream(out / name)
        assert (stream.codec_name, stream.width, stream.height) == (codec, 64, 48)


def test_what_a_target_can_hold_is_kept(folder, tmp_path):
    run("transcode", folder, tmp_path / "png", "-c", "png")
    deep = restride.imread(folder / "below" / "deep.png", allow_any_depth=True, color_spec=restride.UNCHANGED)
    alpha = restride.imread(folder / "below" / "alpha.png", color_spec=restride.UNCHANGED)
    keep = {"allow_any_depth": True, "color_spec": restride.UNCHANGED}
    assert (restride.imread(tmp_path / "png" / "below" / "deep.png", **keep) == deep).all() and deep.dtype == np.uint16
    assert (restride.imread(tmp_path / "png" / "below" / "alpha.png", **keep) == alpha).all() and alpha.shape[2] == 4
    run("transcode", folder, tmp_path / "jpg", "-c", "jpeg")  # neither alpha nor 16 bits
    assert restride.CodeStream(tmp_path / "jpg" / "below" / "deep.jpg").num_channels == 1
    run("transcode", folder, tmp_path / "8", "-c", "png", "--8bit", "--color", "rgb")
    stream = restride.CodeStream(tmp_path / "8" / "below" / "deep.png")
    assert (stream.dtype, stream.num_channels) == (np.uint8, 3)


def test_without_a_codec_each_keeps_its_own(folder, tmp_path):
    run("transcode", folder, tmp_path / "out", "--fit", "40x40")
    assert restride.CodeStream(tmp_path / "out" / "1.jpg").codec_name == "jpeg"
    assert restride.CodeStream(tmp_path / "out" / "1.jpg").width == 32
    assert not (tmp_path / "out" / "below" / "deep.png").exists()  # PNG cannot be halved, which the summary says


def test_one_file_and_its_options(folder, tmp_path):
    source, pixels = folder / "0.jpg", restride.imread(folder / "0.jpg")

    def result(name, *options):
        done = run("transcode", source, tmp_path / name, *options)
        assert done.returncode == 0, done.stderr
        return restride.CodeStream(tmp_path / name)

    result("a.png")
    assert (restride.imread(tmp_path / "a.png") == pixels).all()
    result("region.png", "--region", "10,5,20,30")
    assert (restride.imread(tmp_path / "region.png") == pixels[5:35, 10:30]).all()
    result("outside.png", "--region", "-4,-2,20,10", "--fill", "9")
    outside = restride.imread(tmp_path / "outside.png")
    assert (outside[:2] == 9).all() and (outside[:, :4] == 9).all() and (outside[2:, 4:] == pixels[:8, :16]).all()
    assert result("half.png", "--reduce", "1").width == 32
    assert result("tiles.jp2", "--lossless", "--tile", "32x16").num_tiles_y == 3
    assert (restride.imread(tmp_path / "tiles.jp2") == pixels).all()
    result("ht.jph", "--ht", "--lossless", "--resolutions", "3", "--block", "32x32", "--progression", "lrcp")
    assert (restride.imread(tmp_path / "ht.jph") == pixels).all()
    assert b"\xff\x50" in (tmp_path / "ht.jph").read_bytes()  # the CAP marker of HTJ2K
    assert result("bare.j2k").codec_name == "jpeg2k" and (tmp_path / "bare.j2k").read_bytes()[:4] == b"\xff\x4f\xff\x51"
    small, large = result("q10.jpg", "--quality", "10").size, result("q95.jpg", "-Q", "95").size
    assert small < large
    result("420.jpg", "--subsampling", "420", "--progressive", "--optimize")
    assert "4:2:0" in run("info", tmp_path / "420.jpg").stdout and b"\xff\xc2" in (tmp_path / "420.jpg").read_bytes()
    assert result("psnr.jp2", "--psnr", "30").size < result("ratio.jp2", "--size-ratio", "0.9").size
    assert result("step.jp2", "--ht", "--quantization-step", "0.05").width == 64
    assert result("mct.jp2", "--mct", "--quality", "60").width == 64
    assert result("0.png", "--level", "0").size > result("9.png", "--level", "9").size
    assert result("none.tiff", "--compression", "none").size > result("deflate.tiff", "--compression", "deflate").size
    assert result("gray.png", "--color", "gray").num_channels == 1
    assert result("named", "--codec", "webp", "--lossless").codec_name == "webp"
    assert (restride.imread(tmp_path / "named") == pixels).all()


def test_pages(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for i in range(3):
            writer.write(picture(shift=i), photometric="rgb")
    assert run("transcode", tmp_path / "a.tif", tmp_path / "a.png", "--page", 2).returncode == 0
    assert (restride.imread(tmp_path / "a.png") == picture(shift=2)).all()
    done = run("transcode", tmp_path / "a.tif", tmp_path / "b.png", "--page", 3)
    assert done.returncode == 1 and "out of range" in done.stderr and not (tmp_path / "b.png").exists()


def exif_of(path):
    (block,) = restride.Decoder().get_metadata(path, kind=restride.MetadataKind.EXIF)
    return block.buffer


def test_orientation_and_metadata(tmp_path):
    exif = restride.Metadata(restride.MetadataKind.EXIF, restride.MetadataFormat.RAW, EXIF_6)
    rgb = restride.Metadata(restride.MetadataKind.ICC_PROFILE, restride.MetadataFormat.RAW, bytes(16) + b"RGB " + bytes(108))
    source = tmp_path / "a.png"
    restride.imwrite(source, picture(), metadata=[exif, rgb])
    run("transcode", source, tmp_path / "up.jpg")
    assert (restride.CodeStream(tmp_path / "up.jpg").width, exif_of(tmp_path / "up.jpg")[18:20]) == (48, b"\1\0")
    run("transcode", source, tmp_path / "stored.png", "--ignore-orientation")
    assert (restride.CodeStream(tmp_path / "stored.png").width, exif_of(tmp_path / "stored.png")) == (64, EXIF_6)
    assert (restride.imread(tmp_path / "stored.png") == restride.imread(source)).all()
    (profile,) = restride.Decoder().get_metadata(tmp_path / "up.jpg", kind=restride.MetadataKind.ICC_PROFILE)
    assert profile.buffer == rgb.buffer
    done = run("transcode", source, tmp_path / "gray.jpg", "--color", "gray", "-v")
    assert "ICC profile not kept" in done.stderr
    assert not restride.Decoder().get_metadata(tmp_path / "gray.jpg", kind=restride.MetadataKind.ICC_PROFILE)
    run("transcode", source, tmp_path / "none.jpg", "--no-metadata")
    assert restride.Decoder().get_metadata(tmp_path / "none.jpg") == []
    assert "metadata not kept" in run("transcode", source, tmp_path / "a.bmp", "-v").stderr


def test_a_georeference_goes_from_tiff_to_tiff(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tags = [(33550, "d", 3, (1.0, 1.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 5.0, 6.0, 0.0), True)]
    tifffile.imwrite(tmp_path / "a.tif", picture(), photometric="rgb", extratags=tags)
    run("transcode", tmp_path / "a.tif", tmp_path / "b.tif", "--compression", "deflate")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].tags[33922].value == (0.0, 0.0, 0.0, 5.0, 6.0, 0.0)
    run("transcode", tmp_path / "a.tif", tmp_path / "c.tif", "--region", "8,8,16,16")  # it would be wrong there
    with tifffile.TiffFile(tmp_path / "c.tif") as file:
        assert 33922 not in file.pages[0].tags


def test_arrays_and_back(folder, tmp_path):
    assert run("decode", folder, tmp_path / "npy").returncode == 1
    deep = np.load(tmp_path / "npy" / "below" / "deep.npy")
    assert deep.dtype == np.uint16 and deep.shape == (48, 64)
    assert (np.load(tmp_path / "npy" / "1.npy") == restride.imread(folder / "1.jpg")).all()
    assert run("encode", tmp_path / "npy", tmp_path / "png", "-c", "png").returncode == 0
    assert (restride.imread(tmp_path / "png" / "1.png") == restride.imread(folder / "1.jpg")).all()
    for dtype in ("f4", "i2", "u4"):
        array = (np.arange(48 * 64, dtype=dtype).reshape(48, 64, 1) / np.dtype(dtype).type(1)).astype(dtype)
        np.save(tmp_path / "a.npy", array)
        assert run("encode", tmp_path / "a.npy", tmp_path / "a.tif").returncode == 0
        assert run("decode", tmp_path / "a.tif", tmp_path / "b.npy").returncode == 0
        assert (np.load(tmp_path / "b.npy") == array[..., 0]).all()


def test_raw_samples(folder, tmp_path):
    pixels = restride.imread(folder / "1.jpg")
    done = run("decode", folder / "1.jpg", "-", "--format", "raw", text=False)
    assert done.stdout == pixels.tobytes()
    done = run("encode", "-", "-", "--format", "raw", "--shape", "48x64x3", "-c", "png", input=done.stdout, text=False)
    assert (restride.imread(done.stdout) == pixels).all()
    (tmp_path / "a.raw").write_bytes(pixels.tobytes()[:-1])
    done = run("encode", tmp_path / "a.raw", tmp_path / "a.png", "--shape", "48x64x3")
    assert done.returncode == 1 and "truncated" in done.stderr
    assert run("encode", tmp_path / "a.raw", tmp_path / "a.png").returncode == 1


@pytest.mark.parametrize("header", [
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (4, 4), }", b"{'descr': '>u2', 'fortran_order': False, 'shape': (4, 4), }",
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967295, 4294967295, 65536), }", b"{'descr': '|u1'",
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", b"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 4), }",
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (4, 99999999999999999999), }", b"", b"{'shape': (", b"{'descr': "])  # fmt: skip
def test_bad_arrays_are_refused(header, tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(16))
    done = run("encode", tmp_path / "a.npy", tmp_path / "a.png")
    assert done.returncode == 1 and "failed: " in done.stderr and not (tmp_path / "a.png").exists()


def test_resume(folder, tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.jsonl"
    run("transcode", folder, out, "-c", "png")
    (out / "2.png").unlink()
    before = (out / "1.png").stat().st_mtime_ns
    os.utime(out / "3.png", (1, 1))  # older than its source
    run("transcode", folder, out, "-c", "png", "--resume", "--report", report)
    lines, summary = report_of(report)
    assert (summary["done"], summary["skipped"], summary["failed"]) == (2, 4, 1)
    assert lines["1.jpg"]["status"] == "skipped" and lines["3.jpg"]["status"] == "done"
    assert (out / "1.png").stat().st_mtime_ns == before and (out / "2.png").exists()


def test_targets_that_would_be_lost(folder, tmp_path):
    before = (folder / "1.jpg").read_bytes()
    done = run("transcode", folder, folder, "-c", "jpeg", "-Q", "1")
    assert done.returncode == 1 and "the target is the source itself" in done.stderr
    assert (folder / "1.jpg").read_bytes() == before
    restride.imwrite(folder / "1.png", picture())
    done = run("transcode", folder, tmp_path / "out", "-c", "webp")
    assert "1.png: invalid_argument: another source has the same target" in done.stderr
    # A target below its source is not taken for a source.
    run("transcode", folder, folder / "out", "-c", "webp")
    assert "12 done" not in run("transcode", folder, folder / "out", "-c", "webp").stderr
    assert not (folder / "out" / "out").exists()


def stop_after_some(process, out, count, sign):
    end = time.monotonic() + 60
    while len(list(out.glob("*.jp2"))) < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(sign)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_clean_and_resumed(sign, tmp_path):
    source, out, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.jsonl"
    source.mkdir()
    bytes_ = bytes(restride.Encoder().encode(picture(480, 640), "jpeg"))
    for i in range(200):
        (source / f"{i}.jpg").write_bytes(bytes_)
    command = [COMMAND, "transcode", source, out, "-c", "jpeg2k", "--lossless", "--report", report, "--batch", "4"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    stop_after_some(process, out, 4, sign)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + sign and "--resume goes on from here" in errors and "not reached" in errors
    lines, summary = report_of(report)
    written = list(out.iterdir())
    assert 4 <= len(written) == summary["done"] < 200 and summary["done"] + summary["not_reached"] == 200
    assert no_parts(out) and all(p.stat().st_size == written[0].stat().st_size for p in written)
    done = run(*command[1:], "--resume")
    assert done.returncode == 0 and len(list(out.iterdir())) == 200 and f"{len(written)} skipped" in done.stderr


def test_a_file_size_limit_fails_what_does_not_fit(folder, tmp_path):
    limit = 3000
    assert (folder / "0.jpg").stat().st_size < limit < 48 * 64 * 3
    out = tmp_path / "out"
    done = run("transcode", folder, out, "-c", "bmp", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1 and "File too large" in done.stderr
    assert no_parts(out) and all(p.stat().st_size <= limit for p in out.rglob("*") if p.is_file())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_stops_the_work(small_disk, tmp_path):
    source, report = tmp_path / "in", tmp_path / "report.jsonl"
    source.mkdir()
    for i in range(40):
        restride.imwrite(source / f"{i:02}.png", picture(shift=i))
    done = run("transcode", source, small_disk / "out", "-c", "bmp", "--report", report, "--batch", "4")
    assert done.returncode == 3 and "No space left" in done.stderr
    lines, summary = report_of(report)
    files = list((small_disk / "out").iterdir())
    assert 0 < summary["done"] == len(files) < 40 and summary["not_reached"] > 0
    assert no_parts(small_disk) and len({p.stat().st_size for p in files}) == 1
    for path in files:  # whole, each of them
        assert restride.imread(path).shape == (48, 64, 3)


def test_a_read_only_target(small_disk, folder, tmp_path):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run("transcode", folder, small_disk, "-c", "bmp")
    assert done.returncode == 3 and "Read-only file system" in done.stderr
    done = run("transcode", folder / "0.jpg", small_disk / "0.bmp")
    assert done.returncode == 3 and "Read-only file system" in done.stderr
    (tmp_path / "file").write_text("")
    assert run("transcode", folder, tmp_path / "file" / "below", "-c", "bmp").returncode == 3
    assert run("transcode", folder, tmp_path / "file", "-c", "bmp").returncode == 3
    assert run("transcode", folder, tmp_path / "out", "-c", "bmp", "--report", small_disk / "r").returncode == 3


def test_memory_is_bounded_and_said(folder, tmp_path):
    restride.imwrite(folder / "large.png", np.zeros((700, 700, 3), np.uint8))
    done = run("transcode", folder, tmp_path / "out", "-c", "png", "--max-memory", "1M")
    assert done.returncode == 1 and "large.png: limit_exceeded" in done.stderr and "more than max_memory = 1048576" in done.stderr
    assert (tmp_path / "out" / "0.png").exists()


# A small process that starts the command: the peak memory of a child counts what its parent had when it started it.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_memory(*arguments):
    command = [sys.executable, "-S", "-c", MEASURE, COMMAND, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    few, many = tmp_path / "few", tmp_path / "many"
    bytes_ = bytes(restride.Encoder().encode(picture(480, 640), "jpeg"))
    for folder, count in ((few, 64), (many, 512)):
        folder.mkdir()
        for i in range(count):
            (folder / f"{i}.jpg").write_bytes(bytes_)
    peaks = [peak_memory("transcode", "-q", f, tmp_path / "out", "-c", "jpeg", "--batch", "16") for f in (few, many)]
    assert peaks[1] < peaks[0] + 4 * 2**20, peaks


def test_large_pictures_are_done_one_at_a_time(tmp_path):
    few, many = tmp_path / "few", tmp_path / "many"
    for folder, count in ((few, 1), (many, 8)):
        folder.mkdir()
        for i in range(count):
            restride.imwrite(folder / f"{i}.bmp", np.full((1500, 1500, 3), i, np.uint8))
    peaks = [peak_memory("transcode", "-q", f, tmp_path / f"{f.name}-out", "-c", "bmp", "--max-memory", "8M") for f in (few, many)]
    assert len(list((tmp_path / "many-out").iterdir())) == 8
    # Pixels of one; and each of two lanes holds the file that it works on and the next one, not all eight.
    assert peaks[1] < peaks[0] + 4 * 1500 * 1500 * 3, peaks


def test_progress_on_a_terminal(folder, tmp_path):
    for i in range(400):
        (folder / f"more{i}.jpg").write_bytes((folder / "0.jpg").read_bytes())
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen([COMMAND, "transcode", folder, tmp_path / "out", "-c", "jpeg2k", "--batch", "8"], stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while block := os.read(leader, 4096):
            shown += block
    except OSError:  # the terminal is gone with the process
        pass
    os.close(leader)
    assert process.wait(timeout=60) == 1
    bars = re.findall(rb"\r\x1b\[K\[([#.]+)\] (\d+)/407  \d+%  [\d.]+ images/s  [\d.]+ .?B/s(  \d+:\d\d left)?", shown)
    assert bars and all(len(line) <= 100 for line in re.split(rb"[\r\n]|\x1b\[K", shown) if line.startswith(b"["))
    assert b"406 done, 1 failed in" in shown


def test_no_escape_codes_elsewhere(folder, tmp_path):
    done = run("transcode", folder, tmp_path / "out", "-c", "png")
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    quiet = run("transcode", folder, tmp_path / "out", "-c", "png", "-q")
    assert len(quiet.stderr.splitlines()) == 1 and "cut.jpg" in quiet.stderr


@pytest.mark.parametrize("arguments", [
    ("transcode", "a.png"), ("transcode", "a.png", "b.unknown"), ("transcode", "a", "b", "-c", "gif"), ("frobnicate",), (),
    ("transcode", "a.png", "b.png", "--quality", "101"), ("transcode", "a.png", "b.png", "--quality", "5", "--lossless"),
    ("transcode", "a.png", "b.png", "--tile", "0x5"), ("transcode", "a.png", "b.png", "--region", "1,2,3"),
    ("transcode", "a.png", "b.png", "--max-memory", "much"), ("transcode", "a.png", "b.png", "--device", "-3"),
    ("encode", "a.npy", "out/"), ("info",), ("completion", "tcsh"), ("transcode", "a.png", "")])  # fmt: skip
def test_a_wrong_command_line(arguments, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr and not list(tmp_path.iterdir())


def test_a_device_that_is_not_there(folder, tmp_path):
    done = run("transcode", folder / "0.jpg", tmp_path / "a.png", "--device", "77")
    assert done.returncode == 3 and "77" in done.stderr
    assert run("transcode", folder / "0.jpg", tmp_path / "a.png", "--device", "cpu", "--threads", "1", "--backends", "cpu").returncode == 0


def test_bench(folder):
    done = run("bench", folder / "0.jpg", "--seconds", "0.05", "--batch", "2", "--encode", "--codec", "png", "--json")
    (one,) = json.loads(done.stdout)
    assert done.returncode == 0 and one["codec"] == "png"
    assert one["decode"]["median_ms"] >= one["decode"]["best_ms"] > 0 and one["encode"]["calls"] >= 1
    done = run("bench", folder / "below" / "cut.jpg", folder / "1.jpg", "--seconds", "0.01", "--warmup", "0")
    assert done.returncode == 1 and "MPixel/s" in done.stdout and "truncated" in done.stderr


def test_codecs_and_doctor():
    formats = {f["format"]: f for f in json.loads(run("codecs", "--json").stdout)}
    assert sorted(formats) == sorted(CODECS) and all(f["decoders"] and f["encoders"] for f in formats.values())
    assert formats["jpeg"]["extensions"][0] == ".jpg" and not formats["bmp"]["metadata"]
    text = run("codecs").stdout
    assert all(name in text for name in CODECS)
    found = json.loads(run("doctor", "--json").stdout)
    assert found["version"] == restride.__version__ and found["cpu"]["cpus"] >= 1
    assert found["gpu"]["devices"] == restride.device_count()
    assert all(name in run("doctor").stdout for name in ("CPU", "GPU", "driver", "jpeg2k"))


def flags_of(command):
    """What --help lists: the names before the description, -q,--quiet."""
    lines = re.findall(r"^ +((?:-\w,)?--?[\w-]+)\b", run(command, "--help").stdout, re.M)
    return {flag for line in lines for flag in line.split(",")}


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_and_completion_know_every_option(command):
    flags = flags_of(command)
    assert {"-h", "--help"} <= flags and (command != "transcode" or len(flags) > 30)
    section = re.search(rf"\.SS {command}\n(.*?)(?=\.SS|\.SH)", run("man").stdout, re.S)[1].replace("\\-", "-")
    assert flags == set(re.findall(r"\\fB(-[\w-]+)\\fR", section))
    bash, zsh, fish = (run("completion", shell).stdout for shell in ("bash", "zsh", "fish"))
    assert flags == set(re.search(rf"^    {command}\)\n      flags='(.*)'", bash, re.M)[1].split())
    assert flags == set(re.findall(r"\)(-[\w-]+)\[", re.search(rf"^    {command}\)\n(.*?);;", zsh, re.M | re.S)[1]))
    lines = "".join(line for line in fish.splitlines(True) if f"from {command}'" in line)
    assert flags == {f"-{s}" for s in re.findall(r" -s (\w)", lines)} | {f"--{name}" for name in re.findall(r" -l ([\w-]+)", lines)}


def test_bash_completes(tmp_path):
    (tmp_path / "script").write_text(run("completion", "bash").stdout)

    def complete(*words):
        line = f'. ./script; COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _restride; echo "${{COMPREPLY[@]}}"'
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=True).stdout.split()

    assert complete("restride", "trans") == ["transcode"]
    assert complete("restride", "transcode", "--subs") == ["--subsampling"]
    assert complete("restride", "transcode", "--codec", "web") == ["webp"]
    assert complete("restride", "completion", "f") == ["fish"]
    assert complete("restride", "info", "scr") == ["script"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_script(shell, tmp_path):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not there")
    (tmp_path / "script").write_text(run("completion", shell).stdout)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)
    if shell == "fish":
        done = subprocess.run(["fish", "-c", "source script; complete -C 'restride transcode --codec we'"], capture_output=True,
                              text=True, cwd=tmp_path, check=True)  # fmt: skip
        assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["webp"]


def test_the_manual_page_is_sound():
    groff = shutil.which("groff")
    if not groff:
        pytest.skip("groff is not there")
    done = subprocess.run([groff, "-man", "-ww", "-z"], input=run("man").stdout, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_python_m_restride_is_the_same_command(folder):
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(restride.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-m", "restride", "info", folder / "0.jpg"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, run("info", folder / "0.jpg").stdout)
    assert subprocess.run([sys.executable, "-m", "restride", "info", "absent"], capture_output=True, env=environment).returncode == 1


def test_version_is_one():
    assert run("--version").stdout == f"restride {restride.__version__}\n"
