# SPDX-License-Identifier: Apache-2.0
"""Metadata (nvImageCodec API, sections 1.6, 1.7 and 3.4): Metadata, Decoder.get_metadata; EXIF, ICC and XMP of all formats."""

import functools
import io
import json
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageCms, TiffImagePlugin

import restride
from restride import MetadataFormat, MetadataKind, MetadataType

XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta><?xpacket end="w"?>'
PIXELS = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)


@pytest.fixture(scope="module")
def decoder():
    return restride.Decoder()


@functools.cache  # a profile holds the time it was made
def icc_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_block():
    exif = Pillow.Exif()
    exif[271] = "A maker"
    exif[274] = 6
    exif.get_ifd(34665)[33434] = TiffImagePlugin.IFDRational(1, 250)
    exif.get_ifd(34665)[37500] = b"\x01\x02\x03\x04\x05\x06\x07"
    exif.get_ifd(34853)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def check_exif(block):
    """Reads a block by Pillow, and compares it with exif_block()."""
    exif = Pillow.Exif()
    exif.load(block)
    assert exif[271] == "A maker" and exif[274] == 6
    assert exif.get_ifd(34665)[33434] == 1 / 250 and exif.get_ifd(34665)[37500] == b"\x01\x02\x03\x04\x05\x06\x07"
    assert exif.get_ifd(34853)[1] == "N"


def pillow_file(form, **options):
    out = io.BytesIO()
    Pillow.fromarray(PIXELS).save(out, form, **options)
    return out.getvalue()


def kinds(blocks):
    return [m.kind for m in blocks]


def jp2_with(boxes, colr):
    """A JP2 file whose colr box is replaced, with boxes behind its header."""
    data = bytes(restride.Encoder().encode(PIXELS, "jpeg2k"))
    at = data.index(b"colr") - 4
    (length,) = struct.unpack_from(">I", data, at)
    header = data.index(b"jp2h") - 4
    (header_length,) = struct.unpack_from(">I", data, header)
    new = struct.pack(">I", 8 + len(colr)) + b"colr" + colr
    out = data[:header] + struct.pack(">I", header_length - length + len(new)) + data[header + 4 : at] + new
    out += data[at + length : header + header_length] + boxes + data[header + header_length :]
    return out


def uuid_box(uuid, content):
    return struct.pack(">I", 24 + len(content)) + b"uuid" + uuid + content


def test_the_class():
    empty = restride.Metadata()
    assert (empty.kind, empty.format, empty.value_type, empty.id, empty.value_count) == (0, 0, 0, 0, 0)
    assert empty.buffer == b"" and empty.buffer_size == 0 and empty.value is None
    geo = restride.Metadata(MetadataKind.GEO, MetadataFormat.JSON, b"abc")
    assert geo.value == b"abc" and geo.buffer_size == 3
    assert repr(geo) == (
        "Metadata(kind=MetadataKind.GEO format=MetadataFormat.JSON value_type=MetadataType.UNKNOWN id=0 value_count=0 buffer_size=3)"
    )
    with pytest.raises(AttributeError):
        geo.kind = MetadataKind.EXIF
    assert restride.XMP == MetadataFormat.XMP and restride.ICC_PROFILE == MetadataKind.ICC_PROFILE
    assert restride.TIFF_TAG_LIST == MetadataKind.TIFF_TAG_LIST == 10


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_icc_xmp(decoder, form):
    options = {"xmp": XMP} if form in ("JPEG", "WEBP") else {}
    data = pillow_file(form, icc_profile=icc_profile(), exif=b"Exif\0\0" + exif_block(), **options)
    blocks = decoder.get_metadata(restride.CodeStream(data))
    want = [MetadataKind.EXIF, MetadataKind.ICC_PROFILE] + [MetadataKind.XMP] * len(options)
    assert sorted(kinds(blocks)) == sorted(want)
    (icc,) = decoder.get_metadata(data, kind=MetadataKind.ICC_PROFILE)
    assert icc.buffer == icc_profile() and icc.format == MetadataFormat.RAW and icc.value == icc.buffer
    (exif,) = decoder.get_metadata(data, kind=MetadataKind.EXIF)
    check_exif(exif.buffer)
    upright = Pillow.Exif()
    upright.load(exif.with_orientation(1).buffer)
    assert upright[274] == 1 and exif.with_orientation(6).buffer == exif.buffer
    if options:
        (xmp,) = decoder.get_metadata(data, kind=MetadataKind.XMP)
        assert xmp.buffer == XMP and xmp.format == MetadataFormat.XMP
    assert decoder.get_metadata(data, kind=MetadataKind.GEO) == []
    assert decoder.get_metadata(pillow_file(form)) == []


