// SPDX-License-Identifier: Apache-2.0
// From data units to pixels: decoding of a unit whose start is known, inverse DCT into component planes, upsampling,
// colour and storing. One thread's part of each; see entropy.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "coding/jpeg/entropy.h"
#include "coding/jpeg/geometry.h"
#include "coding/jpeg/idct.h"
#include "coding/jpeg/zigzag.h"
#include "image/convert/color.h"
#include "image/convert/converter.h"

namespace restride::jpeg {

// Samples of a component that one job needs: all of some MCUs.
struct Plane {
  std::uint64_t offset;  // bytes, into the batch's planes; rows are multiples of 8 apart
  std::uint32_t stride;
  std::uint32_t x, y;           // of its first sample in the component
  std::uint32_t width, height;  // of the component: edges, for upsampling
  std::uint8_t block;           // samples a block has in each direction
  std::uint8_t h_expand, v_expand;
  Upsampling upsampling;
};

// What becomes of a pixel's samples.
enum class Colors : std::uint8_t {
  as_they_are,  // one to three of them
  inks,         // four
  ycc_to_rgb,
  gray_to_rgb,
  rgb_to_gray,
  ycck_to_cmyk,
};

enum class Storing : std::uint8_t {
  bytes,      // native samples at the target's strides
  converted,  // through the plain converter
};

// One job's pixels.
struct PixelJob {
  Plane plane[4];
  std::uint32_t picture;
  std::uint32_t x, y, width, height;  // of the window, in the (reduced) stored picture
  Colors colors;
  std::uint8_t components;  // that are looked at
  std::uint8_t channels;    // native ones
  bool reversed;            // blue first
  bool inverted;            // 255 - v: inks of files that do not say they are stored inverted
  Storing storing;
  std::byte* target;  // of window pixel (0, 0)
  std::ptrdiff_t row_stride, pixel_stride, channel_stride;
  conversion::Conversion conversion;
};

// Data units of one scan (or of one component's ready coefficients) that a job needs: those of a rectangle of MCUs.
struct UnitTask {
  std::uint32_t job, scan;
  std::uint32_t picture;
  std::uint32_t mcu_x, mcu_y;  // first MCU
  std::uint32_t mcus_wide;     // of the rectangle
  std::uint32_t mcus_per_row;  // of the picture
  std::uint32_t units;         // of the rectangle
  std::uint32_t quant;         // its first quantisation table: 4 of 64, in zig-zag order, by component
  std::uint32_t coefficients;  // kDecoded, or the first of the component's sparse blocks,
  std::uint32_t values;        // and where the picture's values start
  std::uint8_t units_per_mcu;
  std::uint8_t component[kMaxUnitsPerMcu];                // kNotNeeded: skip
  std::uint8_t dx[kMaxUnitsPerMcu], dy[kMaxUnitsPerMcu];  // block within the MCU
  std::uint8_t h[4], v[4];                                // blocks of an MCU, by component

