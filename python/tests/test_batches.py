# SPDX-License-Identifier: Apache-2.0
"""What nvImageCodec's users miss (section "better on purpose", 9): one array for a batch, smaller sizes, workers, logging."""

import concurrent.futures
import io
import logging
import multiprocessing
import warnings

import numpy as np
import pytest
import tifffile

import restride


def picture(seed=0, h=24, w=32, c=3, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (h, w, c), dtype=dtype, endpoint=True)


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder()


@pytest.fixture(scope="module")
def files():
    return [bytes(s) for s in restride.Encoder().encode([picture(i) for i in range(5)], "png")]


def test_interleaved_batch(decoder, files):
    out = np.full((6, 24, 32, 3), 7, np.uint8)
    images = decoder.decode(files, out=out)
    for i, image in enumerate(images):
        assert (out[i] == picture(i)).all() and np.shares_memory(np.asarray(image), out[i])
    assert (out[5] == 7).all()
    assert decoder.read(files, out=out)[0].shape == (24, 32, 3)


def test_planar_batch(decoder, files):
    out = np.zeros((5, 3, 24, 32), np.uint8)
    decoder.decode(files, out=out, params=restride.DecodeParams(sample_format=restride.SampleFormat.P_RGB))
    assert all((out[i] == picture(i).transpose(2, 0, 1)).all() for i in range(5))


@pytest.mark.parametrize("planar", [False, True])
def test_gray_batches_need_no_channel_axis(decoder, files, planar):
    form = restride.SampleFormat.P_Y if planar else restride.SampleFormat.I_Y
    params = restride.DecodeParams(color_spec=restride.GRAY, sample_format=form)
    out = np.zeros((5, 24, 32), np.uint8)
    decoder.decode(files, out=out, params=params)
    for i in range(5):
        want = np.asarray(decoder.decode(files[i], params=restride.DecodeParams(color_spec=restride.GRAY)))[..., 0]
        assert (out[i] == want).all()


def test_padded_and_strided_batches(decoder, files):
    space = np.full((5, 30, 40, 3), 9, np.uint8)
    part = space[:, 2:26, 4:36]
    decoder.decode(files, out=part)
    assert all((part[i] == picture(i)).all() for i in range(5))
    space[:, 2:26, 4:36] = 9
    assert (space == 9).all()
    every_other = np.full((10, 24, 32, 3), 9, np.uint8)
    decoder.decode(files, out=every_other[::2])
    assert (every_other[::2][3] == picture(3)).all() and (every_other[1::2] == 9).all()


def test_sixteen_bits(decoder):
    pixels = [picture(i, c=1, dtype=np.uint16) for i in range(3)]
    data = [bytes(s) for s in restride.Encoder().encode(pixels, "png")]
    out = np.zeros((3, 24, 32, 1), np.uint16)
    decoder.decode(data, out=out, params=restride.DecodeParams(color_spec=restride.UNCHANGED, allow_any_depth=True))
    assert all((out[i] == pixels[i]).all() for i in range(3))


def test_what_does_not_fit_is_left_out(decoder, files):
    other = bytes(restride.Encoder().encode(picture(9, h=20), "png"))
    out = np.full((3, 24, 32, 3), 5, np.uint8)
    with pytest.warns(restride.CodecWarning, match="24, 32, 3 of 1"):
        images = decoder.decode([files[0], other, files[2]], out=out)
    assert images[1] is None and (out[1] == 5).all() and (out[0] == picture(0)).all() and (out[2] == picture(2)).all()
    with pytest.raises(restride.UnsupportedError, match="1 of 2|of 1 bytes"):
        decoder.decode(files[:1], out=np.zeros((1, 24, 32, 3), np.uint16), on_error="raise")
    with pytest.raises(restride.UnsupportedError):  # a planar array without a planar sample format
        decoder.decode(files[:1], out=np.zeros((1, 3, 24, 32), np.uint8), on_error="raise")


