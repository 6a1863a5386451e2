# SPDX-License-Identifier: Apache-2.0
"""Where pictures of a data set come from: files, folders, shards (tar) and bytes. Nothing here decodes."""

from __future__ import annotations

import mmap
import os
import pathlib
import tarfile
from collections.abc import Iterable, Sequence
from typing import Any

from ._errors import InvalidArgumentError, IoError, NotFoundError

EXTENSIONS = (".jpg", ".jpeg", ".jp2", ".j2k", ".jpc", ".jpx", ".jph", ".jhc", ".tif", ".tiff", ".png", ".webp", ".bmp", ".pnm", ".ppm",
              ".pgm", ".pbm")  # fmt: skip


class Samples:
    """Pictures by number: what to decode, a name for messages, and a label where there are any.

    Attributes: ``names`` (list of str), ``labels`` (list of int, or None), ``classes`` (names of the labels, or None).
    Picklable; a copy in another process opens its files itself.
    """

    names: Sequence[str]
    labels: Sequence[int] | None = None
    classes: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def source(self, i: int) -> Any:
        """What Decoder.decode takes for picture i: a path, or its bytes without a copy."""
        raise NotImplementedError

    def _check(self) -> None:
        if self.labels is not None and len(self.labels) != len(self):
            raise InvalidArgumentError(f"{len(self)} pictures have {len(self.labels)} labels")


class _Files(Samples):
    def __init__(self, paths: Iterable[Any], labels: Sequence[int] | None, classes: Sequence[str] | None = None) -> None:
        self.names = [os.fspath(p) for p in paths]
        self.labels, self.classes = labels, classes
        self._check()

    def source(self, i: int) -> Any:
        return self.names[i]


class _Blobs(Samples):
    def __init__(self, blobs: Sequence[Any], labels: Sequence[int] | None) -> None:
        self._blobs, self.labels = list(blobs), labels
        self.names = [f"#{i}" for i in range(len(self._blobs))]
        self._check()

    def source(self, i: int) -> Any:
        return self._blobs[i]


class _Shards(Samples):
    def __init__(self, paths: Iterable[Any], label: str | None) -> None:
        self._paths = [os.fspath(p) for p in paths]
        self._maps: dict[int, memoryview] = {}
        self._places: list[tuple[int, int, int]] = []  # shard, offset, bytes
        self.names, labels = [], []
        for number, path in enumerate(self._paths):
            for name, offset, size, value in _index(path, label):
                self.names.append(f"{path}/{name}")
                self._places.append((number, offset, size))
                labels.append(value)
        self.labels = labels if label is not None else None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_maps": {}}

    def source(self, i: int) -> Any:
        number, offset, size = self._places[i]
        view = self._maps.get(number)
        if view is None:
            with open(self._paths[number], "rb") as file:
                view = self._maps[number] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if offset + size > len(view):
            raise IoError(f"{self.names[i]} lies outside its shard, which has become shorter since it was indexed")
        return view[offset : offset + size]


def _index(path: str, label: str | None) -> list[tuple[str, int, int, int]]:
    """(name, offset, size, label) of the pictures of a shard. Members of one sample share all before the base name's first dot."""
    pictures: dict[str, tuple[str, int, int]] = {}
    values: dict[str, int] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if not member.isreg():
                    continue
                folder, _, base = member.name.rpartition("/")
                stem, _, ending = base.partition(".")
                key = f"{folder}/{stem}"
                if os.path.splitext(base)[1].lower() in EXTENSIONS:
                    if key in pictures:
                        raise InvalidArgumentError(f"{path}: two pictures go by the name {key}: {pictures[key][0]} and {member.name}")
                    pictures[key] = (member.name, member.offset_data, member.size)
                elif ending == label:
                    file = tar.extractfile(member)
                    values[key] = int(file.read(32)) if file is not None else -1
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such shard") from None
    except (tarfile.TarError, ValueError, OSError) as error:
        raise IoError(f"{path} is not a shard that can be read (an uncompressed tar, with numbers in its .{label} members): "
                      f"{error}") from error  # fmt: skip
    without = [name for key, (name, _, _) in pictures.items() if label is not None and key not in values]
    if without:
        raise InvalidArgumentError(f"{path}: {len(without)} pictures have no .{label} member beside them, the first is {without[0]}; "
                                   "label=None reads them without labels")  # fmt: skip
    return [(*place, values.get(key, -1)) for key, place in pictures.items()]


def files(paths: Iterable[Any], labels: Sequence[int] | None = None) -> Samples:
    """Pictures in files, in the order given."""
    return _Files(paths, labels)


def blobs(data: Sequence[Any], labels: Sequence[int] | None = None) -> Samples:
    """Pictures whose encoded bytes are in memory already."""
    return _Blobs(data, labels)


def folder(root: Any) -> Samples:
    """Pictures below ``root``, sorted. Where it has folders, each is a class, as torchvision's ImageFolder has it."""
    base = pathlib.Path(root)
    if not base.is_dir():
        raise NotFoundError(f"{base}: no such folder")
    found = sorted(p for p in base.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not found:
        raise NotFoundError(f"{base} holds no picture: known are {' '.join(EXTENSIONS)}")
    classes = sorted({p.relative_to(base).parts[0] for p in found if p.parent != base})
    if not classes:
        return _Files(found, None)
    loose = [p for p in found if p.parent == base]
    if loose:
        raise InvalidArgumentError(f"{base} has folders, which are classes, and {len(loose)} pictures beside them, without a class: "
                                   f"{loose[0].name}")  # fmt: skip
    numbers = {name: i for i, name in enumerate(classes)}
    return _Files(found, [numbers[p.relative_to(base).parts[0]] for p in found], classes)


def shards(paths: Any, label: str | None = "cls") -> Samples:
    """Pictures in WebDataset-like shards: uncompressed tar files, read in place by offset.

    label: the ending of the members that hold the class as a decimal number; None: there are none.
    """
    return _Shards([paths] if isinstance(paths, (str, os.PathLike)) else paths, label)


def samples_of(source: Any) -> Samples:
    """Samples from what users have at hand: Samples, a folder, a .tar, or a list of paths, of .tar or of bytes."""
    if isinstance(source, Samples):
        return source
    if isinstance(source, (str, os.PathLike)):
        if os.fspath(source).endswith(".tar"):
            return shards(source)
        return folder(source) if os.path.isdir(source) else files([source])
    source = list(source)
    if source and all(isinstance(s, (bytes, bytearray, memoryview)) for s in source):
        return blobs(source)
    if source and all(isinstance(s, (str, os.PathLike)) and os.fspath(s).endswith(".tar") for s in source):
        return shards(source)
    return files(source)
