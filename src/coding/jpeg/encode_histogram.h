// SPDX-License-Identifier: Apache-2.0
// Huffman tables made for a picture (ITU-T T.81, K.2), with libjpeg's choices where the standard leaves them open.
#pragma once

#include <cstdint>

#include "base/host_device.h"
#include "coding/jpeg/encode_tables.h"

namespace restride::jpeg {

// How often every symbol occurs.
struct EncodeHistogram {
  std::uint32_t dc[2][16];
  std::uint32_t ac[2][256];
};

// The threads that make one table: all lanes of a warp, or one thread alone.
struct LoneThread {
  static constexpr unsigned lane = 0, lanes = 1;
  std::uint64_t least(std::uint64_t v) const noexcept { return v; }
  void wait() const noexcept {}
};

class HuffmanMaker {
 public:
  static constexpr unsigned kSymbols = 257;  // the last is reserved, so that no code is all ones

  // `counts` has `symbols` entries. Afterwards table() is complete, in every thread's eyes.
  template <class Group>
  RESTRIDE_HD void make(const Group& group, const std::uint32_t* counts, unsigned symbols) noexcept {
    for (unsigned i = group.lane; i < kSymbols; i += group.lanes) {
      frequency_[i] = i < symbols ? counts[i] : i == kSymbols - 1;
      node_[i] = static_cast<std::uint16_t>(i);
      parent_[i] = kNone;
    }
    group.wait();
    // The two rarest trees become one under the name of the rarer, until one is left. Of equals the last is taken.
    unsigned nodes = kSymbols;
    for (unsigned merged = 0; merged < kSymbols - 1; ++merged) {
      const unsigned rarest = least(group, kSymbols), next = least(group, rarest);
      group.wait();  // all have read
      if (next == kSymbols) break;
      if (group.lane == 0) {
        parent_[node_[rarest]] = parent_[node_[next]] = static_cast<std::uint16_t>(nodes);
        node_[rarest] = static_cast<std::uint16_t>(nodes);
        frequency_[rarest] += frequency_[next];
        frequency_[next] = 0;
      }
      ++nodes;
      group.wait();
    }
    if (group.lane == 0) {
      measure(nodes);
      limit_lengths();
    }
    group.wait();
  }
  RESTRIDE_HD const HuffmanCounts& table() const noexcept { return table_; }

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  static constexpr unsigned kMaxLength = 16;

  // The least frequent symbol that occurs, other than `but`; kSymbols if there is none.
  template <class Group>
  RESTRIDE_HD unsigned least(const Group& group, unsigned but) const noexcept {
    std::uint64_t best = ~std::uint64_t{0};
    for (unsigned i = group.lane; i < kSymbols; i += group.lanes) {
      const std::uint64_t key = std::uint64_t{frequency_[i]} << 16 | (kSymbols - i);
      if (frequency_[i] && i != but && key < best) best = key;
    }
    best = group.least(best);
    return best == ~std::uint64_t{0} ? kSymbols : kSymbols - static_cast<unsigned>(best & 0xffff);
  }

  // Depths in the tree; then lengths_ counts symbols by depth, and the values are sorted by it.
  RESTRIDE_HD void measure(unsigned nodes) noexcept {
    for (unsigned length = 0; length < kSymbols; ++length) lengths_[length] = 0;
    for (unsigned n = nodes; n-- > 0;)
      depth_[n] = static_cast<std::uint16_t>(n + 1 == nodes || parent_[n] == kNone ? 0 : depth_[parent_[n]] + 1);
    for (unsigned i = 0; i < kSymbols; ++i)
      if (depth_[i]) ++lengths_[depth_[i]];
    unsigned before = 0;
    for (unsigned length = 1; length < kSymbols; ++length) {
      frequency_[length] = before;  // no longer needed for anything else
      before += lengths_[length] - (depth_[kSymbols - 1] == length);
    }
    for (unsigned i = 0; i + 1 < kSymbols; ++i)
      if (depth_[i]) table_.values[frequency_[depth_[i]]++] = static_cast<std::uint8_t>(i);
  }

  // Moves codes longer than 16 bits up in pairs (figure K.3), and drops the reserved one, which is among the longest.
  RESTRIDE_HD void limit_lengths() noexcept {
    for (unsigned length = kSymbols - 1; length > kMaxLength; --length)
      while (lengths_[length] > 0) {
        unsigned shorter = length - 2;
        while (lengths_[shorter] == 0) --shorter;
        lengths_[length] -= 2;
        ++lengths_[length - 1];
        lengths_[shorter + 1] += 2;
        --lengths_[shorter];
      }
    unsigned longest = kMaxLength;
    while (longest > 0 && lengths_[longest] == 0) --longest;
    if (longest > 0) --lengths_[longest];
    for (unsigned i = 0; i < kMaxLength; ++i) table_.counts[i] = static_cast<std::uint8_t>(lengths_[i + 1]);
  }

  std::uint32_t frequency_[kSymbols];
  std::uint32_t lengths_[kSymbols];
  std::uint16_t node_[kSymbols];        // of the tree that goes by a symbol's name
  std::uint16_t parent_[2 * kSymbols];  // of leaves, then of inner nodes
  std::uint16_t depth_[2 * kSymbols];
  HuffmanCounts table_;
};

}  // namespace restride::jpeg
