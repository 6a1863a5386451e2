// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/encode_settings.h"

#include <cmath>

namespace restride::jpeg {
namespace {

constexpr int kDefaultQuality = 75;
constexpr long kMaxDimension = 65500;  // libjpeg's limit, a little below the 16 bits of the frame header

bool wants_gray(const ImageSpec& input, const EncodeParams& params) noexcept {
  return input.channels < 3 || input.color == ColorSpec::gray || params.color == ColorSpec::gray ||
         (params.subsampling && *params.subsampling == ChromaSubsampling::css_gray);
}

}  // namespace

Result<SamplingFactors> luma_factors(ChromaSubsampling subsampling) {
  switch (subsampling) {
    case ChromaSubsampling::css_444:
      return SamplingFactors{1, 1};
    case ChromaSubsampling::css_422:
      return SamplingFactors{2, 1};
    case ChromaSubsampling::css_420:
      return SamplingFactors{2, 2};
    case ChromaSubsampling::css_440:
      return SamplingFactors{1, 2};
    case ChromaSubsampling::css_411:
      return SamplingFactors{4, 1};
    case ChromaSubsampling::css_410:
      return SamplingFactors{4, 2};
    case ChromaSubsampling::css_410v:
      return SamplingFactors{2, 4};
    default:
      return fail(Errc::invalid_argument, "chroma subsampling %d is none that JPEG has", static_cast<int>(subsampling));
  }
}

Result<int> quality_of(const EncodeParams& params) {
  if (params.quality_type == QualityType::default_quality) return kDefaultQuality;
  if (params.quality_type != QualityType::quality)
    return fail(Errc::unsupported, "JPEG is encoded by QualityType.QUALITY or DEFAULT; it has no other");
  const double rounded = std::nearbyint(params.quality_value);
  if (!(rounded >= 1 && rounded <= 100))
    return fail(Errc::invalid_argument, "JPEG quality %g is outside 1 to 100", params.quality_value);
  return static_cast<int>(rounded);
}

Result<EncodePlan> plan_encode(const ImageSpec& input, const EncodeParams& params) {
  if (params.tile_width) return fail(Errc::unsupported, "JPEG has no tiles");
  RESTRIDE_TRY(quality_of(params));
  if (input.width > kMaxDimension || input.height > kMaxDimension)
    return fail(Errc::unsupported, "%u x %u is larger than JPEG's %ld in one dimension", input.width, input.height,
                kMaxDimension);
  if (input.type != SampleType::u8) return fail(Errc::unsupported, "JPEG encoding takes 8-bit unsigned samples");
  if (input.channels > 4) return fail(Errc::unsupported, "JPEG encoding takes 1 to 4 channels, not %u", input.channels);
  EncodePlan plan;
  plan.wanted = input;
  plan.wanted.precision = 8;
  const SampleFormat plain = interleaved(input.format);
  if (wants_gray(input, params)) {
    plan.wanted.format = SampleFormat::i_y;
    plan.wanted.color = ColorSpec::gray;
    plan.wanted.channels = 1;
  } else {
    const bool as_it_is = plain == SampleFormat::i_bgr || plain == SampleFormat::i_ycc || plain == SampleFormat::i_cmyk;
    plan.wanted.format = as_it_is ? plain : SampleFormat::i_rgb;
    plan.wanted.channels = channels_of(plan.wanted.format);
    if (!as_it_is) plan.wanted.color = ColorSpec::srgb;
    if (params.subsampling) RESTRIDE_TRY(luma_factors(*params.subsampling));
  }
  plan.cost = static_cast<double>(input.width) * input.height *
              (params.jpeg.progressive         ? 4
               : params.jpeg.optimized_huffman ? 2
                                               : 1);
  return plan;
}

}  // namespace restride::jpeg