def test_arrays_that_are_refused(decoder, files):
    read_only = np.zeros((5, 24, 32, 3), np.uint8)
    read_only.flags.writeable = False
    for out, text in [
        (np.zeros((4, 24, 32, 3), np.uint8), "room for 4 pictures"),
        (np.zeros((5, 24), np.uint8), "2 dimensions"),
        (read_only, "read-only"),
        (np.zeros((5, 24, 32, 3), ">u2"), "byte order"),
        (np.lib.stride_tricks.as_strided(np.zeros(24 * 32 * 3, np.uint8), (5, 24, 32, 3), (0, 96, 3, 1)), "overlap"),
    ]:
        with pytest.raises(ValueError, match=text):
            decoder.decode(files, out=out)
    for call in (dict(out=5), dict(out=np.zeros((5, 24, 32, 3), np.uint8), images=[None] * 5)):
        with pytest.raises(TypeError):
            decoder.decode(files, **call)
    with pytest.raises(TypeError):
        decoder.decode(files[0], out=np.zeros((1, 24, 32, 3), np.uint8))


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2k"])
def test_fit_within(decoder, codec):
    smooth = np.add.outer(np.arange(200), np.arange(320))[..., None].repeat(3, 2).astype(np.uint8) // 3
    data = restride.CodeStream(bytes(restride.Encoder().encode(smooth, codec)))
    for fit, reduce in (((200, 320), 0), ((199, 400), 1), ((100, 160), 1), ((60, 80), 2), ((25, 40), 3)):
        small = decoder.decode(data, params=restride.DecodeParams(fit_within=fit))
        assert small.shape == (-(-200 // 2**reduce), -(-320 // 2**reduce), 3)
        assert (np.asarray(small) == np.asarray(decoder.decode(data, params=restride.DecodeParams(reduce=reduce)))).all()
    with pytest.raises(restride.UnsupportedError, match="cannot be made to fit within 5 x 5"):
        decoder.decode(data, params=restride.DecodeParams(fit_within=(5, 5)), on_error="raise")
    with pytest.raises(ValueError):
        decoder.decode(data, params=restride.DecodeParams(fit_within=(0, 5)))
    view = data.get_sub_code_stream(region=restride.Region(3, 5, 40, 60))
    part = decoder.decode(view, params=restride.DecodeParams(fit_within=(100, 160)))
    whole = decoder.decode(data, params=restride.DecodeParams(reduce=1))
    assert (np.asarray(part) == np.asarray(whole)[3:40, 5:60]).all()


def test_fit_within_is_of_the_picture_as_shown(decoder):
    from PIL import Image as Pillow

    exif = Pillow.Exif()
    exif[274] = 6
    out = io.BytesIO()
    Pillow.fromarray(picture(0, 80, 120)).save(out, "JPEG", exif=exif)
    assert decoder.decode(out.getvalue(), params=restride.DecodeParams(fit_within=(60, 40))).shape == (60, 40, 3)
    stored = restride.DecodeParams(fit_within=(40, 60), apply_exif_orientation=False)
    assert decoder.decode(out.getvalue(), params=stored).shape == (40, 60, 3)


def pyramid(in_subifds, shapes, first=(101, 203, 3)):
    """A TIFF file whose overviews hold their own number in every sample."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        options = {"photometric": "rgb", "metadata": None}
        writer.write(np.full(first, 1, np.uint8), subifds=len(shapes) if in_subifds else 0, **options)
        for i, shape in enumerate(shapes):
            writer.write(np.full(shape, i + 2, np.uint8), subfiletype=1, **options)
        writer.write(np.full((50, 60, 3), 9, np.uint8), **options)
    return out.getvalue()


@pytest.mark.parametrize("in_subifds", [False, True])
def test_tiff_overviews(decoder, in_subifds):
    data = pyramid(in_subifds, [(51, 102, 3), (25, 50, 3)])  # one rounds up, one down
    stream = restride.CodeStream(data)
    assert stream.num_images == (2 if in_subifds else 4)
    for reduce, shape in ((0, (101, 203, 3)), (1, (51, 102, 3)), (2, (25, 50, 3))):
        image = np.asarray(decoder.decode(stream, params=restride.DecodeParams(reduce=reduce)))
        assert image.shape == shape and (image == reduce + 1).all()
    assert decoder.decode(stream, params=restride.DecodeParams(fit_within=(60, 110))).shape == (51, 102, 3)
    part = stream.get_sub_code_stream(region=restride.Region(10, 20, 24, 49))
    image = np.asarray(decoder.decode(part, params=restride.DecodeParams(reduce=2)))
    assert image.shape == (14, 29, 3) and (image == 3).all()
    last = stream.get_sub_code_stream(stream.num_images - 1)
    assert (np.asarray(decoder.decode(last)) == 9).all()
    for wrong in (restride.DecodeParams(reduce=3), restride.DecodeParams(fit_within=(10, 10))):
        with pytest.raises(restride.UnsupportedError):
            decoder.decode(stream, params=wrong, on_error="raise")
    with pytest.raises(restride.UnsupportedError):
        decoder.decode(last, params=restride.DecodeParams(reduce=1), on_error="raise")
    with pytest.raises(RuntimeError, match="out of range"):
        stream.get_sub_code_stream(stream.num_images)


def test_a_missing_level_is_said_to_be_missing(decoder):
    stream = restride.CodeStream(pyramid(True, [(26, 51, 3)]))
    assert decoder.decode(stream, params=restride.DecodeParams(reduce=2)).shape == (26, 51, 3)
    assert decoder.decode(stream, params=restride.DecodeParams(fit_within=(60, 110))).shape == (26, 51, 3)
    with pytest.raises(restride.UnsupportedError, match="no overview of that size"):
        decoder.decode(stream, params=restride.DecodeParams(reduce=1), on_error="raise")


def test_logging(decoder, caplog):
    with caplog.at_level(logging.INFO, logger="restride"), warnings.catch_warnings():
        warnings.simplefilter("ignore", restride.CodecWarning)
        decoder.decode([b"no picture"])
    assert [r.name for r in caplog.records] == ["restride"] and "image #0" in caplog.text


def work(data):
    return int(np.asarray(restride.Decoder(max_num_cpu_threads=2).decode(data)).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(decoder, files, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    decoder.decode(files)  # threads exist before the fork
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own advice about fork and threads
        with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            assert list(pool.map(work, files)) == [int(picture(i).sum()) for i in range(5)]


class Pictures:
    """A data set whose items are decoded in the workers."""

    def __init__(self, files):
        self.files = files
        self.decoder = None

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        self.decoder = self.decoder or restride.Decoder()
        return np.asarray(self.decoder.decode(self.files[i], on_error="raise")).copy()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_torch_data_loader(decoder, files, method):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    decoder.decode(files)
    loader = torch.utils.data.DataLoader(Pictures(files), batch_size=5, num_workers=2, multiprocessing_context=method)
    (batch,) = list(loader)
    assert all((batch[i].numpy() == picture(i)).all() for i in range(5))
    out = torch.zeros((5, 3, 24, 32), dtype=torch.uint8)
    decoder.decode(files, out=out, params=restride.DecodeParams(sample_format=restride.SampleFormat.P_RGB))
    assert all((out[i].numpy() == picture(i).transpose(2, 0, 1)).all() for i in range(5))
