// SPDX-License-Identifier: Apache-2.0
// The one EXIF tag that decoding needs, shared by all formats that carry EXIF.
#pragma once

#include "base/bytes.h"
#include "base/error_util.h"
#include "restride/types.h"

namespace restride::exif {

// Where the two bytes of the orientation (tag 274) of the first directory are in an EXIF block that starts at its TIFF
// header; 0: there is none. corrupt where the directory is cut off before it.
inline Result<std::size_t> find_orientation(ByteSpan block) {
  ByteReader reader(block);
  const std::uint16_t mark = reader.u16();
  reader.set_order(mark == 0x4949 ? std::endian::little : std::endian::big);
  if ((mark != 0x4949 && mark != 0x4d4d) || reader.u16() != 42)
    return fail(Errc::corrupt, "the EXIF block does not start with a TIFF header");
  reader.seek(reader.u32());
  const unsigned entries = reader.u16();
  for (unsigned i = 0; i < entries && !reader.overran(); ++i) {
    const std::uint16_t tag = reader.u16();
    const std::uint16_t type = reader.u16();
    reader.skip(4);
    const std::size_t at = reader.position();
    reader.skip(4);
    constexpr std::uint16_t kOrientation = 274, kShort = 3;
    if (tag == kOrientation && type == kShort && !reader.overran()) return at;
  }
  if (reader.overran()) return fail(Errc::corrupt, "the EXIF block is damaged: its first directory is cut off");
  return std::size_t{0};
}

// What it says; normal where there is none or it is damaged, since a picture with bad metadata is still a picture.
inline Orientation orientation(ByteSpan block) {
  const auto found = find_orientation(block);
  if (!found || *found == 0) return Orientation::normal;
  const auto high = std::to_integer<unsigned>(block[*found]), low = std::to_integer<unsigned>(block[*found + 1]);
  const unsigned value = block[0] == std::byte{'I'} ? high | low << 8 : high << 8 | low;
  return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : Orientation::normal;
}

}  // namespace restride::exif
