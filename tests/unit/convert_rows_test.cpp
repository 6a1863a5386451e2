// SPDX-License-Identifier: Apache-2.0
// The word-wise row conversions of the GPU, run on the CPU against plain loops, at every alignment.
#include "cuda/convert_rows.h"

#include <gtest/gtest.h>

#include <vector>

#include "image/convert/pixels.h"

namespace restride::cuda {
namespace {

std::vector<std::byte> noise(std::size_t n, unsigned seed) {
  std::vector<std::byte> out(n);
  for (auto& b : out) b = static_cast<std::byte>((seed = seed * 1664525U + 1013904223U) >> 24);
  return out;
}

TEST(ConvertRows, CopyMovesARowAndNothingElse) {
  for (std::size_t from = 0; from < 16; ++from)
    for (std::size_t to = 0; to < 16; ++to)
      for (const std::int64_t bytes : {1, 3, 15, 16, 17, 31, 64, 99}) {
        alignas(16) std::byte source[160], target[160];
        const auto data = noise(160, static_cast<unsigned>(bytes));
        std::copy(data.begin(), data.end(), source);
        std::fill(target, target + 160, std::byte{7});
        for (std::int64_t s = 0; s < shares_of(RowWork::copy, bytes, 1); ++s)
          copy_row_share(source + from, target + 16 + to, s, bytes);
        for (std::size_t i = 0; i < 160; ++i) {
          const bool inside = i >= 16 + to && i < 16 + to + static_cast<std::size_t>(bytes);
          ASSERT_EQ(target[i], inside ? source[from + i - 16 - to] : std::byte{7}) << from << ' ' << to << ' ' << bytes;
        }
      }
}

TEST(ConvertRows, SwapExchangesFirstAndThird) {
  for (std::size_t from = 0; from < 4; ++from)
    for (std::size_t to = 0; to < 4; ++to)
      for (std::int64_t width = 1; width < 14; ++width) {
        alignas(16) std::byte source[64], target[64];
        const auto data = noise(64, static_cast<unsigned>(width));
        std::copy(data.begin(), data.end(), source);
        std::fill(target, target + 64, std::byte{7});
        for (std::int64_t s = 0; s < shares_of(RowWork::swap, width, 3); ++s)
          swap_row_share(source + from, target + to, s, width);
        for (std::size_t i = 0; i < 60; ++i) {
          const bool inside = i >= to && i < to + 3 * static_cast<std::size_t>(width);
          const std::size_t k = i - to;
          ASSERT_EQ(target[i], inside ? source[from + k / 3 * 3 + 2 - k % 3] : std::byte{7});
        }
      }
}

TEST(ConvertRows, OnlyWhatIsDenseAndEqualIsTakenWordWise) {
  const auto work = [](SampleFormat from, SampleFormat to, SampleType type, Orientation orientation) {
    ImageSpec a{8, 4, channels_of(from), SampleType::u8, from, ColorSpec::srgb, 8}, b = a;
    b.format = to;
    b.channels = channels_of(to);
    b.type = type;
    b.precision = 0;
    static std::byte memory[8 * 4 * 8];
    const ImageView view = dense_view(memory, a), target = dense_view(memory, b);
    return row_work({plan_conversion(a, target, 8, 4, orientation), memory, view.row_stride, view.pixel_stride,
                     view.channel_stride, 8, 4});
  };
  using F = SampleFormat;
  EXPECT_EQ(work(F::i_rgb, F::i_rgb, SampleType::u8, Orientation::normal), RowWork::copy);
  EXPECT_EQ(work(F::i_rgb, F::i_rgb, SampleType::u8, Orientation::flip_y), RowWork::copy);
  EXPECT_EQ(work(F::i_y, F::i_y, SampleType::u8, Orientation::normal), RowWork::copy);
  EXPECT_EQ(work(F::i_bgr, F::i_rgb, SampleType::u8, Orientation::normal), RowWork::swap);
  EXPECT_EQ(work(F::i_rgb, F::i_rgb, SampleType::u8, Orientation::flip_x), RowWork::plain);
  EXPECT_EQ(work(F::i_rgb, F::i_rgb, SampleType::u16, Orientation::normal), RowWork::plain);
  EXPECT_EQ(work(F::i_rgb, F::p_rgb, SampleType::u8, Orientation::normal), RowWork::plain);
  EXPECT_EQ(work(F::i_rgb, F::i_y, SampleType::u8, Orientation::normal), RowWork::plain);
  EXPECT_EQ(work(F::i_rgba, F::i_rgb, SampleType::u8, Orientation::normal), RowWork::plain);
}

}  // namespace
}  // namespace restride::cuda
