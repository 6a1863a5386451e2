// SPDX-License-Identifier: Apache-2.0
// PNG's row filters (ISO/IEC 15948, clause 9).
#pragma once

#include <cstddef>
#include <cstdint>

namespace restride::png_filter {

inline constexpr unsigned kTypes = 5;  // none, sub, up, average, Paeth

// Undoes filter `type` (below kTypes) on `row` of n bytes in place. `above` is the unfiltered row above (zeros for the
// first); pixel is the distance to the corresponding byte on the left, at least 1.
void undo(unsigned type, std::uint8_t* row, const std::uint8_t* above, std::size_t n, std::size_t pixel) noexcept;

// The same, byte by byte from the definition; judges undo().
void undo_reference(unsigned type, std::uint8_t* row, const std::uint8_t* above, std::size_t n, std::size_t pixel) noexcept;

// Filters `row` into `out` (n bytes each) and returns the sum of the absolute values of the result as signed bytes.
std::uint64_t apply(unsigned type, const std::uint8_t* row, const std::uint8_t* above, std::size_t n, std::size_t pixel,
                    std::uint8_t* out) noexcept;

}  // namespace restride::png_filter
