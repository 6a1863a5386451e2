// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stream/stream_info.h"

namespace restride::webp {

struct Headers final : FormatDetail {
  // What libwebp gets: the whole file, or the bitstream of an animation's first frame. Absent (size 0) where that frame
  // is smaller than the canvas.
  std::uint64_t data_offset = 0, data_size = 0;
  bool lossless = false;
};

}  // namespace restride::webp
