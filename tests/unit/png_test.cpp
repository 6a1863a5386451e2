// SPDX-License-Identifier: Apache-2.0
// PNG decoding: filters against their reference, pictures of every kind against what they were made of, damage,
// regions, reuse.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "coding/png_filter.h"
#include "image/convert/pixels.h"
#include "unit/support/count_news.h"
#include "unit/support/png_files.h"

namespace restride {
namespace {

using namespace test;

// ---- filters

constexpr png_filter::Type kAllTypes[] = {png_filter::Type::none, png_filter::Type::sub, png_filter::Type::up,
                                          png_filter::Type::average, png_filter::Type::paeth};

TEST(PngFilter, FastReconstructionEqualsTheReference) {
  for (unsigned pixel : {1U, 2U, 3U, 4U, 6U, 8U})
    for (std::size_t pixels = 1; pixels < 70; ++pixels)
      for (auto type : kAllTypes) {
        const std::size_t n = pixels * pixel;
        const Data filtered = random_data(n), above = random_data(n);
        Data expected(n), row(n + 32, std::byte{0x5a}), in_place = filtered;
        png_filter::reconstruct_reference(type, pixel, filtered.data(), above.data(), expected.data(), n);
        png_filter::reconstruct(type, pixel, filtered.data(), above.data(), row.data(), n);
        in_place.resize(n + 32, std::byte{0xa5});
        png_filter::reconstruct(type, pixel, in_place.data(), above.data(), in_place.data(), n);
        ASSERT_EQ(std::memcmp(row.data(), expected.data(), n), 0) << "type " << int(type) << ", pixel " << pixel;
        ASSERT_EQ(std::memcmp(in_place.data(), expected.data(), n), 0) << "type " << int(type) << ", pixel " << pixel;
        for (std::size_t i = n; i < n + 32; ++i)
          ASSERT_TRUE(row[i] == std::byte{0x5a} && in_place[i] == std::byte{0xa5});
      }
}

// The fast form of 9.4 is another formula: judged on all combinations of a, b and c.
TEST(PngFilter, PaethEqualsTheReferenceForAllNeighbours) {
  constexpr std::size_t kPixel = 8, kBytes = 2 * kPixel;
  std::array<std::byte, kBytes> filtered{}, above{}, row{}, expected{};
  for (unsigned c = 0; c < 256; ++c)
    for (unsigned a = 0; a < 256; ++a)
      for (unsigned b = 0; b < 256; b += kPixel) {
        for (unsigned k = 0; k < kPixel; ++k) {
          above[k] = static_cast<std::byte>(c);
          filtered[k] = static_cast<std::byte>(a - c);
          above[kPixel + k] = static_cast<std::byte>(b + k);
        }
        const auto paeth = png_filter::Type::paeth;
        png_filter::reconstruct(paeth, kPixel, filtered.data(), above.data(), row.data(), kBytes);
        png_filter::reconstruct_reference(paeth, kPixel, filtered.data(), above.data(), expected.data(), kBytes);
        ASSERT_EQ(row, expected) << a << ' ' << b << ' ' << c;
        ASSERT_EQ(static_cast<unsigned>(row[0]), a);
      }
}

TEST(PngFilter, ReconstructionUndoesFiltering) {
  for (unsigned pixel : {1U, 2U, 3U, 4U, 6U, 8U})
    for (std::size_t pixels : {1, 2, 5, 64, 333})
      for (auto type : kAllTypes) {
        const std::size_t n = pixels * pixel;
        const Data row = random_data(n), above = random_data(n);
        Data filtered(n), back(n);
        png_filter::apply(type, pixel, row.data(), above.data(), filtered.data(), n);
        png_filter::reconstruct_reference(type, pixel, filtered.data(), above.data(), back.data(), n);
        ASSERT_EQ(back, row) << "type " << int(type) << ", pixel " << pixel;
      }
}

TEST(PngFilter, SumsAndCounts) {
  const Data data = random_data(100003);
  std::uint64_t sum = 0;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    sum += static_cast<unsigned>(std::abs(static_cast<int>(static_cast<std::int8_t>(data[i]))));
    equal += i >= 3 && data[i] == data[i - 3];
  }
  EXPECT_EQ(png_filter::sum_of_distances(data.data(), data.size()), sum);
  EXPECT_EQ(png_filter::count_equal_to_left(3, data.data(), data.size()), equal);
  const Data far(70000, std::byte{0x80});
  EXPECT_EQ(png_filter::sum_of_distances(far.data(), far.size()), 70000U * 128);
  EXPECT_EQ(png_filter::count_equal_to_left(1, far.data(), far.size()), 69999U);
}

// ---- decoding

std::uint16_t sample_of(const ImageView& view, std::uint32_t x, std::uint32_t y, unsigned c) {
  std::uint16_t wide = 0;
  std::memcpy(&wide, view.at(x, y, c), size_of(view.spec.type));  // little-endian machines only, as the tests run on
  return wide;
}

void expect_equal(const ImageView& view, const Picture& picture, const std::string& what) {
  unsigned channels = 0;
  const auto expected = expected_pixels(picture, channels);
  ASSERT_EQ(view.spec.channels, channels) << what;
  ASSERT_EQ(view.spec.width, picture.width) << what;
  ASSERT_EQ(view.spec.height, picture.height) << what;
  std::size_t i = 0;
  for (std::uint32_t y = 0; y < picture.height; ++y)
    for (std::uint32_t x = 0; x < picture.width; ++x)
      for (unsigned c = 0; c < channels; ++c, ++i)
        ASSERT_EQ(sample_of(view, x, y, c), expected[i]) << what << " at " << x << ", " << y << ", channel " << c;
}

struct Kind {
  ColorType type;
  unsigned depth;
};
constexpr Kind kKinds[] = {{ColorType::gray, 1},        {ColorType::gray, 2},      {ColorType::gray, 4},
                           {ColorType::gray, 8},        {ColorType::gray, 16},     {ColorType::rgb, 8},
                           {ColorType::rgb, 16},        {ColorType::palette, 1},   {ColorType::palette, 2},
                           {ColorType::palette, 4},     {ColorType::palette, 8},   {ColorType::gray_alpha, 8},
                           {ColorType::gray_alpha, 16}, {ColorType::rgb_alpha, 8}, {ColorType::rgb_alpha, 16}};

std::string name_of(const Picture& p) {
  return "type " + std::to_string(int(p.type)) + ", depth " + std::to_string(p.depth) + ", " + std::to_string(p.width) +
         "x" + std::to_string(p.height) + (p.interlaced ? ", interlaced" : "") +
         (p.transparency.empty() ? "" : ", transparency");
}

// Pictures of every kind, small ones too, for which passes are empty.
template <class F>
void for_each_picture(F&& use) {
  constexpr std::uint32_t kSizes[][2] = {{1, 1}, {2, 3}, {5, 1}, {9, 8}, {37, 29}, {130, 67}};
  for (const Kind& kind : kKinds)
    for (const auto& size : kSizes)
      for (bool interlaced : {false, true})
        for (bool transparent : {false, true}) {
          Picture picture = random_picture(size[0], size[1], kind.type, kind.depth, interlaced);
          if (transparent) {
            if (kind.type == ColorType::gray_alpha || kind.type == ColorType::rgb_alpha) continue;
            if (kind.type == ColorType::palette) {
              picture.transparency = random_data(1 + random_below(1U << kind.depth));
            } else {
              // The colour of some pixel, with bits above the depth that do not count.
              for (unsigned c = 0; c < picture.channels(); ++c) {
                const auto high = static_cast<std::uint16_t>(kind.depth < 16 ? 1U << kind.depth : 0);
                picture.transparency.resize(picture.transparency.size() + 2);
                store(picture.transparency.data() + std::size_t{2} * c,
                      static_cast<std::uint16_t>(picture.sample(size[0] / 2, size[1] / 2, c) | high), std::endian::big);
              }
            }
          }
          use(picture);
          if (testing::Test::HasFatalFailure()) return;
        }
}

TEST(PngDecode, EveryKindOfPicture) {
  for_each_picture([](const Picture& picture) {
    for (std::size_t chunk_size : {SIZE_MAX, std::size_t{7}, std::size_t{1}}) {
      auto image = decode(png_of(picture, chunk_size));
      ASSERT_TRUE(image) << name_of(picture) << ": " << image.error().describe();
      expect_equal(image->view(), picture, name_of(picture));
    }
  });
}

TEST(PngDecode, InfoDescribesThePicture) {
  for_each_picture([](const Picture& picture) {
    const Data file = png_of(picture);
    const CodeStream stream = stream_of(file);
    const auto info = stream.info();
    ASSERT_TRUE(info);
    const ImageSpec& spec = (*info)->spec;
    const bool palette = picture.type == ColorType::palette;
    unsigned channels = 0;
    expected_pixels(picture, channels);
    EXPECT_EQ(*stream.codec(), "png");
    EXPECT_EQ(spec.width, picture.width);
    EXPECT_EQ(spec.height, picture.height);
    EXPECT_EQ(spec.channels, channels) << name_of(picture);
    EXPECT_EQ(channels_of(spec.format), channels);
    EXPECT_EQ(spec.planar(), spec.channels == 1);
    EXPECT_EQ(spec.type, picture.depth == 16 ? SampleType::u16 : SampleType::u8);
    EXPECT_EQ(spec.precision, palette ? 8U : picture.depth);
    EXPECT_EQ(spec.color, palette ? ColorSpec::palette : channels < 3 ? ColorSpec::gray : ColorSpec::srgb);
    EXPECT_FALSE((*info)->tiles);
  });
}

// 8 bits, RGB without alpha, and planes: what the sink converts must not depend on how rows reach it.
TEST(PngDecode, ConversionsFollowTheRules) {
  for_each_picture([](const Picture& picture) {
    const Data file = png_of(picture);
    auto native = decode(file);
    ASSERT_TRUE(native);
    for (ColorSpec color : {ColorSpec::unchanged, ColorSpec::srgb, ColorSpec::gray})
      for (SampleFormat format : {SampleFormat::i_unchanged, SampleFormat::p_unchanged, SampleFormat::i_bgr})
        for (bool any_depth : {false, true}) {
          DecodeParams params;
          params.color = format == SampleFormat::i_bgr ? ColorSpec::srgb : color;
          params.format = format;
          params.allow_any_depth = any_depth;
          auto image = decode(file, params);
          ASSERT_TRUE(image) << name_of(picture) << ": " << image.error().describe();
          Data space(image->size());
          const ImageView expected = dense_view(space.data(), image->spec());
          convert_pixels(native->view(), expected);
          ASSERT_EQ(std::memcmp(space.data(), image->view().data, space.size()), 0)
              << name_of(picture) << ", color " << int(color) << ", format " << int(format) << ", any depth "
              << any_depth;
        }
  });
}

TEST(PngDecode, RegionsEqualTheCropAndLeaveTheRestAlone) {
  for_each_picture([](const Picture& picture) {
    const Data file = png_of(picture, 100);
    for (bool any_depth : {true, false}) {
      auto whole = decode(file, unchanged(any_depth));
      ASSERT_TRUE(whole);
      for (int i = 0; i < 12; ++i) {
        const unsigned x = i % 3 == 0 ? 0 : random_below(picture.width), y = random_below(picture.height);
        const unsigned width = i % 3 == 0 ? picture.width : 1 + random_below(picture.width - x);
        const unsigned height = 1 + random_below(picture.height - y);
        CodeStreamView view;
        view.region = Region{{x, y, width, height}, {}};
        auto part = stream_of(file).sub(view);
        ASSERT_TRUE(part);
        ImageSpec spec = whole->spec();
        spec.width = width;
        spec.height = height;
        const std::size_t row = static_cast<std::size_t>(spec.row_bytes()), stride = row + 6;
        Data space(stride * height, std::byte{0x77});
        ImageView target = dense_view(space.data(), spec);
        target.row_stride = static_cast<std::ptrdiff_t>(stride);
        auto image = Image::wrap(target);
        ASSERT_TRUE(image);
        static Decoder decoder = make_decoder();
        const Status status = decoder.decode(*part, *image, unchanged(any_depth));
        ASSERT_TRUE(status) << status.error().describe();
        for (unsigned r = 0; r < height; ++r) {
          ASSERT_EQ(std::memcmp(space.data() + r * stride, whole->view().at(x, y + r), row), 0)
              << name_of(picture) << " region " << x << ' ' << y << ' ' << width << ' ' << height << " row " << r;
          for (std::size_t k = row; k < stride; ++k) ASSERT_EQ(space[r * stride + k], std::byte{0x77});
        }
      }
    }
  });
}

TEST(PngDecode, LargePicturesCrossBandsAndPieces) {
  for (bool interlaced : {false, true})
    for (Kind kind : {Kind{ColorType::rgb, 8}, Kind{ColorType::gray, 16}, Kind{ColorType::palette, 8}}) {
      Picture picture = random_picture(700, 600, kind.type, kind.depth, interlaced);
      for (std::size_t chunk_size : {SIZE_MAX, std::size_t{8192}, std::size_t{200001}}) {
        auto image = decode(png_of(picture, chunk_size));
        ASSERT_TRUE(image) << image.error().describe();
        expect_equal(image->view(), picture, name_of(picture));
      }
    }
}

TEST(PngDecode, OrientationComesFromExif) {
  Picture picture = random_picture(7, 4, ColorType::rgb, 8, false);
  picture.exif = bytes_of({'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0});
  const Data file = png_of(picture);
  EXPECT_EQ((*stream_of(file).info())->orientation, Orientation::rotate_90);
  DecodeParams params = unchanged();
  auto turned = decode(file, params);
  ASSERT_TRUE(turned);
  EXPECT_EQ(turned->spec().width, 4U);
  EXPECT_EQ(sample_of(turned->view(), 3, 0, 1), picture.sample(0, 0, 1));
  EXPECT_EQ(sample_of(turned->view(), 0, 6, 2), picture.sample(6, 3, 2));
  params.apply_exif_orientation = false;
  auto stored = decode(file, params);
  ASSERT_TRUE(stored);
  expect_equal(stored->view(), picture, "as stored");
}

TEST(PngDecode, AnIndexBeyondThePaletteIsBlack) {
  Picture picture = random_picture(16, 16, ColorType::palette, 8, false);
  picture.palette.resize(std::size_t{3} * 40);
  auto image = decode(png_of(picture));
  ASSERT_TRUE(image);
  expect_equal(image->view(), picture, "short palette");
}

// ---- damage

Errc code_of(const Data& file, const DecodeParams& params = unchanged()) {
  auto image = decode(file, params);
  EXPECT_FALSE(image);
  return image ? Errc::internal : image.error().code;
}

TEST(PngDamage, EveryPrefixFails) {
  for (bool interlaced : {false, true}) {
    const Data file = png_of(random_picture(21, 17, ColorType::rgb, 8, interlaced), 300);
    for (std::size_t n = 8; n < file.size(); ++n) {
      const Data prefix(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
      ASSERT_EQ(code_of(prefix), Errc::truncated) << n << " of " << file.size() << " bytes";
    }
    EXPECT_EQ(code_of({}), Errc::truncated);
    EXPECT_TRUE(decode(file));
  }
}

// All bytes but chunk lengths, which may cut the file, are covered by a checksum.
TEST(PngDamage, EveryFlippedBitIsFound) {
  for (bool interlaced : {false, true}) {
    const Data file = png_of(random_picture(21, 17, ColorType::rgb, 8, interlaced), 300);
    for (std::size_t i = 0; i < file.size(); ++i) {
      Data bad = file;
      bad[i] ^= static_cast<std::byte>(1 << i % 8);
      ASSERT_FALSE(decode(bad)) << "byte " << i;
    }
  }
}

TEST(PngDamage, RegionsAboveTheDamageAreGiven) {
  const Picture picture = random_picture(300, 1000, ColorType::rgb, 8, false);
  Data file = png_of(picture, 10000);
  file.resize(file.size() / 2);
  CodeStreamView view;
  view.region = Region{{0, 0, 300, 100}, {}};
  const auto part = stream_of(file).sub(view);
  ASSERT_TRUE(part);
  const Decoder decoder = make_decoder();
  EXPECT_TRUE(const_cast<Decoder&>(decoder).decode(*part, unchanged()));
  EXPECT_EQ(code_of(file), Errc::truncated);
}

TEST(PngDamage, WrongAdlerIsCorrupt) {
  const Picture picture = random_picture(30, 20, ColorType::gray, 8, false);
  Data compressed = zlib(filtered_data(picture));
  compressed.back() ^= std::byte{1};
  EXPECT_EQ(code_of(png_with(picture, compressed)), Errc::corrupt);
  compressed.resize(compressed.size() - 4);
  EXPECT_EQ(code_of(png_with(picture, compressed)), Errc::truncated);
}

TEST(PngDamage, DataBeyondThePictureIsTolerated) {
  const Picture picture = random_picture(30, 20, ColorType::gray, 8, false);
  Data raw = filtered_data(picture);
  raw.resize(raw.size() + 1000, std::byte{9});
  auto image = decode(png_with(picture, zlib(raw)));
  ASSERT_TRUE(image) << image.error().describe();
  expect_equal(image->view(), picture, "longer zlib stream");
  Data compressed = zlib(filtered_data(picture));
  compressed.resize(compressed.size() + 500, std::byte{0xee});
  image = decode(png_with(picture, compressed, 64));
  ASSERT_TRUE(image) << image.error().describe();
  Data file = png_of(picture);
  file.resize(file.size() + 100);
  EXPECT_TRUE(decode(file)) << "bytes behind IEND";
}

TEST(PngDamage, RowsAreMissing) {
  const Picture picture = random_picture(30, 20, ColorType::gray, 8, false);
  Data raw = filtered_data(picture);
  raw.resize(raw.size() - 31);
  EXPECT_EQ(code_of(png_with(picture, zlib(raw))), Errc::truncated);
}

TEST(PngDamage, UnknownFilterType) {
  const Picture picture = random_picture(30, 20, ColorType::gray, 8, false);
  Data raw = filtered_data(picture);
  raw[31] = std::byte{5};
  EXPECT_EQ(code_of(png_with(picture, zlib(raw))), Errc::corrupt);
}

TEST(PngDamage, DeflateErrorsAreCorrupt) {
  const Picture picture = random_picture(30, 20, ColorType::gray, 8, false);
  EXPECT_EQ(code_of(png_with(picture, bytes_of({0x78, 0x9c, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))),
            Errc::corrupt);                                                          // block type 3
  EXPECT_EQ(code_of(png_with(picture, Data(100, std::byte{0x11}))), Errc::corrupt);  // no zlib stream
  EXPECT_EQ(code_of(png_with(picture, bytes_of({0x78, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8, 9}))),
            Errc::corrupt);  // dictionary
  // A distance of 1 before the first byte: fixed codes, length 3.
  EXPECT_EQ(code_of(png_with(picture, bytes_of({0x78, 0x9c, 0x03, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))),
            Errc::corrupt);
}

TEST(PngDamage, HeadersOutOfOrderOrRange) {
  Picture picture = random_picture(8, 8, ColorType::palette, 4, false);
  picture.palette.clear();
  EXPECT_EQ(code_of(png_of(picture)), Errc::corrupt) << "no palette";
  picture.palette = random_data(7);
  EXPECT_EQ(code_of(png_of(picture)), Errc::corrupt) << "7 bytes of palette";
  picture = random_picture(8, 8, ColorType::rgb, 8, false);
  for (unsigned depth : {0U, 1U, 4U, 12U, 32U}) {
    picture.depth = depth;
    EXPECT_EQ(code_of(png_with(picture, zlib({}))), Errc::corrupt) << "RGB of depth " << depth;
  }
  picture.depth = 8;
  picture.width = 0;
  EXPECT_EQ(code_of(png_with(picture, zlib({}))), Errc::corrupt) << "no width";
  picture.width = 0x80000000U;
  EXPECT_EQ(code_of(png_with(picture, zlib({}))), Errc::corrupt) << "too wide";
  picture = random_picture(8, 8, ColorType::rgb, 8, false);
  Data file = signature_and_header(picture);
  put_chunk(file, "IEND", {});
  EXPECT_EQ(code_of(file), Errc::corrupt) << "no IDAT";
  file = signature_and_header(picture);
  put_chunk(file, "ABCD", {});
  EXPECT_EQ(code_of(file), Errc::unsupported) << "an unknown critical chunk";
  Data ancillary = signature_and_header(picture);
  put_chunk(ancillary, "abCD", random_data(50));
  put_chunk(ancillary, "IDAT", zlib(filtered_data(picture)));
  put_chunk(ancillary, "IEND", {});
  EXPECT_TRUE(decode(ancillary)) << "an unknown ancillary chunk";
}

// A header that claims what its data cannot hold is refused before any memory is taken.
TEST(PngDamage, NoMemoryForEmptyPromises) {
  Picture picture = random_picture(8, 8, ColorType::rgb_alpha, 16, false);
  const Data compressed = zlib(filtered_data(picture));
  for (bool interlaced : {false, true}) {
    picture.interlaced = interlaced;
    picture.width = picture.height = 50000;
    const auto before = memory_stats();
    EXPECT_EQ(code_of(png_with(picture, compressed)), Errc::truncated);
    EXPECT_LT(memory_stats().host.peak_bytes, before.host.peak_bytes + (1 << 20));
    picture.width = picture.height = 0x7fffffff;
    EXPECT_EQ(code_of(png_with(picture, compressed)), Errc::limit_exceeded);
    picture.height = 1;
    EXPECT_EQ(code_of(png_with(picture, compressed)), Errc::truncated);
  }
}

TEST(PngDamage, RandomChangesNeverCrash) {
  for (const Kind& kind : kKinds) {
    const Picture picture = random_picture(40, 30, kind.type, kind.depth, kind.depth % 3 == 1);
    const Data file = png_of(picture, 200);
    for (int i = 0; i < 200; ++i) {
      // Damage to the contents of IDAT with CRC made right again, so that it reaches the inflater.
      Data bad = file;
      for (std::size_t at = 8; at + 12 <= bad.size();) {
        const auto length = load<std::uint32_t>(bad.data() + at, std::endian::big);
        if (length > 4 && std::memcmp(bad.data() + at + 4, "IDAT", 4) == 0) {
          bad[at + 8 + random_below(length)] = static_cast<std::byte>(random_bits()());
          store(bad.data() + at + 8 + length, libdeflate_crc32(0, bad.data() + at + 4, length + 4), std::endian::big);
        }
        at += length + 12;
      }
      (void)decode(bad);
    }
  }
}

// ---- reuse

TEST(PngReuse, SteadyStateAllocatesNothing) {
  for (unsigned threads : {1U, 2U})
    for (bool any_depth : {false, true})
      for (const Kind& kind : kKinds)
        for (bool interlaced : {false, true}) {
          const Data file = png_of(random_picture(200, 150, kind.type, kind.depth, interlaced), 500);
          const CodeStream stream = stream_of(file);
          Decoder decoder = make_decoder(threads);
          Image image;
          for (int i = 0; i < 3; ++i) ASSERT_TRUE(decoder.decode(stream, image, unchanged(any_depth)));
          const std::uint64_t before = news, counted = memory_stats().host.allocations;
          for (int i = 0; i < 5; ++i) ASSERT_TRUE(decoder.decode(stream, image, unchanged(any_depth)));
          EXPECT_EQ(news - before, 0U) << "type " << int(kind.type) << ", depth " << kind.depth << ", interlaced "
                                       << interlaced;
          EXPECT_EQ(memory_stats().host.allocations, counted);
        }
}

// ---- real files

std::filesystem::path corpora() {
  if (const char* given = std::getenv("RESTRIDE_CORPORA")) return given;
  return std::filesystem::path(__FILE__).parent_path() / "../../../shared/corpora";
}

TEST(PngSuite, GoodFilesDecodeAndBadOnesFail) {
  const auto folder = corpora() / "pngsuite/png";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no corpora at " << folder;
  Decoder decoder = make_decoder();
  int good = 0, bad = 0, pairs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".png") continue;
    auto image = decoder.read(entry.path().string(), unchanged());
    EXPECT_EQ(image.has_value(), name[0] != 'x') << name;
    ++(image ? good : bad);
    // The interlaced basic files hold the same pictures as the others.
    if (name.rfind("basn", 0) == 0) {
      auto twin = decoder.read((folder / ("basi" + name.substr(4))).string(), unchanged());
      ASSERT_TRUE(image && twin) << name;
      ASSERT_EQ(image->spec(), twin->spec()) << name;
      EXPECT_EQ(std::memcmp(image->view().data, twin->view().data, static_cast<std::size_t>(image->size())), 0) << name;
      ++pairs;
    }
  }
  EXPECT_GE(good, 150);
  EXPECT_GE(bad, 10);
  EXPECT_EQ(pairs, 15);
}

}  // namespace
}  // namespace restride
