// SPDX-License-Identifier: Apache-2.0
// Small files that claim large pictures, or much work: refused before memory is taken for them, in a time that follows
// the file's size.
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>

#include "base/bytes.h"
#include "unit/support/features.h"

namespace restride {
namespace {

using test::picture;
using test::value_of;
using Bytes = std::vector<std::byte>;

constexpr std::uint32_t kWidth = 70, kHeight = 50, kHuge = 50000;

Bytes encoded(const char* codec, const EncodeParams& params = {}) {
  Encoder encoder = value_of(Encoder::create());
  Image flat;
  if (!flat.ensure(test::rgb_spec(kWidth, kHeight))) std::abort();
  std::memset(flat.view().data, 7, flat.size());
  return test::bytes_of(value_of(encoder.encode(flat, codec, params)));
}

// Puts `huge` wherever the file has the value `from`, in so many bytes of that order.
template <class T>
void replace(Bytes& file, std::uint32_t from, std::uint32_t huge, std::endian order, std::size_t begin = 0,
             std::size_t end = 400) {
  for (std::size_t i = begin; i + sizeof(T) <= std::min(file.size(), end); ++i)
    if (load<T>(file.data() + i, order) == static_cast<T>(from)) store(file.data() + i, static_cast<T>(huge), order);
}

struct Bomb {
  std::string name;
  Bytes file;
};
void PrintTo(const Bomb& bomb, std::ostream* out) { *out << bomb.name; }

std::vector<Bomb> bombs() {
  std::vector<Bomb> all;
  for (const bool progressive : {false, true}) {
    EncodeParams params;
    params.jpeg.progressive = progressive;
    Bytes jpeg = encoded("jpeg", params);
    replace<std::uint32_t>(jpeg, kHeight << 16 | kWidth, kHuge << 16 | kHuge, std::endian::big, 0, jpeg.size());
    all.push_back({progressive ? "jpeg_progressive" : "jpeg", jpeg});
  }
  test::Picture png = test::random_picture(8, 8, test::ColorType::rgb, 8, false);
  png.width = png.height = kHuge;
  all.push_back({"png", test::png_with(png, test::zlib(Bytes(100000)))});
  png.interlaced = true;
  all.push_back({"png_interlaced", test::png_with(png, test::zlib(Bytes(100000)))});
  for (const auto& [name, compression] : {std::pair{"tiff_none", TiffCompression::none},
                                          {"tiff_lzw", TiffCompression::lzw},
                                          {"tiff_deflate", TiffCompression::deflate}}) {
    test::TiffPicture tiff;
    tiff.width = tiff.height = 20;
    tiff.compression = compression == TiffCompression::none  ? test::Compression::none
                       : compression == TiffCompression::lzw ? test::Compression::lzw
                                                             : test::Compression::deflate;
    tiff.randomise();
    Bytes file = test::file_of(tiff);
    replace<std::uint32_t>(file, 20, kHuge, std::endian::little, 8, file.size());
    all.push_back({name, file});
  }
  for (const char* codec : {"bmp", "pnm"}) {
    Bytes file = encoded(codec);
    if (codec[0] == 'b') {
      replace<std::uint32_t>(file, kWidth, kHuge, std::endian::little, 14, 30);
      replace<std::uint32_t>(file, kHeight, kHuge, std::endian::little, 14, 30);
    } else {
      file = test::features_detail::text("P6 50000 50000 255\n" + std::string(1000, 'x'));
    }
    all.push_back({codec, file});
  }
  return all;
}

class Bombs : public ::testing::TestWithParam<Bomb> {};

TEST_P(Bombs, AreRefusedBeforeMemoryIsTaken) {
  Decoder decoder = value_of(Decoder::create());
  const CodeStream stream = value_of(CodeStream::borrow(GetParam().file));
  const auto before = memory_stats().host;
  const auto start = std::chrono::steady_clock::now();
  Image image;
  const Status status = decoder.decode(stream, image);  // with the default limits
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().code == Errc::truncated || status.error().code == Errc::corrupt)
      << status.error().describe();
  EXPECT_TRUE(image.empty());
  EXPECT_LT(memory_stats().host.peak_bytes, before.peak_bytes + (1 << 20)) << status.error().describe();
  EXPECT_LT(took.count(), 1);
}
INSTANTIATE_TEST_SUITE_P(Files, Bombs, ::testing::ValuesIn(bombs()), [](const auto& p) { return p.param.name; });

// In these formats a few bytes may rightly be a large picture of one colour. Limits are what there is.
TEST(Limits, FormatsWithoutALeastSizeKeepTheLimits) {
  Bytes jp2 = encoded("jpeg2k");
  replace<std::uint32_t>(jp2, kWidth, kHuge, std::endian::big);
  replace<std::uint32_t>(jp2, kHeight, kHuge, std::endian::big);
  Bytes webp = encoded("webp");
  replace<std::uint32_t>(webp, kHeight << 16 | kWidth, 16383 << 16 | 16383, std::endian::little);
  Decoder decoder = value_of(Decoder::create());
  for (const Bytes& file : {jp2, webp}) {
    const CodeStream stream = value_of(CodeStream::borrow(file));
    const std::uint64_t pixels =
        std::uint64_t{value_of(stream.info())->spec.width} * value_of(stream.info())->spec.height;
    ASSERT_GT(pixels, 200'000'000U);
    for (const bool by_memory : {false, true}) {
      DecodeParams params;
      if (by_memory)
        params.limits.max_memory = pixels * 3 + 1000;  // enough for the picture, not for what decoding it takes
      else
        params.limits.max_pixels = pixels - 1;
      const auto before = memory_stats().host.peak_bytes;
      Image image;
      const Status status = decoder.decode(stream, image, params);
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().code, Errc::limit_exceeded) << status.error().describe();
      EXPECT_LT(memory_stats().host.peak_bytes, before + (1 << 20));
    }
  }
}

