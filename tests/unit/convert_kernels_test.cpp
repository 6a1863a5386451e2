// SPDX-License-Identifier: Apache-2.0
// Every vector kernel on every instruction set of this machine, against its plain loop or its definition: all lengths
// from 0 on, unaligned, in place where that is allowed, and not a byte written beside. Then whole conversions against
// the plain one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "image/convert/color.h"
#include "image/convert/kernels.h"
#include "image/convert/pixels.h"
#include "image/convert/rows.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using kernels::Kernels;
using kernels::Permutation;
using kernels::Target;

constexpr std::size_t kLongest = 200;

std::vector<std::byte> random_bytes(std::size_t n) {
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(test::random_bits()());
  return bytes;
}

// Exactly n bytes on the heap, so that AddressSanitizer sees what is read or written beside them; `shift` bytes off.
class Exact {
 public:
  Exact(const std::vector<std::byte>& bytes, std::size_t shift)
      : block_(new std::byte[bytes.size() + shift]), shift_(shift), size_(bytes.size()) {
    if (size_) std::memcpy(data(), bytes.data(), size_);
  }
  std::byte* data() { return block_.get() + shift_; }
  std::vector<std::byte> bytes() { return {data(), data() + size_}; }

 private:
  std::unique_ptr<std::byte[]> block_;
  std::size_t shift_, size_;
};

class OnTarget : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    kernels_ = kernels::kernels_of(GetParam());
    if (!kernels_) GTEST_SKIP() << "not on this machine";
  }
  const Kernels* kernels_ = nullptr;
};

std::string name_of(const testing::TestParamInfo<Target>& info) {
  constexpr const char* kNames[] = {"plain", "sse4", "avx2", "avx512", "neon"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Targets, OnTarget,
                         testing::Values(Target::plain, Target::sse4, Target::avx2, Target::avx512, Target::neon),
                         name_of);

Permutation random_permutation(unsigned from_bytes, unsigned to_bytes) {
  Permutation how;
  how.from_bytes = from_bytes;
  how.to_bytes = to_bytes;
  for (unsigned b = 0; b < to_bytes; ++b) {
    how.source[b] =
        static_cast<std::uint8_t>(test::random_bits()() % 5 ? test::random_bits()() % from_bytes : kernels::kConstant);
    how.constant[b] = static_cast<std::uint8_t>(test::random_bits()());
    if (how.source[b] != kernels::kConstant) how.used_bytes = std::max<unsigned>(how.used_bytes, how.source[b] + 1U);
  }
  if (how.used_bytes == 0) how.used_bytes = 1;
  how.prepare();
  return how;
}

// The bytes that `how` makes of n pixels, by its definition.
std::vector<std::byte> permuted(const Permutation& how, const std::vector<std::byte>& from, std::size_t n) {
  std::vector<std::byte> to(n * how.to_bytes);
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t b = i % how.to_bytes;
    to[i] = how.source[b] == kernels::kConstant ? std::byte{how.constant[b]}
                                                : from[i / how.to_bytes * how.from_bytes + how.source[b]];
  }
  return to;
}

TEST_P(OnTarget, PermutationsOfAllSizesAndLengths) {
  for (unsigned from_bytes = 1; from_bytes <= kernels::kMaxPixelBytes; ++from_bytes)
    for (unsigned to_bytes = 1; to_bytes <= kernels::kMaxPixelBytes; ++to_bytes)
      for (std::size_t n = 0; n <= kLongest; n += 1 + (from_bytes > 4) * 6) {
        const Permutation how = random_permutation(from_bytes, to_bytes);
        const std::size_t needed = n ? (n - 1) * from_bytes + how.used_bytes : 0;
        const auto from = random_bytes(needed);
        Exact in(from, n % 5), out(random_bytes(n * to_bytes), n % 3);
        kernels_->permute(how, in.data(), out.data(), n);
        ASSERT_EQ(out.bytes(), permuted(how, from, n)) << from_bytes << " to " << to_bytes << ", " << n << " pixels";
        ASSERT_EQ(in.bytes(), from);
      }
}

TEST_P(OnTarget, PermutationsInPlace) {
  for (unsigned size = 1; size <= kernels::kMaxPixelBytes; ++size)
    for (std::size_t n = 0; n <= kLongest; ++n) {
      Permutation how = random_permutation(size, size);
      how.used_bytes = size;
      const auto from = random_bytes(n * size);
      Exact data(from, n % 7);
      kernels_->permute(how, data.data(), data.data(), n);
      ASSERT_EQ(data.bytes(), permuted(how, from, n)) << size << " bytes, " << n << " pixels";
    }
}

