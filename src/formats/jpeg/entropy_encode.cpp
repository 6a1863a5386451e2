// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/entropy_encode.h"

#include <algorithm>
#include <bit>

extern "C" {
#define JPEG_INTERNALS
#include <jpegint.h>
}
#include <jerror.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/bytes.h"
#include "coding/jpeg/encode_block.h"
#include "coding/jpeg/zigzag.h"

namespace restride::jpeg {
namespace {

constexpr std::size_t kMostMcuBytes = (kMaxBlockBits / 8 + 1) * C_MAX_BLOCKS_IN_MCU + 16;
constexpr std::size_t kFirstRoom = 1U << 18;

// A row of eight coefficients, as bits in natural order -> bits in zig-zag order.
struct ZigzagBits {
  std::uint64_t of[8][256]{};
  constexpr ZigzagBits() {
    for (unsigned k = 0; k < 64; ++k)
      for (unsigned bits = 0; bits < 256; ++bits)
        if (bits >> kNaturalOrder[k] % 8 & 1) of[kNaturalOrder[k] / 8][bits] |= std::uint64_t{1} << k;
  }
};
constexpr ZigzagBits kZigzagBits;

// Bit k is set where the coefficient at zig-zag position k is not zero.
inline std::uint64_t nonzero_levels(const std::int16_t* levels) noexcept {
  std::uint64_t result = 0;
#if defined(__SSE2__)
  for (unsigned row = 0; row < 8; row += 2) {
    const auto* from = reinterpret_cast<const __m128i*>(levels + row * 8);
    const __m128i both = _mm_packs_epi16(_mm_loadu_si128(from), _mm_loadu_si128(from + 1));
    const auto zero = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(both, _mm_setzero_si128())));
    const unsigned set = ~zero & 0xffff;
    result |= kZigzagBits.of[row][set & 0xff] | kZigzagBits.of[row + 1][set >> 8];
  }
#else
  for (unsigned k = 0; k < 64; ++k) result |= static_cast<std::uint64_t>(levels[kNaturalOrder[k]] != 0) << k;
#endif
  return result;
}

bool has_ff(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  return ((~bytes - kOnes) & bytes & kTops) != 0;
}

// Calls eight(word) for every eight bytes, then byte(value) for those that are left.
template <class Eight, class Byte>
void for_each_byte(const std::byte* string, std::uint64_t bits, unsigned first, Eight&& eight, Byte&& byte) noexcept {
  std::uint64_t count = bits > first ? (bits - first + 7) / 8 : 0;
  for (; count >= 8; count -= 8, string += 8) {
    const auto next = static_cast<std::uint64_t>(string[8]);
    eight(load<std::uint64_t>(string, std::endian::big) << first | (next << first >> 8));
  }
  for (; count != 0; --count, ++string)
    byte(static_cast<std::uint8_t>(load<std::uint16_t>(string, std::endian::big) << first >> 8));
}

}  // namespace

void BandCoder::take_over(jpeg_compress_struct& cinfo, const CodeTables& tables, std::uint32_t skipped) noexcept {
  cinfo.client_data = this;
  cinfo.entropy->encode_mcu = encode_mcu;
  at_ = bytes_.data();
  pending_ = 0;
  held_ = 0;
  skip_ = skipped;
  dc_ = {};
  tables_ = &tables;
}

bool BandCoder::make_room() noexcept {
  const auto used = static_cast<std::size_t>(at_ - bytes_.data());
  if (bytes_.capacity() >= used + kMostMcuBytes) return true;
  if (!bytes_.ensure(std::max(kFirstRoom, bytes_.capacity() * 2), {}, used)) return false;
  at_ = bytes_.data() + used;
  return true;
}

