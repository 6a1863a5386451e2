// SPDX-License-Identifier: Apache-2.0
#include "coding/lzw.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"

namespace restride::lzw {
namespace {

constexpr unsigned kClear = 256, kEndOfInformation = 257, kFirstFree = 258;
constexpr unsigned kCodes = 4096;
constexpr unsigned kMaxWidth = 12;

// Codes from either end of the byte. Past the end of the input it gives zeros and says so.
template <bool kLeastFirst>
class CodeReader {
 public:
  explicit CodeReader(ByteSpan in) noexcept : next_(in.data()), begin_(in.data()), end_(in.data() + in.size()) {}

  // False when fewer than `width` bits are left.
  bool read(unsigned width, unsigned& code) noexcept {
    if (held_ < width) {
      refill();
      if (held_ < width) return false;
    }
    if constexpr (kLeastFirst) {
      code = static_cast<unsigned>(bits_) & ((1U << width) - 1U);
      bits_ >>= width;
    } else {
      code = static_cast<unsigned>(bits_ >> (64 - width));
      bits_ <<= width;
    }
    held_ -= width;
    return true;
  }
  std::size_t position() const noexcept { return static_cast<std::size_t>(next_ - begin_) - held_ / 8; }

 private:
  void refill() noexcept {
    if (end_ - next_ >= 8) {
      // Bits beyond those counted are loaded too, and loaded again, with the same values, by the next refill.
      if constexpr (kLeastFirst) {
        bits_ |= load<std::uint64_t>(next_, std::endian::little) << held_;
      } else {
        bits_ |= load<std::uint64_t>(next_, std::endian::big) >> held_;
      }
      const unsigned bytes = (63 - held_) / 8;
      next_ += bytes;
      held_ += bytes * 8;
      return;
    }
    for (; held_ <= 56 && next_ != end_; held_ += 8) {
      const auto byte = static_cast<std::uint64_t>(*next_++);
      bits_ |= kLeastFirst ? byte << held_ : byte << (56 - held_);
    }
  }

