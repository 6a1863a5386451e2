// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/png/headers.h"
#include "image/convert/kernels.h"
#include "restride/image.h"

namespace restride::png {

// The pixels that a decoder delivers for a picture, as near to `wanted` as costs nothing: without its alpha channel
// where that is not wanted, and with samples of 1, 2 or 4 bits scaled to 8 where 8 are. Width and height are left out.
ImageSpec native_spec(const Headers& headers, const ImageSpec& stored, const ImageSpec& wanted) noexcept;

// Turns reconstructed rows into native pixels.
class Expander {
 public:
  Expander(const Headers& headers, const ImageSpec& native) noexcept;

  // True if a row already is native pixels.
  bool is_copy() const noexcept { return run_ == copy; }
  // Bytes of a native pixel.
  std::size_t pixel_bytes() const noexcept { return pixel_bytes_; }
  // `count` pixels of `row` from column `first` on.
  void expand(const std::byte* row, std::size_t first, std::size_t count, std::byte* out) const noexcept {
    run_(*this, reinterpret_cast<const std::uint8_t*>(row), first, count, reinterpret_cast<std::uint8_t*>(out));
  }

 private:
  using Run = void (*)(const Expander&, const std::uint8_t* row, std::size_t first, std::size_t count,
                       std::uint8_t* out) noexcept;

  static void copy(const Expander&, const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) noexcept;
  // 16-bit samples are big-endian in the file (7.1).
  static void swapped(const Expander&, const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) noexcept;
  template <unsigned kDepth, bool kAlpha>
  static void packed_gray(const Expander&, const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) noexcept;
  template <unsigned kDepth, unsigned kChannels>
  static void palette(const Expander&, const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) noexcept;
  // kFrom samples of T a pixel become kTo; where kTo is kFrom + 1, the key colour becomes transparent.
  template <class T, unsigned kFrom, unsigned kTo>
  static void samples(const Expander&, const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) noexcept;

  static Run choose(const Headers& headers, unsigned channels) noexcept;
  static Run choose_packed_gray(unsigned depth, bool alpha) noexcept;
  static Run choose_palette(unsigned depth, unsigned channels) noexcept;
  template <class T>
  static Run choose_samples(unsigned from, unsigned to) noexcept;

  const Headers& headers_;
  Run run_;
  std::size_t pixel_bytes_;
  kernels::Permutation swap_ = kernels::byte_swap(2);
  std::uint8_t scale_ = 1;   // packed gray: what a step of a sample is in the native precision
  std::uint8_t opaque_ = 1;  // packed gray: alpha's largest value
};

}  // namespace restride::png
