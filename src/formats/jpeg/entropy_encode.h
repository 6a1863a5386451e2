// SPDX-License-Identifier: Apache-2.0
// Huffman coding of baseline MCUs (ITU-T T.81, F.1.2) behind libjpeg's transform and quantisation, to a string of bits
// that can be put behind another one: how bands of one picture are encoded at the same time.
#pragma once

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include <jpeglib.h>

#include "coding/jpeg/encode_tables.h"
#include "memory/buffer.h"

namespace restride::jpeg {

// The bits of a band's MCUs, first bit in the highest place of the first byte, without stuffing.
class BandCoder {
 public:
  // Takes over entropy coding in a started compressor. The first `skipped` MCUs are not coded: they lie before the
  // band, and give it its DC predictors. `tables` outlives the compression.
  void take_over(jpeg_compress_struct& cinfo, const CodeTables& tables, std::uint32_t skipped) noexcept;

  // Valid once the rows are written; bytes() too, with what lies behind the last bit after finish().
  std::uint64_t bits() const noexcept { return static_cast<std::uint64_t>(at_ - bytes_.data()) * 8 + held_; }
  const std::byte* bytes() const noexcept { return bytes_.data(); }
  std::uint8_t first_byte() const noexcept { return static_cast<std::uint8_t>(bytes_.data()[0]); }
  // Puts eight bits behind the band's: the next band's first, or padding. bits() stays what it was. False: no memory.
  bool finish(std::uint8_t behind) noexcept;

 private:
  static boolean encode_mcu(j_compress_ptr cinfo, JBLOCKROW* blocks);
  bool make_room() noexcept;
  void encode_block(const std::int16_t* levels, std::int32_t difference, const CodeWord* dc,
                    const CodeWord* ac) noexcept;

  Buffer bytes_;
  std::byte* at_ = nullptr;    // where pending_ goes
  std::uint64_t pending_ = 0;  // its low held_ bits, fewer than eight between blocks
  unsigned held_ = 0;
  std::uint32_t skip_ = 0;
  std::array<std::int32_t, 4> dc_{};
  const CodeTables* tables_ = nullptr;
};

// Bytes that start in a string of `bits` bits of which the first eight-bit group starts at bit `first`: their number,
// and how many of them are FF and so are followed by a stuffed 00.
struct StuffedSize {
  std::uint64_t bytes = 0, stuffed = 0;
};
StuffedSize stuffed_size(const std::byte* string, std::uint64_t bits, unsigned first) noexcept;
// Writes them; `string` has eight more bits, and 16 bytes more of memory. Returns one past the last byte written.
std::byte* write_stuffed(const std::byte* string, std::uint64_t bits, unsigned first, std::byte* to) noexcept;

}  // namespace restride::jpeg
