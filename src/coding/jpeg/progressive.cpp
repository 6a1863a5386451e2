// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/progressive.h"

#include <algorithm>
#include <bit>

#include "coding/jpeg/zigzag.h"

namespace restride::jpeg {
namespace {

constexpr auto kPlace = [] {
  std::array<std::uint8_t, 64> place{};
  for (unsigned k = 0; k < 64; ++k) place[k] = transposed(kNaturalOrder[k]);
  return place;
}();
constexpr unsigned kLook = 9;
constexpr int kBad = -1;

// Codes of up to kLook bits by table, longer ones by the largest code of each length.
struct SymbolTable {
  std::array<std::uint16_t, 1U << kLook> look;  // length << 8 | symbol; 0: longer
  std::array<std::int32_t, 18> most, offset;    // by length: last code, and what turns a code into an index
  const std::uint8_t* symbols = nullptr;

  bool build(const std::uint8_t* counts, const std::uint8_t* values) noexcept {
    symbols = values;
    look.fill(0);
    most.fill(-1);
    std::uint32_t code = 0, k = 0;
    for (unsigned length = 1; length <= 16; ++length, code <<= 1) {
      const unsigned n = counts[length - 1];
      offset[length] = static_cast<std::int32_t>(k) - static_cast<std::int32_t>(code);
      if (code + n > 1U << length || k + n > 256) return false;
      for (unsigned i = 0; i < n; ++i, ++k, ++code)
        if (length <= kLook)
          std::fill_n(look.begin() + (code << (kLook - length)), 1U << (kLook - length),
                      static_cast<std::uint16_t>(length << 8 | symbols[k]));
      if (n) most[length] = static_cast<std::int32_t>(code) - 1;
    }
    return true;
  }
};

// Bits of un-stuffed data; past their end come zeros, and exhausted() tells.
class Bits {
 public:
  Bits(const std::byte* data, std::uint64_t from, std::uint64_t end) noexcept
      : data_(data), next_(from / 8), size_((end + 7) / 8), end_(end) {}
  std::uint32_t peek(unsigned n) noexcept {  // 1 to 16
    if (held_ < 32) fill();
    return static_cast<std::uint32_t>(buffer_ >> (64 - n));
  }
  void drop(unsigned n) noexcept {
    buffer_ <<= n;
    held_ -= n;
  }
  std::uint32_t take(unsigned n) noexcept {
    if (n == 0) return 0;
    const std::uint32_t bits = peek(n);
    drop(n);
    return bits;
  }
  int symbol(const SymbolTable& table) noexcept {
    const std::uint16_t entry = table.look[peek(kLook)];
    if (entry) {
      drop(entry >> 8);
      return entry & 255;
    }
    for (unsigned length = kLook + 1; length <= 16; ++length) {
      const auto code = static_cast<std::int32_t>(peek(length));
      if (code > table.most[length]) continue;
      drop(length);
      return table.symbols[(code + table.offset[length]) & 255];
    }
    return kBad;
  }
  std::uint64_t position() const noexcept { return 8 * next_ - held_; }
  bool exhausted() const noexcept { return position() > end_; }

 private:
  void fill() noexcept {
    const std::uint64_t left = next_ < size_ ? size_ - next_ : 0;
    std::uint32_t word = 0;
    if (left >= 4) {
      word = load<std::uint32_t>(data_ + next_, std::endian::big);
    } else {
      for (unsigned i = 0; i < 4; ++i) word = word << 8 | (i < left ? static_cast<std::uint32_t>(data_[next_ + i]) : 0);
    }
    buffer_ |= std::uint64_t{word} << (32 - held_);
    held_ += 32;
    next_ += 4;
  }
  const std::byte* data_;
  std::uint64_t next_, size_, end_;
  std::uint64_t buffer_ = 0;
  unsigned held_ = 0;
};

int extend(std::uint32_t bits, unsigned n) noexcept {
  return n && bits < 1U << (n - 1) ? static_cast<int>(bits) - static_cast<int>((1U << n) - 1) : static_cast<int>(bits);
}

struct Decoder {
  const ProgressiveScan& scan;
  Bits bits;
  const std::array<SymbolTable, 4>& tables;
  std::array<int, 4> predictor{};
  std::uint32_t end_run = 0;  // blocks left of an end-of-band run

  // G.1.2.1
  bool dc(std::int16_t* c, unsigned i) noexcept {
    if (scan.ah) {
      if (bits.take(1)) c[0] = static_cast<std::int16_t>(c[0] | 1 << scan.al);
      return true;
    }
    const int size = bits.symbol(tables[i]);
    if (size < 0 || size > 15) return false;
    predictor[i] += extend(bits.take(static_cast<unsigned>(size)), static_cast<unsigned>(size));
    c[0] = static_cast<std::int16_t>(static_cast<std::uint32_t>(predictor[i]) << scan.al);
    return true;
  }

  // G.1.2.2
  bool ac_first(std::int16_t* c, std::uint64_t& known) noexcept {
    if (end_run) {
      --end_run;
      return true;
    }
    for (unsigned k = scan.ss; k <= scan.se; ++k) {
      const int symbol = bits.symbol(tables[0]);
      if (symbol < 0) return false;
      const unsigned run = static_cast<unsigned>(symbol) >> 4, size = static_cast<unsigned>(symbol) & 15;
      if (size) {
        k += run;
        if (k > scan.se) return false;
        const int value = extend(bits.take(size), size);
        c[kPlace[k]] = static_cast<std::int16_t>(static_cast<std::uint32_t>(value) << scan.al);
        known |= std::uint64_t{1} << k;
      } else if (run == 15) {
        k += 15;
      } else {
        end_run = (1U << run) - 1 + bits.take(run);
        break;
      }
    }
    return true;
  }

