# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="import-not-found,misc,no-any-return,no-untyped-call,type-arg,import-untyped"
"""Ray Data: pictures read into Arrow tensors, and folders transcoded, on as many machines as Ray has.

    dataset = restride.ray.read_images("photos")                        # rows of path and image
    report = restride.ray.transcode("photos", "copies", "jpeg2k", params=restride.EncodeParams(...))

Every actor keeps one Decoder (and Encoder), with as many threads as it has CPUs, and its buffers. Files must be reachable
under the same paths from all nodes; read_images also takes a Ray data set with the columns path and bytes, as
ray.data.read_binary_files(..., include_paths=True) makes them of S3 and the like.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import pathlib
import time
import uuid
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import ray

from ._code_stream import CodeStream
from ._codecs import Decoder, Encoder
from ._enums import BackendKind, ColorSpec, MetadataKind, SampleFormat
from ._errors import Error, InvalidArgumentError, make_error
from ._image import Image, as_image
from ._params import DecodeParams, EncodeParams
from ._sources import EXTENSIONS

__all__ = ["Report", "read_images", "transcode"]

_LOG = logging.getLogger("restride")
_PARTS = 64 << 20  # bytes of pixels in one block, unless a picture is larger
_SUFFIX = {"jpeg": ".jpg", "jpeg2k": ".jp2", "tiff": ".tif", "png": ".png", "webp": ".webp", "bmp": ".bmp", "pnm": ".pnm"}


class _Arena:
    """Blocks of host memory that are used again once every array over them is gone, wherever it went."""

    def __init__(self) -> None:
        self._blocks: list[tuple[np.ndarray[Any, Any], Any]] = []

    def take(self, size: int) -> np.ndarray[Any, Any]:
        free = [i for i, (_, user) in enumerate(self._blocks) if user() is None]
        fitting = [i for i in free if self._blocks[i][0].size >= size]
        if fitting:
            block = self._blocks.pop(min(fitting, key=lambda i: self._blocks[i][0].size))[0]
        else:
            for i in reversed(free):  # all are too small
                self._blocks.pop(i)
            block = np.empty(size, np.uint8)
        # Arrow and Ray keep the array that others are views of; one made over a memoryview ends their search for it.
        root = np.frombuffer(block.data, np.uint8, size)
        self._blocks.append((block, weakref.ref(root)))
        return root


def _decoder(threads: int, gpu: bool) -> Decoder:
    return Decoder(max_num_cpu_threads=threads, backends=None if gpu else [BackendKind.CPU_ONLY])


class _Read:
    """The actor of read_images."""

    def __init__(self, channels: int, reduce: int, size: Any, on_error: str, threads: int, gpu: bool) -> None:
        self._channels, self._size, self._on_error = channels, size, on_error
        color, form = (ColorSpec.GRAY, SampleFormat.I_Y) if channels == 1 else (ColorSpec.SRGB, SampleFormat.I_RGB)
        self._params = DecodeParams(color_spec=color, sample_format=form, reduce=reduce)
        self._threads, self._gpu = threads, gpu
        self._decoder = _decoder(threads, gpu)
        self._arena = _Arena()

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        names = [str(p) for p in batch["path"]]
        sources = list(batch["bytes"]) if "bytes" in batch else names
        if self._size is not None:
            yield from self._finish(names, *self._resized(names, sources))
            return
        streams: list[Any] = []
        shapes: list[tuple[int, int, int]] = []
        for source in sources:  # headers alone: the sizes are known before memory is taken
            try:
                stream = CodeStream(source)
                info = stream._info()
                sides = (info[3], info[2]) if info[10] >= 5 else (info[2], info[3])
                streams.append(stream)
                shapes.append((-(-sides[0] >> self._params.reduce), -(-sides[1] >> self._params.reduce), self._channels))
            except Error as error:
                streams.append(error)
                shapes.append((0, 0, self._channels))
        start = 0
        while start < len(names):
            end, room = start, 0
            while end < len(names) and (end == start or room + int(np.prod(shapes[end])) <= _PARTS):
                room += int(np.prod(shapes[end]))
                end += 1
            yield from self._finish(names[start:end], *self._decode(streams[start:end], shapes[start:end], room))
            start = end

    def _decode(self, streams: list[Any], shapes: list[tuple[int, int, int]], room: int) -> tuple[list[Any], list[Any]]:
        """Pictures one behind the other in one block, which becomes the column's buffer as it is."""
        flat, arrays, at = self._arena.take(room), [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            arrays.append(flat[at : at + size].reshape(shape))
            at += size
        errors = [s if isinstance(s, Error) else None for s in streams]
        work = [i for i, e in enumerate(errors) if e is None]
        results = self._decoder.decode([streams[i] for i in work], images=[as_image(arrays[i]) for i in work], params=self._params,
                                       on_error="return")  # fmt: skip
        for i, result in zip(work, results):
            errors[i] = result if isinstance(result, Error) else None
        return arrays, errors

    def _resized(self, names: list[str], sources: list[Any]) -> tuple[Any, list[Any]]:
        import torch

        from . import torch as ours

        samples = ours.blobs(sources) if isinstance(sources[0], (bytes, memoryview)) else ours.files(sources)
        if not hasattr(self, "_pipeline"):
            self._pipeline = ours._Pipeline(self._size, self._channels, ours._window("crop", self._size), True, self._threads,
                                            torch.device("cuda" if self._gpu else "cpu"))  # fmt: skip
        out = torch.zeros((len(names), self._channels, *self._size), dtype=torch.uint8, device=self._pipeline._device)
        failed = self._pipeline.fill(samples, range(len(names)), out, [0] * len(names))
        return out.cpu().numpy(), [failed.get(i) for i in range(len(names))]

    def _finish(self, names: list[str], arrays: Any, errors: list[Any]) -> Iterator[dict[str, Any]]:
        """One batch of rows, with what the policy says about those that failed."""
        bad = [i for i, e in enumerate(errors) if e is not None]
        for i in bad:
            if self._on_error == "raise":
                raise RuntimeError(f"{names[i]}: {errors[i]}")
            _LOG.warning("%s: %s", names[i], errors[i])
        keep = [i for i in range(len(names)) if errors[i] is None or self._on_error == "keep"]
        if not keep:
            return
        if isinstance(arrays, list):
            column = np.empty(len(keep), object)
            for at, i in enumerate(keep):
                column[at] = arrays[i] if errors[i] is None else np.empty((0, 0, self._channels), np.uint8)
            if len({a.shape for a in column}) == 1:  # Ray's tensors of one shape want one array
                first, count = column[0], len(keep)
                dense = not bad and first.base is not None
                column = first.base[: count * first.size].reshape(count, *first.shape) if dense else np.stack(list(column))
        else:
            column = arrays if len(keep) == len(names) else arrays[keep]
        out = {"path": np.array([names[i] for i in keep], object), "image": column}
        if self._on_error == "keep":
            out["error"] = np.array(["" if errors[i] is None else str(errors[i]) for i in keep], object)
        yield out


def _actors(num_cpus: float, num_gpus: float, concurrency: int | tuple[int, int] | None) -> dict[str, Any]:
    if concurrency is None:  # as many as the cluster has room for now; Ray changes their number as it sees fit
        total = ray.cluster_resources()
        room = min(total.get("CPU", 1) / num_cpus if num_cpus else 1e9, total.get("GPU", 0) / num_gpus if num_gpus else 1e9)
        concurrency = (1, max(1, int(room)))
    low, high = (concurrency, concurrency) if isinstance(concurrency, int) else concurrency
    return {"num_cpus": num_cpus, "num_gpus": num_gpus or None, "compute": ray.data.ActorPoolStrategy(min_size=low, max_size=high)}


def _listed(source: Any) -> list[str]:
    if isinstance(source, (str, os.PathLike)) and os.path.isdir(source):
        found = [str(p) for p in sorted(pathlib.Path(source).rglob("*")) if p.suffix.lower() in EXTENSIONS and p.is_file()]
        if not found:
            raise InvalidArgumentError(f"{os.fspath(source)} holds no picture: known are {' '.join(EXTENSIONS)}")
        return found
    return [os.fspath(source)] if isinstance(source, (str, os.PathLike)) else [os.fspath(p) for p in source]


def read_images(source: Any, *, channels: int = 3, reduce: int = 0, size: int | tuple[int, int] | None = None, on_error: str = "raise",
                batch_size: int = 64, num_cpus: float = 1, num_gpus: float = 0, concurrency: int | tuple[int, int] | None = None,
                max_store_bytes: int | None = None) -> Any:  # fmt: skip
    """A Ray data set of rows ``path`` and ``image``: (H, W, C) uint8, decoded upright to sRGB (channels=3) or gray (1).

    source: a folder, a list of paths, or a Ray data set with the columns path and bytes.
    reduce: halvings of the size (JPEG, JPEG 2000). size: pictures become (C, H, W) of that size, as by restride.torch with
        fit="crop"; needs PyTorch.
    on_error: "raise" names the picture and ends the job; "skip" leaves it out, with a warning in the actor's log; "keep" adds
        the column ``error`` and leaves an empty picture (with ``size``: black).
    num_cpus, num_gpus: of an actor. concurrency: how many there are, or (least, most); by default what the cluster has room for.
    max_store_bytes: Ray holds producers back so that blocks under way stay near that many bytes of the object store.

    Pictures of a block, 64 MiB or one picture, are decoded behind one another into memory that becomes the Arrow column as it
    is; Ray copies it once, into its object store.
    """
    if on_error not in ("raise", "skip", "keep") or channels not in (1, 3) or not 0 <= reduce <= 32:
        raise InvalidArgumentError(f"on_error={on_error!r}, channels={channels}, reduce={reduce}: raise, skip or keep; 1 or 3; 0 to 32")
    if not isinstance(source, ray.data.Dataset):
        paths = _listed(source)
        source = ray.data.from_items([{"path": p} for p in paths], override_num_blocks=max(1, min(len(paths) // batch_size, 1000)))
    square = (size, size) if isinstance(size, int) else size
    threads = max(1, int(num_cpus))
    arguments = {"channels": channels, "reduce": reduce, "size": square, "on_error": on_error, "threads": threads, "gpu": num_gpus > 0}
    out = source.map_batches(_Read, batch_size=batch_size, fn_constructor_kwargs=arguments, **_actors(num_cpus, num_gpus, concurrency))
    if max_store_bytes is not None:
        options = out.context.execution_options
        options.resource_limits = options.resource_limits.copy(object_store_memory=max_store_bytes)
    return out


@dataclasses.dataclass
class Report:
    """What became of the files of a transcode(): numbers, bytes of what was read and written, and who failed and why."""

    written: int = 0
    skipped: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)


class _Transcode:
    """The actor of transcode. Images and code streams are those of the batch before."""

    def __init__(self, codec: str, params: EncodeParams, decode: DecodeParams, keep_metadata: bool, overwrite: bool, job: str,
                 threads: int, gpu: bool) -> None:  # fmt: skip
        self._codec, self._params, self._decode = codec, params, decode
        self._metadata, self._overwrite, self._job = keep_metadata, overwrite, job
        self._decoder = _decoder(threads, gpu)
        self._encoder = Encoder(max_num_cpu_threads=threads, backends=None if gpu else [BackendKind.CPU_ONLY])
        self._images: list[Image] = []
        self._streams: list[CodeStream] = []

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        sources, targets = [str(s) for s in batch["source"]], [str(t) for t in batch["target"]]
        count = len(sources)
        errors: list[Any] = [None] * count
        sizes = np.zeros((2, count), np.int64)
        # A target that is there was written whole by this job, by an actor that was lost before it could say so.
        work = [i for i in range(count) if self._overwrite or not os.path.exists(targets[i])]
        for i in set(range(count)) - set(work):
            sizes[:, i] = os.path.getsize(sources[i]), os.path.getsize(targets[i])
        inputs: dict[int, CodeStream] = {}
        for i in work:
            try:
                inputs[i] = CodeStream(sources[i])
                sizes[0, i] = inputs[i].size
            except Error as error:
                errors[i] = error
        self._run([i for i in work if i in inputs], inputs, targets, errors, sizes)
        return {"source": np.array(sources, object), "error": np.array(["" if e is None else str(e) for e in errors], object),
                "bytes_in": sizes[0], "bytes_out": sizes[1]}  # fmt: skip

    def _run(self, work: list[int], inputs: dict[int, CodeStream], targets: list[str], errors: list[Any], sizes: Any) -> None:
        while len(self._images) < len(work):
            self._images.append(Image(self._decoder._native.output_memory))
            self._streams.append(CodeStream(0))
        decoded = self._decoder.decode([inputs[i] for i in work], images=self._images[: len(work)], params=self._decode, on_error="return")
        groups: list[tuple[list[int], EncodeParams]] = []  # pictures with blocks of their own need a call of their own
        plain: list[int] = []
        for at, (i, image) in enumerate(zip(work, decoded)):
            if isinstance(image, Error):
                errors[i] = image
                continue
            try:
                blocks = self._blocks(inputs[i]) if self._metadata else []
            except Error as error:
                errors[i] = make_error(error.code, f"its metadata cannot be kept: {error.message}", error.offset)
                continue
            if blocks:
                groups.append(([at], _with_metadata(self._params, blocks)))
            else:
                plain.append(at)
        for members, params in [*groups, (plain, self._params)]:
            images, streams = ([kept[at] for at in members] for kept in (self._images, self._streams))
            results = self._encoder.encode(images, self._codec, code_stream_s=streams, params=params, on_error="return")
            for at, result in zip(members, results):
                i = work[at]
                if isinstance(result, Error):
                    errors[i] = result
                    continue
                try:
                    self._write(targets[i], result)
                    sizes[1, i] = result.size
                except OSError as error:
                    errors[i] = error

    def _blocks(self, stream: CodeStream) -> list[Any]:
        blocks = self._decoder.get_metadata(stream)
        kept = [b for b in blocks if b.kind in (MetadataKind.EXIF, MetadataKind.ICC_PROFILE, MetadataKind.XMP)]
        upright = self._decode.apply_exif_orientation
        return [b.with_orientation(1) if b.kind == MetadataKind.EXIF and upright else b for b in kept]

    def _write(self, target: str, stream: Any) -> None:
        """Beside the target, and renamed when it is whole: whoever stops this leaves a part that the driver removes."""
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        part = f"{target}.{self._job}-{uuid.uuid4().hex[:8]}.part"
        try:
            with open(part, "wb") as file:
                file.write(memoryview(stream))
            os.replace(part, target)
        except BaseException:
            pathlib.Path(part).unlink(missing_ok=True)
            raise


def _with_metadata(params: EncodeParams, blocks: list[Any]) -> EncodeParams:
    out = copy.copy(params)
    out.metadata = [*params.metadata, *blocks]
    return out


def _pairs(source: Any, target: str, suffix: str) -> dict[str, str]:
    """source -> target. Targets are as deep below ``target`` as the sources are below their folder; no two are the same."""
    root = os.fspath(source) if isinstance(source, (str, os.PathLike)) and os.path.isdir(source) else None
    taken: dict[str, str] = {}
    for path in _listed(source):
        name = os.path.relpath(path, root) if root is not None else os.path.basename(path)
        out = os.path.join(target, os.path.splitext(name)[0] + suffix)
        if out in taken:
            raise InvalidArgumentError(f"{taken[out]} and {path} would both become {out}: transcode them into folders of their own")
        taken[out] = path
    return {path: out for out, path in taken.items()}


def transcode(source: Any, target: Any, codec: str, *, params: EncodeParams | None = None, decode: DecodeParams | None = None,
              keep_metadata: bool = True, overwrite: bool = False, batch_size: int = 32, num_cpus: float = 1, num_gpus: float = 0,
              concurrency: int | tuple[int, int] | None = None) -> Report:  # fmt: skip
    """Transcodes a folder, or a list of files, into the folder ``target``; runs to the end and says what became of each file.

    Samples are kept as they are stored (channels, depth) unless ``decode`` says otherwise. EXIF, ICC profile and XMP are
    kept. What cannot be read or encoded is listed in Report.failed and stops nothing.

    Every target is written beside its place and renamed, so that it is complete or not there. Batches of an actor or a node
    that is lost are done again by others; what it had finished is not. Targets that exist before are skipped, which resumes a
    job that was stopped; overwrite=True does all again. Nothing but names and numbers goes through Ray's object store.
    """
    if codec not in _SUFFIX:
        raise InvalidArgumentError(f"codec is one of {', '.join(_SUFFIX)}, not {codec!r}")
    start = time.monotonic()
    target, job = os.path.abspath(os.fspath(target)), f"restride-{uuid.uuid4().hex[:8]}"
    suffix = ".jph" if codec == "jpeg2k" and params is not None and params.jpeg2k_params.ht else _SUFFIX[codec]
    pairs = {os.path.abspath(s): t for s, t in _pairs(source, target, suffix).items()}
    os.makedirs(target, exist_ok=True)
    work = pairs if overwrite else {s: t for s, t in pairs.items() if not os.path.exists(t)}
    report = Report(skipped=len(pairs) - len(work))
    if work:
        rows = ray.data.from_items([{"source": s, "target": t} for s, t in work.items()],
                                   override_num_blocks=max(1, min(len(work) // batch_size, 1000)))  # fmt: skip
        decode = decode or DecodeParams(color_spec=ColorSpec.UNCHANGED, sample_format=SampleFormat.I_UNCHANGED, allow_any_depth=True)
        arguments = {"codec": codec, "params": params or EncodeParams(), "decode": decode, "keep_metadata": keep_metadata,
                     "overwrite": overwrite, "job": job, "threads": max(1, int(num_cpus)), "gpu": num_gpus > 0}  # fmt: skip
        actors = _actors(num_cpus, num_gpus, concurrency)
        try:
            done = rows.map_batches(_Transcode, batch_size=batch_size, fn_constructor_kwargs=arguments, **actors)
            for batch in done.iter_batches(batch_size=None, batch_format="numpy"):
                _add(report, batch)
        finally:
            _sweep({os.path.dirname(t) for t in work.values()}, job)
    report.failed.sort()
    report.seconds = time.monotonic() - start
    return report


def _add(report: Report, batch: dict[str, Any]) -> None:
    bad = [(str(s), str(e)) for s, e in zip(batch["source"], batch["error"]) if e]
    report.failed += bad
    report.written += len(batch["source"]) - len(bad)
    report.bytes_in += int(batch["bytes_in"].sum())
    report.bytes_out += int(batch["bytes_out"].sum())


def _sweep(folders: Sequence[str] | set[str], job: str) -> None:
    """Removes what actors of this job that were ended in the middle of a file have left."""
    for folder in folders:
        if os.path.isdir(folder):
            for entry in os.scandir(folder):
                if entry.name.endswith(".part") and f".{job}-" in entry.name:
                    os.unlink(entry.path)