@pytest.mark.parametrize("compressed", [0, 1])
def test_png_xmp(decoder, compressed):
    data = pillow_file("PNG")
    text = b"XML:com.adobe.xmp\0" + bytes([compressed, 0]) + b"\0\0" + (zlib.compress(XMP) if compressed else XMP)
    chunk = struct.pack(">I", len(text)) + b"iTXt" + text + struct.pack(">I", zlib.crc32(b"iTXt" + text))
    (xmp,) = decoder.get_metadata(data[:-12] + chunk + data[-12:])
    assert xmp.buffer == XMP and xmp.kind == MetadataKind.XMP
    damaged = bytearray(data[:-12] + chunk + data[-12:])
    damaged[-14] ^= 1
    with pytest.raises(restride.CorruptError):
        decoder.get_metadata(bytes(damaged))


def test_jp2(decoder):
    boxes = uuid_box(b"JpgTiffExif->JP2", exif_block()) + uuid_box(bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), XMP)
    exif, icc, xmp = decoder.get_metadata(jp2_with(boxes, b"\x02\0\0" + icc_profile()))
    check_exif(exif.buffer)
    assert icc.buffer == icc_profile() and xmp.buffer == XMP
    assert decoder.get_metadata(bytes(restride.Encoder().encode(PIXELS, "jpeg2k"))) == []


def test_a_large_profile_in_parts(decoder):
    profile = bytes(range(256)) * 700
    out = io.BytesIO()
    Pillow.fromarray(PIXELS).save(out, "JPEG", icc_profile=profile)
    (icc,) = decoder.get_metadata(out.getvalue())
    assert icc.buffer == profile
    data = out.getvalue()
    first = data.index(b"ICC_PROFILE\0\x01")
    (length,) = struct.unpack_from(">H", data, first - 2)
    with pytest.raises(restride.CorruptError, match="part 1 of 3") as caught:
        decoder.get_metadata(data[: first - 4] + data[first - 2 + length :])
    assert caught.value.offset is not None


def test_formats_without_tags(decoder):
    data = pillow_file("JPEG")
    for call in (dict(id=256), dict(kind=MetadataKind.TIFF_TAG_LIST), dict(kind=MetadataKind.TIFF_TAG)):
        with pytest.raises(RuntimeError, match="nvImageCodec failure: '#9'"):
            decoder.get_metadata(restride.CodeStream(data), **call)
    for form in ("BMP", "PPM"):
        assert decoder.get_metadata(pillow_file(form)) == []
    with pytest.raises(RuntimeError):
        decoder.get_metadata(b"no picture")


