// SPDX-License-Identifier: Apache-2.0
// Boxes (ISO/IEC 15444-1, I.4): a length, a type, contents.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "restride/error.h"

namespace restride::jpeg2000 {

constexpr std::uint32_t tag(const char (&name)[5]) noexcept {
  return static_cast<std::uint32_t>(name[0]) << 24 | static_cast<std::uint32_t>(name[1]) << 16 |
         static_cast<std::uint32_t>(name[2]) << 8 | static_cast<std::uint32_t>(name[3]);
}

// The types of uuid boxes: "JpgTiffExif->JP2", and XMP's (XMP, part 3, 1.1.6).
inline constexpr char kExifUuid[] = "JpgTiffExif->JP2";
inline constexpr char kXmpUuid[] = "\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

struct Box {
  std::uint32_t type = 0;
  std::uint64_t content = 0, end = 0;
};

// Reads the header at the reader's place; false at the end of `within`. `end` may lie past it.
Result<bool> next_box(ByteReader& reader, std::uint64_t within, Box& box);

}  // namespace restride::jpeg2000
