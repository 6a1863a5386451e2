// SPDX-License-Identifier: Apache-2.0
// Synchronisation as a graph. Every subsequence has a few nodes: states in which walks ended there. The first is that
// of a walk from a guess; others come from walks that went on from the subsequence before and met no node. Each node
// has a link to the node that the walk from it over the next subsequence reaches. Once all links are known, the true
// path follows by composing them, however long a wrong guess goes on without falling into step.
#pragma once

#include <cstdint>

#include "coding/jpeg/entropy.h"

namespace restride::jpeg {

inline constexpr unsigned kSlots = 8;      // nodes a subsequence can have
inline constexpr unsigned kLost = kSlots;  // in place of a node: not known

// Nodes of one subsequence to nodes of the next: nine nibbles, the last of them what becomes of kLost.
class Links {
 public:
  RESTRIDE_HD static constexpr Links unknown() noexcept { return Links(0x888888888); }
  // Whatever came before: the first node. For subsequences whose start is known.
  RESTRIDE_HD static constexpr Links known_start() noexcept { return Links(0); }
  RESTRIDE_HD static constexpr Links identity() noexcept { return Links(0x876543210); }
  RESTRIDE_HD constexpr Links() noexcept : bits_(0) {}
  RESTRIDE_HD explicit constexpr Links(std::uint64_t bits) noexcept : bits_(bits) {}

  RESTRIDE_HD constexpr unsigned of(unsigned slot) const noexcept {
    return static_cast<unsigned>(bits_ >> (4 * slot)) & 15U;
  }
  RESTRIDE_HD void set(unsigned slot, unsigned to) noexcept {
    bits_ = (bits_ & ~(std::uint64_t{15} << (4 * slot))) | std::uint64_t{to} << (4 * slot);
  }
  // First this, then `next`.
  RESTRIDE_HD constexpr Links then(Links next) const noexcept {
    std::uint64_t bits = 0;
    for (unsigned slot = 0; slot <= kSlots; ++slot) bits |= std::uint64_t{next.of(of(slot))} << (4 * slot);
    return Links(bits);
  }
  RESTRIDE_HD constexpr std::uint64_t bits() const noexcept { return bits_; }

 private:
  std::uint64_t bits_;
};

// A node whose link is not known yet.
struct OpenNode {
  std::uint16_t column;  // subsequence of the block
  std::uint16_t slot;
};

// The nodes of kColumns neighbouring subsequences, in memory that a block of threads shares.
template <unsigned kColumns>
struct Tracks {
  State node[kSlots][kColumns];
  std::uint16_t count[kSlots][kColumns];  // data units that start in the subsequence, on the way from that slot
  Links links[kColumns];                  // from the subsequence before
  std::uint8_t used[kColumns];            // nodes
  bool closed[kColumns];                  // no walk may go on into it: its start is known, or it is not there

  // First walk over a column, from `state`. `known`: that state is the true one.
  RESTRIDE_HD void begin(const ScanReader& reader, unsigned column, std::uint32_t end, State state,
                         bool known) noexcept {
    walk(reader, end, state);
    node[0][column] = state;
    used[column] = 1;
    closed[column] = known;
    links[column] = known ? Links::known_start() : Links::unknown();
    if (known)
      for (unsigned slot = 0; slot < kSlots; ++slot) count[slot][column] = state.count;
  }
  RESTRIDE_HD void leave_out(unsigned column) noexcept {
    used[column] = 0;
    closed[column] = true;
    links[column] = Links::known_start();
  }
  // Walks from an open node over the next column, up to bit `end`. True if that gave a new node, which is then `open`.
  // All that are open at a time are in different columns, so that each column has one writer.
  RESTRIDE_HD bool advance(const ScanReader& reader, OpenNode& open, std::uint32_t end) noexcept {
    const unsigned column = open.column + 1U, from = open.slot;
    if (column >= kColumns || closed[column]) return false;
    State state = node[from][open.column];
    walk(reader, end, state);
    count[from][column] = state.count;
    const unsigned n = used[column];
    for (unsigned slot = 0; slot < n; ++slot)
      if (node[slot][column].same_place(state)) {
        links[column].set(from, slot);
        return false;
      }
    if (n == kSlots) return false;  // the link stays unknown
    node[n][column] = state;
    used[column] = static_cast<std::uint8_t>(n + 1);
    links[column].set(from, n);
    open = {static_cast<std::uint16_t>(column), static_cast<std::uint16_t>(n)};
    return true;
  }
};

}  // namespace restride::jpeg