// The picture and the working memory count together, also for a region.
TEST(Limits, MemoryIsThePictureAndTheWork) {
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  EncodeParams progressive;
  progressive.jpeg.progressive = true;
  const CodeStream stream = value_of(encoder.encode(picture(640, 480), "jpeg", progressive));
  DecodeParams params;
  params.limits.max_memory = 640 * 480 * 3 + 10000;
  Image image;
  const Status status = decoder.decode(stream, image, params);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::limit_exceeded) << status.error().describe();
  params.limits.max_memory = 16 << 20;
  EXPECT_TRUE(decoder.decode(stream, image, params));
}

// A progressive file of thousands of scans, each of which passes over every block in a few bytes.
Bytes many_scans(std::uint32_t side, unsigned scans) {
  test::JpegRecipe recipe;
  recipe.width = recipe.height = side;
  recipe.input = recipe.stored = JCS_GRAYSCALE;
  recipe.noise = 0;
  recipe.scans = {{1, {0}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}};
  Bytes file = test::write_jpeg(recipe);
  file.resize(file.size() - 2);  // without EOI
  std::size_t last = 0;
  for (std::size_t i = 0; i + 1 < file.size(); ++i)
    if (file[i] == std::byte{0xff} && file[i + 1] == std::byte{0xda}) last = i;
  const Bytes scan(file.begin() + static_cast<std::ptrdiff_t>(last), file.end());
  for (unsigned i = 0; i < scans; ++i) file.insert(file.end(), scan.begin(), scan.end());
  file.push_back(std::byte{0xff});
  file.push_back(std::byte{0xd9});
  return file;
}

// Stated in docs/testing.md: 2 us a byte, and half a second. 64: passes are cheap; 2048: few enough scans.
TEST(Limits, TimeFollowsTheFile) {
  Decoder decoder = value_of(Decoder::create());
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr double kSlower = 20;
#else
  constexpr double kSlower = 2;  // other processes run beside
#endif
  for (const std::uint32_t side : {64U, 512U, 2048U}) {
    const Bytes file = many_scans(side, side == 2048 ? 200 : 3000);
    const auto start = std::clock();
    const auto image = decoder.decode(value_of(CodeStream::borrow(file)));
    const double took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_LT(took, kSlower * (0.5 + 2e-6 * static_cast<double>(file.size())))
        << side << ": " << file.size() << " bytes";
    if (side != 512) continue;  // refused for its 3,000 scans; the others are decoded
    ASSERT_FALSE(image);
  }
}

}  // namespace
}  // namespace restride
