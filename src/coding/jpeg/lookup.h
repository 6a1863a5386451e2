// SPDX-License-Identifier: Apache-2.0
// Huffman decoding by table, for walking a code stream as much as for decoding it (ITU-T T.81, annexes C and F.2.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/host_device.h"

namespace restride::jpeg {

// What one code does, in 16 bits: 0 for bits that are no code, else
//   bits 0-4   bits of the code and of the value behind it, 1 to 31
//   bits 5-8   bits of the value behind it, 0 to 15
//   bits 9-15  step of the zig-zag position: 1 for DC; run + 1 for AC, 16 for ZRL, 64 for EOB
struct Code {
  std::uint16_t entry;

  RESTRIDE_HD static constexpr Code make(unsigned length, unsigned value_bits, unsigned step) noexcept {
    return {static_cast<std::uint16_t>((length + value_bits) | value_bits << 5 | step << 9)};
  }
  RESTRIDE_HD constexpr bool valid() const noexcept { return entry != 0; }
  RESTRIDE_HD constexpr unsigned bits() const noexcept { return entry & 31U; }
  RESTRIDE_HD constexpr unsigned value_bits() const noexcept { return entry >> 5 & 15U; }
  RESTRIDE_HD constexpr unsigned step() const noexcept { return entry >> 9; }
};

inline constexpr unsigned kShortBits = 10;
inline constexpr unsigned kShortEntries = 1U << kShortBits;

// What the codes that start in the next kShortBits bits do together, for walking: 0 where the first is longer, else
//   bits 0-4   bits of all of them and their values, 1 to 31
//   bits 5-10  step of the zig-zag position
//   bit 11     the last of them ends the block
//   bit 12     they are more than one
struct Stride {
  std::uint16_t entry;

  RESTRIDE_HD constexpr unsigned bits() const noexcept { return entry & 31U; }
  RESTRIDE_HD constexpr unsigned step() const noexcept { return entry >> 5 & 63U; }
  RESTRIDE_HD constexpr unsigned ends() const noexcept { return entry >> 11 & 1U; }
  RESTRIDE_HD constexpr bool several() const noexcept { return (entry >> 12 & 1U) != 0; }
};

// Where a table is: as many strides, then kShortEntries entries for codes of up to kShortBits bits, indexed by as many
// bits of the stream, then `long_count` entries for the longer ones, indexed by 16 bits of the stream less
// `long_first`.
struct LookupTable {
  std::uint32_t offset = 0;  // of the first entry
  std::uint32_t long_first = 0;
  std::uint32_t long_count = 0;
};

// Where the entries for a table's longer codes are: in whatever memory is fastest.
struct LongCodes {
  const std::uint16_t* entries = nullptr;
  std::uint32_t first = 0, count = 0;
};

// The value of `bits` bits (1 to 15) at the top of `window` (F.2.2.1, EXTEND); 0 where bits is 0.
RESTRIDE_HD inline int extended(std::uint32_t window, unsigned bits) noexcept {
  if (bits == 0) return 0;
  const int value = static_cast<int>(window >> (32 - bits));
  return (window >> 31) ? value : value - static_cast<int>((1U << bits) - 1);
}

// A checked table: `offset` is not set. An empty result (valid == false) stands for counts that are no prefix code, or
// DC values of more than 15 bits, as libjpeg checks them.
struct CheckedTable {
  LookupTable layout;
  bool valid = false;
  std::size_t entries() const noexcept { return 2 * kShortEntries + layout.long_count; }
};
CheckedTable check_table(std::span<const std::uint8_t, 16> counts, std::span<const std::uint8_t, 256> symbols,
                         bool dc) noexcept;
// Writes all entries of a valid table.
void fill_table(std::span<const std::uint8_t, 16> counts, std::span<const std::uint8_t, 256> symbols, bool dc,
                const LookupTable& layout, std::uint16_t* entries) noexcept;

}  // namespace restride::jpeg
