// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/executor.h"
#include "coding/jpeg/entropy.h"

namespace restride::jpeg {

// Copies a scan's entropy-coded data without byte stuffing (ITU-T T.81, F.1.2.3), each restart segment to the next
// multiple of `subsequence` bytes, with zeros in between and 16 behind the last. Stops at the marker that ends the
// scan, or behind the last segment. `from` may reach further. `to` needs unstuffed_bound() bytes, `segments` as many
// elements as segments are expected. False: restart markers are missing, surplus or out of order.
bool unstuff(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
             std::uint32_t& subsequences) noexcept;

// The same by many threads, for large scans. Reused: keeps its memory.
class ParallelUnstuff {
 public:
  // Result and arguments as of unstuff(). False also where restart markers or fill bytes are too many:
  // unstuff() has the word then.
  bool run(ByteSpan from, std::size_t subsequence, std::span<Segment> segments, std::byte* to,
           std::uint32_t& subsequences, Executor& executor);

 private:
  // A run of stuffed data up to a marker or to its chunk's end.
  struct Piece {
    std::size_t from, size;  // in the stuffed data
    std::size_t kept;        // bytes without stuffing
    std::size_t to;          // where they go
    std::uint8_t marker;     // behind it; 0: none
  };
  static constexpr std::size_t kChunk = 64 << 10, kMostPieces = 128;

  std::vector<Piece> pieces_;          // kMostPieces a chunk
  std::vector<std::uint32_t> counts_;  // by chunk; above kMostPieces: too many
};

inline std::size_t unstuffed_bound(std::size_t bytes, std::size_t segments, std::size_t subsequence) noexcept {
  return bytes + segments * subsequence + 64;
}

}  // namespace restride::jpeg
