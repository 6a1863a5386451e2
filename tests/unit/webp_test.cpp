// SPDX-License-Identifier: Apache-2.0
// WebP, with libwebp's simple interface as the judge.
#include <gtest/gtest.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "image/convert/pixels.h"
#include "restride/restride.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using Data = std::vector<std::byte>;

using test::random_below;
using test::random_bits;

ImageSpec spec_of(std::uint32_t width, std::uint32_t height, SampleFormat format) {
  const unsigned channels = channels_of(format);
  return {width, height, channels, SampleType::u8, format, channels < 3 ? ColorSpec::gray : ColorSpec::srgb, 0};
}

// Smooth, with edges in colour, which show any difference in upsampling.
Data picture(const ImageSpec& spec) {
  Data data(static_cast<std::size_t>(spec.bytes()));
  const ImageView view = dense_view(data.data(), spec);
  for (std::uint32_t y = 0; y < spec.height; ++y)
    for (std::uint32_t x = 0; x < spec.width; ++x)
      for (unsigned c = 0; c < spec.channels; ++c) {
        const unsigned edge = (x / 9 + y / 7 + c) % 3 * 90;
        *view.at(x, y, c) = static_cast<std::byte>((edge + x + y / 2 * c + random_below(4)) & 255);
      }
  return data;
}

std::uint8_t* raw(std::byte* p) { return reinterpret_cast<std::uint8_t*>(p); }
const std::uint8_t* raw(const std::byte* p) { return reinterpret_cast<const std::uint8_t*>(p); }

Data taken(std::uint8_t* made, std::size_t size) {
  Data data(reinterpret_cast<std::byte*>(made), reinterpret_cast<std::byte*>(made) + size);
  WebPFree(made);
  EXPECT_GT(size, 0U);
  return data;
}

Data encoded_by_libwebp(const Data& pixels, int width, int height, bool alpha, bool lossless) {
  std::uint8_t* made = nullptr;
  const std::uint8_t* p = raw(pixels.data());
  const std::size_t size = alpha && lossless ? WebPEncodeLosslessRGBA(p, width, height, width * 4, &made)
                           : alpha           ? WebPEncodeRGBA(p, width, height, width * 4, 80, &made)
                           : lossless        ? WebPEncodeLosslessRGB(p, width, height, width * 3, &made)
                                             : WebPEncodeRGB(p, width, height, width * 3, 80, &made);
  return taken(made, size);
}

// filtering 0: none, 1: a quick choice of one, 2: the best of all.
Data encoded_with_alpha_filter(const Data& pixels, int width, int height, int filtering) {
  WebPConfig config;
  EXPECT_TRUE(WebPConfigInit(&config));
  config.alpha_filtering = filtering;
  WebPPicture input;
  EXPECT_TRUE(WebPPictureInit(&input));
  input.width = width;
  input.height = height;
  EXPECT_TRUE(WebPPictureImportRGBA(&input, raw(pixels.data()), width * 4));
  Data file;
  input.custom_ptr = &file;
  input.writer = [](const std::uint8_t* data, std::size_t size, const WebPPicture* p) {
    auto* to = static_cast<Data*>(p->custom_ptr);
    const auto* from = reinterpret_cast<const std::byte*>(data);
    to->insert(to->end(), from, from + size);
    return 1;
  };
  EXPECT_TRUE(WebPEncode(&config, &input));
  WebPPictureFree(&input);
  return file;
}

struct Sample {
  Data file;
  std::uint32_t width, height;
  bool alpha, lossless;
  std::string name() const {
    return std::to_string(width) + "x" + std::to_string(height) + (alpha ? ", alpha" : "") +
           (lossless ? ", lossless" : ", lossy");
  }
};

std::vector<Sample> samples() {
  std::vector<Sample> all;
  for (auto [width, height] : {std::pair{1U, 1U}, {2U, 5U}, {17U, 16U}, {63U, 65U}, {201U, 143U}})
    for (bool alpha : {false, true})
      for (bool lossless : {false, true}) {
        const Data pixels = picture(spec_of(width, height, alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb));
        all.push_back({encoded_by_libwebp(pixels, static_cast<int>(width), static_cast<int>(height), alpha, lossless),
                       width, height, alpha, lossless});
      }
  return all;
}

