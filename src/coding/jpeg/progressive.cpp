// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/progressive.h"

#include <algorithm>
#include <bit>
#include <new>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "coding/jpeg/unstuff.h"

namespace restride::jpeg {
namespace {

constexpr unsigned kLook = 10;

constexpr std::uint64_t reversed(std::uint64_t bytes) noexcept {
  bytes = (bytes >> 1 & 0x5555555555555555) | (bytes & 0x5555555555555555) << 1;
  bytes = (bytes >> 2 & 0x3333333333333333) | (bytes & 0x3333333333333333) << 2;
  return (bytes >> 4 & 0x0f0f0f0f0f0f0f0f) | (bytes & 0x0f0f0f0f0f0f0f0f) << 4;
}
constexpr auto kReversed = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) table[i] = static_cast<std::uint8_t>(reversed(i));
  return table;
}();
// The n lowest bits (at most 16), the first of which is the highest of a number.
unsigned number(std::uint64_t bits, unsigned n) noexcept {
  const unsigned all = static_cast<unsigned>(kReversed[bits & 255]) << 8 | kReversed[bits >> 8 & 255];
  return all >> (16 - n);
}

// What a scan's tables are for.
enum class Kind : std::uint8_t { dc, first, refinement };

// What the next kLook bits say, by kind. 0: a longer code, or none.
//   dc, first   bits 0-7: of a code and its value, 8-15: run, 16-31: the value, shifted as the scan says.
//               Value 0: an end of band, a run of zeros, or a value that goes on; then bits 0-7 are the code's length
//               and 8-15 the symbol. (A DC difference of 0 is one of these.)
//   refinement  bits 0-15: 1 << run, 16-23: of a code and its sign, 24: there is a coefficient.
//               Bits 0-15 are 0 for an end of band; then 16-23 are the code's length, 24-31 the symbol.
using Entry = std::uint32_t;

struct Symbol {
  unsigned length, value;  // bits of the code; run << 4 | size
  unsigned run() const noexcept { return value >> 4; }
  unsigned size() const noexcept { return value & 15U; }
};

// The value of F.2.2.1, EXTEND.
int extended_number(unsigned value, unsigned size) noexcept {
  return size && value >> (size - 1) == 0 ? static_cast<int>(value) + 1 - (1 << size) : static_cast<int>(value);
}

// Codes of up to kLook bits by table, all of them by the largest code of each length.
struct SymbolTable {
  std::array<Entry, 1U << kLook> look;
  std::array<std::int32_t, 18> most, offset;  // by length: last code, and what turns a code into an index
  const std::uint8_t* symbols = nullptr;

  bool build(const std::uint8_t* counts, const std::uint8_t* values, Kind kind, unsigned al) noexcept {
    symbols = values;
    look.fill(0);
    most.fill(-1);
    std::uint32_t code = 0, k = 0;
    for (unsigned length = 1; length <= 16; ++length, code <<= 1) {
      const unsigned n = counts[length - 1];
      offset[length] = static_cast<std::int32_t>(k) - static_cast<std::int32_t>(code);
      if (code + n > 1U << length || k + n > 256) return false;
      for (unsigned i = 0; i < n; ++i, ++k, ++code)
        if (length <= kLook) add(number(code, 16) >> (16 - length), {length, symbols[k]}, kind, al);
      if (n) most[length] = static_cast<std::int32_t>(code) - 1;
    }
    return true;
  }
  [[gnu::noinline]] Symbol find(std::uint64_t bits) const noexcept {
    for (unsigned length = 1; length <= 16; ++length) {
      const auto code = static_cast<std::int32_t>(number(bits, length));
      if (code <= most[length]) return {length, symbols[(code + offset[length]) & 255]};
    }
    return {0, 0};
  }

