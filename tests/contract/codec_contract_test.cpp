// SPDX-License-Identifier: Apache-2.0
// What every entry of the codec table must keep. A new entry gets all of it by being in the table.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "formats/table.h"
#include "unit/support/failing_resource.h"
#include "unit/support/guarded_bytes.h"
#include "unit/support/kinds.h"
#include "unit/support/pictures.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using test::bytes_of;
using test::FailingResource;
using test::GuardedBytes;
using test::Kind;
using test::kinds;
using test::picture;
using test::pixels_of;
using test::value_of;

CodecOptions with_threads(unsigned threads) {
  CodecOptions options;
  options.max_threads = threads;
  return options;
}

class CodecContract : public ::testing::TestWithParam<Kind> {
 protected:
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());

  CodeStream encoded(std::uint32_t width, std::uint32_t height, unsigned seed = 1) {
    return value_of(encoder.encode(picture(width, height, seed), codec(), params()));
  }
  void SetUp() override {
    const auto tried = encoder.encode(picture(8, 8), codec(), params());
    if (!tried && tried.error().code == Errc::unsupported) GTEST_SKIP() << tried.error().describe();
  }
  // Same bytes; where the library leaves some open (OpenJPH's encoder looks at memory beside its rows and codes some
  // empty code-blocks or not), the same pixels.
  bool same(const CodeStream& a, const CodeStream& b) {
    if (std::ranges::equal(a.bytes(), b.bytes())) return true;
    if (!params().jpeg2k.ht) return false;
    const Image one = value_of(decoder.decode(a)), other = value_of(decoder.decode(b));
    return pixels_of(one) == pixels_of(other);
  }
  static const std::string& codec() { return GetParam().codec; }
  static const EncodeParams& params() { return GetParam().params; }
};

TEST_P(CodecContract, HeadersSayWhatDecodingGives) {
  const CodeStream stream = encoded(61, 43);
  const CodeStream parsed = value_of(CodeStream::borrow(stream.bytes()));
  EXPECT_EQ(value_of(parsed.codec()), codec());
  EXPECT_EQ(value_of(parsed.num_images()), 1U);
  const ImageInfo* info = value_of(parsed.info());
  EXPECT_EQ(info->spec.width, 61U);
  EXPECT_EQ(info->spec.height, 43U);
  for (ColorSpec color : {ColorSpec::srgb, ColorSpec::gray, ColorSpec::unchanged, ColorSpec::sycc})
    for (SampleFormat format : {SampleFormat::i_unchanged, SampleFormat::p_unchanged})
      for (bool any_depth : {false, true}) {
        DecodeParams params;
        params.color = color;
        params.format = format;
        params.allow_any_depth = any_depth;
        const ImageSpec promised = value_of(decoder.output_spec(parsed, params));
        EXPECT_EQ(value_of(decoder.decode(parsed, params)).spec(), promised);
      }
}

TEST_P(CodecContract, OwnedBorrowedPaddedAndCroppedOutputAgree) {
  const CodeStream stream = encoded(61, 43);
  const auto want = pixels_of(value_of(decoder.decode(stream)));
  const ImageSpec spec = test::rgb_spec(61, 43);
  {
    GuardedBytes memory(spec.bytes());  // exactly as large as the picture
    Image image = value_of(Image::wrap(dense_view(memory.data(), spec)));
    ASSERT_TRUE(decoder.decode(stream, image));
    EXPECT_EQ(pixels_of(image), want);
  }
  for (const Rect& where : {Rect{0, 0, 61, 43}, Rect{5, 7, 61, 43}, Rect{39, 17, 61, 43}}) {
    const ImageSpec canvas = test::rgb_spec(100, 60);
    GuardedBytes memory(canvas.bytes());
    std::memset(memory.data(), 0x5a, canvas.bytes());
    const ImageView whole = dense_view(memory.data(), canvas);
    Image image = value_of(Image::wrap(whole.crop(where)));
    ASSERT_TRUE(decoder.decode(stream, image));
    EXPECT_EQ(pixels_of(image), want);
    for (std::int64_t y = 0; y < 60; ++y)
      for (std::int64_t x = 0; x < 100; ++x) {
        const bool inside = x >= where.x && x < where.right() && y >= where.y && y < where.bottom();
        if (inside) continue;
        for (int c = 0; c < 3; ++c) ASSERT_EQ(*whole.at(x, y, c), std::byte{0x5a}) << x << ' ' << y;
      }
  }
}

