# SPDX-License-Identifier: Apache-2.0
"""restride.torch: sources, batches, workers, errors; pixels against torch's own resize of what the decoder gives."""

import io
import pickle
import sys
import tarfile

import numpy as np
import pytest

import restride

torch = pytest.importorskip("torch", reason="PyTorch is not installed: restride.torch is not tested")
rt = pytest.importorskip("restride.torch")
from torch.utils.data import DataLoader  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default::restride.CodecWarning", "ignore::DeprecationWarning", "ignore:.*pin_memory.*:UserWarning")
SIZE = 32


def picture(number, height=SIZE, width=SIZE):
    """A ramp that depends on the number, so that pictures can be told apart."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(y * 3 + number * 40) % 256, (x * 2) % 256, np.full_like(y, number * 17 % 256)], 2).astype(np.uint8)


def encode(pixels, codec="png", **keywords):
    return bytes(restride.Encoder().encode(pixels, codec, params=restride.EncodeParams(**keywords) if keywords else None))


@pytest.fixture
def folder(tmp_path):
    for i in range(12):
        place = tmp_path / f"class{i % 3}"
        place.mkdir(exist_ok=True)
        (place / f"{i:02d}.{'jpg' if i % 2 else 'png'}").write_bytes(encode(picture(i, 40 + i, 60), "jpeg" if i % 2 else "png"))
    return tmp_path


def shard(path, numbers, with_class=True):
    with tarfile.open(path, "w") as tar:
        for i in numbers:
            members = [(f"s/{i:04d}.png", encode(picture(i)))] + [(f"s/{i:04d}.cls", b"%d" % (i % 5))] * with_class
            for name, data in [*members, (f"s/{i:04d}.json", b"{}")]:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return path


def expected(data, size, fit="stretch"):
    pixels = np.asarray(restride.Decoder().decode(data, on_error="raise"))
    height, width = pixels.shape[:2]
    if fit == "crop":
        h, w = min(height, round(width * size[0] / size[1])), min(width, round(height * size[1] / size[0]))
        pixels = pixels[(height - h) // 2 :, (width - w) // 2 :][:h, :w]
    planes = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(planes, size, mode="bilinear", antialias=True)[0]


def test_a_picture_of_the_target_size_is_exact():
    data = rt.ImageDataset([encode(picture(i)) for i in range(3)], SIZE)
    assert len(data) == 3
    for i in range(3):
        assert (data[i].numpy() == picture(i).transpose(2, 0, 1)).all()
    assert (data[-1] == data[2]).all()
    with pytest.raises(IndexError):
        data[3]


@pytest.mark.parametrize("fit", ["stretch", "crop"])
@pytest.mark.parametrize("codec", ["png", "jpeg"])
def test_resize_is_torchs_own_of_the_decoded_picture(fit, codec):
    data = encode(picture(1, 90, 131), codec)
    got = rt.ImageDataset([data], (24, 40), fit=fit, reduce=False)[0]
    assert (got == expected(data, (24, 40), fit)).all()


def test_reduction_on_decode_is_used_and_near():
    y, x = np.mgrid[0:256, 0:256] / 20
    pixels = np.stack([128 + 100 * np.sin(x + y), 128 + 100 * np.cos(x), 128 + 100 * np.sin(y)], 2).astype(np.uint8)
    data = encode(pixels, "jpeg")
    exact = expected(data, (SIZE, SIZE)).float()
    dataset = rt.ImageDataset([data], SIZE)
    jobs, _ = dataset._tools()._plan(dataset.samples, [0], [0])
    assert jobs[0].reduce == 3 and (jobs[0].height, jobs[0].width) == (SIZE, SIZE)
    assert (dataset[0].float() - exact).abs().mean() < 2


def test_one_channel():
    data = encode(picture(3))
    got = rt.ImageDataset([data, encode(picture(3, 50, 50))], SIZE, channels=1)
    gray = np.asarray(restride.Decoder().decode(data, params=restride.DecodeParams(color_spec=restride.GRAY, sample_format=restride.I_Y)))
    assert got[0].shape == (1, SIZE, SIZE) and (got[0].numpy()[0] == gray[..., 0]).all() and got[1].shape == (1, SIZE, SIZE)


def test_exif_orientation_is_applied_before_the_window():
    from PIL import Image

    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(1, 40, 80)).save(out, "PNG", exif=exif)
    got = rt.ImageDataset([out.getvalue()], (80, 40), fit="stretch")[0]
    assert (got.numpy().transpose(1, 2, 0) == np.rot90(picture(1, 40, 80), -1)).all()


def test_random_windows_depend_on_seed_epoch_and_picture_alone():
    data = rt.ImageDataset([encode(picture(i, 100, 120)) for i in range(4)], SIZE, fit="random", seed=5)
    first = [data[i].clone() for i in range(4)]
    assert all((data.__getitems__([3, 1]).images[k] == first[i]).all() for k, i in enumerate((3, 1)))
    data.set_epoch(1)
    assert any((data[i] != first[i]).any() for i in range(4))


def test_a_window_of_ones_own_and_a_wrong_one():
    data = encode(picture(2, 60, 60))
    got = rt.ImageDataset([data], SIZE, fit=lambda h, w, rng: (5, 6, 5 + SIZE, 6 + SIZE))[0]
    assert (got.numpy() == picture(2, 60, 60)[5 : 5 + SIZE, 6 : 6 + SIZE].transpose(2, 0, 1)).all()
    with pytest.raises(restride.InvalidArgumentError, match="window"):
        rt.ImageDataset([data], SIZE, fit=lambda h, w, rng: (0, 0, h + 1, w))[0]


def test_folder_classes_and_loader_over_all(folder):
    data = rt.ImageDataset(folder, SIZE)
    assert data.samples.classes == ["class0", "class1", "class2"] and len(data) == 12
    seen = []
    for batch in DataLoader(data, batch_size=5, shuffle=True, collate_fn=rt.collate):
        assert batch.images.dtype == torch.uint8 and batch.images.shape[1:] == (3, SIZE, SIZE) and batch.valid.all() and not batch.errors
        for index, label in zip(batch.indices.tolist(), batch.labels.tolist()):
            assert f"class{label}" in data.samples.names[index]
        seen += batch.indices.tolist()
    assert sorted(seen) == list(range(12))


def test_folders_that_make_no_sense(tmp_path):
    with pytest.raises(restride.NotFoundError):
        rt.folder(tmp_path / "none")
    with pytest.raises(restride.NotFoundError, match="no picture"):
        rt.folder(tmp_path)
    (tmp_path / "a").mkdir()
    for place in (tmp_path / "a" / "x.png", tmp_path / "y.png"):
        place.write_bytes(encode(picture(0)))
    with pytest.raises(restride.InvalidArgumentError, match="without a class"):
        rt.folder(tmp_path)


def test_shards_are_read_in_place(tmp_path):
    paths = [shard(tmp_path / "a.tar", range(4)), shard(tmp_path / "b.tar", range(4, 9))]
    data = rt.ImageDataset(paths, SIZE)
    assert len(data) == 9 and list(data.samples.labels) == [i % 5 for i in range(9)]
    assert isinstance(data.samples.source(5), memoryview)
    for i in (0, 8, 4):
        image, label = data[i]
        assert label == i % 5 and (image.numpy() == picture(i).transpose(2, 0, 1)).all()


def test_shards_that_are_wrong(tmp_path):
    path = shard(tmp_path / "a.tar", range(3), with_class=False)
    with pytest.raises(restride.InvalidArgumentError, match="3 pictures have no .cls"):
        rt.shards(path)
    assert len(rt.shards(path, label=None)) == 3
    whole = path.read_bytes()
    path.write_bytes(whole[:3000])
    with pytest.raises(restride.IoError, match="not a shard"):
        rt.shards(path, label=None)
    path.write_bytes(whole)
    samples = rt.shards(path, label=None)
    path.write_bytes(whole[:1024])
    with pytest.raises(restride.IoError, match="shorter"):
        rt.ImageDataset(samples, SIZE)[2]
    with pytest.raises(restride.NotFoundError):
        rt.shards(tmp_path / "none.tar")


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["map", "iterable"])
def test_workers(tmp_path, method, kind):
    path = shard(tmp_path / "a.tar", range(20))
    if kind == "map":
        data = rt.ImageDataset(path, SIZE)
        data[0]  # the parent has a pipeline, which a fork must not use
        loader = DataLoader(data, batch_size=3, num_workers=2, collate_fn=rt.collate, multiprocessing_context=method)
    else:
        data = rt.IterableImageDataset(path, SIZE, batch_size=3, shuffle=True)
        next(iter(data))
        loader = DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context=method)
    assert len(loader) == 7
    seen = []
    for batch in loader:
        for image, index, label in zip(batch.images, batch.indices.tolist(), batch.labels.tolist()):
            assert label == index % 5 and (image.numpy() == picture(index).transpose(2, 0, 1)).all()
            seen.append(index)
    assert sorted(seen) == list(range(20))


def test_workers_that_persist_see_the_epoch():
    data = rt.IterableImageDataset([encode(picture(i)) for i in range(16)], SIZE, batch_size=4, shuffle=True)
    loader = DataLoader(data, batch_size=None, num_workers=1, persistent_workers=True, multiprocessing_context="fork")
    orders = []
    for epoch in range(2):
        data.set_epoch(epoch)
        orders.append([i for batch in loader for i in batch.indices.tolist()])
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]) == list(range(16))


def test_ranks_share_an_epoch():
    blobs = [encode(picture(i)) for i in range(11)]
    parts = [rt.IterableImageDataset(blobs, SIZE, batch_size=2, shuffle=True, shard=(r, 2)) for r in range(2)]
    seen = [[i for batch in part for i in batch.indices.tolist()] for part in parts]
    assert len(seen[0]) == len(seen[1]) == 5 and not set(seen[0]) & set(seen[1])
    assert len(parts[0]) == 3 and len(rt.IterableImageDataset(blobs, SIZE, batch_size=2, drop_last=True)) == 5


BAD = b"\xff\xd8\xff no picture"


def mixed():
    return [encode(picture(0)), BAD, encode(picture(2, 50, 70)), encode(picture(3, 50, 70), "jpeg")[:-300]]


def test_errors_raise_with_the_name(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(BAD)
    data = rt.ImageDataset([tmp_path / "bad.jpg"], SIZE)
    for call in (lambda: data[0], lambda: data.__getitems__([0])):
        with pytest.raises(restride.Error, match="bad.jpg"):
            call()
    with pytest.raises(restride.Error, match="none.jpg"):
        rt.ImageDataset([tmp_path / "none.jpg"], SIZE)[0]
    with pytest.raises(restride.Error, match="bad.jpg"):
        list(DataLoader(data, batch_size=1, num_workers=1, collate_fn=rt.collate, multiprocessing_context="fork"))


def test_errors_skip():
    with pytest.warns(restride.CodecWarning, match="#1"):
        batch = rt.ImageDataset(mixed(), SIZE, on_error="skip").__getitems__([0, 1, 2, 3])
    assert batch.indices.tolist() == [0, 2] and len(batch.images) == 2 and batch.valid.tolist() == [True, True]
    assert [(i, name) for i, name, _ in batch.errors] == [(1, "#1"), (3, "#3")]
    assert (batch.images[0].numpy() == picture(0).transpose(2, 0, 1)).all()
    with pytest.warns(restride.CodecWarning), pytest.raises(RuntimeError, match="#1"):
        rt.ImageDataset(mixed(), SIZE, on_error="skip")[1]


def test_errors_mask():
    with pytest.warns(restride.CodecWarning):
        (batch,) = rt.IterableImageDataset(mixed(), SIZE, batch_size=4, on_error="mask")
    assert batch.valid.tolist() == [True, False, True, False] and len(batch.errors) == 2
    assert not batch.images[1].any() and not batch.images[3].any() and batch.images[2].any()


def test_buffers_are_used_again_but_never_under_the_program():
    data = rt.IterableImageDataset([encode(picture(i)) for i in range(24)], SIZE, batch_size=2)
    places = set()
    for batch in data:
        places.add(batch.images.data_ptr())
        del batch
    assert len(places) <= 5  # prefetched, in work, in hand
    kept = list(data)
    assert len({b.images.data_ptr() for b in kept}) == 12
    for batch in kept:
        for image, index in zip(batch.images, batch.indices.tolist()):
            assert (image.numpy() == picture(index).transpose(2, 0, 1)).all()
    part = kept[0].images[1]  # a view keeps the whole
    del kept, batch, image
    list(data)
    assert (part.numpy() == picture(1).transpose(2, 0, 1)).all()


def test_leaving_an_epoch_early_stops_the_thread():
    import threading

    data = rt.IterableImageDataset([encode(picture(i)) for i in range(24)], SIZE, batch_size=1)
    for _ in data:
        break
    assert not [t for t in threading.enumerate() if t.name.startswith("restride-batches")]


def test_a_data_set_can_be_pickled(tmp_path):
    data = rt.ImageDataset(shard(tmp_path / "a.tar", range(3)), SIZE)
    before = data[1][0]
    assert (pickle.loads(pickle.dumps(data))[1][0] == before).all()


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 0.51), (torch.float16, 1)])
def test_the_devices_resize_is_the_hosts(dtype, tolerance):
    """The batched products that a GPU runs, here on the CPU, with rubbish in the padding."""
    rng = np.random.default_rng(1)
    sizes = [(40, 61), (33, 200), (100, 32), (17, 20), (32, 32)]
    staging = torch.from_numpy(rng.integers(0, 255, (len(sizes), 112, 208, 3), dtype=np.uint8))
    got = rt.resample(staging, torch.tensor(sizes, dtype=torch.float32), (32, 24), dtype)
    for i, (h, w) in enumerate(sizes):
        one = staging[i, :h, :w].permute(2, 0, 1)[None].float()
        want = torch.nn.functional.interpolate(one, (32, 24), mode="bilinear", antialias=True)[0]
        assert (got[i].float() - want).abs().max() <= tolerance


def test_the_devices_route_gives_the_hosts_batch(monkeypatch):
    blobs = [encode(picture(i, 30 + 7 * i, 90 - 5 * i), "jpeg" if i % 2 else "png") for i in range(8)] + [BAD, encode(picture(9))]
    tools = rt.ImageDataset(blobs, SIZE)._tools()
    samples, numbers = rt.blobs(blobs), range(len(blobs))
    host, device = (torch.zeros((len(blobs), 3, SIZE, SIZE), dtype=torch.uint8) for _ in range(2))
    errors = tools.fill(samples, numbers, host, numbers)
    monkeypatch.setattr(rt, "_STAGING_BYTES", 3 * 96 * 96 * 3)  # several rounds
    monkeypatch.setattr(tools, "_on_host", tools._on_device)
    assert set(tools.fill(samples, numbers, device, numbers)) == set(errors) == {8}
    assert (host.int() - device.int()).abs().max() <= 1


def test_a_device_is_refused_in_a_worker():
    data = rt.ImageDataset([encode(picture(0))], SIZE, device="meta")
    with pytest.raises(restride.DeviceError, match="num_workers=0"):
        list(DataLoader(data, batch_size=1, num_workers=1, collate_fn=rt.collate, multiprocessing_context="fork"))


def test_arguments():
    for keywords in ({"size": 0}, {"size": 8, "channels": 2}, {"size": 8, "on_error": "x"}, {"size": 8, "fit": "x"}):
        with pytest.raises(restride.InvalidArgumentError):
            rt.ImageDataset([], **keywords)
    with pytest.raises(restride.InvalidArgumentError):
        rt.IterableImageDataset([], 8, batch_size=0)
    with pytest.raises(restride.InvalidArgumentError):
        rt.files(["a"], [1, 2])
    with pytest.raises(TypeError):
        rt.collate([1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: decoding into device tensors is not tested")
def test_on_a_gpu():
    blobs = [encode(picture(i, 300 + 7 * i, 500), "jpeg" if i % 2 else "png") for i in range(40)]
    blobs += [encode(picture(i, 224, 224)) for i in range(3)]
    host = [b.images.clone() for b in rt.IterableImageDataset(blobs, 224, batch_size=16)]
    for batch, want in zip(rt.IterableImageDataset(blobs, 224, batch_size=16, device="cuda"), host):
        assert batch.images.is_cuda and (batch.images.cpu().int() - want.int()).abs().max() <= 1


def test_the_example_learns(monkeypatch, capsys):
    import pathlib
    import runpy

    example = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python" / "train_imagefolder.py"
    monkeypatch.setattr(sys, "argv", [str(example), "--epochs", "3", "--workers", "0"])
    runpy.run_path(str(example), run_name="__main__")
    accuracy = float(capsys.readouterr().out.rsplit("accuracy", 1)[1].split(",")[0])
    assert accuracy > 0.8  # chance: 0.33
