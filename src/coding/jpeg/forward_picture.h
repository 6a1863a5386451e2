// SPDX-License-Identifier: Apache-2.0
// From pixels to rows of samples, transformed in the first dimension: colour, down-sampling and the right and bottom
// edges as libjpeg's compressor does them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/host_device.h"
#include "coding/jpeg/fdct.h"
#include "image/convert/color.h"

namespace restride::jpeg {

enum class ForwardColor : std::uint8_t {
  copy,  // channels are components
  luma,  // RGB to one gray component
  ycc,   // RGB to YCbCr
};

// A picture to encode and how. Trivially copyable: sent to a GPU as it is.
struct ForwardPicture {
  const std::uint8_t* channel[4];  // sample (0, 0) of each channel, as they are in memory
  std::ptrdiff_t row_stride;       // bytes
  std::int32_t pixel_stride;       // bytes
  std::uint32_t width, height;
  ForwardColor color;
  bool blue_first;                   // channels are B, G, R
  bool packed;                       // interleaved, three bytes a pixel
  bool padded;                       // some MCUs have blocks of luma outside the picture
  std::uint8_t layout;               // index of its McuLayout
  std::uint32_t mcus_x, mcu_count;   // MCUs in a row; in all
  std::uint32_t mcus_x_reciprocal;   // floor((2^32 - 1) / mcus_x)
  std::uint32_t blocks_x, blocks_y;  // luma's blocks that are not padding
  std::uint32_t first_tile, tiles;   // of the batch's
  std::uint32_t first_group;         // of tiles, of the batch's
  std::uint32_t tables;              // index of the quantisers and codes
};

// What an MCU is made of: H x V blocks of luma, or of the only component; then one of each other component. A type
// each, so that loops over blocks have constant bounds.
template <unsigned H, unsigned V, unsigned Components>
struct McuLayout {
  static constexpr unsigned kH = H, kV = V, kComponents = Components;
  static constexpr unsigned kLumaBlocks = H * V;
  static constexpr unsigned kBlocks = H * V + Components - 1;
};

inline constexpr unsigned kMcuLayouts = 9;

// f(McuLayout<...>()) for the layout of an index below kMcuLayouts.
template <class F>
constexpr auto with_mcu_layout(unsigned index, F&& f) {
  switch (index) {
    case 0:
      return f(McuLayout<1, 1, 1>());
    case 1:
      return f(McuLayout<1, 1, 4>());
    case 2:
      return f(McuLayout<1, 1, 3>());
    case 3:
      return f(McuLayout<2, 1, 3>());
    case 4:
      return f(McuLayout<2, 2, 3>());
    case 5:
      return f(McuLayout<1, 2, 3>());
    case 6:
      return f(McuLayout<4, 1, 3>());
    case 7:
      return f(McuLayout<4, 2, 3>());
    default:
      return f(McuLayout<2, 4, 3>());
  }
}

// Eight pixels of a row, one array a channel.
using PixelRun = std::int32_t[3][8];

template <class Word>
RESTRIDE_HD inline Word load_word(const std::uint8_t* from) noexcept {
#if defined(__CUDA_ARCH__)
  return *reinterpret_cast<const Word*>(from);
#else
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
#endif
}
// Two samples at once, the first in the low half, as little-endian memory has them.
RESTRIDE_HD inline void store_word(std::int16_t* to, std::uint32_t pair) noexcept {
#if defined(__CUDA_ARCH__)
  *reinterpret_cast<std::uint32_t*>(to) = pair;
#else
  std::memcpy(to, &pair, sizeof pair);
#endif
}
RESTRIDE_HD inline std::int32_t byte_of(std::uint32_t word, unsigned i) noexcept {
#if defined(__CUDA_ARCH__)
  return static_cast<std::int32_t>(__byte_perm(word, 0, 0x4440 | i));
#else
  return static_cast<std::int32_t>(word >> (8 * i) & 0xff);
#endif
}
RESTRIDE_HD inline std::uint32_t high_product(std::uint32_t a, std::uint32_t b) noexcept {
#if defined(__CUDA_ARCH__)
  return __umulhi(a, b);
#else
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(a) * b) >> 32);
#endif
}
RESTRIDE_HD inline bool word_aligned(const std::uint8_t* p) noexcept {
  return (reinterpret_cast<std::uintptr_t>(p) & 3) == 0;
}

