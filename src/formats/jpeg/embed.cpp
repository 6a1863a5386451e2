// SPDX-License-Identifier: Apache-2.0
// Application segments into a finished JPEG stream, behind SOI and JFIF's own segment.
#include "formats/jpeg/application.h"
#include "formats/jpeg/jpeg.h"
#include "formats/metadata_blocks.h"

namespace restride::jpeg {
namespace {

constexpr std::size_t kMostInSegment = 65533;  // its length, of two bytes, counts itself

std::byte* put_segment(std::byte* to, std::uint8_t marker, ByteSpan prefix, ByteSpan data) noexcept {
  to[0] = std::byte{0xff};
  to[1] = std::byte{marker};
  store(to + 2, static_cast<std::uint16_t>(2 + prefix.size() + data.size()), std::endian::big);
  put_bytes(to + 4, prefix);
  put_bytes(to + 4 + prefix.size(), data);
  return to + 4 + prefix.size() + data.size();
}

std::size_t segment_bytes(ByteSpan prefix, ByteSpan data) noexcept {
  return data.empty() ? 0 : 4 + prefix.size() + data.size();
}

}  // namespace

Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink) {
  RESTRIDE_ASSIGN(const Blocks blocks, blocks_to_write(metadata));
  const ByteSpan exif_prefix = as_bytes(kExif, sizeof kExif), xmp_prefix = as_bytes(kXmp, sizeof kXmp);
  if (exif_prefix.size() + blocks.exif.size() > kMostInSegment ||
      xmp_prefix.size() + blocks.xmp.size() > kMostInSegment)
    return fail(Errc::unsupported, "EXIF of %zu bytes and XMP of %zu: one segment of JPEG holds 65533",
                blocks.exif.size(), blocks.xmp.size());
  constexpr std::size_t kIccHead = sizeof kIcc + 2, kIccPart = kMostInSegment - kIccHead;
  const std::size_t parts = (blocks.icc.size() + kIccPart - 1) / kIccPart;
  if (parts > 255)
    return fail(Errc::unsupported, "an ICC profile of %zu bytes is more than JPEG holds", blocks.icc.size());
  const ByteSpan stream(sink.data(), sink.size());
  std::size_t at = 2;
  if (stream.size() > 6 && u8_at(stream, 3) == 0xe0)
    at += 2U + load<std::uint16_t>(stream.data() + 4, std::endian::big);
  std::byte* to = open_gap(sink, at,
                           segment_bytes(exif_prefix, blocks.exif) + segment_bytes(xmp_prefix, blocks.xmp) +
                               parts * (4 + kIccHead) + blocks.icc.size());
  if (!to) return no_memory_for_metadata();
  if (!blocks.exif.empty()) to = put_segment(to, 0xe1, exif_prefix, blocks.exif);
  std::byte head[kIccHead];
  std::memcpy(head, kIcc, sizeof kIcc);
  head[kIccHead - 1] = static_cast<std::byte>(parts);
  for (std::size_t i = 0; i < parts; ++i) {
    head[kIccHead - 2] = static_cast<std::byte>(i + 1);
    const ByteSpan rest = blocks.icc.subspan(i * kIccPart);
    to = put_segment(to, 0xe2, head, rest.first(std::min(rest.size(), kIccPart)));
  }
  if (!blocks.xmp.empty()) put_segment(to, 0xe1, xmp_prefix, blocks.xmp);
  return {};
}

}  // namespace restride::jpeg
