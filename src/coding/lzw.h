// SPDX-License-Identifier: Apache-2.0
// LZW as TIFF uses it (TIFF 6.0, section 13): codes of 9 to 12 bits, most significant bit first, one code earlier wider
// than necessary.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace restride::lzw {

enum class End : std::uint8_t {
  filled,     // the output is full
  finished,   // EndOfInformation came first
  exhausted,  // the input ended first
  corrupt,    // a code that no table entry has
};

struct Decoded {
  std::size_t written = 0;
  std::size_t read = 0;  // input bytes taken, roughly: the position of an error
  End end = End::filled;
};

// Decodes until `out` is full or `in` ends. Streams of the first writers (least significant bit first, no early change)
// are recognised by their first code. Bytes of `out` behind `written` are undefined.
Decoded decode(std::span<const std::byte> in, std::span<std::byte> out) noexcept;

// The encoder's dictionary: an open hash of (prefix code, byte) pairs. Its contents need no initialisation.
struct EncoderTable {
  static constexpr unsigned kBits = 13;
  std::array<std::uint32_t, std::size_t{1} << kBits> slots;
};

// Bytes that encode() may need for `size` bytes.
constexpr std::size_t encode_bound(std::size_t size) noexcept { return size + size / 2 + size / 1024 + 32; }

// Encodes all of `in` and returns the bytes written; `out` has at least encode_bound(in.size()) bytes.
std::size_t encode(std::span<const std::byte> in, std::span<std::byte> out, EncoderTable& table) noexcept;

}  // namespace restride::lzw