def tagged_tiff(bigtiff=False, order="<"):
    out = io.BytesIO()
    tags = [
        (65000, "B", 1, 7, True), (65001, "s", 0, "some text", True), (65002, "H", 3, (1, 2, 65535), True), (65003, "I", 1, 70000, True),
        (65004, "2I", 2, (1, 3, 2, 5), True), (65005, "b", 2, (-1, 2), True), (65006, 7, 5, b"\x01\x02\x03\x04\x05", True),
        (65007, "h", 1, -5, True), (65008, "i", 2, (-70000, 1), True), (65009, "2i", 1, (-1, 3), True),
        (65010, "f", 2, (0.5, -2.0), True), (65011, "d", 1, 1e-300, True),
    ]  # fmt: skip
    if bigtiff:
        tags += [(65012, 16, 1, 2**40, True), (65013, 17, 1, -(2**40), True)]
    with tifffile.TiffWriter(out, bigtiff=bigtiff, byteorder=order) as writer:
        writer.write(PIXELS, photometric="rgb", extratags=tags)
        writer.write(PIXELS[:5], photometric="rgb", description="second")
    return out.getvalue()


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_tiff_tags(decoder, bigtiff, order):
    data = tagged_tiff(bigtiff, order)
    stream = restride.CodeStream(data)

    def value(tag):
        return decoder.get_metadata(stream, id=tag).value

    assert value(65000) == 7 and value(65001) == "some text" and value(65002) == [1, 2, 65535] and value(65003) == 70000
    assert value(65004) == [(1, 3), (2, 5)] and value(65005) == [-1, 2] and value(65006) == b"\x01\x02\x03\x04\x05"
    assert value(65007) == -5 and value(65008) == [-70000, 1] and value(65009) == (-1, 3)
    assert value(65010) == [0.5, -2.0] and value(65011) == 1e-300
    if bigtiff:
        assert value(65012) == 2**40 and value(65013) == -(2**40)
    tag = decoder.get_metadata(stream, id=65002, kind=MetadataKind.TIFF_TAG)
    assert tag.kind == MetadataKind.TIFF_TAG and tag.format == MetadataFormat.RAW and tag.value_type == MetadataType.SHORT
    assert tag.id == 65002 and tag.value_count == 3 and tag.buffer == struct.pack("=3H", 1, 2, 65535)
    assert decoder.get_metadata(stream, id=64000) is None
    (listed,) = decoder.get_metadata(stream, kind=MetadataKind.TIFF_TAG_LIST)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        codes = [t.code for t in file.pages[0].tags.values()]
    assert listed.value == codes and listed.value_count == len(codes)
    assert [m.id for m in decoder.get_metadata(stream, kind=MetadataKind.TIFF_TAG)] == codes
    assert value(256) == 16 and decoder.get_metadata(stream.get_sub_code_stream(1), id=257).value == 5
    assert decoder.get_metadata(stream.get_sub_code_stream(1), id=270).value == "second"
    assert decoder.get_metadata(stream) == []
    for bad in (-1, 65536):
        with pytest.raises(ValueError) as caught:
            decoder.get_metadata(stream, id=bad)
        assert str(caught.value) == f"TIFF tag ID must be in range [0, 65535] (16-bit unsigned), got {bad}"
    with pytest.raises(ValueError, match="kind must be"):
        decoder.get_metadata(stream, id=1, kind=MetadataKind.GEO)


def test_geo(decoder):
    out = io.BytesIO()
    keys = (1, 1, 0, 5, 1024, 0, 1, 2, 1026, 34737, 8, 0, 2048, 0, 1, 4326, 2057, 34736, 1, 0, 2062, 34736, 2, 1)
    tags = [
        (33550, "d", 3, (0.25, 0.25, 0.0), True), (33922, "d", 6, (0, 0, 0, 440720.123456, 3751320.5, 0), True),
        (34735, "H", len(keys), keys, True), (34736, "d", 3, (6378137.0, 1.5, 2.5), True), (34737, "s", 0, 'WGS "84|rest|', True),
    ]  # fmt: skip
    tifffile.imwrite(out, PIXELS, photometric="rgb", extratags=tags)
    (geo,) = decoder.get_metadata(out.getvalue(), kind=MetadataKind.GEO)
    assert geo.format == MetadataFormat.JSON and b"\n" not in geo.buffer
    assert geo.buffer.startswith(b'{"MODEL_PIXEL_SCALE":[0.25,0.25,0],"MODEL_TIEPOINT":[0,0,0,440720.123456,')
    assert json.loads(geo.buffer) == {
        "MODEL_PIXEL_SCALE": [0.25, 0.25, 0], "MODEL_TIEPOINT": [0, 0, 0, 440720.123456, 3751320.5, 0], "GT_MODEL_TYPE": 2,
        "GT_CITATION": 'WGS "84', "GEODETIC_CRS": 4326, "ELLIPSOID_SEMI_MAJOR_AXIS": 6378137, "GEOG_TO_WGS84": [1.5, 2.5],
    }  # fmt: skip


SLIDES = [
    (MetadataKind.MED_APERIO, MetadataFormat.RAW, dict(description="Aperio Image Library v10\n10x10|AppMag = 20")),
    (MetadataKind.MED_PHILIPS, MetadataFormat.XML,
     dict(description='<?xml version="1.0"?><DataObject ObjectType="DPUfsImport"/>', software="Philips DP v1.0")),
    (MetadataKind.MED_LEICA, MetadataFormat.XML,
     dict(description='<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"/>')),
    (MetadataKind.MED_TRESTLE, MetadataFormat.RAW, dict(description="Objective Power=20;", software="MedScan")),
]  # fmt: skip


