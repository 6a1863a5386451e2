// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/unstuff.h"

#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace restride::jpeg {
namespace {

constexpr std::size_t kBehind = 16;  // zeros that readers may look at

// Copies up to the next marker; returns its second byte, or 0 at the end of the data. Fill bytes count as part of a
// marker.
std::uint8_t copy_plain(const std::byte*& from, const std::byte* end, std::byte*& to) noexcept {
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

#if defined(__x86_64__)
// The same, 63 bytes at a time; may write 64 bytes past what it gives.
[[gnu::target("avx512f,avx512bw,avx512vbmi2,bmi,bmi2")]] std::uint8_t copy_vbmi2(const std::byte*& from,
                                                                                 const std::byte* end,
                                                                                 std::byte*& to) noexcept {
  constexpr std::uint64_t kKnown = ~(std::uint64_t{1} << 63);  // the last byte's successor is in the next block
  const __m512i ff = _mm512_set1_epi8(-1);
  while (end - from >= 64) {
    const __m512i block = _mm512_loadu_si512(from);
    const std::uint64_t escapes = _mm512_cmpeq_epi8_mask(block, ff) & kKnown, behind = escapes << 1;
    if (behind == 0) {
      _mm512_storeu_si512(to, block);
      from += 63;
      to += 63;
      continue;
    }
    const std::uint64_t zeros = _mm512_testn_epi8_mask(block, block);
    if (behind & ~zeros) break;  // a marker, or fill bytes
    // An FF that is the last known byte takes its 00 along.
    const unsigned taken = 63 + static_cast<unsigned>(behind >> 63);
    const std::uint64_t kept = ~behind & (taken == 64 ? ~std::uint64_t{0} : kKnown);
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(kept, block));
    from += taken;
    to += _mm_popcnt_u64(kept);
  }
  // What is left up to the marker is short, unless fill bytes made the loop stop.
  return copy_plain(from, end, to);
}
#endif

using Copy = std::uint8_t (*)(const std::byte*& from, const std::byte* end, std::byte*& to) noexcept;

Copy best_copy() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw")) return copy_vbmi2;
#endif
  return copy_plain;
}

}  // namespace

bool unstuff(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
             std::uint32_t& subsequences) noexcept {
  static const Copy copy = best_copy();
  const std::byte* next = from.data();
  const std::byte* const end = next + from.size();
  std::byte* const start = to;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto offset = static_cast<std::size_t>(to - start);
    segments[i].first = static_cast<std::uint32_t>(offset / subsequence);
    const std::uint8_t marker = copy(next, end, to);
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
