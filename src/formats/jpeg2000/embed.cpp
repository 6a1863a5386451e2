// SPDX-License-Identifier: Apache-2.0
// Boxes into a finished JP2 file: the profile in a colr box before the one that is there, EXIF and XMP in uuid boxes.
#include "formats/jpeg2000/boxes.h"
#include "formats/jpeg2000/jpeg2000.h"
#include "formats/metadata_blocks.h"

namespace restride::jpeg2000 {
namespace {

constexpr std::size_t kBoxHeader = 8, kUuid = 16;

std::byte* put_box(std::byte* to, const char* type, ByteSpan head, ByteSpan data) noexcept {
  if (data.empty()) return to;
  const std::size_t size = kBoxHeader + head.size() + data.size();
  store(to, static_cast<std::uint32_t>(size), std::endian::big);
  std::memcpy(to + 4, type, 4);
  put_bytes(to + kBoxHeader, head);
  put_bytes(to + kBoxHeader + head.size(), data);
  return to + size;
}

std::size_t box_bytes(std::size_t head, ByteSpan data) noexcept {
  return data.empty() ? 0 : kBoxHeader + head + data.size();
}

// The box of `type` between `from` and `to`.
Result<Box> find(ByteSpan bytes, std::size_t from, std::size_t to, std::uint32_t type) {
  ByteReader reader(bytes);
  reader.seek(from);
  Box box;
  while (true) {
    RESTRIDE_ASSIGN(const bool more, next_box(reader, to, box));
    if (!more || box.end > to) return fail(Errc::internal, "a JP2 file was written without one of its boxes");
    if (box.type == type) return box;
    reader.seek(static_cast<std::size_t>(box.end));
  }
}

}  // namespace

Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink) {
  RESTRIDE_ASSIGN(const Blocks blocks, blocks_to_write(metadata));
  const ByteSpan file(sink.data(), sink.size());
  if (!starts_with(file, "\0\0\0\x0cjP  ", 8))
    return fail(Errc::unsupported, "a raw codestream holds no metadata: ask for Jpeg2kBitstreamType.JP2");
  constexpr std::size_t kLargest = 0x7fffffff;
  if (blocks.exif.size() > kLargest || blocks.icc.size() > kLargest || blocks.xmp.size() > kLargest)
    return fail(Errc::unsupported, "a block of metadata is larger than a box");
  RESTRIDE_ASSIGN(const Box header, find(file, 0, file.size(), tag("jp2h")));
  const auto header_end = static_cast<std::size_t>(header.end);
  RESTRIDE_ASSIGN(const Box colr, find(file, static_cast<std::size_t>(header.content), header_end, tag("colr")));

  // From the back to the front, so that what was found stays where it is.
  std::byte* boxes = open_gap(sink, header_end, box_bytes(kUuid, blocks.exif) + box_bytes(kUuid, blocks.xmp));
  if (!boxes) return no_memory_for_metadata();
  boxes = put_box(boxes, "uuid", as_bytes(kExifUuid, kUuid), blocks.exif);
  put_box(boxes, "uuid", as_bytes(kXmpUuid, kUuid), blocks.xmp);
  constexpr char kRestricted[3] = {2, 0, 0};  // method, precedence, approximation (I.5.3.3)
  const std::size_t profile = box_bytes(sizeof kRestricted, blocks.icc);
  std::byte* const to = open_gap(sink, static_cast<std::size_t>(colr.content) - kBoxHeader, profile);
  if (!to) return no_memory_for_metadata();
  put_box(to, "colr", as_bytes(kRestricted, sizeof kRestricted), blocks.icc);
  const auto start = static_cast<std::size_t>(header.content) - kBoxHeader;
  store(sink.data() + start, static_cast<std::uint32_t>(header_end - start + profile), std::endian::big);
  return {};
}

}  // namespace restride::jpeg2000