@pytest.mark.parametrize("kind,form,options", SLIDES, ids=[str(s[0]) for s in SLIDES])
def test_slides(decoder, kind, form, options):
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(PIXELS, photometric="rgb", metadata=None, **options)
        writer.write(PIXELS, photometric="rgb", metadata=None, description="level=1")
    stream = restride.CodeStream(out.getvalue())
    (block,) = decoder.get_metadata(stream)
    assert block.kind == kind and block.format == form and block.buffer == options["description"].encode()
    assert [m.kind for m in decoder.get_metadata(stream, kind=kind)] == [kind]
    second = decoder.get_metadata(stream.get_sub_code_stream(1))
    assert [(m.kind, m.format, m.buffer) for m in second] == (
        [(kind, MetadataFormat.RAW, b"level=1")] if kind == MetadataKind.MED_PHILIPS else []
    )


def test_ventana(decoder):
    packet = b"<EncodeInfo><SlideStitchInfo/></EncodeInfo><iScan Magnification='40'/>"
    out = io.BytesIO()
    tifffile.imwrite(out, PIXELS, photometric="rgb", extratags=[(700, 1, len(packet), packet, True)])
    (block,) = decoder.get_metadata(out.getvalue())
    assert block.kind == MetadataKind.MED_VENTANA and block.format == MetadataFormat.XMP and block.buffer == packet
    other = io.BytesIO()
    tifffile.imwrite(other, PIXELS, photometric="rgb", extratags=[(700, 1, len(XMP), XMP, True)])
    (block,) = decoder.get_metadata(other.getvalue())
    assert block.kind == MetadataKind.XMP and block.buffer == XMP


def test_damaged_blocks_are_errors_or_absent_never_crashes(decoder):
    sources = [pillow_file(f, icc_profile=icc_profile(), exif=b"Exif\0\0" + exif_block()) for f in ("JPEG", "PNG", "WEBP", "TIFF")]
    sources += [tagged_tiff(), jp2_with(uuid_box(b"JpgTiffExif->JP2", exif_block()), b"\x02\0\0" + icc_profile())]
    random = np.random.default_rng(3)
    for data in sources:
        for trial in range(150):
            damaged = bytearray(data)
            if trial % 3 == 0:
                damaged = damaged[: random.integers(1, len(data))]
            else:
                for at in random.integers(0, min(len(data), 4000), 4):
                    damaged[at] = random.integers(0, 256)
            for kind in (None, MetadataKind.TIFF_TAG):
                try:
                    blocks = decoder.get_metadata(bytes(damaged), kind=kind)
                except RuntimeError:
                    continue
                assert sum(m.buffer_size for m in blocks) < 64 << 20


def blocks_to_write():
    return [
        restride.Metadata(MetadataKind.EXIF, MetadataFormat.RAW, exif_block()),
        restride.Metadata(MetadataKind.ICC_PROFILE, MetadataFormat.RAW, icc_profile()),
        restride.Metadata(MetadataKind.XMP, MetadataFormat.XMP, XMP),
    ]


ENCODINGS = [
    ("jpeg", {}), ("png", {}), ("webp", {}), ("webp", dict(quality_type=restride.LOSSLESS)), ("jpeg2k", {}),
    ("jpeg2k", dict(jpeg2k_encode_params=restride.Jpeg2kEncodeParams(ht=True))), ("tiff", {}),
    ("tiff", dict(tiff_compression="none")), ("tiff", dict(tile_width=16, tile_height=16)),
]  # fmt: skip


