// SPDX-License-Identifier: Apache-2.0
// Conversion against the formulas of pixels.h, evaluated one pixel at a time in double precision or by their
// definition.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "image/convert/pixel_sink.h"
#include "image/convert/pixels.h"
#include "image/convert/samples.h"
#include "unit/support/random.h"

namespace restride {
namespace {

struct Picture {
  ImageSpec spec;
  std::vector<std::byte> bytes;
  ImageView view;

  explicit Picture(const ImageSpec& s) : spec(s), bytes(s.bytes()), view(dense_view(bytes.data(), s)) {}
  template <class T>
  T get(std::int64_t x, std::int64_t y, unsigned c) const {
    T value;
    std::memcpy(&value, view.at(x, y, c), sizeof value);
    return value;
  }
  template <class T>
  void set(std::int64_t x, std::int64_t y, unsigned c, T value) {
    std::memcpy(view.at(x, y, c), &value, sizeof value);
  }
  void randomize(unsigned seed, unsigned mask = 255) {
    std::mt19937 random(seed);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() & mask);
  }
};

ImageSpec spec_of(SampleFormat format, SampleType type = SampleType::u8, std::uint8_t bits = 8,
                  std::uint32_t width = 67, std::uint32_t height = 5) {
  const ColorSpec color = interleaved(format) == SampleFormat::i_y || interleaved(format) == SampleFormat::i_ya
                              ? ColorSpec::gray
                              : ColorSpec::srgb;
  return {width, height, channels_of(format), type, format, color, bits};
}

TEST(Convert, DepthIsScaledWithRounding) {
  for (unsigned from = 1; from <= 16; ++from) {
    const unsigned max = (1U << from) - 1;
    Picture in(spec_of(SampleFormat::i_y, SampleType::u16, static_cast<std::uint8_t>(from), max + 1, 1));
    for (unsigned v = 0; v <= max; ++v) in.set<std::uint16_t>(v, 0, 0, static_cast<std::uint16_t>(v));
    Picture out(spec_of(SampleFormat::i_y, SampleType::u8, 8, max + 1, 1));
    convert_pixels(in.view, out.view);
    for (unsigned v = 0; v <= max; ++v)
      ASSERT_EQ(out.get<std::uint8_t>(v, 0, 0), static_cast<unsigned>(std::floor(v * 255.0 / max + 0.5)))
          << from << " bits, " << v;
  }
}

TEST(Convert, ValuesBeyondTheirPrecisionAreClamped) {
  Picture in(spec_of(SampleFormat::i_y, SampleType::u32, 12, 2, 1));
  in.set<std::uint32_t>(0, 0, 0, 5000);
  in.set<std::uint32_t>(1, 0, 0, 4095);
  Picture out(spec_of(SampleFormat::i_y, SampleType::u16, 12, 2, 1));
  convert_pixels(in.view, out.view);
  EXPECT_EQ(out.get<std::uint16_t>(0, 0, 0), 4095);
  EXPECT_EQ(out.get<std::uint16_t>(1, 0, 0), 4095);
}

TEST(Convert, SignedSamplesMoveUpForUnsignedOnes) {
  Picture in(spec_of(SampleFormat::i_y, SampleType::i32, 8, 3, 1));
  for (int i = 0; i < 3; ++i) in.set<std::int32_t>(i, 0, 0, i == 0 ? -128 : i == 1 ? 0 : 127);
  Picture out(spec_of(SampleFormat::i_y, SampleType::u8, 8, 3, 1));
  convert_pixels(in.view, out.view);
  EXPECT_EQ(out.get<std::uint8_t>(0, 0, 0), 0);
  EXPECT_EQ(out.get<std::uint8_t>(1, 0, 0), 128);
  EXPECT_EQ(out.get<std::uint8_t>(2, 0, 0), 255);
  Picture same(spec_of(SampleFormat::i_y, SampleType::i16, 8, 3, 1));
  convert_pixels(in.view, same.view);
  EXPECT_EQ(same.get<std::int16_t>(0, 0, 0), -128);
  EXPECT_EQ(same.get<std::int16_t>(2, 0, 0), 127);
}

TEST(Convert, GrayFromRgbIsBt601) {
  Picture in(spec_of(SampleFormat::i_rgb));
  in.randomize(1);
  Picture out(spec_of(SampleFormat::i_y));
  convert_pixels(in.view, out.view);
  for (unsigned x = 0; x < in.spec.width; ++x) {
    const unsigned r = in.get<std::uint8_t>(x, 2, 0), g = in.get<std::uint8_t>(x, 2, 1),
                   b = in.get<std::uint8_t>(x, 2, 2);
    EXPECT_EQ(out.get<std::uint8_t>(x, 2, 0), (19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
  }
}

TEST(Convert, YccToRgbIsFullRangeBt601AtEveryDepth) {
  for (const auto& [type, bits, mask] :
       {std::tuple{SampleType::u8, 8, 255}, {SampleType::u16, 12, 4095}, {SampleType::u16, 16, 65535}}) {
    ImageSpec from = spec_of(SampleFormat::i_ycc, type, static_cast<std::uint8_t>(bits));
    from.color = ColorSpec::sycc;
    Picture in(from), out(spec_of(SampleFormat::i_rgb, type, static_cast<std::uint8_t>(bits)));
    std::mt19937& random = test::random_bits();
    for (unsigned y = 0; y < from.height; ++y)
      for (unsigned x = 0; x < from.width; ++x)
        for (unsigned c = 0; c < 3; ++c) {
          if (bits == 8)
            in.set<std::uint8_t>(x, y, c, static_cast<std::uint8_t>(random() & 255));
          else
            in.set<std::uint16_t>(x, y, c, static_cast<std::uint16_t>(random() & static_cast<unsigned>(mask)));
        }
    convert_pixels(in.view, out.view);
    const auto at = [&](const Picture& p, unsigned x, unsigned y, unsigned c) {
      return bits == 8 ? static_cast<double>(p.get<std::uint8_t>(x, y, c))
                       : static_cast<double>(p.get<std::uint16_t>(x, y, c));
    };
    const double max = std::ldexp(1.0, bits) - 1, center = std::ldexp(1.0, bits - 1);
    for (unsigned y = 0; y < from.height; ++y)
      for (unsigned x = 0; x < from.width; ++x) {
        const double l = at(in, x, y, 0), cb = at(in, x, y, 1) - center, cr = at(in, x, y, 2) - center;
        const double tolerance = 1 + max / 65536;
        EXPECT_NEAR(at(out, x, y, 0), std::clamp(l + 1.402 * cr, 0.0, max), tolerance);
        EXPECT_NEAR(at(out, x, y, 1), std::clamp(l - 0.344136 * cb - 0.714136 * cr, 0.0, max), tolerance);
        EXPECT_NEAR(at(out, x, y, 2), std::clamp(l + 1.772 * cb, 0.0, max), tolerance);
      }
  }
}

TEST(Convert, InvertedCmykIsMultipliedByItsBlack) {
  ImageSpec from = spec_of(SampleFormat::i_cmyk);
  from.color = ColorSpec::cmyk;
  Picture in(from), out(spec_of(SampleFormat::i_rgb));
  in.randomize(4);
  convert_pixels(in.view, out.view);
  for (unsigned x = 0; x < from.width; ++x)
    for (unsigned c = 0; c < 3; ++c)
      EXPECT_EQ(out.get<std::uint8_t>(x, 1, c),
                static_cast<unsigned>(
                    std::floor(in.get<std::uint8_t>(x, 1, c) * in.get<std::uint8_t>(x, 1, 3) / 255.0 + 0.5)));
}

TEST(Convert, AlphaIsDroppedKeptOrMadeOpaque) {
  Picture rgba(spec_of(SampleFormat::i_rgba)), rgb(spec_of(SampleFormat::i_rgb)), back(spec_of(SampleFormat::i_rgba));
  rgba.randomize(5);
  convert_pixels(rgba.view, rgb.view);
  convert_pixels(rgb.view, back.view);
  for (unsigned x = 0; x < 67; ++x) {
    EXPECT_EQ(rgb.get<std::uint8_t>(x, 3, 2), rgba.get<std::uint8_t>(x, 3, 2));
    EXPECT_EQ(back.get<std::uint8_t>(x, 3, 1), rgba.get<std::uint8_t>(x, 3, 1));
    EXPECT_EQ(back.get<std::uint8_t>(x, 3, 3), 255);
  }
  Picture ya(spec_of(SampleFormat::i_ya));
  ya.randomize(6);
  convert_pixels(ya.view, back.view);
  for (unsigned x = 0; x < 67; ++x) {
    EXPECT_EQ(back.get<std::uint8_t>(x, 0, 2), ya.get<std::uint8_t>(x, 0, 0));
    EXPECT_EQ(back.get<std::uint8_t>(x, 0, 3), ya.get<std::uint8_t>(x, 0, 1));
  }
}

TEST(Convert, LayoutsRoundTrip) {
  Picture in(spec_of(SampleFormat::i_rgb));
  in.randomize(7);
  for (SampleFormat format : {SampleFormat::p_rgb, SampleFormat::i_bgr, SampleFormat::p_bgr, SampleFormat::p_rgba}) {
    Picture middle(spec_of(format)), out(spec_of(SampleFormat::i_rgb));
    convert_pixels(in.view, middle.view);
    convert_pixels(middle.view, out.view);
    EXPECT_EQ(in.bytes, out.bytes) << static_cast<int>(format);
    const bool bgr = interleaved(format) == SampleFormat::i_bgr;
    EXPECT_EQ(middle.get<std::uint8_t>(9, 2, bgr ? 2 : 0), in.get<std::uint8_t>(9, 2, 0));
  }
}

TEST(Convert, FloatsAreUnitRange) {
  Picture in(spec_of(SampleFormat::i_y, SampleType::f32, 32, 5, 1));
  const float values[] = {-1, 0, 0.5F, 1, 9};
  for (int i = 0; i < 5; ++i) in.set<float>(i, 0, 0, values[i]);
  Picture out(spec_of(SampleFormat::i_y, SampleType::u8, 8, 5, 1));
  convert_pixels(in.view, out.view);
  const unsigned want[] = {0, 0, 128, 255, 255};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(out.get<std::uint8_t>(i, 0, 0), want[i]);
}

TEST(Convert, HalfFloatsRoundTripExactly) {
  for (unsigned h = 0; h < 65536; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float value = samples::half_to_float(half);
    if (std::isnan(value)) continue;
    ASSERT_EQ(samples::float_to_half(value), half);
  }
  EXPECT_EQ(samples::float_to_half(65520.0F), 0x7c00);  // rounds to infinity
  EXPECT_EQ(samples::float_to_half(65519.0F), 0x7bff);
}

// Where EXIF 2.32 says that the stored rows and columns lie.
TEST(Orientation, AllEight) {
  Picture in(spec_of(SampleFormat::i_rgb, SampleType::u8, 8, 37, 21));
  in.randomize(8);
  for (int o = 1; o <= 8; ++o) {
    const auto orientation = static_cast<Orientation>(o);
    const bool swap = swaps_axes(orientation);
    Picture out(spec_of(SampleFormat::i_rgb, SampleType::u8, 8, swap ? 21 : 37, swap ? 37 : 21));
    convert_pixels(in.view, out.view, orientation);
    for (int y = 0; y < 21; ++y)
      for (int x = 0; x < 37; ++x) {
        const int right = 36 - x, up = 20 - y;
        const int to[9][2] = {{}, {x, y}, {right, y}, {right, up}, {x, up}, {y, x}, {up, x}, {up, right}, {y, right}};
        ASSERT_EQ(out.get<std::uint8_t>(to[o][0], to[o][1], 1), in.get<std::uint8_t>(x, y, 1)) << o;
        const Rect shown = displayed_rect({x, y, 1, 1}, 37, 21, orientation);
        ASSERT_EQ(shown, (Rect{to[o][0], to[o][1], 1, 1})) << o;
        ASSERT_EQ(stored_rect(shown, 37, 21, orientation), (Rect{x, y, 1, 1})) << o;
      }
    const Rect part{3, 5, 20, 7};
    EXPECT_EQ(stored_rect(displayed_rect(part, 37, 21, orientation), 37, 21, orientation), part);
  }
}

TEST(PixelSink, PiecesMakeTheWhole) {
  Picture in(spec_of(SampleFormat::i_rgb, SampleType::u8, 8, 37, 21));
  in.randomize(9);
  for (int o = 1; o <= 8; ++o) {
    const auto orientation = static_cast<Orientation>(o);
    const bool swap = swaps_axes(orientation);
    const ImageSpec spec = spec_of(SampleFormat::p_bgr, SampleType::u8, 8, swap ? 21 : 37, swap ? 37 : 21);
    Picture whole(spec), pieces(spec);
    convert_pixels(in.view, whole.view, orientation);
    const PixelSink sink(pieces.view, in.spec, orientation);
    EXPECT_FALSE(sink.direct());
    for (const Rect& r : {Rect{0, 0, 37, 4}, Rect{0, 4, 10, 17}, Rect{10, 4, 27, 17}})
      sink.put_interleaved(r, in.view.at(r.x, r.y), in.view.row_stride);
    EXPECT_EQ(whole.bytes, pieces.bytes) << o;
  }
}

TEST(PixelSink, DirectWhereNothingHasToChange) {
  Picture out(spec_of(SampleFormat::i_rgb));
  EXPECT_TRUE(PixelSink(out.view, out.spec, Orientation::normal).direct());
  EXPECT_FALSE(PixelSink(out.view, out.spec, Orientation::flip_x).direct());
  EXPECT_FALSE(PixelSink(out.view, spec_of(SampleFormat::i_bgr), Orientation::normal).direct());
  EXPECT_FALSE(PixelSink(out.view, spec_of(SampleFormat::i_rgb, SampleType::u8, 5), Orientation::normal).direct());
}

TEST(Fill, ClampsToTheType) {
  Picture out(spec_of(SampleFormat::i_rgb, SampleType::u16, 16));
  const double values[] = {1, 70000, -3};
  fill_pixels(out.view, values);
  EXPECT_EQ(out.get<std::uint16_t>(66, 4, 0), 1);
  EXPECT_EQ(out.get<std::uint16_t>(66, 4, 1), 65535);
  EXPECT_EQ(out.get<std::uint16_t>(66, 4, 2), 0);
}

}  // namespace
}  // namespace restride
