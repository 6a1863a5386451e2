# SPDX-License-Identifier: Apache-2.0
"""Lossless JPEG (SOF3), 2 to 16 bits, against libjpeg-turbo 3 as imagecodecs has it."""

import imagecodecs
import numpy as np
import pytest

import restride

KEEP = restride.DecodeParams(color_spec=restride.UNCHANGED, allow_any_depth=True)


def picture(bits, channels, h=37, w=53):
    rng = np.random.default_rng(bits * 10 + channels)
    y, x = np.mgrid[:h, :w]
    smooth = (x * 3 + y * 5)[..., None] * (1 << bits) // 600 + rng.integers(0, 1 << max(bits - 2, 1), (h, w, channels))
    return (smooth % (1 << bits)).astype(np.uint8 if bits <= 8 else np.uint16)


def encoded(pixels, bits, predictor):
    squeezed = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    options = {} if pixels.shape[2] == 1 else {"colorspace": "RGB", "outcolorspace": "RGB"}
    return imagecodecs.jpeg8_encode(squeezed, lossless=True, bitspersample=bits, predictor=predictor, **options)


@pytest.mark.parametrize("bits", [2, 7, 8, 10, 12, 16])
@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_predictor_and_depth(bits, predictor, channels):
    pixels = picture(bits, channels)
    data = encoded(pixels, bits, predictor)
    stream = restride.CodeStream(data)
    assert stream.precision == bits and stream.dtype == pixels.dtype and stream.num_channels == channels
    decoder = restride.Decoder(on_error="raise")
    image = decoder.decode(data, params=KEEP)
    assert (np.asarray(image) == pixels).all() and image.precision == bits
    region = stream.get_sub_code_stream(region=restride.Region(5, 7, 30, 41))
    assert (np.asarray(decoder.decode(region, params=KEEP)) == pixels[5:30, 7:41]).all()
    eight = np.asarray(decoder.decode(data, params=restride.DecodeParams(color_spec=restride.UNCHANGED)))
    top = (1 << bits) - 1
    assert eight.dtype == np.uint8 and (eight == (pixels.astype(np.int64) * 255 + top // 2) // top).all()


def test_the_other_encoder():
    pixels = picture(12, 1)[..., 0]
    data = imagecodecs.ljpeg_encode(pixels, bitspersample=12)
    assert (np.asarray(restride.Decoder(on_error="raise").decode(data, params=KEEP))[..., 0] == pixels).all()


def test_damage_is_found():
    decoder = restride.Decoder(on_error="raise")
    data = bytes(encoded(picture(12, 3), 12, 4))
    for size in range(200, len(data) - 2, 97):
        with pytest.raises(restride.Error):
            decoder.decode(data[:size], params=KEEP)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(2, len(data), 3):
            damaged[at] = rng.integers(0, 256)
        try:
            decoder.decode(bytes(damaged), params=KEEP)
        except (restride.Error, ValueError):
            pass


def written(pixels, bits, restart_rows=0, scans=False):
    """A file by the plainest encoder there is: predictor 1, codes of five bits for all sizes."""
    height, width, channels = pixels.shape

    def segment(marker, data):
        return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data

    def coded(rows):
        text = ""
        for y, row in enumerate(rows):
            for x in range(width):
                for k in range(rows.shape[2]):
                    above = y > 0 and not (restart_rows and y % restart_rows == 0)
                    guess = int(row[x - 1, k]) if x else int(rows[y - 1, 0, k]) if above else 1 << (bits - 1)
                    difference = int(row[x, k]) - guess
                    size = abs(difference).bit_length()
                    text += f"{size:05b}"
                    if size:
                        text += f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
            if y + 1 == height or (restart_rows and (y + 1) % restart_rows == 0):
                text += "1" * (-len(text) % 8)
                data = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0") if text else b""
                marker = bytes([0xFF, 0xD0 + (y // restart_rows) % 8]) if y + 1 < height else b""
                yield data + marker
                text = ""

    frame = bytes([bits]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([channels])
    out = b"\xff\xd8" + segment(0xC3, frame + b"".join(bytes([k + 1, 0x11, 0]) for k in range(channels)))
    out += segment(0xC4, bytes([0, 0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17)))
    if restart_rows:
        out += segment(0xDD, (restart_rows * width).to_bytes(2, "big"))
    groups = [[k] for k in range(channels)] if scans else [list(range(channels))]
    for group in groups:
        header = bytes([len(group)]) + b"".join(bytes([k + 1, 0]) for k in group) + bytes([1, 0, 0])
        out += segment(0xDA, header) + b"".join(coded(pixels[:, :, group]))
    return out + b"\xff\xd9"


@pytest.mark.parametrize("restart_rows", [0, 1, 5])
@pytest.mark.parametrize("scans", [False, True])
@pytest.mark.parametrize("bits,channels", [(8, 1), (12, 3), (16, 3)])
def test_restart_intervals_and_several_scans(bits, channels, restart_rows, scans):
    pixels = picture(bits, channels, 23, 31)
    data = written(pixels, bits, restart_rows, scans)
    decoder = restride.Decoder(on_error="raise")
    assert (np.asarray(decoder.decode(data, params=KEEP)) == pixels).all()
    part = restride.CodeStream(data).get_sub_code_stream(region=restride.Region(4, 3, 20, 30))
    assert (np.asarray(decoder.decode(part, params=KEEP)) == pixels[4:20, 3:30]).all()
    if restart_rows:
        lost = data.replace(b"\xff\xd2", b"", 1)
        with pytest.raises(restride.Error):
            decoder.decode(lost, params=KEEP)
    if scans and channels > 1:
        with pytest.raises(restride.TruncatedError):
            decoder.decode(data[: data.rindex(b"\xff\xda")] + b"\xff\xd9", params=KEEP)