  // One correction bit for each of the coefficients `which`, which are known already.
  void correct(std::int16_t* c, std::uint64_t which) noexcept {
    const int one = 1 << scan.al;
    while (which) {
      const unsigned n = std::min(16U, static_cast<unsigned>(std::popcount(which)));
      const std::uint32_t corrections = bits.take(n);
      for (unsigned i = n; i-- > 0; which &= which - 1) {
        if ((corrections >> i & 1U) == 0) continue;
        std::int16_t& at = c[kPlace[static_cast<unsigned>(std::countr_zero(which))]];
        if ((at & one) == 0) at = static_cast<std::int16_t>(at >= 0 ? at + one : at - one);
      }
    }
  }

  // G.1.2.3
  bool ac_refine(std::int16_t* c, std::uint64_t& known) noexcept {
    // Zig-zag positions that are still to be done.
    std::uint64_t left = (~std::uint64_t{0} << scan.ss) & (~std::uint64_t{0} >> (63 - scan.se));
    const std::uint64_t before = known;
    while (end_run == 0 && left) {
      const int symbol = bits.symbol(tables[0]);
      if (symbol < 0) return false;
      const int size = symbol & 15, value = size == 0 ? 0 : bits.take(1) ? 1 << scan.al : -(1 << scan.al);
      unsigned run = static_cast<unsigned>(symbol) >> 4;
      if (size > 1) return false;
      if (size == 0 && run != 15) {
        end_run = (1U << run) + bits.take(run);
        break;
      }
      // The run counts coefficients that are 0 so far; those that are not get their corrections on the way.
      std::uint64_t zeros = left & ~before;
      for (; run && zeros; --run) zeros &= zeros - 1;
      if (zeros == 0) {
        correct(c, left & before);
        left = 0;
        if (size) return false;
        break;
      }
      const unsigned k = static_cast<unsigned>(std::countr_zero(zeros));
      const std::uint64_t up_to = ~std::uint64_t{0} >> (63 - k);
      correct(c, left & before & up_to);
      left &= ~up_to;
      if (size) {
        c[kPlace[k]] = static_cast<std::int16_t>(value);
        known |= std::uint64_t{1} << k;
      }
    }
    if (end_run) {
      correct(c, left & before);
      --end_run;
    }
    return true;
  }

  bool block(const CoefficientPlane& plane, std::size_t at, unsigned i) noexcept {
    std::int16_t* c = plane.blocks + 64 * at;
    if (scan.ss == 0) return dc(c, i);
    return scan.ah ? ac_refine(c, plane.known[at]) : ac_first(c, plane.known[at]);
  }

  bool mcu(std::uint32_t m) noexcept {
    if (scan.components == 1) {
      const CoefficientPlane& plane = *scan.plane[0];
      const std::uint32_t y = m / plane.blocks_wide, x = m - y * plane.blocks_wide;
      return block(plane, std::size_t{y} * plane.stride + x, 0);
    }
    const std::uint32_t y = m / scan.mcus_wide, x = m - y * scan.mcus_wide;
    for (unsigned i = 0; i < scan.components; ++i) {
      const CoefficientPlane& plane = *scan.plane[i];
      for (unsigned v = 0; v < plane.v; ++v)
        for (unsigned h = 0; h < plane.h; ++h) {
          const std::size_t at = (std::size_t{y} * plane.v + v) * plane.stride + std::size_t{x} * plane.h + h;
          if (!block(plane, at, i)) return false;
        }
    }
    return true;
  }
};

}  // namespace

bool Accuracy::refine(unsigned ss, unsigned se, unsigned ah, unsigned al) noexcept {
  if (ss > 0 && missing[0] == kUnseen) return false;
  for (unsigned k = ss; k <= se; ++k) {
    if (missing[k] != (ah ? ah : kUnseen)) return false;
    missing[k] = static_cast<std::uint8_t>(al);
  }
  return true;
}

bool Accuracy::complete() const noexcept {
  return std::all_of(missing.begin(), missing.end(), [](std::uint8_t bits) { return bits == 0; });
}

bool decode_progressive_scan(const ProgressiveScan& scan, const std::byte* data, std::span<const Segment> segments,
                             std::size_t subsequence) noexcept {
  std::array<SymbolTable, 4> tables;
  for (unsigned i = 0; i < scan.components; ++i)
    if (scan.counts[i] && !tables[i].build(scan.counts[i], scan.symbols[i])) return false;
  const std::uint32_t mcus =
      scan.components == 1 ? scan.plane[0]->blocks_wide * scan.plane[0]->blocks_high : scan.mcus_wide * scan.mcus_high;
  std::uint32_t m = 0;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const std::uint64_t from = 8 * std::uint64_t{segments[s].first} * subsequence;
    Decoder decoder{scan, Bits(data, from, segments[s].end), tables};
    const bool last = s + 1 == segments.size();
    const std::uint32_t end = last ? mcus : std::min(mcus, m + scan.restart_interval);
    for (; m < end; ++m)
      if (!decoder.mcu(m) || decoder.bits.exhausted()) return false;
    if (decoder.end_run) return false;
    if (!last && segments[s].end - decoder.bits.position() >= 8) return false;
  }
  return m == mcus;
}

}  // namespace restride::jpeg
