// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/unstuff.h"

#include <algorithm>
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

#if defined(__x86_64__)
// The same to an address that is a multiple of 64, past the caches: what comes next to read it is a copy engine.
// Writes up to 64 bytes behind what it gives.
[[gnu::target("avx512f,avx512bw,avx512vbmi2,bmi,bmi2")]] std::uint8_t stream_vbmi2(const std::byte*& from,
                                                                                   const std::byte* end,
                                                                                   std::byte*& to) noexcept {
  constexpr std::ptrdiff_t kPiece = 8192;
  alignas(64) std::byte piece[kPiece + 256];
  _mm512_store_si512(piece, _mm512_setzero_si512());
  std::byte* filled = piece;
  std::uint8_t marker = 0;
  while (from < end && marker == 0) {
    const std::byte* stop = end - from > kPiece ? from + kPiece : end;
    while (stop < end && stop - from < kPiece + 64 && stop[-1] == std::byte{0xff}) ++stop;  // no pair is cut
    if (stop < end && stop[-1] == std::byte{0xff}) break;                                   // fill bytes without end
    marker = copy_vbmi2(from, stop, filled);
    const std::byte* next = piece;
    for (; filled - next >= 64; next += 64, to += 64)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_load_si512(next));
    const std::ptrdiff_t left = filled - next;
    _mm512_store_si512(piece, _mm512_load_si512(next));
    filled = piece + left;
  }
  _mm512_storeu_si512(to, _mm512_load_si512(piece));
  to += filled - piece;
  _mm_sfence();
  return marker || from == end ? marker : copy_vbmi2(from, end, to);
}
#endif

using Copy = std::uint8_t (*)(const std::byte*& from, const std::byte* end, std::byte*& to) noexcept;

Copy best_copy() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw")) return copy_vbmi2;
#endif
  return copy_plain;
}

// For large data that only a copy engine reads next.
Copy best_stream() noexcept {
#if defined(__x86_64__)
  if (best_copy() == copy_vbmi2) return stream_vbmi2;
#endif
  return copy_plain;
}

// Bytes of `from` up to its next marker, which has no FF before its first byte, and how many of them stuffing is.
struct Run {
  std::size_t size, stuffed;
  std::uint8_t marker;  // its second byte; 0: none
  std::size_t behind;   // where what follows the marker starts
};
Run plain_run(const std::byte* from, std::size_t at, std::size_t end) noexcept {
  Run run{0, 0, 0, end};
  std::size_t i = at;
  while (i < end) {
    const void* found = std::memchr(from + i, 0xff, end - i);
    if (!found) break;
    const std::size_t escape = static_cast<std::size_t>(static_cast<const std::byte*>(found) - from);
    i = escape + 1;
    while (i < end && from[i] == std::byte{0xff}) ++i;
    if (i == end) {  // only fill bytes are left
      run.size = escape - at;
      return run;
    }
    const auto next = static_cast<std::uint8_t>(from[i++]);
    if (next) {
      run.size = escape - at;
      run.marker = next;
      run.behind = i;
      return run;
    }
    run.stuffed += i - escape - 1;  // the 00, and fill bytes before it
  }
  run.size = end - at;
  return run;
}

#if defined(__x86_64__)
// The same: skips what holds no marker 63 bytes at a time.
[[gnu::target("avx512f,avx512bw,bmi,bmi2")]] Run run_avx512(const std::byte* from, std::size_t at,
                                                            std::size_t end) noexcept {
  constexpr std::uint64_t kKnown = ~(std::uint64_t{1} << 63);
  const __m512i ff = _mm512_set1_epi8(-1);
  std::size_t i = at, stuffed = 0;
  while (end - i >= 64) {
    const __m512i block = _mm512_loadu_si512(from + i);
    const std::uint64_t behind = (_mm512_cmpeq_epi8_mask(block, ff) & kKnown) << 1;
    if (behind) {
      if (behind & ~_mm512_testn_epi8_mask(block, block)) break;
      stuffed += static_cast<std::size_t>(_mm_popcnt_u64(behind));
      i += behind >> 63;
    }
    i += 63;
  }
  Run run = plain_run(from, i, end);
  run.size += i - at;
  run.stuffed += stuffed;
  return run;
}
#endif

using FindRun = Run (*)(const std::byte* from, std::size_t at, std::size_t end) noexcept;

FindRun best_run() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw")) return run_avx512;
#endif
  return plain_run;
}

}  // namespace

