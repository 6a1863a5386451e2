// SPDX-License-Identifier: Apache-2.0
// eXIf (PNG 3, 11.3.4.5), iCCP (11.3.2.3) and XMP in iTXt (11.3.3.4; XMP, part 3, 1.1.5).
#include <algorithm>

#include "base/error_util.h"
#include "coding/deflate.h"
#include "formats/metadata_blocks.h"
#include "formats/png/headers.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

constexpr char kXmpKey[] = "XML:com.adobe.xmp";  // with its NUL
constexpr std::size_t kLargestBlock = std::size_t{64} << 20;

// What a zlib stream holds; its size is not stated anywhere.
Result<std::vector<std::byte>> inflate(ByteSpan in, std::uint64_t offset, const char* name) {
  deflate::Inflater inflater;
  for (std::size_t size = std::max<std::size_t>(in.size() * 4, 4096); size <= 2 * kLargestBlock; size *= 4) {
    std::vector<std::byte> out(std::min(size, kLargestBlock));
    const deflate::Inflated done = inflater.zlib(in, out);
    if (done.end == deflate::End::finished) {
      out.resize(done.written);
      return out;
    }
    if (done.end == deflate::End::no_memory) return fail(Errc::out_of_memory, "out of memory");
    if (done.end != deflate::End::filled) return fail_at(Errc::corrupt, offset, "%s: its data does not inflate", name);
    if (out.size() == kLargestBlock) break;
  }
  return fail_at(Errc::limit_exceeded, offset, "%s: more than 64 MiB when inflated", name);
}

// The bytes behind a NUL-terminated text, or nothing.
ByteSpan after_text(ByteSpan data) noexcept {
  const auto nul = std::find(data.begin(), data.end(), std::byte{0});
  return nul == data.end() ? ByteSpan() : data.subspan(static_cast<std::size_t>(nul - data.begin()) + 1);
}

Status read_icc(ByteSpan data, std::uint64_t offset, std::vector<Metadata>& found) {
  const ByteSpan rest = after_text(data);
  if (rest.size() < 2 || u8_at(rest, 0) != 0)
    return fail_at(Errc::corrupt, offset, "iCCP: no name, or an unknown compression method");
  RESTRIDE_ASSIGN(const std::vector<std::byte> profile, inflate(rest.subspan(1), offset, "iCCP"));
  add_icc(found, profile);
  return {};
}

Status read_xmp(ByteSpan data, std::uint64_t offset, std::vector<Metadata>& found) {
  const ByteSpan flags = data.subspan(sizeof kXmpKey);  // compressed or not, method; then a language and a keyword
  if (flags.size() < 2) return fail_at(Errc::corrupt, offset, "iTXt: the chunk is too short");
  const ByteSpan text = after_text(after_text(flags.subspan(2)));
  if (u8_at(flags, 0) == 0) {
    add_xmp(found, text);
    return {};
  }
  RESTRIDE_ASSIGN(const std::vector<std::byte> packet, inflate(text, offset, "iTXt"));
  add_xmp(found, packet);
  return {};
}

}  // namespace

Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found) {
  ByteReader reader(query.bytes);
  reader.seek(kSignatureSize);
  bool have_exif = false, have_icc = false, have_xmp = false;
  std::vector<Metadata> exif, icc, xmp;
  while (true) {
    const std::uint64_t offset = reader.position();
    const std::uint32_t length = reader.u32(), type = reader.u32();
    const std::size_t begin = reader.position();
    const ByteSpan data = reader.take(length);
    const std::uint32_t crc = reader.u32();
    if (reader.overran() || type == kIend) break;
    const bool used =
        (type == kExif && !have_exif && query.wants(MetadataKind::exif)) ||
        (type == kIccp && !have_icc && query.wants(MetadataKind::icc_profile)) ||
        (type == kItxt && !have_xmp && query.wants(MetadataKind::xmp) && starts_with(data, kXmpKey, sizeof kXmpKey));
    if (!used) continue;
    if (crc != chunk_crc(query.bytes.subspan(begin - 4, length + 4U)))
      return fail_at(Errc::corrupt, offset, "the CRC of a metadata chunk is wrong");
    if (type == kExif) {
      add_exif(exif, data);
      have_exif = true;
    } else if (type == kIccp) {
      RESTRIDE_TRY(read_icc(data, offset, icc));
      have_icc = true;
    } else {
      RESTRIDE_TRY(read_xmp(data, offset, xmp));
      have_xmp = true;
    }
  }
  for (auto* list : {&exif, &icc, &xmp})
    for (Metadata& block : *list) found.push_back(std::move(block));
  return {};
}

}  // namespace restride::png
