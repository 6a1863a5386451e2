// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "stream/stream_info.h"

namespace restride::png {

enum class ColorType : std::uint8_t { gray = 0, rgb = 2, palette = 3, gray_alpha = 4, rgba = 6 };

struct Headers final : FormatDetail {
  std::uint8_t bits = 8;  // of a stored sample
  ColorType color = ColorType::gray;
  bool interlaced = false;
  bool transparency = false;                                 // a tRNS chunk was there
  std::array<std::uint16_t, 3> transparent{};                // the gray or RGB value that is transparent
  std::array<std::array<std::uint8_t, 4>, 256> palette{};    // RGBA
  unsigned palette_size = 0;
  std::uint64_t first_idat = 0;                              // offset of its length field

  unsigned stored_channels() const noexcept {
    switch (color) {
      case ColorType::rgb: return 3;
      case ColorType::gray_alpha: return 2;
      case ColorType::rgba: return 4;
      default: return 1;
    }
  }
  unsigned bits_per_pixel() const noexcept { return stored_channels() * bits; }
};

}  // namespace restride::png