  static constexpr std::uint8_t kNotNeeded = 255;
  static constexpr std::uint32_t kDecoded = 0xffffffff;
};

// A block's coefficients that are not 0, where they are decoded before.
struct SparseBlock {
  std::uint32_t low, high;  // bit k of 64: the one at zig-zag position k is among them
  std::uint32_t first;      // where their values start, in zig-zag order
};
RESTRIDE_HD inline unsigned lowest_bit(std::uint32_t bits) noexcept {
#if defined(__CUDA_ARCH__)
  return static_cast<unsigned>(__ffs(static_cast<int>(bits))) - 1;
#else
  return static_cast<unsigned>(__builtin_ctz(bits));
#endif
}

// A zig-zag position: index into a unit's coefficients, column by column, and quantiser.
struct Step {
  std::uint16_t at;
  std::uint16_t quantizer;
};

// Where a unit of a task is.
struct UnitPlace {
  std::uint32_t unit;  // in the scan
  unsigned in_mcu;
  std::uint32_t block_x, block_y;  // in the component; 0 for one that is not needed
};
RESTRIDE_HD inline UnitPlace unit_place(const UnitTask& task, std::uint32_t i) noexcept {
  const std::uint32_t mcu = i / task.units_per_mcu, row = mcu / task.mcus_wide;
  UnitPlace place{};
  place.in_mcu = i - mcu * task.units_per_mcu;
  const std::uint32_t x = task.mcu_x + (mcu - row * task.mcus_wide), y = task.mcu_y + row;
  place.unit = (y * task.mcus_per_row + x) * task.units_per_mcu + place.in_mcu;
  const unsigned component = task.component[place.in_mcu];
  if (component == UnitTask::kNotNeeded) return place;
  place.block_x = x * task.h[component] + task.dx[place.in_mcu];
  place.block_y = y * task.v[component] + task.dy[place.in_mcu];
  return place;
}

// Decodes the unit that starts at `start` into c (64 zeros before). Damage has been found before.
RESTRIDE_HD inline Unit decode_unit(const ScanReader& reader, const UnitStart& start, std::int16_t dc_before,
                                    unsigned in_mcu, const Step* steps, std::int16_t* c) noexcept {
  const unsigned table = 2 * reader.scan.pair(in_mcu);
  BitWindow window(reader.words, start.bit);
  std::uint32_t bit = start.bit, rows = 0;
  bit += reader.code(window.at(bit), table).bits();
  const auto dc = static_cast<std::int16_t>(start.dc + dc_before);
  c[0] = static_cast<std::int16_t>(dc * steps[0].quantizer);
  for (unsigned zigzag = 1; zigzag < 64;) {
    const std::uint32_t bits = window.at(bit);
    const Code code = reader.code(bits, table + 1);
    if (!code.valid()) break;
    zigzag += code.step();
    bit += code.bits();
    if (code.value_bits() == 0 || zigzag > 64) continue;
    const Step step = steps[zigzag - 1];
    const int value = extended(bits << (code.bits() - code.value_bits()), code.value_bits());
    c[step.at] = static_cast<std::int16_t>(value * step.quantizer);
    rows |= 1U << (step.at & 7);
  }
  return {c, rows};
}

// Takes a unit from ready coefficients into c (64 zeros before).
RESTRIDE_HD inline Unit load_unit(const SparseBlock& block, const std::int16_t* values, const Step* steps,
                                  std::int16_t* c) noexcept {
  std::uint32_t rows = 0;
  values += block.first;
  for (unsigned half = 0; half < 64; half += 32)
    for (std::uint32_t left = half ? block.high : block.low; left; left &= left - 1) {
      const Step step = steps[half + lowest_bit(left)];
      c[step.at] = static_cast<std::int16_t>(*values++ * step.quantizer);
      rows |= 1U << (step.at & 7);
    }
  return {c, rows};
}

// Inverse DCT of a unit to its place in the plane.
RESTRIDE_HD inline void unit_to_plane(const Unit& unit, const Plane& plane, const UnitPlace& place,
                                      std::uint8_t* planes) noexcept {
  const unsigned size = plane.block;
  std::uint8_t* to = planes + plane.offset + std::uint64_t{place.block_y * size - plane.y} * plane.stride +
                     (place.block_x * size - plane.x);
  if (size == 8) {
    inverse_dct8(unit, [&](int y, std::uint32_t low, std::uint32_t high) {
      *reinterpret_cast<std::uint64_t*>(to + static_cast<std::size_t>(y) * plane.stride) =
          std::uint64_t{high} << 32 | low;
    });
    return;
  }
  std::uint8_t samples[16];
  inverse_dct_reduced(unit, static_cast<int>(size), samples);
  for (unsigned y = 0; y < size; ++y)
    for (unsigned x = 0; x < size; ++x) to[std::size_t{y} * plane.stride + x] = samples[y * size + x];
}

// Four bytes from any address, the first lowest. May look up to seven bytes past it.
RESTRIDE_HD inline std::uint32_t four_bytes(const std::uint8_t* from) noexcept {
#if defined(__CUDA_ARCH__)
  const auto address = reinterpret_cast<std::uintptr_t>(from);
  const auto* words = reinterpret_cast<const std::uint32_t*>(address & ~std::uintptr_t{3});
  return __funnelshift_r(words[0], words[1], static_cast<unsigned>(address & 3) * 8);
#else
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
#endif
}
RESTRIDE_HD inline int byte_of(std::uint32_t word, unsigned i) noexcept {
  return static_cast<int>(word >> (8 * i) & 255U);
}

// The component's row that holds, or is nearest to, row y of the picture, and the next nearest one.
struct Rows {
  const std::uint8_t *near_row, *far_row;  // of column 0, which may lie before the plane
};
RESTRIDE_HD inline Rows rows_of(const Plane& plane, const std::uint8_t* planes, std::uint32_t y) noexcept {
  std::uint32_t row = y, other = y;
  if (plane.upsampling == Upsampling::box) {
    if (plane.v_expand != 1) row = other = y / plane.v_expand;
  } else if (plane.upsampling != Upsampling::h2v1_triangle) {
    row = y / 2;
    other = (y & 1U) ? (row + 1 < plane.height ? row + 1 : row) : row ? row - 1 : 0;
  }
  const std::uint8_t* first = planes + plane.offset - plane.x;
  return {first + std::uint64_t{row - plane.y} * plane.stride, first + std::uint64_t{other - plane.y} * plane.stride};
}

// Triangle filters: three parts of the nearer sample and one of the further, with roundings that alternate. Beyond an
// edge the sample at it counts twice.
RESTRIDE_HD inline int triangle2(int near_value, int far_value, bool second) noexcept {
  return (3 * near_value + far_value + (second ? 2 : 1)) >> 2;
}
RESTRIDE_HD inline int triangle4(int near_sum, int far_sum, bool second) noexcept {
  return (3 * near_sum + far_sum + (second ? 7 : 8)) >> 4;
}

// A component's value at pixel (x, y) of the picture.
RESTRIDE_HD inline int upsampled(const Plane& plane, const std::uint8_t* planes, std::uint32_t x,
                                 std::uint32_t y) noexcept {
  const Rows rows = rows_of(plane, planes, y);
  if (plane.upsampling == Upsampling::box) return rows.near_row[plane.h_expand == 1 ? x : x / plane.h_expand];
  if (plane.upsampling == Upsampling::h1v2_triangle) return triangle2(rows.near_row[x], rows.far_row[x], y & 1U);
  const std::uint32_t column = x / 2;
  const bool right = (x & 1U) != 0;
  const std::uint32_t other = right ? (column + 1 < plane.width ? column + 1 : column) : column ? column - 1 : 0;
  if (plane.upsampling == Upsampling::h2v1_triangle)
    return triangle2(rows.near_row[column], rows.near_row[other], right);
  return triangle4(3 * rows.near_row[column] + rows.far_row[column], 3 * rows.near_row[other] + rows.far_row[other],
                   right);
}

inline constexpr int kGroup = 4;  // pixels that a thread does at once

// The same at pixels x to x + 3, all inside the picture.
RESTRIDE_HD inline void upsampled_group(const Plane& plane, const std::uint8_t* planes, std::uint32_t x,
                                        std::uint32_t y, int (&out)[kGroup]) noexcept {
  const Rows rows = rows_of(plane, planes, y);
  if (plane.upsampling == Upsampling::box) {
    if (plane.h_expand == 1) {
      const std::uint32_t word = four_bytes(rows.near_row + x);
      for (unsigned i = 0; i < kGroup; ++i) out[i] = byte_of(word, i);
      return;
    }
    for (unsigned i = 0; i < kGroup; ++i) out[i] = rows.near_row[(x + i) / plane.h_expand];
    return;
  }
  if (plane.upsampling == Upsampling::h1v2_triangle) {
    const std::uint32_t near_word = four_bytes(rows.near_row + x), far_word = four_bytes(rows.far_row + x);
    for (unsigned i = 0; i < kGroup; ++i) out[i] = triangle2(byte_of(near_word, i), byte_of(far_word, i), y & 1U);
    return;
  }
  // Columns of the four pixels and one on either side: c[0] is that before the first pixel's, x even, or the first's
  // own.
  const std::uint32_t odd = x & 1U, first = x / 2 + odd;  // column first - 1 is c[0]
  const bool inside = first > 0 && first + 2 < plane.width;
  const bool two_rows = plane.upsampling == Upsampling::h2v2_triangle;
  int c[4];
  if (inside) {
    const std::uint32_t near_word = four_bytes(rows.near_row + first - 1);
    for (unsigned i = 0; i < 4; ++i) c[i] = byte_of(near_word, i);
    if (two_rows) {
      const std::uint32_t far_word = four_bytes(rows.far_row + first - 1);
      for (unsigned i = 0; i < 4; ++i) c[i] = 3 * c[i] + byte_of(far_word, i);
    }
  } else {
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t at = first + i ? first + i - 1 : 0, column = at < plane.width ? at : plane.width - 1;
      c[i] = rows.near_row[column];
      if (two_rows) c[i] = 3 * c[i] + rows.far_row[column];
    }
  }
  // Even x: left and right halves of c[1], then of c[2]. Odd x: right half of c[0], c[1], left half of c[2].
  const int even_out[4][2] = {{c[1], c[0]}, {c[1], c[2]}, {c[2], c[1]}, {c[2], c[3]}};
  const int odd_out[4][2] = {{c[0], c[1]}, {c[1], c[0]}, {c[1], c[2]}, {c[2], c[1]}};
  for (unsigned i = 0; i < kGroup; ++i) {
    const int near_value = odd ? odd_out[i][0] : even_out[i][0], far_value = odd ? odd_out[i][1] : even_out[i][1];
    const bool second = ((i + odd) & 1U) != 0;
    out[i] = two_rows ? triangle4(near_value, far_value, second) : triangle2(near_value, far_value, second);
  }
}