TEST_P(OnTarget, Copies) {
  for (std::size_t n = 0; n <= 3 * kLongest; ++n)
    for (std::size_t shift = 0; shift < 33; shift += 1 + n % 5) {
      const auto from = random_bytes(n);
      Exact in(from, n % 7), out(random_bytes(n), shift);
      kernels_->copy(in.data(), out.data(), n);
      ASSERT_EQ(out.bytes(), from) << n << " bytes";
    }
}

TEST_P(OnTarget, ByteSwap) {
  for (unsigned size : {2U, 4U, 8U}) {
    const auto from = random_bytes(kLongest * size);
    std::vector<std::byte> to(from.size()), expected(from);
    for (std::size_t i = 0; i < to.size(); i += size) std::reverse(&expected[i], &expected[i] + size);
    kernels_->permute(kernels::byte_swap(size), from.data(), to.data(), kLongest);
    EXPECT_EQ(to, expected);
  }
}

TEST_P(OnTarget, SplitAndJoin) {
  for (unsigned channels = 2; channels <= 4; ++channels)
    for (unsigned size : {1U, 2U, 4U})
      for (std::size_t n = 0; n <= kLongest; ++n) {
        const auto pixels = random_bytes(n * channels * size);
        Exact in(pixels, n % 3);
        std::vector<std::unique_ptr<Exact>> planes;
        std::byte* to[4];
        for (unsigned k = 0; k < channels; ++k) {
          planes.push_back(std::make_unique<Exact>(random_bytes(n * size), (n + k) % 4));
          to[k] = planes.back()->data();
        }
        kernels_->split(channels, size, in.data(), to, n);
        for (std::size_t i = 0; i < pixels.size(); ++i) {
          const std::size_t sample = i / size;
          ASSERT_EQ(to[sample % channels][sample / channels * size + i % size], pixels[i])
              << channels << " channels of " << size << ", " << n << " pixels";
        }
        Exact out(random_bytes(pixels.size()), n % 2);
        kernels_->join(channels, size, to, out.data(), n);
        ASSERT_EQ(out.bytes(), pixels) << channels << " channels of " << size << ", " << n << " pixels";
      }
}

// n values whose neighbours in memory no loop may touch.
template <class T>
struct Row {
  std::unique_ptr<T[]> data;
  std::size_t n;
  explicit Row(std::size_t size) : data(new T[size]), n(size) {}
  void randomize(std::uint32_t mask = ~0U) {
    for (std::size_t i = 0; i < n; ++i) data[i] = static_cast<T>(test::random_bits()() & mask);
  }
};

TEST_P(OnTarget, DepthIsExactForEveryValue) {
  for (unsigned bits = 9; bits <= 16; ++bits) {
    const std::uint32_t count = 1U << bits, max = count - 1;
    Row<std::uint16_t> in(count);
    Row<std::uint8_t> out(count);
    for (std::uint32_t v = 0; v < count; ++v) in.data[v] = static_cast<std::uint16_t>(v);
    kernels_->narrow(bits, in.data.get(), out.data.get(), count);
    for (std::uint32_t v = 0; v < count; ++v) ASSERT_EQ(out.data[v], (v * 255U + max / 2) / max) << bits << " bits";
  }
  Row<std::uint8_t> in(256);
  Row<std::uint16_t> out(256);
  for (unsigned v = 0; v < 256; ++v) in.data[v] = static_cast<std::uint8_t>(v);
  kernels_->widen(in.data.get(), out.data.get(), 256);
  for (unsigned v = 0; v < 256; ++v) ASSERT_EQ(out.data[v], (v * 65535U + 127) / 255);
}

