// SPDX-License-Identifier: Apache-2.0
// How quality parameters become numbers; README.md explains them to users.
#pragma once

#include <cmath>

#include "restride/params.h"

namespace restride::jpeg2000 {

inline constexpr double kDefaultPsnr = 50;

// PSNR aimed at, in dB. Quality 1 to 100 is mapped linearly to 25.25 to 50 dB.
inline double target_psnr(const EncodeParams& params) noexcept {
  if (params.quality_type == QualityType::psnr) return params.quality_value;
  if (params.quality_type == QualityType::quality) return 25 + params.quality_value / 4;
  return kDefaultPsnr;
}

// Base quantisation step relative to the sample range. A uniform quantiser of step d leaves a mean squared error of
// d^2/12.
inline double quantization_step(const EncodeParams& params) noexcept {
  if (params.quality_type == QualityType::quantization_step) return params.quality_value;
  return std::sqrt(12.0) * std::pow(10.0, -target_psnr(params) / 20);
}

}  // namespace restride::jpeg2000
