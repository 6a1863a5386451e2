// SPDX-License-Identifier: Apache-2.0
// Colour arithmetic on unsigned samples of p bits, for one pixel. Fixed point with 16 fractional bits and libjpeg's
// rounding (ITU-R BT.601 full range, JFIF 1.02), so that every codec and backend gives the same values.
#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace restride::color {

// Int must hold 2^(p + 17): std::int32_t up to 12 bits, std::int64_t beyond.
template <class Int>
struct Bt601 {
  static constexpr int kShift = 16;
  static constexpr Int kHalf = Int{1} << (kShift - 1);
  RESTRIDE_HD static constexpr Int fixed(double x) noexcept { return static_cast<Int>(x * 65536 + 0.5); }

  Int max;     // 2^p - 1
  Int center;  // 2^(p-1)

  RESTRIDE_HD constexpr Int clamp(Int v) const noexcept { return v < 0 ? 0 : v > max ? max : v; }

  RESTRIDE_HD constexpr Int luma(Int r, Int g, Int b) const noexcept {
    return (fixed(0.29900) * r + fixed(0.58700) * g + fixed(0.11400) * b + kHalf) >> kShift;
  }
  RESTRIDE_HD constexpr Int cb(Int r, Int g, Int b) const noexcept {
    return (-fixed(0.16874) * r - fixed(0.33126) * g + fixed(0.50000) * b + (center << kShift) + kHalf - 1) >> kShift;
  }
  RESTRIDE_HD constexpr Int cr(Int r, Int g, Int b) const noexcept {
    return (fixed(0.50000) * r - fixed(0.41869) * g - fixed(0.08131) * b + (center << kShift) + kHalf - 1) >> kShift;
  }
  RESTRIDE_HD constexpr Int red(Int y, Int cr) const noexcept {
    return clamp(y + ((fixed(1.40200) * (cr - center) + kHalf) >> kShift));
  }
  RESTRIDE_HD constexpr Int green(Int y, Int cb, Int cr) const noexcept {
    return clamp(y + ((-fixed(0.34414) * (cb - center) + kHalf - fixed(0.71414) * (cr - center)) >> kShift));
  }
  RESTRIDE_HD constexpr Int blue(Int y, Int cb) const noexcept {
    return clamp(y + ((fixed(1.77200) * (cb - center) + kHalf) >> kShift));
  }
};

// a * b / max, rounded: one ink of an inverted CMYK sample seen through black.
template <class Int>
RESTRIDE_HD constexpr Int scaled_product(Int a, Int b, Int max) noexcept {
  return (a * b + max / 2) / max;
}

}  // namespace restride::color
