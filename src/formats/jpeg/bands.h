// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codec/codec.h"

namespace restride::jpeg {

inline constexpr std::size_t kMaxBands = 64;

// Into how many bands of rows of MCUs a picture, or a window of one, is best divided; 1: not at all. Each band costs up
// to two rows of MCUs more, so that small ones do not pay; and threads that have other pictures to do gain nothing.
inline std::size_t band_count(std::uint64_t pixels, std::size_t mcu_rows, const Context& context) noexcept {
  constexpr std::uint64_t kLeastPixels = 1U << 19;
  constexpr std::size_t kLeastRows = 12;
  const std::size_t threads = context.executor.concurrency(), most = std::min(mcu_rows / kLeastRows, kMaxBands);
  if (pixels < kLeastPixels || most < 2 || context.jobs >= threads) return 1;
  return most < threads ? most : std::min(most / threads, std::size_t{4}) * threads;
}

}  // namespace restride::jpeg
