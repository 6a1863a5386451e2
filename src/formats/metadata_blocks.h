// SPDX-License-Identifier: Apache-2.0
// The three blocks that most formats carry: listing them, and putting them into finished streams.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error_util.h"
#include "formats/exif_block.h"
#include "restride/metadata.h"
#include "stream/byte_sink.h"

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

// What an encoder is asked to write, each block once.
struct Blocks {
  ByteSpan exif, icc, xmp;
};
// unsupported for other kinds than these three.
inline Result<Blocks> blocks_to_write(std::span<const Metadata> metadata) {
  Blocks blocks;
  for (const Metadata& m : metadata) {
    ByteSpan* const to = m.kind == MetadataKind::exif          ? &blocks.exif
                         : m.kind == MetadataKind::icc_profile ? &blocks.icc
                         : m.kind == MetadataKind::xmp         ? &blocks.xmp
                                                               : nullptr;
    if (!to)
      return fail(Errc::unsupported, "metadata of kind %d cannot be written here; EXIF, ICC_PROFILE and XMP can",
                  static_cast<int>(m.kind));
    if (!to->empty())
      return fail(Errc::invalid_argument, "two blocks of metadata of kind %d", static_cast<int>(m.kind));
    *to = m.kind == MetadataKind::exif ? exif::without_prefix(m.bytes) : ByteSpan(m.bytes);
  }
  return blocks;
}

// Moves what lies behind `at` to make room for `size` bytes there; nullptr when memory is short.
inline std::byte* open_gap(ByteSink& sink, std::size_t at, std::size_t size) noexcept {
  if (!sink.reserve(size)) return nullptr;
  const std::size_t behind = sink.size() - at;
  sink.commit(size);
  if (behind) std::memmove(sink.data() + at + size, sink.data() + at, behind);
  return sink.data() + at;
}

inline Error no_memory_for_metadata() { return fail(Errc::out_of_memory, "no memory for the metadata"); }

}  // namespace restride
