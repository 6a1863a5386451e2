// SPDX-License-Identifier: Apache-2.0
// PNG's row filters (ISO/IEC 15948, clause 9), both ways. A filter predicts each byte from its neighbours
//     c b      c, b: the row above (zeros above the first row)
//     a x      a: the byte one pixel to the left (zero left of the first pixel)
// and stores x - prediction, modulo 256.
#pragma once

#include <cstddef>
#include <cstdint>

namespace restride::png_filter {

enum class Type : std::uint8_t { none, sub, up, average, paeth };  // 9.2, Table 9.1
inline constexpr unsigned kTypes = 5;
inline constexpr unsigned kLargestPixel = 8;  // bytes: four samples of 16 bits

// Reconstructs one row of `n` bytes: `filtered` and the reconstructed row above, `above`, give `row`. `pixel` is the
// distance to the neighbour in bytes, 1 to 8, and `n` is a multiple of it. `row` may be `filtered` itself, but not
// overlap `above`. Reads and writes nothing beyond n bytes.
void reconstruct(Type type, unsigned pixel, const std::byte* filtered, const std::byte* above, std::byte* row,
                 std::size_t n) noexcept;
// The same, written as the standard has it: for processors without a fast version, and the judge of those.
void reconstruct_reference(Type type, unsigned pixel, const std::byte* filtered, const std::byte* above, std::byte* row,
                           std::size_t n) noexcept;

// Filters one row. `filtered` must overlap neither of the others.
void apply(Type type, unsigned pixel, const std::byte* row, const std::byte* above, std::byte* filtered,
           std::size_t n) noexcept;

// The sum of the filtered bytes' distances from zero, taken as signed: what 12.7 suggests to choose a filter by.
std::uint64_t sum_of_distances(const std::byte* filtered, std::size_t n) noexcept;

// How many bytes of a row equal the one a pixel before.
std::size_t count_equal_to_left(unsigned pixel, const std::byte* row, std::size_t n) noexcept;

}  // namespace restride::png_filter