 private:
  void fill(unsigned from, unsigned bits, Entry entry) noexcept {
    for (unsigned at = from; at < look.size(); at += 1U << bits) look[at] = entry;
  }
  void add(unsigned code, Symbol symbol, Kind kind, unsigned al) noexcept {
    const unsigned length = symbol.length, run = symbol.run(), size = symbol.size();
    if (kind == Kind::refinement) {
      if (size > 1) return;  // what is left out here is for find(), and then refused
      const bool end = size == 0 && run < 15;
      fill(code, length, end ? length << 16 | symbol.value << 24 : 1U << run | (length + size) << 16 | size << 24);
      return;
    }
    if (size + al > 15 || (kind == Kind::dc && run > 0)) return;
    if (size == 0 || length + size > kLook) return fill(code, length, length | symbol.value << 8);
    for (unsigned value = 0; value < 1U << size; ++value) {
      const auto shifted = static_cast<std::uint32_t>(extended_number(value, size)) << al;
      fill(code | (number(value, 16) >> (16 - size)) << length, length + size,
           (length + size) | run << 8 | shifted << 16);
    }
  }
};

// Bits of a scan, the next one lowest. Behind the data come zeros, or whatever is there; position() tells.
struct Bits {
  const std::byte* next = nullptr;
  std::uint64_t buffer = 0, held = 0;

  // Makes it 56 bits at least.
  void refill() noexcept {
    buffer |= load<std::uint64_t>(next, std::endian::little) << held;
    next += (63 - held) / 8;
    held |= 56;
  }
  void drop(unsigned n) noexcept {  // at most what there is
    buffer >>= n;
    held -= n;
  }
  unsigned take(unsigned n) noexcept {  // 16 at most
    const unsigned value = number(buffer, n);
    drop(n);
    return value;
  }
};

// A block while it is decoded, by zig-zag position.
struct Block {
  alignas(64) std::array<std::int16_t, 96> values;  // from first scans; a wrong run may lead behind the block
  std::array<std::uint64_t, 16> plane;              // by bit: coefficients whose magnitude refinements add it to
  std::uint64_t known, negative;                    // not 0; what refinements found first and is below 0
  unsigned planes;                                  // bits that refinements add, as a mask
};

// A scan on its way.
struct Progress {
  const ProgressiveScan* scan;
  Bits bits;
  const std::byte* limit;  // Bits::next never comes here unless the data were overrun
  std::uint32_t end_run;   // blocks left of an end-of-band run
  std::uint32_t left;      // MCUs of the segment; with the last one, any number
  std::size_t segment;
  std::uint64_t band;    // zig-zag positions, as a mask
  SymbolTable table[4];  // DC: by component of the scan

  bool begin(const ProgressiveScan& of) noexcept {
    scan = &of;
    end_run = 0;
    band = (~std::uint64_t{0} << of.ss) & (~std::uint64_t{0} >> (63 - of.se));
    const Kind kind = of.ss == 0 ? Kind::dc : of.ah ? Kind::refinement : Kind::first;
    for (unsigned i = 0; i < of.components; ++i)
      if (of.counts[i] && !table[i].build(of.counts[i], of.symbols[i], kind, kind == Kind::dc ? 0 : of.al))
        return false;
    limit = of.data + (of.segments.back().end + 7) / 8 + 9;
    start(0);
    return true;
  }
  void start(std::size_t s) noexcept {
    segment = s;
    left = s + 1 == scan->segments.size() ? 0xffffffff : scan->restart_interval;
    bits = {scan->data + std::size_t{scan->segments[s].first} * kProgressiveUnit};
  }
  // Before each MCU.
  bool next_mcu() noexcept {
    if (bits.next >= limit) return false;
    if (left--) return true;
    if (!check_end() || scan->segments[segment].end - position() >= 8) return false;
    start(segment + 1);
    --left;
    return true;
  }
  std::uint64_t position() const noexcept { return 8 * static_cast<std::uint64_t>(bits.next - scan->data) - bits.held; }
  bool check_end() const noexcept { return end_run == 0 && position() <= scan->segments[segment].end; }
  bool check_last() const noexcept { return segment + 1 == scan->segments.size() && check_end(); }
};

