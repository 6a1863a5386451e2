// SPDX-License-Identifier: Apache-2.0
// JPEG decoding held to plain libjpeg: the same pixels, the same files refused.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

#include "formats/jpeg/stages.h"
#include "restride/code_stream.h"
#include "restride/decoder.h"
#include "unit/support/jpeg_files.h"
#include "unit/support/jpeg_reference.h"
#include "unit/support/pictures.h"

namespace restride {
namespace {

using test::JpegRecipe;
using test::Reference;
using Bytes = std::vector<std::byte>;

CodeStream open(const Bytes& bytes) { return *CodeStream::borrow(bytes, nullptr); }

Decoder make_decoder(unsigned threads) {
  CodecOptions options;
  options.max_threads = threads;
  return *Decoder::create(options);
}

// True if `view` is the part of `whole` that starts at (x, y).
bool is_crop(const ImageView& view, const Reference& whole, std::size_t x, std::size_t y) {
  const std::size_t channels = whole.channels, bytes = view.spec.width * channels;
  if (view.spec.channels != channels || x + view.spec.width > whole.width || y + view.spec.height > whole.height)
    return false;
  for (std::size_t row = 0; row < view.spec.height; ++row)
    if (std::memcmp(view.at(0, static_cast<std::int64_t>(row)),
                    whole.pixels.data() + ((y + row) * whole.width + x) * channels, bytes) != 0)
      return false;
  return true;
}

bool is_whole(const ImageView& view, const Reference& whole) {
  return view.spec.width == whole.width && view.spec.height == whole.height && is_crop(view, whole, 0, 0);
}

struct Sampling {
  const char* name;
  int h[3], v[3];
};
constexpr Sampling kSamplings[] = {{"444", {1, 1, 1}, {1, 1, 1}},           {"422", {2, 1, 1}, {1, 1, 1}},
                                   {"420", {2, 1, 1}, {2, 1, 1}},           {"440", {1, 1, 1}, {2, 1, 1}},
                                   {"411", {4, 1, 1}, {1, 1, 1}},           {"410", {4, 1, 1}, {2, 1, 1}},
                                   {"410v", {2, 1, 1}, {4, 1, 1}},          {"odd one", {2, 2, 1}, {2, 1, 1}},
                                   {"chroma larger", {1, 2, 1}, {1, 2, 1}}, {"all of 2x2", {2, 2, 2}, {1, 1, 1}}};

JpegRecipe recipe(const Sampling& sampling, unsigned width, unsigned height) {
  JpegRecipe r;
  r.width = width;
  r.height = height;
  for (int i = 0; i < 3; ++i) {
    r.h[i] = sampling.h[i];
    r.v[i] = sampling.v[i];
  }
  return r;
}

TEST(JpegDecode, UsesItsOwnEntropyDecoder) {
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && JPEG_LIB_VERSION < 70
  EXPECT_TRUE(jpeg::stages_usable());
#else
  GTEST_SKIP() << "this libjpeg does all of the decoding";
#endif
}

TEST(JpegDecode, PixelsAreLibjpegs) {
  Decoder decoder = make_decoder(1);
  Image image;
  constexpr unsigned kSizes[][2] = {{1, 1}, {2, 3}, {8, 8}, {17, 9}, {33, 63}, {64, 64}, {131, 97}};
  for (const Sampling& sampling : kSamplings)
    for (const auto& [width, height] : kSizes)
      for (const unsigned restart : {0U, 1U, 5U})
        for (const bool optimized : {false, true}) {
          JpegRecipe r = recipe(sampling, width, height);
          r.restart = restart;
          r.optimized = optimized;
          r.noise = optimized ? 0.05 : 0.8;
          r.quality = restart == 1 ? 30 : restart == 5 ? 100 : 90;
          const Bytes bytes = test::write_jpeg(r);
          for (std::uint8_t reduce = 0; reduce < 4; ++reduce) {
            SCOPED_TRACE(testing::Message() << sampling.name << " " << width << "x" << height << " restart " << restart
                                            << " reduce " << int{reduce});
            DecodeParams params;
            params.reduce = reduce;
            ASSERT_TRUE(decoder.decode(open(bytes), image, params));
            ASSERT_TRUE(is_whole(image.view(), *test::reference_decode(bytes, JCS_RGB, reduce)));
          }
        }
}

TEST(JpegDecode, OtherColoursAndScans) {
  Decoder decoder = make_decoder(1);
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  Image image;
  for (const unsigned size : {7U, 40U, 121U}) {
    JpegRecipe gray;
    gray.width = size;
    gray.height = size + 3;
    gray.input = gray.stored = JCS_GRAYSCALE;
    for (const int h : {1, 2})
      for (const int v : {1, 2, 4}) {
        gray.h[0] = h;
        gray.v[0] = v;
        gray.restart = static_cast<unsigned>(v);
        const Bytes bytes = test::write_jpeg(gray);
        ASSERT_TRUE(decoder.decode(open(bytes), image, params));
        EXPECT_TRUE(is_whole(image.view(), *test::reference_decode(bytes))) << h << v;
      }
    JpegRecipe rgb;
    rgb.width = rgb.height = size;
    rgb.stored = JCS_RGB;
    JpegRecipe separate = recipe(kSamplings[2], size, size);
    separate.scans = {{1, {0}, 0, 63, 0, 0}, {2, {1, 2}, 0, 63, 0, 0}};
    JpegRecipe progressive = recipe(kSamplings[2], size, size);
    progressive.progressive = true;
    for (const JpegRecipe& r : {rgb, separate, progressive}) {
      const Bytes bytes = test::write_jpeg(r);
      ASSERT_TRUE(decoder.decode(open(bytes), image));
      EXPECT_TRUE(is_whole(image.view(), *test::reference_decode(bytes, JCS_RGB)));
    }
    JpegRecipe cmyk = recipe(kSamplings[2], size, size);
    cmyk.input = JCS_CMYK;
    cmyk.stored = JCS_YCCK;
    cmyk.h[3] = cmyk.v[3] = 2;
    const Bytes bytes = test::write_jpeg(cmyk);
    ASSERT_TRUE(decoder.decode(open(bytes), image, params));
    EXPECT_TRUE(is_whole(image.view(), *test::reference_decode(bytes, JCS_CMYK)));
  }
}

// A handle that was used for one picture must not remember anything of it in the next.
TEST(JpegDecode, PicturesInTurnThroughOneDecoder) {
  Decoder decoder = make_decoder(1);
  std::vector<Bytes> files;
  for (const Sampling& sampling : kSamplings)
    for (const int quality : {50, 95}) {
      JpegRecipe r = recipe(sampling, 90, 70);
      r.quality = quality;
      r.optimized = quality == 50;
      files.push_back(test::write_jpeg(r));
    }
  Image image;
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const Bytes& bytes = files[random() % files.size()];
    if (i % 7 == 0) {
      const Bytes half(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * 3 / 4));
      ASSERT_FALSE(decoder.decode(open(half), image));
    }
    ASSERT_TRUE(decoder.decode(open(bytes), image));
    ASSERT_TRUE(is_whole(image.view(), *test::reference_decode(bytes, JCS_RGB)));
  }
}

