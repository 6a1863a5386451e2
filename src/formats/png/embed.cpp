// SPDX-License-Identifier: Apache-2.0
// Chunks into a finished PNG datastream, behind IHDR.
#include "coding/deflate.h"
#include "formats/metadata_blocks.h"
#include "formats/png/headers.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

std::byte* put_chunk(std::byte* to, std::uint32_t type, ByteSpan head, ByteSpan data) noexcept {
  const std::size_t size = head.size() + data.size();
  store(to, static_cast<std::uint32_t>(size), std::endian::big);
  store(to + 4, type, std::endian::big);
  put_bytes(to + 8, head);
  put_bytes(to + 8 + head.size(), data);
  store(to + 8 + size, chunk_crc({to + 4, size + 4}), std::endian::big);
  return to + size + kChunkFrame;
}

}  // namespace

Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink) {
  RESTRIDE_ASSIGN(const Blocks blocks, blocks_to_write(metadata));
  if (blocks.exif.size() > kLongestChunk / 2 || blocks.icc.size() > kLongestChunk / 2 ||
      blocks.xmp.size() > kLongestChunk / 2)
    return fail(Errc::unsupported, "a block of metadata is larger than a chunk");
  constexpr char kProfileHead[] = "ICC profile\0";          // a name, and compression method 0
  constexpr char kXmpHead[] = "XML:com.adobe.xmp\0\0\0\0";  // keyword, not compressed, no language, no translation
  const ByteSpan profile_head = as_bytes(kProfileHead, sizeof kProfileHead);
  const ByteSpan xmp_head = as_bytes(kXmpHead, sizeof kXmpHead);
  std::vector<std::byte> profile;
  if (!blocks.icc.empty()) {
    profile.resize(deflate::Deflater::bound(blocks.icc.size()));
    deflate::Deflater deflater;
    profile.resize(deflater.zlib(blocks.icc, profile));
    if (profile.empty()) return no_memory_for_metadata();
  }
  const std::size_t size = (blocks.exif.empty() ? 0 : kChunkFrame + blocks.exif.size()) +
                           (profile.empty() ? 0 : kChunkFrame + profile_head.size() + profile.size()) +
                           (blocks.xmp.empty() ? 0 : kChunkFrame + xmp_head.size() + blocks.xmp.size());
  constexpr std::size_t kAfterHeader = kSignatureSize + kChunkFrame + 13;
  std::byte* to = open_gap(sink, kAfterHeader, size);
  if (!to) return no_memory_for_metadata();
  if (!profile.empty()) to = put_chunk(to, kIccp, profile_head, profile);  // before PLTE and IDAT (Table 5.1)
  if (!blocks.exif.empty()) to = put_chunk(to, kExif, {}, blocks.exif);
  if (!blocks.xmp.empty()) put_chunk(to, kItxt, xmp_head, blocks.xmp);
  return {};
}

}  // namespace restride::png
