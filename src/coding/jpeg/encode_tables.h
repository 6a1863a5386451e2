// SPDX-License-Identifier: Apache-2.0
// Quantisation and Huffman tables of an encoder: the standard's (ITU-T T.81, annex K), and the forms the coder uses.
#pragma once

#include <array>
#include <cstdint>

#include "base/host_device.h"

namespace restride::jpeg {

// A Huffman table as a DHT segment gives it (B.2.4.2): the number of codes of each length 1 to 16, and their values.
struct HuffmanCounts {
  std::uint8_t counts[16];
  std::uint8_t values[256];
};

// Tables of one frame. Index 0 is luma's (and of every component without chroma), 1 chroma's.
struct HuffmanTables {
  HuffmanCounts dc[2], ac[2];
};
const HuffmanTables& standard_huffman_tables() noexcept;

// Quantiser steps in natural order, 1 to 255; `quality` from 1 to 100 scales annex K's as libjpeg does.
using QuantizerSteps = std::array<std::uint8_t, 64>;
QuantizerSteps quantizer_steps(int quality, bool chroma) noexcept;

// What quantising one coefficient takes; kept in natural order.
struct alignas(16) Quantizer {
  std::int32_t reciprocal;       // round(2^31 / divisor)
  std::uint32_t more_and_place;  // divisor + 1 in the low half; the coefficient's zig-zag position in the high one
  std::uint32_t bit[2];          // 2^position, low word first
};
struct Quantizers {
  Quantizer table[2][64];
};
Quantizers quantizers(int quality) noexcept;

// A code with everything that is known of its symbol: code << 16 | bits of code and additional bits together. 0: none.
using CodeWord = std::uint32_t;
struct CodeTables {
  CodeWord dc[2][16];   // by size category
  CodeWord ac[2][256];  // by run << 4 | size category
};
// Assigns the codes of one table in order of length (annex C), over zeros. `size_mask` takes the size category out of a
// symbol: DC symbols are nothing else.
inline constexpr unsigned kDcSizeMask = 0xff, kAcSizeMask = 0x0f;
RESTRIDE_HD inline void assign_codes(const HuffmanCounts& from, unsigned size_mask, CodeWord* to) noexcept {
  unsigned code = 0, at = 0;
  for (unsigned length = 1; length <= 16; ++length, code <<= 1)
    for (unsigned i = 0; i < from.counts[length - 1]; ++i, ++code) {
      const unsigned symbol = from.values[at++];
      to[symbol] = code << 16 | (length + (symbol & size_mask));
    }
}
CodeTables code_tables(const HuffmanTables& tables) noexcept;

// The divisor is 8 times the step, since the DCT leaves that factor.
Quantizer quantizer(std::uint32_t step, unsigned position) noexcept;

// round(v / divisor), halves away from zero, for |v| up to 2^14. With n = v + divisor / 2, less one for negative v,
// that is floor(n / divisor) = floor((2 n + 1) / (2 divisor)), and since the last fraction is at least 1 / (2 divisor)
// away from every integer, multiplying by the rounded reciprocal is exact.
RESTRIDE_HD inline std::int32_t quantize(std::int32_t v, const Quantizer& q) noexcept {
  const std::int32_t twice = 2 * (v + (v >> 31)) + static_cast<std::int32_t>(q.more_and_place & 0xffff);
#if defined(__CUDA_ARCH__)
  return __mulhi(twice, q.reciprocal);
#else
  return static_cast<std::int32_t>((static_cast<std::int64_t>(twice) * q.reciprocal) >> 32);
#endif
}

}  // namespace restride::jpeg
