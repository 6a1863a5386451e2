// SPDX-License-Identifier: Apache-2.0
// The structure of TIFF files: what is reported, chains of directories, and files that lie.
#include <gtest/gtest.h>

#include <chrono>

#include "support/tiff_files.h"

namespace restride::test {
namespace {

TiffPicture gray(std::uint32_t width, std::uint32_t height) {
  TiffPicture p;
  p.width = width;
  p.height = height;
  p.randomise();
  return p;
}

CodeStream stream_of(const Data& file) { return *CodeStream::borrow(file); }

Error parse_error(const Data& file) {
  const auto count = stream_of(file).num_images();
  EXPECT_FALSE(count.has_value());
  return count ? Error{} : count.error();
}

TEST(TiffParse, ReportsWhatTheDirectorySays) {
  struct Case {
    Photometric photometric;
    unsigned channels, bits, format;
    SampleFormat reported;
    ColorSpec color;
    SampleType type;
  };
  const Case cases[] = {
      {Photometric::min_is_black, 1, 8, 1, SampleFormat::p_y, ColorSpec::gray, SampleType::u8},
      {Photometric::min_is_white, 1, 1, 1, SampleFormat::p_y, ColorSpec::gray, SampleType::u8},
      {Photometric::min_is_black, 2, 16, 2, SampleFormat::p_ya, ColorSpec::gray, SampleType::i16},
      {Photometric::rgb, 3, 12, 1, SampleFormat::p_rgb, ColorSpec::srgb, SampleType::u16},
      {Photometric::rgb, 4, 32, 3, SampleFormat::p_rgba, ColorSpec::srgb, SampleType::f32},
      {Photometric::rgb, 6, 8, 1, SampleFormat::p_unchanged, ColorSpec::srgb, SampleType::u8},
      {Photometric::separated, 4, 8, 1, SampleFormat::p_cmyk, ColorSpec::cmyk, SampleType::u8},
      {Photometric::min_is_black, 5, 64, 3, SampleFormat::p_unchanged, ColorSpec::unchanged, SampleType::f64},
  };
  for (const Case& c : cases)
    for (const std::endian order : {std::endian::little, std::endian::big})
      for (const bool big : {false, true}) {
        TiffPicture p = gray(50, 40);
        p.photometric = c.photometric;
        p.channels = c.channels;
        p.bits = c.bits;
        p.format = c.format;
        p.tile_width = 32;
        p.tile_height = 16;
        p.randomise();
        const Data file = file_of(p, order, big);
        const CodeStream stream = stream_of(file);
        EXPECT_EQ(*stream.codec(), "tiff");
        const ImageInfo& info = **stream.info();
        EXPECT_EQ(info.spec.width, 50U);
        EXPECT_EQ(info.spec.height, 40U);
        EXPECT_EQ(info.spec.channels, c.channels);
        EXPECT_EQ(info.spec.format, c.reported);
        EXPECT_EQ(info.spec.color, c.color);
        EXPECT_EQ(info.spec.type, c.type);
        EXPECT_EQ(info.spec.precision, c.bits);
        ASSERT_TRUE(info.tiles.has_value());
        EXPECT_EQ(*info.tiles, (TileGeometry{2, 3, 32, 16, 0, 0}));
        EXPECT_EQ(info.coded_bytes, 6 * ((32 * c.channels * c.bits + 7) / 8) * 16);
        EXPECT_EQ(info.max_reduce, 0U);
      }
}

TEST(TiffParse, StripsAreTilesAsWideAsThePicture) {
  TiffPicture p = gray(50, 40);
  p.rows_per_strip = 7;
  EXPECT_EQ(*(*stream_of(file_of(p)).info())->tiles, (TileGeometry{1, 6, 50, 7, 0, 0}));
  p.rows_per_strip = 1000;  // more than there are
  EXPECT_EQ(*(*stream_of(file_of(p)).info())->tiles, (TileGeometry{1, 1, 50, 40, 0, 0}));
}

TEST(TiffParse, PagesSubDirectoriesAndOffsets) {
  TiffFile file;
  std::vector<TiffPicture> pictures;
  for (unsigned i = 0; i < 4; ++i) {
    pictures.push_back(gray(20 + i, 10));
    file.pages.push_back(page_of(pictures[i], std::endian::little));
  }
  file.pages[0].set(Tag::sub_ifds, 4, {0, 0});
  file.build();
  // The last directory belongs to the first image instead of following the third.
  file.pages[0].set(Tag::sub_ifds, 4, {file.directories[3], file.directories[2]});
  Data data = file.build();
  const std::uint64_t third = file.directories[2];
  const std::uint64_t entries = load<std::uint16_t>(data.data() + third, std::endian::little);
  store(data.data() + third + 2 + 12 * entries, std::uint32_t{0}, std::endian::little);

  const CodeStream stream = stream_of(data);
  EXPECT_EQ(*stream.num_images(), 3U);
  const ImageInfo& first = **stream.info();
  EXPECT_EQ(first.ifd_offset, file.directories[0]);
  EXPECT_EQ(first.next_ifd_offset, file.directories[1]);
  EXPECT_EQ(first.subifd_offsets, (std::vector<std::uint64_t>{file.directories[3], file.directories[2]}));

  Decoder decoder = make_tiff_decoder();
  const auto width_of = [&](const CodeStreamView& view) -> std::int64_t {
    const auto sub = stream.sub(view);
    if (!sub) return -1;
    const auto image = decoder.decode(*sub, as_stored());
    return image ? image->spec().width : -2;
  };
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(width_of({.image_idx = i}), 20 + i);
  EXPECT_EQ(width_of({.image_idx = 3}), -1);
  EXPECT_EQ(width_of({.bitstream_offset = file.directories[3]}), 23);
  EXPECT_EQ(width_of({.image_idx = 1, .bitstream_offset = file.directories[1]}), 22);
  EXPECT_EQ(width_of({.image_idx = 1, .limit_images = 1}), -1);
  const auto wrong = stream.sub({.bitstream_offset = file.directories[1] + 1});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, Errc::invalid_argument);
}

TEST(TiffParse, ChainsThatLoopListEachImageOnce) {
  TiffFile file;
  for (int i = 0; i < 3; ++i) file.pages.push_back(page_of(gray(8, 8), std::endian::little));
  file.build();
  for (const std::uint64_t back : file.directories) {
    file.last_next = back;
    EXPECT_EQ(*stream_of(file.build()).num_images(), 3U);
  }
}

TEST(TiffParse, ABrokenChainNamesTheImage) {
  TiffFile file;
  for (int i = 0; i < 2; ++i) file.pages.push_back(page_of(gray(8, 8), std::endian::little));
  file.last_next = 0xfffff0;
  const Data data = file.build();
  const Error error = parse_error(data);
  EXPECT_EQ(error.code, Errc::truncated);
  EXPECT_NE(error.message.find("image 2"), std::string::npos) << error.message;
  EXPECT_EQ(error.offset, data.size());  // where the file ends, short of what the chain names
  EXPECT_TRUE(stream_of(data).sub({.limit_images = 2}).has_value());
}

TEST(TiffParse, DirectoriesThatOverlapAreRefusedQuickly) {
  // Every even offset is a directory of 25,000 entries that names the one before it as the next.
  Data data(600000);
  std::memcpy(data.data(), "II*\0", 4);
  store(data.data() + 4, std::uint32_t{8}, std::endian::little);
  for (std::size_t i = 8; i + 12 <= data.size(); i += 12) {
    store(data.data() + i, std::uint16_t{25000}, std::endian::little);
    store(data.data() + i + 2, std::uint16_t{256}, std::endian::little);
    store(data.data() + i + 4, std::uint16_t{3}, std::endian::little);
  }
  const auto start = std::chrono::steady_clock::now();
  (void)stream_of(data).num_images();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(TiffRefuse, EveryPrefixOfAFile) {
  for (const Compression compression :
       {Compression::none, Compression::packbits, Compression::lzw, Compression::deflate})
    for (const bool big : {false, true}) {
      TiffPicture p = gray(23, 17);
      p.compression = compression;
      p.rows_per_strip = 5;
      const Data file = file_of(p, std::endian::big, big);
      for (std::size_t size = 1; size < file.size(); ++size) {
        const Error error = error_of(Data(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
        if (size >= 8) {
          ASSERT_EQ(error.code, Errc::truncated) << size << ": " << error.describe();
        }
      }
    }
}

TEST(TiffRefuse, StripsBeyondTheEndAndTooShort) {
  for (const Compression compression :
       {Compression::none, Compression::packbits, Compression::lzw, Compression::deflate}) {
    TiffPicture p = gray(64, 64);
    p.compression = compression;
    p.rows_per_strip = 16;
    TiffFile file;
    file.pages.push_back(page_of(p, std::endian::little));
    Data& strip = file.pages[0].segments[2];
    strip.resize(strip.size() / 2);
    const Error error = error_of(file.build());
    EXPECT_EQ(error.code, Errc::truncated) << error.describe();
    EXPECT_NE(error.offset, Error::kNoOffset);
    // Half a strip of bare samples is missed when the page's bytes are added up, before anything is decoded.
    if (compression == Compression::none) continue;
    EXPECT_NE(error.message.find("strip 2"), std::string::npos) << error.describe();
    // Rows that do not need the strip are still there.
    EXPECT_TRUE(decode_tiff(file.build(), as_stored(), Rect{3, 2, 50, 30}).has_value());
    EXPECT_TRUE(decode_tiff(file.build(), as_stored(), Rect{3, 48, 50, 16}).has_value());
    EXPECT_FALSE(decode_tiff(file.build(), as_stored(), Rect{3, 40, 50, 9}).has_value());
  }
}

TEST(TiffRefuse, TheFirstBadSegmentIsReportedWhateverTheThreads) {
  TiffPicture p = gray(64, 256);
  p.compression = Compression::lzw;
  p.rows_per_strip = 8;
  TiffFile file;
  file.pages.push_back(page_of(p, std::endian::little));
  for (std::size_t i = 5; i < file.pages[0].segments.size(); i += 3) file.pages[0].segments[i].resize(9);
  const Data data = file.build();
  std::string first;
  for (int i = 0; i < 30; ++i) {
    const auto image = decode_tiff(data, as_stored(), {}, 1 + i % 2);
    ASSERT_FALSE(image.has_value());
    if (first.empty()) first = image.error().describe();
    EXPECT_EQ(image.error().describe(), first);
  }
  EXPECT_NE(first.find("strip 5"), std::string::npos) << first;
}

TEST(TiffRefuse, SizesThatTheDataCannotHold) {
  for (const Compression compression :
       {Compression::none, Compression::packbits, Compression::lzw, Compression::deflate}) {
    TiffPicture p = gray(8, 8);
    p.compression = compression;
    TiffFile file;
    file.pages.push_back(page_of(p, std::endian::little));
    file.pages[0].set(Tag::image_width, 4, {60000});
    file.pages[0].set(Tag::image_length, 4, {60000});
    file.pages[0].set(Tag::rows_per_strip, 4, {60000});
    EXPECT_EQ(error_of(file.build()).code, Errc::truncated);
  }
  // Tiles of 2^31 x 2^31 for a small picture.
  TiffPicture p = gray(16, 16);
  p.compression = Compression::lzw;
  p.tile_width = p.tile_height = 16;
  TiffFile file;
  file.pages.push_back(page_of(p, std::endian::little));
  file.pages[0].set(Tag::tile_width, 4, {0x7fffffff});
  file.pages[0].set(Tag::tile_length, 4, {0x7fffffff});
  EXPECT_FALSE(decode_tiff(file.build()).has_value());
}

TEST(TiffRefuse, LimitsHold) {
  TiffPicture p = gray(1000, 1000);
  p.compression = Compression::deflate;
  const Data file = file_of(p);
  DecodeParams params = as_stored();
  params.limits.max_pixels = 999999;
  EXPECT_EQ(error_of(file, params).code, Errc::limit_exceeded);
  params.limits = {};
  params.limits.max_memory = 1000001;  // the picture, but not the strip
  EXPECT_EQ(error_of(file, params).code, Errc::limit_exceeded);
}

TEST(TiffRefuse, WhatIsNotSupportedIsNamed) {
  const auto message = [](auto change) {
    TiffPicture p = gray(8, 8);
    TiffFile file;
    file.pages.push_back(page_of(p, std::endian::little));
    change(file.pages[0]);
    const Error error = error_of(file.build());
    return std::string(name(error.code)) + ": " + error.message;
  };
  const auto contains = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(text.find("unsupported"), 0U) << text;
  };
  contains(message([](TiffPage& page) { page.set(Tag::compression, 3, {34712}); }), "JPEG 2000");
  contains(message([](TiffPage& page) { page.set(Tag::compression, 3, {50002}); }), "JPEG XL");
  contains(message([](TiffPage& page) { page.set(Tag::compression, 3, {4711}); }), "4711");
  contains(message([](TiffPage& page) { page.set(Tag::photometric, 3, {8}); }), "L*a*b*");
  contains(message([](TiffPage& page) { page.set(Tag::sample_format, 3, {6}); }), "complex");
  contains(message([](TiffPage& page) { page.set(Tag::predictor, 3, {9}); }), "predictor 9");
  contains(message([](TiffPage& page) {
             page.set(Tag::bits_per_sample, 3, {64});
             page.set(Tag::image_width, 3, {1});
           }),
           "64 bits");
}

TEST(TiffRefuse, DirectoriesWithoutSense) {
  const auto code = [](auto change) {
    TiffPicture p = gray(8, 8);
    p.rows_per_strip = 2;
    TiffFile file;
    file.pages.push_back(page_of(p, std::endian::little));
    change(file.pages[0]);
    const Data data = file.build();
    const auto image = decode_tiff(data);
    return image ? Errc::internal : image.error().code;
  };
  EXPECT_EQ(code([](TiffPage& page) { page.set(Tag::image_width, 3, {0}); }), Errc::corrupt);
  EXPECT_EQ(code([](TiffPage& page) { page.set(Tag::samples_per_pixel, 3, {0}); }), Errc::corrupt);
  EXPECT_EQ(code([](TiffPage& page) { page.set(Tag::bits_per_sample, 3, {0}); }), Errc::corrupt);
  EXPECT_EQ(code([](TiffPage& page) { page.segments.pop_back(); }), Errc::corrupt);
  EXPECT_EQ(code([](TiffPage& page) { page.segments.clear(); }), Errc::corrupt);
  EXPECT_EQ(code([](TiffPage& page) { page.set(Tag::image_width, 5, {1}); }), Errc::corrupt);
  EXPECT_EQ(code([](TiffPage& page) { page.set(Tag::photometric, 3, {3}); }), Errc::corrupt);  // no colour map
  EXPECT_EQ(parse_error({}).code, Errc::truncated);
}

TEST(TiffRefuse, DamageIsSafe) {
  for (int round = 0; round < 1500; ++round) {
    TiffPicture p = gray(40, 30);
    p.compression = round % 3 == 0 ? Compression::lzw : round % 3 == 1 ? Compression::deflate : Compression::none;
    p.predictor = 1 + random_below(2);
    if (random_below(2)) p.tile_width = p.tile_height = 16;
    Data file = file_of(p, random_below(2) ? std::endian::little : std::endian::big, random_below(3) == 0);
    for (unsigned i = 0; i <= random_below(5); ++i)
      file[random_below(2) ? random_below(static_cast<unsigned>(file.size()))
                           : static_cast<unsigned>(file.size()) - 1 - random_below(250)] =
          static_cast<std::byte>(random_below(3) ? random_below(256) : 255);
    DecodeParams params = as_stored();
    params.limits.max_pixels = 1 << 24;
    (void)decode_tiff(file, params);
  }
}

}  // namespace
}  // namespace restride::test
