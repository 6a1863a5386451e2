// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "stream/stream_info.h"

namespace restride::bmp {

enum class Compression : std::uint32_t {
  rgb = 0,
  rle8 = 1,
  rle4 = 2,
  bit_fields = 3,
  jpeg = 4,
  png = 5,
  alpha_bit_fields = 6
};

// One channel of a bit-field pixel.
struct Field {
  std::uint32_t mask = 0;
  std::uint8_t shift = 0;
  std::uint8_t bits = 0;

  // round(v * 255 / (2^bits - 1)); 255 where the channel is absent, which is what opaque alpha needs
  std::uint8_t scaled(std::uint32_t pixel) const noexcept {
    if (bits == 0) return mask ? 0 : 255;
    const std::uint64_t max = (std::uint64_t{1} << bits) - 1;
    return static_cast<std::uint8_t>(((static_cast<std::uint64_t>((pixel & mask) >> shift)) * 255 + max / 2) / max);
  }
};

struct Headers final : FormatDetail {
  std::uint64_t pixels_offset = 0;
  std::uint64_t row_bytes = 0;  // stored, padded to 4 bytes; of uncompressed pictures
  std::uint16_t bits = 0;
  Compression compression = Compression::rgb;
  bool top_down = false;
  std::array<Field, 4> fields{};  // red, green, blue, alpha; of 16 and 32 bits
  bool has_alpha = false;
  bool plain_bytes = false;                                // 32 bits whose fields are the bytes B G R (A)
  std::array<std::array<std::uint8_t, 3>, 256> palette{};  // RGB; entries that the file lacks are black
};

}  // namespace restride::bmp