@pytest.mark.parametrize("codec,options", ENCODINGS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_written_back(decoder, codec, options, channels):
    pixels = np.arange(37 * 41 * channels, dtype=np.uint8).reshape(37, 41, channels)
    if codec == "jpeg" and channels == 4:
        pytest.skip("JPEG has no alpha")
    encoder = restride.Encoder(on_error="raise")
    stored = restride.DecodeParams(color_spec=restride.UNCHANGED, apply_exif_orientation=False)
    plain = encoder.encode(pixels, codec, params=restride.EncodeParams(**options))
    data = bytes(encoder.encode(pixels, codec, params=restride.EncodeParams(**options, metadata=blocks_to_write())))
    want = decoder.decode(plain, params=stored)
    assert (np.asarray(decoder.decode(data, params=stored)) == np.asarray(want)).all()
    found = {m.kind: m.buffer for m in decoder.get_metadata(data)}
    assert set(found) == {MetadataKind.EXIF, MetadataKind.ICC_PROFILE, MetadataKind.XMP}
    assert found[MetadataKind.ICC_PROFILE] == icc_profile() and found[MetadataKind.XMP] == XMP
    check_exif(found[MetadataKind.EXIF])
    with Pillow.open(io.BytesIO(data)) as other:  # and what another reader finds
        other.load()
        assert other.size == ((37, 41) if codec == "tiff" else (41, 37))  # Pillow turns TIFF images upright
        if codec == "jpeg2k":
            return  # and reads no boxes of JP2 but its own
        assert other.info["icc_profile"] == icc_profile()
        assert other.getexif()[271] == "A maker" and other.getexif().get_ifd(34853)[1] == "N"
        assert other.getexif().get_ifd(34665)[33434] == 1 / 250
        if codec in ("jpeg", "webp"):
            assert other.info["xmp"] == XMP
    if codec != "tiff":
        assert decoder.decode(data).shape[:2] == (41, 37)  # the block's orientation holds


def test_from_one_format_to_another(decoder):
    data = pillow_file("JPEG", icc_profile=icc_profile(), exif=b"Exif\0\0" + exif_block())
    encoder = restride.Encoder(on_error="raise")
    for codec in ("png", "tiff", "webp", "jpeg2k", "jpeg"):
        params = restride.EncodeParams(metadata=decoder.get_metadata(data))
        data = bytes(encoder.encode(decoder.decode(data, params=restride.DecodeParams(apply_exif_orientation=False)), codec, params=params))
        exif, icc = sorted(decoder.get_metadata(data), key=lambda m: -m.kind)
        check_exif(exif.buffer)
        assert icc.buffer == icc_profile()


@pytest.mark.parametrize("big_profile", [False, True])
def test_large_profiles(decoder, big_profile):
    profile = bytes(range(251)) * (900 if big_profile else 3)
    block = restride.Metadata(MetadataKind.ICC_PROFILE, MetadataFormat.RAW, profile)
    for codec in ("jpeg", "png", "webp", "tiff", "jpeg2k"):
        data = restride.Encoder(on_error="raise").encode(PIXELS, codec, params=restride.EncodeParams(metadata=[block]))
        (found,) = decoder.get_metadata(data)
        assert found.buffer == profile


def test_tags_written(decoder):
    source = restride.CodeStream(tagged_tiff())
    tags = [decoder.get_metadata(source, id=i) for i in range(65000, 65012)]
    data = restride.Encoder(on_error="raise").encode(PIXELS, "tiff", params=restride.EncodeParams(metadata=tags))
    for tag in tags:
        assert decoder.get_metadata(data, id=tag.id) == tag
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        assert file.pages[0].tags[65009].value == (-1, 3) and (file.asarray() == PIXELS).all()


def test_what_cannot_be_written(decoder):
    geo = restride.Metadata(MetadataKind.GEO, MetadataFormat.JSON, b"{}")
    exif = restride.Metadata(MetadataKind.EXIF, MetadataFormat.RAW, exif_block())
    width = decoder.get_metadata(tagged_tiff(), id=256)
    raw = restride.EncodeParams(metadata=[exif], jpeg2k_encode_params=restride.Jpeg2kEncodeParams(bitstream_type=restride.J2K))
    encoder = restride.Encoder(on_error="raise")
    for codec, blocks in (("jpeg", [geo]), ("bmp", [exif]), ("pnm", [exif]), ("png", [exif, exif]), ("tiff", [width]), ("png", [width])):
        with pytest.raises(restride.Error):
            encoder.encode(PIXELS, codec, params=restride.EncodeParams(metadata=blocks))
    with pytest.raises(restride.UnsupportedError, match="raw codestream"):
        encoder.encode(PIXELS, "jpeg2k", params=raw)
    large = restride.Metadata(MetadataKind.EXIF, MetadataFormat.RAW, exif_block() + bytes(70000))
    with pytest.raises(restride.UnsupportedError, match="65533"):
        encoder.encode(PIXELS, "jpeg", params=restride.EncodeParams(metadata=[large]))
