// SPDX-License-Identifier: Apache-2.0
// Huffman decoding of sequential scans of 8-bit samples (ITU-T T.81, annex F.2.2) out of memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "formats/jpeg/checkpoints.h"
#include "formats/jpeg/headers.h"
#include "restride/error.h"

namespace restride::jpeg {

// A symbol with the value bits behind it: `total` bits in all, of which the code's are `length`. Passes over `run`
// coefficients that are zero, to one whose value has `size` bits.
struct Symbol {
  static constexpr std::uint32_t kEndOfBlock = 80, kBadCode = 160;  // runs that lead behind any block
  std::uint32_t length, size, run;
  std::uint32_t total() const noexcept { return length + size; }
};

// One Huffman table, for one symbol at a time.
struct HuffmanLookup {
  static constexpr int kBits = 10;

  // By the next kBits bits: length | size << 8 | run << 16; 0 for codes that are longer.
  std::array<std::uint32_t, 1U << kBits> entry;
  // Canonical decoding of codes of any length: the last code of each length with all bits behind it, 16 in all, or -1;
  // and what to add to a code to find its symbol (F.2.2.3).
  std::array<std::int32_t, 18> max_code;
  std::array<std::int32_t, 17> symbol_offset;
  HuffmanTable table;
  bool is_dc = false;
  bool valid = false;

  // False where libjpeg refuses the table.
  bool build(const HuffmanTable& from, bool dc);
  // The symbol at the top of `bits`, the stream's next 64 bits.
  Symbol find(std::uint64_t bits) const noexcept;

 private:
  Symbol find_long(std::uint64_t bits) const noexcept;
};

// Two AC symbols at a time: the first, and the second too if all of it shows in kBits bits.
struct PairLookup {
  static constexpr int kBits = 10;
  struct Entry {
    std::uint8_t total;          // bits of both
    std::uint8_t first, second;  // their coefficients' distances from the present one; where there is none, it leads
                                 // behind the block
    std::uint8_t passed;         // coefficients passed by both
    std::uint8_t length, shift;  // of the first symbol: its code's bits; 64 less its value's
    std::int8_t second_value;
    std::uint8_t guard;  // added to the present index, 63 or more: take one symbol by HuffmanLookup instead
  };
  std::array<Entry, 1U << kBits> entry;
  void build(const HuffmanLookup& from);
};

// As many AC symbols as kBits bits show, where only their lengths and runs matter.
struct WalkLookup {
  static constexpr int kBits = 12;
  struct Entry {
    std::uint8_t total;   // bits of all
    std::uint8_t before;  // coefficients passed before the last of them; leads behind the block where the first code is
                          // longer than kBits
    std::uint8_t passed;  // coefficients passed by all of them
  };
  std::array<Entry, 1U << kBits> entry;
  void build(const HuffmanLookup& from);
};

// The MCU structure of a scan (A.2) and its tables, kept from picture to picture.
class ScanCoder {
 public:
  static constexpr int kMaxBlocks = 10;  // an MCU's (B.2.3)

  // Takes over the scan's structure; builds tables only where they differ from the last ones. False if this decoder is
  // not made for the scan: several scans, 12 bits, or something that libjpeg has the word on.
  bool prepare(const Headers& headers, std::uint32_t width, std::uint32_t height);
  // Builds the tables for walking, if they are not there. Needed before EntropyDecoder::walk.
  void prepare_walk();

  int components = 0;
  int blocks = 0;  // in an MCU
  std::array<std::uint8_t, kMaxBlocks> block_component{};
  std::uint32_t mcus_per_line = 0, lines = 0;  // of MCUs, in the scan
  std::uint32_t restart_interval = 0;
  std::uint64_t offset = 0;                        // of the entropy-coded data
  std::array<const HuffmanLookup*, 4> dc{}, ac{};  // by component
  std::array<const PairLookup*, 4> pair{};
  std::array<const WalkLookup*, 4> walk{};

 private:
  bool prepare_tables(const Scans& scans);

  std::vector<HuffmanLookup> dc_tables_ = std::vector<HuffmanLookup>(4), ac_tables_ = std::vector<HuffmanLookup>(4);
  std::vector<PairLookup> pair_tables_ = std::vector<PairLookup>(4);
  std::vector<WalkLookup> walk_tables_;
  std::array<bool, 4> walk_valid_{};
  std::array<std::uint8_t, 4> ac_slot_{};
};

// A block's coefficients in natural order; the elements behind them take what a decoder writes outside of it.
struct alignas(64) CoefficientBlock {
  std::array<std::int16_t, 96> values{};
};

class EntropyDecoder {
 public:
  EntropyDecoder(const ScanCoder& scan, ByteSpan bytes, const EntropyState& from) noexcept;

  // Decodes the next MCU into `blocks`, which must be zero. Returns a mask of blocks that have more than a DC
  // coefficient, or -1: see error().
  int decode(CoefficientBlock* blocks) noexcept;
  // Passes over `count` MCUs. False: see error().
  bool walk(std::uint32_t count) noexcept;
  EntropyState state() const noexcept;
  std::uint32_t next_mcu() const noexcept { return mcu_; }
  Error error() const;

 private:
  enum class Fault : std::uint8_t { none, bad_code, hit_marker, wrong_marker, coefficient };

  // The bit buffer; kept in registers where it counts.
  struct Bits {
    std::uint64_t buffer;   // next bit on top; below `count` bits, zero or what the stream has there
    std::uint32_t count;    // valid bits, padding included
    std::uint32_t padding;  // zeros put behind the last bit before a marker
    const std::byte* next;  // first byte not in the buffer
  };
  static Bits refill_slowly(Bits bits, const std::byte* end) noexcept;
  static void refill(Bits& bits, const std::byte* end) noexcept;
  bool begin_mcu() noexcept;
  bool restart() noexcept;
  bool end_mcu(const Bits& bits) noexcept;
  static void consume(Bits& bits, std::uint32_t count) noexcept;
  void decode_dc(Bits& bits, std::size_t component) noexcept;
  std::uint32_t step_ac(Bits& bits, std::size_t component, std::int16_t* values, std::uint32_t k) noexcept;
  void decode_ac(Bits& bits, std::size_t component, std::int16_t* values, bool& more) noexcept;
  void walk_ac(Bits& bits, std::size_t component) noexcept;

  const ScanCoder* scan_;
  const std::byte *begin_, *end_;
  Bits bits_;
  std::uint32_t mcu_;
  std::uint32_t to_restart_;  // MCUs until a marker is due; unused without restart interval
  std::array<std::int32_t, 4> dc_;
  Fault fault_ = Fault::none;
};

}  // namespace restride::jpeg
