// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "stream/stream_info.h"

namespace restride::jpeg2000 {

inline constexpr unsigned kMaxComponents = 32;

struct Component {
  std::uint8_t bits = 8;
  bool is_signed = false;
  std::uint8_t dx = 1, dy = 1;  // subsampling; "XRsiz", "YRsiz"
};

struct Headers final : FormatDetail {
  bool jp2 = false;                     // boxes around the codestream
  std::uint64_t codestream_offset = 0;  // of SOC
  std::uint32_t x0 = 0, y0 = 0;         // the picture's place on the reference grid; "XOsiz", "YOsiz"
  std::uint32_t x1 = 0, y1 = 0;         // and its end; "Xsiz", "Ysiz"
  std::uint32_t tile_x0 = 0, tile_y0 = 0, tile_width = 0, tile_height = 0;  // the grid of tiles; "XTOsiz", "XTsiz", ...
  std::uint8_t unit_x = 1, unit_y = 1;  // grid points a pixel: more than 1 where all components are subsampled alike
  std::uint32_t components = 0;
  std::array<Component, kMaxComponents> component{};
  std::uint64_t tiles = 1;
  std::uint8_t levels = 0;  // of decomposition, from COD
  bool reversible = false;
  bool ht = false;  // ISO/IEC 15444-15
  bool color_transform = false;
  bool palette = false;        // pclr and cmap: more channels than components
  bool needs_mapping = false;  // cdef reorders channels, or there is a palette: OpenJPEG's to apply

  bool subsampled() const noexcept {
    for (std::uint32_t i = 0; i < components; ++i)
      if (component[i].dx != unit_x || component[i].dy != unit_y) return true;
    return false;
  }
  bool uniform() const noexcept {
    for (std::uint32_t i = 1; i < components; ++i)
      if (component[i].bits != component[0].bits || component[i].is_signed != component[0].is_signed) return false;
    return true;
  }
};

// The codestream up to its last tile-part, and whether EOC follows. Some writers leave that marker out.
struct TileParts {
  std::uint64_t end = 0;
  bool has_eoc = true;
};
// Walks over the tile-parts; an error if some are missing, which decoders would leave grey without a word.
Result<TileParts> find_tile_parts(ByteSpan bytes, const Headers& headers);

}  // namespace restride::jpeg2000
