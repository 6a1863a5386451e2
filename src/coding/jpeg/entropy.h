// SPDX-License-Identifier: Apache-2.0
// Huffman decoding in parallel. A scan's un-stuffed data are cut into subsequences of equal length. A decoder that
// starts at a wrong place usually falls into step with the right one soon, so every subsequence is walked from a guess,
// and neighbours then walk on into each other's until nothing changes (synchronisation). With the true state at every
// boundary known, one more walk says where each data unit starts and what its DC coefficient is relative to the
// subsequence's start; the units themselves are decoded where their samples are needed.
//
// Everything here is one thread's part of a step; src/cuda/jpeg maps it to a GPU, the unit tests to loops.
#pragma once

#include <cstdint>

#include "base/host_device.h"
#include "coding/jpeg/lookup.h"

namespace restride::jpeg {

inline constexpr unsigned kMaxUnitsPerMcu = 10;  // B.2.3
inline constexpr unsigned kMaxPairs = 4;

// Run of MCUs between restart markers, or all of a scan. Starts on a subsequence boundary.
struct Segment {
  std::uint32_t first;  // its first subsequence, counted from the scan's
  std::uint32_t end;    // bit behind its data, counted from the scan's first
};

// One scan's data, as a batch holds them.
struct EntropyScan {
  std::uint32_t word;                  // its first 32-bit word
  std::uint32_t subsequence;           // its first subsequence
  std::uint32_t subsequences;          // their number
  std::uint32_t segment;               // its first segment
  std::uint32_t segments;              // their number
  std::uint32_t unit;                  // its first data unit
  std::uint32_t units;                 // their number
  std::uint32_t units_per_segment;     // of all segments but the last
  std::uint32_t picture;               // whose status it sets
  std::uint32_t table[2 * kMaxPairs];  // DC and AC table of each pair
  std::uint8_t pairs;                  // distinct pairs of tables
  std::uint8_t units_per_mcu;
  std::uint8_t pair[kMaxUnitsPerMcu];       // of each unit of an MCU
  std::uint8_t predictor[kMaxUnitsPerMcu];  // its component, 0 to 3 in the scan's order
};

// What goes wrong, as set in a picture's status. The first is no damage: the file only resists this way of decoding.
enum : std::uint32_t { kGood = 0, kNotSynchronised, kBadCode, kTooLong, kTooShort, kSurplus };

// A decoder between two symbols.
struct State {
  std::uint32_t bit = 0;    // from the scan's first
  std::uint16_t count = 0;  // data units that started in the subsequence behind
  std::uint8_t unit = 0;    // in its MCU
  std::uint8_t zigzag = 0;  // 0: a data unit starts here

  RESTRIDE_HD bool same_place(const State& other) const noexcept {
    return bit == other.bit && unit == other.unit && zigzag == other.zigzag;
  }
};

struct UnitStart {
  std::uint32_t bit;
  std::int16_t dc;  // relative to its subsequence's first
  std::uint16_t unused;
};

// Per component of the scan. DC arithmetic is modulo 2^16, which is what is stored.
struct alignas(8) DcSums {
  std::int16_t of[4];

  RESTRIDE_HD DcSums plus(const DcSums& other) const noexcept {
    DcSums sum;
    for (int k = 0; k < 4; ++k) sum.of[k] = static_cast<std::int16_t>(of[k] + other.of[k]);
    return sum;
  }
};

RESTRIDE_HD inline std::uint32_t big_endian_word(std::uint32_t stored) noexcept {
#if defined(__CUDA_ARCH__)
  return __byte_perm(stored, 0, 0x0123);
#else
  return __builtin_bswap32(stored);
#endif
}

// 32 bits from any position on. May look up to two words past the position.
class BitWindow {
 public:
  RESTRIDE_HD BitWindow(const std::uint32_t* words, std::uint32_t bit) noexcept
      : words_(words), word_(bit >> 5), buffer_(pair(words, word_)) {}
  RESTRIDE_HD std::uint32_t at(std::uint32_t bit) noexcept {
    if ((bit >> 5) != word_) {  // at most one word on
      ++word_;
      buffer_ = buffer_ << 32 | big_endian_word(words_[word_ + 1]);
    }
    return static_cast<std::uint32_t>(buffer_ << (bit & 31U) >> 32);
  }

 private:
  RESTRIDE_HD static std::uint64_t pair(const std::uint32_t* words, std::uint32_t i) noexcept {
    return std::uint64_t{big_endian_word(words[i])} << 32 | big_endian_word(words[i + 1]);
  }
  const std::uint32_t* words_;
  std::uint32_t word_;
  std::uint64_t buffer_;
};

// A scan with its tables at hand. `shorts`: kShortEntries of each of the 2 * pairs tables, one behind the other, or
// null: they are read where they are in `entries`.
struct ScanReader {
  const EntropyScan& scan;
  const std::uint32_t* words;  // of this scan
  const std::uint16_t* shorts;
  const std::uint16_t* entries;  // of the batch
  const LookupTable* tables;     // of the batch

