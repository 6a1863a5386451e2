// SPDX-License-Identifier: Apache-2.0
// Reading and writing bytes of either order; nothing here can read past its span.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace restride {

using ByteSpan = std::span<const std::byte>;

template <class T>
constexpr T byte_swapped(T value) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

// Unaligned load of an unsigned integer stored in `order`.
template <class T>
inline T load(const std::byte* from, std::endian order) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return order == std::endian::native ? value : byte_swapped(value);
}
template <class T>
inline void store(std::byte* to, T value, std::endian order) noexcept {
  if (order != std::endian::native) value = byte_swapped(value);
  std::memcpy(to, &value, sizeof value);
}

// A cursor over bytes. A read past the end gives 0, leaves the cursor at the end and is remembered: check `overran()`
// once after a group of reads.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes, std::endian order = std::endian::big) noexcept : bytes_(bytes), order_(order) {}

  template <class T>
  T read() noexcept {
    if (remaining() < sizeof(T)) {
      position_ = bytes_.size();
      overran_ = true;
      return 0;
    }
    const T value = load<T>(bytes_.data() + position_, order_);
    position_ += sizeof(T);
    return value;
  }
  std::uint8_t u8() noexcept { return read<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return read<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return read<std::uint32_t>(); }
  std::uint64_t u64() noexcept { return read<std::uint64_t>(); }

  // The next n bytes, or an empty span (and overran) when there are fewer.
  ByteSpan take(std::size_t n) noexcept {
    if (remaining() < n) {
      position_ = bytes_.size();
      overran_ = true;
      return {};
    }
    const ByteSpan part = bytes_.subspan(position_, n);
    position_ += n;
    return part;
  }
  void skip(std::size_t n) noexcept { (void)take(n); }
  void seek(std::size_t position) noexcept {
    if (position > bytes_.size()) {
      overran_ = true;
      position = bytes_.size();
    }
    position_ = position;
  }

  std::size_t position() const noexcept { return position_; }
  std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  bool overran() const noexcept { return overran_; }
  ByteSpan bytes() const noexcept { return bytes_; }
  void set_order(std::endian order) noexcept { order_ = order; }

 private:
  ByteSpan bytes_;
  std::size_t position_ = 0;
  std::endian order_;
  bool overran_ = false;
};

inline ByteSpan as_bytes(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::byte*>(data), size};
}
// Copies `from` to `to`; an empty span may point nowhere, which memcpy must not be given.
inline void put_bytes(std::byte* to, ByteSpan from) noexcept {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}
inline std::uint8_t u8_at(ByteSpan bytes, std::size_t i) noexcept { return static_cast<std::uint8_t>(bytes[i]); }
// True if `bytes` starts with the n characters at `text` (which may contain NUL).
inline bool starts_with(ByteSpan bytes, const char* text, std::size_t n) noexcept {
  return bytes.size() >= n && std::memcmp(bytes.data(), text, n) == 0;
}

}  // namespace restride
