#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images a second of data loaders: JPEG files on disk to (N, 3, 224, 224) uint8 batches, the files in the page cache.

usage: loader.py OUT.json [--images 512] [--scale 1] [--batch 64] [--workers 2] [--rounds 3] [--device cpu|cuda]
scale: how many times as high and wide as some 500 x 375 the files are.

cpu: restride.torch in this process and in DataLoader workers, against torchvision's ImageFolder with Pillow (Resize and
CenterCrop) and, where it is there, torchvision.io. cuda: restride.torch onto the device, against itself on the CPU with the
copy, and nvImageCodec with a resize a picture, where it is there. Loaders take turns; medians.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np
import torch
from torch.utils.data import DataLoader

import restride
from restride.torch import ImageDataset, IterableImageDataset, collate

SIZE = 224


def optional(name):
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError):
        return None


def write_pictures(root: pathlib.Path, count: int, scale: int) -> pathlib.Path:
    """About 500 x 375, 4:2:0, quality 90, as ImageNet's are: smooth shapes with grain."""
    rng = np.random.default_rng(0)
    params = restride.EncodeParams(quality_type=restride.QualityType.QUALITY, quality_value=90, chroma_subsampling=restride.CSS_420)
    place = root / "class"
    place.mkdir()
    for i in range(count):
        h, w = (scale * (side + int(rng.integers(-40, 40))) for side in (375, 500))
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        waves = [np.sin(x / rng.uniform(5, 90) + y / rng.uniform(5, 90) + rng.uniform(0, 6)) for _ in range(3)]
        pixels = 128 + 70 * np.stack(waves, 2) + rng.normal(0, 8, (h, w, 3))
        restride.Encoder().write(place / f"{i:05d}.jpg", pixels.clip(0, 255).astype(np.uint8), params=params, on_error="raise")
    return root


def drain(loader) -> int:
    seen, images = 0, None
    for batch in loader:
        images = batch.images if hasattr(batch, "images") else batch[0]
        seen += len(images)
    if images is not None and images.is_cuda:
        torch.cuda.synchronize()
    return seen


def on_device(loader):
    for batch in loader:
        yield (batch.images.to("cuda", non_blocking=True),)


def torchvision_loaders(folder, given):
    vision = optional("torchvision")
    if vision is None:
        return {}
    t, v2 = vision.transforms, importlib.import_module("torchvision.transforms.v2")
    pillow = vision.datasets.ImageFolder(folder, t.Compose([t.Resize(SIZE), t.CenterCrop(SIZE), t.PILToTensor()]))
    tensor = vision.datasets.ImageFolder(
        folder, v2.Compose([v2.Resize(SIZE, antialias=True), v2.CenterCrop(SIZE)]),
        loader=lambda path: vision.io.decode_jpeg(vision.io.read_file(path), mode=vision.io.ImageReadMode.RGB))  # fmt: skip
    out = {}
    for name, data in (("torchvision, Pillow", pillow), ("torchvision.io", tensor)):
        try:
            data[0]
        except RuntimeError as error:  # built without libjpeg
            print(f"{name}: {error}", file=sys.stderr)
            continue
        for workers in sorted({0, given.workers}):
            out[f"{name}, {workers} workers"] = DataLoader(data, given.batch, num_workers=workers)
    return out


def cpu_loaders(folder, given):
    out = {}
    for reduce in (True, False):
        what = "" if reduce else ", full decode"
        out[f"restride iterable, in process{what}"] = IterableImageDataset(folder, SIZE, batch_size=given.batch, reduce=reduce)
        out[f"restride map, {given.workers} workers{what}"] = DataLoader(ImageDataset(folder, SIZE, reduce=reduce), given.batch,
                                                                        num_workers=given.workers, collate_fn=collate)  # fmt: skip
    out["restride map, 0 workers, one thread"] = DataLoader(ImageDataset(folder, SIZE, threads=1), given.batch, collate_fn=collate)
    out["restride map, 0 workers, one thread, full decode"] = DataLoader(ImageDataset(folder, SIZE, threads=1, reduce=False), given.batch,
                                                                         collate_fn=collate)  # fmt: skip
    return out | torchvision_loaders(folder, given)


def nvimgcodec_batches(nv, folder, given):
    decoder = nv.Decoder()
    files = sorted(str(p) for p in pathlib.Path(folder).rglob("*.jpg"))
    for i in range(0, len(files), given.batch):
        pictures = [torch.as_tensor(image, device="cuda") for image in decoder.read(files[i : i + given.batch])]
        yield (torch.cat([_center(p.permute(2, 0, 1)) for p in pictures]),)


def _center(picture):
    height, width = picture.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    part = picture[None, :, top : top + side, left : left + side].float()
    resized = torch.nn.functional.interpolate(part, (SIZE, SIZE), mode="bilinear", antialias=True)
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def gpu_loaders(folder, given):
    out = {f"restride on the device{what}": IterableImageDataset(folder, SIZE, batch_size=given.batch, reduce=reduce, device="cuda")
           for reduce, what in ((True, ""), (False, ", full decode"))}  # fmt: skip
    host = IterableImageDataset(folder, SIZE, batch_size=given.batch, pin_memory=True)
    out["restride on the CPU, pinned, copied"] = lambda: on_device(host)
    nv = optional("nvidia.nvimgcodec")
    if nv is not None:
        out["nvImageCodec, resize a picture"] = lambda: nvimgcodec_batches(nv, folder, given)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    for name, default in (("images", 512), ("scale", 1), ("batch", 64), ("workers", 2), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = write_pictures(pathlib.Path(root), given.images, given.scale)
        loaders = (gpu_loaders if given.device == "cuda" else cpu_loaders)(folder, given)
        seconds = {name: [] for name in loaders}
        for turn in range(given.rounds + 1):
            for name, loader in loaders.items():
                start, ticks = time.perf_counter(), os.times()
                seen = drain(loader() if callable(loader) else loader)
                assert seen == given.images, (name, seen)
                after = os.times()
                spent = sum(after[:4]) - sum(ticks[:4])  # user and system time, of ended workers too
                if turn:  # the first only warms
                    seconds[name].append((time.perf_counter() - start, spent))
    rows = []
    for name, values in seconds.items():
        wall, cpu = (statistics.median(v[k] for v in values) for k in (0, 1))
        rows.append({"loader": name, "images_per_second": given.images / wall, "cpu_ms_per_image": cpu / given.images * 1e3,
                     "wall_seconds": [v[0] for v in values]})  # fmt: skip
        print(f"{name:52} {rows[-1]['images_per_second']:9.0f} images/s {rows[-1]['cpu_ms_per_image']:7.2f} ms of CPU an image")
    packages = ("restride", "torch", "torchvision", "PIL", "nvidia.nvimgcodec")
    result = {"command": sys.argv, "date": datetime.date.today().isoformat(), "cores": os.cpu_count(),
              "device": torch.cuda.get_device_name() if given.device == "cuda" else "cpu",
              "versions": {name: getattr(optional(name), "__version__", None) for name in packages}, "rows": rows}  # fmt: skip
    given.out.write_text(json.dumps(result, indent=1, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
