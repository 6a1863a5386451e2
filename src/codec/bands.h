// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/executor.h"

namespace restride {

// Rows of one picture divided among idle threads: calls f(first, rows) for bands of about `kBandBytes`, each row once.
template <class F>
void for_each_band(Executor& executor, std::int64_t rows, std::uint64_t row_bytes, F&& f) {
  constexpr std::uint64_t kBandBytes = std::uint64_t{512} << 10;  // long enough to pay for handing it to a thread
  const auto band =
      static_cast<std::int64_t>(std::max<std::uint64_t>(kBandBytes / std::max<std::uint64_t>(row_bytes, 1), 1));
  executor.for_each(static_cast<std::size_t>((rows + band - 1) / band), [&](std::size_t k) {
    const std::int64_t first = static_cast<std::int64_t>(k) * band;
    f(first, std::min(band, rows - first));
  });
}

}  // namespace restride
