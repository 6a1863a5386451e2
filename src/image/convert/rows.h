// SPDX-License-Identifier: Apache-2.0
// Conversion of rows by vector kernels: samples of 8 and 16 bits and whatever only moves. The plain conversion
// (converter.h) is its judge and does the rest.
#pragma once

#include <span>

#include "image/convert/converter.h"
#include "image/convert/kernels.h"
#include "image/convert/pixels.h"

namespace restride::conversion {

// Converts width x height pixels as `how` says; false, with nothing written, where that is left to the plain
// conversion.
bool convert_rows(const Conversion& how, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
                  bool swaps_axes, const kernels::Kernels& kernels) noexcept;

}  // namespace restride::conversion