Symbol symbol_of(const SymbolTable& table, Entry entry, std::uint64_t bits) noexcept {
  return entry ? Symbol{entry & 255U, entry >> 8 & 255U} : table.find(bits);
}

// A DC difference (G.1.2.1). False: a bad code.
inline bool take_difference(Bits& bits, const SymbolTable& table, int& difference) noexcept {
  const Entry entry = table.look[bits.buffer & (table.look.size() - 1)];
  difference = static_cast<std::int16_t>(entry >> 16);
  if (difference) {
    bits.drop(entry & 255U);
    return true;
  }
  const Symbol symbol = symbol_of(table, entry, bits.buffer);
  if (symbol.length == 0 || symbol.run()) return false;
  bits.drop(symbol.length);
  difference = extended_number(bits.take(symbol.size()), symbol.size());
  return true;
}

// DC coefficients of one scan, into SparseBlock::low.
bool decode_dc(std::span<const SparsePlane> planes, Progress& p) noexcept {
  const ProgressiveScan& scan = *p.scan;
  const bool alone = scan.components == 1;
  const std::uint32_t wide = alone ? planes[scan.component[0]].blocks_wide : scan.mcus_wide;
  const std::uint32_t high = alone ? planes[scan.component[0]].blocks_high : scan.mcus_high;
  std::array<int, 4> predictor{};
  std::size_t segment = 0;
  for (std::uint32_t y = 0; y < high; ++y)
    for (std::uint32_t x = 0; x < wide; ++x) {
      if (!p.next_mcu()) return false;
      if (p.segment != segment) predictor = {};
      segment = p.segment;
      for (unsigned i = 0; i < scan.components; ++i) {
        const SparsePlane& plane = planes[scan.component[i]];
        const unsigned h = alone ? 1 : plane.h, v = alone ? 1 : plane.v;
        for (std::uint32_t row = y * v; row < (y + 1) * v; ++row)
          for (std::uint32_t column = x * h; column < (x + 1) * h; ++column) {
            p.bits.refill();
            const bool kept = column < plane.blocks_wide && row < plane.blocks_high;
            std::uint32_t spare = 0;
            std::uint32_t& low = kept ? plane.blocks[std::size_t{row} * plane.blocks_wide + column].low : spare;
            if (scan.ah) {
              low |= static_cast<std::uint32_t>(p.bits.buffer & 1U) << scan.al;
              p.bits.drop(1);
              continue;
            }
            int difference;
            if (!take_difference(p.bits, p.table[i], difference)) return false;
            predictor[i] += difference;
            low = static_cast<std::uint32_t>(predictor[i]) << scan.al & 0xffff;
          }
      }
    }
  return p.check_last();
}

// First scan of AC coefficients (G.1.2.2).
inline bool first_scan(Progress& p, Block& block) noexcept {
  Bits bits = p.bits;
  const SymbolTable& table = p.table[0];
  std::uint64_t known = block.known;
  const unsigned last = p.scan->se;
  unsigned k = p.scan->ss;
  do {
    bits.refill();
    const Entry entry = table.look[bits.buffer & (table.look.size() - 1)];
    auto value = static_cast<std::int16_t>(entry >> 16);
    if (value) {
      k += entry >> 8 & 255U;
      bits.drop(entry & 255U);
    } else {
      const Symbol symbol = symbol_of(table, entry, bits.buffer);
      const unsigned run = symbol.run(), size = symbol.size();
      if (symbol.length == 0 || size + p.scan->al > 15) return false;
      bits.drop(symbol.length);
      if (size == 0 && run < 15) {
        p.end_run = (1U << run) - 1 + bits.take(run);
        break;
      }
      if (size == 0) {
        k = std::min(k + 16, last + 1);
        continue;
      }
      k += run;
      value = static_cast<std::int16_t>(extended_number(bits.take(size), size) * (1 << p.scan->al));
    }
    block.values[k] = value;
    known |= std::uint64_t{1} << (k & 63U);
    ++k;
  } while (k <= last);
  block.known = known;
  p.bits = bits;
  return k <= last + 1;
}

