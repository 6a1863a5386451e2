# SPDX-License-Identifier: Apache-2.0
"""restride.ray on a real Ray: two nodes on this machine, and a worker that is killed half-way."""

import os
import pathlib
import signal
import threading
import time

import numpy as np
import pytest

import restride

ray = pytest.importorskip("ray", reason="Ray is not installed: restride.ray is not tested")
pytest.importorskip("pyarrow", reason="Ray Data is not installed: restride.ray is not tested")

pytestmark = pytest.mark.filterwarnings("ignore")
COUNT = 2000
STORE = 100 << 20


@pytest.fixture(scope="module")
def cluster():
    os.environ["PYTHONPATH"] = str(pathlib.Path(restride.__file__).resolve().parents[1])
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": STORE})
    nodes.add_node(num_cpus=2, object_store_memory=STORE)
    ray.init(address=nodes.address, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Small PNG files in ten folders, each of other pixels."""
    root = tmp_path_factory.mktemp("pictures")
    names, arrays = [], []
    for i in range(COUNT):
        place = root / f"{i % 10}"
        place.mkdir(exist_ok=True)
        names.append(place / f"{i:05d}.png")
        arrays.append(content(i))
    restride.Encoder().write(names, arrays, on_error="raise")
    return root


def content(i):
    pixels = np.empty((48 + i % 7, 64, 3), np.uint8)
    pixels[:] = (np.arange(64)[:, None] * 3 + np.array([i % 251, i // 251, 7])) % 256
    return pixels


def workers(name):
    import psutil

    return [p for p in psutil.Process().children(recursive=True) if any(name in part for part in p.cmdline())]


def test_the_cluster_has_two_nodes(cluster):
    from restride import ray as rr

    assert len([n for n in ray.nodes() if n["Alive"]]) == 2 and rr.Report().written == 0


def test_every_picture_is_written_once_though_a_worker_is_killed(cluster, pictures, tmp_path):
    from restride.ray import transcode

    target, reports, failures = tmp_path / "out", [], []

    def job():
        try:
            params = restride.EncodeParams(tiff_compression="lzw")
            reports.append(transcode(pictures, target, "tiff", params=params, batch_size=20, concurrency=3))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    thread = threading.Thread(target=job)
    thread.start()
    killed, seen = None, 0
    while thread.is_alive() and killed is None:
        seen = sum(1 for _ in target.rglob("*.tif"))
        if seen >= COUNT // 2:
            killed = workers("_Transcode")[0]
            killed.send_signal(signal.SIGKILL)
        time.sleep(0.02)
    thread.join()
    assert not failures, failures
    assert killed is not None and COUNT // 2 <= seen < COUNT, "the job was over before anything could be killed"
    print(f"killed {killed.pid} with {seen} of {COUNT} files there; {reports[0].seconds:.1f} s in all")
    assert (reports[0].written, reports[0].skipped, reports[0].failed) == (COUNT, 0, [])
    files = sorted(p.relative_to(target) for p in target.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(pictures).with_suffix(".tif") for p in pictures.rglob("*.png"))
    decoder = restride.Decoder()
    for path in files:
        assert (np.asarray(decoder.decode(target / path, on_error="raise")) == content(int(path.stem))).all(), path
    again = transcode(pictures, target, "tiff")
    assert (again.written, again.skipped) == (0, COUNT)


def test_failures_are_listed_and_stop_nothing(cluster, tmp_path):
    from restride.ray import transcode

    source = tmp_path / "in"
    source.mkdir()
    for i in range(4):
        restride.imwrite(source / f"{i}.png", content(i))
    (source / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    report = transcode(source, tmp_path / "out", "bmp", concurrency=1)
    assert report.written == 4 and [pathlib.Path(p).name for p, _ in report.failed] == ["bad.png"] and report.failed[0][1]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"{i}.bmp" for i in range(4)]
    (source / "0.bmp").write_bytes((tmp_path / "out" / "0.bmp").read_bytes())
    with pytest.raises(restride.InvalidArgumentError, match="both become"):
        transcode(source, tmp_path / "other", "bmp")


def test_metadata_and_depth_are_kept(cluster, tmp_path):
    from PIL import Image

    from restride.ray import transcode

    source = tmp_path / "in"
    source.mkdir()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    Image.fromarray(content(1)).save(source / "a.jpg", exif=exif, quality=95)
    deep = (np.arange(64 * 48).reshape(48, 64) * 21).astype(np.uint16)
    restride.imwrite(source / "b.png", deep)
    report = transcode(source, tmp_path / "out", "png", concurrency=1)
    assert report.written == 2, report
    assert (restride.imread(tmp_path / "out" / "b.png", allow_any_depth=True, color_spec=restride.UNCHANGED)[..., 0] == deep).all()
    with Image.open(tmp_path / "out" / "a.png") as copy, Image.open(source / "a.jpg") as first:
        assert copy.getexif()[0x010F] == "maker" and copy.getexif()[0x0112] == 1 and copy.size == first.size[::-1]


def test_read_images_of_different_sizes(cluster, pictures):
    from restride.ray import read_images

    rows = read_images(sorted(pictures.rglob("*.png"))[:90], batch_size=16, concurrency=2).take_all()
    assert len(rows) == 90
    for row in rows:
        assert (row["image"] == content(int(pathlib.Path(row["path"]).stem))).all()


def test_read_images_from_bytes_of_one_size(cluster, tmp_path):
    from restride.ray import read_images

    for i in range(0, 70, 7):
        restride.imwrite(tmp_path / f"{i}.png", content(i))
    source = ray.data.read_binary_files(str(tmp_path), include_paths=True)
    rows = read_images(source, concurrency=1).take_all()
    assert len(rows) == 10 and all((r["image"] == content(int(pathlib.Path(r["path"]).stem))).all() for r in rows)


def test_errors_while_reading(cluster, tmp_path):
    from restride.ray import read_images

    restride.imwrite(tmp_path / "a.png", content(0))
    (tmp_path / "b.png").write_bytes(b"nothing")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    assert len(read_images(paths, on_error="skip", concurrency=1).take_all()) == 1
    kept = {pathlib.Path(r["path"]).name: r for r in read_images(paths, on_error="keep", concurrency=1).take_all()}
    assert kept["a.png"]["error"] == "" and kept["b.png"]["error"] and kept["b.png"]["image"].size == 0
    with pytest.raises(Exception, match="b.png"):
        read_images(paths, concurrency=1).take_all()


def test_fixed_size(cluster, pictures):
    pytest.importorskip("torch", reason="PyTorch is not installed: size= is not tested")
    from restride.ray import read_images

    rows = read_images(sorted(pictures.rglob("*.png"))[:20], size=(24, 32), concurrency=1).take_all()
    assert all(row["image"].shape == (3, 24, 32) for row in rows)


def test_blocks_are_the_decoders_memory(monkeypatch):
    """The Arrow column lies where the pictures were decoded, and the memory is used again when it is gone, not before."""
    from ray.data.block import BlockAccessor

    from restride import ray as rr

    actor = rr._Read(3, 0, None, "raise", 1, False)
    blobs = [bytes(restride.Encoder().encode(content(i), "png")) for i in range(5)]
    batch = {"path": np.array(list("abcde"), object), "bytes": np.array(blobs, object)}

    def block(batch):
        (out,) = actor(batch)
        return BlockAccessor.batch_to_block(out)

    table = block(batch)
    (memory, _), = actor._arena._blocks
    low, high = memory.ctypes.data, memory.ctypes.data + memory.size
    buffers = [b for b in table.column("image").chunk(0).storage.field("data").values.buffers() if b is not None]
    assert any(low <= b.address < high for b in buffers), "pixels were copied"
    block(batch)  # the first block is still alive
    assert len(actor._arena._blocks) == 2
    same = {k: v[:1] for k, v in batch.items()}
    del table, buffers
    kept = block(same)
    assert len(actor._arena._blocks) == 2 and kept.num_rows == 1


def test_blocks_are_bounded(monkeypatch):
    from restride import ray as rr

    monkeypatch.setattr(rr, "_PARTS", 3 * 50 * 64 * 3)
    actor = rr._Read(3, 0, None, "raise", 1, False)
    blobs = [bytes(restride.Encoder().encode(content(i), "png")) for i in range(10)]
    parts = list(actor({"path": np.array([str(i) for i in range(10)], object), "bytes": np.array(blobs, object)}))
    assert len(parts) >= 4 and sum(len(p["path"]) for p in parts) == 10
    assert all((image == content(int(path))).all() for p in parts for path, image in zip(p["path"], p["image"]))


def test_the_store_is_not_flooded(cluster, tmp_path):
    """400 MB of pixels through stores of 100 MB each, by a consumer that is slower than the decoders."""
    from restride.ray import read_images

    restride.imwrite(tmp_path / "a.png", np.zeros((1000, 1000, 3), np.uint8))
    paths = [tmp_path / "a.png"] * 140
    before = spilled()
    total = 0
    for batch in read_images(paths, batch_size=4, concurrency=2, max_store_bytes=60 << 20).iter_batches(batch_size=4, prefetch_batches=0):
        total += sum(image.nbytes for image in batch["image"])
        time.sleep(0.05)
    assert total == 140 * 3_000_000
    assert spilled() - before < total // 4


def spilled():
    from ray._private.internal_api import memory_summary

    text = memory_summary(stats_only=True)
    for line in text.splitlines():
        if line.startswith("Spilled"):
            return int(line.split()[1]) << 20
    return 0


def test_the_example_runs(cluster, monkeypatch, capsys):
    import runpy
    import sys

    example = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python" / "ray_transcode.py"
    monkeypatch.setattr(sys, "argv", [str(example), "--images", "60"])
    runpy.run_path(str(example), run_name="__main__")
    assert "60 written" in capsys.readouterr().out
