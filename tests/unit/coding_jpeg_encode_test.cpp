// SPDX-License-Identifier: Apache-2.0
// The batch encoder's bytes against libjpeg-turbo's, through the CPU encoder.
#include <algorithm>

#include "unit/support/jpeg_encode_emulation.h"
#include "unit/support/pictures.h"

namespace restride::test {
namespace {

using Css = ChromaSubsampling;
constexpr Css kSubsamplings[] = {Css::css_444, Css::css_422, Css::css_420,  Css::css_440,
                                 Css::css_411, Css::css_410, Css::css_410v, Css::css_gray};

EncodeParams params_for(Css subsampling, double quality) {
  EncodeParams params;
  params.subsampling = subsampling;
  params.quality_type = QualityType::quality;
  params.quality_value = quality;
  return params;
}

enum class Content { smooth, noise, edges, black, extremes };

// Memory and a view of it, of any layout, with rows padded by `padding` bytes.
struct Pixels {
  std::vector<std::byte> memory;
  ImageView view;
};

Pixels pixels(std::uint32_t width, std::uint32_t height, SampleFormat format, Content content, unsigned padding = 0) {
  Pixels out;
  const unsigned channels = channels_of(format);
  const bool planar = is_planar(format);
  const std::ptrdiff_t pixel = planar ? 1 : channels, row = width * pixel + padding;
  out.memory.resize(static_cast<std::size_t>(row) * height * (planar ? channels : 1));
  const ImageSpec spec{width, height, channels, SampleType::u8, format, ColorSpec::srgb, 8};
  out.view = {out.memory.data(), spec, row, pixel, planar ? row * height : 1, Memory::host, -1};
  std::mt19937 random(width * 131 + height);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x)
      for (unsigned c = 0; c < channels; ++c) {
        unsigned v = 0;
        if (content == Content::smooth)
          v = static_cast<unsigned>(128 + 80 * std::sin(x / (7.0 + 3 * c)) + 30 * std::cos(y / 5.0) + random() % 7);
        if (content == Content::noise) v = random();
        if (content == Content::extremes) v = random() % 2 ? 255 : 0;
        if (content == Content::edges) v = (x / 3 + y / 5 + c) % 2 ? 255 : 0;
        *out.view.at(x, y, c) = static_cast<std::byte>(v);
      }
  return out;
}

CodecOptions cpu_only() {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = 1;
  return options;
}

std::vector<std::byte> reference(const ImageView& view, const EncodeParams& params) {
  static Encoder encoder = value_of(Encoder::create(cpu_only()));
  const Image image = value_of(Image::wrap(view));
  return bytes_of(value_of(encoder.encode(image, "jpeg", params)));
}

EmulatedPicture emulated(const ImageView& view, const EncodeParams& params) {
  const EncodePlan plan = value_of(jpeg::plan_encode(view.spec, params));
  EXPECT_TRUE(jpeg::reads_directly(view.spec, plan.wanted));
  return {view, plan.wanted, params};
}

std::string place_of_difference(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
  return "first difference at byte " + std::to_string(at) + " of " + std::to_string(a.size()) + " and " +
         std::to_string(b.size());
}

void expect_same(const ImageView& view, const EncodeParams& params, const std::string& what) {
  const auto expected = reference(view, params);
  EmulatedEncoder encoder;
  const auto found = encoder.encode({emulated(view, params)});
  ASSERT_TRUE(expected == found[0]) << what << ": " << place_of_difference(expected, found[0]);
}

TEST(JpegEncodeTables, QuantizeIsExactDivision) {
  for (std::uint32_t step = 1; step <= 255; ++step) {
    const std::uint32_t divisor = 8 * step;
    const jpeg::Quantizer q = jpeg::quantizer(step, 63);
    for (int v = -16384; v <= 16384; ++v) {
      const int magnitude = (std::abs(v) + static_cast<int>(divisor) / 2) / static_cast<int>(divisor);
      ASSERT_EQ(jpeg::quantize(v, q), v < 0 ? -magnitude : magnitude) << v << " / " << divisor;
    }
  }
}

TEST(JpegEncode, EverySamplingAndSize) {
  for (const Css subsampling : kSubsamplings)
    for (std::uint32_t height = 1; height <= 70; height += height < 34 ? 1 : 3)
      for (std::uint32_t width = 1; width <= 70; width += width < 34 ? 1 : 3) {
        const Pixels p = pixels(width, height, SampleFormat::i_rgb, Content::smooth);
        expect_same(p.view, params_for(subsampling, 85),
                    std::to_string(width) + "x" + std::to_string(height) + " subsampling " +
                        std::to_string(static_cast<int>(subsampling)));
        if (HasFatalFailure()) return;
      }
}

TEST(JpegEncode, EveryQuality) {
  for (int quality = 1; quality <= 100; ++quality)
    for (const Content content : {Content::smooth, Content::noise, Content::edges, Content::black, Content::extremes})
      for (const Css subsampling : {Css::css_444, Css::css_420, Css::css_gray}) {
        const Pixels p = pixels(67, 45, SampleFormat::i_rgb, content);
        expect_same(p.view, params_for(subsampling, quality),
                    "quality " + std::to_string(quality) + " content " + std::to_string(static_cast<int>(content)));
        if (HasFatalFailure()) return;
      }
}

TEST(JpegEncode, EveryLayout) {
  using F = SampleFormat;
  for (const F format : {F::i_rgb, F::p_rgb, F::i_bgr, F::p_bgr, F::i_ycc, F::p_ycc, F::i_rgba, F::p_rgba, F::i_y,
                         F::p_y, F::i_ya, F::p_ya, F::i_cmyk, F::p_cmyk})
    for (const Css subsampling : {Css::css_444, Css::css_420, Css::css_411, Css::css_gray})
      for (const unsigned padding : {0U, 1U, 5U, 16U}) {
        if (interleaved(format) == F::i_cmyk && subsampling == Css::css_gray) continue;  // takes a conversion first
        const Pixels p = pixels(45, 37, format, Content::smooth, padding);
        expect_same(p.view, params_for(subsampling, 90), "format " + std::to_string(static_cast<int>(format)));
        if (HasFatalFailure()) return;
      }
}

TEST(JpegEncode, OptimizedTables) {
  for (int quality : {1, 10, 50, 75, 90, 98, 100})
    for (const Content content : {Content::smooth, Content::noise, Content::edges, Content::black, Content::extremes})
      for (const Css subsampling : kSubsamplings)
        for (const auto& [width, height] : {std::pair{1, 1}, {67, 45}, {230, 131}}) {
          const Pixels p = pixels(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height),
                                  quality % 2 ? SampleFormat::i_rgb : SampleFormat::i_cmyk, content);
          EncodeParams params = params_for(subsampling, quality);
          params.jpeg.optimized_huffman = true;
          if (quality % 2 == 0 && subsampling == Css::css_gray) continue;  // takes a conversion first
          expect_same(p.view, params, "optimised, quality " + std::to_string(quality));
          if (HasFatalFailure()) return;
        }
}

