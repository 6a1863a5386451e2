// SPDX-License-Identifier: Apache-2.0
// The one EXIF tag that decoding needs, shared by all formats that carry EXIF.
#pragma once

#include "base/bytes.h"
#include "restride/types.h"

namespace restride::exif {

// Orientation (tag 274) of the first directory of an EXIF block that starts at its TIFF header; normal where there is
// none or it is damaged, since a picture with bad metadata is still a picture.
inline Orientation orientation(ByteSpan block) noexcept {
  ByteReader reader(block);
  const std::uint16_t mark = reader.u16();
  if (mark != 0x4949 && mark != 0x4d4d) return Orientation::normal;
  reader.set_order(mark == 0x4949 ? std::endian::little : std::endian::big);
  if (reader.u16() != 42) return Orientation::normal;
  reader.seek(reader.u32());
  const unsigned entries = reader.u16();
  for (unsigned i = 0; i < entries && !reader.overran(); ++i) {
    const std::uint16_t tag = reader.u16();
    const std::uint16_t type = reader.u16();
    reader.skip(4);
    const std::uint16_t value = reader.u16();
    reader.skip(2);
    constexpr std::uint16_t kOrientation = 274, kShort = 3;
    if (tag == kOrientation && type == kShort && !reader.overran() && value >= 1 && value <= 8)
      return static_cast<Orientation>(value);
  }
  return Orientation::normal;
}

}  // namespace restride::exif
