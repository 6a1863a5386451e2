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

// One Huffman table as look-up tables. An entry says what the next bits of the stream mean, most significant first:
//   bits 0-5    bits to consume: the code and the value bits behind it; 0: the code is longer than the look-up
//   bit 7       the entry is not the whole answer (long code, or value bits outside the look-up)
//   bits 8-15   zeros before the coefficient; kEndOfBlock and kBadCode lead behind any block
//   bits 16-31  the value; with bit 7: its size in bits
struct HuffmanLookup {
  static constexpr int kBits = 10;
  static constexpr std::uint32_t kPartial = 0x80;
  static constexpr std::uint32_t kEndOfBlock = 80, kBadCode = 160;

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
  // Bits of the code at the top of `bits`; 17 if it is none of the table's.
  std::uint32_t code_length(std::uint64_t bits) const noexcept;
  // The entry for a code that `entry` does not answer in full; `bits` holds the stream's next 64 bits.
  std::uint32_t resolve(std::uint64_t bits, std::uint32_t partial) const noexcept;
};

// Steps over as many AC symbols as kBits bits show; only lengths and run lengths matter.
//   bits 0-5    bits to consume; 0: take one symbol by HuffmanLookup instead
//   bits 8-15   coefficients passed before the last of the symbols
//   bits 16-23  coefficients passed by all of them
struct WalkLookup {
  static constexpr int kBits = 12;
  std::array<std::uint32_t, 1U << kBits> entry;
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
  std::array<const WalkLookup*, 4> walk{};

 private:
  bool prepare_tables(const Scans& scans);

  std::vector<HuffmanLookup> dc_tables_ = std::vector<HuffmanLookup>(4), ac_tables_ = std::vector<HuffmanLookup>(4);
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
  int difference(Bits& bits, const HuffmanLookup& table) noexcept;

  const ScanCoder* scan_;
  const std::byte *begin_, *end_;
  Bits bits_;
  std::uint32_t mcu_;
  std::uint32_t to_restart_;  // MCUs until a marker is due; unused without restart interval
  std::array<std::int32_t, 4> dc_;
  Fault fault_ = Fault::none;
};

}  // namespace restride::jpeg
