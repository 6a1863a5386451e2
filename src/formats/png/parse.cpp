// SPDX-License-Identifier: Apache-2.0
#include <libdeflate.h>

#include "base/error_util.h"
#include "formats/exif.h"
#include "formats/png/headers.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

constexpr std::string_view kExtensions[] = {".png", ".apng"};
constexpr char kSignature[] = "\x89PNG\r\n\x1a\n";
constexpr std::uint32_t kMaxLength = 0x7fffffff;

bool probe(ByteSpan bytes) noexcept { return starts_with(bytes, kSignature, 8); }

constexpr std::uint32_t tag(const char (&name)[5]) noexcept {
  return static_cast<std::uint32_t>(name[0]) << 24 | static_cast<std::uint32_t>(name[1]) << 16 |
         static_cast<std::uint32_t>(name[2]) << 8 | static_cast<std::uint32_t>(name[3]);
}

// 11.2.2
Status read_ihdr(ByteReader data, std::uint64_t at, Headers& headers, ImageSpec& spec) {
  spec.width = data.u32();
  spec.height = data.u32();
  headers.bits = data.u8();
  const std::uint8_t color = data.u8(), compression = data.u8(), filter = data.u8(), interlace = data.u8();
  if (data.overran()) return fail_at(Errc::corrupt, at, "IHDR is too short");
  if (spec.width == 0 || spec.height == 0 || spec.width > kMaxLength || spec.height > kMaxLength)
    return fail_at(Errc::corrupt, at, "IHDR: size %u x %u", spec.width, spec.height);
  headers.color = static_cast<ColorType>(color);
  const unsigned b = headers.bits;
  const bool small = b == 1 || b == 2 || b == 4, eight = b == 8, sixteen = b == 16;
  bool valid = false;
  switch (headers.color) {
    case ColorType::gray: valid = small || eight || sixteen; break;
    case ColorType::palette: valid = small || eight; break;
    case ColorType::rgb:
    case ColorType::gray_alpha:
    case ColorType::rgba: valid = eight || sixteen; break;
  }
  if (!valid) return fail_at(Errc::corrupt, at, "IHDR: colour type %u with %u bits a sample", color, b);
  if (compression != 0 || filter != 0 || interlace > 1)
    return fail_at(Errc::corrupt, at, "IHDR: compression %u, filter %u, interlace %u", compression, filter, interlace);
  headers.interlaced = interlace == 1;
  return {};
}

Status read_plte(ByteSpan data, std::uint64_t at, Headers& headers) {
  if (data.empty() || data.size() % 3 || data.size() > 768) return fail_at(Errc::corrupt, at, "PLTE of %zu bytes", data.size());
  headers.palette_size = static_cast<unsigned>(data.size() / 3);
  for (std::size_t i = 0; i < headers.palette_size; ++i)
    headers.palette[i] = {u8_at(data, 3 * i), u8_at(data, 3 * i + 1), u8_at(data, 3 * i + 2), 255};
  return {};
}

void read_trns(ByteReader data, Headers& headers) {
  const std::size_t size = data.remaining();
  if (headers.color == ColorType::palette) {
    for (std::size_t i = 0; i < size && i < headers.palette_size; ++i) headers.palette[i][3] = data.u8();
    headers.transparency = size > 0;
  } else if ((headers.color == ColorType::gray && size >= 2) || (headers.color == ColorType::rgb && size >= 6)) {
    for (unsigned i = 0; i < headers.stored_channels(); ++i) headers.transparent[i] = data.u16();
    headers.transparency = true;
  }
}

void describe(const Headers& headers, ImageSpec& spec) noexcept {
  const bool gray = headers.color == ColorType::gray || headers.color == ColorType::gray_alpha;
  const bool alpha = headers.transparency || headers.color == ColorType::gray_alpha || headers.color == ColorType::rgba;
  spec.channels = (gray ? 1U : 3U) + (alpha ? 1U : 0U);
  spec.format = gray ? (alpha ? SampleFormat::i_ya : SampleFormat::i_y) : (alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb);
  spec.color = gray ? ColorSpec::gray : headers.color == ColorType::palette ? ColorSpec::palette : ColorSpec::srgb;
  spec.type = headers.bits == 16 ? SampleType::u16 : SampleType::u8;
  spec.precision = headers.color == ColorType::palette ? std::uint8_t{8} : headers.bits;
}

// Walks the chunks (5.3) up to IEND or the end of the file; what is missing of the pixels is the decoder's to find.
Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  auto owned = std::make_unique<Headers>();
  Headers& headers = *owned;
  auto result = std::make_unique<StreamInfo>();
  result->images.resize(1);
  ImageInfo& image = result->images[0];
  ByteReader reader(bytes);
  reader.skip(8);
  bool have_ihdr = false;
  while (true) {
    const std::uint64_t at = reader.position();
    const std::uint32_t length = reader.u32();
    const std::uint32_t type = reader.u32();
    if (reader.overran()) break;
    if (length > kMaxLength) return fail_at(Errc::corrupt, at, "a chunk of %u bytes", length);
    if (!have_ihdr && type != tag("IHDR")) return fail_at(Errc::corrupt, at, "the first chunk is not IHDR");
    if (type == tag("IDAT")) {
      if (!headers.first_idat) headers.first_idat = at;
      reader.skip(std::size_t{length} + 4);  // its CRC is checked while it is inflated
      if (reader.overran()) break;
      continue;
    }
    if (type == tag("IEND")) break;
    const ByteSpan data = reader.take(length);
    const std::uint32_t crc = reader.u32();
    if (reader.overran()) break;
    const bool critical = (type & 0x20000000) == 0;
    if (critical && libdeflate_crc32(0, bytes.data() + at + 4, length + 4U) != crc)
      return fail_at(Errc::corrupt, at, "wrong CRC of a critical chunk");
    if (type == tag("IHDR")) {
      if (have_ihdr) return fail_at(Errc::corrupt, at, "a second IHDR");
      RESTRIDE_TRY(read_ihdr(ByteReader(data), at, headers, image.spec));
      have_ihdr = true;
    } else if (type == tag("PLTE")) {
      if (!headers.first_idat) RESTRIDE_TRY(read_plte(data, at, headers));
    } else if (type == tag("tRNS")) {
      if (!headers.first_idat) read_trns(ByteReader(data), headers);
    } else if (type == tag("eXIf")) {
      image.orientation = exif::orientation(data);
    } else if (critical) {
      return fail_at(Errc::unsupported, at, "unknown critical chunk");
    }
  }
  if (!have_ihdr) return fail_at(Errc::truncated, bytes.size(), "the file ends inside its header");
  if (!headers.first_idat)
    return fail_at(reader.overran() ? Errc::truncated : Errc::corrupt, bytes.size(), "there are no pixels (no IDAT chunk)");
  if (headers.color == ColorType::palette && headers.palette_size == 0)
    return fail_at(Errc::corrupt, headers.first_idat, "a palette picture without PLTE");
  describe(headers, image.spec);
  image.coded_bytes = bytes.size();
  result->detail = std::move(owned);
  return result;
}

}  // namespace

const Format kFormat{"png", kExtensions, probe, parse};

}  // namespace restride::png