template <class T>
T make(unsigned threads = 1, const char* text = "") {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = threads;
  options.options = text;
  return *T::create(options);
}

CodeStream stream_of(const Data& file) { return *CodeStream::borrow(file); }
DecodeParams unchanged() {
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  return params;
}
Result<Image> decode(const Data& file, const DecodeParams& params = unchanged()) {
  static Decoder decoder = make<Decoder>();
  return decoder.decode(stream_of(file), params);
}

Data by_libwebp(const Data& file, unsigned channels) {
  int width = 0, height = 0;
  std::uint8_t* made = channels == 4 ? WebPDecodeRGBA(raw(file.data()), file.size(), &width, &height)
                                     : WebPDecodeRGB(raw(file.data()), file.size(), &width, &height);
  return taken(made, static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * channels);
}

void expect_same(const ImageView& view, const Data& expected, const std::string& what) {
  ASSERT_EQ(view.spec.bytes(), expected.size()) << what;
  for (std::uint32_t y = 0; y < view.spec.height; ++y)
    ASSERT_EQ(std::memcmp(view.at(0, y), expected.data() + y * view.spec.row_bytes(), view.spec.row_bytes()), 0)
        << what << ", row " << y;
}

TEST(WebpDecode, EqualsLibwebpInEveryLayout) {
  for (const Sample& sample : samples()) {
    const unsigned channels = sample.alpha ? 4 : 3;
    const Data native = by_libwebp(sample.file, channels);
    auto image = decode(sample.file);
    ASSERT_TRUE(image) << sample.name() << ": " << image.error().describe();
    EXPECT_EQ(image->spec().channels, channels);
    expect_same(image->view(), native, sample.name());
    const Data rgb = by_libwebp(sample.file, 3), rgba = by_libwebp(sample.file, 4);
    const ImageView from =
        dense_view(const_cast<std::byte*>(rgba.data()), spec_of(sample.width, sample.height, SampleFormat::i_rgba));
    DecodeParams params;
    image = decode(sample.file, params);
    ASSERT_TRUE(image);
    expect_same(image->view(), rgb, sample.name());
    for (SampleFormat format : {SampleFormat::i_bgr, SampleFormat::i_rgba, SampleFormat::p_rgb, SampleFormat::p_bgr,
                                SampleFormat::i_y, SampleFormat::p_rgba, SampleFormat::i_ycc}) {
      params.format = format;
      image = decode(sample.file, params);
      ASSERT_TRUE(image) << image.error().describe();
      Data expected(static_cast<std::size_t>(image->size()));
      convert_pixels(from, dense_view(expected.data(), image->spec()));
      EXPECT_EQ(std::memcmp(image->view().data, expected.data(), expected.size()), 0)
          << sample.name() << ", format " << int(format);
    }
  }
}

TEST(WebpDecode, RegionsEqualTheCropAndLeaveTheRestAlone) {
  Decoder decoder = make<Decoder>();
  for (const Sample& sample : samples()) {
    auto whole = decode(sample.file);
    ASSERT_TRUE(whole);
    for (int i = 0; i < 150; ++i) {
      const unsigned x = random_below(sample.width), y = random_below(sample.height);
      const unsigned width = 1 + random_below(sample.width - x), height = 1 + random_below(sample.height - y);
      CodeStreamView view;
      view.region = Region{{x, y, width, height}, {}};
      auto part = stream_of(sample.file).sub(view);
      ASSERT_TRUE(part);
      ImageSpec spec = whole->spec();
      spec.width = width;
      spec.height = height;
      const std::size_t row = static_cast<std::size_t>(spec.row_bytes()), stride = row + 5;
      Data space(stride * height, std::byte{0x77});
      ImageView target = dense_view(space.data(), spec);
      target.row_stride = static_cast<std::ptrdiff_t>(stride);
      auto image = Image::wrap(target);
      const Status status = decoder.decode(*part, *image, unchanged());
      ASSERT_TRUE(status) << status.error().describe();
      for (unsigned r = 0; r < height; ++r) {
        ASSERT_EQ(std::memcmp(space.data() + r * stride, whole->view().at(x, y + r), row), 0)
            << sample.name() << " region " << x << ' ' << y << ' ' << width << ' ' << height << " row " << r;
        for (std::size_t k = row; k < stride; ++k) ASSERT_EQ(space[r * stride + k], std::byte{0x77});
      }
    }
  }
}