TEST_P(CodecContract, LayoutsHoldTheSamePixels) {
  const CodeStream stream = encoded(61, 43);
  const Image rgb = value_of(decoder.decode(stream));
  for (SampleFormat format : {SampleFormat::p_rgb, SampleFormat::i_bgr, SampleFormat::p_bgr, SampleFormat::i_rgba}) {
    DecodeParams params;
    params.format = format;
    const Image other = value_of(decoder.decode(stream, params));
    const bool bgr = interleaved(format) == SampleFormat::i_bgr;
    for (std::uint32_t y = 0; y < 43; ++y)
      for (std::uint32_t x = 0; x < 61; ++x)
        for (unsigned c = 0; c < 3; ++c) ASSERT_EQ(*other.view().at(x, y, bgr ? 2 - c : c), *rgb.view().at(x, y, c));
  }
}

TEST_P(CodecContract, ReuseAfterLargerAndSmallerPictures) {
  const CodeStream small = encoded(30, 20), large = encoded(90, 70);
  const auto want_small = pixels_of(value_of(decoder.decode(small))),
             want_large = pixels_of(value_of(decoder.decode(large)));
  Image image;
  ASSERT_TRUE(decoder.decode(small, image));
  EXPECT_EQ(image.capacity(), 1800U);
  ASSERT_TRUE(decoder.decode(large, image));
  EXPECT_EQ(image.capacity(), 18900U);
  EXPECT_EQ(pixels_of(image), want_large);
  ASSERT_TRUE(decoder.decode(small, image));
  EXPECT_EQ(image.capacity(), 18900U);
  EXPECT_EQ(image.size(), 1800U);
  EXPECT_EQ(pixels_of(image), want_small);
}

TEST_P(CodecContract, BatchesEqualSinglesWithAnyNumberOfThreads) {
  std::vector<CodeStream> streams;
  std::vector<std::vector<std::byte>> want;
  for (unsigned i = 0; i < 9; ++i) {
    streams.push_back(encoded(20 + 7 * i, 50 - 4 * i, i));
    want.push_back(pixels_of(value_of(decoder.decode(streams.back()))));
  }
  for (unsigned threads : {1U, 2U, 3U, 8U}) {
    Decoder many = value_of(Decoder::create(with_threads(threads)));
    std::vector<Image> images(streams.size());
    std::vector<const CodeStream*> in;
    std::vector<Image*> out;
    for (std::size_t i = 0; i < streams.size(); ++i) in.push_back(&streams[i]), out.push_back(&images[i]);
    std::vector<Status> statuses(streams.size());
    for (int round = 0; round < 3; ++round) {
      many.decode(in, out, statuses);
      for (std::size_t i = 0; i < streams.size(); ++i) {
        ASSERT_TRUE(statuses[i]) << statuses[i].error().describe();
        EXPECT_EQ(pixels_of(images[i]), want[i]);
      }
    }
    Encoder encoders = value_of(Encoder::create(with_threads(threads)));
    for (unsigned i = 0; i < 9; ++i)
      EXPECT_TRUE(same(value_of(encoders.encode(picture(20 + 7 * i, 50 - 4 * i, i), codec(), params())), streams[i]));
  }
}

