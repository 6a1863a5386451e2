// SPDX-License-Identifier: Apache-2.0
// Loops over rows of samples, written once and compiled for each instruction set; the best one that the machine has is
// chosen at run time. Everything is exact: each gives the bytes of the plain loop, which tests hold it to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace restride::kernels {

inline constexpr unsigned kMaxPixelBytes = 16;
inline constexpr std::uint8_t kConstant = 0xff;

// How the bytes of a pixel move: exchange of channels, channels added or left out, byte order, all of them at once.
struct Permutation {
  unsigned from_bytes = 0, to_bytes = 0;  // from pixel to pixel, 1 to kMaxPixelBytes
  unsigned used_bytes = 0;                // of a source pixel; what is behind them in the last pixel is not read
  // Of each byte of a destination pixel: the source byte, or kConstant and which one.
  std::array<std::uint8_t, kMaxPixelBytes> source{};
  std::array<std::uint8_t, kMaxPixelBytes> constant{};

  // Set by prepare(): the same for the pixels of 16 and of 64 bytes. An index of 0x80 gives 0.
  unsigned pixels16 = 0, pixels64 = 0;
  alignas(16) std::array<std::uint8_t, 16> index16{}, fixed16{};
  alignas(64) std::array<std::uint8_t, 64> index64{}, fixed64{};
  std::uint64_t moved64 = 0;

  void prepare() noexcept;
};

// `size` bytes in the other order, `samples` of them a pixel.
Permutation byte_swap(unsigned size, unsigned samples = 1) noexcept;

// Pointers may be unaligned. Nothing outside the n pixels or samples is read or written. Source and destination must
// not overlap unless it says so.
struct Kernels {
  // n bytes. memcpy of glibc turns to `rep movsb` from 8 KiB on, which on Zen 3 and 4 takes up to nine times as long
  // where source and destination lie unluckily; this does not.
  void (*copy)(const std::byte* from, std::byte* to, std::size_t n) noexcept;
  // n pixels. In place too, where from_bytes == to_bytes.
  void (*permute)(const Permutation& how, const std::byte* from, std::byte* to, std::size_t n) noexcept;
  // n pixels of 2 to 4 samples of 1, 2 or 4 bytes to one plane a channel, and back.
  void (*split)(unsigned channels, unsigned sample_bytes, const std::byte* from, std::byte* const* to,
                std::size_t n) noexcept;
  void (*join)(unsigned channels, unsigned sample_bytes, const std::byte* const* from, std::byte* to,
               std::size_t n) noexcept;

  // Depth: round(v * (2^q - 1) / (2^p - 1)) from p to q bits. Values must be below 2^p.
  void (*narrow)(unsigned bits, const std::uint16_t* from, std::uint8_t* to, std::size_t n) noexcept;  // 9 to 16 to 8
  void (*widen)(const std::uint8_t* from, std::uint16_t* to, std::size_t n) noexcept;                  // 8 to 16
  // 32-bit samples XOR `flip`, clamped to low to low + max, less `low`: signed samples, of which 0x80000000 makes
  // unsigned ones in the same order, and unsigned ones.
  void (*take8)(const std::uint32_t* from, std::uint32_t flip, std::uint32_t low, std::uint32_t max, std::uint8_t* to,
                std::size_t n) noexcept;
  void (*take16)(const std::uint32_t* from, std::uint32_t flip, std::uint32_t low, std::uint32_t max, std::uint16_t* to,
                 std::size_t n) noexcept;
  void (*limit)(const std::uint16_t* from, std::uint16_t max, std::uint16_t* to, std::size_t n) noexcept;
  // Samples less `offset`, as 32 bits in two's complement.
  void (*give8)(const std::uint8_t* from, std::uint32_t offset, std::uint32_t* to, std::size_t n) noexcept;
  void (*give16)(const std::uint16_t* from, std::uint32_t offset, std::uint32_t* to, std::size_t n) noexcept;

  // Colour, one array a channel (image/convert/color.h has the arithmetic).
  void (*luma8)(const std::uint8_t* const* rgb, std::uint8_t* to, std::size_t n) noexcept;
  void (*luma16)(const std::uint16_t* const* rgb, std::uint16_t* to, std::size_t n) noexcept;
  void (*ycc_to_rgb8)(const std::uint8_t* const* ycc, std::uint8_t* const* rgb, std::size_t n) noexcept;
  void (*rgb_to_ycc8)(const std::uint8_t* const* rgb, std::uint8_t* const* ycc, std::size_t n) noexcept;
  void (*cmyk_to_rgb8)(const std::uint8_t* const* cmyk, std::uint8_t* const* rgb, std::size_t n) noexcept;
};

enum class Target : std::uint8_t { plain, sse4, avx2, avx512, neon };

// Null where the machine or the build lacks it; plain is always there.
const Kernels* kernels_of(Target target) noexcept;
// The best one, chosen once.
const Kernels& best() noexcept;

}  // namespace restride::kernels