// Eight samples of one channel from (x, y) on; beyond the right edge the last one is repeated.
RESTRIDE_HD inline void load_channel(const ForwardPicture& from, int channel, std::uint32_t x, std::uint32_t y,
                                     std::int32_t (&to)[8]) noexcept {
  const std::uint8_t* row = from.channel[channel] + static_cast<std::ptrdiff_t>(y) * from.row_stride;
  const bool whole = x + 8 <= from.width;
  const std::uint8_t* at = row + static_cast<std::ptrdiff_t>(x) * from.pixel_stride;
  if (whole && from.pixel_stride == 1 && word_aligned(at)) {
    for (int half = 0; half < 2; ++half) {
      const auto word = load_word<std::uint32_t>(at + 4 * half);
      for (int i = 0; i < 4; ++i) to[4 * half + i] = byte_of(word, static_cast<unsigned>(i));
    }
    return;
  }
  const std::uint32_t last = from.width - 1;
  for (std::uint32_t i = 0; i < 8; ++i)
    to[i] = row[static_cast<std::ptrdiff_t>(x + i < last ? x + i : last) * from.pixel_stride];
}

RESTRIDE_HD inline void load_pixels(const ForwardPicture& from, std::uint32_t x, std::uint32_t y,
                                    PixelRun& to) noexcept {
  if (from.packed && x + 8 <= from.width) {
    const std::uint8_t* at = from.channel[0] + static_cast<std::ptrdiff_t>(y) * from.row_stride + 3 * std::ptrdiff_t{x};
    if (word_aligned(at)) {
      std::uint32_t word[6];
      for (int i = 0; i < 6; ++i) word[i] = load_word<std::uint32_t>(at + 4 * i);
      for (int i = 0; i < 8; ++i)
        for (int c = 0; c < 3; ++c) to[c][i] = byte_of(word[(3 * i + c) / 4], static_cast<unsigned>((3 * i + c) % 4));
      return;
    }
  }
  for (int c = 0; c < 3; ++c) load_channel(from, c, x, y, to[c]);
}

// To what is transformed: components, RGB as YCbCr where the picture asks for it, less 128. libjpeg's arithmetic, with
// the subtraction and the channels' order moved into the constants.
RESTRIDE_HD inline void convert_pixels(const ForwardPicture& from, PixelRun& run) noexcept {
  using Math = color::Bt601<std::int32_t>;
  if (from.color == ForwardColor::copy) {
    for (auto& channel : run)
      for (std::int32_t& sample : channel) sample -= 128;
    return;
  }
  constexpr std::int32_t kY[] = {Math::fixed(0.29900), Math::fixed(0.11400)};
  constexpr std::int32_t kCb[] = {-Math::fixed(0.16874), Math::fixed(0.50000)};
  constexpr std::int32_t kCr[] = {Math::fixed(0.50000), -Math::fixed(0.08131)};
  constexpr std::int32_t kYMore = Math::kHalf - (128 << Math::kShift), kChromaMore = Math::kHalf - 1;
  const bool blue_first = from.blue_first;
  const auto first = [=](const std::int32_t(&k)[2]) { return blue_first ? k[1] : k[0]; };
  const auto third = [=](const std::int32_t(&k)[2]) { return blue_first ? k[0] : k[1]; };
  const std::int32_t y0 = first(kY), y2 = third(kY), cb0 = first(kCb), cb2 = third(kCb), cr0 = first(kCr),
                     cr2 = third(kCr);
  for (int i = 0; i < 8; ++i) {
    const std::int32_t a = run[0][i], g = run[1][i], c = run[2][i];
    run[0][i] = (y0 * a + Math::fixed(0.58700) * g + y2 * c + kYMore) >> Math::kShift;
    if (from.color == ForwardColor::luma) continue;
    run[1][i] = (cb0 * a - Math::fixed(0.33126) * g + cb2 * c + kChromaMore) >> Math::kShift;
    run[2][i] = (cr0 * a - Math::fixed(0.41869) * g + cr2 * c + kChromaMore) >> Math::kShift;
  }
}

// Where blocks of row-transformed samples are put: block b at base + b * stride, rows of eight.
struct RowTarget {
  std::int16_t* base;
  unsigned stride;  // samples from block to block

