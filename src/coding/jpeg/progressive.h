// SPDX-License-Identifier: Apache-2.0
// Progressive Huffman decoding on the CPU (ITU-T T.81, annex G), scan by scan, into coefficients.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "coding/jpeg/entropy.h"

namespace restride::jpeg {

// A component's coefficients: blocks row by row, the 64 of a block column by column.
struct CoefficientPlane {
  std::int16_t* blocks = nullptr;
  std::uint64_t* known = nullptr;  // by block: bit k is set if the coefficient at zig-zag position k > 0 is not 0
  std::uint32_t stride = 0;        // blocks a row has, those that only fill MCUs up included
  std::uint32_t blocks_wide = 0, blocks_high = 0;  // of the picture
  std::uint8_t h = 1, v = 1;                       // blocks in an MCU of several components
};

struct ProgressiveScan {
  std::uint8_t components = 0;
  std::array<CoefficientPlane*, 4> plane{};
  // BITS and HUFFVAL, DC or AC, whichever the scan needs; null where it needs none.
  std::array<const std::uint8_t*, 4> counts{}, symbols{};
  std::uint8_t ss = 0, se = 0, ah = 0, al = 0;
  std::uint32_t mcus_wide = 0, mcus_high = 0;  // of a scan of several components
  std::uint32_t restart_interval = 0;
};

// How well a component's coefficients are known: bits still missing, or kUnseen.
struct Accuracy {
  static constexpr std::uint8_t kUnseen = 255;
  std::array<std::uint8_t, 64> missing;
  // Takes a scan in. False: it is not the next one for these coefficients.
  bool refine(unsigned ss, unsigned se, unsigned ah, unsigned al) noexcept;
  bool complete() const noexcept;
};

// Decodes one scan. `data`: un-stuffed (unstuff()), `segments` in units of `subsequence` bytes. False: something is
// wrong with it, or might be; the coefficients are then worth nothing.
bool decode_progressive_scan(const ProgressiveScan& scan, const std::byte* data, std::span<const Segment> segments,
                             std::size_t subsequence) noexcept;

}  // namespace restride::jpeg
