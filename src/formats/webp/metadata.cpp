// SPDX-License-Identifier: Apache-2.0
// The chunks ICCP, EXIF and XMP (RFC 9649, 2.7.1.4 and 2.7.1.5).
#include "base/error_util.h"
#include "formats/metadata_blocks.h"
#include "formats/webp/webp.h"

namespace restride::webp {

Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found) {
  ByteReader reader(query.bytes, std::endian::little);
  reader.skip(12);
  ByteSpan exif, icc, xmp;
  while (reader.remaining() >= 8) {
    const std::uint64_t at = reader.position();
    const ByteSpan type = reader.take(4);
    const std::uint32_t size = reader.u32();
    const ByteSpan data = reader.take(size);
    ByteSpan* const wanted = starts_with(type, "EXIF", 4)   ? &exif
                             : starts_with(type, "ICCP", 4) ? &icc
                             : starts_with(type, "XMP ", 4) ? &xmp
                                                            : nullptr;
    if (wanted && reader.overran())
      return fail_at(Errc::truncated, at, "the file ends inside its %.4s chunk",
                     reinterpret_cast<const char*>(type.data()));
    if (wanted && wanted->empty()) *wanted = data;
    reader.skip(size & 1);
  }
  if (!exif.empty() && query.wants(MetadataKind::exif)) add_exif(found, exif);
  if (!icc.empty() && query.wants(MetadataKind::icc_profile)) add_icc(found, icc);
  if (!xmp.empty() && query.wants(MetadataKind::xmp)) add_xmp(found, xmp);
  return {};
}

}  // namespace restride::webp
