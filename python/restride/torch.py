# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="import-not-found,misc,no-any-return,no-untyped-call,type-arg"
"""PyTorch data sets that decode in batches, straight into (N, C, H, W) uint8 tensors of one size.

    loader = DataLoader(ImageDataset("photos", 224), batch_size=64, shuffle=True, num_workers=4, collate_fn=collate)
    loader = DataLoader(IterableImageDataset("shard-000.tar", 224, batch_size=64, shuffle=True), batch_size=None)
    loader = IterableImageDataset("photos", 224, batch_size=256, device="cuda")

A picture becomes a fixed size in two steps. While it is decoded it is halved (JPEG, JPEG 2000) as often as it stays at least
as large as the target, and only the window that ``fit`` asks for is decoded. What is left is one antialiased bilinear
resize. Pictures that have the target's size already are decoded into the batch itself.
"""

from __future__ import annotations

import concurrent.futures
import os
import random
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import interpolate
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from ._code_stream import CodeStream
from ._codecs import Decoder
from ._enums import BackendKind, ColorSpec, SampleFormat
from ._errors import CodecWarning, DeviceError, Error, InvalidArgumentError
from ._image import Image, _wrap
from ._params import DecodeParams, Region
from ._sources import Samples, blobs, files, folder, samples_of, shards

__all__ = ["Batch", "ImageDataset", "IterableImageDataset", "Samples", "blobs", "collate", "files", "folder", "shards"]

Box = tuple[int, int, int, int]  # top, left, bottom, right
Fit = Callable[[int, int, random.Random], Box]
_Window = Callable[[int, int, int], Box]  # as Fit, with the seed of a random.Random
_REDUCIBLE = ("jpeg", "jpeg2k")  # formats that can be halved any number of times up to max_reduce
_FORMS = {(1, False): SampleFormat.I_Y, (1, True): SampleFormat.P_Y, (3, False): SampleFormat.I_RGB, (3, True): SampleFormat.P_RGB}
_STAGING_BYTES = 256 << 20  # of pictures on their way to be resized on a device, at a time
_ON_ERROR = ("raise", "skip", "mask")


class Batch(NamedTuple):
    """images: (N, C, H, W) uint8; labels: (N,) int64 or None; indices: (N,) int64, of the pictures in the data set;
    valid: (N,) bool, False where on_error="mask" left zeros; errors: (index, name, reason) of what could not be decoded."""

    images: Any
    labels: Any
    indices: Any
    valid: Any
    errors: list[tuple[int, str, str]]


def _stretch(height: int, width: int, seed: int) -> Box:
    return 0, 0, height, width


def _crop(size: tuple[int, int]) -> _Window:
    """The largest window in the middle that has the target's proportions."""

    def box(height: int, width: int, seed: int) -> Box:
        h = max(1, min(height, round(width * size[0] / size[1])))
        w = max(1, min(width, round(height * size[1] / size[0])))
        top, left = (height - h) // 2, (width - w) // 2
        return top, left, top + h, left + w

    return box


def _random(size: tuple[int, int]) -> _Window:
    """Windows of 8 % to all of the picture, 3:4 to 4:3, as Inception was trained on; the middle where ten tries do not fit."""

    def box(height: int, width: int, seed: int) -> Box:
        rng = random.Random(seed)
        for _ in range(10):
            area, ratio = height * width * rng.uniform(0.08, 1.0), (4 / 3) ** rng.uniform(-1, 1)
            h, w = round((area / ratio) ** 0.5), round((area * ratio) ** 0.5)
            if 0 < h <= height and 0 < w <= width:
                top, left = rng.randint(0, height - h), rng.randint(0, width - w)
                return top, left, top + h, left + w
        return _crop(size)(height, width, seed)

    return box


_FITS: dict[str, Callable[[tuple[int, int]], _Window]] = {"crop": _crop, "stretch": lambda _: _stretch, "random": _random}


