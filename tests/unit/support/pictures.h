// SPDX-License-Identifier: Apache-2.0
// Pictures and streams for tests.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "restride/restride.h"

namespace restride::test {

template <class T>
T value_of(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().describe();
    std::abort();
  }
  return *std::move(result);
}

inline ImageSpec rgb_spec(std::uint32_t width, std::uint32_t height) {
  return {width, height, 3, SampleType::u8, SampleFormat::i_rgb, ColorSpec::srgb, 8};
}

// Smooth colours with a little noise: every codec does something with it.
inline Image picture(std::uint32_t width, std::uint32_t height, unsigned seed = 1) {
  Image image;
  EXPECT_TRUE(image.ensure(rgb_spec(width, height)));
  std::mt19937 random(seed);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x)
      for (std::uint32_t c = 0; c < 3; ++c) {
        const double v =
            128 + 80 * std::sin((x + seed) / (7.0 + 3 * c)) + 30 * std::cos(y / (5.0 + 2 * c)) + random() % 7;
        *image.view().at(x, y, c) = static_cast<std::byte>(static_cast<int>(v) & 255);
      }
  return image;
}

inline std::vector<std::byte> pixels_of(const ImageView& view) {
  std::vector<std::byte> out;
  out.reserve(view.spec.bytes());
  const unsigned planes = view.spec.planar() ? view.spec.channels : 1;
  for (unsigned c = 0; c < planes; ++c)
    for (std::uint32_t y = 0; y < view.spec.height; ++y) {
      const std::byte* row = view.at(0, y, c);
      out.insert(out.end(), row, row + view.spec.row_bytes());
    }
  return out;
}
inline std::vector<std::byte> pixels_of(const Image& image) { return pixels_of(image.view()); }

inline std::vector<std::byte> bytes_of(const CodeStream& stream) {
  const auto bytes = stream.bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace restride::test
