# SPDX-License-Identifier: Apache-2.0
"""Trains a small network on a folder of pictures (a folder a class), decoded by restride.torch.

usage: train_imagefolder.py [FOLDER] [--size 64] [--batch 64] [--epochs 5] [--workers 2] [--device cpu|cuda]

Without FOLDER it makes one: three kinds of textures, 300 JPEG files of different sizes. On a GPU pictures are decoded there,
one batch ahead of the network; on the CPU by DataLoader workers.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import restride
from restride.torch import ImageDataset, IterableImageDataset, collate


def make_folder(root: pathlib.Path, count: int = 300) -> pathlib.Path:
    """Stripes along x, stripes along y, and checks."""
    rng = np.random.default_rng(0)
    names, pixels = [], []
    for i in range(count):
        h, w = rng.integers(72, 200, 2)
        period = rng.integers(10, 24)
        y, x = np.mgrid[0:h, 0:w] * 2 * np.pi / period
        pattern = (np.sin(x), np.sin(y), np.sin(x) * np.sin(y))[i % 3]
        noisy = 128 + 60 * pattern[..., None] * rng.uniform(0.5, 1, 3) + rng.normal(0, 20, (h, w, 3))
        place = root / ("columns", "rows", "checks")[i % 3]
        place.mkdir(exist_ok=True)
        names.append(place / f"{i:04d}.jpg")
        pixels.append(noisy.clip(0, 255).astype(np.uint8))
    restride.Encoder().write(names, pixels, on_error="raise")
    return root


def network(classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for channels_in, channels_out in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, classes))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?", type=pathlib.Path)
    for name, default in (("size", 64), ("batch", 64), ("epochs", 5), ("workers", 2)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as made:
        train(given.folder or make_folder(pathlib.Path(made)), given)


def train(folder: pathlib.Path, given: argparse.Namespace) -> None:
    torch.manual_seed(0)
    if given.device == "cuda":  # decoded on the GPU, ahead of the network; nothing is copied from the host but the files
        data = loader = IterableImageDataset(folder, given.size, batch_size=given.batch, shuffle=True, fit="random", device="cuda",
                                             on_error="skip")  # fmt: skip
    else:
        data = ImageDataset(folder, given.size, fit="random", on_error="skip")
        loader = DataLoader(data, given.batch, shuffle=True, num_workers=given.workers, collate_fn=collate)
    model = network(len(data.samples.classes)).to(given.device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for epoch in range(given.epochs):
        data.set_epoch(epoch)
        model.train()
        right = seen = 0
        start = time.perf_counter()
        for batch in loader:
            images = batch.images.to(given.device, non_blocking=True).float().div_(127.5).sub_(1)
            labels = batch.labels.to(given.device, non_blocking=True)
            scores = model(images)
            loss = nn.functional.cross_entropy(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += int((scores.argmax(1) == labels).sum())
            seen += len(labels)
        print(f"epoch {epoch}: loss {loss.item():.3f} accuracy {right / seen:.3f}, {seen / (time.perf_counter() - start):.0f} images/s")


if __name__ == "__main__":
    main()
