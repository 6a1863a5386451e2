// SPDX-License-Identifier: Apache-2.0
#include "restride/metadata.h"

#include "base/error_util.h"
#include "codec/codec.h"
#include "formats/exif.h"
#include "restride/code_stream.h"

namespace restride {
namespace {

Result<std::vector<Metadata>> find(const CodeStream& stream, std::optional<MetadataKind> kind,
                                   std::optional<std::uint16_t> tag) {
  RESTRIDE_ASSIGN(const CodeStream::Parsed parsed, stream.parsed());
  const Format& format = *parsed.stream->format;
  std::vector<Metadata> found;
  if (format.metadata) RESTRIDE_TRY(format.metadata({stream.bytes(), parsed.stream, parsed.image, kind, tag}, found));
  if (found.empty() && (kind == MetadataKind::tiff_tag || kind == MetadataKind::tiff_tag_list) && format.name != "tiff")
    return fail(Errc::unsupported, "nvImageCodec failure: '#9': tags are kept by TIFF files only, and this is %.*s",
                static_cast<int>(format.name.size()), format.name.data());
  return found;
}

}  // namespace

Result<std::vector<Metadata>> read_metadata(const CodeStream& stream, std::optional<MetadataKind> kind) {
  return or_out_of_memory([&] { return find(stream, kind, std::nullopt); });
}

Result<std::optional<Metadata>> read_tiff_tag(const CodeStream& stream, std::uint16_t id) {
  RESTRIDE_ASSIGN(std::vector<Metadata> found,
                  or_out_of_memory([&] { return find(stream, MetadataKind::tiff_tag, id); }));
  if (found.empty()) return std::optional<Metadata>();
  return std::optional<Metadata>(std::move(found.front()));
}

Status set_orientation(Metadata& exif, Orientation orientation) {
  if (exif.kind != MetadataKind::exif) return fail(Errc::invalid_argument, "only EXIF blocks have an orientation");
  const auto value = static_cast<std::uint16_t>(orientation);
  if (value < 1 || value > 8) return fail(Errc::invalid_argument, "orientation is 1 to 8, not %u", value);
  RESTRIDE_ASSIGN(const std::size_t at, exif::find_orientation(exif.bytes));
  if (at == 0) return {};
  const bool little = exif.bytes[0] == std::byte{'I'};
  exif.bytes[at] = static_cast<std::byte>(little ? value : 0);
  exif.bytes[at + 1] = static_cast<std::byte>(little ? 0 : value);
  return {};
}

}  // namespace restride
