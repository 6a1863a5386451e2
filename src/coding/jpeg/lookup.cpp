// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/lookup.h"

#include <algorithm>

namespace restride::jpeg {
namespace {

constexpr unsigned kEndOfBlock = 64;

Code code_for(unsigned length, std::uint8_t symbol, bool dc) noexcept {
  if (dc) return Code::make(length, symbol, 1);
  const unsigned run = symbol >> 4, value_bits = symbol & 15U;
  if (value_bits) return Code::make(length, value_bits, run + 1);
  return Code::make(length, 0, run == 15 ? 16 : kEndOfBlock);  // any other run without a value ends the block
}

// `codes`: the table's entries for short codes.
void fill_strides(bool dc, const std::uint16_t* codes, std::uint16_t* strides) noexcept {
  for (unsigned i = 0; i < kShortEntries; ++i) {
    unsigned bits = 0, step = 0, ends = 0, n = 0;
    while (bits < kShortBits && !ends) {
      const Code code{codes[i << bits & (kShortEntries - 1)]};
      const unsigned length = code.bits() - code.value_bits();
      const bool end = code.step() == kEndOfBlock;
      // Only bits of the index are known; what follows them is not.
      if (!code.valid() || length > kShortBits - bits || bits + code.bits() > 31 || (!end && step + code.step() > 63))
        break;
      bits += code.bits();
      step += end ? 0 : code.step();
      ends = end;
      ++n;
      if (dc) break;
    }
    strides[i] = static_cast<std::uint16_t>(n == 0 ? 0 : bits | step << 5 | ends << 11 | (n > 1 ? 1U : 0U) << 12);
  }
}

}  // namespace

CheckedTable check_table(std::span<const std::uint8_t, 16> counts, std::span<const std::uint8_t, 256> symbols,
                         bool dc) noexcept {
  CheckedTable out;
  unsigned codes = 0, next = 0, last16 = 0;
  for (unsigned length = 1; length <= 16; ++length) {
    const unsigned n = counts[length - 1];
    if (length == kShortBits + 1) out.layout.long_first = next << (16 - length);
    codes += n;
    next += n;
    if (next > 1U << length || codes > 256) return out;
    if (n) last16 = next << (16 - length);  // first 16-bit value behind the codes so far
    next <<= 1;
  }
  if (dc && std::any_of(symbols.begin(), symbols.begin() + codes, [](std::uint8_t s) { return s > 15; })) return out;
  out.layout.long_count = last16 > out.layout.long_first ? last16 - out.layout.long_first : 0;
  out.valid = true;
  return out;
}

void fill_table(std::span<const std::uint8_t, 16> counts, std::span<const std::uint8_t, 256> symbols, bool dc,
                const LookupTable& layout, std::uint16_t* entries) noexcept {
  unsigned next = 0, k = 0;
  std::uint16_t* const strides = entries;
  entries += kShortEntries;
  std::fill(entries, entries + kShortEntries + layout.long_count, std::uint16_t{0});
  for (unsigned length = 1; length <= 16; ++length, next <<= 1)
    for (unsigned i = 0; i < counts[length - 1]; ++i, ++k, ++next) {
      const std::uint16_t entry = code_for(length, symbols[k], dc).entry;
      std::uint16_t* to = length <= kShortBits
                              ? entries + (std::size_t{next} << (kShortBits - length))
                              : entries + kShortEntries + ((std::size_t{next} << (16 - length)) - layout.long_first);
      std::fill_n(to, length <= kShortBits ? 1U << (kShortBits - length) : 1U << (16 - length), entry);
    }
  fill_strides(dc, entries, strides);
}

}  // namespace restride::jpeg
