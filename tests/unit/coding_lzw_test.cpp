// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "coding/lzw.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int v : values) bytes.push_back(static_cast<std::byte>(v));
  return bytes;
}

Bytes encoded(const Bytes& in) {
  Bytes out(lzw::encode_bound(in.size()));
  const auto table = std::make_unique<lzw::EncoderTable>();
  out.resize(lzw::encode(in, out, *table));
  return out;
}

// Data of very different compressibility; strings of one byte, short ones, and ones longer than the dictionary takes.
std::vector<Bytes> samples() {
  std::mt19937& random = test::random_bits();
  std::vector<Bytes> all{{}, Bytes(1, std::byte{9}), Bytes(200000, std::byte{0})};
  for (const std::size_t size : {2, 255, 256, 1000, 4000, 70000, 300000}) {
    Bytes noise(size), ramp(size), few(size), text(size);
    for (std::size_t i = 0; i < size; ++i) {
      noise[i] = static_cast<std::byte>(random());
      ramp[i] = static_cast<std::byte>(i / 3);
      few[i] = static_cast<std::byte>(random() % 3 ? 0 : random() % 4);
      text[i] = static_cast<std::byte>("the strip and the tile and the strip"[i % 36]);
    }
    all.insert(all.end(), {noise, ramp, few, text});
  }
  return all;
}

// Section 13's other half, literally: a dictionary of strings, codes of either bit order, for judging the fast decoder.
// `clear`: after how many codes the dictionary is started anew; without it is left full, which readers must bear.
class PlainEncoder {
 public:
  PlainEncoder(bool least_first, unsigned early, unsigned clear)
      : least_first_(least_first), early_(early), clear_(clear) {}

  Bytes encode(const Bytes& in) {
    start();
    std::string prefix;
    for (const std::byte byte : in) {
      const std::string longer = prefix + static_cast<char>(byte);
      if (codes_.count(longer)) {
        prefix = longer;
        continue;
      }
      emit(codes_.at(prefix));
      if (codes_.size() + 2 < 4096) codes_.emplace(longer, static_cast<unsigned>(codes_.size() + 2));
      ++sent_;
      adapt();
      if (sent_ == clear_) start();
      prefix = std::string(1, static_cast<char>(byte));
    }
    if (!prefix.empty()) {
      emit(codes_.at(prefix));
      ++sent_;
      adapt();
    }
    emit(257);
    while (held_ % 8 != 0) put(0);
    return out_;
  }

 private:
  void start() {
    emit(256);
    codes_.clear();
    for (int i = 0; i < 256; ++i) codes_.emplace(std::string(1, static_cast<char>(i)), static_cast<unsigned>(i));
    sent_ = 0;
    width_ = 9;
  }
  // The decoder's dictionary lags one behind: it has 257 + sent_ entries now.
  void adapt() {
    const unsigned next = 257 + sent_;
    width_ = 9;
    while (width_ < 12 && next + early_ >= 1U << width_) ++width_;
  }
  void put(unsigned bit) {
    if (held_ % 8 == 0) out_.push_back(std::byte{0});
    out_.back() |= static_cast<std::byte>(bit << (least_first_ ? held_ % 8 : 7 - held_ % 8));
    ++held_;
  }
  void emit(unsigned code) {
    for (unsigned i = 0; i < width_; ++i) put(code >> (least_first_ ? i : width_ - 1 - i) & 1U);
  }

  bool least_first_;
  unsigned early_, clear_;
  std::map<std::string, unsigned> codes_;
  unsigned sent_ = 0, width_ = 9;
  std::size_t held_ = 0;
  Bytes out_;
};