void decode_region(Decoder& decoder, const CodeStream& stream, const Reference& whole, const Rect& rect,
                   const DecodeParams& params = {}) {
  SCOPED_TRACE(testing::Message() << rect.x << "," << rect.y << " " << rect.width << "x" << rect.height);
  CodeStreamView view;
  view.region = Region{rect};
  Image image;
  const Status status = decoder.decode(*stream.sub(view), image, params);
  ASSERT_TRUE(status) << status.error().message;
  ASSERT_TRUE(is_crop(image.view(), whole, static_cast<std::size_t>(rect.x), static_cast<std::size_t>(rect.y)));
  ASSERT_EQ(image.view().spec.width, rect.width);
  ASSERT_EQ(image.view().spec.height, rect.height);
}

TEST(JpegDecode, RegionsAreCropsOfTheWhole) {
  std::mt19937 random(7);
  for (const unsigned restart : {0U, 3U, 70U, 4000U})
    for (const Sampling& sampling : kSamplings)
      for (const bool large : {false, true}) {  // with checkpoints or without
        JpegRecipe r = recipe(sampling, large ? 1150 : 150, large ? 571 : 131);
        r.restart = restart;
        const Bytes bytes = test::write_jpeg(r);
        const Reference whole = *test::reference_decode(bytes, JCS_RGB);
        for (const unsigned threads : {1U, 3U}) {
          Decoder decoder = make_decoder(threads);
          const CodeStream kept = open(bytes);
          for (int i = 0; i < 12; ++i) {
            Rect rect;
            rect.x = random() % r.width;
            rect.y = random() % r.height;
            rect.width = 1 + random() % (i < 6 ? std::min<unsigned>(40, r.width - static_cast<unsigned>(rect.x))
                                               : r.width - static_cast<unsigned>(rect.x));
            rect.height = 1 + random() % (r.height - static_cast<unsigned>(rect.y));
            SCOPED_TRACE(testing::Message() << sampling.name << " restart " << restart << " threads " << threads);
            ASSERT_NO_FATAL_FAILURE(decode_region(decoder, kept, whole, rect));
            ASSERT_NO_FATAL_FAILURE(decode_region(decoder, open(bytes), whole, rect));
          }
        }
      }
}

