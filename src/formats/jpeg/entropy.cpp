// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/entropy.h"

#include <algorithm>
#include <cstring>

#include "base/error_util.h"
#include "coding/jpeg/zigzag.h"

namespace restride::jpeg {
namespace {

// Natural order by zig-zag index, and what lies behind it: runs that lead out of a block end at its last coefficient,
// as in libjpeg; the indices of end-of-block and bad codes lead to an element behind the block.
struct OrderTable {
  std::array<std::uint8_t, 256> at{};
  constexpr OrderTable() {
    for (unsigned k = 0; k < 256; ++k)
      at[k] = k < 64 ? kNaturalOrder[k] : k <= HuffmanLookup::kEndOfBlock ? std::uint8_t{63} : std::uint8_t{64};
  }
};
constexpr OrderTable kOrder;

// F.2.2.1, EXTEND, of the top `size` bits.
inline int extend(std::uint64_t bits, unsigned size) noexcept {
  if (size == 0) return 0;
  const auto value = static_cast<int>(bits >> (64 - size));
  return value < (1 << (size - 1)) ? value - (1 << size) + 1 : value;
}

constexpr std::uint32_t make_entry(int value, std::uint32_t run, std::uint32_t bits) noexcept {
  return static_cast<std::uint32_t>(value) << 16 | run << 8 | bits;
}

struct Meaning {
  std::uint32_t run, size;
};
// What a symbol says (F.1.2.1, F.1.2.2). A run of 16 zeros is one of 15 before a coefficient of 0.
constexpr Meaning meaning_of(std::uint8_t symbol, bool dc) noexcept {
  if (dc) return {0, symbol};
  const std::uint32_t run = symbol >> 4, size = symbol & 15;
  if (size == 0 && run != 15) return {HuffmanLookup::kEndOfBlock, 0};
  return {run, size};
}

bool has_ff(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  return ((~bytes - kOnes) & bytes & kTops) != 0;
}

}  // namespace

bool HuffmanLookup::build(const HuffmanTable& from, bool dc) {
  valid = false;
  table = from;
  is_dc = dc;
  entry.fill(make_entry(0, 0, kPartial));
  std::uint32_t code = 0, index = 0;
  max_code.fill(-1);
  for (unsigned length = 1; length <= 16; ++length) {
    const std::uint32_t count = from.counts[length - 1];
    symbol_offset[length] = static_cast<std::int32_t>(index) - static_cast<std::int32_t>(code);
    for (std::uint32_t i = 0; i < count; ++i, ++code, ++index) {
      if (index >= 256 || code + 1 >= (1U << length)) return false;  // no code is all ones (C.2)
      const std::uint8_t symbol = from.symbols[index];
      if (dc && symbol > 15) return false;
      if (length > kBits) continue;
      const auto [run, size] = meaning_of(symbol, dc);
      const unsigned rest = kBits - length;
      for (std::uint32_t tail = 0; tail < (1U << rest); ++tail) {
        std::uint32_t& e = entry[(code << rest) + tail];
        e = size <= rest ? make_entry(extend(std::uint64_t{tail} << (63 - rest) << 1, size), run, length + size)
                         : make_entry(static_cast<int>(size), run, kPartial | (length + size));
      }
    }
    if (count) max_code[length] = static_cast<std::int32_t>(code << (16 - length)) - 1;
    code <<= 1;
  }
  valid = true;
  return true;
}

std::uint32_t HuffmanLookup::resolve(std::uint64_t bits, std::uint32_t partial) const noexcept {
  std::uint32_t total = partial & 63;
  if (total != 0) {
    const std::uint32_t size = partial >> 16;
    return make_entry(extend(bits << (total - size), size), partial >> 8 & 0xff, total);
  }
  const std::uint32_t length = code_length(bits);
  if (length > 16) return make_entry(0, kBadCode, 16);
  const auto code = static_cast<std::int32_t>(bits >> (64 - length));
  const auto [run, size] =
      meaning_of(table.symbols[static_cast<std::size_t>(code + symbol_offset[length]) & 0xff], is_dc);
  return make_entry(extend(bits << length, size), run, length + size);
}

std::uint32_t HuffmanLookup::code_length(std::uint64_t bits) const noexcept {
  const auto top = static_cast<std::int32_t>(bits >> 48);
  std::uint32_t length = 1;
  while (length <= 16 && top > max_code[length]) ++length;
  return length;
}

void WalkLookup::build(const HuffmanLookup& from) {
  for (std::uint32_t i = 0; i < entry.size(); ++i) {
    const std::uint64_t stream = std::uint64_t{i} << (64 - kBits);
    std::uint32_t used = 0, before = 0, all = 0;
    for (int symbols = 0; symbols < 4; ++symbols) {
      const std::uint64_t bits = stream << used;
      std::uint32_t e = from.entry[bits >> (64 - HuffmanLookup::kBits)];
      if ((e & HuffmanLookup::kPartial) != 0) e = from.resolve(bits, e);
      const std::uint32_t run = e >> 8 & 0xff, total = e & 63;
      if (run == HuffmanLookup::kBadCode) break;
      const std::uint32_t length = from.code_length(bits);  // the code itself must lie within the bits that are known
      if (used + length > static_cast<std::uint32_t>(kBits) || used + total > 31) break;
      before = all;
      all += run + 1;
      used += total;
      if (run == HuffmanLookup::kEndOfBlock || used >= static_cast<std::uint32_t>(kBits)) break;
    }
    entry[i] = used | before << 8 | all << 16;
  }
}

// MCUs and blocks of a scan of all components (A.2.3), or of one (A.2.2), whose sampling factors then say nothing.
bool ScanCoder::prepare(const Headers& headers, std::uint32_t width, std::uint32_t height) {
  if (headers.sof != 0xc0 && headers.sof != 0xc1) return false;
  if (headers.precision != 8 || !headers.single_scan() || headers.first.odd) return false;
  const Scan& scan = headers.first.list[0];
  if (scan.ss != 0 || scan.se != 63 || scan.ah != 0 || scan.al != 0) return false;
  components = scan.components;
  blocks = 0;
  std::uint32_t h_max = 1, v_max = 1;
  for (int i = 0; i < components; ++i) {
    const auto c = static_cast<std::size_t>(i);
    if (scan.component[c] != i || scan.dc[c] == Scan::kNoTable || scan.ac[c] == Scan::kNoTable) return false;
    if (!headers.first.quant[c].defined) return false;
    const int n = components == 1 ? 1 : headers.component[c].h * headers.component[c].v;
    if (blocks + n > kMaxBlocks) return false;
    for (int k = 0; k < n; ++k) block_component[static_cast<std::size_t>(blocks++)] = static_cast<std::uint8_t>(i);
    if (components == 1) continue;
    h_max = std::max<std::uint32_t>(h_max, headers.component[c].h);
    v_max = std::max<std::uint32_t>(v_max, headers.component[c].v);
  }
  mcus_per_line = (width + 8 * h_max - 1) / (8 * h_max);
  lines = (height + 8 * v_max - 1) / (8 * v_max);
  restart_interval = scan.restart_interval;
  offset = scan.offset;
  return prepare_tables(headers.first);
}

namespace {

bool same(const HuffmanTable& a, const HuffmanTable& b) noexcept {
  if (a.counts != b.counts) return false;
  std::size_t codes = 0;
  for (const std::uint8_t count : a.counts) codes += count;
  return std::memcmp(a.symbols.data(), b.symbols.data(), codes) == 0;
}

}  // namespace

bool ScanCoder::prepare_tables(const Scans& scans) {
  const Scan& scan = scans.list[0];
  for (std::size_t i = 0; i < scan.components; ++i) {
    // Components that share a table share its look-up.
    std::size_t dc_slot = 0, ac_slot = 0;
    while (scan.dc[dc_slot] != scan.dc[i]) ++dc_slot;
    while (scan.ac[ac_slot] != scan.ac[i]) ++ac_slot;
    HuffmanLookup &dc_lookup = dc_tables_[dc_slot], &ac_lookup = ac_tables_[ac_slot];
    const HuffmanTable &dc_table = scans.huffman[scan.dc[i]], &ac_table = scans.huffman[scan.ac[i]];
    if (dc_slot == i && !(dc_lookup.valid && same(dc_lookup.table, dc_table)) && !dc_lookup.build(dc_table, true))
      return false;
    if (ac_slot == i && !(ac_lookup.valid && same(ac_lookup.table, ac_table))) {
      walk_valid_[i] = false;
      if (!ac_lookup.build(ac_table, false)) return false;
    }
    dc[i] = &dc_lookup;
    ac[i] = &ac_lookup;
    ac_slot_[i] = static_cast<std::uint8_t>(ac_slot);
  }
  return true;
}

void ScanCoder::prepare_walk() {
  walk_tables_.resize(4);
  for (std::size_t i = 0; i < static_cast<std::size_t>(components); ++i) {
    const std::size_t slot = ac_slot_[i];
    if (!walk_valid_[slot]) walk_tables_[slot].build(*ac[i]);
    walk_valid_[slot] = true;
    walk[i] = &walk_tables_[slot];
  }
}

EntropyDecoder::EntropyDecoder(const ScanCoder& scan, ByteSpan bytes, const EntropyState& from) noexcept
    : scan_(&scan),
      begin_(bytes.data()),
      end_(bytes.data() + bytes.size()),
      bits_{0, 0, 0, bytes.data() + from.offset},
      mcu_(from.mcu),
      to_restart_(scan.restart_interval),
      dc_(from.dc) {
  if (scan.restart_interval != 0 && from.mcu != 0) {
    const std::uint32_t done = from.mcu % scan.restart_interval;
    to_restart_ = done == 0 ? 0 : scan.restart_interval - done;
  }
  if (from.bit != 0) {
    bits_ = refill_slowly(bits_, end_);
    bits_.buffer <<= from.bit;
    bits_.count -= from.bit;
  }
}

// Byte by byte: near the end, before a marker, and where a stuffed 00 has to go (F.2.2.5).
EntropyDecoder::Bits EntropyDecoder::refill_slowly(Bits bits, const std::byte* end) noexcept {
  bits.buffer = bits.count == 0 ? 0 : bits.buffer & ~std::uint64_t{0} << (64 - bits.count);
  while (bits.count <= 56) {
    const std::byte* after = bits.next + 1;
    if (bits.next >= end) break;
    if (*bits.next == std::byte{0xff}) {
      while (after < end && *after == std::byte{0xff}) ++after;  // fill bytes, also before a 00
      if (after >= end || *after != std::byte{0}) break;
      ++after;
    }
    bits.buffer |= static_cast<std::uint64_t>(*bits.next) << (56 - bits.count);
    bits.count += 8;
    bits.next = after;
  }
  if (bits.count <= 56) {
    bits.padding += 64 - bits.count;
    bits.count = 64;
  }
  return bits;
}

// Leaves at least 32 bits, the most that a symbol and its value take.
inline void EntropyDecoder::refill(Bits& bits, const std::byte* end) noexcept {
  if (bits.count >= 32) return;
  if (end - bits.next >= 8) [[likely]] {
    const auto word = load<std::uint64_t>(bits.next, std::endian::big);
    if (!has_ff(word)) [[likely]] {
      bits.buffer |= word >> bits.count;
      bits.next += (63 - bits.count) >> 3;
      bits.count |= 56;
      return;
    }
  }
  bits = refill_slowly(bits, end);
}

inline int EntropyDecoder::difference(Bits& bits, const HuffmanLookup& table) noexcept {
  refill(bits, end_);
  std::uint32_t e = table.entry[bits.buffer >> (64 - HuffmanLookup::kBits)];
  if ((e & HuffmanLookup::kPartial) != 0) [[unlikely]] {
    e = table.resolve(bits.buffer, e);
    if ((e >> 8 & 0xff) == HuffmanLookup::kBadCode) fault_ = Fault::bad_code;
  }
  bits.buffer <<= e & 63;
  bits.count -= e & 63;
  return static_cast<std::int32_t>(e) >> 16;
}

// Reads the restart marker that is due (E.2.4, F.2.2.4). As in libjpeg, bytes before it are passed over.
bool EntropyDecoder::restart() noexcept {
  const std::byte* at = bits_.next;
  std::uint8_t marker = 0;
  while (marker == 0 && at < end_) {
    while (at < end_ && *at != std::byte{0xff}) ++at;
    while (at < end_ && *at == std::byte{0xff}) ++at;
    if (at < end_) marker = static_cast<std::uint8_t>(*at++);
  }
  const std::uint32_t expected = 0xd0 + (mcu_ / scan_->restart_interval - 1) % 8;
  if (marker != expected) {
    bits_.next = marker == 0 ? end_ : at - 2;
    fault_ = Fault::wrong_marker;
    return false;
  }
  bits_ = {0, 0, 0, at};
  dc_ = {};
  to_restart_ = scan_->restart_interval;
  return true;
}

inline bool EntropyDecoder::begin_mcu() noexcept {
  if (scan_->restart_interval != 0) {
    if (to_restart_ == 0 && !restart()) return false;
    --to_restart_;
  }
  return true;
}

inline bool EntropyDecoder::end_mcu(const Bits& bits) noexcept {
  if (bits.count < bits.padding) [[unlikely]]
    fault_ = Fault::hit_marker;  // whatever was decoded since then was not there
  ++mcu_;
  return fault_ == Fault::none;
}

int EntropyDecoder::decode(CoefficientBlock* blocks) noexcept {
  if (!begin_mcu()) return -1;
  Bits bits = bits_;
  int more = 0;
  for (int b = 0; b < scan_->blocks; ++b) {
    const std::size_t component = scan_->block_component[static_cast<std::size_t>(b)];
    std::int16_t* values = blocks[b].values.data();
    const int step = difference(bits, *scan_->dc[component]);
    if (__builtin_add_overflow(dc_[component], step, &dc_[component])) fault_ = Fault::coefficient;
    values[0] = static_cast<std::int16_t>(dc_[component]);
    const HuffmanLookup& table = *scan_->ac[component];
    const std::uint32_t* entries = table.entry.data();
    std::uint32_t k = 1;
    do {
      refill(bits, end_);
      std::uint32_t e = entries[bits.buffer >> (64 - HuffmanLookup::kBits)];
      if ((e & HuffmanLookup::kPartial) != 0) [[unlikely]]
        e = table.resolve(bits.buffer, e);
      bits.buffer <<= e & 63;
      bits.count -= e & 63;
      k += e >> 8 & 0xff;
      values[kOrder.at[k]] = static_cast<std::int16_t>(e >> 16);
      ++k;
    } while (k < 64);
    if (k != 2 + HuffmanLookup::kEndOfBlock) more |= 1 << b;
    if (k > HuffmanLookup::kBadCode) [[unlikely]]
      fault_ = Fault::bad_code;
  }
  bits_ = bits;
  return end_mcu(bits) ? more : -1;
}

bool EntropyDecoder::walk(std::uint32_t count) noexcept {
  for (; count != 0; --count) {
    if (!begin_mcu()) return false;
    Bits bits = bits_;
    for (int b = 0; b < scan_->blocks; ++b) {
      const std::size_t component = scan_->block_component[static_cast<std::size_t>(b)];
      const int step = difference(bits, *scan_->dc[component]);
      if (__builtin_add_overflow(dc_[component], step, &dc_[component])) fault_ = Fault::coefficient;
      const std::uint32_t* entries = scan_->walk[component]->entry.data();
      std::uint32_t k = 1;
      do {
        refill(bits, end_);
        const std::uint32_t e = entries[bits.buffer >> (64 - WalkLookup::kBits)];
        if ((e & 63) != 0 && k + (e >> 8 & 0xff) < 64) [[likely]] {
          bits.buffer <<= e & 63;
          bits.count -= e & 63;
          k += e >> 16;
          continue;
        }
        const HuffmanLookup& table = *scan_->ac[component];
        std::uint32_t one = table.entry[bits.buffer >> (64 - HuffmanLookup::kBits)];
        if ((one & HuffmanLookup::kPartial) != 0) one = table.resolve(bits.buffer, one);
        bits.buffer <<= one & 63;
        bits.count -= one & 63;
        k += (one >> 8 & 0xff) + 1;
        if ((one >> 8 & 0xff) == HuffmanLookup::kBadCode) [[unlikely]]
          fault_ = Fault::bad_code;
      } while (k < 64);
    }
    bits_ = bits;
    if (!end_mcu(bits)) return false;
  }
  return true;
}

EntropyState EntropyDecoder::state() const noexcept {
  EntropyState state;
  state.mcu = mcu_;
  state.dc = dc_;
  const std::uint32_t unread = bits_.count - std::min(bits_.count, bits_.padding);
  const std::byte* at = bits_.next;
  for (std::uint32_t bytes = (unread + 7) / 8; bytes != 0; --bytes) {
    --at;
    if (*at != std::byte{0} || at == begin_ || at[-1] != std::byte{0xff}) continue;
    while (at > begin_ && at[-1] == std::byte{0xff}) --at;  // stuffed: FF and 00 are one byte
  }
  state.offset = static_cast<std::uint64_t>(at - begin_);
  state.bit = static_cast<std::uint8_t>((8 - unread % 8) % 8);
  return state;
}

Error EntropyDecoder::error() const {
  const std::uint64_t offset = state().offset;
  const bool at_end = bits_.next >= end_ || (end_ - bits_.next == 1 && *bits_.next == std::byte{0xff});
  const Errc code = at_end ? Errc::truncated : Errc::corrupt;
  switch (fault_) {
    case Fault::bad_code:
      return fail_at(Errc::corrupt, offset, "Corrupt JPEG data: bad Huffman code");
    case Fault::hit_marker:
      return at_end ? fail_at(code, offset, "the JPEG data end inside MCU %u", mcu_ - 1)
                    : fail_at(code, offset, "Corrupt JPEG data: premature end of data segment, at a marker");
    case Fault::wrong_marker:
      return at_end ? fail_at(code, offset, "the JPEG data end before a restart marker")
                    : fail_at(code, offset, "Corrupt JPEG data: the restart marker due here is missing");
    default:
      return fail_at(Errc::corrupt, offset, "Corrupt JPEG data: DC coefficient out of range");
  }
}

}  // namespace restride::jpeg