// The CPU encoder's handles are used again; what was made for one picture must not be in the next one's file.
TEST(JpegEncode, TablesOfOnePictureStayWithIt) {
  const Pixels flat = pixels(40, 40, SampleFormat::i_rgb, Content::black);
  const Pixels busy = pixels(40, 40, SampleFormat::i_rgb, Content::noise);
  const EncodeParams plain = params_for(Css::css_420, 90);
  const auto encoded = [](Encoder& encoder, const Pixels& p, const EncodeParams& params) {
    const Image image = value_of(Image::wrap(p.view));
    return bytes_of(value_of(encoder.encode(image, "jpeg", params)));
  };
  Encoder fresh = value_of(Encoder::create(cpu_only())), used = value_of(Encoder::create(cpu_only()));
  const auto expected = encoded(fresh, busy, plain);
  for (const bool progressive : {false, true}) {
    EncodeParams other = plain;
    other.jpeg.progressive = progressive;
    other.jpeg.optimized_huffman = !progressive;
    (void)encoded(used, flat, other);
    EXPECT_TRUE(encoded(used, busy, plain) == expected);
  }
}

// Frequencies that make codes longer than 16 bits.
TEST(JpegEncode, LimitsTheLengthOfCodes) {
  std::uint32_t counts[256] = {};
  for (std::uint32_t i = 0, a = 1, b = 1; i < 40; ++i, std::swap(a, b), b += a) counts[i] = a;
  jpeg::HuffmanMaker maker;
  maker.make(jpeg::LoneThread(), counts, 256);
  unsigned codes = 0, space = 0;  // in units of 2^-16
  for (unsigned i = 0; i < 16; ++i) {
    codes += maker.table().counts[i];
    space += maker.table().counts[i] << (15 - i);
  }
  EXPECT_EQ(codes, 40U);
  EXPECT_LT(space, 1U << 16);  // something is left for the code that is all ones
}

TEST(JpegEncode, LargePictures) {
  for (const Content content : {Content::smooth, Content::noise, Content::edges})
    for (const Css subsampling : {Css::css_444, Css::css_420, Css::css_410}) {
      const Pixels p = pixels(1283, 517, SampleFormat::i_rgb, content, 3);
      expect_same(p.view, params_for(subsampling, content == Content::noise ? 100 : 75), "large");
      if (HasFatalFailure()) return;
    }
}

TEST(JpegEncode, BatchOfDifferentPictures) {
  std::vector<Pixels> memory;
  std::vector<EmulatedPicture> batch;
  std::vector<std::vector<std::byte>> expected;
  for (unsigned i = 0; i < 24; ++i) {
    memory.push_back(pixels(1 + 37 * i % 211, 1 + 53 * i % 173, i % 3 ? SampleFormat::i_rgb : SampleFormat::p_bgr,
                            i % 5 ? Content::smooth : Content::noise, i % 4));
    EncodeParams params = params_for(kSubsamplings[i % 8], 1 + 97 * i % 100);
    params.jpeg.optimized_huffman = i % 7 == 0;
    batch.push_back(emulated(memory.back().view, params));
    expected.push_back(reference(memory.back().view, params));
  }
  EmulatedEncoder encoder(100);
  EXPECT_TRUE(encoder.encode(batch) == expected);
  EXPECT_GT(encoder.runs, 2);  // one to learn how large the arena must be, one for the output
  EXPECT_TRUE(encoder.encode(batch) == expected);
  EXPECT_EQ(encoder.runs, 1);
}

// The worst there is: every coefficient of every block as long as can be.
TEST(JpegEncode, WorstBlocksFitTheirRoom) {
  std::int16_t levels[64];
  std::uint32_t words[jpeg::kMaxBlockWords + 1];
  words[jpeg::kMaxBlockWords] = 0x12345678;
  std::fill(std::begin(levels), std::end(levels), std::int16_t{1023});
  jpeg::CodeWord dc[16], ac[256];
  for (unsigned i = 0; i < 16; ++i) dc[i] = 16 + i;
  for (unsigned i = 0; i < 256; ++i) ac[i] = 16 + (i & 15);
  EXPECT_EQ(jpeg::encode_block(levels, ~0U, ~0U, 2047, dc, ac, words), jpeg::kMaxBlockBits);
  EXPECT_EQ(words[jpeg::kMaxBlockWords], 0x12345678U);
}

}  // namespace
}  // namespace restride::test
