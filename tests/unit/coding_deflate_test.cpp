// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "coding/deflate.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using Bytes = std::vector<std::byte>;

Bytes picture(std::size_t size) {
  Bytes bytes(size);
  std::mt19937& random = test::random_bits();
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 97 * (i / 1000) + random() % 4);
  return bytes;
}

Bytes compressed(const Bytes& plain) {
  deflate::Deflater deflater;
  Bytes out(deflate::Deflater::bound(plain.size()));
  out.resize(deflater.zlib(plain, out));
  return out;
}

TEST(Deflate, WhatIsCompressedIsDecompressed) {
  deflate::Inflater inflater;
  for (const std::size_t size : {1, 100, 70000, 1000000}) {
    const Bytes plain = picture(size), coded = compressed(plain);
    for (const bool only_start : {false, true}) {
      Bytes out(size);
      const deflate::Inflated result = inflater.zlib(coded, out, only_start);
      EXPECT_EQ(result.written, size);
      EXPECT_TRUE(result.end == deflate::End::finished || result.end == deflate::End::filled);
      EXPECT_EQ(out, plain);
    }
  }
}

TEST(Deflate, TheStartOfALongerStream) {
  deflate::Inflater inflater;
  const Bytes plain = picture(300000), coded = compressed(plain);
  for (const std::size_t size : {0, 1, 1000, 40000, 299999})
    for (const bool only_start : {false, true}) {
      Bytes out(size + 1, std::byte{0x5a});
      const deflate::Inflated result = inflater.zlib(coded, {out.data(), size}, only_start);
      EXPECT_EQ(result.end, deflate::End::filled);
      EXPECT_EQ(result.written, size);
      EXPECT_TRUE(std::equal(out.begin(), out.end() - 1, plain.begin()));
      EXPECT_EQ(out.back(), std::byte{0x5a});
    }
}

TEST(Deflate, TellsShortDataFromWrongData) {
  deflate::Inflater inflater;
  const Bytes plain = picture(50000), coded = compressed(plain);
  Bytes out(plain.size());
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{100}, coded.size() / 2})
    EXPECT_EQ(inflater.zlib({coded.data(), cut}, out).end, deflate::End::exhausted) << cut;
  Bytes wrong = coded;
  wrong.back() ^= std::byte{1};  // the checksum
  EXPECT_EQ(inflater.zlib(wrong, out).end, deflate::End::corrupt);
  wrong = coded;
  wrong[0] = std::byte{0x79};  // the method
  EXPECT_EQ(inflater.zlib(wrong, out).end, deflate::End::corrupt);
  // A stream that ends before the output is full is no error here: `written` tells.
  Bytes longer(plain.size() + 10);
  const deflate::Inflated result = inflater.zlib(coded, longer);
  EXPECT_EQ(result.end, deflate::End::finished);
  EXPECT_EQ(result.written, plain.size());
}

}  // namespace
}  // namespace restride