  RESTRIDE_HD Code code(std::uint32_t window, unsigned pair, bool ac) const noexcept {
    const unsigned t = 2 * pair + ac;
    const std::uint32_t top = window >> (32 - kShortBits);
    std::uint16_t entry = shorts ? shorts[t * kShortEntries + top] : entries[tables[scan.table[t]].offset + top];
    if (entry) return {entry};
    const LookupTable table = tables[scan.table[t]];
    const std::uint32_t i = (window >> 16) - table.long_first;
    return {i < table.long_count ? entries[table.offset + kShortEntries + i] : std::uint16_t{0}};
  }
};

// Walks the symbols that start before bit `end`; counts the data units that start. What is no code is stepped over.
RESTRIDE_HD inline void walk(const ScanReader& reader, std::uint32_t end, State& state) noexcept {
  BitWindow window(reader.words, state.bit);
  std::uint32_t bit = state.bit, count = 0;
  unsigned unit = state.unit, zigzag = state.zigzag, pair = reader.scan.pair[unit];
  while (bit < end) {
    const Code code = reader.code(window.at(bit), pair, zigzag != 0);
    count += zigzag == 0;
    bit += code.valid() ? code.bits() : 16;
    zigzag += code.valid() ? code.step() : 1;
    if (zigzag >= 64) {
      zigzag = 0;
      if (++unit == reader.scan.units_per_mcu) unit = 0;
      pair = reader.scan.pair[unit];
    }
  }
  state = {bit, static_cast<std::uint16_t>(count), static_cast<std::uint8_t>(unit), static_cast<std::uint8_t>(zigzag)};
}

// The segment that holds a subsequence of the scan; `segments`: the scan's.
RESTRIDE_HD inline std::uint32_t segment_of(const Segment* segments, std::uint32_t count,
                                            std::uint32_t subsequence) noexcept {
  std::uint32_t low = 0, high = count;
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    if (segments[middle].first <= subsequence)
      low = middle;
    else
      high = middle;
  }
  return low;
}
RESTRIDE_HD inline std::uint32_t segment_end(const EntropyScan& scan, const Segment* segments,
                                             std::uint32_t segment) noexcept {
  return segment + 1 < scan.segments ? segments[segment + 1].first : scan.subsequences;
}

// What the last walk has of its subsequence.
struct IndexWalk {
  State start;                  // the true one
  std::uint32_t first_unit;     // data units of the segment that started before
  std::uint32_t segment_units;  // that the segment has
  std::uint32_t segment_end;    // bit behind its data
  bool last_of_segment;         // no subsequence follows in it
  bool last_segment;            // of the scan: what follows its units does not matter
};

// Says where the units that start before bit `end` start (`units`: of the segment) and checks everything that can be
// wrong with them. Returns the status.
RESTRIDE_HD inline std::uint32_t index_units(const ScanReader& reader, std::uint32_t end, const IndexWalk& work,
                                             UnitStart* units, DcSums& sums) noexcept {
  sums = {};
  std::uint32_t next = work.first_unit;
  unsigned unit = work.start.unit, zigzag = work.start.zigzag;
  std::uint32_t bit = work.start.bit;
  if (next > work.segment_units || (next == work.segment_units && zigzag == 0)) return kGood;  // behind the last unit
  BitWindow window(reader.words, bit);
  while (bit < end) {
    const std::uint32_t bits = window.at(bit);
    const bool ac = zigzag != 0;
    const Code code = reader.code(bits, reader.scan.pair[unit], ac);
    if (!code.valid()) return kBadCode;
    if (!ac) {
      std::int16_t& sum = sums.of[reader.scan.predictor[unit]];
      const unsigned length = code.bits() - code.value_bits();
      sum = static_cast<std::int16_t>(sum + extended(bits << length, code.value_bits()));
      units[next++] = {bit, sum, 0};
    }
    zigzag += code.step();
    if (zigzag > 64 && code.step() != 64) return kTooLong;
    bit += code.bits();
    if (zigzag < 64) continue;
    zigzag = 0;
    if (++unit == reader.scan.units_per_mcu) unit = 0;
    if (next < work.segment_units) continue;
    if (bit > work.segment_end) return kTooShort;
    return !work.last_segment && work.segment_end - bit >= 8 ? kSurplus : kGood;
  }
  return work.last_of_segment ? kTooShort : kGood;
}

}  // namespace restride::jpeg