// A bit for each of the coefficients `which`, which are known already: those that get another one.
template <class Ops>
inline std::uint64_t corrections(Bits& bits, std::uint64_t which) noexcept {
  std::uint64_t done = 0;
  for (const std::uint64_t half : {which & 0xffffffff, which >> 32 << 32}) {
    bits.refill();
    done |= Ops::deposit(bits.buffer, half);
    bits.drop(Ops::count(half));
  }
  return done;
}

// A refinement's entry for what its table has not.
inline Entry resolved(Entry entry, const SymbolTable& table, std::uint64_t bits) noexcept {
  if (entry) return entry;
  const Symbol symbol = table.find(bits);
  const unsigned size = symbol.size();
  if (symbol.length == 0 || size > 1) return 0;
  const bool end = size == 0 && symbol.run() < 15;
  return end ? symbol.length << 16 | symbol.value << 24
             : 1U << symbol.run() | (symbol.length + size) << 16 | size << 24;
}

// A later scan of AC coefficients (G.1.2.3).
template <class Ops>
inline bool refinement_scan(Progress& p, Block& block) noexcept {
  std::uint64_t known = block.known & p.band, zeros = p.band & ~block.known;  // still to come
  std::uint64_t plus = 0, fresh = 0, negative = 0;
  Bits bits = p.bits;
  if (p.end_run == 0) {
    const SymbolTable& table = p.table[0];
    do {
      bits.refill();
      Entry entry = table.look[bits.buffer & (table.look.size() - 1)];
      if ((entry & 0xffff) == 0) {
        entry = resolved(entry, table, bits.buffer);
        if (entry == 0) return false;
        if ((entry & 0xffff) == 0) {
          bits.drop(entry >> 16 & 255U);
          const unsigned run = entry >> 28;
          p.end_run = (1U << run) + bits.take(run);
          break;
        }
      }
      // The run counts coefficients that are 0 so far; those that are not get their corrections on the way.
      const std::uint64_t here = Ops::deposit(entry & 0xffff, zeros), up_to = here ^ (here - 1);
      const std::uint64_t found = here & (0 - std::uint64_t{entry >> 24});
      if (here == 0 && entry >> 24) return false;
      const std::uint64_t passed = known & up_to;
      const unsigned own = entry >> 16 & 255U, all = own + Ops::count(passed);
      fresh |= found;
      negative |= found & ((bits.buffer >> (own - 1) & 1U) - 1);
      if (all <= 56) {
        plus |= Ops::deposit(bits.buffer >> own, passed);
        bits.drop(all);
      } else {
        bits.drop(own);
        plus |= corrections<Ops>(bits, passed);
      }
      known &= ~up_to;
      zeros &= ~up_to;
    } while (zeros | known);
  }
  if (p.end_run) {
    if (known) plus |= corrections<Ops>(bits, known);
    --p.end_run;
  }
  block.known |= fresh;
  block.negative |= negative;
  block.plane[p.scan->al] |= plus | fresh;
  p.bits = bits;
  return true;
}