inline void BandCoder::encode_block(const std::int16_t* levels, std::int32_t difference, const CodeWord* dc,
                                    const CodeWord* ac) noexcept {
  constexpr unsigned kZeroRun = 0xf0, kEndOfBlock = 0;
  std::uint64_t pending = pending_;
  unsigned held = held_;
  std::byte* at = at_;
  const auto put_bits = [&](std::uint32_t value, unsigned count) {
    pending = pending << count | value;
    held += count;
    store(at, pending << (64 - held), std::endian::big);
    at += held >> 3;
    held &= 7;
  };
  // Negative values are sent less one, in as many bits (F.1.2.1).
  const auto put_level = [&](CodeWord code, std::int32_t value, unsigned size) {
    const std::uint32_t extra = static_cast<std::uint32_t>(value + (value >> 31)) & ((1U << size) - 1);
    put_bits((code >> 16) << size | extra, code & 63);
  };
  const unsigned category = size_category(difference);
  put_level(dc[category], difference, category);
  unsigned last = 0;
  for (std::uint64_t rest = nonzero_levels(levels) & ~std::uint64_t{1}; rest != 0; rest &= rest - 1) {
    const auto k = static_cast<unsigned>(std::countr_zero(rest));
    unsigned run = k - last - 1;
    last = k;
    for (; run > 15; run -= 16) put_bits(ac[kZeroRun] >> 16, ac[kZeroRun] & 63);
    const std::int32_t value = levels[kNaturalOrder[k]];
    const unsigned size = size_category(value);
    put_level(ac[run << 4 | size], value, size);
  }
  if (last != 63) put_bits(ac[kEndOfBlock] >> 16, ac[kEndOfBlock] & 63);
  pending_ = pending;
  held_ = held;
  at_ = at;
}

boolean BandCoder::encode_mcu(j_compress_ptr cinfo, JBLOCKROW* blocks) {
  BandCoder& self = *static_cast<BandCoder*>(cinfo->client_data);
  if (!self.make_room()) {
    cinfo->err->msg_code = JERR_OUT_OF_MEMORY;
    (*cinfo->err->error_exit)(reinterpret_cast<j_common_ptr>(cinfo));
  }
  const bool coded = self.skip_ == 0;
  if (!coded) --self.skip_;
  for (int b = 0; b < cinfo->blocks_in_MCU; ++b) {
    const auto component = static_cast<std::size_t>(cinfo->MCU_membership[b]);
    const JCOEF* levels = **(blocks + b);
    const jpeg_component_info& info = *cinfo->cur_comp_info[component];
    if (coded)
      self.encode_block(levels, levels[0] - self.dc_[component], self.tables_->dc[info.dc_tbl_no],
                        self.tables_->ac[info.ac_tbl_no]);
    self.dc_[component] = levels[0];
  }
  return TRUE;
}

bool BandCoder::finish(std::uint8_t behind) noexcept {
  if (!make_room()) return false;
  store(at_, (pending_ << 8 | behind) << (56 - held_), std::endian::big);
  return true;
}

StuffedSize stuffed_size(const std::byte* string, std::uint64_t bits, unsigned first) noexcept {
  StuffedSize size;
  const auto byte = [&](std::uint8_t value) {
    ++size.bytes;
    size.stuffed += value == 0xff;
  };
  for_each_byte(
      string, bits, first,
      [&](std::uint64_t word) {
        size.bytes += 8;
        if (!has_ff(word)) return;
        for (; word != 0; word <<= 8) size.stuffed += word >> 56 == 0xff;
      },
      byte);
  return size;
}

std::byte* write_stuffed(const std::byte* string, std::uint64_t bits, unsigned first, std::byte* to) noexcept {
  const auto byte = [&](std::uint8_t value) {
    *to++ = std::byte{value};
    if (value == 0xff) *to++ = std::byte{0};
  };
  for_each_byte(
      string, bits, first,
      [&](std::uint64_t word) {
        if (!has_ff(word)) {
          store(to, word, std::endian::big);
          to += 8;
          return;
        }
        for (int i = 0; i < 8; ++i, word <<= 8) byte(static_cast<std::uint8_t>(word >> 56));
      },
      byte);
  return to;
}

}  // namespace restride::jpeg