def _window(fit: str | Fit, size: tuple[int, int]) -> _Window:
    if isinstance(fit, str):
        return _FITS[fit](size)
    return lambda height, width, seed: fit(height, width, random.Random(seed))


class _Lent:
    """Host tensors of one size that come back when nobody holds them any longer, however long somebody does."""

    def __init__(self, shape: tuple[int, ...], pinned: bool) -> None:
        self._shape, self._pinned = shape, pinned
        self._free: deque[tuple[Any, Any]] = deque()  # tensor, event behind its last use by a device
        self._out: dict[int, Any] = {}

    def take(self) -> Any:
        try:
            base, event = self._free.popleft()
        except IndexError:
            base, event = torch.empty(self._shape, dtype=torch.uint8, pin_memory=self._pinned), None
        if event is not None:
            event.synchronize()
        view = base.numpy()[:]  # lives exactly as long as tensors made of it
        key = id(view)
        self._out[key] = weakref.ref(view, lambda _: self._back(key, base))
        return torch.from_numpy(view)

    def _back(self, key: int, base: Any) -> None:
        self._out.pop(key, None)
        event = None
        if self._pinned:  # a copy to the device may still be queued where the tensor was dropped
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream())
        self._free.append((base, event))


class _Job(NamedTuple):
    place: int  # in the batch
    stream: Any
    reduce: int
    height: int  # as decoded
    width: int


