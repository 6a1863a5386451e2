// SPDX-License-Identifier: Apache-2.0
// What the marker segments of a JPEG stream say (ITU-T T.81, annex B).
#pragma once

#include <array>
#include <cstdint>

#include "stream/stream_info.h"

namespace restride::jpeg {

struct Component {
  std::uint8_t id = 0;
  std::uint8_t h = 1, v = 1;  // sampling factors
};

struct Headers final : FormatDetail {
  std::uint8_t sof = 0;  // low byte of the frame header's marker: 0xc0 baseline, 0xc2 progressive, 0xc3 lossless ...
  std::uint8_t precision = 8;
  std::uint8_t components = 0;
  std::array<Component, 4> component{};
  bool has_jfif = false;
  bool has_adobe = false;
  std::uint8_t adobe_transform = 0;
  std::uint32_t restart_interval = 0;
  std::uint64_t frame_offset = 0;  // of the frame header, for messages

  bool progressive() const noexcept { return sof == 0xc2 || sof == 0xca; }
  bool arithmetic() const noexcept { return sof >= 0xc9; }
  // Huffman or arithmetic, sequential or progressive DCT; not lossless, not hierarchical.
  bool dct() const noexcept { return sof == 0xc0 || sof == 0xc1 || sof == 0xc2 || sof == 0xc9 || sof == 0xca; }
};

}  // namespace restride::jpeg