TEST_P(CodecContract, OneBadImageSpoilsNoOther) {
  const CodeStream good = encoded(61, 43);
  const auto want = pixels_of(value_of(decoder.decode(good)));
  const auto half = bytes_of(good);
  const CodeStream bad = value_of(CodeStream::borrow({half.data(), half.size() / 2}));
  const CodeStream* in[] = {&good, &bad, nullptr, &good};
  Image images[4];
  Image* out[] = {&images[0], &images[1], &images[2], &images[3]};
  Status statuses[4];
  decoder.decode(in, out, statuses);
  EXPECT_TRUE(statuses[0]);
  ASSERT_FALSE(statuses[1]);
  EXPECT_FALSE(statuses[1].error().message.empty());
  EXPECT_FALSE(statuses[2]);
  EXPECT_TRUE(statuses[3]);
  EXPECT_EQ(pixels_of(images[0]), want);
  EXPECT_EQ(pixels_of(images[3]), want);
}

// Prefixes end where a page ends: reading past them dies.
TEST_P(CodecContract, EveryPrefixFailsCleanlyOrIsWhole) {
  const CodeStream stream = encoded(13, 11);
  const auto want = pixels_of(value_of(decoder.decode(stream)));
  const auto all = bytes_of(stream);
  std::size_t whole = 0;
  for (std::size_t n = 1; n < all.size(); ++n) {
    GuardedBytes memory(n);
    std::memcpy(memory.data(), all.data(), n);
    Image image;
    const Status status = decoder.decode(value_of(CodeStream::borrow({memory.data(), n})), image);
    if (status) {
      ++whole;
      EXPECT_EQ(pixels_of(image), want) << GetParam().name << ": " << n << " of " << all.size() << " bytes";
    } else {
      EXPECT_FALSE(status.error().message.empty());
      EXPECT_NE(status.error().code, Errc::internal) << status.error().describe();
      if (status.error().code == Errc::truncated || status.error().code == Errc::corrupt) {
        EXPECT_LE(status.error().offset, n) << status.error().describe();  // and so known
      }
    }
  }
  EXPECT_LE(whole, 16U) << "only trailing bytes without pixels may be missing";
}

TEST_P(CodecContract, FlippedBitsNeverCrash) {
  const auto all = bytes_of(encoded(13, 11));
  std::mt19937& random = test::random_bits();
  for (int round = 0; round < 300; ++round) {
    auto damaged = all;
    for (int k = 0; k < 1 + round % 4; ++k)
      damaged[random() % damaged.size()] ^= static_cast<std::byte>(1U << random() % 8);
    GuardedBytes memory(damaged.size());
    std::memcpy(memory.data(), damaged.data(), damaged.size());
    DecodeParams params;
    params.limits.max_pixels = 1 << 20;
    params.limits.max_memory = 1 << 26;
    Image image;
    const Status status = decoder.decode(value_of(CodeStream::borrow({memory.data(), damaged.size()})), image, params);
    if (status) continue;
    EXPECT_FALSE(status.error().message.empty());
    if (status.error().code == Errc::truncated || status.error().code == Errc::corrupt) {
      EXPECT_NE(status.error().offset, Error::kNoOffset) << status.error().describe();
    }
  }
}

TEST_P(CodecContract, RegionsAreCropsAndOutsideIsFilled) {
  const CodeStream stream = encoded(61, 43);
  const Image whole = value_of(decoder.decode(stream));
  for (const Rect& rect : {Rect{0, 0, 61, 43}, Rect{10, 5, 20, 30}, Rect{60, 42, 1, 1}, Rect{-8, -9, 80, 60},
                           Rect{50, -3, 20, 10}, Rect{-5, 40, 9, 9}, Rect{200, 5, 10, 10}}) {
    CodeStreamView view;
    view.region = Region{rect, {10, 125, 255}};
    const Image part = value_of(decoder.decode(value_of(stream.sub(view))));
    ASSERT_EQ(part.spec().width, rect.width);
    for (std::int64_t y = 0; y < rect.height; ++y)
      for (std::int64_t x = 0; x < rect.width; ++x) {
        const std::int64_t sx = rect.x + x, sy = rect.y + y;
        const bool inside = sx >= 0 && sy >= 0 && sx < 61 && sy < 43;
        constexpr std::byte kFill[] = {std::byte{10}, std::byte{125}, std::byte{255}};
        for (int c = 0; c < 3; ++c)
          ASSERT_EQ(*part.view().at(x, y, c), inside ? *whole.view().at(sx, sy, c) : kFill[c]) << x << ' ' << y;
      }
  }
}

