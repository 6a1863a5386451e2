// SPDX-License-Identifier: Apache-2.0
// TIFF and BigTIFF: directories, every layout of samples, regions, and what is refused.
#include <gtest/gtest.h>

#include "support/count_news.h"
#include "support/tiff_files.h"

namespace restride::test {
namespace {

std::int64_t stored(const TiffPicture& p, std::uint32_t x, std::uint32_t y, std::uint32_t c) {
  const std::uint64_t v = p.sample(x, y, c);
  if (p.format == 2 && v >> (p.bits - 1)) return static_cast<std::int64_t>(v) - (std::int64_t{1} << p.bits);
  return static_cast<std::int64_t>(v);
}

void expect_samples(const TiffPicture& p, const Result<Image>& image, const Rect& where) {
  ASSERT_TRUE(image.has_value()) << image.error().describe();
  ASSERT_EQ(image->spec().width, where.width);
  ASSERT_EQ(image->spec().height, where.height);
  ASSERT_EQ(image->spec().channels, p.channels);
  for (std::uint32_t y = 0; y < where.height; ++y)
    for (std::uint32_t x = 0; x < where.width; ++x)
      for (std::uint32_t c = 0; c < p.channels; ++c)
        ASSERT_EQ(at(*image, x, y, c),
                  stored(p, static_cast<std::uint32_t>(where.x) + x, static_cast<std::uint32_t>(where.y) + y, c))
            << x << ' ' << y << ' ' << c;
}

std::string describe(const TiffPicture& p) {
  return std::to_string(p.bits) + " bits, format " + std::to_string(p.format) + ", " + std::to_string(p.channels) +
         " channels, " + tiff::name(p.compression) + ", predictor " + std::to_string(p.predictor) +
         (p.planar ? ", planar" : "") + (p.tile_width ? ", tiles" : ", strips") + (p.reversed ? ", reversed" : "");
}

Rect random_rect(const TiffPicture& p) {
  const auto x = random_below(p.width), y = random_below(p.height);
  return {x, y, 1 + random_below(p.width - x), 1 + random_below(p.height - y)};
}

void check(TiffPicture p) {
  p.randomise();
  SCOPED_TRACE(describe(p));
  const Rect all{0, 0, p.width, p.height};
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    const Data file = file_of(p, order, random_below(2) != 0);
    expect_samples(p, decode_tiff(file), all);
    expect_samples(p, decode_tiff(file, as_stored(), {}, 1), all);
    for (int i = 0; i < 3; ++i) {
      const Rect region = random_rect(p);
      expect_samples(p, decode_tiff(file, as_stored(), region), region);
    }
    // What goes through conversion has regions that are crops, too.
    DecodeParams params;
    params.color = random_below(2) ? ColorSpec::srgb : ColorSpec::gray;
    if (p.channels > 4) continue;
    const auto whole = decode_tiff(file, params);
    ASSERT_TRUE(whole.has_value()) << whole.error().describe();
    const Rect region = random_rect(p);
    const auto part = decode_tiff(file, params, region, 1);
    ASSERT_TRUE(part.has_value()) << part.error().describe();
    for (std::int64_t y = 0; y < region.height; ++y)
      for (std::int64_t x = 0; x < region.width; ++x)
        for (std::uint32_t c = 0; c < whole->spec().channels; ++c)
          ASSERT_EQ(at(*part, x, y, c), at(*whole, region.x + x, region.y + y, c));
  }
}

TiffPicture picture(unsigned bits, unsigned format, std::uint32_t channels) {
  TiffPicture p;
  p.width = 53;
  p.height = 37;
  p.bits = bits;
  p.format = format;
  p.channels = channels;
  p.photometric = channels >= 3 ? Photometric::rgb : Photometric::min_is_black;
  return p;
}

constexpr Compression kOwn[] = {Compression::none, Compression::packbits, Compression::lzw, Compression::deflate,
                                Compression::old_deflate};

TEST(TiffDecode, WholeBytesInEveryLayout) {
  const std::pair<unsigned, unsigned> kinds[] = {{8, 1},  {8, 2},  {16, 1}, {16, 2}, {32, 1},
                                                 {32, 2}, {16, 3}, {32, 3}, {64, 3}};
  for (const auto& [bits, format] : kinds)
    for (const Compression compression : kOwn)
      for (const std::uint32_t channels : {1U, 2U, 3U, 4U, 6U}) {
        TiffPicture p = picture(bits, format, channels);
        p.compression = compression;
        p.planar = channels > 1 && random_below(2) != 0;
        p.predictor = random_below(2) ? 1 : format == 3 ? 3 : 2;
        p.reversed = random_below(8) == 0;
        if (random_below(2)) {
          p.tile_width = p.tile_height = 16U << random_below(3);
        } else {
          p.rows_per_strip = 1 + random_below(40);
        }
        ASSERT_NO_FATAL_FAILURE(check(p));
      }
}

TEST(TiffDecode, PackedBits) {
  for (unsigned bits = 1; bits <= 32; ++bits) {
    if (bits % 8 == 0 && bits != 24) continue;
    for (const unsigned format : {1U, 2U}) {
      TiffPicture p = picture(bits, format, 1 + random_below(4));
      p.photometric = p.channels >= 3 ? Photometric::rgb : Photometric::min_is_black;
      p.compression = kOwn[random_below(5)];
      p.planar = p.channels > 1 && random_below(2) != 0;
      p.predictor = 1 + random_below(2);
      p.reversed = random_below(2) != 0;
      p.rows_per_strip = 1 + random_below(40);
      ASSERT_NO_FATAL_FAILURE(check(p));
    }
  }
}

TEST(TiffDecode, SmallSamplesFillEightBits) {
  for (const unsigned bits : {1U, 2U, 4U, 12U}) {
    TiffPicture p = picture(bits, 1, 1);
    p.randomise();
    const Data file = file_of(p);
    DecodeParams params;
    params.color = ColorSpec::unchanged;
    const auto image = decode_tiff(file, params);
    ASSERT_TRUE(image.has_value());
    const double max = (1 << bits) - 1;
    for (std::uint32_t y = 0; y < p.height; ++y)
      for (std::uint32_t x = 0; x < p.width; ++x)
        ASSERT_EQ(at(*image, x, y, 0), std::lround(static_cast<double>(p.sample(x, y, 0)) * 255 / max)) << bits;
    const auto raw = decode_tiff(file);
    EXPECT_EQ(raw->spec().precision, bits);
  }
}

TEST(TiffDecode, MinIsWhiteIsTurnedOver) {
  for (const unsigned bits : {1U, 3U, 8U, 12U, 16U, 32U}) {
    TiffPicture p = picture(bits, 1, 1);
    p.photometric = Photometric::min_is_white;
    p.randomise();
    const auto image = decode_tiff(file_of(p, std::endian::big));
    ASSERT_TRUE(image.has_value());
    for (std::uint32_t x = 0; x < p.width; ++x)
      ASSERT_EQ(at(*image, x, 5, 0), static_cast<std::int64_t>(((std::uint64_t{1} << bits) - 1) - p.sample(x, 5, 0)));
    DecodeParams params;  // and as RGB of 8 bits
    const auto rgb = decode_tiff(file_of(p), params);
    ASSERT_TRUE(rgb.has_value());
    if (bits == 8) {
      EXPECT_EQ(at(*rgb, 9, 9, 2), 255 - static_cast<std::int64_t>(p.sample(9, 9, 0)));
    }
  }
}

TEST(TiffDecode, PalettesAreLookedUp) {
  for (const unsigned bits : {1U, 2U, 4U, 8U, 16U})
    for (const int style : {0, 1, 2}) {  // 8 bits as they are, 8 bits times 256, 16 bits
      TiffPicture p = picture(bits, 1, 1);
      p.photometric = Photometric::palette;
      p.compression = Compression::lzw;
      p.randomise();
      TiffPage page = page_of(p, std::endian::little);
      std::vector<std::uint64_t> map(std::size_t{3} << bits);
      for (auto& v : map)
        v = style == 0 ? random_below(256) : style == 1 ? random_below(256) * 256 : random_below(65536);
      page.set(Tag::color_map, 3, map);
      TiffFile file;
      file.pages.push_back(page);
      const Data data = file.build();
      const auto deep = decode_tiff(data);
      const auto shallow = decode_tiff(data, DecodeParams{});
      ASSERT_TRUE(deep && shallow);
      ASSERT_EQ(deep->spec().type, SampleType::u16);
      for (std::uint32_t x = 0; x < p.width; ++x)
        for (unsigned c = 0; c < 3; ++c) {
          const std::uint64_t color = map[(c << bits) + p.sample(x, 20, 0)];
          ASSERT_EQ(at(*deep, x, 20, c), static_cast<std::int64_t>(color));
          const double byte = style == 0   ? static_cast<double>(color)
                              : style == 1 ? static_cast<double>(color / 256)
                                           : std::round(static_cast<double>(color) * 255 / 65535);
          ASSERT_EQ(at(*shallow, x, 20, c), static_cast<std::int64_t>(byte));
        }
    }
}

TEST(TiffDecode, InkBecomesLight) {
  for (const bool planar : {false, true}) {
    TiffPicture p = picture(16, 1, 4);
    p.photometric = Photometric::separated;
    p.planar = planar;
    p.randomise();
    const auto image = decode_tiff(file_of(p, std::endian::big));
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(image->spec().format, SampleFormat::i_cmyk);
    EXPECT_EQ(image->spec().color, ColorSpec::cmyk);
    for (unsigned c = 0; c < 4; ++c)
      EXPECT_EQ(at(*image, 7, 8, c), 65535 - static_cast<std::int64_t>(p.sample(7, 8, c)));
  }
}

TEST(TiffDecode, ChannelsAreChosenWithoutConversion) {
  TiffPicture p = picture(8, 1, 4);
  p.randomise();
  const Data file = file_of(p);
  DecodeParams params;
  for (const SampleFormat format : {SampleFormat::i_rgb, SampleFormat::p_rgb, SampleFormat::i_bgr, SampleFormat::p_bgr,
                                    SampleFormat::i_rgba, SampleFormat::p_rgba}) {
    params.format = format;
    const auto image = decode_tiff(file, params);
    ASSERT_TRUE(image.has_value()) << image.error().describe();
    const bool bgr = interleaved(format) == SampleFormat::i_bgr;
    for (unsigned c = 0; c < channels_of(format); ++c)
      for (std::uint32_t x = 0; x < p.width; ++x)
        ASSERT_EQ(at(*image, x, 11, c), static_cast<std::int64_t>(p.sample(x, 11, bgr ? 2 - c : c)));
  }
}

// Section 21: luma of a 2 x 2 unit, then Cb, then Cr.
TEST(TiffDecode, SubsampledYcbcrInDataUnits) {
  TiffPage page;
  page.set(Tag::image_width, 3, {3});
  page.set(Tag::image_length, 3, {3});
  page.set(Tag::bits_per_sample, 3, {8, 8, 8});
  page.set(Tag::photometric, 3, {6});
  page.set(Tag::samples_per_pixel, 3, {3});
  page.set(Tag::rows_per_strip, 3, {3});
  page.set(Tag::ycbcr_subsampling, 3, {2, 2});
  Data strip;
  for (int v : {1, 2, 3, 4, 100, 200, 5, 0, 6, 0, 101, 201, 7, 8, 0, 0, 102, 202, 9, 0, 0, 0, 103, 203})
    strip.push_back(static_cast<std::byte>(v));
  page.segments = {strip};
  TiffFile file;
  file.pages.push_back(page);
  DecodeParams params;
  params.color = ColorSpec::sycc;
  const auto image = decode_tiff(file.build(), params);
  ASSERT_TRUE(image.has_value()) << image.error().describe();
  const int luma[3][3] = {{1, 2, 5}, {3, 4, 6}, {7, 8, 9}}, unit[3][3] = {{0, 0, 1}, {0, 0, 1}, {2, 2, 3}};
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 3; ++x) {
      EXPECT_EQ(at(*image, x, y, 0), luma[y][x]);
      EXPECT_EQ(at(*image, x, y, 1), 100 + unit[y][x]);
      EXPECT_EQ(at(*image, x, y, 2), 200 + unit[y][x]);
    }
  // With levels of its own (16 to 235, 240) black is 16 and white 235.
  const std::uint64_t one = 1;
  const auto fraction = [&](std::uint64_t v) { return v << 32 | one; };
  file.pages[0].set(Tag::reference_black_white, 5,
                    {fraction(16), fraction(235), fraction(128), fraction(240), fraction(128), fraction(240)});
  for (std::byte& b : file.pages[0].segments[0]) b = std::byte{128};
  for (std::size_t i = 0; i < 4; ++i) file.pages[0].segments[0][i] = std::byte{235};
  file.pages[0].segments[0][6] = std::byte{16};
  const auto rgb = decode_tiff(file.build(), DecodeParams{});
  ASSERT_TRUE(rgb.has_value()) << rgb.error().describe();
  for (unsigned c = 0; c < 3; ++c) {
    EXPECT_EQ(at(*rgb, 0, 0, c), 255);
    EXPECT_EQ(at(*rgb, 2, 0, c), 0);
  }
}

