// SPDX-License-Identifier: Apache-2.0
// Boxes of JP2 (ISO/IEC 15444-1, annex I): the profile of a colr box, EXIF and XMP in uuid boxes.
#include "base/error_util.h"
#include "formats/jpeg2000/boxes.h"
#include "formats/jpeg2000/headers.h"
#include "formats/jpeg2000/jpeg2000.h"
#include "formats/metadata_blocks.h"

namespace restride::jpeg2000 {
namespace {

// The profile of the first colr box with one (I.5.3.3, methods 2 and 3).
Status find_profile(ByteReader reader, std::uint64_t end, ByteSpan& icc) {
  Box box;
  while (true) {
    RESTRIDE_ASSIGN(const bool more, next_box(reader, end, box));
    if (!more || box.end > end) return {};
    if (box.type == tag("colr") && icc.empty()) {
      const std::uint8_t method = reader.u8();
      reader.skip(2);
      if (method == 2 || method == 3) icc = reader.take(static_cast<std::size_t>(box.end - reader.position()));
    }
    reader.seek(static_cast<std::size_t>(box.end));
  }
}

}  // namespace

Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found) {
  if (!static_cast<const Headers&>(*query.stream->detail).jp2) return {};
  ByteReader reader(query.bytes);
  ByteSpan exif, icc, xmp;
  Box box;
  while (true) {
    const std::uint64_t at = reader.position();
    RESTRIDE_ASSIGN(const bool more, next_box(reader, query.bytes.size(), box));
    if (!more) break;
    if (box.end > query.bytes.size()) {
      if (box.type == tag("uuid")) return fail_at(Errc::truncated, at, "the file ends inside a uuid box");
      break;
    }
    const ByteSpan content =
        query.bytes.subspan(static_cast<std::size_t>(box.content), static_cast<std::size_t>(box.end - box.content));
    if (box.type == tag("jp2h")) RESTRIDE_TRY(find_profile(reader, box.end, icc));
    if (box.type == tag("uuid") && starts_with(content, kExifUuid, 16) && exif.empty()) exif = content.subspan(16);
    if (box.type == tag("uuid") && starts_with(content, kXmpUuid, 16) && xmp.empty()) xmp = content.subspan(16);
    reader.seek(static_cast<std::size_t>(box.end));
  }
  if (!exif.empty() && query.wants(MetadataKind::exif)) add_exif(found, exif);
  if (!icc.empty() && query.wants(MetadataKind::icc_profile)) add_icc(found, icc);
  if (!xmp.empty() && query.wants(MetadataKind::xmp)) add_xmp(found, xmp);
  return {};
}

}  // namespace restride::jpeg2000