RESTRIDE_HD inline std::uint32_t packed(int a, int b, int c, int d) noexcept {
  return static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b) << 8 | static_cast<std::uint32_t>(c) << 16 |
         static_cast<std::uint32_t>(d) << 24;
}

// Native samples, the first lowest, from a pixel's components.
RESTRIDE_HD inline std::uint32_t native_samples(const PixelJob& job, int a, int b, int c, int d) noexcept {
  constexpr color::Bt601<int> kColor{255, 128};
  if (job.colors == Colors::gray_to_rgb) return packed(a, a, a, 255);
  if (job.colors == Colors::rgb_to_gray) return packed(kColor.luma(a, b, c), 0, 0, 0);
  if (job.colors == Colors::inks) return packed(a, b, c, d) ^ (job.inverted ? 0xffffffff : 0);
  if (job.colors != Colors::as_they_are) {
    const int red = kColor.red(a, c), green = kColor.green(a, b, c), blue = kColor.blue(a, b);
    a = red;
    b = green;
    c = blue;
  }
  if (job.colors == Colors::ycck_to_cmyk) return packed(a, b, c, d) ^ (job.inverted ? 0xff000000 : 0x00ffffff);
  return job.reversed ? packed(c, b, a, 255) : packed(a, b, c, 255);
}