// What differs between processors.
struct Plain {
  // The set bits of `mask`, lowest first, become the bits of `bits`; as PDEP.
  static std::uint64_t deposit(std::uint64_t bits, std::uint64_t mask) noexcept {
    std::uint64_t out = 0;
    for (; mask && bits; mask &= mask - 1, bits >>= 1)
      if (bits & 1U) out |= mask & (~mask + 1);
    return out;
  }
  static unsigned count(std::uint64_t mask) noexcept { return static_cast<unsigned>(std::popcount(mask)); }
  static bool first(Progress& p, Block& block) noexcept { return first_scan(p, block); }
  static bool refine(Progress& p, Block& block) noexcept { return refinement_scan<Plain>(p, block); }
  // Writes the values of a block's known coefficients, and perhaps some behind them.
  static void store(Block& block, std::int16_t* to) noexcept {
    for (unsigned bits = block.planes; bits; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      for (std::uint64_t which = block.plane[bit]; which; which &= which - 1) {
        const auto k = static_cast<unsigned>(std::countr_zero(which));
        const bool minus = block.values[k] < 0 || (block.negative >> k & 1U);
        block.values[k] = static_cast<std::int16_t>(block.values[k] + (minus ? -(1 << bit) : 1 << bit));
      }
    }
    for (std::uint64_t which = block.known; which; which &= which - 1)
      *to++ = block.values[static_cast<unsigned>(std::countr_zero(which))];
  }
};

#if defined(__x86_64__)
#define RESTRIDE_VBMI2 gnu::target("avx512f,avx512bw,avx512vbmi2,popcnt,bmi,bmi2")

// For processors with AVX-512 VBMI2, all of which do PDEP at once.
struct Vbmi2 {
  // By hand, so that what it is part of can be compiled for any processor as well.
  static std::uint64_t deposit(std::uint64_t bits, std::uint64_t mask) noexcept {
    std::uint64_t out;
    asm("pdep %2, %1, %0" : "=r"(out) : "r"(bits), "r"(mask));
    return out;
  }
  static unsigned count(std::uint64_t mask) noexcept { return static_cast<unsigned>(std::popcount(mask)); }
  [[RESTRIDE_VBMI2, gnu::flatten, gnu::noinline]] static bool first(Progress& p, Block& block) noexcept {
    return first_scan(p, block);
  }
  [[RESTRIDE_VBMI2, gnu::flatten, gnu::noinline]] static bool refine(Progress& p, Block& block) noexcept {
    return refinement_scan<Vbmi2>(p, block);
  }
  [[RESTRIDE_VBMI2]] static void store(const Block& block, std::int16_t* to) noexcept {
    __m512i low = _mm512_load_si512(block.values.data()), high = _mm512_load_si512(block.values.data() + 32);
    const auto lower = [](std::uint64_t mask) { return static_cast<__mmask32>(mask); };
    const auto upper = [](std::uint64_t mask) { return static_cast<__mmask32>(mask >> 32); };
    const auto low_negative = static_cast<__mmask32>(_mm512_movepi16_mask(low) | lower(block.negative));
    const auto high_negative = static_cast<__mmask32>(_mm512_movepi16_mask(high) | upper(block.negative));
    low = _mm512_abs_epi16(low);
    high = _mm512_abs_epi16(high);
    for (unsigned bits = block.planes; bits; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      const std::uint64_t which = block.plane[bit];
      const __m512i one = _mm512_set1_epi16(static_cast<short>(1U << bit));
      low = _mm512_mask_add_epi16(low, lower(which), low, one);
      high = _mm512_mask_add_epi16(high, upper(which), high, one);
    }
    const __m512i zero = _mm512_setzero_si512();
    low = _mm512_mask_sub_epi16(low, low_negative, zero, low);
    high = _mm512_mask_sub_epi16(high, high_negative, zero, high);
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi16(lower(block.known), low));
    _mm512_storeu_si512(to + std::popcount(static_cast<std::uint32_t>(block.known)),
                        _mm512_maskz_compress_epi16(upper(block.known), high));
  }
};
#endif