void expect_decodes(const Bytes& coded, const Bytes& wanted) {
  Bytes out(wanted.size() + 64, std::byte{0xa5});
  const lzw::Decoded result = lzw::decode(coded, {out.data(), wanted.size()});
  ASSERT_EQ(result.written, wanted.size());
  ASSERT_EQ(result.end, lzw::End::filled);
  ASSERT_TRUE(std::equal(wanted.begin(), wanted.end(), out.begin()));
  for (std::size_t i = wanted.size(); i < out.size(); ++i) ASSERT_EQ(out[i], std::byte{0xa5}) << "written past the end";
}

TEST(Lzw, ExampleOfTheSpecification) {
  // TIFF 6.0, section 13: "7, 7, 7, 8, 8, 7, 7, 6, 6" is Clear, 7, 258, 8, 8, 258, 6, 6, EndOfInformation.
  const Bytes plain = bytes_of({7, 7, 7, 8, 8, 7, 7, 6, 6});
  const Bytes coded = bytes_of({0x80, 0x01, 0xe0, 0x40, 0x80, 0x44, 0x08, 0x0c, 0x06, 0x80, 0x80});
  EXPECT_EQ(encoded(plain), coded);
  expect_decodes(coded, plain);
  expect_decodes(encoded(plain), plain);
}

TEST(Lzw, WhatIsEncodedIsDecoded) {
  for (const Bytes& plain : samples()) {
    const Bytes coded = encoded(plain);
    EXPECT_LE(coded.size(), lzw::encode_bound(plain.size()));
    expect_decodes(coded, plain);
  }
}

TEST(Lzw, DecodesWhatAPlainEncoderWrites) {
  for (const Bytes& plain : samples()) {
    if (plain.size() < 2) continue;
    for (const unsigned clear : {3U, 600U, 3838U, 0U}) {
      expect_decodes(PlainEncoder(false, 1, clear).encode(plain), plain);
      expect_decodes(PlainEncoder(true, 0, clear).encode(plain), plain);  // the first writers' way
    }
  }
}

TEST(Lzw, StopsWhereTheOutputEnds) {
  const Bytes plain = samples().back();
  const Bytes coded = encoded(plain);
  for (std::size_t size = 0; size < 3000; size += 7)
    expect_decodes(coded, Bytes(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size)));
}

TEST(Lzw, SaysHowItEnded) {
  Bytes plain(1000);
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::byte>(i * i);
  const Bytes coded = encoded(plain);
  Bytes out(plain.size() + 1);
  EXPECT_EQ(lzw::decode(coded, out).end, lzw::End::finished);
  EXPECT_EQ(lzw::decode(coded, out).written, plain.size());
  for (std::size_t cut = 0; cut + 2 < coded.size(); ++cut) {
    const lzw::Decoded result = lzw::decode({coded.data(), cut}, out);
    ASSERT_EQ(result.end, lzw::End::exhausted);
    ASSERT_LT(result.written, plain.size());
    ASSERT_TRUE(std::equal(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(result.written), out.begin()));
  }
  // Clear, 7, then 300, which nothing has defined: 100000000 000000111 100101100.
  EXPECT_EQ(lzw::decode(bytes_of({0x80, 0x01, 0xe5, 0x80}), out).end, lzw::End::corrupt);
  // Clear, then a string where only a byte can be: 100000000 100000010.
  EXPECT_EQ(lzw::decode(bytes_of({0x80, 0x40, 0x80}), out).end, lzw::End::corrupt);
}

TEST(Lzw, AnyBytesAreSafe) {
  std::mt19937& random = test::random_bits();
  for (int round = 0; round < 3000; ++round) {
    Bytes in(random() % 200), out(random() % 5000);
    for (std::byte& b : in) b = static_cast<std::byte>(random());
    if (in.size() > 2 && round % 2) in[0] = std::byte{0x80}, in[1] &= std::byte{0x3f};
    if (in.size() > 2 && round % 5 == 0) in[0] = std::byte{0}, in[1] = std::byte{1};
    EXPECT_LE(lzw::decode(in, out).written, out.size());
  }
}

}  // namespace
}  // namespace restride
