// SPDX-License-Identifier: Apache-2.0
// BMP and PNM files written byte by byte: what their encoders here do not write.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "unit/support/pictures.h"

namespace restride {
namespace {

using Data = std::vector<std::byte>;

Data text(std::string_view t) {
  const ByteSpan bytes = as_bytes(t.data(), t.size());
  return {bytes.begin(), bytes.end()};
}
void put(Data& to, std::initializer_list<int> bytes) {
  for (int b : bytes) to.push_back(static_cast<std::byte>(b));
}
template <class T>
void put(Data& to, T value) {
  to.resize(to.size() + sizeof value);
  store(to.data() + to.size() - sizeof value, value, std::endian::little);
}

Result<Image> decode(const Data& file, std::optional<Rect> region = {}) {
  static Decoder decoder = test::value_of(Decoder::create());
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  CodeStream stream = test::value_of(CodeStream::borrow(file));
  if (region) {
    CodeStreamView view;
    view.region = Region{*region, {}};
    stream = test::value_of(stream.sub(view));
  }
  return decoder.decode(stream, params);
}
std::vector<int> pixels(const Data& file, std::optional<Rect> region = {}) {
  auto image = decode(file, region);
  if (!image) {
    ADD_FAILURE() << image.error().describe();
    return {};
  }
  std::vector<int> values;
  for (std::byte b : test::pixels_of(*image)) values.push_back(static_cast<int>(b));
  return values;
}
Error error_of(const Data& file) {
  auto image = decode(file);
  return image ? Error() : image.error();
}

// File header and BITMAPINFOHEADER, with room for a palette.
Data bmp(std::int32_t width, std::int32_t height, int bits, int compression, const Data& palette, const Data& data) {
  Data file = text("BM");
  put(file, std::uint32_t{0});
  put(file, std::uint32_t{0});
  put(file, static_cast<std::uint32_t>(54 + palette.size()));
  put(file, std::uint32_t{40});
  put(file, static_cast<std::uint32_t>(width));
  put(file, static_cast<std::uint32_t>(height));
  put(file, std::uint16_t{1});
  put(file, static_cast<std::uint16_t>(bits));
  put(file, static_cast<std::uint32_t>(compression));
  for (int i = 0; i < 5; ++i) put(file, std::uint32_t{0});
  file.insert(file.end(), palette.begin(), palette.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}
Data bytes(std::initializer_list<int> list) {
  Data data;
  put(data, list);
  return data;
}
// Entry i has red i and blue 100 + i.
Data ramp(int n) {
  Data palette;
  for (int i = 0; i < n; ++i) put(palette, {100 + i, 0, i, 0});
  return palette;
}
std::vector<int> reds(const std::vector<int>& rgb) {
  std::vector<int> red;
  for (std::size_t i = 0; i < rgb.size(); i += 3) red.push_back(rgb[i]);
  return red;
}

TEST(Bmp, IndicesOfEveryDepthAndBothRowOrders) {
  using V = std::vector<int>;
  EXPECT_EQ(reds(pixels(bmp(3, 2, 1, 0, ramp(2), bytes({0xa0, 0, 0, 0, 0x40, 0, 0, 0})))), (V{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(reds(pixels(bmp(3, -2, 1, 0, ramp(2), bytes({0xa0, 0, 0, 0, 0x40, 0, 0, 0})))), (V{1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(reds(pixels(bmp(3, 1, 2, 0, ramp(4), bytes({0x1b, 0, 0, 0})))), (V{0, 1, 2}));
  EXPECT_EQ(reds(pixels(bmp(3, 1, 4, 0, ramp(16), bytes({0x1f, 0xc0, 0, 0})))), (V{1, 15, 12}));
  EXPECT_EQ(pixels(bmp(1, 1, 8, 0, ramp(256), bytes({7, 0, 0, 0}))), (V{7, 0, 107}));
}

TEST(Bmp, SixteenBitsAreFiveForEachColour) {
  // 0x7fff: white; 0x7c00: red; 0x0010: half blue, 16 of 31
  EXPECT_EQ(pixels(bmp(3, 1, 16, 0, {}, bytes({0xff, 0x7f, 0, 0x7c, 0x10, 0, 0, 0}))),
            (std::vector<int>{255, 255, 255, 255, 0, 0, 0, 0, 132}));
}

TEST(Bmp, RunLengthCodesDeltasAndLiterals) {
  // From the bottom: 3 x 5, end of line; literal 1 2 3 and a pad byte, end of line; delta 1 right, one 9; end.
  const Data data = bytes({3, 5, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 1, 0, 1, 9, 0, 1});
  const Data file = bmp(3, 3, 8, 1, ramp(256), data);
  using V = std::vector<int>;
  EXPECT_EQ(reds(pixels(file)), (V{0, 9, 0, 1, 2, 3, 5, 5, 5}));
  EXPECT_EQ(reds(pixels(file, Rect{1, 1, 2, 2})), (V{2, 3, 5, 5}));
  // Rows at the bottom need no more than what codes them.
  const Data cut = bmp(3, 3, 8, 1, ramp(256), bytes({3, 5, 0, 0}));
  EXPECT_EQ(reds(pixels(cut, Rect{0, 2, 3, 1})), (V{5, 5, 5}));
  EXPECT_EQ(error_of(cut).code, Errc::truncated);
  EXPECT_EQ(error_of(cut).offset, cut.size());
  EXPECT_EQ(reds(pixels(bmp(5, 1, 4, 2, ramp(16), bytes({3, 0x12, 2, 0x34, 0, 1})))), (V{1, 2, 1, 3, 4}));
}

TEST(Bmp, WhatTheFileCannotHoldIsRefusedBeforeMemoryIsTaken) {
  const auto before = memory_stats().host.peak_bytes;
  for (int bits : {1, 8, 24, 32}) {
    const Error error = error_of(bmp(20000, 20000, bits, 0, ramp(bits <= 8 ? 1 << bits : 0), bytes({1, 2, 3, 4})));
    EXPECT_EQ(error.code, Errc::truncated) << error.describe();
    EXPECT_NE(error.offset, Error::kNoOffset);
  }
  EXPECT_LT(memory_stats().host.peak_bytes, before + 1000000);
}

TEST(Bmp, HeadersThatMakeNoSense) {
  EXPECT_EQ(error_of(bmp(0, 1, 8, 0, {}, {})).code, Errc::corrupt);
  EXPECT_EQ(error_of(bmp(-1, 1, 8, 0, {}, {})).code, Errc::corrupt);
  EXPECT_EQ(error_of(bmp(1, 1, 7, 0, {}, {})).code, Errc::unsupported);
  EXPECT_EQ(error_of(bmp(1, 1, 8, 4, {}, {})).code, Errc::unsupported);
  EXPECT_EQ(error_of(bmp(1, -1, 8, 1, ramp(256), {})).code, Errc::corrupt);
  EXPECT_EQ(error_of(text("BM")).code, Errc::truncated);
}

TEST(Pnm, TextAndBits) {
  using V = std::vector<int>;
  EXPECT_EQ(pixels(text("P1 # a comment\n3 2\n101 0 1\n0")), (V{0, 255, 0, 255, 0, 255}));
  EXPECT_EQ(pixels(text("P2\n2 2\n255\n1 2\n# between\n3 255")), (V{1, 2, 3, 255}));
  EXPECT_EQ(pixels(text("P2 3 1 3 0 1 3")), (V{0, 85, 255}));
  EXPECT_EQ(pixels(text("P3\n1 1\n255\n9 8 7\n")), (V{9, 8, 7}));
  EXPECT_EQ(pixels(text(std::string("P4\n10 1\n") + "\x80" + "\x40")),
            (V{0, 255, 255, 255, 255, 255, 255, 255, 255, 0}));
  EXPECT_EQ(pixels(text("P5 2 2 255\nabcd"), Rect{1, 0, 1, 2}), (V{'b', 'd'}));
  EXPECT_EQ(pixels(text("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcd")),
            (V{'a', 'b', 'c', 'd'}));
}

TEST(Pnm, DamageIsNamedWithItsPlace) {
  const Error sample = error_of(text("P2 2 1 9\n1 x "));
  EXPECT_EQ(sample.code, Errc::corrupt);
  EXPECT_EQ(sample.offset, 11U);
  EXPECT_EQ(error_of(text("P2 2 1 9\n1 10")).code, Errc::corrupt);
  EXPECT_EQ(error_of(text("P2 2 2 9\n1 2 3")).code, Errc::truncated);
  EXPECT_EQ(error_of(text("P5 0 2 255\n")).code, Errc::corrupt);
  EXPECT_EQ(error_of(text("P5 2 2 65536\n")).code, Errc::corrupt);
  EXPECT_EQ(error_of(text("P7\nWIDTH 1\nENDHDR\n")).code, Errc::corrupt);
  EXPECT_EQ(error_of(text("Pf 1 1 0\nabcd")).code, Errc::corrupt);
}

TEST(Pnm, WhatTheFileCannotHoldIsRefusedBeforeMemoryIsTaken) {
  const auto before = memory_stats().host.peak_bytes;
  for (const char* header : {"P1 20000 20000 1", "P2 20000 20000 255 1", "P3 20000 20000 255 1", "P4 20000 20000\n1",
                             "P6 20000 20000 255\n1", "PF 20000 20000 -1\n1"}) {
    const Error error = error_of(text(header));
    EXPECT_EQ(error.code, Errc::truncated) << header << ": " << error.describe();
    EXPECT_NE(error.offset, Error::kNoOffset);
  }
  EXPECT_LT(memory_stats().host.peak_bytes, before + 1000000);
}

}  // namespace
}  // namespace restride
