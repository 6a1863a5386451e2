// SPDX-License-Identifier: Apache-2.0
// What the examples share: a picture to work on, and leaving on an error.
#pragma once

#include <restride/restride.h>

#include <cstdio>
#include <cstdlib>

inline void check(const restride::Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.error().describe().c_str());
  std::exit(1);
}

template <class T>
T value_of(restride::Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().describe().c_str());
  std::exit(1);
}

// A colour gradient of the size asked for.
inline restride::Image gradient(std::uint32_t width, std::uint32_t height) {
  using namespace restride;
  Image image;
  check(image.ensure({width, height, 3, SampleType::u8, SampleFormat::i_rgb, ColorSpec::srgb, 8}));
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x)
      for (std::uint32_t c = 0; c < 3; ++c)
        *image.view().at(x, y, c) = static_cast<std::byte>((c == 0   ? x * 255 / width
                                                            : c == 1 ? y * 255 / height
                                                                     : x + y) &
                                                           255);
  return image;
}