TEST_P(OnTarget, SamplesOf32BitsAreClamped) {
  for (std::size_t n = 0; n <= kLongest; ++n) {
    Row<std::uint32_t> in(n), back(n);
    Row<std::uint16_t> out16(n), limited(n);
    Row<std::uint8_t> out8(n);
    in.randomize(n % 2 ? ~0U : 0x1ff);
    for (std::size_t i = 0; i < n; i += 3) in.data[i] = 0U - in.data[i];
    for (const bool is_signed : {false, true}) {
      const std::uint32_t flip = is_signed ? 0x80000000U : 0;
      const auto expected = [&](std::size_t i, std::int64_t max) {
        const std::int64_t v =
            is_signed ? static_cast<std::int32_t>(in.data[i]) + (max >> 1) + 1 : static_cast<std::int64_t>(in.data[i]);
        return std::clamp<std::int64_t>(v, 0, max);
      };
      kernels_->take8(in.data.get(), flip, is_signed ? flip - 128 : 0, 255, out8.data.get(), n);
      kernels_->take16(in.data.get(), flip, is_signed ? flip - 2048 : 0, 4095, out16.data.get(), n);
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out8.data[i], expected(i, 255)) << in.data[i];
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out16.data[i], expected(i, 4095)) << in.data[i];
    }
    kernels_->give8(out8.data.get(), 128, back.data.get(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(static_cast<std::int32_t>(back.data[i]), out8.data[i] - 128);
    out16.randomize();
    kernels_->give16(out16.data.get(), 32768, back.data.get(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(static_cast<std::int32_t>(back.data[i]), out16.data[i] - 32768);
    kernels_->limit(out16.data.get(), 1023, limited.data.get(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(limited.data[i], std::min<unsigned>(out16.data[i], 1023));
  }
}

TEST_P(OnTarget, Colour) {
  const color::Bt601<std::int32_t> math{255, 128};
  const color::Bt601<std::int64_t> wide{65535, 32768};
  for (std::size_t n = 0; n <= kLongest; ++n) {
    std::vector<Row<std::uint8_t>> in, out;
    std::vector<Row<std::uint16_t>> in16;
    for (int k = 0; k < 4; ++k) {
      in.emplace_back(n).randomize();
      out.emplace_back(n);
      in16.emplace_back(n).randomize();
    }
    const std::uint8_t* const from[] = {in[0].data.get(), in[1].data.get(), in[2].data.get(), in[3].data.get()};
    std::uint8_t* const to[] = {out[0].data.get(), out[1].data.get(), out[2].data.get()};
    const std::uint16_t* const from16[] = {in16[0].data.get(), in16[1].data.get(), in16[2].data.get()};
    const auto at = [&](int k, std::size_t i) { return std::int32_t{from[k][i]}; };
    kernels_->luma8(from, to[0], n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(to[0][i], math.luma(at(0, i), at(1, i), at(2, i)));
    kernels_->luma16(from16, in16[3].data.get(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(in16[3].data[i], wide.luma(from16[0][i], from16[1][i], from16[2][i]));
    kernels_->ycc_to_rgb8(from, to, n);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(to[0][i], math.red(at(0, i), at(2, i)));
      ASSERT_EQ(to[1][i], math.green(at(0, i), at(1, i), at(2, i)));
      ASSERT_EQ(to[2][i], math.blue(at(0, i), at(1, i)));
    }
    kernels_->rgb_to_ycc8(from, to, n);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(to[0][i], math.luma(at(0, i), at(1, i), at(2, i)));
      ASSERT_EQ(to[1][i], math.cb(at(0, i), at(1, i), at(2, i)));
      ASSERT_EQ(to[2][i], math.cr(at(0, i), at(1, i), at(2, i)));
    }
    kernels_->cmyk_to_rgb8(from, to, n);
    for (std::size_t i = 0; i < n; ++i)
      for (int k = 0; k < 3; ++k) ASSERT_EQ(to[k][i], color::scaled_product(at(k, i), at(3, i), 255));
  }
}

// A picture somewhere in a larger block: rows padded, channels and samples from an odd address on.
struct Placed {
  std::vector<std::byte> bytes;
  ImageView view;
  Placed(const ImageSpec& spec, std::size_t shift, std::size_t padding, std::size_t gap) {
    const auto size = static_cast<std::ptrdiff_t>(size_of(spec.type));
    view.spec = spec;
    view.pixel_stride = size * (spec.planar() ? 1 : static_cast<std::ptrdiff_t>(spec.channels + gap));
    view.row_stride = view.pixel_stride * spec.width + static_cast<std::ptrdiff_t>(padding);
    view.channel_stride = spec.planar() ? view.row_stride * spec.height : size;
    bytes = random_bytes(
        shift + static_cast<std::size_t>(view.row_stride) * spec.height * (spec.planar() ? spec.channels : 1) + 64);
    view.data = bytes.data() + shift;
  }
};

// Converts by `kernels` and by the plain conversion; the whole destinations, gaps and all, must be equal. Returns false
// if the kernels leave it to the plain one.
bool same_as_plain(const Kernels& kernels, const ImageSpec& from_spec, ImageSpec to_spec, Orientation orientation,
                   unsigned variant) {
  if (!can_convert(from_spec, to_spec)) return false;
  Placed from(from_spec, variant % 3, variant % 5, variant % 7 == 6),
      to(to_spec, variant % 2, variant % 4, variant % 11 == 10);
  // Finite floats: of NaN the plain conversion keeps that it is one, moving keeps its bits.
  if (is_float(from_spec.type))
    for (unsigned k = 0; k < from_spec.channels; ++k)
      for (std::int64_t y = 0; y < from_spec.height; ++y)
        for (std::int64_t x = 0; x < from_spec.width; ++x)
          from.view.at(x, y, k)[size_of(from_spec.type) - 1] &= std::byte{0xbf};
  std::vector<PlaneView> planes(from_spec.channels);
  for (unsigned k = 0; k < from_spec.channels; ++k)
    planes[k] = {from.view.at(0, 0, k), from.view.row_stride, from.view.pixel_stride};
  const auto how = plan_conversion(from_spec, to.view, from_spec.width, from_spec.height, orientation);
  const auto before = to.bytes;
  const bool done =
      conversion::convert_rows(how, planes, from_spec.width, from_spec.height, swaps_axes(orientation), kernels);
  auto result = to.bytes;
  if (!done) {
    EXPECT_EQ(result, before);
    return false;
  }
  to.bytes = before;
  convert_plain(how, planes, from_spec.width, from_spec.height, swaps_axes(orientation));
  EXPECT_EQ(to.bytes, result) << static_cast<int>(from_spec.format) << " of type " << static_cast<int>(from_spec.type)
                              << " and " << from_spec.bits() << " bits to " << static_cast<int>(to_spec.format)
                              << " of type " << static_cast<int>(to_spec.type) << ", orientation "
                              << static_cast<int>(orientation) << ", " << from_spec.width << "x" << from_spec.height;
  return true;
}

TEST_P(OnTarget, ConversionsAreThePlainOnes) {
  using F = SampleFormat;
  constexpr F kFormats[] = {F::i_y,    F::i_ya,  F::i_rgb, F::i_bgr,  F::i_rgba, F::i_ycc,
                            F::i_cmyk, F::p_rgb, F::p_bgr, F::p_rgba, F::p_ycc,  F::p_cmyk};
  struct Type {
    SampleType type;
    std::uint8_t bits;
  };
  constexpr Type kTypes[] = {{SampleType::u8, 8},   {SampleType::u16, 16}, {SampleType::u16, 12}, {SampleType::u16, 8},
                             {SampleType::i8, 8},   {SampleType::i16, 16}, {SampleType::u32, 8},  {SampleType::u32, 12},
                             {SampleType::i32, 8},  {SampleType::i32, 16}, {SampleType::u32, 32}, {SampleType::f32, 32},
                             {SampleType::f16, 16}, {SampleType::u8, 5}};
  unsigned variant = 0, done = 0;
  for (F from : kFormats)
    for (F to : kFormats)
      for (Type a : kTypes)
        for (Type b : kTypes) {
          ++variant;
          const auto width = 1 + variant * 37 % 140, height = 1 + variant % 3;
          ImageSpec in{width, height, channels_of(from), a.type, from, ColorSpec::unchanged, a.bits};
          ImageSpec out{width, height, channels_of(to), b.type, to, ColorSpec::unchanged, b.bits};
          const auto orientation = variant % 3 ? Orientation::normal : static_cast<Orientation>(1 + variant / 3 % 8);
          if (swaps_axes(orientation)) std::swap(out.width, out.height);
          done += same_as_plain(*kernels_, in, out, orientation, variant);
          if (HasFailure()) return;
        }
  // The layouts and depths that matter are converted here, not left to the plain conversion.
  EXPECT_GT(done, 2500U);
}

// Blocks of one conversion meet where they should.
TEST_P(OnTarget, LongRows) {
  for (std::uint32_t width : {511U, 512U, 513U, 1100U})
    for (auto orientation :
         {Orientation::normal, Orientation::flip_x, Orientation::rotate_90, Orientation::transverse}) {
      ImageSpec in{width, 3, 3, SampleType::u16, SampleFormat::i_rgb, ColorSpec::srgb, 16}, out = in;
      out.type = SampleType::u8;
      out.precision = 8;
      if (swaps_axes(orientation)) std::swap(out.width, out.height);
      EXPECT_TRUE(same_as_plain(*kernels_, in, out, orientation, 1));
      out.type = SampleType::u16;
      out.precision = 16;
      out.format = SampleFormat::i_bgr;
      EXPECT_TRUE(same_as_plain(*kernels_, in, out, orientation, 2));
      out.format = SampleFormat::p_rgb;
      EXPECT_TRUE(same_as_plain(*kernels_, in, out, orientation, 3));
    }
}

}  // namespace
}  // namespace restride
