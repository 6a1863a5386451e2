// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "codec/codec.h"
#include "restride/code_stream.h"
#include "restride/image.h"
#include "restride/params.h"

namespace restride {

// Everything about one decode that follows from headers and parameters alone.
struct DecodeGeometry {
  ImageSpec output;  // what the caller gets: size of the region, or of the picture as displayed
  Orientation orientation = Orientation::normal;
  Rect region;                 // displayed rectangle asked for, may reach outside the picture
  Rect inside;                 // its part inside the picture, relative to `region`; may be empty
  Rect window;                 // the stored rectangle behind `inside`
  bool out_of_bounds = false;  // some of `region` lies outside
};

// How often a picture is halved: params.reduce, and what params.fit_width and fit_height ask for beyond it. unsupported
// where the picture cannot be made that small.
Result<std::uint8_t> halvings(const ImageInfo& info, const DecodeParams& params);

// invalid_argument where parameters contradict each other, limit_exceeded where the picture is larger than allowed.
// `orientation`: where an overview is decoded in place of a picture, that of the picture.
Result<DecodeGeometry> plan_output(const ImageInfo& info, const Region* region, const DecodeParams& params,
                                   std::optional<Orientation> orientation = std::nullopt);

}  // namespace restride
