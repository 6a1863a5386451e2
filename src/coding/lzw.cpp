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

// Codes from either end of the byte.
template <bool kLeastFirst>
class CodeReader {
 public:
  explicit CodeReader(ByteSpan in) noexcept : next_(in.data()), begin_(in.data()), end_(in.data() + in.size()) {}

  // Makes sure of a code; false when fewer than `width` bits are left.
  bool fill(unsigned width) noexcept {
    if (end_ - next_ >= 8) [[likely]] {
      // No branch on how much is held, which nobody could predict. Bits beyond those counted are loaded too, and loaded
      // again, with the same values, by the next fill.
      if constexpr (kLeastFirst) {
        bits_ |= load<std::uint64_t>(next_, std::endian::little) << held_;
      } else {
        bits_ |= load<std::uint64_t>(next_, std::endian::big) >> held_;
      }
      next_ += (63 - held_) / 8;
      held_ |= 56;
      return true;
    }
    for (; held_ < 56 && next_ != end_; held_ += 8) {
      const auto byte = static_cast<std::uint64_t>(*next_++);
      bits_ |= kLeastFirst ? byte << held_ : byte << (56 - held_);
    }
    return held_ >= width;
  }
  unsigned take(unsigned width) noexcept {
    unsigned code = 0;
    if constexpr (kLeastFirst) {
      code = static_cast<unsigned>(bits_) & ((1U << width) - 1U);
      bits_ >>= width;
    } else {
      code = static_cast<unsigned>(bits_ >> (64 - width));
      bits_ <<= width;
    }
    held_ -= width;
    return code;
  }
  unsigned held() const noexcept { return held_; }
  std::size_t position() const noexcept { return static_cast<std::size_t>(next_ - begin_) - held_ / 8; }

 private:
  const std::byte* next_;
  const std::byte* begin_;
  const std::byte* end_;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

// The dictionary. A string's first eight bytes are at hand, so that the short ones, nearly all, are one store; the rest
// is where it was written before. What every code needs lies apart from what few do, and fits the first cache level.
struct Dictionary {
  std::uint64_t start[kCodes + 1];  // bytes in memory order; the last entry takes what no longer fits
  std::uint16_t length[kCodes + 1];
  std::uint32_t position[kCodes + 1];  // in the output, from where the dictionary was last cleared; 15 MB at most
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
inline void copy_exactly(std::byte* to, std::size_t room, std::uint64_t start, std::size_t length,
                         const std::byte* from) noexcept {
  length = std::min(length, room);
  std::memcpy(to, &start, std::min<std::size_t>(length, 8));
  for (std::size_t i = 8; i < length; ++i) to[i] = from[i];
}

template <bool kLeastFirst>
class StringDecoder {
 public:
  StringDecoder(ByteSpan in, std::span<std::byte> out) noexcept
      : reader_(in), begin_(out.data()), end_(out.data() + out.size()), to_(out.data()) {
    for (unsigned i = 0; i < 256; ++i) {
      table_.start[i] = placed_byte(i, 0);
      table_.length[i] = 1;
    }
  }

  Decoded decode() noexcept {
    End why = End::filled;
    while (to_ != end_ && from_clear_to_clear(why)) {
    }
    return {static_cast<std::size_t>(to_ - begin_), reader_.position(), why};
  }

 private:
  static constexpr unsigned kEarly = kLeastFirst ? 0 : 1;

  // True at the next Clear; otherwise `why` it is over.
  bool from_clear_to_clear(End& why) noexcept {
    // The first code of a fresh dictionary is a byte.
    unsigned code = kClear;
    while (code == kClear) {
      if (!reader_.fill(9)) return why = End::exhausted, false;
      code = reader_.take(9);
    }
    if (code == kEndOfInformation) return why = End::finished, false;
    if (code > kEndOfInformation) return why = End::corrupt, false;
    // Locals, so that they stay in registers.
    auto reader = reader_;
    std::byte *to = to_, *const base = to_, *const end = end_;
    const auto stop = [&](End reason) {
      reader_ = reader;
      to_ = to;
      why = reason;
      return false;
    };
    *to++ = static_cast<std::byte>(code);
    if (to == end) return stop(End::filled);
    unsigned width = 9, next = kFirstFree, limit = (1U << width) - kEarly;
    std::uint64_t last_start = table_.start[code];
    unsigned last_length = 1;
    std::uint32_t last_position = 0;
    for (;;) {
      if (!reader.fill(width)) return stop(End::exhausted);
      // A full reader holds 56 bits: four codes of any width.
      for (unsigned codes = reader.held() >= 4 * kMaxWidth ? 4 : 1; codes != 0; --codes) {
        code = reader.take(width);
        if (code - kClear < 2) [[unlikely]] {
          stop(End::finished);
          return code == kClear;
        }
        if (code > next) [[unlikely]]
          return stop(End::corrupt);
        // A new string: the one before and the first byte of this one, which may be the very string that is being made.
        table_.start[next] = last_start;
        table_.start[next] = last_start | placed_byte(first_byte(table_.start[code]), last_length);
        table_.length[next] = static_cast<std::uint16_t>(last_length + 1);
        table_.position[next] = last_position;
        last_start = table_.start[code];
        last_length = table_.length[code];
        last_position = static_cast<std::uint32_t>(to - base);
        const auto room = static_cast<std::size_t>(end - to);
        if (room < last_length + std::size_t{8}) [[unlikely]] {
          copy_exactly(to, room, last_start, last_length, base + (last_length > 8 ? table_.position[code] : 0));
          if (room <= last_length) {
            to = end;
            return stop(End::filled);
          }
        } else {
          std::memcpy(to, &last_start, 8);
          if (last_length > 8) copy_rest(to, base + table_.position[code], last_length);
        }
        to += last_length;
        next += next < kCodes;
        if (next >= limit && width < kMaxWidth) limit = (1U << ++width) - kEarly;
      }
    }
  }

  CodeReader<kLeastFirst> reader_;
  std::byte* const begin_;
  std::byte* const end_;
  std::byte* to_;
  Dictionary table_;
};

}  // namespace

Decoded decode(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  // The first code is Clear: 0x80 0x0? from the front, 0x00 0x?1 (bit 8) from the back.
  const bool least_first = in.size() >= 2 && in[0] == std::byte{0} && (in[1] & std::byte{1}) != std::byte{0};
  return least_first ? StringDecoder<true>(in, out).decode() : StringDecoder<false>(in, out).decode();
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
