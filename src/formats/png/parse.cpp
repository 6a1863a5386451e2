// SPDX-License-Identifier: Apache-2.0
#include <libdeflate.h>

#include "base/error_util.h"
#include "formats/exif.h"
#include "formats/png/headers.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

constexpr std::string_view kExtensions[] = {".png"};

bool probe(ByteSpan bytes) noexcept { return starts_with(bytes, kSignature, kSignatureSize); }

struct Chunk {
  std::uint64_t offset;  // of its length field
  std::uint32_t type;
  ByteSpan data;
  bool crc_right;
};

Status check_crc(const Chunk& chunk) {
  if (chunk.crc_right) return {};
  return fail_at(Errc::corrupt, chunk.offset, "%c%c%c%c: the CRC is wrong", static_cast<char>(chunk.type >> 24),
                 static_cast<char>(chunk.type >> 16), static_cast<char>(chunk.type >> 8),
                 static_cast<char>(chunk.type));
}

// Chunks whose contents matter here, other than IDAT, whose CRC is checked while decoding.
bool is_used(std::uint32_t type) noexcept {
  return type == kIhdr || type == kPlte || type == kTrns || type == kExif || type == kIend;
}

bool depth_allowed(ColorType type, unsigned depth) noexcept {
  switch (type) {
    case ColorType::gray:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case ColorType::palette:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    default:
      return depth == 8 || depth == 16;
  }
}

// 11.2.2
Status read_header(const Chunk& chunk, Headers& headers) {
  RESTRIDE_TRY(check_crc(chunk));
  const std::uint64_t at = chunk.offset;
  if (chunk.data.size() != 13) return fail_at(Errc::corrupt, at, "IHDR: %zu bytes instead of 13", chunk.data.size());
  ByteReader reader(chunk.data);
  headers.width = reader.u32();
  headers.height = reader.u32();
  headers.depth = reader.u8();
  const unsigned type = reader.u8();
  headers.color_type = static_cast<ColorType>(type);
  const unsigned compression = reader.u8(), filter = reader.u8(), interlace = reader.u8();
  constexpr std::uint32_t kLargest = 0x7fffffff;
  if (headers.width == 0 || headers.height == 0 || headers.width > kLargest || headers.height > kLargest)
    return fail_at(Errc::corrupt, at, "IHDR: %u x %u; 1 to 2147483647 are allowed", headers.width, headers.height);
  if (type > 6 || type == 1 || type == 5) return fail_at(Errc::corrupt, at, "IHDR: color type %u does not exist", type);
  if (!depth_allowed(headers.color_type, headers.depth))
    return fail_at(Errc::corrupt, at, "IHDR: bit depth %u is not allowed for color type %u", headers.depth, type);
  if (compression != 0) return fail_at(Errc::corrupt, at, "IHDR: compression method %u does not exist", compression);
  if (filter != 0) return fail_at(Errc::corrupt, at, "IHDR: filter method %u does not exist", filter);
  if (interlace > 1) return fail_at(Errc::corrupt, at, "IHDR: interlace method %u does not exist", interlace);
  headers.interlaced = interlace == 1;
  headers.palette.fill({0, 0, 0, 255});
  return {};
}

// 11.2.3
Status read_palette(const Chunk& chunk, Headers& headers) {
  RESTRIDE_TRY(check_crc(chunk));
  if (headers.color_type != ColorType::palette) return {};  // a suggestion for displays
  const std::size_t entries = chunk.data.size() / 3;
  if (headers.has_palette) return fail_at(Errc::corrupt, chunk.offset, "PLTE: a second palette");
  if (entries == 0 || entries > 256 || chunk.data.size() % 3)
    return fail_at(Errc::corrupt, chunk.offset, "PLTE: %zu bytes are not 1 to 256 entries", chunk.data.size());
  headers.has_palette = true;
  for (std::size_t i = 0; i < entries; ++i)
    for (std::size_t k = 0; k < 3; ++k) headers.palette[i][k] = u8_at(chunk.data, 3 * i + k);
  return {};
}

// 11.3.2.1. Like libpng, one that does not fit the picture is passed over; but one that is damaged is an error, since
// it decides what is seen.
Status read_transparency(const Chunk& chunk, Headers& headers) {
  RESTRIDE_TRY(check_crc(chunk));
  ByteReader reader(chunk.data);
  switch (headers.color_type) {
    case ColorType::palette:
      if (!headers.has_palette || chunk.data.empty() || chunk.data.size() > 256) return {};
      for (std::size_t i = 0; i < chunk.data.size(); ++i) headers.palette[i][3] = u8_at(chunk.data, i);
      headers.has_transparency = true;
      return {};
    case ColorType::gray:
    case ColorType::rgb: {
      const unsigned n = samples_of(headers.color_type);
      if (chunk.data.size() != std::size_t{2} * n) return {};
      const unsigned mask = (1U << headers.depth) - 1;  // only the low bits count
      for (unsigned k = 0; k < n; ++k) headers.key[k] = static_cast<std::uint16_t>(reader.u16() & mask);
      headers.has_transparency = true;
      return {};
    }
    default:
      return {};
  }
}

ImageInfo describe(const Headers& headers) {
  ImageInfo info;
  const bool alpha = headers.has_alpha();
  ImageSpec& spec = info.spec;
  spec.width = headers.width;
  spec.height = headers.height;
  spec.type = headers.depth == 16 ? SampleType::u16 : SampleType::u8;
  spec.precision = headers.color_type == ColorType::palette ? std::uint8_t{8} : headers.depth;
  if (headers.color_type == ColorType::gray || headers.color_type == ColorType::gray_alpha) {
    spec.color = ColorSpec::gray;
    spec.format = alpha ? SampleFormat::i_ya : SampleFormat::p_y;  // nvImageCodec's names: one channel is planar
    info.subsampling = ChromaSubsampling::css_gray;
  } else {
    spec.color = headers.color_type == ColorType::palette ? ColorSpec::palette : ColorSpec::srgb;
    spec.format = alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
    info.subsampling = ChromaSubsampling::css_444;
  }
  spec.channels = channels_of(spec.format);
  return info;
}

