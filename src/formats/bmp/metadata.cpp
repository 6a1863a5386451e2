// SPDX-License-Identifier: Apache-2.0
// The profile of a BITMAPV5HEADER, which is embedded where bV5CSType says 'MBED'.
#include "base/error_util.h"
#include "formats/bmp/bmp.h"
#include "formats/metadata_blocks.h"

namespace restride::bmp {

Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found) {
  constexpr std::size_t kFileHeader = 14, kSpace = kFileHeader + 56, kProfile = kFileHeader + 112;
  constexpr std::uint32_t kEmbedded = 0x4d424544;  // 'MBED'
  ByteReader reader(query.bytes, std::endian::little);
  reader.seek(kFileHeader);
  if (reader.u32() < 124 || !query.wants(MetadataKind::icc_profile)) return {};
  reader.seek(kSpace);
  if (reader.u32() != kEmbedded) return {};
  reader.seek(kProfile);
  const std::uint64_t offset = reader.u32(), size = reader.u32();
  reader.seek(static_cast<std::size_t>(kFileHeader + offset));
  const ByteSpan profile = reader.take(static_cast<std::size_t>(size));
  if (reader.overran()) return fail_at(Errc::truncated, kProfile, "the ICC profile ends past the end of the file");
  if (!profile.empty()) add_icc(found, profile);
  return {};
}

}  // namespace restride::bmp
