// SPDX-License-Identifier: Apache-2.0
// The three blocks that most formats carry, and what is known of them without their containers.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "formats/exif_block.h"
#include "restride/metadata.h"

namespace restride {

inline void add_block(std::vector<Metadata>& found, MetadataKind kind, ByteSpan bytes,
                      MetadataFormat format = MetadataFormat::raw) {
  Metadata block;
  block.kind = kind;
  block.format = format;
  block.bytes.assign(bytes.begin(), bytes.end());
  found.push_back(std::move(block));
}
inline void add_exif(std::vector<Metadata>& found, ByteSpan block) {
  add_block(found, MetadataKind::exif, exif::without_prefix(block));
}
inline void add_icc(std::vector<Metadata>& found, ByteSpan profile) {
  add_block(found, MetadataKind::icc_profile, profile);
}
inline void add_xmp(std::vector<Metadata>& found, ByteSpan packet) {
  add_block(found, MetadataKind::xmp, packet, MetadataFormat::xmp);
}

}  // namespace restride