// Walks over the chunks, from one length field to the next; IDAT contents are not looked at.
class Walk {
 public:
  Walk(ByteSpan bytes, Headers& headers) noexcept : reader_(bytes), headers_(headers) {}

  Status run() {
    reader_.seek(kSignatureSize);
    while (headers_.end_offset == 0) {
      Chunk chunk{};
      if (!next(chunk)) return at_end_of_file(chunk);
      RESTRIDE_TRY(headers_.data_offset ? after_data(chunk) : before_data(chunk));
    }
    return {};
  }

  Orientation orientation() const noexcept { return orientation_; }

 private:
  // False where the file ends before the chunk does. `data` is then what there is of it.
  bool next(Chunk& chunk) noexcept {
    chunk.offset = reader_.position();
    const std::uint32_t length = reader_.u32();
    chunk.type = reader_.u32();
    if (reader_.overran()) return false;
    const std::size_t begin = reader_.position();
    if (length > kLongestChunk || length > reader_.remaining()) {
      too_long_ = length > kLongestChunk;
      chunk.data = reader_.take(reader_.remaining());
      return false;
    }
    chunk.data = reader_.take(length);
    const std::uint32_t crc = reader_.u32();
    if (reader_.overran()) return false;
    if (is_used(chunk.type)) chunk.crc_right = crc == chunk_crc(reader_.bytes().subspan(begin - 4, length + 4U));
    return true;
  }

  Status at_end_of_file(const Chunk& chunk) {
    const bool have_header = headers_.width != 0, first_data = headers_.data_offset == 0;
    if (chunk.type == kIdat && have_header && (first_data || in_data_)) {
      if (first_data) headers_.data_offset = chunk.offset;
      headers_.data_bytes += chunk.data.size();
    }
    headers_.end_offset = reader_.bytes().size();
    headers_.end = too_long_ ? Headers::End::corrupt : Headers::End::missing;
    if (headers_.data_offset) return check_palette();
    if (too_long_)
      return fail_at(Errc::corrupt, chunk.offset, "a chunk's length exceeds the 2147483647 bytes that are allowed");
    return fail_at(Errc::truncated, headers_.end_offset, "the file ends before its picture data (IDAT)");
  }

  Status check_palette() const {
    if (headers_.color_type == ColorType::palette && !headers_.has_palette)
      return fail_at(Errc::corrupt, headers_.data_offset, "no palette (PLTE) before the picture data (IDAT)");
    return {};
  }

  Status before_data(const Chunk& chunk) {
    if (chunk.type == kCgbi)
      return fail_at(Errc::unsupported, chunk.offset,
                     "CgBI: Apple's variant of PNG for its own devices is not supported");
    if ((chunk.type == kIhdr) != (headers_.width == 0))
      return fail_at(Errc::corrupt, chunk.offset,
                     headers_.width ? "IHDR: a second header" : "the first chunk is not IHDR");
    switch (chunk.type) {
      case kIhdr:
        return read_header(chunk, headers_);
      case kPlte:
        return read_palette(chunk, headers_);
      case kTrns:
        return read_transparency(chunk, headers_);
      case kExif:
        read_exif(chunk);
        return {};
      case kIend:
        return fail_at(Errc::corrupt, chunk.offset, "IEND before any picture data (IDAT)");
      case kIdat:
        headers_.data_offset = chunk.offset;
        headers_.data_bytes = chunk.data.size();
        in_data_ = true;
        return check_palette();
      default:
        break;
    }
    const bool critical = !(chunk.type >> 24 & 0x20);  // 5.4
    if (critical)
      return fail_at(Errc::unsupported, chunk.offset, "a critical chunk of unknown type 0x%08x", chunk.type);
    return {};
  }

  Status after_data(const Chunk& chunk) {
    if (chunk.type == kIdat) {
      if (in_data_) headers_.data_bytes += chunk.data.size();
      return {};
    }
    in_data_ = false;  // 5.6: IDAT chunks follow each other; later ones do not belong to the picture
    if (chunk.type == kExif) read_exif(chunk);
    if (chunk.type == kIend) {
      headers_.end_offset = chunk.offset;
      headers_.end = chunk.crc_right ? Headers::End::present : Headers::End::corrupt;
    }
    return {};
  }

  void read_exif(const Chunk& chunk) noexcept {
    if (chunk.crc_right) orientation_ = exif::orientation(chunk.data);
  }

  ByteReader reader_;
  Headers& headers_;
  Orientation orientation_ = Orientation::normal;
  bool in_data_ = false;
  bool too_long_ = false;
};

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  auto info = std::make_unique<StreamInfo>();
  auto headers = std::make_unique<Headers>();
  Walk walk(bytes, *headers);
  RESTRIDE_TRY(walk.run());
  info->images.push_back(describe(*headers));
  info->images[0].orientation = walk.orientation();
  info->images[0].coded_bytes = bytes.size();
  info->detail = std::move(headers);
  return info;
}

}  // namespace

std::uint32_t chunk_crc(ByteSpan type_and_data) noexcept {
  return libdeflate_crc32(0, type_and_data.data(), type_and_data.size());
}

const Format kFormat{"png", kExtensions, probe, parse, read_metadata, embed_metadata};

}  // namespace restride::png
