// SPDX-License-Identifier: Apache-2.0
// PNG encoding: every layout and level comes back, sizes, reuse, refusals.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "image/convert/pixels.h"
#include "unit/support/count_news.h"
#include "unit/support/png_files.h"

namespace restride {
namespace {

using namespace test;

Encoder make_encoder() {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = 1;
  return *Encoder::create(options);
}

EncodeParams level(double value) {
  EncodeParams params;
  params.quality_type = QualityType::lossless;
  params.quality_value = value;
  return params;
}

ImageSpec spec_of(std::uint32_t width, std::uint32_t height, unsigned channels, SampleType type) {
  constexpr SampleFormat kFormats[] = {SampleFormat::i_y, SampleFormat::i_ya, SampleFormat::i_rgb,
                                       SampleFormat::i_rgba};
  return {width, height, channels, type, kFormats[channels - 1], channels < 3 ? ColorSpec::gray : ColorSpec::srgb, 0};
}

// Smooth with some noise, as photographs are.
Data photo(const ImageSpec& spec) {
  Data data(static_cast<std::size_t>(spec.bytes()));
  const ImageView view = dense_view(data.data(), spec);
  for (std::uint32_t y = 0; y < spec.height; ++y)
    for (std::uint32_t x = 0; x < spec.width; ++x)
      for (unsigned c = 0; c < spec.channels; ++c) {
        const unsigned value = (x * (c + 1) / 3 + y * 2 + random_below(6)) & 255;
        const unsigned wide = value << 8 | random_below(256);
        std::memcpy(view.at(x, y, c), size_of(spec.type) == 1 ? &value : &wide, size_of(spec.type));
      }
  return data;
}

TEST(PngEncode, ComesBackForEveryLayoutAndLevel) {
  Encoder encoder = make_encoder();
  for (SampleType type : {SampleType::u8, SampleType::u16})
    for (unsigned channels : {1U, 2U, 3U, 4U})
      for (auto [width, height] : {std::pair{1U, 1U}, {7U, 5U}, {203U, 151U}, {50001U, 3U}}) {
        const ImageSpec spec = spec_of(width, height, channels, type);
        Data data = photo(spec);
        auto image = Image::wrap(dense_view(data.data(), spec));
        ASSERT_TRUE(image);
        for (int l = -1; l <= (width > 203 ? 2 : 9); ++l) {
          auto encoded = encoder.encode(*image, "png", l < 0 ? EncodeParams{} : level(l));
          ASSERT_TRUE(encoded) << encoded.error().describe();
          const Data file(encoded->bytes().begin(), encoded->bytes().end());
          const CodeStream parsed = stream_of(file);
          EXPECT_EQ((*parsed.info())->spec.channels, channels);
          EXPECT_EQ((*parsed.info())->spec.precision, 8 * size_of(type));
          auto back = decode(file);
          ASSERT_TRUE(back) << back.error().describe();
          ASSERT_EQ(back->size(), data.size());
          ASSERT_EQ(std::memcmp(back->view().data, data.data(), data.size()), 0) << "level " << l << ", " << channels;
        }
      }
}

TEST(PngEncode, HigherLevelsAreSmaller) {
  const ImageSpec spec = spec_of(320, 200, 3, SampleType::u8);
  Data data = photo(spec);
  auto image = Image::wrap(dense_view(data.data(), spec));
  Encoder encoder = make_encoder();
  const auto size = [&](const EncodeParams& params) { return encoder.encode(*image, "png", params)->size(); };
  EXPECT_GT(size(level(0)), spec.bytes());
  EXPECT_GT(size(level(0)), size(level(1)));
  EXPECT_GT(size(level(1)), size(level(9)));
  EXPECT_LT(size({}), spec.bytes() * 3 / 4);
}

TEST(PngEncode, FlatPicturesAreNotFiltered) {
  const ImageSpec spec = spec_of(640, 400, 3, SampleType::u8);
  Data data(static_cast<std::size_t>(spec.bytes()), std::byte{0xff});
  for (int i = 0; i < 900; ++i) data[random_below(static_cast<unsigned>(data.size()))] = std::byte{7};
  auto image = Image::wrap(dense_view(data.data(), spec));
  Encoder encoder = make_encoder();
  for (const EncodeParams& params : {EncodeParams{}, level(3)}) {
    auto encoded = encoder.encode(*image, "png", params);
    ASSERT_TRUE(encoded);
    EXPECT_LT(encoded->size(), 16000U);
    auto back = decode(Data(encoded->bytes().begin(), encoded->bytes().end()));
    ASSERT_TRUE(back);
    EXPECT_EQ(std::memcmp(back->view().data, data.data(), data.size()), 0);
  }
}

TEST(PngEncode, OtherLayoutsAreConverted) {
  Encoder encoder = make_encoder();
  ImageSpec spec = spec_of(61, 43, 3, SampleType::u8);
  Data data = photo(spec);
  const ImageView rgb = dense_view(data.data(), spec);
  auto reference = encoder.encode(*Image::wrap(rgb), "png");
  ASSERT_TRUE(reference);
  for (SampleFormat format : {SampleFormat::p_rgb, SampleFormat::i_bgr, SampleFormat::p_bgr}) {
    ImageSpec other = spec;
    other.format = format;
    Data space(data.size());
    const ImageView view = dense_view(space.data(), other);
    convert_pixels(rgb, view);
    auto encoded = encoder.encode(*Image::wrap(view), "png");
    ASSERT_TRUE(encoded) << encoded.error().describe();
    EXPECT_TRUE(std::equal(encoded->bytes().begin(), encoded->bytes().end(), reference->bytes().begin(),
                           reference->bytes().end()))
        << "format " << int(format);
  }
  // Padded rows.
  const std::size_t row = static_cast<std::size_t>(spec.row_bytes());
  Data padded((row + 9) * spec.height);
  ImageView view = rgb;
  view.data = padded.data();
  view.row_stride = static_cast<std::ptrdiff_t>(row + 9);
  convert_pixels(rgb, view);
  auto encoded = encoder.encode(*Image::wrap(view), "png");
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(std::equal(encoded->bytes().begin(), encoded->bytes().end(), reference->bytes().begin(),
                         reference->bytes().end()));
  // Gray.
  EncodeParams params;
  params.color = ColorSpec::gray;
  encoded = encoder.encode(*Image::wrap(rgb), "png", params);
  ASSERT_TRUE(encoded);
  EXPECT_EQ((*encoded->info())->spec.channels, 1U);
  EXPECT_EQ((*encoded->info())->spec.color, ColorSpec::gray);
  auto gray = decode(Data(encoded->bytes().begin(), encoded->bytes().end()));
  ASSERT_TRUE(gray);
  ImageSpec gray_spec = spec_of(61, 43, 1, SampleType::u8);
  Data expected(static_cast<std::size_t>(gray_spec.bytes()));
  convert_pixels(rgb, dense_view(expected.data(), gray_spec));
  EXPECT_EQ(std::memcmp(gray->view().data, expected.data(), expected.size()), 0);
}

TEST(PngEncode, ReusedStreamsKeepTheirBufferAndBytes) {
  const ImageSpec spec = spec_of(900, 700, 3, SampleType::u8);
  Data data = photo(spec);
  auto image = Image::wrap(dense_view(data.data(), spec));
  Encoder encoder = make_encoder();
  for (const EncodeParams& params : {EncodeParams{}, level(0), level(1)}) {
    auto first = encoder.encode(*image, "png", params);
    ASSERT_TRUE(first);
    for (std::size_t capacity : {std::size_t{0}, std::size_t{1000}, first->bytes().size(), std::size_t{1} << 22}) {
      auto stream = CodeStream::create(capacity);
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(encoder.encode(*image, "png", *stream, params));
        EXPECT_EQ(stream->capacity(), std::max(capacity, first->bytes().size()));
        ASSERT_TRUE(
            std::equal(stream->bytes().begin(), stream->bytes().end(), first->bytes().begin(), first->bytes().end()));
      }
      const std::uint64_t before = news;
      ASSERT_TRUE(encoder.encode(*image, "png", *stream, params));
      EXPECT_EQ(news - before, 0U);
    }
  }
}

TEST(PngEncode, WhatCannotBeWrittenIsRefused) {
  Encoder encoder = make_encoder();
  ImageSpec spec = spec_of(8, 8, 3, SampleType::u8);
  Data data(8 * 8 * 8 * 5);
  const auto code = [&](const EncodeParams& params) {
    auto encoded = encoder.encode(*Image::wrap(dense_view(data.data(), spec)), "png", params);
    return encoded ? Errc::internal : encoded.error().code;
  };
  EXPECT_EQ(code(level(10)), Errc::invalid_argument);
  EXPECT_EQ(code(level(-1)), Errc::invalid_argument);
  EncodeParams params;
  params.quality_type = QualityType::quality;
  params.quality_value = 90;
  EXPECT_EQ(code(params), Errc::unsupported);
  params = {};
  params.tile_width = params.tile_height = 16;
  EXPECT_EQ(code(params), Errc::unsupported);
  params = {};
  params.color = ColorSpec::sycc;
  EXPECT_EQ(code(params), Errc::unsupported);
  spec.type = SampleType::f32;
  EXPECT_EQ(code({}), Errc::unsupported);
  spec.type = SampleType::u8;
  spec.channels = 5;
  spec.format = SampleFormat::i_unchanged;
  EXPECT_EQ(code({}), Errc::unsupported);
}

}  // namespace
}  // namespace restride
