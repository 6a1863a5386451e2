// SPDX-License-Identifier: Apache-2.0
// JP2 boxes (ISO/IEC 15444-1, annex I) and the codestream's main header (annex A).
#include <algorithm>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/jpeg2000/boxes.h"
#include "formats/jpeg2000/headers.h"
#include "formats/jpeg2000/jpeg2000.h"

namespace restride::jpeg2000 {
namespace {

constexpr std::string_view kExtensions[] = {".jp2", ".j2k", ".j2c", ".jpc", ".jph", ".jhc", ".jpf", ".jpx"};
constexpr char kSignatureBox[] = "\0\0\0\x0cjP  \r\n\x87\n";
constexpr char kCodestream[] = "\xff\x4f\xff\x51";

bool probe(ByteSpan bytes) noexcept {
  return starts_with(bytes, kSignatureBox, 12) || starts_with(bytes, kCodestream, 4);
}

// What the boxes say beyond the codestream.
struct Boxes {
  std::uint32_t enumerated_color = 0;  // of the first colr box with method 1
  bool icc = false;
  std::uint32_t palette_columns = 0;
  std::uint8_t palette_bits = 0;
  bool alpha = false, reordered = false, has_cmap = false;
};

Status read_header_box(ByteReader reader, std::uint64_t end, Boxes& boxes) {
  Box box;
  for (int count = 0; count < 1000; ++count) {
    RESTRIDE_ASSIGN(const bool more, next_box(reader, end, box));
    if (!more) return {};
    if (box.end > end) return fail_at(Errc::truncated, box.content, "a box in the JP2 header is cut off");
    const std::uint64_t size = box.end - box.content;
    if (box.type == tag("colr") && !boxes.enumerated_color) {
      const std::uint8_t method = reader.u8();
      reader.skip(2);
      if (method == 1) boxes.enumerated_color = reader.u32();
      if (method == 2) boxes.icc = true;
    } else if (box.type == tag("pclr")) {
      reader.skip(2);
      boxes.palette_columns = reader.u8();
      boxes.palette_bits = static_cast<std::uint8_t>((reader.u8() & 127) + 1);
    } else if (box.type == tag("cmap")) {
      boxes.has_cmap = true;
    } else if (box.type == tag("cdef")) {
      const std::uint64_t entries = std::min<std::uint64_t>(reader.u16(), size / 6);
      for (std::uint64_t i = 0; i < entries; ++i) {
        const std::uint16_t channel = reader.u16(), type = reader.u16(), association = reader.u16();
        if (type == 1 || type == 2) boxes.alpha = true;
        if (type == 0 && association != 0 && association != 65535 && association != channel + 1) boxes.reordered = true;
      }
    }
    reader.seek(box.end);
  }
  return fail_at(Errc::corrupt, reader.position(), "too many boxes in the JP2 header");
}

Status find_codestream(ByteSpan bytes, Headers& headers, Boxes& boxes) {
  if (!starts_with(bytes, kSignatureBox, 12)) return {};
  headers.jp2 = true;
  ByteReader reader(bytes);
  Box box;
  for (int count = 0; count < 10000; ++count) {
    RESTRIDE_ASSIGN(const bool more, next_box(reader, bytes.size(), box));
    if (!more) break;
    if (box.type == tag("jp2c")) {
      headers.codestream_offset = box.content;
      return {};
    }
    if (box.end > bytes.size()) break;
    if (box.type == tag("jp2h")) RESTRIDE_TRY(read_header_box(reader, box.end, boxes));
    reader.seek(box.end);
  }
  return fail_at(Errc::truncated, bytes.size(), "the file ends before its codestream (no jp2c box)");
}

// A.5.1
Status read_siz(ByteReader siz, std::uint64_t at, Headers& headers, ImageInfo& image) {
  siz.skip(2);
  const std::uint32_t x1 = headers.x1 = siz.u32(), y1 = headers.y1 = siz.u32();
  headers.x0 = siz.u32();
  headers.y0 = siz.u32();
  const std::uint32_t tile_width = headers.tile_width = siz.u32(), tile_height = headers.tile_height = siz.u32();
  const std::uint32_t tile_x0 = headers.tile_x0 = siz.u32(), tile_y0 = headers.tile_y0 = siz.u32();
  headers.components = siz.u16();
  if (siz.overran()) return fail_at(Errc::truncated, at, "SIZ is too short");
  if (x1 <= headers.x0 || y1 <= headers.y0 || tile_width == 0 || tile_height == 0 || tile_x0 > headers.x0 ||
      tile_y0 > headers.y0 || saturating_add(tile_x0, tile_width) <= headers.x0 ||
      saturating_add(tile_y0, tile_height) <= headers.y0)
    return fail_at(Errc::corrupt, at, "SIZ: the picture and its tiles do not fit together");
  if (headers.components == 0) return fail_at(Errc::corrupt, at, "SIZ: no components");
  if (headers.components > kMaxComponents)
    return fail_at(Errc::unsupported, at, "%u components; at most %u are supported", headers.components,
                   kMaxComponents);
  for (std::uint32_t i = 0; i < headers.components; ++i) {
    Component& c = headers.component[i];
    const std::uint8_t depth = siz.u8();
    c.bits = static_cast<std::uint8_t>((depth & 127) + 1);
    c.is_signed = depth & 128;
    c.dx = siz.u8();
    c.dy = siz.u8();
    if (siz.overran()) return fail_at(Errc::truncated, at, "SIZ is too short");
    if (c.dx == 0 || c.dy == 0 || c.bits > 38) return fail_at(Errc::corrupt, at, "SIZ: component %u", i);
    if (c.bits > 31)
      return fail_at(Errc::unsupported, at, "component %u has %u bits; at most 31 are supported", i, c.bits);
  }
  bool alike = true;
  for (std::uint32_t i = 1; i < headers.components; ++i)
    alike = alike && headers.component[i].dx == headers.component[0].dx &&
            headers.component[i].dy == headers.component[0].dy;
  if (alike) {
    headers.unit_x = headers.component[0].dx;
    headers.unit_y = headers.component[0].dy;
  }
  image.spec.width = ceil_div<std::uint32_t>(x1, headers.unit_x) - ceil_div<std::uint32_t>(headers.x0, headers.unit_x);
  image.spec.height = ceil_div<std::uint32_t>(y1, headers.unit_y) - ceil_div<std::uint32_t>(headers.y0, headers.unit_y);
  if (image.spec.width == 0 || image.spec.height == 0)
    return fail_at(Errc::corrupt, at, "SIZ: the components have no samples");
  TileGeometry tiles;
  tiles.tiles_x = static_cast<std::uint32_t>(ceil_div<std::uint64_t>(std::uint64_t{x1} - tile_x0, tile_width));
  tiles.tiles_y = static_cast<std::uint32_t>(ceil_div<std::uint64_t>(std::uint64_t{y1} - tile_y0, tile_height));
  headers.tiles = saturating_mul(tiles.tiles_x, tiles.tiles_y);
  if (headers.tiles > 65535) return fail_at(Errc::corrupt, at, "SIZ: more than 65535 tiles");
  const bool one = headers.tiles == 1;
  tiles.tile_width = one ? image.spec.width : tile_width;
  tiles.tile_height = one ? image.spec.height : tile_height;
  tiles.offset_x = one ? 0 : headers.x0 - tile_x0;
  tiles.offset_y = one ? 0 : headers.y0 - tile_y0;
  image.tiles = tiles;
  return {};
}

// Main header from SOC to the first SOT.
Status read_main_header(ByteSpan bytes, Headers& headers, ImageInfo& image) {
  ByteReader reader(bytes);
  reader.seek(headers.codestream_offset);
  if (reader.u16() != 0xff4f)
    return fail_at(Errc::corrupt, headers.codestream_offset, "the codestream does not start with SOC");
  bool have_siz = false;
  while (true) {
    const std::uint64_t at = reader.position();
    const std::uint16_t marker = reader.u16();
    if (reader.overran()) return fail_at(Errc::truncated, bytes.size(), "the file ends inside its main header");
    if (marker == 0xff90) break;  // SOT
    if (marker < 0xff30) return fail_at(Errc::corrupt, at, "0x%04x where a marker should be", marker);
    const std::uint16_t length = reader.u16();
    const ByteSpan data = reader.take(length >= 2 ? length - 2U : 0);
    if (reader.overran() || length < 2)
      return fail_at(Errc::truncated, at, "marker 0x%04x: its segment is cut off", marker);
    if (!have_siz && marker != 0xff51) return fail_at(Errc::corrupt, at, "SIZ does not come first");
    if (marker == 0xff51) {
      RESTRIDE_TRY(read_siz(ByteReader(data), at, headers, image));
      have_siz = true;
    } else if (marker == 0xff50 && data.size() >= 4) {  // CAP, A.5.2: bit 15 of Pcap says that Part 15 is used
      headers.ht = (ByteReader(data).u32() & 0x00020000U) != 0;
    } else if (marker == 0xff52 && data.size() >= 10) {  // COD, A.6.1
      headers.color_transform = u8_at(data, 4) != 0;
      headers.levels = u8_at(data, 5);
      if (headers.levels > 32) return fail_at(Errc::corrupt, at, "COD: %u decomposition levels", headers.levels);
      headers.ht = headers.ht || (u8_at(data, 8) & 0x40);
      headers.reversible = u8_at(data, 9) == 1;
    }
  }
  return have_siz ? Status() : Status(fail_at(Errc::corrupt, headers.codestream_offset, "no SIZ marker"));
}

SampleType type_for(unsigned bits, bool is_signed) noexcept {
  if (bits <= 8) return is_signed ? SampleType::i16 : SampleType::u8;  // signed 8 bit: the API has no int8
  if (bits <= 16) return is_signed ? SampleType::i16 : SampleType::u16;
  return is_signed ? SampleType::i32 : SampleType::u32;
}

void describe(const Headers& headers, const Boxes& boxes, ImageSpec& spec) noexcept {
  spec.channels = headers.palette ? boxes.palette_columns : headers.components;
  unsigned bits = headers.palette ? boxes.palette_bits : 1;
  bool is_signed = false;
  for (std::uint32_t i = 0; i < headers.components && !headers.palette; ++i) {
    bits = std::max<unsigned>(bits, headers.component[i].bits);
    is_signed = is_signed || headers.component[i].is_signed;
  }
  spec.type = type_for(bits, is_signed);
  spec.precision = static_cast<std::uint8_t>(bits);
  constexpr std::uint32_t kCmyk = 12, kSrgb = 16, kGray = 17, kSycc = 18;
  switch (boxes.enumerated_color) {
    case kSrgb:
      spec.color = ColorSpec::srgb;
      break;
    case kGray:
      spec.color = ColorSpec::gray;
      break;
    case kSycc:
      spec.color = ColorSpec::sycc;
      break;
    case kCmyk:
      spec.color = ColorSpec::cmyk;
      break;
    default:
      spec.color = boxes.icc ? ColorSpec::icc_profile : ColorSpec::unchanged;
  }
  switch (spec.channels) {
    case 1:
      spec.format = SampleFormat::p_y;
      break;
    case 2:
      spec.format = boxes.alpha ? SampleFormat::p_ya : SampleFormat::p_unchanged;
      break;
    case 3:
      spec.format = spec.color == ColorSpec::sycc ? SampleFormat::p_ycc : SampleFormat::p_rgb;
      break;
    case 4:
      spec.format = spec.color == ColorSpec::cmyk ? SampleFormat::p_cmyk : SampleFormat::p_rgba;
      break;
    default:
      spec.format = SampleFormat::p_unchanged;
  }
}

ChromaSubsampling subsampling_of(const Headers& headers) noexcept {
  if (headers.components == 1) return ChromaSubsampling::css_gray;
  if (headers.components < 3) return ChromaSubsampling::unsupported;
  const auto& c = headers.component;
  if (c[0].dx != 1 || c[0].dy != 1 || c[1].dx != c[2].dx || c[1].dy != c[2].dy) return ChromaSubsampling::unsupported;
  switch (c[1].dx * 10 + c[1].dy) {
    case 11:
      return ChromaSubsampling::css_444;
    case 21:
      return ChromaSubsampling::css_422;
    case 22:
      return ChromaSubsampling::css_420;
    case 12:
      return ChromaSubsampling::css_440;
    default:
      return ChromaSubsampling::unsupported;
  }
}

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  auto owned = std::make_unique<Headers>();
  Headers& headers = *owned;
  auto result = std::make_unique<StreamInfo>();
  result->images.resize(1);
  ImageInfo& image = result->images[0];
  Boxes boxes;
  RESTRIDE_TRY(find_codestream(bytes, headers, boxes));
  RESTRIDE_TRY(read_main_header(bytes, headers, image));
  headers.palette = boxes.palette_columns > 0 && boxes.has_cmap;
  if (boxes.palette_columns > kMaxComponents)
    return fail(Errc::unsupported, "a palette with %u columns", boxes.palette_columns);
  headers.needs_mapping = headers.palette || boxes.reordered;
  describe(headers, boxes, image.spec);
  image.subsampling = subsampling_of(headers);
  image.coded_bytes = bytes.size();
  image.max_reduce = headers.levels;
  result->detail = std::move(owned);
  return result;
}

}  // namespace

Result<bool> next_box(ByteReader& reader, std::uint64_t within, Box& box) {
  const std::uint64_t at = reader.position();
  if (within - at < 8) return false;
  std::uint64_t length = reader.u32();
  box.type = reader.u32();
  if (length == 1) length = reader.u64();
  box.content = reader.position();
  if (length == 0) length = within - at;
  if (length < box.content - at)
    return fail_at(Errc::corrupt, at, "a box of %llu bytes", static_cast<unsigned long long>(length));
  box.end = saturating_add(at, length);
  return true;
}

const Format kFormat{"jpeg2k", kExtensions, probe, parse, read_metadata, embed_metadata};

}  // namespace restride::jpeg2000
