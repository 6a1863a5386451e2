// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace restride::jpeg {

// Natural (row by row) index of the coefficient at zig-zag position k (ITU-T T.81, figure A.6).
inline constexpr std::uint8_t kNaturalOrder[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,   //
                                                   12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,  //
                                                   35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,  //
                                                   58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// The same with rows and columns exchanged, for working memory that is kept column by column.
RESTRIDE_HD constexpr std::uint8_t transposed(std::uint8_t natural) noexcept {
  return static_cast<std::uint8_t>((natural & 7U) << 3 | natural >> 3);
}

}  // namespace restride::jpeg
