// SPDX-License-Identifier: Apache-2.0
// The two conversions that most pictures need, words at a time: rows as they are, and 8-bit RGB against BGR. The plain
// conversion (image/convert/converter.h) is their judge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/host_device.h"
#include "codec/device_runtime.h"

namespace restride::cuda {

enum class RowWork : std::uint8_t { plain, copy, swap };

// What one conversion comes to: copy and swap need dense interleaved pixels on both sides, unmirrored.
inline RowWork row_work(const DeviceConversion& c) noexcept {
  const conversion::Conversion& how = c.how;
  const auto sample = static_cast<std::ptrdiff_t>(size_of(how.from_type));
  const auto pixel = sample * how.stored;
  const bool same = how.from_type == how.to_type && how.from_bits == how.to_bits && how.from_model == how.to_model;
  const bool dense = c.pixel_stride == pixel && how.x_step == pixel &&
                     (how.stored == 1 || (c.channel_stride == sample && how.channel_step == sample));
  if (!same || !dense || !how.pass_through) return RowWork::plain;
  if (how.from_bgr == how.to_bgr) return RowWork::copy;
  return how.from_type == SampleType::u8 && how.stored == 3 ? RowWork::swap : RowWork::plain;
}

inline constexpr int kCopyBytes = 16;  // a thread's share of a row, counted from an aligned address
inline constexpr int kSwapPixels = 4;

// Shares that a row of `width` pixels comes to.
RESTRIDE_HD inline std::int64_t shares_of(RowWork work, std::int64_t width, std::ptrdiff_t pixel) noexcept {
  if (work == RowWork::copy) return (width * pixel + kCopyBytes - 1) / kCopyBytes + 1;
  return (width + kSwapPixels - 1) / kSwapPixels;
}

RESTRIDE_HD inline std::uint32_t load_word(const std::byte* from) noexcept {
  return *reinterpret_cast<const std::uint32_t*>(from);
}

// Bytes [begin, end) of the row `from`, which lie in one aligned block of 16 of the row `to`. Words are read only
// inside the source row.
RESTRIDE_HD inline void copy_share(const std::byte* from, std::byte* to, std::int64_t begin, std::int64_t end,
                                   std::int64_t bytes) noexcept {
  const auto shift = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(from + begin) & 3U);
  const bool whole = end - begin == kCopyBytes && begin >= shift && end + 4 - shift <= bytes;
  if (!whole) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = from[i];
    return;
  }
  const std::byte* aligned = from + begin - shift;
  std::uint32_t words[5];
  for (int k = 0; k < 4; ++k) words[k] = load_word(aligned + 4 * k);
  words[4] = shift ? load_word(aligned + 16) : 0;
  auto* out = reinterpret_cast<std::uint32_t*>(to + begin);
  for (int k = 0; k < 4; ++k) out[k] = shift ? words[k] >> (8 * shift) | words[k + 1] << (32 - 8 * shift) : words[k];
}

// Share `share` of a row of `bytes` bytes.
RESTRIDE_HD inline void copy_row_share(const std::byte* from, std::byte* to, std::int64_t share,
                                       std::int64_t bytes) noexcept {
  const auto lead = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(to) & (kCopyBytes - 1));
  std::int64_t begin = share * kCopyBytes - lead, end = begin + kCopyBytes;
  if (begin < 0) begin = 0;
  if (end > bytes) end = bytes;
  if (begin < end) copy_share(from, to, begin, end, bytes);
}

// Pixels [4 * share, 4 * share + 4) of a row of three bytes a pixel, first and third exchanged.
RESTRIDE_HD inline void swap_row_share(const std::byte* from, std::byte* to, std::int64_t share,
                                       std::int64_t width) noexcept {
  const std::int64_t first = share * kSwapPixels;
  from += 3 * first;
  to += 3 * first;
  const auto address = reinterpret_cast<std::uintptr_t>(from) | reinterpret_cast<std::uintptr_t>(to);
  if (first + kSwapPixels <= width && (address & 3U) == 0) {
    const std::uint32_t a = load_word(from), b = load_word(from + 4), c = load_word(from + 8);
    auto* out = reinterpret_cast<std::uint32_t*>(to);
    // Bytes 012 345 678 9ab become 210 543 876 ba9.
    out[0] = (a >> 16 & 0xffU) | (a & 0xff00U) | (a & 0xffU) << 16 | (b & 0xff00U) << 16;
    out[1] = (b & 0xffU) | (a >> 24) << 8 | (c & 0xffU) << 16 | (b & 0xff000000U);
    out[2] = (b >> 16 & 0xffU) | (c >> 24) << 8 | (c & 0xff0000U) | (c & 0xff00U) << 16;
    return;
  }
  for (std::int64_t i = 0; i < kSwapPixels && first + i < width; ++i)
    for (int k = 0; k < 3; ++k) to[3 * i + k] = from[3 * i + 2 - k];
}

}  // namespace restride::cuda
