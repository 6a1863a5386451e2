// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/unstuff.h"

#include <cstring>

namespace restride::jpeg {
namespace {

constexpr std::size_t kBehind = 8;  // zeros that readers may look at

// Copies up to the next marker; returns its second byte, or 0 at the end of the data. Fill bytes count as part of a
// marker.
std::uint8_t copy_segment(const std::byte*& from, const std::byte* end, std::byte*& to) noexcept {
  while (from < end) {
    const auto* stop = static_cast<const std::byte*>(std::memchr(from, 0xff, static_cast<std::size_t>(end - from)));
    const std::size_t plain = static_cast<std::size_t>((stop ? stop : end) - from);
    std::memcpy(to, from, plain);
    to += plain;
    from += plain;
    if (!stop) return 0;
    while (from < end && *from == std::byte{0xff}) ++from;
    if (from == end) return 0;
    const auto marker = static_cast<std::uint8_t>(*from++);
    if (marker) return marker;
    *to++ = std::byte{0xff};
  }
  return 0;
}

}  // namespace

bool unstuff(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
             std::uint32_t& subsequences) noexcept {
  const std::byte* next = from.data();
  const std::byte* const end = next + from.size();
  std::byte* const start = to;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto offset = static_cast<std::size_t>(to - start);
    segments[i].first = static_cast<std::uint32_t>(offset / subsequence);
    const std::uint8_t marker = copy_segment(next, end, to);
    const auto size = static_cast<std::size_t>(to - start);
    segments[i].end = static_cast<std::uint32_t>(8 * size);
    std::size_t padded = (size + subsequence - 1) / subsequence * subsequence;
    if (padded == offset) padded += subsequence;  // no data: still a subsequence of its own
    std::memset(to, 0, padded - size);
    to = start + padded;
    if (i + 1 < segments.size() && marker != 0xd0 + i % 8) return false;
  }
  subsequences = static_cast<std::uint32_t>(static_cast<std::size_t>(to - start) / subsequence);
  std::memset(to, 0, kBehind);
  return true;
}

}  // namespace restride::jpeg
