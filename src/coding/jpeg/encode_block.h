// SPDX-License-Identifier: Apache-2.0
// Entropy coding of one block (ITU-T T.81, F.1.2) by one thread.
#pragma once

#include <bit>
#include <cstdint>

#include "base/host_device.h"
#include "coding/jpeg/encode_tables.h"

namespace restride::jpeg {

// Most bits of one block: a DC code of 16 bits with 11 more, and 63 AC codes of 16 bits with 10 more.
inline constexpr unsigned kMaxBlockBits = 27 + 63 * 26;
inline constexpr unsigned kMaxBlockWords = (kMaxBlockBits + 31) / 32;

RESTRIDE_HD inline int leading_zeros(std::uint32_t v) noexcept {
#if defined(__CUDA_ARCH__)
  return __clz(static_cast<int>(v));
#else
  return std::countl_zero(v);
#endif
}
RESTRIDE_HD inline int trailing_zeros(std::uint32_t v) noexcept {  // v is not 0
#if defined(__CUDA_ARCH__)
  return __ffs(static_cast<int>(v)) - 1;
#else
  return std::countr_zero(v);
#endif
}
RESTRIDE_HD inline int bit_count(std::uint32_t v) noexcept {
#if defined(__CUDA_ARCH__)
  return __popc(v);
#else
  return std::popcount(v);
#endif
}

// Gathers bits into words, the first bit in the highest place.
class BitGatherer {
 public:
  RESTRIDE_HD explicit BitGatherer(std::uint32_t* words) noexcept : words_(words) {}

  // The low `count` bits of `value`, which has no others; count is 1 to 27.
  RESTRIDE_HD void put(std::uint32_t value, unsigned count) noexcept {
    const std::uint32_t top = value << (32 - count);
    pending_ |= top >> held_;
    held_ += count;
    if (held_ >= 32) {
      held_ -= 32;
      words_[full_++] = pending_;
      pending_ = top << (count - held_);
    }
  }
  // Completes the last word with zeros and gives the number of bits.
  RESTRIDE_HD unsigned finish() noexcept {
    if (held_) words_[full_] = pending_;
    return 32 * full_ + held_;
  }

 private:
  std::uint32_t* words_;
  std::uint32_t pending_ = 0;  // the next word, from the top
  unsigned held_ = 0, full_ = 0;
};

// How many bits a value takes after its code (tables F.1 and F.2).
RESTRIDE_HD inline unsigned size_category(std::int32_t v) noexcept {
  return static_cast<unsigned>(32 - leading_zeros(static_cast<std::uint32_t>(v < 0 ? -v : v)));
}

// Calls symbol(is_dc, index, value, size) for every code of a block in order. `levels` are its coefficients in zig-zag
// order, low and high say which of them are not 0 (bit 0 is not looked at), `dc` is the difference to code.
template <class Symbol>
RESTRIDE_HD inline void for_each_symbol(const std::int16_t* levels, std::uint32_t low, std::uint32_t high,
                                        std::int32_t dc, Symbol&& symbol) noexcept {
  constexpr unsigned kZeroRun = 0xf0, kEndOfBlock = 0x00;
  const unsigned category = size_category(dc);
  symbol(true, category, dc, category);
  int last = 0, base = 0;
  for (std::uint32_t rest = low & ~1U;; rest &= rest - 1) {
    if (!rest) {
      if (base || !high) break;
      rest = high;
      base = 32;
    }
    const int k = base + trailing_zeros(rest);
    int run = k - last - 1;
    last = k;
    for (; run > 15; run -= 16) symbol(false, kZeroRun, 0, 0);
    const std::int32_t value = levels[k];
    const unsigned size = size_category(value);
    symbol(false, static_cast<unsigned>(run) << 4 | size, value, size);
  }
  if (last != 63) symbol(false, kEndOfBlock, 0, 0);
}

// Codes a block into `words` (room for kMaxBlockWords). Returns the number of bits.
RESTRIDE_HD inline unsigned encode_block(const std::int16_t* levels, std::uint32_t low, std::uint32_t high,
                                         std::int32_t dc, const CodeWord* dc_codes, const CodeWord* ac_codes,
                                         std::uint32_t* words) noexcept {
  BitGatherer out(words);
  for_each_symbol(levels, low, high, dc, [&](bool is_dc, unsigned index, std::int32_t value, unsigned size) {
    const CodeWord code = (is_dc ? dc_codes : ac_codes)[index];
    // Negative values are sent less one, in as many bits.
    const std::uint32_t extra = static_cast<std::uint32_t>(value + (value >> 31)) & ((1U << size) - 1);
    out.put((code >> 16) << size | extra, code & 63);
  });
  return out.finish();
}

}  // namespace restride::jpeg