// Three words of four interleaved RGB (or BGR) pixels. color::Bt601 with the luma moved into the sum, which changes
// nothing, and clamping left to packing.
RESTRIDE_HD inline void rgb_words(const int (&y)[kGroup], const int (&cb)[kGroup], const int (&cr)[kGroup],
                                  bool reversed, std::uint32_t (&words)[3]) noexcept {
  using Color = color::Bt601<int>;
  int first[kGroup], green[kGroup], last[kGroup];
  for (unsigned i = 0; i < kGroup; ++i) {
    const int luma = y[i] * 65536 + Color::kHalf;
    const int red = (luma + Color::fixed(1.40200) * (cr[i] - 128)) >> 16;
    const int blue = (luma + Color::fixed(1.77200) * (cb[i] - 128)) >> 16;
    green[i] = (luma - Color::fixed(0.34414) * (cb[i] - 128) - Color::fixed(0.71414) * (cr[i] - 128)) >> 16;
    first[i] = reversed ? blue : red;
    last[i] = reversed ? red : blue;
  }
  words[0] = four_clamped(first[0], green[0], last[0], first[1]);
  words[1] = four_clamped(green[1], last[1], first[2], green[2]);
  words[2] = four_clamped(last[2], first[3], green[3], last[3]);
}

// The native samples of window pixel (x, y), and of (x, y) to (x + 3, y).
RESTRIDE_HD inline std::uint32_t native_pixel(const PixelJob& job, const std::uint8_t* planes, std::uint32_t x,
                                              std::uint32_t y) noexcept {
  int c[4] = {};
  for (unsigned k = 0; k < 4; ++k)
    if (k < job.components) c[k] = upsampled(job.plane[k], planes, job.x + x, job.y + y);
  return native_samples(job, c[0], c[1], c[2], c[3]);
}
RESTRIDE_HD inline void native_group(const PixelJob& job, const std::uint8_t* planes, std::uint32_t x, std::uint32_t y,
                                     std::uint32_t (&out)[kGroup]) noexcept {
  int c[4][kGroup] = {};
  for (unsigned k = 0; k < 4; ++k)
    if (k < job.components) upsampled_group(job.plane[k], planes, job.x + x, job.y + y, c[k]);
  for (unsigned i = 0; i < kGroup; ++i) out[i] = native_samples(job, c[0][i], c[1][i], c[2][i], c[3][i]);
}

