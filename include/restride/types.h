// SPDX-License-Identifier: Apache-2.0
// The vocabulary: sample types, colours, layouts, rectangles. Enumerator values equal nvImageCodec's where that
// library has the enumeration, so that they can be exchanged as integers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace restride {

// Storage of one sample. The order is stable: values are used as table indices.
enum class SampleType : std::uint8_t { u8, i8, u16, i16, u32, i32, f16, f32, f64 };

constexpr std::size_t size_of(SampleType type) noexcept {
  constexpr std::array<std::uint8_t, 9> kSizes{1, 1, 2, 2, 4, 4, 2, 4, 8};
  return kSizes[static_cast<std::size_t>(type)];
}
constexpr bool is_float(SampleType type) noexcept { return type >= SampleType::f16; }
constexpr bool is_signed(SampleType type) noexcept {
  return is_float(type) || type == SampleType::i8 || type == SampleType::i16 || type == SampleType::i32;
}

enum class ColorSpec : std::int8_t {
  unsupported = -1,
  unchanged = 0,  // also "unknown" where a stream is described
  srgb = 1,
  gray = 2,
  sycc = 3,  // full-range BT.601 luma and chroma (JFIF)
  cmyk = 4,
  ycck = 5,
  palette = 6,
  icc_profile = 7,
};

// Meaning and layout of the channels. Odd values are planar (C,H,W), even ones interleaved (H,W,C).
enum class SampleFormat : std::int8_t {
  unsupported = -1,
  unknown = 0,
  p_unchanged = 1,
  i_unchanged = 2,
  p_y = 3,
  i_y = 4,
  p_ya = 5,
  i_ya = 6,
  p_rgb = 7,
  i_rgb = 8,
  p_bgr = 9,
  i_bgr = 10,
  p_ycc = 11,
  i_ycc = 12,
  p_rgba = 13,
  i_rgba = 14,
  p_ycck = 15,
  i_ycck = 16,
  p_cmyk = 17,
  i_cmyk = 18,
};

constexpr bool is_planar(SampleFormat format) noexcept {
  return static_cast<int>(format) > 0 && static_cast<int>(format) % 2 == 1;
}
// The same meaning of channels, interleaved.
constexpr SampleFormat interleaved(SampleFormat format) noexcept {
  return is_planar(format) ? static_cast<SampleFormat>(static_cast<int>(format) + 1) : format;
}
// The same meaning of channels, planar.
constexpr SampleFormat planar(SampleFormat format) noexcept {
  return static_cast<int>(format) > 0 && !is_planar(format) ? static_cast<SampleFormat>(static_cast<int>(format) - 1)
                                                            : format;
}
// Channels that `format` needs; 0 where any count is allowed.
constexpr unsigned channels_of(SampleFormat format) noexcept {
  switch (interleaved(format)) {
    case SampleFormat::i_y:
      return 1;
    case SampleFormat::i_ya:
      return 2;
    case SampleFormat::i_rgb:
    case SampleFormat::i_bgr:
    case SampleFormat::i_ycc:
      return 3;
    case SampleFormat::i_rgba:
    case SampleFormat::i_ycck:
    case SampleFormat::i_cmyk:
      return 4;
    default:
      return 0;
  }
}

enum class ChromaSubsampling : std::int8_t {
  unsupported = -1,
  css_444 = 0,
  css_422 = 2,
  css_420 = 3,
  css_440 = 4,
  css_411 = 5,
  css_410 = 6,
  css_gray = 7,
  css_410v = 8,
};

// Where the bytes of an image or a code stream live. Pinned memory is host memory that a GPU can read directly.
enum class Memory : std::uint8_t { host, pinned, device };

enum class BackendKind : std::uint8_t { cpu_only = 1, gpu_only = 2, hybrid_cpu_gpu = 3, hw_gpu_only = 4 };

enum class LoadHintPolicy : std::uint8_t { ignore = 1, fixed = 2, adaptive_minimize_idle_time = 3 };

// The EXIF orientation tag's values (EXIF 2.32, 4.6.4 A): what to do to the stored picture to show it upright.
enum class Orientation : std::uint8_t {
  normal = 1,
  flip_x = 2,  // mirrored left to right
  rotate_180 = 3,
  flip_y = 4,      // mirrored top to bottom
  transpose = 5,   // mirrored along the main diagonal
  rotate_90 = 6,   // to be turned 90 degrees clockwise
  transverse = 7,  // mirrored along the other diagonal
  rotate_270 = 8,  // to be turned 90 degrees counter-clockwise
};
constexpr bool swaps_axes(Orientation o) noexcept { return static_cast<int>(o) >= 5; }

// A rectangle in pixels, half open: columns [x, x + width), rows [y, y + height).
struct Rect {
  std::int64_t x = 0, y = 0;
  std::int64_t width = 0, height = 0;

  constexpr bool empty() const noexcept { return width <= 0 || height <= 0; }
  constexpr std::int64_t right() const noexcept { return x + width; }
  constexpr std::int64_t bottom() const noexcept { return y + height; }
  constexpr bool operator==(const Rect&) const noexcept = default;
};

constexpr Rect intersect(const Rect& a, const Rect& b) noexcept {
  const std::int64_t left = a.x > b.x ? a.x : b.x;
  const std::int64_t top = a.y > b.y ? a.y : b.y;
  const std::int64_t right = a.right() < b.right() ? a.right() : b.right();
  const std::int64_t bottom = a.bottom() < b.bottom() ? a.bottom() : b.bottom();
  if (right <= left || bottom <= top) return {};
  return {left, top, right - left, bottom - top};
}

constexpr int kMaxFillSamples = 5;

// A part of a picture to decode, in display coordinates (after EXIF orientation when that is applied). It may reach
// outside the picture; what lies outside is filled with `fill`, one value a channel, in the output's sample units.
struct Region {
  Rect rect;
  std::array<double, kMaxFillSamples> fill{};
};

// What a decode may take. Exceeding one is Errc::limit_exceeded, found before the memory is taken.
struct Limits {
  std::uint64_t max_pixels = std::uint64_t{1} << 32;  // width x height of one decoded image
  std::uint64_t max_memory = std::uint64_t{1} << 36;  // bytes of output and scratch of one image
};

}  // namespace restride