  const std::byte* next_;
  const std::byte* begin_;
  const std::byte* end_;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

// A string: its first eight bytes at hand, so that the short ones, nearly all, are one store; the rest is where it was
// written before.
struct Entry {
  std::uint64_t start;     // bytes in memory order
  std::uint32_t position;  // in the output, from where the dictionary was last cleared; 15 MB at most
  std::uint32_t length;
};

constexpr std::uint64_t first_byte(std::uint64_t start) noexcept {
  return std::endian::native == std::endian::little ? start & 0xff : start >> 56;
}
constexpr std::uint64_t placed_byte(std::uint64_t byte, unsigned index) noexcept {
  if (index >= 8) return 0;
  return std::endian::native == std::endian::little ? byte << (8 * index) : byte << (56 - 8 * index);
}

// Copies a string of `length` > 8 bytes from earlier output, its first eight excepted. The two may overlap by all but
// one byte of the string (the code that is not yet in the dictionary); they are at least eight bytes apart, so that
// chunks of eight work.
inline void copy_rest(std::byte* to, const std::byte* from, std::size_t length) noexcept {
  for (std::size_t i = 8; i < length; i += 8) {
    std::uint64_t chunk;
    std::memcpy(&chunk, from + i, 8);
    std::memcpy(to + i, &chunk, 8);
  }
}

// The same without writing past `room`.
inline void copy_exactly(std::byte* to, std::size_t room, const Entry& entry, const std::byte* from) noexcept {
  const std::size_t length = std::min<std::size_t>(entry.length, room);
  std::memcpy(to, &entry.start, std::min<std::size_t>(length, 8));
  for (std::size_t i = 8; i < length; ++i) to[i] = from[i];
}

template <bool kLeastFirst>
Decoded decode_codes(ByteSpan in, std::span<std::byte> out) noexcept {
  constexpr unsigned kEarly = kLeastFirst ? 0 : 1;
  std::array<Entry, kCodes + 1> table;  // the last one takes what no longer fits
  for (unsigned i = 0; i < 256; ++i) table[i] = {placed_byte(i, 0), 0, 1};
  CodeReader<kLeastFirst> reader(in);
  std::byte* const begin = out.data();
  std::byte* const end = begin + out.size();
  std::byte* to = begin;
  unsigned code = 0;
  const auto result = [&](End why) { return Decoded{static_cast<std::size_t>(to - begin), reader.position(), why}; };

  if (to == end) return result(End::filled);
  for (;;) {
    // A fresh dictionary: the first code is a byte.
    unsigned width = 9, next = kFirstFree, limit = (1U << width) - kEarly;
    do {
      if (!reader.read(width, code)) return result(End::exhausted);
    } while (code == kClear);
    if (code == kEndOfInformation) return result(End::finished);
    if (code > kEndOfInformation) return result(End::corrupt);
    std::byte* const base = to;
    Entry last = table[code];
    *to++ = static_cast<std::byte>(code);
    std::uint32_t last_position = 0;
    for (;;) {
      if (to == end) return result(End::filled);
      if (!reader.read(width, code)) return result(End::exhausted);
      if (code == kClear) break;
      if (code == kEndOfInformation) return result(End::finished);
      if (code > next) return result(End::corrupt);
      // The string before, and the first byte of this one: which may be the very string that is being made.
      const std::uint64_t first = first_byte(code == next ? last.start : table[code].start);
      table[next] = {last.start | placed_byte(first, last.length), last_position, last.length + 1};
      last = table[code];
      last_position = static_cast<std::uint32_t>(to - base);
      const auto room = static_cast<std::size_t>(end - to);
      if (room < last.length + std::size_t{8}) [[unlikely]] {
        copy_exactly(to, room, last, base + last.position);
        if (room <= last.length) {
          to = end;
          return result(End::filled);
        }
      } else {
        std::memcpy(to, &last.start, 8);
        if (last.length > 8) copy_rest(to, base + last.position, last.length);
      }
      to += last.length;
      next += next < kCodes;
      if (next >= limit && width < kMaxWidth) limit = (1U << ++width) - kEarly;
    }
  }
}

}  // namespace

Decoded decode(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  // The first code is Clear: 0x80 0x0? from the front, 0x00 0x?1 (bit 8) from the back.
  const bool least_first = in.size() >= 2 && in[0] == std::byte{0} && (in[1] & std::byte{1}) != std::byte{0};
  return least_first ? decode_codes<true>(in, out) : decode_codes<false>(in, out);
}

namespace {

// Codes to bytes, most significant bit first.
class CodeWriter {
 public:
  explicit CodeWriter(std::byte* to) noexcept : begin_(to), to_(to) {}
  void write(unsigned code, unsigned width) noexcept {
    bits_ = bits_ << width | code;
    held_ += width;
    if (held_ >= 32) {
      held_ -= 32;
      store(to_, static_cast<std::uint32_t>(bits_ >> held_), std::endian::big);
      to_ += 4;
    }
  }
  std::size_t finish() noexcept {
    for (; held_ > 0; held_ = held_ > 8 ? held_ - 8 : 0)
      *to_++ = static_cast<std::byte>(held_ >= 8 ? bits_ >> (held_ - 8) : bits_ << (8 - held_));
    return static_cast<std::size_t>(to_ - begin_);
  }

 private:
  std::byte* begin_;
  std::byte* to_;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

}  // namespace

std::size_t encode(std::span<const std::byte> in, std::span<std::byte> out, EncoderTable& table) noexcept {
  // "As soon as we add table entry 4094, we write out a (12-bit) ClearCode" (section 13); one earlier, as libtiff does,
  // keeps readers safe that count differently.
  constexpr unsigned kLast = 4094;
  constexpr std::uint32_t kMask = (1U << EncoderTable::kBits) - 1U;
  CodeWriter writer(out.data());
  auto& slots = table.slots;
  unsigned width = 9, next = kFirstFree;
  const auto reset = [&] {
    slots.fill(0);  // no string has code 0, so 0 is an empty slot
    width = 9;
    next = kFirstFree;
  };
  // After a string's code: the dictionary grows by one, and with it the codes.
  const auto grow = [&] {
    ++next;
    if (next == kLast) {
      writer.write(kClear, width);
      reset();
    } else if (next == 1U << width) {
      ++width;
    }
  };
  reset();
  writer.write(kClear, width);
  if (!in.empty()) {
    auto prefix = static_cast<std::uint32_t>(in[0]);
    for (const std::byte byte : in.subspan(1)) {
      const std::uint32_t key = prefix << 8 | static_cast<std::uint32_t>(byte);  // 20 bits; the slot adds 12 of code
      std::uint32_t slot = key * 0x9e3779b1U >> (32 - EncoderTable::kBits);
      while (slots[slot] != 0 && slots[slot] >> 12 != key) slot = (slot + 1) & kMask;
      if (slots[slot] != 0) {
        prefix = slots[slot] & 0xfff;
        continue;
      }
      slots[slot] = key << 12 | next;
      writer.write(prefix, width);
      prefix = static_cast<std::uint32_t>(byte);
      grow();
    }
    writer.write(prefix, width);
    grow();
  }
  writer.write(kEndOfInformation, width);
  return writer.finish();
}

}  // namespace restride::lzw