TEST(TiffDecode, AbsentTilesAreFilled) {
  TiffPicture p = picture(16, 1, 1);
  p.tile_width = p.tile_height = 16;
  p.randomise();
  TiffFile file;
  file.pages.push_back(page_of(p, std::endian::big));
  file.order = std::endian::big;
  file.pages[0].segments[1].clear();
  const auto zeros = decode_tiff(file.build());
  ASSERT_TRUE(zeros.has_value());
  EXPECT_EQ(at(*zeros, 20, 3, 0), 0);
  EXPECT_EQ(at(*zeros, 3, 3, 0), static_cast<std::int64_t>(p.sample(3, 3, 0)));
  file.pages[0].set(Tag::gdal_nodata, 2, {'-', '9', 0});
  EXPECT_EQ(at(*decode_tiff(file.build()), 20, 3, 0), 0);  // clamped to what the samples hold
  file.pages[0].set(Tag::gdal_nodata, 2, {' ', '7', '7', 0});
  EXPECT_EQ(at(*decode_tiff(file.build()), 20, 3, 0), 77);
}

TEST(TiffDecode, OrientationIsReportedAndApplied) {
  TiffPicture p = picture(8, 1, 1);
  p.randomise();
  TiffFile file;
  file.pages.push_back(page_of(p, std::endian::little));
  file.pages[0].set(Tag::orientation, 3, {6});
  const Data data = file.build();
  const auto stream = CodeStream::borrow(data);
  EXPECT_EQ((*stream->info())->orientation, Orientation::rotate_90);
  const auto image = decode_tiff(data);
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->spec().width, p.height);
  EXPECT_EQ(at(*image, 0, 0, 0), static_cast<std::int64_t>(p.sample(0, p.height - 1, 0)));
}

TEST(TiffDecode, UncompressedTakesNoMemoryOnceWarm) {
  TiffPicture p = picture(8, 1, 3);
  p.width = 301;
  p.height = 203;
  p.randomise();
  for (const unsigned threads : {1U, 2U})
    for (const bool tiles : {false, true})
      for (const ColorSpec color : {ColorSpec::unchanged, ColorSpec::gray}) {
        p.tile_width = p.tile_height = tiles ? 64 : 0;
        const Data file = file_of(p);
        Decoder decoder = make_tiff_decoder(threads);
        const auto stream = CodeStream::borrow(file);
        Image image;
        DecodeParams params = as_stored();
        params.color = color;
        for (int i = 0; i < 8; ++i) ASSERT_TRUE(decoder.decode(*stream, image, params).ok());
        const auto news_before = news.load();
        const auto before = memory_stats().host.allocations;
        for (int i = 0; i < 5; ++i) ASSERT_TRUE(decoder.decode(*stream, image, params).ok());
        EXPECT_EQ(news.load(), news_before);
        EXPECT_EQ(memory_stats().host.allocations, before);
      }
}

}  // namespace
}  // namespace restride::test