bool ParallelUnstuff::run(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
                          std::uint32_t& subsequences, Executor& executor) {
  static const FindRun find = best_run();
  static const Copy copy = best_copy();
  const std::size_t chunks = from.size() / kChunk + 1;
  if (pieces_.size() < chunks * kMostPieces) pieces_.resize(chunks * kMostPieces);
  counts_.assign(chunks, 0);
  // A chunk starts behind a byte that is not FF, so that no pair is cut.
  const auto start_of = [&](std::size_t chunk) {
    std::size_t at = std::min(chunk * kChunk, from.size());
    const std::size_t most = std::min(at + kChunk, from.size());
    while (at > 0 && at < most && from[at - 1] == std::byte{0xff}) ++at;
    return at;
  };
  for (std::size_t chunk = 1; chunk < chunks; ++chunk)
    if (const std::size_t at = start_of(chunk); at < from.size() && from[at - 1] == std::byte{0xff}) return false;
  executor.for_each(chunks, [&](std::size_t chunk) {
    std::size_t at = start_of(chunk);
    const std::size_t end = start_of(chunk + 1);
    std::uint32_t& n = counts_[chunk];
    while (at < end && n < kMostPieces) {
      const Run run = find(from.data(), at, end);
      pieces_[chunk * kMostPieces + n++] = {at, run.size, run.size - run.stuffed, 0, run.marker};
      at = run.behind;
      if (run.marker && (run.marker < 0xd0 || run.marker > 0xd7)) break;  // the scan ends here
    }
    if (at < end && n == kMostPieces) n = kMostPieces + 1;
  });

  std::size_t position = 0, segment = 0, last = 0;  // last chunk with data of the scan
  bool open = true;
  segments[0].first = 0;
  for (std::size_t chunk = 0; chunk < chunks && open; last = chunk++) {
    if (counts_[chunk] > kMostPieces) return false;
    for (std::uint32_t i = 0; i < counts_[chunk]; ++i) {
      Piece& piece = pieces_[chunk * kMostPieces + i];
      if (!open) piece.size = piece.kept = 0;
      piece.to = position;
      position += piece.kept;
      if (piece.marker == 0 || !open) continue;
      if (segment + 1 == segments.size()) {
        open = false;
        continue;
      }
      if (piece.marker != 0xd0 + segment % 8) return false;
      segments[segment].end = static_cast<std::uint32_t>(8 * position);
      const std::size_t size = std::max(position, std::size_t{segments[segment].first} * subsequence + 1);
      const std::size_t padded = (size + subsequence - 1) / subsequence * subsequence;
      std::memset(to + position, 0, padded - position);
      position = padded;
      segments[++segment].first = static_cast<std::uint32_t>(position / subsequence);
    }
  }
  if (segment + 1 != segments.size()) return false;
  segments[segment].end = static_cast<std::uint32_t>(8 * position);
  const std::size_t size = std::max(position, std::size_t{segments[segment].first} * subsequence + 1);
  const std::size_t padded = (size + subsequence - 1) / subsequence * subsequence;
  std::memset(to + position, 0, padded + kBehind - position);
  subsequences = static_cast<std::uint32_t>(padded / subsequence);

  executor.for_each(last + 1, [&](std::size_t chunk) {
    for (std::uint32_t i = 0; i < counts_[chunk]; ++i) {
      const Piece& piece = pieces_[chunk * kMostPieces + i];
      const std::byte *next = from.data() + piece.from, *const end = next + piece.size;
      // Vector code writes past what it gives, where other threads write: the end goes through a buffer.
      constexpr std::size_t kTail = 192;
      std::byte* out = to + piece.to;
      const std::byte* middle = piece.size > kTail ? end - kTail : next;
      while (middle > next && middle[-1] == std::byte{0xff}) --middle;
      if (middle > next) (void)copy(next, middle, out);
      std::byte tail[2 * kTail + 128];
      std::byte* tail_end = tail;
      if (end - middle <= static_cast<std::ptrdiff_t>(2 * kTail)) {
        next = middle;
        (void)copy(next, end, tail_end);
        std::memcpy(out, tail, static_cast<std::size_t>(tail_end - tail));
      } else {
        next = middle;
        (void)copy_plain(next, end, out);
      }
    }
  });
  return true;
}

bool unstuff(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
             std::uint32_t& subsequences) noexcept {
  static const Copy copy_cached = best_copy(), copy_past = best_stream();
  constexpr std::size_t kLarge = 16384;
  const bool past = from.size() >= kLarge * segments.size() && subsequence % 64 == 0 &&
                    reinterpret_cast<std::uintptr_t>(to) % 64 == 0;
  const Copy copy = past ? copy_past : copy_cached;
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
