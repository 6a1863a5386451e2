// SPDX-License-Identifier: Apache-2.0
// zlib streams (RFC 1950) held in memory as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct libdeflate_compressor;
struct libdeflate_decompressor;
struct inflate_state;

namespace restride::deflate {

enum class End : std::uint8_t {
  finished,   // the stream ended and its checksum is right
  filled,     // the output is full; the stream goes on
  exhausted,  // the input ended first
  corrupt,
  no_memory,
};

struct Inflated {
  std::size_t written = 0;
  End end = End::finished;
};

// Decompresses; made once and kept. Not thread-safe.
class Inflater {
 public:
  Inflater() noexcept;
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills `out` with what the zlib stream `in` holds. `only_start`: the stream is expected to hold more than `out`
  // takes, and what lies behind is not looked at.
  Inflated zlib(std::span<const std::byte> in, std::span<std::byte> out, bool only_start = false) noexcept;

 private:
  Inflated start(std::span<const std::byte> in, std::span<std::byte> out) noexcept;

  libdeflate_decompressor* whole_;          // the faster one, which needs to know the size
  std::unique_ptr<inflate_state> partial_;  // one that can stop, made when first needed
};

// Compresses; made once and kept. Not thread-safe.
class Deflater {
 public:
  Deflater() noexcept;
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  static constexpr int kLevel = 6;
  // Bytes that zlib() may need for `size` bytes.
  static std::size_t bound(std::size_t size) noexcept;
  // Returns the bytes written, 0 when memory is short; `out` has at least bound(in.size()) bytes.
  std::size_t zlib(std::span<const std::byte> in, std::span<std::byte> out) noexcept;

 private:
  libdeflate_compressor* compressor_;
};

// "libdeflate 1.14, ISA-L 2.30.0": those of the headers.
std::string library_versions();

}  // namespace restride::deflate