// Every filter of the alpha plane, with many levels and with few: the latter are stored as indices to a palette.
TEST(WebpDecode, RegionsOfFilteredAlphaEqualTheCrop) {
  const ImageSpec spec = spec_of(37, 41, SampleFormat::i_rgba);
  for (int filtering : {0, 1, 2})
    for (unsigned levels : {2U, 5U, 256U})
      for (int ramp : {0, 1, 2}) {
        Data pixels = picture(spec);
        const ImageView view = dense_view(pixels.data(), spec);
        for (unsigned y = 0; y < 41; ++y)
          for (unsigned x = 0; x < 37; ++x) {
            const unsigned at = ramp == 0 ? x * 5 + y / 6 * 40 : ramp == 1 ? y * 5 + x / 6 * 40 : (x + y) * 3;
            *view.at(x, y, 3) = static_cast<std::byte>(at % 256 * levels / 256 * (255 / (levels - 1)));
          }
        Data file = encoded_with_alpha_filter(pixels, 37, 41, filtering);
        auto whole = decode(file);
        ASSERT_TRUE(whole);
        for (const Rect& rect : {Rect{0, 9, 37, 20}, Rect{5, 7, 12, 7}, Rect{20, 40, 17, 1}, Rect{0, 1, 1, 40}}) {
          CodeStreamView part;
          part.region = Region{rect, {}};
          auto image = make<Decoder>().decode(*stream_of(file).sub(part), unchanged());
          ASSERT_TRUE(image) << image.error().describe();
          const std::size_t row = static_cast<std::size_t>(rect.width) * 4;
          for (std::int64_t y = 0; y < rect.height; ++y)
            ASSERT_EQ(std::memcmp(image->view().at(0, y), whole->view().at(rect.x, rect.y + y), row), 0)
                << "filtering " << filtering << ", " << levels << " levels, ramp " << ramp << ", region " << rect.x
                << ' ' << rect.y << ", row " << y;
        }
      }
}

TEST(WebpDecode, InfoDescribesThePicture) {
  for (const Sample& sample : samples()) {
    const CodeStream stream = stream_of(sample.file);
    const auto info = stream.info();
    ASSERT_TRUE(info);
    const SampleFormat format = sample.alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
    EXPECT_EQ((*info)->spec, (ImageSpec{sample.width, sample.height, channels_of(format), SampleType::u8, format,
                                        ColorSpec::srgb, 8}));
    EXPECT_EQ((*info)->subsampling, sample.lossless ? ChromaSubsampling::css_444 : ChromaSubsampling::css_420);
    EXPECT_EQ(*stream.codec(), "webp");
  }
}

TEST(WebpDecode, ThreadsChangeNothing) {
  const ImageSpec spec = spec_of(900, 700, SampleFormat::i_rgba);
  const Data file = encoded_by_libwebp(picture(spec), 900, 700, true, false);
  const Data expected = by_libwebp(file, 4);
  Decoder decoder = make<Decoder>(4);
  const CodeStream stream = stream_of(file);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        auto image = decoder.decode(stream, unchanged());
        ASSERT_TRUE(image);
        expect_same(image->view(), expected, "several at once");
      }
    });
  for (auto& thread : threads) thread.join();
}

// ---- the container

void put_chunk(Data& to, const char (&type)[5], const Data& data) {
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::byte>(type[i]));
  to.resize(to.size() + 4);
  store(to.data() + to.size() - 4, static_cast<std::uint32_t>(data.size()), std::endian::little);
  to.insert(to.end(), data.begin(), data.end());
  if (data.size() % 2) to.push_back(std::byte{0});
}
void put_u24(Data& to, std::uint32_t value) {
  for (int i = 0; i < 3; ++i) to.push_back(static_cast<std::byte>(value >> 8 * i));
}
Data bytes_of(std::initializer_list<int> values) {
  Data data;
  for (int value : values) data.push_back(static_cast<std::byte>(value));
  return data;
}
Data chunks_of(const Data& file) { return Data(file.begin() + 12, file.end()); }

