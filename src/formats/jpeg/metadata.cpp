// SPDX-License-Identifier: Apache-2.0
// Application segments of a JPEG file: EXIF (APP1), XMP (APP1), ICC (APP2; ICC.1, annex B.4).
#include <array>

#include "base/error_util.h"
#include "formats/jpeg/application.h"
#include "formats/jpeg/jpeg.h"
#include "formats/metadata_blocks.h"

namespace restride::jpeg {
namespace {

// A profile comes in numbered parts, in any order.
struct IccParts {
  std::array<ByteSpan, 256> part{};
  unsigned count = 0;
  std::uint64_t offset = 0;

  Status add(ByteSpan segment, std::uint64_t at) {
    if (segment.size() < sizeof kIcc + 2)
      return fail_at(Errc::corrupt, at, "APP2: the ICC profile's part is too short");
    const unsigned number = u8_at(segment, sizeof kIcc), total = u8_at(segment, sizeof kIcc + 1);
    if (number == 0 || number > total || (count && total != count))
      return fail_at(Errc::corrupt, at, "APP2: part %u of %u of the ICC profile", number, total);
    if (part[number].data()) return fail_at(Errc::corrupt, at, "APP2: part %u of the ICC profile comes twice", number);
    if (!count) offset = at;
    count = total;
    part[number] = segment.subspan(sizeof kIcc + 2);
    return {};
  }

  Status put(std::vector<Metadata>& found) const {
    if (!count) return {};
    add_icc(found, {});
    for (unsigned i = 1; i <= count; ++i) {
      if (!part[i].data())
        return fail_at(Errc::corrupt, offset, "APP2: part %u of %u of the ICC profile is missing", i, count);
      found.back().bytes.insert(found.back().bytes.end(), part[i].begin(), part[i].end());
    }
    return {};
  }
};

}  // namespace

// Headers were parsed before, so that every segment up to the first scan is known to be whole.
Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found) {
  ByteReader reader(query.bytes);
  reader.skip(2);
  ByteSpan exif, xmp;
  IccParts icc;
  while (true) {
    while (reader.remaining() && reader.u8() != 0xff) {
    }
    std::uint8_t marker = 0xff;
    while (reader.remaining() && marker == 0xff) marker = reader.u8();
    if (!reader.remaining() || marker == 0xda || marker == 0xd9) break;
    if (marker == 0 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    const std::uint64_t at = reader.position() - 2;
    const std::uint16_t length = reader.u16();
    const ByteSpan segment = reader.take(length < 2 ? 0U : length - 2U);
    if (marker == 0xe1 && starts_with(segment, "Exif\0", 5) && exif.empty()) exif = segment;
    if (marker == 0xe1 && starts_with(segment, kXmp, sizeof kXmp) && xmp.empty()) xmp = segment.subspan(sizeof kXmp);
    if (marker == 0xe2 && starts_with(segment, kIcc, sizeof kIcc) && query.wants(MetadataKind::icc_profile))
      RESTRIDE_TRY(icc.add(segment, at));
  }
  if (!exif.empty() && query.wants(MetadataKind::exif)) add_exif(found, exif);
  RESTRIDE_TRY(icc.put(found));
  if (!xmp.empty() && query.wants(MetadataKind::xmp)) add_xmp(found, xmp);
  return {};
}

}  // namespace restride::jpeg