TEST(JpegDecode, RegionsOfReducedPictures) {
  Decoder decoder = make_decoder(2);
  std::mt19937 random(8);
  for (const Sampling& sampling : kSamplings)
    for (std::uint8_t reduce = 1; reduce < 4; ++reduce) {
      const Bytes bytes = test::write_jpeg(recipe(sampling, 1150, 571));
      const Reference whole = *test::reference_decode(bytes, JCS_RGB, reduce);
      const CodeStream stream = open(bytes);
      DecodeParams params;
      params.reduce = reduce;
      for (int i = 0; i < 8; ++i) {
        Rect rect;
        rect.x = random() % whole.width;
        rect.y = random() % whole.height;
        rect.width = 1 + random() % (whole.width - static_cast<unsigned>(rect.x));
        rect.height = 1 + random() % (whole.height - static_cast<unsigned>(rect.y));
        SCOPED_TRACE(testing::Message() << sampling.name << " reduce " << int{reduce});
        ASSERT_NO_FATAL_FAILURE(decode_region(decoder, stream, whole, rect, params));
      }
    }
}

TEST(JpegDecode, ThreadsDoNotMatter) {
  for (const unsigned restart : {0U, 9U, 333U})
    for (const Sampling& sampling : kSamplings) {
      JpegRecipe r = recipe(sampling, 1003, 1501);
      r.restart = restart;
      const Bytes bytes = test::write_jpeg(r);
      const Reference whole = *test::reference_decode(bytes, JCS_RGB);
      for (const unsigned threads : {1U, 2U, 7U}) {
        Decoder decoder = make_decoder(threads);
        const CodeStream stream = open(bytes);
        for (int round = 0; round < 3; ++round) {  // without checkpoints, then with them
          Image image;
          ASSERT_TRUE(decoder.decode(stream, image));
          ASSERT_TRUE(is_whole(image.view(), whole)) << sampling.name << " " << threads << " " << round;
        }
      }
    }
}

TEST(JpegDecode, ManyThreadsMayShareAStream) {
  JpegRecipe r = recipe(kSamplings[2], 1400, 900);
  const Bytes bytes = test::write_jpeg(r);
  const Reference whole = *test::reference_decode(bytes, JCS_RGB);
  Decoder decoder = make_decoder(3);
  for (int round = 0; round < 5; ++round) {
    const CodeStream stream = open(bytes);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 6; ++t)
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < 6; ++i)
          decode_region(decoder, stream, whole, {t * 200, (i * 5 + t) % 6 * 140, 190, 120});
      });
    for (std::thread& thread : threads) thread.join();
  }
}

// Damaged data: refused exactly where libjpeg has something to say, and where it has not, the same pixels.
class JpegDamage : public testing::Test {
 protected:
  void check(const Bytes& bytes) {
    const auto expected = test::reference_decode(bytes, JCS_RGB);
    const CodeStream stream = open(bytes);
    const auto info = stream.info();
    if (!info || (*info)->spec.width != width || (*info)->spec.height != height) return;  // the header was hit
    for (Decoder* decoder : {&alone_, &several_}) {
      const Status status = decoder->decode(stream, image_);
      ASSERT_EQ(static_cast<bool>(status), expected.has_value()) << (status ? "accepted" : status.error().message);
      if (status)
        ASSERT_TRUE(is_whole(image_.view(), *expected));
      else
        ASSERT_LE(status.error().offset, bytes.size());
      (expected ? accepted : refused) += 1;
    }
  }
  unsigned width = 0, height = 0;
  int accepted = 0, refused = 0;

 private:
  Decoder alone_ = make_decoder(1), several_ = make_decoder(2);
  Image image_;
};

TEST_F(JpegDamage, EveryTruncation) {
  for (const unsigned restart : {0U, 2U})
    for (const Sampling& sampling : {kSamplings[0], kSamplings[2]}) {
      JpegRecipe r = recipe(sampling, width = 70, height = 50);
      r.restart = restart;
      const Bytes bytes = test::write_jpeg(r);
      for (std::size_t size = 2; size <= bytes.size(); ++size) {
        SCOPED_TRACE(testing::Message() << sampling.name << " restart " << restart << " size " << size);
        ASSERT_NO_FATAL_FAILURE(check(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))));
      }
    }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

