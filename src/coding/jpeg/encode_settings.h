// SPDX-License-Identifier: Apache-2.0
// What the caller's parameters mean for a JPEG file, decided once for every encoder, whatever it runs on.
#pragma once

#include "codec/codec.h"

namespace restride::jpeg {

struct SamplingFactors {
  int h, v;
  bool operator==(const SamplingFactors&) const noexcept = default;
};

// Luma's sampling factors; chroma's are 1x1. invalid_argument for a value that JPEG has none for.
Result<SamplingFactors> luma_factors(ChromaSubsampling subsampling);

// 1 to 100. unsupported for a type of quality that JPEG has not, invalid_argument outside the range.
Result<int> quality_of(const EncodeParams& params);

// FormatEncoder::plan of a baseline or progressive 8-bit encoder: gray, or interleaved RGB, BGR, YCbCr or CMYK.
Result<EncodePlan> plan_encode(const ImageSpec& input, const EncodeParams& params);

}  // namespace restride::jpeg
