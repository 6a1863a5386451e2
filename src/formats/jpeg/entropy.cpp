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
      at[k] = k < 64 ? kNaturalOrder[k] : k <= Symbol::kEndOfBlock ? std::uint8_t{63} : std::uint8_t{64};
  }
};
constexpr OrderTable kOrder;

// F.2.2.1, EXTEND, of the top 64 - `shift` bits, at least one: without a branch, since signs cannot be foretold.
inline std::int32_t extend(std::uint64_t bits, std::uint32_t shift) noexcept {
  const auto negative = static_cast<std::uint64_t>(~static_cast<std::int64_t>(bits) >> 63);  // all ones if so
  return static_cast<std::int32_t>((((bits ^ negative) >> (shift & 63)) ^ negative) - negative);
}

inline std::int32_t value_of(std::uint64_t bits, const Symbol& symbol) noexcept {
  return symbol.size == 0 ? 0 : extend(bits << symbol.length, 64 - symbol.size);
}

// What a symbol says (F.1.2.1, F.1.2.2). A run of 16 zeros is one of 15 before a coefficient of 0.
constexpr Symbol meaning_of(std::uint8_t symbol, bool dc, std::uint32_t length) noexcept {
  if (dc) return {length, symbol, 0};
  const std::uint32_t run = symbol >> 4, size = symbol & 15;
  if (size == 0 && run != 15) return {length, 0, Symbol::kEndOfBlock};
  return {length, size, run};
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
  entry.fill(0);
  max_code.fill(-1);
  std::uint32_t code = 0, index = 0;
  for (std::uint32_t length = 1; length <= 16; ++length) {
    const std::uint32_t count = from.counts[length - 1];
    symbol_offset[length] = static_cast<std::int32_t>(index) - static_cast<std::int32_t>(code);
    for (std::uint32_t i = 0; i < count; ++i, ++code, ++index) {
      if (index >= 256 || code + 1 >= (1U << length)) return false;  // no code is all ones (C.2)
      if (dc && from.symbols[index] > 15) return false;
      if (length > static_cast<std::uint32_t>(kBits)) continue;
      const Symbol symbol = meaning_of(from.symbols[index], dc, length);
      const std::uint32_t rest = kBits - length;
      std::fill_n(entry.begin() + (code << rest), 1U << rest, length | symbol.size << 8 | symbol.run << 16);
    }
    if (count) max_code[length] = static_cast<std::int32_t>(code << (16 - length)) - 1;
    code <<= 1;
  }
  valid = true;
  return true;
}

inline Symbol HuffmanLookup::find(std::uint64_t bits) const noexcept {
  const std::uint32_t e = entry[bits >> (64 - kBits)];
  if (e != 0) [[likely]]
    return {e & 0xff, e >> 8 & 0xff, e >> 16};
  return find_long(bits);
}

Symbol HuffmanLookup::find_long(std::uint64_t bits) const noexcept {
  const auto top = static_cast<std::int32_t>(bits >> 48);
  std::uint32_t length = kBits + 1;
  while (length <= 16 && top > max_code[length]) ++length;
  if (length > 16) return {16, 0, Symbol::kBadCode};
  const std::int32_t code = top >> (16 - length);
  return meaning_of(table.symbols[static_cast<std::size_t>(code + symbol_offset[length]) & 0xff], is_dc, length);
}

void PairLookup::build(const HuffmanLookup& from) {
  for (std::uint32_t i = 0; i < entry.size(); ++i) {
    const std::uint64_t bits = std::uint64_t{i} << (64 - kBits);
    const std::uint32_t known = from.entry[bits >> (64 - HuffmanLookup::kBits)];
    Entry& e = entry[i] = {0, 0, Symbol::kBadCode, 0, 0, 0, 0, 255};
    if (known == 0) continue;
    const Symbol first = from.find(bits);
    e.guard = 0;
    e.total = static_cast<std::uint8_t>(first.total());
    e.first = first.size == 0 ? Symbol::kBadCode : static_cast<std::uint8_t>(first.run);
    e.passed = static_cast<std::uint8_t>(first.run + 1);
    e.length = static_cast<std::uint8_t>(first.length);
    e.shift = static_cast<std::uint8_t>(64 - first.size);
    if (first.run == Symbol::kEndOfBlock || first.total() >= static_cast<std::uint32_t>(kBits)) continue;
    const std::uint64_t rest = bits << first.total();
    if (from.entry[rest >> (64 - HuffmanLookup::kBits)] == 0) continue;
    const Symbol second = from.find(rest);
    if (first.total() + second.total() > static_cast<std::uint32_t>(kBits) || second.size > 7) continue;
    e.guard = static_cast<std::uint8_t>(first.run);  // after a block's last coefficient comes another block
    e.total = static_cast<std::uint8_t>(e.total + second.total());
    e.second = static_cast<std::uint8_t>(e.passed + second.run);
    e.passed = static_cast<std::uint8_t>(e.second + 1);
    e.second_value = static_cast<std::int8_t>(value_of(rest, second));
  }
}

