// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "coding/jpeg/entropy.h"

namespace restride::jpeg {

// Copies a scan's entropy-coded data without byte stuffing (ITU-T T.81, F.1.2.3), each restart segment to the next
// multiple of `subsequence` bytes, with zeros in between and 16 behind the last. Stops at the marker that ends the
// scan, or behind the last segment. `from` may reach further. `to` needs unstuffed_bound() bytes, `segments` as many
// elements as segments are expected. False: restart markers are missing, surplus or out of order.
bool unstuff(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
             std::uint32_t& subsequences) noexcept;

inline std::size_t unstuffed_bound(std::size_t bytes, std::size_t segments, std::size_t subsequence) noexcept {
  return bytes + segments * subsequence + 64;
}

}  // namespace restride::jpeg
