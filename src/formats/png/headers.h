// SPDX-License-Identifier: Apache-2.0
// What parsing a PNG datastream (ISO/IEC 15948) leaves for decoding it.
#pragma once

#include <array>
#include <cstdint>

#include "base/checked.h"
#include "stream/stream_info.h"

namespace restride::png {

inline constexpr char kSignature[] = "\x89PNG\r\n\x1a\n";  // 5.2
inline constexpr std::size_t kSignatureSize = 8;

constexpr std::uint32_t chunk_type(const char (&name)[5]) noexcept {
  std::uint32_t type = 0;
  for (int i = 0; i < 4; ++i) type = type << 8 | static_cast<std::uint8_t>(name[i]);
  return type;
}
inline constexpr std::uint32_t kIhdr = chunk_type("IHDR"), kPlte = chunk_type("PLTE"), kIdat = chunk_type("IDAT"),
                               kIend = chunk_type("IEND"), kTrns = chunk_type("tRNS"), kExif = chunk_type("eXIf"),
                               kCgbi = chunk_type("CgBI"), kIccp = chunk_type("iCCP"), kItxt = chunk_type("iTXt");
inline constexpr std::uint32_t kLongestChunk = 0x7fffffff;  // 5.3
inline constexpr std::size_t kChunkFrame = 12;              // length, type and CRC

// CRC of a chunk (5.3, 5.5): over its type and data, which lie behind each other at `type_and_data`.
std::uint32_t chunk_crc(ByteSpan type_and_data) noexcept;

// 11.2.2, Table 11.1
enum class ColorType : std::uint8_t { gray = 0, rgb = 2, palette = 3, gray_alpha = 4, rgb_alpha = 6 };

constexpr unsigned samples_of(ColorType type) noexcept {
  switch (type) {
    case ColorType::rgb:
      return 3;
    case ColorType::gray_alpha:
      return 2;
    case ColorType::rgb_alpha:
      return 4;
    default:
      return 1;
  }
}

// One reduced image of an interlaced picture: its pixel (x, y) is the picture's (x0 + x dx, y0 + y dy).
struct Pass {
  std::uint32_t x0, y0, dx, dy;
};
inline constexpr Pass kWholePicture[] = {{0, 0, 1, 1}};
inline constexpr Pass kAdam7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                  {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};  // 8.2

struct Headers final : FormatDetail {
  std::uint32_t width = 0, height = 0;
  ColorType color_type = ColorType::gray;
  std::uint8_t depth = 0;  // bits of a sample, or of a palette index
  bool interlaced = false;

  // RGBA. An index beyond the palette shows as opaque black.
  std::array<std::array<std::uint8_t, 4>, 256> palette;
  bool has_palette = false;
  bool has_transparency = false;       // tRNS
  std::array<std::uint16_t, 3> key{};  // tRNS of gray and RGB: the colour that is transparent

  std::uint64_t data_offset = 0;  // of the first IDAT chunk
  std::uint64_t data_bytes = 0;   // compressed bytes in all IDAT chunks, as far as the file has them
  std::uint64_t end_offset = 0;   // where IEND is, or what is found in its place
  enum class End : std::uint8_t { present, missing, corrupt } end = End::missing;

  bool has_alpha() const noexcept {
    return has_transparency || color_type == ColorType::gray_alpha || color_type == ColorType::rgb_alpha;
  }
  unsigned pixel_bits() const noexcept { return samples_of(color_type) * depth; }
  // Distance of a filter's left neighbour (9.2).
  unsigned filter_distance() const noexcept { return pixel_bits() < 8 ? 1 : pixel_bits() / 8; }
  // Bytes of a filtered row of `columns` pixels, without its filter type.
  std::uint64_t row_bytes(std::uint64_t columns) const noexcept {
    return ceil_div<std::uint64_t>(columns * pixel_bits(), 8);
  }

  std::span<const Pass> passes() const noexcept {
    return interlaced ? std::span<const Pass>(kAdam7) : std::span<const Pass>(kWholePicture);
  }
};

}  // namespace restride::png