TEST_P(CodecContract, LimitsAreKept) {
  const CodeStream stream = encoded(61, 43);
  DecodeParams params;
  params.limits.max_pixels = 61 * 43 - 1;
  Image image;
  const Status status = decoder.decode(stream, image, params);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::limit_exceeded);
  EXPECT_TRUE(image.empty());
}

TEST_P(CodecContract, RefusedBuffersAreLeftAlone) {
  const CodeStream stream = encoded(61, 43);
  std::vector<std::byte> memory(60 * 43 * 3, std::byte{9});
  Image image = value_of(Image::wrap(dense_view(memory.data(), test::rgb_spec(60, 43))));
  const Status status = decoder.decode(stream, image);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "Existing buffer is too small to fit new image");
  EXPECT_EQ(std::count(memory.begin(), memory.end(), std::byte{9}), 60 * 43 * 3);
}

TEST_P(CodecContract, CodeStreamsAreReusedAndGrow) {
  const Image small = picture(30, 20), large = picture(200, 150);
  const CodeStream fresh_small = value_of(encoder.encode(small, codec(), params())),
                   fresh_large = value_of(encoder.encode(large, codec(), params()));
  EXPECT_EQ(fresh_small.size(), fresh_small.capacity());
  CodeStream stream = value_of(CodeStream::create(fresh_small.size() + 100));
  ASSERT_TRUE(encoder.encode(small, codec(), stream, params()));
  EXPECT_EQ(stream.capacity(), fresh_small.size() + 100);
  EXPECT_TRUE(same(stream, fresh_small));
  ASSERT_TRUE(encoder.encode(large, codec(), stream, params()));
  EXPECT_TRUE(same(stream, fresh_large));
  EXPECT_EQ(stream.capacity(), std::max(stream.size(), fresh_small.size() + 100));
  ASSERT_TRUE(encoder.encode(small, codec(), stream, params()));
  EXPECT_TRUE(same(stream, fresh_small));
  EXPECT_EQ(value_of(stream.info())->spec.width, 30U);
  EXPECT_EQ(pixels_of(value_of(decoder.decode(stream))), pixels_of(value_of(decoder.decode(fresh_small))));
}

TEST_P(CodecContract, EncodersReadPaddedAndPlanarPixels) {
  const Image dense = picture(61, 43);
  const CodeStream want = value_of(encoder.encode(dense, codec(), params()));
  std::vector<std::byte> canvas(100 * 60 * 3, std::byte{77});
  Image padded = value_of(Image::wrap(dense_view(canvas.data(), test::rgb_spec(100, 60)).crop({9, 8, 61, 43})));
  for (std::uint32_t y = 0; y < 43; ++y) std::memcpy(padded.view().at(0, y), dense.view().at(0, y), 183);
  EXPECT_TRUE(same(value_of(encoder.encode(padded, codec(), params())), want));
  ImageSpec spec = test::rgb_spec(61, 43);
  spec.format = SampleFormat::p_rgb;
  Image planes;
  ASSERT_TRUE(planes.ensure(spec));
  for (std::uint32_t y = 0; y < 43; ++y)
    for (std::uint32_t x = 0; x < 61; ++x)
      for (unsigned c = 0; c < 3; ++c) *planes.view().at(x, y, c) = *dense.view().at(x, y, c);
  EXPECT_TRUE(same(value_of(encoder.encode(planes, codec(), params())), want));
}