  // Samples -128 to 127, transformed.
  RESTRIDE_HD void store(unsigned block, unsigned row, std::int32_t (&samples)[8]) const noexcept {
    forward_dct<false>(samples);
    std::int16_t* to = base + block * stride + 8 * row;
    for (int i = 0; i < 4; ++i)
      store_word(to + 2 * i, (static_cast<std::uint32_t>(samples[2 * i]) & 0xffff) |
                                 static_cast<std::uint32_t>(samples[2 * i + 1]) << 16);
  }
};

// One sample of each chroma component: the mean of H x V pixels whose sum is `sum`, rounded as libjpeg does: with an
// alternating bias for 2x1 and 2x2, to nearest otherwise.
template <int H, int V>
RESTRIDE_HD inline std::int32_t downsampled(std::int32_t sum, int x) noexcept {
  constexpr int kCount = H * V;
  constexpr int kShift = kCount == 1 ? 0 : kCount == 2 ? 1 : kCount == 4 ? 2 : 3;
  if constexpr (H == 2 && V == 1) return (sum + (x & 1)) >> 1;
  if constexpr (H == 2 && V == 2) return (sum + 1 + (x & 1)) >> 2;
  return (sum + kCount / 2) >> kShift;
}

// Row group `group` (0 to 7) of the MCU at column mx, row my: V rows of H * 8 pixels, which give one row of each chroma
// block and V rows of luma's. Blocks in the MCU's order: luma's by rows, Cb, Cr.
template <int H, int V>
RESTRIDE_HD inline void forward_row_group(const ForwardPicture& from, std::uint32_t mx, std::uint32_t my,
                                          unsigned group, const RowTarget& to) noexcept {
  const std::uint32_t last_row = from.height - 1, last_group = last_row / V;
  const std::uint32_t luma_group = my * 8 + group;
  // Below the picture libjpeg repeats pixels up to a whole row group, and then rows of samples.
  const std::uint32_t chroma_group = luma_group < last_group ? luma_group : last_group;
  std::int32_t chroma[2][8] = {};
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
  for (std::uint32_t v = 0; v < V; ++v) {
    const std::uint32_t y = luma_group * V + v < last_row ? luma_group * V + v : last_row;
    const std::uint32_t chroma_y = chroma_group * V + v < last_row ? chroma_group * V + v : last_row;
    const unsigned row = group * V + v;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (int s = 0; s < H; ++s) {
      const std::uint32_t x = (mx * H + static_cast<std::uint32_t>(s)) * 8;
      PixelRun run;
      load_pixels(from, x, y, run);
      convert_pixels(from, run);
      to.store(row / 8 * H + static_cast<unsigned>(s), row % 8, run[0]);
      if (y != chroma_y) {
        load_pixels(from, x, chroma_y, run);
        convert_pixels(from, run);
      }
      for (int c = 0; c < 2; ++c)
        for (int i = 0; i < 8; ++i) chroma[c][(s * 8 + i) / H] += run[1 + c][i];
    }
  }
  for (int c = 0; c < 2; ++c) {
    for (int i = 0; i < 8; ++i) chroma[c][i] = downsampled<H, V>(chroma[c][i], i);
    to.store(H * V + static_cast<unsigned>(c), group, chroma[c]);
  }
}

// The same for pictures of one or four components of full size.
template <int Components>
RESTRIDE_HD inline void forward_plain_rows(const ForwardPicture& from, std::uint32_t mx, std::uint32_t my, unsigned row,
                                           const RowTarget& to) noexcept {
  const std::uint32_t y = my * 8 + row < from.height ? my * 8 + row : from.height - 1;
  if (Components == 1 && from.color == ForwardColor::luma) {
    PixelRun run;
    load_pixels(from, mx * 8, y, run);
    convert_pixels(from, run);
    to.store(0, row, run[0]);
    return;
  }
  for (int c = 0; c < Components; ++c) {
    std::int32_t samples[8];
    load_channel(from, c, mx * 8, y, samples);
    for (std::int32_t& sample : samples) sample -= 128;
    to.store(static_cast<unsigned>(c), row, samples);
  }
}

template <class Layout>
RESTRIDE_HD inline void forward_rows(const ForwardPicture& from, std::uint32_t mx, std::uint32_t my, unsigned group,
                                     const RowTarget& to) noexcept {
  if constexpr (Layout::kComponents == 3)
    forward_row_group<static_cast<int>(Layout::kH), static_cast<int>(Layout::kV)>(from, mx, my, group, to);
  else
    forward_plain_rows<static_cast<int>(Layout::kComponents)>(from, mx, my, group, to);
}

}  // namespace restride::jpeg
