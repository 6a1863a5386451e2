// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <vector>

#include "coding/predictor.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using Bytes = std::vector<std::byte>;

Bytes noise(std::size_t size) {
  std::mt19937& random = test::random_bits();
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

// The definition: a sample is the sum of what is stored for it and for all samples of its channel before it.
template <class T>
Bytes summed(const Bytes& stored, std::size_t channels) {
  std::vector<T> v(stored.size() / sizeof(T));
  if (stored.empty()) return {};
  std::memcpy(v.data(), stored.data(), stored.size());
  for (std::size_t i = channels; i < v.size(); ++i) v[i] = static_cast<T>(v[i] + v[i - channels]);
  Bytes out(stored.size());
  std::memcpy(out.data(), v.data(), out.size());
  return out;
}

TEST(Predictor, HorizontalIsARunningSumModuloTheSampleSize) {
  for (const std::size_t channels : {1, 2, 3, 4, 5, 7})
    for (const std::size_t sample : {1, 2, 4, 8})
      for (const std::size_t pixels : {0, 1, 2, 17, 100}) {
        const std::size_t samples = pixels * channels;
        const Bytes stored = noise(samples * sample);
        Bytes row = stored;
        predictor::undo_horizontal(row.data(), samples, channels, sample);
        const Bytes wanted = sample == 1   ? summed<std::uint8_t>(stored, channels)
                             : sample == 2 ? summed<std::uint16_t>(stored, channels)
                             : sample == 4 ? summed<std::uint32_t>(stored, channels)
                                           : summed<std::uint64_t>(stored, channels);
        ASSERT_EQ(row, wanted) << channels << " channels of " << sample << " bytes";
        predictor::apply_horizontal(row.data(), samples, channels, sample);
        ASSERT_EQ(row, stored);
      }
}

TEST(Predictor, FloatingPointSortsBytesBySignificance) {
  // Two floats, 1.0 = 3f800000 and 2.0 = 40000000: bytes 3f 40 | 80 00 | 00 00 | 00 00, then differences.
  const float values[] = {1, 2};
  Bytes row(8), space(8);
  std::memcpy(row.data(), values, 8);
  predictor::apply_floating_point(row.data(), 2, 1, 4, space.data());
  const unsigned wanted[] = {0x3f, 0x01, 0x40, 0x80, 0x00, 0x00, 0x00, 0x00};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(static_cast<unsigned>(row[i]), wanted[i]) << i;
  predictor::undo_floating_point(row.data(), 2, 1, 4, space.data());
  EXPECT_EQ(std::memcmp(row.data(), values, 8), 0);
}

TEST(Predictor, FloatingPointIsUndone) {
  for (const std::size_t channels : {1, 2, 3, 5})
    for (const std::size_t sample : {2, 3, 4, 8}) {
      const std::size_t samples = 23 * channels;
      const Bytes plain = noise(samples * sample);
      Bytes row = plain, space(row.size());
      predictor::apply_floating_point(row.data(), samples, channels, sample, space.data());
      EXPECT_NE(row, plain);
      predictor::undo_floating_point(row.data(), samples, channels, sample, space.data());
      EXPECT_EQ(row, plain);
    }
}

}  // namespace
}  // namespace restride
