#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decodes and encodes real photographs into memory that is used again, checks every claim, and writes OUT/index.html.

usage: scripts/demo.py [OUT]      (default: demo)

The photographs are those that scikit-learn ships; the files are written by Pillow and tifffile, which also judge the pixels.
"""

from __future__ import annotations

import io
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

import numpy as np
import tifffile
from PIL import Image as Pillow
from sklearn.datasets import load_sample_images

import restride
from demo_page import Card, Check, Column, write_page

TOTAL = 15
LOSSY, EXACT = 1.0, 0.0  # mean absolute difference allowed


class Progress:
    """One line that says what is being done; plain lines where the output is no terminal."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.live = total, 0, sys.stdout.isatty()

    def __call__(self, text: str) -> None:
        self.done += 1
        bar = "#" * (self.done * 24 // self.total)
        line = f"[{bar:<24}] {self.done:2d}/{self.total} {text}"
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", flush=True)

    def finish(self, text: str) -> None:
        print(("\n" if self.live else "") + text)


class Walk:
    """The cards of the page, filled as the steps run."""

    def __init__(self) -> None:
        self.progress = Progress(TOTAL)
        self.cards: list[Card] = []

    def step(self, title: str, code: str, text: str) -> None:
        self.progress(title)
        self.cards.append(Card(title, code, text))

    def check(self, claim: str, held: Any) -> None:
        self.cards[-1].checks.append(Check(claim, bool(held)))

    def memory(self, label: str, thing: Any) -> None:
        self.cards[-1].memory.append((label, int(thing.size), int(thing.capacity)))

    def picture(self, array: Any, caption: str) -> None:
        self.cards[-1].pictures.append((thumbnail(np.asarray(array)), caption))


def thumbnail(array: np.ndarray[Any, Any], side: int = 420) -> bytes:
    """A JPEG small enough for the page."""
    image = Pillow.fromarray(array)
    image.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def photographs() -> list[Pillow.Image]:
    return [Pillow.fromarray(x) for x in load_sample_images().images]


def photo(image: Pillow.Image, width: int, height: int, seed: int) -> np.ndarray[Any, Any]:
    """The photograph at a size, with the grain that a sensor leaves."""
    rng = np.random.default_rng(seed)
    pixels = np.asarray(image.resize((width, height), Pillow.Resampling.BICUBIC)).astype(np.float32)
    pixels += rng.standard_normal(pixels.shape, dtype=np.float32) * 2
    return np.clip(pixels, 0, 255).astype(np.uint8)


def write_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    temple, flower = photographs()
    endings = {"temple": "jpg", "flower": "jp2", "square": "bmp", "map": "tif"}
    files = {name: folder / f"{name}.{ending}" for name, ending in endings.items()}
    Pillow.fromarray(photo(temple, 720, 720, 1)).save(files["temple"], quality=90)
    Pillow.fromarray(photo(flower, 640, 475, 2)).save(files["flower"], irreversible=True, quality_mode="rates", quality_layers=[10])
    Pillow.fromarray(photo(flower, 720, 720, 3)).save(files["square"])
    tifffile.imwrite(files["map"], photo(temple, 5000, 6400, 4), photometric="rgb", rowsperstrip=1)
    return files


def close(got: Any, want: np.ndarray[Any, Any], tolerance: float) -> bool:
    got = np.asarray(got)
    return got.shape == want.shape and got.dtype == want.dtype and float(np.abs(got.astype(np.int16) - want).mean()) <= tolerance


def psnr(got: Any, want: np.ndarray[Any, Any]) -> float:
    error = np.square(np.asarray(got).astype(np.float32) - want).mean()
    return float(10 * np.log10(255**2 / max(float(error), 1e-9)))


def decoding(walk: Walk, files: dict[str, pathlib.Path], want: dict[str, np.ndarray[Any, Any]], decoder: restride.Decoder) -> None:
    walk.step("Read a JPEG", 'image = decoder.read("temple.jpg")', "A new Image has a buffer of exactly its size.")
    image = first = decoder.read(files["temple"])
    walk.memory("image", image)
    walk.picture(image, "720 × 720, JPEG")
    walk.check("size = capacity = 1,555,200 bytes", image.size == image.capacity == 1555200)
    walk.check("pixels are Pillow's", close(image, want["temple"], LOSSY))

    walk.step("Read a smaller picture into it", 'decoder.read("flower.jp2", image=image)',
              "Another format, another size, the same object and the same memory: size shrinks, capacity stays.")  # fmt: skip
    image = decoder.read(files["flower"], image=image)
    walk.memory("image", image)
    walk.picture(image, "640 × 475, JPEG 2000")
    walk.check("the same Image came back", image is first)
    walk.check("912,000 of 1,555,200 bytes used", (image.size, image.capacity) == (912000, 1555200))
    walk.check("pixels are Pillow's", close(image, want["flower"], LOSSY))

    walk.step("Decode a batch", "images = decoder.decode([bmp, jpeg])",
              "A CodeStream knows size and codec from its headers before anything is decoded. A list is decoded on all cores.")  # fmt: skip
    streams = [restride.CodeStream(files[n]) for n in ("square", "temple")]
    known = [(s.width, s.height, s.codec_name) for s in streams]
    images = decoder.decode(streams)
    for name, i in zip(("BMP", "JPEG"), images):
        walk.memory(name, i)
        walk.picture(i, f"720 × 720, {name}")
    walk.check("sizes and codecs known beforehand", known == [(720, 720, "bmp"), (720, 720, "jpeg")])
    walk.check("BMP exact, JPEG as Pillow's", close(images[0], want["square"], EXACT) and close(images[1], want["temple"], LOSSY))

    walk.step("Decode another batch into the same images", "decoder.decode([jp2, tiff], images=images)",
              "The first shrinks and keeps its capacity; the second grows to 96 MB, once. Both stay the same objects.")  # fmt: skip
    again = decoder.decode([restride.CodeStream(files[n]) for n in ("flower", "map")], images=images)
    for name, i in zip(("JPEG 2000", "TIFF"), again):
        walk.memory(name, i)
    walk.picture(again[1], "5000 × 6400, TIFF")
    walk.check("the same two objects", all(a is b for a, b in zip(again, images)))
    walk.check("capacities 1,555,200 and 96,000,000", [i.capacity for i in again] == [1555200, 96000000])
    walk.check("TIFF exact, JPEG 2000 as Pillow's", close(again[0], want["flower"], LOSSY) and close(again[1], want["map"], EXACT))


def encoding(walk: Walk, decoder: restride.Decoder, encoder: restride.Encoder) -> None:
    temple, flower = photographs()
    one, two = photo(temple, 3840, 2160, 5), photo(flower, 3840, 2160, 6)
    rng = np.random.default_rng(7)

    walk.step("Encode into a new code stream", 'stream = encoder.encode(pixels, "jpeg2k")',
              "A new stream is exactly as large as its content.")  # fmt: skip
    stream = encoder.encode(one, "jpeg2k")
    walk.memory("stream", stream)
    walk.check("size = capacity", stream.size == stream.capacity > 0)
    quality = psnr(decoder.decode(stream), one)
    walk.check(f"decodes back at {quality:.1f} dB", quality > 35)
    first_size = stream.size

    walk.step("Encode another picture into it", 'encoder.encode(other, "jpeg2k", code_stream_s=stream)',
              "The stream is the caller's: its buffer is used again, and replaced only by a larger one.")  # fmt: skip
    before = stream
    stream = encoder.encode(two, "jpeg2k", code_stream_s=stream)
    walk.memory("stream", stream)
    walk.check("the same CodeStream came back", stream is before)
    walk.check("capacity never shrank", stream.capacity >= max(stream.size, first_size))
    quality = psnr(decoder.decode(stream), two)
    walk.check(f"decodes back at {quality:.1f} dB", quality > 35)

    walk.step("Encode into a preallocated stream", "stream = CodeStream(24 * 2**20, pin_memory=True)",
              "Its capacity is yours to choose, and stays.")  # fmt: skip
    stream = before = restride.CodeStream(24 * 1024 * 1024, pin_memory=True)
    stream = encoder.encode(one, "jpeg2k", code_stream_s=stream)
    walk.memory("stream", stream)
    walk.check("24 MiB kept", stream is before and stream.capacity == 25165824)
    walk.check("the content is that of the first encode", stream.size == first_size)

    walk.step("Encode something too large for it", 'encoder.encode(large, "jpeg2k", code_stream_s=stream)',
              "7680 × 4320 pixels of noise, which nothing compresses, do not fit 24 MiB: the stream grows by itself.")  # fmt: skip
    noise = rng.integers(0, 255, (4320, 7680, 3), dtype=np.uint8)
    stream = encoder.encode(noise, "jpeg2k", code_stream_s=stream)
    walk.memory("stream", stream)
    walk.check("grown, the same object", stream is before and stream.capacity >= stream.size > 25165824)
    quality = psnr(decoder.decode(stream), noise)
    walk.check(f"decodes back at {quality:.1f} dB", quality > 35)


def external(walk: Walk, files: dict[str, pathlib.Path], want: dict[str, np.ndarray[Any, Any]], decoder: restride.Decoder) -> None:
    temple = files["temple"]
    walk.step("Decode into an array you own", "decoder.decode(jpeg, image=as_image(buffer))",
              "The picture fits the buffer of 800 × 800 by rows, so it stands in its upper left corner.")  # fmt: skip
    buffer = np.zeros((800, 800, 3), np.uint8)
    target = restride.as_image(buffer)
    image = decoder.decode(temple, image=target)
    walk.memory("buffer", image)
    walk.check("the same Image, now 720 × 720", image is target and image.shape == (720, 720, 3))
    walk.check("the pixels are in the array", close(buffer[:720, :720], want["temple"], LOSSY))

    walk.step("Decode into a slice", "decoder.decode(jpeg, image=as_image(buffer[40:-40, 40:-40]))",
              "Rows are written with the array's own stride; nothing outside the slice is touched.")  # fmt: skip
    buffer[:] = 0
    decoder.decode(temple, image=restride.as_image(buffer[40:-40, 40:-40]))
    walk.picture(buffer, "800 × 800 array, 720 × 720 slice")
    outside = buffer.copy()
    outside[40:-40, 40:-40] = 0
    walk.check("the slice holds the picture", close(buffer[40:-40, 40:-40], want["temple"], LOSSY))
    walk.check("outside is still zero", not outside.any())

    walk.step("Decode four regions into four quarters", "decoder.decode(regions, images=quarters)",
              "Only what each region needs is decoded. The fourth is smaller than its quarter.")  # fmt: skip
    buffer[:] = 0
    whole = restride.CodeStream(temple)
    corners = [((300, 300), (700, 700)), ((0, 0), (400, 400)), ((0, 300), (400, 700)), ((80, 250), (400, 600))]
    quarters = [buffer[:400, :400], buffer[:400, 400:], buffer[400:, :400], buffer[400:, 400:]]
    parts = [whole.get_sub_code_stream(region=restride.Region(start, end)) for start, end in corners]
    decoder.decode(parts, images=[restride.as_image(q) for q in quarters])
    walk.picture(buffer, "four regions, one array")
    held = []
    for quarter, ((y0, x0), (y1, x1)) in zip(quarters, corners):
        h, w = y1 - y0, x1 - x0
        held.append(close(quarter[:h, :w], want["temple"][y0:y1, x0:x1], LOSSY) and not quarter[h:].any() and not quarter[:, w:].any())
    walk.check("each quarter is its crop, the rest zero", all(held))

    walk.step("Decode into a buffer of another shape", "decoder.decode(jp2, image=as_image(long_buffer))",
              "100 × 4000 pixels of contiguous memory hold 475 × 640: the buffer is reshaped and its prefix used.")  # fmt: skip
    buffer = np.zeros((100, 4000, 3), np.uint8)
    image = decoder.decode(files["flower"], image=restride.as_image(buffer))
    walk.memory("buffer", image)
    flat = buffer.reshape(-1)
    walk.check("the picture is the prefix", close(flat[: image.size].reshape(475, 640, 3), want["flower"], LOSSY))
    walk.check("the rest is still zero", not flat[image.size :].any())


def refusals(walk: Walk, files: dict[str, pathlib.Path], decoder: restride.Decoder) -> None:
    def refused(target: np.ndarray[Any, Any], message: str) -> None:
        target[:] = 9
        try:
            decoder.decode(files["temple"], image=restride.as_image(target))
        except restride.Error as error:
            walk.check(f"refused: “{error}”", message in str(error))
        else:
            walk.check("refused", False)
        walk.check("the buffer is as it was", (target == 9).all())

    walk.step("A buffer that is too small", "decoder.decode(jpeg, image=as_image(small))", "Refused before anything is written.")
    refused(np.zeros((100, 4000, 3), np.uint8), "Existing buffer is too small to fit new image")
    walk.step("A slice whose rows do not fit", "decoder.decode(jpeg, image=as_image(buffer[10:-10, 10:-10]))",
              "A padded buffer cannot be reshaped: its rows are where they are.")  # fmt: skip
    refused(np.zeros((100, 4000, 3), np.uint8)[10:-10, 10:-10],
            "Existing buffer is not continuous. Row size or height are too small to fit new image.")  # fmt: skip


def timings(files: dict[str, pathlib.Path], decoder: restride.Decoder, encoder: restride.Encoder) -> list[Column]:
    """Medians, with and without reuse in turn within one process; and what a call allocates once it is warm."""
    jpeg, tiff = (restride.CodeStream(files[n].read_bytes()) for n in ("temple", "map"))
    batch = [jpeg] * 32
    raw = decoder.decode(tiff)
    one, many, large, stream = decoder.decode(jpeg), decoder.decode(batch), decoder.decode(tiff), encoder.encode(raw, "bmp")
    cases = [
        ("decode a JPEG, 720 × 720", 40, lambda: decoder.decode(jpeg), lambda: decoder.decode(jpeg, image=one)),
        ("decode 32 of them", 6, lambda: decoder.decode(batch), lambda: decoder.decode(batch, images=many)),
        ("decode a TIFF, 5000 × 6400", 8, lambda: decoder.decode(tiff), lambda: decoder.decode(tiff, image=large)),
        ("encode 96 MB as BMP", 8, lambda: encoder.encode(raw, "bmp"), lambda: encoder.encode(raw, "bmp", code_stream_s=stream)),
    ]
    out = []
    for name, rounds, fresh, reused in cases:
        seconds: tuple[list[float], list[float]] = ([], [])
        allocations = [0, 0]
        for round_number in range(rounds + 1):
            for which, call in enumerate((fresh, reused)):
                before = allocation_count()
                start = time.perf_counter()
                result = call()
                elapsed = time.perf_counter() - start
                if round_number:  # the first round only warms
                    seconds[which].append(elapsed)
                    allocations[which] = allocation_count() - before
                del result
        out.append(Column(name, *(statistics.median(s) * 1e3 for s in seconds), *allocations))
    return out


def allocation_count() -> int:
    return sum(count["allocations"] for count in restride.memory_stats().values())


def main() -> int:
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    out.mkdir(parents=True, exist_ok=True)
    walk = Walk()
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(pathlib.Path(folder))
        want = {n: np.asarray(Pillow.open(files[n]).convert("RGB")) for n in ("temple", "flower", "square")}
        want["map"] = tifffile.imread(files["map"])
        cpu = [restride.BackendKind.CPU_ONLY]
        decoder, encoder = restride.Decoder(backends=cpu), restride.Encoder(backends=cpu)
        decoding(walk, files, want, decoder)
        encoding(walk, decoder, encoder)
        external(walk, files, want, decoder)
        refusals(walk, files, decoder)
        walk.progress("measure with and without reuse")
        columns = timings(files, decoder, encoder)
    page = out / "index.html"
    write_page(page, restride.__version__, walk.cards, columns)
    wrong = [(card.title, check.claim) for card in walk.cards for check in card.checks if not check.held]
    total = sum(len(card.checks) for card in walk.cards)
    walk.progress.finish(f"{total - len(wrong)} of {total} claims held; {page}")
    for title, claim in wrong:
        print(f"did not hold: {title}: {claim}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
