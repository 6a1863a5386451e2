// SPDX-License-Identifier: Apache-2.0
// Progressive Huffman decoding on the CPU (ITU-T T.81, annex G). All scans of a component are decoded side by side,
// block by block: a block's coefficients are finished while they are in registers, and are stored once, without zeros.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "coding/jpeg/reconstruct.h"

namespace restride::jpeg {

// A component's blocks, as many as the picture has: those that only fill up MCUs are not kept.
struct SparsePlane {
  SparseBlock* blocks = nullptr;  // row by row
  std::uint32_t blocks_wide = 0, blocks_high = 0;
  std::uint8_t h = 1, v = 1;  // blocks in an MCU of several components
};

struct ProgressiveScan {
  std::uint8_t components = 0;
  std::array<std::uint8_t, 4> component{};  // indices of planes
  // BITS and HUFFVAL, DC or AC, whichever the scan needs; null where it needs none.
  std::array<const std::uint8_t*, 4> counts{}, symbols{};
  std::uint8_t ss = 0, se = 0, ah = 0, al = 0;
  std::uint32_t mcus_wide = 0, mcus_high = 0;  // of a scan of several components
  std::uint32_t restart_interval = 0;
  // Un-stuffed data (unstuff()), each byte then turned around (reverse_bits()), with kProgressiveBehind bytes behind
  // that may be read.
  const std::byte* data = nullptr;
  std::span<const Segment> segments;  // in units of kProgressiveUnit bytes
};
inline constexpr std::size_t kProgressiveUnit = 8, kProgressiveBehind = 512;
// Room for a scan's data, a multiple of 8.
std::size_t progressive_data_bytes(std::size_t bytes, std::size_t segments) noexcept;

// How well a component's coefficients are known: bits still missing, or kUnseen.
struct Accuracy {
  static constexpr std::uint8_t kUnseen = 255;
  std::array<std::uint8_t, 64> missing;
  // Takes a scan in. False: it is not the next one for these coefficients.
  bool refine(unsigned ss, unsigned se, unsigned ah, unsigned al) noexcept;
  bool complete() const noexcept;
};

// Turns every byte around, so that the bit that comes first is the lowest.
void reverse_bits(std::byte* data, std::size_t bytes) noexcept;

// Memory that decoding works in.
std::size_t progressive_work_bytes(std::size_t scans) noexcept;
// Values that pictures of so many blocks and bytes of data have at most; the last 64 are room to write.
std::size_t progressive_values_bound(std::size_t blocks, std::size_t bytes) noexcept;

// Decodes scans that follow each other as Accuracy::refine() has it. `work`: progressive_work_bytes() bytes, aligned to
// 8; `values`: room for progressive_values_bound(). Returns the number of values; -1: something is wrong with the data,
// or might be. `instructions`: plain ones are the judge of the best that the processor has.
enum class Instructions : std::uint8_t { best, plain };
std::ptrdiff_t decode_progressive(std::span<const SparsePlane> planes, std::span<const ProgressiveScan> scans,
                                  std::byte* work, std::span<std::int16_t> values,
                                  Instructions instructions = Instructions::best) noexcept;

}  // namespace restride::jpeg