class _Pipeline:
    """One process's decoder and working memory, and the way from code streams to a tensor. One caller at a time."""

    def __init__(self, size: tuple[int, int], channels: int, window: _Window, reduce: bool, threads: int, device: Any) -> None:
        self._size, self._channels, self._window, self._reduce, self._device = size, channels, window, reduce, device
        on_gpu = device.type == "cuda"
        self._decoder = Decoder(device.index if on_gpu and device.index is not None else -1, threads,
                                None if on_gpu else [BackendKind.CPU_ONLY])  # fmt: skip
        workers = min(threads or os.cpu_count() or 1, 64)
        self._pool = concurrent.futures.ThreadPoolExecutor(workers) if workers > 1 and not on_gpu else None
        self._staging: list[Image | None] = []
        self._lock = threading.Lock()

    def fill(self, samples: Samples, indices: Sequence[int], out: Any, seeds: Sequence[int]) -> dict[int, Error]:
        """Decodes pictures into out[0], out[1], ...; gives the errors by place. Device work is queued on the current stream."""
        with self._lock:
            jobs, errors = self._plan(samples, indices, seeds)
            exact = [j for j in jobs if (j.height, j.width) == self._size]
            errors |= self._decode(exact, self._images(out, [(j.place, *self._size) for j in exact], True), True)
            rest = [j for j in jobs if (j.height, j.width) != self._size]
            if rest:
                errors |= self._on_device(rest, out) if out.is_cuda else self._on_host(rest, out)
            return errors

    def _plan(self, samples: Samples, indices: Sequence[int], seeds: Sequence[int]) -> tuple[list[_Job], dict[int, Error]]:
        jobs, errors = [], {}
        for place, (index, seed) in enumerate(zip(indices, seeds)):
            try:
                jobs.append(self._job(place, CodeStream(samples.source(index)), seed))
            except Error as error:
                errors[place] = error
        return jobs, errors

    def _job(self, place: int, stream: CodeStream, seed: int) -> _Job:
        info = stream._info()
        height, width = (info[3], info[2]) if info[10] >= 5 else (info[2], info[3])  # EXIF 5 to 8 lie on their side
        top, left, bottom, right = self._window(height, width, seed)
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise InvalidArgumentError(f"fit gave the window {(top, left, bottom, right)} of a picture of {height} x {width}")
        k = 0
        while self._reduce and info[0] in _REDUCIBLE and k < info[15] and self._enough(bottom - top, right - left, k + 1):
            k += 1
        if (top, left, bottom, right) != (0, 0, height, width):  # regions are in pixels as reduced
            top, left, bottom, right = top >> k, left >> k, -(-bottom >> k), -(-right >> k)
            stream = stream.get_sub_code_stream(region=Region(top, left, bottom, right))
            return _Job(place, stream, k, bottom - top, right - left)
        return _Job(place, stream, k, -(-height >> k), -(-width >> k))

    def _enough(self, height: int, width: int, k: int) -> bool:
        return height >> k >= self._size[0] and width >> k >= self._size[1]

    def _params(self, reduce: int, planar: bool) -> DecodeParams:
        color = ColorSpec.GRAY if self._channels == 1 else ColorSpec.SRGB
        return DecodeParams(color_spec=color, sample_format=_FORMS[self._channels, planar], reduce=reduce)

    def _cuda_stream(self) -> int:
        return int(torch.cuda.current_stream(self._device).cuda_stream) if self._device.type == "cuda" else 0

    def _images(self, tensor: Any, shapes: Sequence[tuple[int, int, int]], planar: bool) -> list[Image | None]:
        """Images over the first rows and columns of each picture of a contiguous (N, C, H, W) or (N, H, W, C) tensor."""
        form = _FORMS[self._channels, planar]
        address, step, device = tensor.data_ptr(), tensor.stride(0), tensor.device.index if tensor.is_cuda else -1
        strides, stream = tensor.stride()[1:], self._cuda_stream()
        return [_wrap(tensor, address + place * step, (self._channels, h, w) if planar else (h, w, self._channels), strides, "u", 1, form,
                      None, None, device, stream) for place, h, w in shapes]  # fmt: skip

    def _decode(self, jobs: list[_Job], images: list[Image | None], planar: bool) -> dict[int, Error]:
        """One call for each degree of reduction. ``images`` gets what was decoded into."""
        errors: dict[int, Error] = {}
        for k in sorted({j.reduce for j in jobs}):
            at = [i for i, j in enumerate(jobs) if j.reduce == k]
            results = self._decoder.decode([jobs[i].stream for i in at], images=[images[i] for i in at], cuda_stream=self._cuda_stream(),
                                           params=self._params(k, planar), on_error="return")  # fmt: skip
            for i, result in zip(at, results):
                if isinstance(result, Error):
                    errors[jobs[i].place] = result
                else:
                    images[i] = result
        return errors

    def _on_host(self, jobs: list[_Job], out: Any) -> dict[int, Error]:
        """Into Images that are kept for the next batch, and from them, resized, into their places."""
        self._staging += [None] * (len(jobs) - len(self._staging))
        images = self._staging[: len(jobs)]
        errors = self._decode(jobs, images, False)
        self._staging[: len(jobs)] = images

        def resize(job: _Job, image: Any) -> None:
            if job.place not in errors:
                picture = torch.from_numpy(np.asarray(image)).permute(2, 0, 1)[None]
                out[job.place].copy_(interpolate(picture, self._size, mode="bilinear", antialias=True)[0])

        list((self._pool.map if self._pool is not None else map)(resize, jobs, images))
        return errors

    def _on_device(self, jobs: list[_Job], out: Any) -> dict[int, Error]:
        """Into one padded tensor, and from it resized by two batched products: as many launches for any number of sizes."""
        errors: dict[int, Error] = {}
        jobs = sorted(jobs, key=lambda j: j.height * j.width)
        while jobs:
            count, shape = 0, (0, 0)
            for j in jobs:  # as many as find room, at least one
                grown = (max(shape[0], -(-j.height // 16) * 16), max(shape[1], -(-j.width // 16) * 16))
                if count and (count + 1) * grown[0] * grown[1] * self._channels > _STAGING_BYTES:
                    break
                count, shape = count + 1, grown
            now, jobs = jobs[:count], jobs[count:]
            staging = torch.empty((count, *shape, self._channels), dtype=torch.uint8, device=out.device)
            failed = self._decode(now, self._images(staging, [(i, j.height, j.width) for i, j in enumerate(now)], False), False)
            errors |= failed
            good = [i for i, j in enumerate(now) if j.place not in failed]
            if len(good) < count:
                staging, now = staging[torch.tensor(good, device=out.device, dtype=torch.int64)], [now[i] for i in good]
            if now:
                sizes = torch.tensor([(j.height, j.width) for j in now], dtype=torch.float32).to(out.device, non_blocking=True)
                places = torch.tensor([j.place for j in now], dtype=torch.int64).to(out.device, non_blocking=True)
                out.index_copy_(0, places, resample(staging, sizes, self._size))
        return errors


def _weights(count: int, room: int, used: Any, dtype: Any) -> Any:
    """(N, count, room): the triangle filter from used[i] samples to ``count``, widened where it reduces."""
    scale = (used / count)[:, None, None]
    centre = (torch.arange(count, device=used.device) + 0.5)[None, :, None] * scale
    at = (torch.arange(room, device=used.device) + 0.5)[None, None, :]
    weight = (1 - (at - centre).abs() / scale.clamp(min=1)).clamp(min=0) * (at < used[:, None, None])
    return (weight / weight.sum(2, keepdim=True)).to(dtype)


def resample(pictures: Any, sizes: Any, size: tuple[int, int], dtype: Any = None) -> Any:
    """Antialiased bilinear resize of pictures[i, :h, :w] (N, H, W, C; uint8), with (h, w) in sizes[i], to (N, C, *size) uint8.

    torch's interpolate(antialias=True) for pictures of different sizes at once; equal to it but for rounding (by one).
    """
    count, height, width, channels = pictures.shape
    if dtype is None:
        dtype = torch.float16 if pictures.is_cuda else torch.float32  # 11 bits hold a sample; products are summed in float32
    rows = _weights(size[0], height, sizes[:, 0], dtype) @ pictures.reshape(count, height, width * channels).to(dtype)
    rows = rows.reshape(count, size[0], width, channels).permute(0, 3, 1, 2).reshape(count, channels * size[0], width)
    done = rows @ _weights(size[1], width, sizes[:, 1], dtype).transpose(1, 2)
    return done.round_().clamp_(0, 255).to(torch.uint8).reshape(count, channels, *size)


class _Images:
    """What both data sets share: the samples, how they become tensors, and what happens to those that cannot."""

    def __init__(self, source: Any, size: int | tuple[int, int], *, fit: str | Fit, channels: int, reduce: bool, on_error: str,
                 device: Any, pin_memory: bool, threads: int | None, seed: int) -> None:  # fmt: skip
        self.samples = samples_of(source)
        self.size = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        if min(self.size) < 1 or channels not in (1, 3):
            raise InvalidArgumentError(f"size={size}, channels={channels}: sizes are positive, channels 1 or 3")
        if on_error not in _ON_ERROR:
            raise InvalidArgumentError(f"on_error is one of {', '.join(_ON_ERROR)}, not {on_error!r}")
        if isinstance(fit, str) and fit not in _FITS:
            raise InvalidArgumentError(f"fit is one of {', '.join(_FITS)} or a function, not {fit!r}")
        self.on_error, self.channels, self.device = on_error, channels, torch.device(device)
        self._given_fit, self._reduce, self._pinned, self._threads, self._seed = fit, reduce, pin_memory, threads, seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # so that workers which live on see it change
        self._forget()

    def _forget(self) -> None:
        self._pipeline: _Pipeline | None = None
        self._lent: dict[int, _Lent] = {}
        self._owner = -1  # the process that the pipeline works in

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pipeline": None, "_lent": {}, "_owner": -1}

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order and the random windows of the next epoch; seen by workers that persist too."""
        self._epoch.fill_(epoch)

    def _tools(self) -> _Pipeline:
        """This process's pipeline. A forked copy makes its own: threads do not survive a fork."""
        if self._pipeline is None or self._owner != os.getpid():
            self._forget()
            worker = get_worker_info() is not None
            if worker and self.device.type != "cpu":
                raise DeviceError(f"device={str(self.device)!r} in a DataLoader worker: decode to a device in the main process "
                                  "(num_workers=0), or to the CPU in workers")  # fmt: skip
            threads = self._threads if self._threads is not None else (1 if worker else 0)
            window = _window(self._given_fit, self.size)
            self._pipeline = _Pipeline(self.size, self.channels, window, self._reduce, threads, self.device)
            self._owner = os.getpid()
        return self._pipeline

    def _room(self, count: int) -> Any:
        shape = (count, self.channels, *self.size)
        if self.device.type != "cpu":
            return torch.empty(shape, dtype=torch.uint8, device=self.device)  # torch keeps and reuses blocks, by stream
        if get_worker_info() is not None:  # to be handed over: made where the other process can see it
            return torch.empty(shape, dtype=torch.uint8).share_memory_()
        if count not in self._lent:
            self._lent[count] = _Lent(shape, self._pinned)
        return self._lent[count].take()

    def _batch(self, indices: Sequence[int]) -> Batch:
        tools, epoch = self._tools(), int(self._epoch)
        room = self._room(len(indices))
        seeds = [hash((self._seed, epoch, i)) for i in indices]
        failed = tools.fill(self.samples, indices, room, seeds)
        errors = []
        for place, error in sorted(failed.items()):
            name = self.samples.names[indices[place]]
            if self.on_error == "raise":
                raise type(error)(f"{name}: {error.message}", error.offset) from error
            warnings.warn(CodecWarning(f"{name}: {error}", indices[place], error), stacklevel=3)
            errors.append((indices[place], name, str(error)))
            room[place].zero_()
        valid = torch.ones(len(indices), dtype=torch.bool)
        valid[list(failed)] = False
        number = torch.tensor(indices, dtype=torch.int64)
        labels = self.samples.labels
        label = None if labels is None else torch.tensor([labels[i] for i in indices], dtype=torch.int64)
        if failed and self.on_error == "skip":
            room, number, label = room[valid.to(room.device)], number[valid], None if label is None else label[valid]
            valid = valid[valid]
        return Batch(room, label, number, valid, errors)


class ImageDataset(_Images, Dataset):
    """Pictures by number. ``dataset[i]`` is one (C, H, W) tensor, with its label where there are any; a DataLoader with
    ``collate_fn=restride.torch.collate`` gets whole batches decoded at once, as Batch.

    source: a folder (its folders are classes), a list of paths, a .tar or a list of them, a list of bytes, or Samples.
    size: (H, W), or a number for a square.
    fit: "crop" (the largest window in the middle), "stretch", "random" (RandomResizedCrop's windows), or a function of height,
        width and a random.Random that gives (top, left, bottom, right).
    reduce: False decodes in full before the resize: slower, and the pixels that Pillow and torchvision resize to.
    on_error: "raise" names the picture; "skip" leaves it out; "mask" leaves zeros and valid=False. The last two warn, and
        list it in Batch.errors. ``dataset[i]`` always raises.
    device: "cuda" decodes into device memory, in order of the current stream; only without workers.
    threads: of the decoder; None: all cores, or one in a DataLoader worker.
    """

    def __init__(self, source: Any, size: int | tuple[int, int], *, fit: str | Fit = "crop", channels: int = 3, reduce: bool = True,
                 on_error: str = "raise", device: Any = "cpu", pin_memory: bool = False, threads: int | None = None,
                 seed: int = 0) -> None:  # fmt: skip
        super().__init__(source, size, fit=fit, channels=channels, reduce=reduce, on_error=on_error, device=device,
                         pin_memory=pin_memory, threads=threads, seed=seed)  # fmt: skip

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        index %= len(self)
        batch = self._batch([index])
        if batch.errors or not len(batch.images):
            raise RuntimeError(f"{batch.errors[0][1]}: {batch.errors[0][2]}")
        return batch.images[0] if batch.labels is None else (batch.images[0], int(batch.labels[0]))

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        return self._batch([int(i) for i in indices])


def collate(batch: Any) -> Any:
    """A DataLoader's collate_fn for ImageDataset: the batch is one already."""
    if not isinstance(batch, Batch):
        raise TypeError("restride.torch.collate takes the batches of an ImageDataset; a DataLoader makes them where it has a batch_size")
    return batch


class IterableImageDataset(_Images, IterableDataset):
    """Pictures in batches: iterate over it as it is, or give it to a DataLoader with batch_size=None.

    Without workers a thread decodes up to ``prefetch`` batches ahead; batches for the CPU lie in tensors that are used again
    once the program has dropped them, and a device's batches are complete in the order of the stream that is current when
    they are handed out. Each worker decodes its share of the batches.

    shuffle: another order each epoch; call set_epoch(). shard: (rank, world), by default torch.distributed's: every rank gets
    as many pictures, so the last few of an epoch's order may be nobody's. The rest as for ImageDataset.
    """

    def __init__(self, source: Any, size: int | tuple[int, int], *, batch_size: int, shuffle: bool = False, drop_last: bool = False,
                 shard: tuple[int, int] | None = None, prefetch: int = 2, fit: str | Fit = "crop", channels: int = 3,
                 reduce: bool = True, on_error: str = "raise", device: Any = "cpu", pin_memory: bool = False,
                 threads: int | None = None, seed: int = 0) -> None:  # fmt: skip
        super().__init__(source, size, fit=fit, channels=channels, reduce=reduce, on_error=on_error, device=device,
                         pin_memory=pin_memory, threads=threads, seed=seed)  # fmt: skip
        if shard is None:
            spread = torch.distributed.is_available() and torch.distributed.is_initialized()
            shard = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if spread else (0, 1)
        if batch_size < 1 or prefetch < 1 or not 0 <= shard[0] < shard[1]:
            raise InvalidArgumentError(f"batch_size={batch_size}, prefetch={prefetch}, shard={shard}: sizes are positive, "
                                       "a rank is below its world")  # fmt: skip
        self.batch_size, self._shuffle, self._drop, self._shard, self._prefetch = batch_size, shuffle, drop_last, shard, prefetch

    def __len__(self) -> int:
        """Batches of an epoch, for this rank."""
        mine = len(self.samples) // self._shard[1]
        return mine // self.batch_size if self._drop else -(-mine // self.batch_size)

    def _plan(self) -> list[list[int]]:
        order = list(range(len(self.samples)))
        if self._shuffle:
            random.Random(hash((self._seed, int(self._epoch)))).shuffle(order)
        rank, world = self._shard
        mine = order[rank : len(order) // world * world : world]
        batches = [mine[i : i + self.batch_size] for i in range(0, len(mine), self.batch_size)]
        return batches[: len(self)]

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        plan = self._plan()
        if worker is not None:  # the DataLoader looks ahead
            return (self._batch(indices) for indices in plan[worker.id :: worker.num_workers])
        return self._ahead(plan)

    def _ahead(self, plan: list[list[int]]) -> Iterator[Batch]:
        self._tools()
        on_gpu = self.device.type == "cuda"
        side = torch.cuda.Stream(self.device) if on_gpu else None

        def work(indices: list[int]) -> tuple[Batch, Any]:
            with torch.cuda.stream(side):
                batch = self._batch(indices)
                return batch, side.record_event() if side is not None else None

        waiting: deque[Any] = deque()
        with concurrent.futures.ThreadPoolExecutor(1, "restride-batches") as pool:
            try:
                for indices in plan:
                    waiting.append(pool.submit(work, indices))
                    if len(waiting) > self._prefetch:
                        yield self._hand_out(*waiting.popleft().result())
                while waiting:
                    yield self._hand_out(*waiting.popleft().result())
            finally:
                for future in waiting:
                    future.cancel()

    def _hand_out(self, batch: Batch, event: Any) -> Batch:
        if event is not None:
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(event)
            batch.images.record_stream(stream)  # its memory is not given out again before that stream is done with it
        return batch
