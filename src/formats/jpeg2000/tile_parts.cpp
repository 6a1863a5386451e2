// SPDX-License-Identifier: Apache-2.0
// Tile-parts of a codestream (ISO/IEC 15444-1, A.4.2), without their contents.
#include <algorithm>

#include "base/error_util.h"
#include "formats/jpeg2000/headers.h"

namespace restride::jpeg2000 {

Result<TileParts> find_tile_parts(ByteSpan bytes, const Headers& headers) {
  ByteReader reader(bytes);
  reader.seek(headers.codestream_offset + 2);
  while (!reader.overran()) {  // over the main header, which parse() has checked
    if (reader.u16() == 0xff90) break;
    reader.skip(std::max<std::size_t>(reader.u16(), 2) - 2);
  }
  std::uint64_t seen = 0;  // tiles whose first tile-part was met
  while (true) {           // A.4.2; just behind a SOT marker. Each round moves on by at least 12 bytes.
    const std::uint64_t at = reader.position() - 2;
    reader.skip(4);
    const std::uint32_t length = reader.u32();  // "Psot"
    const std::uint8_t part = reader.u8();      // "TPsot"
    if (reader.overran()) return fail_at(Errc::truncated, bytes.size(), "the file ends inside a tile-part header");
    seen += part == 0;
    if (length == 0) return TileParts{bytes.size(), true};  // the last tile-part, up to the end
    if (length < 12) return fail_at(Errc::corrupt, at, "SOT: a tile-part of %u bytes", length);
    if (length > bytes.size() - at) return fail_at(Errc::truncated, bytes.size(), "the file ends inside a tile-part");
    reader.seek(at + length);
    const std::uint16_t next = reader.u16();
    if (next == 0xff90) continue;
    if (next == 0xffd9) return TileParts{at + length, true};  // EOC
    if (seen < headers.tiles)
      return fail_at(Errc::truncated, bytes.size(), "%llu of %llu tiles are there",
                     static_cast<unsigned long long>(seen), static_cast<unsigned long long>(headers.tiles));
    return TileParts{at + length, false};  // all pixels are there
  }
}

}  // namespace restride::jpeg2000
