// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/bmp/bmp.h"
#include "formats/bmp/headers.h"

namespace restride::bmp {
namespace {

constexpr std::string_view kExtensions[] = {".bmp", ".dib"};
constexpr std::size_t kFileHeader = 14;

bool probe(ByteSpan bytes) noexcept { return starts_with(bytes, "BM", 2); }

Field field_of(std::uint32_t mask) noexcept {
  if (mask == 0) return {};
  const int shift = std::countr_zero(mask);
  return {mask, static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(std::bit_width(mask >> shift))};
}

struct Info {
  std::int64_t width = 0, height = 0;
  std::uint32_t header_size = 0, planes = 0, colors_used = 0;
  std::array<std::uint32_t, 4> masks{};
};

// BITMAPCOREHEADER (12 bytes), OS/2 2.x (16 to 64), BITMAPINFOHEADER (40) and its extensions (52, 56, 108, 124).
Status read_info_header(ByteReader& reader, Info& info, Headers& headers) {
  info.header_size = reader.u32();
  if (reader.overran()) return fail_at(Errc::truncated, reader.bytes().size(), "the file ends inside its header");
  if (info.header_size == 12) {
    info.width = reader.u16();
    info.height = reader.u16();
    info.planes = reader.u16();
    headers.bits = reader.u16();
    return {};
  }
  if (info.header_size < 16 || info.header_size > 65536)
    return fail_at(Errc::unsupported, kFileHeader, "header of %u bytes is none that BMP has", info.header_size);
  ByteReader body(
      reader.bytes().subspan(0, std::min<std::size_t>(reader.bytes().size(), kFileHeader + info.header_size)),
      std::endian::little);
  body.seek(reader.position());
  info.width = static_cast<std::int32_t>(body.u32());
  info.height = static_cast<std::int32_t>(body.u32());
  info.planes = body.u16();
  headers.bits = body.u16();
  if (info.header_size > 16) headers.compression = static_cast<Compression>(body.u32());
  if (info.header_size >= 40) {
    body.skip(12);  // size of the pixels (often wrong), resolution
    info.colors_used = body.u32();
    body.skip(4);
  }
  const bool os2 = info.header_size == 64 || info.header_size == 16;
  if (os2 && headers.compression == Compression::bit_fields)
    return fail_at(Errc::unsupported, kFileHeader, "OS/2 BMP with Huffman compression is not supported");
  if (os2 && headers.compression == Compression::jpeg)
    return fail_at(Errc::unsupported, kFileHeader, "OS/2 BMP with RLE24 compression is not supported");
  const bool fields =
      headers.compression == Compression::bit_fields || headers.compression == Compression::alpha_bit_fields;
  if (info.header_size >= 52 && !os2) {
    for (int i = 0; i < 3; ++i) info.masks[static_cast<std::size_t>(i)] = body.u32();
    if (info.header_size >= 56) info.masks[3] = body.u32();
    if (!fields) info.masks = {};
  } else if (fields) {
    // Masks follow the header and belong to what comes before the palette.
    body = ByteReader(reader.bytes(), std::endian::little);
    body.seek(kFileHeader + info.header_size);
    const int count = headers.compression == Compression::alpha_bit_fields ? 4 : 3;
    for (int i = 0; i < count; ++i) info.masks[static_cast<std::size_t>(i)] = body.u32();
    info.header_size += static_cast<std::uint32_t>(4 * count);
  }
  if (body.overran()) return fail_at(Errc::truncated, reader.bytes().size(), "the file ends inside its header");
  reader.seek(kFileHeader + info.header_size);
  return {};
}

Status check(const Info& info, const Headers& headers) {
  const auto at = kFileHeader;
  if (info.width <= 0 || info.height == 0 || info.height < -0x7fffffffLL)
    return fail_at(Errc::corrupt, at, "size %lld x %lld", static_cast<long long>(info.width),
                   static_cast<long long>(info.height));
  constexpr std::int64_t kLargest = 1 << 30;
  if (info.width > kLargest || std::abs(info.height) > kLargest)
    return fail_at(Errc::corrupt, at, "the picture's size is absurd");
  switch (headers.compression) {
    case Compression::rgb:
      if (headers.bits != 1 && headers.bits != 2 && headers.bits != 4 && headers.bits != 8 && headers.bits != 16 &&
          headers.bits != 24 && headers.bits != 32)
        return fail_at(Errc::unsupported, at, "%u bits a pixel", headers.bits);
      return {};
    case Compression::rle8:
    case Compression::rle4:
      if (headers.bits != (headers.compression == Compression::rle8 ? 8 : 4))
        return fail_at(Errc::corrupt, at, "RLE with %u bits a pixel", headers.bits);
      if (info.height < 0) return fail_at(Errc::corrupt, at, "RLE pictures cannot be stored top-down");
      return {};
    case Compression::bit_fields:
    case Compression::alpha_bit_fields:
      if (headers.bits != 16 && headers.bits != 32)
        return fail_at(Errc::corrupt, at, "bit fields with %u bits a pixel", headers.bits);
      return {};
    case Compression::jpeg:
      return fail_at(Errc::unsupported, at, "this BMP holds a JPEG stream: extract and decode that");
    case Compression::png:
      return fail_at(Errc::unsupported, at, "this BMP holds a PNG stream: extract and decode that");
    default:
      return fail_at(Errc::unsupported, at, "compression %u", static_cast<unsigned>(headers.compression));
  }
}

void set_fields(const Info& info, Headers& headers) noexcept {
  std::array<std::uint32_t, 4> masks = info.masks;
  const bool fields =
      headers.compression == Compression::bit_fields || headers.compression == Compression::alpha_bit_fields;
  if (!fields && headers.bits == 16) masks = {0x7c00, 0x03e0, 0x001f, 0};
  if (!fields && headers.bits == 32) masks = {0xff0000, 0xff00, 0xff, 0};
  for (std::size_t i = 0; i < 4; ++i) headers.fields[i] = field_of(headers.bits == 16 ? masks[i] & 0xffff : masks[i]);
  headers.has_alpha = headers.fields[3].mask != 0;
  headers.plain_bytes = headers.bits == 32 && masks[0] == 0xff0000 && masks[1] == 0xff00 && masks[2] == 0xff &&
                        (masks[3] == 0 || masks[3] == 0xff000000);
}

void read_palette(ByteReader& reader, const Info& info, std::uint64_t end, Headers& headers) noexcept {
  const std::size_t entry = info.header_size == 12 ? 3 : 4;
  std::size_t count = std::size_t{1} << headers.bits;
  if (info.colors_used && info.colors_used < count) count = info.colors_used;
  for (std::size_t i = 0; i < count && reader.position() + entry <= end; ++i) {
    const ByteSpan color = reader.take(entry);
    if (color.empty()) return;
    headers.palette[i] = {u8_at(color, 2), u8_at(color, 1), u8_at(color, 0)};
  }
}

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  auto owned = std::make_unique<Headers>();
  Headers& headers = *owned;
  ByteReader reader(bytes, std::endian::little);
  reader.skip(10);
  headers.pixels_offset = reader.u32();
  Info info;
  RESTRIDE_TRY(read_info_header(reader, info, headers));
  if (reader.overran()) return fail_at(Errc::truncated, bytes.size(), "the file ends inside its header");
  RESTRIDE_TRY(check(info, headers));
  headers.top_down = info.height < 0;
  set_fields(info, headers);
  if (headers.bits <= 8)
    read_palette(reader, info, headers.pixels_offset > reader.position() ? headers.pixels_offset : bytes.size(),
                 headers);
  if (headers.pixels_offset < kFileHeader + 12) headers.pixels_offset = reader.position();

  auto result = std::make_unique<StreamInfo>();
  result->images.resize(1);
  ImageInfo& image = result->images[0];
  image.spec.width = static_cast<std::uint32_t>(info.width);
  image.spec.height = static_cast<std::uint32_t>(std::abs(info.height));
  image.spec.channels = headers.has_alpha ? 4 : 3;
  image.spec.format = headers.has_alpha ? SampleFormat::p_rgba : SampleFormat::p_rgb;
  image.spec.color = ColorSpec::srgb;
  image.spec.precision = 8;
  image.subsampling = ChromaSubsampling::css_444;
  image.coded_bytes = bytes.size();
  headers.row_bytes = ceil_div<std::uint64_t>(std::uint64_t{image.spec.width} * headers.bits, 32) * 4;
  result->detail = std::move(owned);
  return result;
}

}  // namespace

const Format kFormat{"bmp", kExtensions, probe, parse, read_metadata};

}  // namespace restride::bmp
