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
  std::uint32_t block, blocks;         // its first block of subsequences, and their number
  std::uint32_t table[2 * kMaxPairs];  // DC and AC table of each pair
  std::uint8_t pairs;                  // distinct pairs of tables
  std::uint8_t units_per_mcu;
  std::uint32_t pair_bits;       // two bits for each unit of an MCU: its pair
  std::uint32_t predictor_bits;  // likewise its component, 0 to 3 in the scan's order

  RESTRIDE_HD unsigned pair(unsigned in_mcu) const noexcept { return pair_bits >> (2 * in_mcu) & 3U; }
  RESTRIDE_HD unsigned predictor(unsigned in_mcu) const noexcept { return predictor_bits >> (2 * in_mcu) & 3U; }
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

// 32 bits from any position on. Loads a word before it is needed: may look up to three words past the position.
class BitWindow {
 public:
  RESTRIDE_HD BitWindow(const std::uint32_t* words, std::uint32_t bit) noexcept
      : words_(words + (bit >> 5) + 2),
        word_(bit >> 5),
        high_(big_endian_word(words_[-2])),
        low_(big_endian_word(words_[-1])),
        next_(*words_) {}
  // `bit`: at most 32 behind that of the call before.
  RESTRIDE_HD std::uint32_t at(std::uint32_t bit) noexcept {
    if ((bit >> 5) != word_) {
      ++word_;
      high_ = low_;
      low_ = big_endian_word(next_);
      next_ = *++words_;
    }
#if defined(__CUDA_ARCH__)
    return __funnelshift_l(low_, high_, bit);
#else
    return static_cast<std::uint32_t>((std::uint64_t{high_} << 32 | low_) << (bit & 31U) >> 32);
#endif
  }

 private:
  const std::uint32_t* words_;  // of next_
  std::uint32_t word_, high_, low_, next_;
};

// A scan with its tables at hand: the short codes of each of the 2 * pairs tables, one behind the other, their strides
// likewise (where they are needed), and their longer codes.
struct ScanReader {
  const EntropyScan& scan;
  const std::uint32_t* words;  // of this scan
  const std::uint16_t *shorts, *strides;
  const LongCodes* longs;

  // The code at the top of `window` by table `t`: twice the pair, one more for AC.
  RESTRIDE_HD Code code(std::uint32_t window, unsigned t) const noexcept {
    const std::uint16_t entry = shorts[t * kShortEntries + (window >> (32 - kShortBits))];
    if (entry) return {entry};
    const LongCodes table = longs[t];
    const std::uint32_t i = (window >> 16) - table.first;
    return {i < table.count ? table.entries[i] : std::uint16_t{0}};
  }
};

// Walks the symbols that start before bit `end`; counts the data units that start. What is no code is stepped over.
RESTRIDE_HD inline void walk(const ScanReader& reader, std::uint32_t end, State& state) noexcept {
  BitWindow window(reader.words, state.bit);
  const unsigned last = 2U * reader.scan.units_per_mcu - 2;
  const std::uint32_t pair_bits = reader.scan.pair_bits;
  std::uint32_t bit = state.bit, count = 0;
  unsigned unit2 = 2U * state.unit, zigzag = state.zigzag;
  while (bit < end) {
    // Selections instead of branches: neighbouring threads are at different places in their units.
    const bool start = zigzag == 0;
    const unsigned table = (pair_bits >> unit2 & 3U) * 2 + (start ? 0 : 1);
    const std::uint32_t bits = window.at(bit);
    Stride stride{reader.strides[table * kShortEntries + (bits >> (32 - kShortBits))]};
    // Where walks stop must not depend on where they come from: no stride reaches over the end, or a block's.
    const bool over_end = stride.several() && (bit + kShortBits > end || zigzag + stride.step() + stride.ends() > 64);
    unsigned length = stride.bits(), step = stride.ends() ? 64 : stride.step();
    if (stride.entry == 0 || over_end) {
      const Code code = reader.code(bits, table);
      length = code.valid() ? code.bits() : 16;
      step = code.valid() ? code.step() : 1;
    }
    count += start;
    bit += length;
    zigzag += step;
    const bool over = zigzag >= 64;
    zigzag = over ? 0 : zigzag;
    const unsigned next = unit2 == last ? 0 : unit2 + 2;
    unit2 = over ? next : unit2;
  }
  state = {bit, static_cast<std::uint16_t>(count), static_cast<std::uint8_t>(unit2 / 2),
           static_cast<std::uint8_t>(zigzag)};
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
// wrong with them. `sums`: in memory that can be indexed cheaply. Returns the status.
RESTRIDE_HD inline std::uint32_t index_units(const ScanReader& reader, std::uint32_t end, const IndexWalk& work,
                                             UnitStart* units, DcSums& sums) noexcept {
  sums = {};
  std::uint32_t next = work.first_unit, status = kGood;
  unsigned unit = work.start.unit, zigzag = work.start.zigzag;
  std::uint32_t bit = work.start.bit;
  if (next > work.segment_units || (next == work.segment_units && zigzag == 0)) return kGood;  // behind the last unit
  BitWindow window(reader.words, bit);
  bool done = false;
  while (bit < end && !done) {
    const std::uint32_t bits = window.at(bit);
    const bool ac = zigzag != 0;
    const unsigned table = reader.scan.pair(unit) * 2 + ac;
    const Stride stride{ac ? reader.strides[table * kShortEntries + (bits >> (32 - kShortBits))] : std::uint16_t{0}};
    if (stride.several() && bit + kShortBits <= end && zigzag + stride.step() + stride.ends() <= 64) {
      bit += stride.bits();
      zigzag = stride.ends() ? 64 : zigzag + stride.step();
    } else {
      const Code code = reader.code(bits, table);
      if (!code.valid()) return kBadCode;
      if (!ac) {
        std::int16_t& sum = sums.of[reader.scan.predictor(unit)];
        sum = static_cast<std::int16_t>(sum + extended(bits << (code.bits() - code.value_bits()), code.value_bits()));
        units[next++] = {bit, sum, 0};
      }
      zigzag += code.step();
      if (zigzag > 64 && code.step() != 64) return kTooLong;
      bit += code.bits();
    }
    if (zigzag < 64) continue;
    zigzag = 0;
    if (++unit == reader.scan.units_per_mcu) unit = 0;
    if (next < work.segment_units) continue;
    done = true;
    if (bit > work.segment_end) status = kTooShort;
    if (!work.last_segment && work.segment_end - bit >= 8) status = kSurplus;
  }
  if (!done && work.last_of_segment) status = kTooShort;
  return status;
}

}  // namespace restride::jpeg