// All scans of a component's AC coefficients; `used` counts values.
template <class Ops>
bool decode_ac(const SparsePlane& plane, std::span<Progress* const> scans, std::span<std::int16_t> values,
               std::size_t& used) noexcept {
  Block block;
  block.planes = 0;
  for (const Progress* p : scans)
    if (p->scan->ah) block.planes |= 1U << p->scan->al;
  const std::size_t count = std::size_t{plane.blocks_wide} * plane.blocks_high;
  for (std::size_t i = 0; i < count; ++i) {
    SparseBlock& out = plane.blocks[i];
    std::memset(block.values.data(), 0, 128);
    block.plane.fill(0);
    block.known = block.negative = 0;
    for (Progress* p : scans) {
      if (!p->next_mcu()) return false;
      if (p->scan->ah) {
        if (!Ops::refine(*p, block)) return false;
      } else if (p->end_run) {
        --p->end_run;
      } else if (!Ops::first(*p, block)) {
        return false;
      }
    }
    block.values[0] = static_cast<std::int16_t>(out.low);
    block.known |= out.low ? 1 : 0;
    if (values.size() - used < 64) return false;
    // A DC coefficient below 0 has its sign already, and no refinement here.
    Ops::store(block, values.data() + used);
    out = {static_cast<std::uint32_t>(block.known), static_cast<std::uint32_t>(block.known >> 32),
           static_cast<std::uint32_t>(used)};
    used += static_cast<std::size_t>(std::popcount(block.known));
  }
  return std::all_of(scans.begin(), scans.end(), [](const Progress* p) { return p->check_last(); });
}

using DecodeAc = bool (*)(const SparsePlane&, std::span<Progress* const>, std::span<std::int16_t>,
                          std::size_t&) noexcept;

DecodeAc best_decode_ac() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2"))
    return decode_ac<Vbmi2>;
#endif
  return decode_ac<Plain>;
}

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

void reverse_bits(std::byte* data, std::size_t bytes) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, data + i, 8);
    word = reversed(word);
    std::memcpy(data + i, &word, 8);
  }
  for (; i < bytes; ++i) data[i] = std::byte{kReversed[static_cast<std::uint8_t>(data[i])]};
}

std::size_t progressive_data_bytes(std::size_t bytes, std::size_t segments) noexcept {
  return (unstuffed_bound(bytes, segments, kProgressiveUnit) + kProgressiveBehind + 7) / 8 * 8;
}

std::size_t progressive_work_bytes(std::size_t scans) noexcept {
  return scans * (sizeof(Progress) + sizeof(Progress*)) + alignof(Progress);
}

// A coefficient's code and sign take two bits at least.
std::size_t progressive_values_bound(std::size_t blocks, std::size_t bytes) noexcept {
  return std::min(64 * blocks, 4 * bytes + blocks) + 64;
}

std::ptrdiff_t decode_progressive(std::span<const SparsePlane> planes, std::span<const ProgressiveScan> scans,
                                  std::byte* work, std::span<std::int16_t> values, Instructions instructions) noexcept {
  static const DecodeAc best = best_decode_ac();
  const DecodeAc decode_component = instructions == Instructions::best ? best : decode_ac<Plain>;
  auto* const progress = reinterpret_cast<Progress*>(work);
  auto* const chosen = reinterpret_cast<Progress**>(progress + scans.size());
  for (const SparsePlane& plane : planes)
    std::memset(plane.blocks, 0, sizeof(SparseBlock) * plane.blocks_wide * plane.blocks_high);
  for (std::size_t s = 0; s < scans.size(); ++s)
    if (!(new (progress + s) Progress)->begin(scans[s])) return -1;
  for (std::size_t s = 0; s < scans.size(); ++s)
    if (scans[s].ss == 0 && !decode_dc(planes, progress[s])) return -1;
  std::size_t used = 0;
  for (std::size_t c = 0; c < planes.size(); ++c) {
    std::size_t n = 0;
    for (std::size_t s = 0; s < scans.size(); ++s)
      if (scans[s].ss > 0 && scans[s].component[0] == c) chosen[n++] = progress + s;
    if (!decode_component(planes[c], {chosen, n}, values, used)) return -1;
  }
  return static_cast<std::ptrdiff_t>(used);
}

}  // namespace restride::jpeg