void WalkLookup::build(const HuffmanLookup& from) {
  for (std::uint32_t i = 0; i < entry.size(); ++i) {
    std::uint32_t used = 0, before = 0, passed = 0;
    while (used < static_cast<std::uint32_t>(kBits)) {
      const Symbol symbol = from.find(std::uint64_t{i} << (64 - kBits) << used);
      // Of the last symbol only the code must lie within the bits that are known.
      if (symbol.run == Symbol::kBadCode || used + symbol.length > static_cast<std::uint32_t>(kBits)) break;
      before = passed;
      passed += symbol.run + 1;
      used += symbol.total();
      if (symbol.run == Symbol::kEndOfBlock || passed >= 64) break;
    }
    entry[i] = {static_cast<std::uint8_t>(used), static_cast<std::uint8_t>(used == 0 ? 255 : before),
                static_cast<std::uint8_t>(passed)};
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
      pair_tables_[i].build(ac_lookup);
    }
    dc[i] = &dc_lookup;
    ac[i] = &ac_lookup;
    pair[i] = &pair_tables_[ac_slot];
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
  while (bits.count < 56) {
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
  if (bits.count < 56) {
    bits.padding += 56 - bits.count;
    bits.count = 56;
  }
  return bits;
}

// Leaves at least 56 bits. There is no branch on how many there are, which could not be foretold.
[[gnu::always_inline]] inline void EntropyDecoder::refill(Bits& bits, const std::byte* end) noexcept {
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

[[gnu::always_inline]] inline void EntropyDecoder::consume(Bits& bits, std::uint32_t count) noexcept {
  bits.buffer <<= count & 63;
  bits.count -= count;
}

[[gnu::always_inline]] inline void EntropyDecoder::decode_dc(Bits& bits, std::size_t component) noexcept {
  refill(bits, end_);
  const Symbol symbol = scan_->dc[component]->find(bits.buffer);
  if (symbol.run == Symbol::kBadCode) [[unlikely]]
    fault_ = Fault::bad_code;
  const std::int32_t step = value_of(bits.buffer, symbol);
  consume(bits, symbol.total());
  if (__builtin_add_overflow(dc_[component], step, &dc_[component])) fault_ = Fault::coefficient;
}

// Needs 25 bits, the most that a code within the look-up and its value take; longer codes see to themselves.
[[gnu::always_inline]] inline std::uint32_t EntropyDecoder::step_ac(Bits& bits, std::size_t component,
                                                                    std::int16_t* values, std::uint32_t k) noexcept {
  const PairLookup::Entry& e = scan_->pair[component]->entry[bits.buffer >> (64 - PairLookup::kBits)];
  if (k + e.guard >= 63) [[unlikely]] {
    // A long code, or two symbols of which the second belongs to the next block.
    refill(bits, end_);
    const Symbol symbol = scan_->ac[component]->find(bits.buffer);
    const std::int32_t value = value_of(bits.buffer, symbol);
    consume(bits, symbol.total());
    refill(bits, end_);
    values[kOrder.at[k + symbol.run]] = static_cast<std::int16_t>(value);
    return k + symbol.run + 1;
  }
  values[kOrder.at[k + e.first]] = static_cast<std::int16_t>(extend(bits.buffer << (e.length & 63), e.shift));
  values[kOrder.at[k + e.second]] = e.second_value;
  consume(bits, e.total);
  return k + e.passed;
}

// Needs 25 bits.
[[gnu::always_inline]] inline void EntropyDecoder::decode_ac(Bits& bits, std::size_t component, std::int16_t* values,
                                                             bool& more) noexcept {
  std::uint32_t k = step_ac(bits, component, values, 1);
  while (k < 64) {
    refill(bits, end_);  // enough for two steps
    k = step_ac(bits, component, values, k);
    if (k >= 64) break;
    k = step_ac(bits, component, values, k);
  }
  more = k != 2 + Symbol::kEndOfBlock;
  if (k > Symbol::kBadCode) [[unlikely]]
    fault_ = Fault::bad_code;
}

[[gnu::always_inline]] inline void EntropyDecoder::walk_ac(Bits& bits, std::size_t component) noexcept {
  const WalkLookup::Entry* entries = scan_->walk[component]->entry.data();
  std::uint32_t k = 1;
  const auto step = [&]() __attribute__((always_inline)) {
    const WalkLookup::Entry& e = entries[bits.buffer >> (64 - WalkLookup::kBits)];
    if (k + e.before >= 64) [[unlikely]] {
      refill(bits, end_);
      const Symbol symbol = scan_->ac[component]->find(bits.buffer);
      consume(bits, symbol.total());
      refill(bits, end_);
      k += symbol.run + 1;
      if (symbol.run == Symbol::kBadCode) fault_ = Fault::bad_code;
      return k < 64;
    }
    consume(bits, e.total);
    k += e.passed;
    return k < 64;
  };
  do {
    refill(bits, end_);
  } while (step() && step());
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
  int mask = 0;
  for (int b = 0; b < scan_->blocks; ++b) {
    const std::size_t component = scan_->block_component[static_cast<std::size_t>(b)];
    bool more = false;
    decode_dc(bits, component);
    blocks[b].values[0] = static_cast<std::int16_t>(dc_[component]);
    decode_ac(bits, component, blocks[b].values.data(), more);
    mask |= static_cast<int>(more) << b;
  }
  bits_ = bits;
  return end_mcu(bits) ? mask : -1;
}

bool EntropyDecoder::walk(std::uint32_t count) noexcept {
  for (; count != 0; --count) {
    if (!begin_mcu()) return false;
    Bits bits = bits_;
    for (int b = 0; b < scan_->blocks; ++b) {
      const std::size_t component = scan_->block_component[static_cast<std::size_t>(b)];
      decode_dc(bits, component);
      walk_ac(bits, component);
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