// Whether the last MCU is whole may hang on one bit of the last byte.
TEST_F(JpegDamage, LastBytesMissing) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    JpegRecipe r = recipe(kSamplings[seed % 3], width = 20 + seed % 17, height = 24);
    r.seed = seed;
    const Bytes bytes = test::write_jpeg(r);
    for (std::ptrdiff_t missing = 1; missing <= 5; ++missing) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " without its last " << missing << " bytes");
      ASSERT_NO_FATAL_FAILURE(check(Bytes(bytes.begin(), bytes.end() - missing)));
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(JpegDamage, FlippedBits) {
  std::mt19937 random(11);
  for (const unsigned restart : {0U, 2U, 37U})
    for (const Sampling& sampling : kSamplings) {
      JpegRecipe r = recipe(sampling, width = 120, height = 90);
      r.restart = restart;
      r.noise = 0.5;
      Bytes bytes = test::write_jpeg(r);
      for (int i = 0; i < 160; ++i) {
        // Half of the time a flipped bit, otherwise a byte that makes a marker.
        const std::size_t at = random() % bytes.size();
        const std::byte before = bytes[at], flip{static_cast<unsigned char>(1U << random() % 8)};
        bytes[at] = i % 2 == 0 ? before ^ flip : std::byte{0xff};
        SCOPED_TRACE(testing::Message() << sampling.name << " restart " << restart << " byte " << at << " round " << i);
        ASSERT_NO_FATAL_FAILURE(check(bytes));
        bytes[at] = before;
      }
    }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

// Large enough for checkpoints and bands.
TEST_F(JpegDamage, LargePictures) {
  std::mt19937 random(12);
  for (const unsigned restart : {0U, 61U}) {
    JpegRecipe r = recipe(kSamplings[2], width = 900, height = 800);
    r.restart = restart;
    Bytes bytes = test::write_jpeg(r);
    for (int i = 0; i < 40; ++i) {
      const std::size_t at = 700 + random() % (bytes.size() - 700), bit = random() % 8;
      bytes[at] ^= static_cast<std::byte>(1U << bit);
      SCOPED_TRACE(testing::Message() << "restart " << restart << " byte " << at << " bit " << bit);
      ASSERT_NO_FATAL_FAILURE(check(bytes));
      bytes[at] ^= static_cast<std::byte>(1U << bit);
    }
  }
}

// The file without its segments of `marker`.
std::vector<std::byte> without(std::vector<std::byte> file, int marker) {
  for (std::size_t i = 2; i + 4 < file.size() && file[i] == std::byte{0xff};) {
    const std::size_t length = 2 + (static_cast<std::size_t>(file[i + 2]) << 8 | static_cast<std::size_t>(file[i + 3]));
    const bool scan = file[i + 1] == std::byte{0xda};
    if (file[i + 1] == static_cast<std::byte>(marker))
      file.erase(file.begin() + static_cast<std::ptrdiff_t>(i), file.begin() + static_cast<std::ptrdiff_t>(i + length));
    else
      i += length;
    if (scan) break;
  }
  return file;
}

// libjpeg keeps tables from file to file; a decoder must not.
TEST(JpegDecode, TablesOfAnotherFileAreNotUsed) {
  test::JpegRecipe recipe;
  recipe.optimized = true;
  recipe.quality = 30;
  const auto whole = test::write_jpeg(recipe);
  for (const bool progressive : {false, true})
    for (const int marker : {0xdb, 0xc4}) {
      recipe.progressive = progressive;
      const auto lacking = without(test::write_jpeg(recipe), marker);
      const auto outcome = [&](bool first) {
        Decoder decoder = make_decoder(1);
        const CodeStream before = *CodeStream::borrow(whole), stream = *CodeStream::borrow(lacking);
        if (!first && !decoder.decode(before)) ADD_FAILURE();
        const auto image = decoder.decode(stream);
        return image ? test::pixels_of(*image) : std::vector<std::byte>();
      };
      EXPECT_EQ(outcome(true), outcome(false)) << progressive << ' ' << marker;
    }
}

TEST(JpegDecode, AComponentThatNoScanHoldsIsMissing) {
  for (const bool progressive : {false, true}) {
    test::JpegRecipe recipe;
    recipe.progressive = false;
    recipe.scans =
        progressive ? std::vector<jpeg_scan_info>{{1, {0}, 0, 0, 0, 0}, {1, {1}, 0, 0, 0, 0}, {1, {2}, 0, 0, 0, 0}}
                    : std::vector<jpeg_scan_info>{{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    std::vector<std::byte> file = test::write_jpeg(recipe);
    Decoder decoder = make_decoder(1);
    EXPECT_TRUE(decoder.decode(*CodeStream::borrow(file)));
    std::size_t last = 0;
    for (std::size_t i = 0; i + 1 < file.size(); ++i)
      if (file[i] == std::byte{0xff} && file[i + 1] == std::byte{0xda}) last = i;
    file.resize(last);
    file.push_back(std::byte{0xff});
    file.push_back(std::byte{0xd9});
    const auto image = decoder.decode(*CodeStream::borrow(file));
    ASSERT_FALSE(image) << progressive;
    EXPECT_EQ(image.error().code, Errc::truncated) << image.error().describe();
  }
}

}  // namespace
}  // namespace restride
