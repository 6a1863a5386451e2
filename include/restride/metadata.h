// SPDX-License-Identifier: Apache-2.0
// What a file says beside its pixels: EXIF, ICC profiles, XMP, TIFF tags, GeoTIFF keys, slide scanners' descriptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "restride/error.h"
#include "restride/export.h"
#include "restride/types.h"

namespace restride {

class CodeStream;

// Values equal nvImageCodec's; xmp is added.
enum class MetadataKind : std::uint8_t {
  unknown = 0,
  tiff_tag = 1,
  icc_profile = 2,
  exif = 3,  // bytes start at the TIFF header of the EXIF block, in whatever container it lay
  geo = 4,
  med_aperio = 5,
  med_philips = 6,
  med_ventana = 7,
  med_leica = 8,
  med_trestle = 9,
  tiff_tag_list = 10,
  xmp = 11,
};

enum class MetadataFormat : std::uint8_t { unknown = 0, raw = 1, json = 2, xml = 3, xmp = 4 };

// Types of a TIFF tag's values, numbered as in the file (TIFF 6.0, section 2; BigTIFF).
enum class MetadataType : std::uint8_t {
  unknown = 0,
  byte = 1,
  ascii = 2,
  u16 = 3,  // "SHORT"
  u32 = 4,  // "LONG"
  rational = 5,
  i8 = 6,
  undefined = 7,
  i16 = 8,
  i32 = 9,
  srational = 10,
  f32 = 11,
  f64 = 12,
  ifd = 13,
  u64 = 16,
  i64 = 17,
  ifd8 = 18,
};

constexpr std::size_t size_of(MetadataType type) noexcept {
  constexpr std::uint8_t kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
  return static_cast<std::size_t>(type) < sizeof kSizes ? kSizes[static_cast<std::size_t>(type)] : 0;
}

struct Metadata {
  MetadataKind kind = MetadataKind::unknown;
  MetadataFormat format = MetadataFormat::unknown;
  MetadataType type = MetadataType::unknown;  // of a tag's values
  std::uint32_t id = 0;                       // a tag's number
  std::uint64_t count = 0;                    // of a tag's values
  std::vector<std::byte> bytes;               // a tag's values are in the machine's byte order
};

// All blocks of the stream's image, or those of one kind. Without a kind, TIFF tags are left out: kind tiff_tag gives
// all of them, tiff_tag_list their numbers. Nothing found: empty. Errors: those of parsing; corrupt, truncated or
// limit_exceeded for a damaged block; unsupported for tags of a file that is no TIFF. Thread-safe.
RESTRIDE_API Result<std::vector<Metadata>> read_metadata(const CodeStream& stream,
                                                         std::optional<MetadataKind> kind = std::nullopt);

// Makes an EXIF block say `orientation` where it says any; normal for pixels that were turned upright. invalid_argument
// for another kind of block; corrupt where its first directory is damaged, and then it is unchanged.
RESTRIDE_API Status set_orientation(Metadata& exif, Orientation orientation);

// One TIFF tag of the stream's image, absent where the directory lacks it.
RESTRIDE_API Result<std::optional<Metadata>> read_tiff_tag(const CodeStream& stream, std::uint16_t id);

}  // namespace restride