// 2.7: the extended format; flags of Figure 7.
Data extended(int flags, std::uint32_t width, std::uint32_t height, const std::vector<Data>& parts) {
  Data header = bytes_of({flags, 0, 0, 0});
  put_u24(header, width - 1);
  put_u24(header, height - 1);
  Data body = bytes_of({'W', 'E', 'B', 'P'});
  put_chunk(body, "VP8X", header);
  for (const Data& part : parts) body.insert(body.end(), part.begin(), part.end());
  Data file;
  put_chunk(file, "RIFF", body);
  return file;
}
constexpr int kAnimation = 2, kExif = 8, kAlpha = 16;

const Data& exif_rotated() {
  static const Data block =
      bytes_of({'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0});
  return block;
}

TEST(WebpContainer, OrientationComesFromExif) {
  const ImageSpec spec = spec_of(20, 10, SampleFormat::i_rgb);
  const Data pixels = picture(spec);
  const Data plain = encoded_by_libwebp(pixels, 20, 10, false, true);
  Data prefixed = bytes_of({'E', 'x', 'i', 'f', 0, 0});
  prefixed.insert(prefixed.end(), exif_rotated().begin(), exif_rotated().end());
  for (const Data& block : {exif_rotated(), prefixed}) {
    Data exif;
    put_chunk(exif, "EXIF", block);
    const Data file = extended(kExif, 20, 10, {chunks_of(plain), exif});
    const CodeStream stream = stream_of(file);
    const auto info = stream.info();
    ASSERT_TRUE(info) << info.error().describe();
    EXPECT_EQ((*info)->orientation, Orientation::rotate_270);
    auto image = decode(file);
    ASSERT_TRUE(image) << image.error().describe();
    EXPECT_EQ(image->spec().width, 10U);
    EXPECT_EQ(*image->view().at(0, 0, 1), pixels[19 * 3 + 1]);  // the top right comes to the top left
  }
}

Data frame(std::uint32_t x, std::uint32_t y, std::uint32_t width, std::uint32_t height, const Data& bitstream) {
  Data data;
  for (std::uint32_t value : {x / 2, y / 2, width - 1, height - 1, 100U}) put_u24(data, value);
  data.push_back(std::byte{0});
  data.insert(data.end(), bitstream.begin(), bitstream.end());
  Data chunk;
  put_chunk(chunk, "ANMF", data);
  return chunk;
}

TEST(WebpContainer, AnAnimationShowsItsFirstFrame) {
  Data background;
  put_chunk(background, "ANIM", bytes_of({0, 0, 0, 0, 0, 0}));
  for (bool alpha : {false, true})
    for (bool lossless : {false, true}) {
      const SampleFormat format = alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
      const Data first = encoded_by_libwebp(picture(spec_of(40, 30, format)), 40, 30, alpha, lossless);
      const Data second = encoded_by_libwebp(picture(spec_of(10, 10, format)), 10, 10, alpha, lossless);
      // The bitstream without the container: a lossy picture with alpha has one of its own, whose VP8X chunk is left
      // out.
      Data bitstream = chunks_of(first);
      if (std::memcmp(bitstream.data(), "VP8X", 4) == 0) bitstream.erase(bitstream.begin(), bitstream.begin() + 18);
      const Data file = extended(kAnimation | kAlpha, 40, 30,
                                 {background, frame(0, 0, 40, 30, bitstream), frame(2, 4, 10, 10, chunks_of(second))});
      auto image = decode(file);
      ASSERT_TRUE(image) << image.error().describe();
      expect_same(image->view(), by_libwebp(first, alpha ? 4 : 3), "first frame");
      EXPECT_EQ(*stream_of(file).num_images(), 1U);

      const Data part = extended(kAnimation, 40, 30, {background, frame(2, 4, 10, 10, chunks_of(second))});
      EXPECT_TRUE(stream_of(part).info());
      image = decode(part);
      ASSERT_FALSE(image);
      EXPECT_EQ(image.error().code, Errc::unsupported);
    }
}

// ---- damage

TEST(WebpDamage, EveryPrefixFails) {
  for (bool alpha : {false, true})
    for (bool lossless : {false, true}) {
      const SampleFormat format = alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
      const Data file = encoded_by_libwebp(picture(spec_of(33, 21, format)), 33, 21, alpha, lossless);
      ASSERT_TRUE(decode(file));
      for (std::size_t n = 12; n < file.size(); ++n) {
        const Data prefix(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
        auto image = decode(prefix);
        ASSERT_FALSE(image) << n << " of " << file.size();
        EXPECT_EQ(image.error().code, Errc::truncated)
            << n << " of " << file.size() << ": " << image.error().describe();
      }
    }
}

TEST(WebpDamage, RandomChangesNeverCrash) {
  for (const Sample& sample : samples())
    for (int i = 0; i < 100; ++i) {
      Data bad = sample.file;
      for (int k = 0; k < 3; ++k)
        bad[random_below(static_cast<unsigned>(bad.size()))] = static_cast<std::byte>(random_bits()());
      (void)decode(bad);
    }
}

TEST(WebpDamage, GarbageBehindTheHeaderIsCorrupt) {
  Data file = bytes_of({'R', 'I', 'F', 'F', 100, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P', '8', 'L', 88, 0, 0, 0});
  file.resize(108, std::byte{0x55});
  auto image = decode(file);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Errc::corrupt);
}

// ---- encoding

EncodeParams quality(double value) {
  EncodeParams params;
  params.quality_type = QualityType::quality;
  params.quality_value = value;
  return params;
}
EncodeParams lossless() {
  EncodeParams params;
  params.quality_type = QualityType::lossless;
  return params;
}

Data encode(const ImageView& view, const EncodeParams& params = {}, const char* options = "") {
  Encoder encoder = make<Encoder>(1, options);
  auto encoded = encoder.encode(*Image::wrap(view), "webp", params);
  EXPECT_TRUE(encoded) << encoded.error().describe();
  return encoded ? Data(encoded->bytes().begin(), encoded->bytes().end()) : Data();
}

TEST(WebpEncode, LosslessComesBack) {
  for (auto [width, height] : {std::pair{1U, 1U}, {37U, 29U}, {200U, 101U}})
    for (SampleFormat format : {SampleFormat::i_rgb, SampleFormat::i_rgba}) {
      const ImageSpec spec = spec_of(width, height, format);
      Data pixels = picture(spec);
      // Colours under transparent pixels count as well.
      if (spec.channels == 4) pixels[3] = std::byte{0};
      auto image = decode(encode(dense_view(pixels.data(), spec), lossless()));
      ASSERT_TRUE(image);
      expect_same(image->view(), pixels, "lossless");
    }
}

TEST(WebpEncode, EqualsLibwebpAtAnyQuality) {
  const ImageSpec spec = spec_of(123, 77, SampleFormat::i_rgb);
  Data pixels = picture(spec);
  for (double value : {1.0, 40.0, 75.0, 100.0}) {
    std::uint8_t* made = nullptr;
    const std::size_t size = WebPEncodeRGB(raw(pixels.data()), 123, 77, 123 * 3, static_cast<float>(value), &made);
    const Data expected = taken(made, size);
    EXPECT_EQ(encode(dense_view(pixels.data(), spec), quality(value)), expected) << value;
    if (value == 75) {
      EXPECT_EQ(encode(dense_view(pixels.data(), spec)), expected) << "the default";
    }
  }
}

// Rows that libwebp reads itself and rows that are converted first must give the same file.
TEST(WebpEncode, LayoutsChangeNothing) {
  for (const EncodeParams& params : {EncodeParams{}, lossless()}) {
    const ImageSpec spec = spec_of(90, 61, SampleFormat::i_rgb);
    Data pixels = picture(spec);
    const ImageView rgb = dense_view(pixels.data(), spec);
    const Data expected = encode(rgb, params);
    for (SampleFormat format : {SampleFormat::i_bgr, SampleFormat::p_rgb, SampleFormat::p_bgr}) {
      Data space(pixels.size());
      const ImageView view = dense_view(space.data(), spec_of(90, 61, format));
      convert_pixels(rgb, view);
      EXPECT_EQ(encode(view, params), expected) << "format " << int(format);
    }
    Data padded((spec.row_bytes() + 7) * spec.height);
    ImageView view = rgb;
    view.data = padded.data();
    view.row_stride = static_cast<std::ptrdiff_t>(spec.row_bytes() + 7);
    convert_pixels(rgb, view);
    EXPECT_EQ(encode(view, params), expected) << "padded";

    const ImageSpec with_alpha = spec_of(90, 61, SampleFormat::i_rgba);
    Data rgba = picture(with_alpha), planes(rgba.size());
    const ImageView planar_view = dense_view(planes.data(), spec_of(90, 61, SampleFormat::p_rgba));
    convert_pixels(dense_view(rgba.data(), with_alpha), planar_view);
    EXPECT_EQ(encode(planar_view, params), encode(dense_view(rgba.data(), with_alpha), params));
  }
}

TEST(WebpEncode, GrayIsWrittenAsEqualChannels) {
  const ImageSpec spec = spec_of(50, 40, SampleFormat::i_y);
  Data pixels = picture(spec);
  auto image = decode(encode(dense_view(pixels.data(), spec), lossless()));
  ASSERT_TRUE(image);
  ASSERT_EQ(image->spec().channels, 3U);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    for (unsigned c = 0; c < 3; ++c) ASSERT_EQ(image->view().data[3 * i + c], pixels[i]);

  const ImageSpec rgb = spec_of(50, 40, SampleFormat::i_rgb);
  Data colors = picture(rgb);
  EncodeParams params = lossless();
  params.color = ColorSpec::gray;
  Encoder encoder = make<Encoder>();
  auto encoded = encoder.encode(*Image::wrap(dense_view(colors.data(), rgb)), "webp", params);
  ASSERT_TRUE(encoded) << encoded.error().describe();
  EXPECT_EQ((*encoded->info())->spec.channels, 1U);
  EXPECT_EQ((*encoded->info())->spec.color, ColorSpec::gray);
  image = decode(Data(encoded->bytes().begin(), encoded->bytes().end()));
  ASSERT_TRUE(image);
  convert_pixels(dense_view(colors.data(), rgb), dense_view(pixels.data(), spec));
  for (std::size_t i = 0; i < pixels.size(); ++i) ASSERT_EQ(image->view().data[3 * i], pixels[i]);
}

TEST(WebpEncode, MethodIsAnOption) {
  const ImageSpec spec = spec_of(150, 120, SampleFormat::i_rgb);
  Data pixels = picture(spec);
  const ImageView view = dense_view(pixels.data(), spec);
  EXPECT_NE(encode(view, {}, "libwebp:method=0"), encode(view));
  EXPECT_EQ(encode(view, {}, "libwebp:method=4"), encode(view));
  EXPECT_TRUE(decode(encode(view, {}, "libwebp:method=99")));
}

TEST(WebpEncode, WhatCannotBeWrittenIsRefused) {
  Encoder encoder = make<Encoder>();
  ImageSpec spec = spec_of(8, 8, SampleFormat::i_rgb);
  Data data(20000 * 8);
  const auto code = [&](const EncodeParams& params) {
    auto encoded = encoder.encode(*Image::wrap(dense_view(data.data(), spec)), "webp", params);
    return encoded ? Errc::internal : encoded.error().code;
  };
  EXPECT_EQ(code(quality(0)), Errc::invalid_argument);
  EXPECT_EQ(code(quality(101)), Errc::invalid_argument);
  EncodeParams params;
  params.quality_type = QualityType::psnr;
  EXPECT_EQ(code(params), Errc::unsupported);
  params = {};
  params.tile_width = params.tile_height = 8;
  EXPECT_EQ(code(params), Errc::unsupported);
  params = {};
  params.color = ColorSpec::sycc;
  EXPECT_EQ(code(params), Errc::unsupported);
  spec.type = SampleType::u16;
  EXPECT_EQ(code({}), Errc::unsupported);
  spec = spec_of(16384, 2, SampleFormat::i_rgb);
  EXPECT_EQ(code({}), Errc::unsupported);
}

}  // namespace
}  // namespace restride
