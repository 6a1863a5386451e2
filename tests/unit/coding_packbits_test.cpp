// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "coding/packbits.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int v : values) bytes.push_back(static_cast<std::byte>(v));
  return bytes;
}

TEST(PackBits, ExampleOfTheMacintoshTechnicalNote) {
  const Bytes coded =
      bytes_of({0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa});
  const Bytes plain = bytes_of({0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00,
                                0x2a, 0x22, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa});
  Bytes out(plain.size());
  EXPECT_EQ(packbits::decode(coded, out), plain.size());
  EXPECT_EQ(out, plain);
  for (std::size_t size = 0; size < plain.size(); ++size) {
    Bytes start(size + 1, std::byte{1});
    EXPECT_EQ(packbits::decode(coded, {start.data(), size}), size);
    EXPECT_TRUE(std::equal(start.begin(), start.end() - 1, plain.begin()));
    EXPECT_EQ(start.back(), std::byte{1});
  }
}

TEST(PackBits, SaysHowFarTheInputWent) {
  Bytes out(10);
  EXPECT_EQ(packbits::decode(bytes_of({0x05, 1, 2, 3}), out), 3U);        // six literals promised
  EXPECT_EQ(packbits::decode(bytes_of({0xfb}), out), 0U);                 // a run without its byte
  EXPECT_EQ(packbits::decode(bytes_of({0x80, 0x80, 0x00, 7}), out), 1U);  // "no operation" twice
  EXPECT_EQ(packbits::decode({}, out), 0U);
}

TEST(PackBits, AnyBytesAreSafe) {
  std::mt19937& random = test::random_bits();
  for (int round = 0; round < 2000; ++round) {
    Bytes in(random() % 60), out(random() % 600);
    for (std::byte& b : in) b = static_cast<std::byte>(random());
    EXPECT_LE(packbits::decode(in, out), out.size());
  }
}

}  // namespace
}  // namespace restride