TEST_P(CodecContract, GrayIsEncodedAndComesBackGray) {
  EncodeParams to_gray = params();
  to_gray.color = ColorSpec::gray;
  to_gray.subsampling.reset();
  const CodeStream stream = value_of(encoder.encode(picture(61, 43), codec(), to_gray));
  EXPECT_EQ(value_of(stream.info())->spec.channels, 1U);
  EXPECT_EQ(value_of(stream.info())->spec.color, ColorSpec::gray);
  DecodeParams gray;
  gray.color = ColorSpec::gray;
  EXPECT_EQ(value_of(decoder.decode(stream, gray)).spec().channels, 1U);
}

TEST_P(CodecContract, AFailedAllocationIsAnErrorAndTheNextCallWorks) {
  const CodeStream stream = encoded(61, 43);
  const auto want = pixels_of(value_of(decoder.decode(stream)));
  const Image source = picture(61, 43);
  static FailingResource resource;  // outlives every buffer made from it
  const auto in_use = memory_stats().host.bytes_in_use;
  for (long n = 1; n < 200; ++n) {
    Decoder fresh = value_of(Decoder::create());
    Encoder fresh_encoder = value_of(Encoder::create());
    MemoryResource* before = set_default_resource(Memory::host, &resource);
    resource.fail_at(n);
    bool reached = false;
    {
      Image image;
      const Status status = fresh.decode(stream, image);
      EXPECT_TRUE(status || status.error().code == Errc::out_of_memory) << status.error().describe();
      const bool decoded_whole = !resource.failed();
      CodeStream out = value_of(CodeStream::create());
      const Status written = decoded_whole ? fresh_encoder.encode(source, codec(), out, params()) : Status();
      EXPECT_TRUE(written || written.error().code == Errc::out_of_memory) << written.error().describe();
      reached = resource.failed();
      resource.fail_at(0);
      ASSERT_TRUE(fresh.decode(stream, image));
      EXPECT_EQ(pixels_of(image), want);
    }
    set_default_resource(Memory::host, before);
    if (!reached) break;
    ASSERT_LT(n, 199) << "allocations without end";
  }
  EXPECT_EQ(memory_stats().host.bytes_in_use, in_use) << "something was not given back";
}

TEST_P(CodecContract, OneDecoderAndEncoderServeManyThreads) {
  std::vector<CodeStream> streams;
  std::vector<std::vector<std::byte>> want;
  for (unsigned i = 0; i < 4; ++i) {
    streams.push_back(encoded(40 + i, 30, i));
    want.push_back(pixels_of(value_of(decoder.decode(streams.back()))));
  }
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Image image;
      for (unsigned round = 0; round < 10; ++round) {
        const unsigned i = (t + round) % 4;
        if (!decoder.decode(streams[i], image) || pixels_of(image) != want[i]) ++wrong;
        auto again = encoder.encode(picture(40 + i, 30, i), codec(), params());
        if (!again || !same(*again, streams[i])) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CodecContract, ::testing::ValuesIn(kinds()),
                         [](const auto& p) { return p.param.name; });

TEST(CodecTable, EveryFormatDecodesEncodesAndIsFoundByItsExtensions) {
  std::set<std::string_view> extensions;
  std::set<const Format*> formats;
  for (const CodecEntry& entry : codecs()) {
    EXPECT_EQ(find_format(entry.format->name), entry.format);
    if (!formats.insert(entry.format).second) continue;  // one more codec, which may do less than the first
    EXPECT_TRUE(entry.make_decoder && entry.make_encoder) << entry.name;
    for (std::string_view extension : entry.format->extensions) {
      EXPECT_EQ(find_format(extension), entry.format);
      EXPECT_TRUE(extensions.insert(extension).second) << extension << " belongs to two formats";
    }
  }
  EXPECT_EQ(codec_for(".JPG"), "jpeg");
  EXPECT_EQ(codec_for(".xyz"), "");
}

}  // namespace
}  // namespace restride
