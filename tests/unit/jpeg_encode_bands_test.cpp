// SPDX-License-Identifier: Apache-2.0
// A large JPEG encoded in bands by several threads is, byte for byte, the one that libjpeg writes alone.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "formats/jpeg/entropy_encode.h"
#include "restride/code_stream.h"
#include "restride/encoder.h"
#include "unit/support/jpeg_files.h"

namespace restride {
namespace {

Image picture(std::uint32_t width, std::uint32_t height, SampleFormat format, double noise) {
  test::JpegRecipe recipe;
  recipe.width = width;
  recipe.height = height;
  recipe.noise = noise;
  const unsigned channels = format == SampleFormat::i_y ? 1 : format == SampleFormat::i_cmyk ? 4 : 3;
  recipe.input = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
  const ColorSpec color = channels == 1 ? ColorSpec::gray : channels == 4 ? ColorSpec::cmyk : ColorSpec::srgb;
  const std::vector<std::uint8_t> pixels = test::jpeg_pixels(recipe);
  Image image;
  EXPECT_TRUE(image.ensure({width, height, channels, SampleType::u8, format, color, 8}, {}));
  const std::size_t row = std::size_t{width} * channels;
  for (std::uint32_t y = 0; y < height; ++y) std::memcpy(image.view().at(0, y), pixels.data() + y * row, row);
  return image;
}

std::vector<std::byte> encode(const Image& image, const EncodeParams& params, unsigned threads) {
  CodecOptions options;
  options.max_threads = threads;
  Encoder encoder = *Encoder::create(options);
  CodeStream stream = *encoder.encode(image, "jpeg", params);
  const Status again = encoder.encode(image, "jpeg", stream, params);  // with what the first call left behind
  EXPECT_TRUE(again);
  return {stream.bytes().begin(), stream.bytes().end()};
}

void expect_equal(const Image& image, const EncodeParams& params) {
  const std::vector<std::byte> alone = encode(image, params, 1);
  for (const unsigned threads : {2U, 7U}) ASSERT_EQ(encode(image, params, threads), alone) << threads << " threads";
}

TEST(JpegEncodeBands, SubsamplingsAndSizes) {
  using enum ChromaSubsampling;
  for (const auto subsampling : {css_444, css_422, css_420, css_440, css_411, css_410, css_410v})
    for (const auto& [width, height] : {std::pair{1001U, 1203U}, {720U, 1536U}, {3000U, 785U}}) {
      const Image image = picture(width, height, SampleFormat::i_rgb, 0.3);
      EncodeParams params;
      params.subsampling = subsampling;
      SCOPED_TRACE(testing::Message() << "subsampling " << static_cast<int>(subsampling) << " " << width << "x"
                                      << height);
      ASSERT_NO_FATAL_FAILURE(expect_equal(image, params));
    }
}

TEST(JpegEncodeBands, QualitiesAndColours) {
  for (const SampleFormat format : {SampleFormat::i_y, SampleFormat::i_rgb, SampleFormat::i_bgr, SampleFormat::i_cmyk})
    for (const double noise : {0.0, 1.0})
      for (const double quality : {1.0, 50.0, 100.0}) {
        const Image image = picture(901, 1100, format, noise);
        EncodeParams params;
        params.quality_type = QualityType::quality;
        params.quality_value = quality;
        SCOPED_TRACE(testing::Message() << "format " << static_cast<int>(format) << " noise " << noise << " quality "
                                        << quality);
        ASSERT_NO_FATAL_FAILURE(expect_equal(image, params));
      }
}

TEST(JpegEncodeBands, OtherProcessesAreLeftToLibjpeg) {
  const Image image = picture(1001, 1203, SampleFormat::i_rgb, 0.3);
  for (const bool progressive : {false, true}) {
    EncodeParams params;
    params.jpeg.progressive = progressive;
    params.jpeg.optimized_huffman = !progressive;
    ASSERT_NO_FATAL_FAILURE(expect_equal(image, params));
  }
}

// Stuffing, at every alignment, against doing it a bit at a time.
TEST(JpegEncodeBands, StuffedBytes) {
  std::vector<std::byte> string(200);
  std::uint32_t state = 1;
  for (std::byte& b : string) {
    state = state * 1664525U + 1013904223U;
    b = state >> 30 == 0 ? std::byte{0xff} : static_cast<std::byte>(state >> 20);
  }
  const auto bit = [&](std::size_t i) { return static_cast<unsigned>(string[i / 8]) >> (7 - i % 8) & 1; };
  for (unsigned first = 0; first < 8; ++first)
    for (std::size_t bits = 8; bits < 1400; bits += 13) {
      std::vector<std::byte> expected;
      for (std::size_t at = first; at < bits; at += 8) {
        unsigned value = 0;
        for (std::size_t i = 0; i < 8; ++i) value = value << 1 | bit(at + i);
        expected.push_back(static_cast<std::byte>(value));
        if (value == 0xff) expected.push_back(std::byte{0});
      }
      const jpeg::StuffedSize size = jpeg::stuffed_size(string.data(), bits, first);
      std::vector<std::byte> written(expected.size() + 1, std::byte{0x55});
      ASSERT_EQ(size.bytes + size.stuffed, expected.size()) << first << " " << bits;
      const std::byte* end = jpeg::write_stuffed(string.data(), bits, first, written.data());
      ASSERT_EQ(end - written.data(), static_cast<std::ptrdiff_t>(expected.size()));
      ASSERT_EQ(written.back(), std::byte{0x55});
      written.pop_back();
      ASSERT_EQ(written, expected) << first << " " << bits;
    }
}

}  // namespace
}  // namespace restride
