# SPDX-License-Identifier: Apache-2.0
"""All files of a corpus of real and damaged pictures, where it is there: none may be wrong, none may crash or hang.

The corpus is looked for in RESTRIDE_CORPORA, or in ../shared/corpora beside the checkout.
"""

import collections
import csv
import multiprocessing
import os
import pathlib
import resource
import warnings

import numpy as np
import pytest

import references
import restride

ROOT = pathlib.Path(os.environ.get("RESTRIDE_CORPORA", pathlib.Path(__file__).resolve().parents[4] / "shared" / "corpora"))
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="the corpus is not there")
FUZZED = ("fuzz-go", "fuzz-zune")

# Files whose judge is not right, or that have no right answer; each was looked at.
EXCEPTIONS = {
    "libtiff/test/images/testfax4.tiff": "the judge differs from libtiff's own reference output, which is what comes out here",
    "pillow/Tests/images/bmp/b/badrle.bmp": "a file that is bad on purpose: any picture or refusal is right",
    "wuffs/test/data/peacock.progressive.scan000.jpeg": "one scan of ten: libjpeg-turbo versions smooth such blocks differently",
}
# A codec may refuse valid files, but no more of them than this without somebody noticing.
MOST_REFUSED = {"jpeg": 6, "png": 4, "bmp": 4, "tiff": 6, "jpeg2k": 0, "webp": 0, "pnm": 0}


def files(fuzzed):
    for path in sorted(ROOT.rglob("*")):
        top = path.relative_to(ROOT).parts[0]
        if path.is_file() and top != "expect" and (top in FUZZED) == fuzzed:
            yield path


def test_valid_files(capsys):
    decoder = restride.Decoder(on_error="raise")
    table = collections.Counter()
    wrong = []
    for path in files(fuzzed=False):
        data = path.read_bytes()
        try:
            codec = restride.CodeStream(data).codec_name
        except RuntimeError:
            continue  # not a picture of these formats, or one whose headers are bad on purpose
        name = path.relative_to(ROOT).as_posix()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict, note = references.verdict(decoder, path, data, codec)
        if name in EXCEPTIONS:
            verdict = "unchecked"
        table[codec, verdict] += 1
        if verdict == "wrong":
            wrong.append(f"{name}: {note}")
    verdicts = ("right", "refused", "unchecked", "wrong")
    with capsys.disabled():
        print("\nformat   " + "".join(f"{v:>10}" for v in verdicts))
        for codec in MOST_REFUSED:
            print(f"{codec:<9}" + "".join(f"{table[codec, v]:>10}" for v in verdicts))
    assert not wrong, "\n".join(wrong)
    for codec, most in MOST_REFUSED.items():
        assert table[codec, "refused"] <= most, codec
        assert table[codec, "right"] > 0, codec


def test_files_that_must_fail():
    decoder = restride.Decoder(on_error="raise")
    bad = sorted((ROOT / "pngsuite" / "png").glob("x*.png"))
    assert bad
    for path in bad:
        with pytest.raises(RuntimeError):
            decoder.decode(path)


def read_pgx(path):
    header, pixels = path.read_bytes().split(b"\n", 1)
    order, depth, width, height = header.split()[1], *[int(v) for v in header.replace(b"+", b" ").replace(b"-", b" ").split()[-3:]]
    signed = b"-" in header
    dtype = np.dtype(f"{'>' if order == b'ML' else '<'}{'i' if signed else 'u'}{1 if depth <= 8 else 2 if depth <= 16 else 4}")
    return np.frombuffer(pixels, dtype, width * height).reshape(height, width).astype(np.int64)


def test_jpeg2000_conformance():
    """Limits of ISO/IEC 15444-4 against its reference pictures."""
    decoder = restride.Decoder(on_error="raise")
    folder = ROOT / "openhtj2k" / "conformance_data"
    with open(ROOT / "expect" / "openhtj2k_conformance.tsv") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert rows
    for row in rows:
        stream = restride.CodeStream(folder / row["file"])
        subsampled = int(stream.chroma_subsampling) > 0
        color = restride.ColorSpec.SYCC if subsampled else restride.ColorSpec.UNCHANGED
        params = restride.DecodeParams(color_spec=color, allow_any_depth=True, reduce=int(row["reduce"]))
        got = np.asarray(decoder.decode(stream, params=params))[..., int(row["component"])].astype(np.int64)
        want = read_pgx(folder / row["reference"])
        if got.shape != want.shape:  # a subsampled component, repeated
            got = got[:: round(got.shape[0] / want.shape[0]), :: round(got.shape[1] / want.shape[1])][: want.shape[0], : want.shape[1]]
        difference = np.abs(got - want)
        assert difference.max() <= int(row["peak"]), (row, difference.max())
        assert (difference**2).mean() <= float(row["mse"]) + 1e-3, row


def _decode_all(paths, conn):
    limit = 1 << 30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    decoder = restride.Decoder(max_num_cpu_threads=1, on_error="raise")
    params = [references.SRGB, references.UNCHANGED]
    for path in paths:
        data = path.read_bytes()
        outcomes = []
        for p in params:
            try:
                outcomes.append(hash(np.asarray(decoder.decode(data, params=p)).tobytes()))
            except (restride.Error, RuntimeError, MemoryError) as error:
                outcomes.append(type(error).__name__)
        conn.send((path, outcomes))
    conn.send(None)


def test_malformed_files():
    """A child process with 1 GiB: no crash, and no file takes more than 5 s."""
    paths = list(files(fuzzed=True))
    assert paths
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_decode_all, args=(paths, send))
    child.start()
    send.close()
    done = None
    try:
        for _ in range(len(paths) + 1):
            if not receive.poll(30 if done is None else 5):
                pytest.fail(f"no answer within 5 s after {done}")
            message = receive.recv()
            if message is None:
                return
            done = message[0]
    except EOFError:
        pytest.fail(f"the process died after {done}")
    finally:
        child.kill()
        child.join()