// One pixel's native samples as the converter's source.
struct PixelSamples {
  std::uint64_t samples;  // four bytes of them; the converter has code for samples of eight
  RESTRIDE_HD const std::byte* at(unsigned channel, std::int64_t, std::int64_t) const noexcept {
    return reinterpret_cast<const std::byte*>(&samples) + channel;
  }
  RESTRIDE_HD std::ptrdiff_t step(unsigned) const noexcept { return 4; }
};

// Pixels [4 * group, 4 * group + 4) of window row y, through the plain converter.
RESTRIDE_HD inline void convert_group(const PixelJob& job, const std::uint8_t* planes, std::uint32_t group,
                                      std::uint32_t y) noexcept {
  for (std::uint32_t x = kGroup * group; x < kGroup * (group + 1) && x < job.width; ++x) {
    const PixelSamples source{native_pixel(job, planes, x, y)};
    const conversion::Converter<PixelSamples, 1> converter{job.conversion, source};
    converter.run(x, y, 1);
  }
}

// The same as they are, moved left so that words of interleaved bytes are aligned.
RESTRIDE_HD inline void store_group(const PixelJob& job, const std::uint8_t* planes, std::uint32_t group,
                                    std::uint32_t y) noexcept {
  std::byte* row = job.target + static_cast<std::ptrdiff_t>(y) * job.row_stride;
  const auto address = reinterpret_cast<std::uintptr_t>(row);
  // Bytes before the first aligned word, in pixels: one byte each in planes, three (or a multiple of four) otherwise.
  const bool three = job.pixel_stride == 3 && job.channel_stride == 1 && job.channels == 3;
  const bool single = job.pixel_stride == 1;
  const int shift = static_cast<int>((three ? 4 - address % 4 : single ? address % 4 : 0) % 4);
  const std::int64_t first = static_cast<std::int64_t>(kGroup) * group - shift;
  const auto width = static_cast<std::int64_t>(job.width);
  if (first >= width) return;
  const bool whole = first >= 0 && first + kGroup <= width;
  if (!whole) {
#if defined(__CUDACC__)
#pragma unroll 1  // registers
#endif
    for (std::int64_t x = first < 0 ? 0 : first; x < first + kGroup && x < width; ++x) {
      const std::uint32_t pixel = native_pixel(job, planes, static_cast<std::uint32_t>(x), y);
      for (unsigned k = 0; k < job.channels; ++k)
        row[x * job.pixel_stride + static_cast<std::ptrdiff_t>(k) * job.channel_stride] =
            static_cast<std::byte>(pixel >> (8 * k));
    }
    return;
  }
  std::byte* to = row + first * job.pixel_stride;
  auto* words = reinterpret_cast<std::uint32_t*>(to);
  const auto x = static_cast<std::uint32_t>(first);
  if (three && job.colors == Colors::ycc_to_rgb) {
    int c[3][kGroup];
    for (unsigned k = 0; k < 3; ++k) upsampled_group(job.plane[k], planes, job.x + x, job.y + y, c[k]);
    std::uint32_t rgb[3];
    rgb_words(c[0], c[1], c[2], job.reversed, rgb);
    for (unsigned w = 0; w < 3; ++w) words[w] = rgb[w];
    return;
  }
  std::uint32_t pixel[kGroup];
  native_group(job, planes, x, y, pixel);
  if (three) {
    words[0] = (pixel[0] & 0xffffff) | pixel[1] << 24;
    words[1] = (pixel[1] >> 8 & 0xffff) | pixel[2] << 16;
    words[2] = (pixel[2] >> 16 & 0xff) | pixel[3] << 8;
    return;
  }
  if (job.pixel_stride == 4 && job.channel_stride == 1 && job.channels == 4 && address % 4 == 0) {
    for (unsigned i = 0; i < kGroup; ++i) words[i] = pixel[i];
    return;
  }
  for (unsigned k = 0; k < job.channels; ++k) {
    std::byte* channel = to + static_cast<std::ptrdiff_t>(k) * job.channel_stride;
    const auto sample = [&](unsigned i) { return static_cast<int>(pixel[i] >> (8 * k) & 255U); };
    if (single && reinterpret_cast<std::uintptr_t>(channel) % 4 == 0) {
      *reinterpret_cast<std::uint32_t*>(channel) = packed(sample(0), sample(1), sample(2), sample(3));
      continue;
    }
    for (unsigned i = 0; i < kGroup; ++i)
      channel[static_cast<std::ptrdiff_t>(i) * job.pixel_stride] = static_cast<std::byte>(sample(i));
  }
}

}  // namespace restride::jpeg
