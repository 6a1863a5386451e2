// SPDX-License-Identifier: Apache-2.0
// Chunks into a finished WebP file, which becomes an extended one (RFC 9649, 2.7).
#include <webp/decode.h>

#include <limits>

#include "formats/metadata_blocks.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

constexpr std::size_t kFileHeader = 12, kChunkHeader = 8, kExtended = 10;
constexpr std::uint8_t kHasXmp = 0x04, kHasExif = 0x08, kHasAlpha = 0x10, kHasIcc = 0x20;

std::size_t chunk_bytes(ByteSpan data) noexcept {
  return data.empty() ? 0 : kChunkHeader + data.size() + data.size() % 2;
}

std::byte* put_chunk(std::byte* to, const char* type, ByteSpan data) noexcept {
  if (data.empty()) return to;
  std::memcpy(to, type, 4);
  store(to + 4, static_cast<std::uint32_t>(data.size()), std::endian::little);
  put_bytes(to + kChunkHeader, data);
  if (data.size() % 2) to[kChunkHeader + data.size()] = std::byte{0};
  return to + chunk_bytes(data);
}

}  // namespace

Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink) {
  RESTRIDE_ASSIGN(const Blocks blocks, blocks_to_write(metadata));
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(reinterpret_cast<const std::uint8_t*>(sink.data()), sink.size(), &features) != VP8_STATUS_OK)
    return fail(Errc::internal, "libwebp does not read what it wrote");
  const bool extended = std::memcmp(sink.data() + kFileHeader, "VP8X", 4) == 0;
  std::byte extension[kExtended] = {};
  const auto flags = (blocks.icc.empty() ? 0U : kHasIcc) | (blocks.exif.empty() ? 0U : kHasExif) |
                     (blocks.xmp.empty() ? 0U : kHasXmp) | (features.has_alpha ? kHasAlpha : 0U);
  extension[0] = static_cast<std::byte>(flags);
  const auto put24 = [&](std::size_t at, int value) {
    for (std::size_t i = 0; i < 3; ++i) extension[at + i] = static_cast<std::byte>(value >> 8 * i);
  };
  put24(4, features.width - 1);
  put24(7, features.height - 1);

  const std::size_t more = (extended ? 0 : kChunkHeader + kExtended) + chunk_bytes(blocks.icc) +
                           chunk_bytes(blocks.exif) + chunk_bytes(blocks.xmp);
  if (more > std::numeric_limits<std::uint32_t>::max() - sink.size())
    return fail(Errc::unsupported, "WebP files have at most 4 GiB");
  std::byte* const at = open_gap(sink, kFileHeader + (extended ? kChunkHeader + kExtended : 0),
                                 (extended ? 0 : kChunkHeader + kExtended) + chunk_bytes(blocks.icc));
  if (!at) return no_memory_for_metadata();
  std::byte* const behind = put_chunk(sink.data() + kFileHeader, "VP8X", extension);
  put_chunk(behind, "ICCP", blocks.icc);
  const std::size_t end = sink.size();
  if (!open_gap(sink, end, chunk_bytes(blocks.exif) + chunk_bytes(blocks.xmp))) return no_memory_for_metadata();
  put_chunk(put_chunk(sink.data() + end, "EXIF", blocks.exif), "XMP ", blocks.xmp);
  store(sink.data() + 4, static_cast<std::uint32_t>(sink.size() - 8), std::endian::little);
  return {};
}

}  // namespace restride::webp
