// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stream/stream_info.h"

namespace restride::pnm {

struct Headers final : FormatDetail {
  char kind = 0;  // '1' to '7' of P1 to P7; 'f' and 'F' of PFM
  std::uint32_t maxval = 1;
  std::uint64_t pixels_offset = 0;
  bool little_endian = false;  // PFM
  bool ascii() const noexcept { return kind >= '1' && kind <= '3'; }
  bool bitmap() const noexcept { return kind == '1' || kind == '4'; }
  bool pfm() const noexcept { return kind == 'f' || kind == 'F'; }
};

}  // namespace restride::pnm
