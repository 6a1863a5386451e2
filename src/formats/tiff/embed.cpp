// SPDX-License-Identifier: Apache-2.0
// Tags into a finished TIFF file: its directory is written anew behind the pixels, and the header points there.
#include <algorithm>

#include "formats/metadata_blocks.h"
#include "formats/tiff/directory.h"
#include "formats/tiff/tiff.h"

namespace restride::tiff {
namespace {

constexpr std::uint16_t kXmp = 700, kIcc = 34675;
// What of EXIF's first directory a TIFF image says by tags of its own; orientation and resolution replace the
// encoder's.
constexpr std::uint16_t kFromExif[] = {270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432};

// Tags for a new directory, all little-endian: those of the file, and those that are added or take their place.
class NewDirectory {
 public:
  explicit NewDirectory(std::vector<ifd::Entry> entries) : entries_(std::move(entries)) {}

  bool has(std::uint16_t tag) const noexcept { return ifd::find(entries_, tag) != nullptr; }

  // Copies the values into little-endian order.
  void put(std::uint16_t tag, MetadataType type, std::uint64_t count, ByteSpan values, std::endian order) {
    const std::size_t unit = type == MetadataType::rational || type == MetadataType::srational ? 4 : size_of(type);
    std::vector<std::byte>& kept = storage_.emplace_back(values.begin(), values.end());
    if (order != std::endian::little && unit > 1)
      for (std::size_t at = 0; at + unit <= kept.size(); at += unit)
        std::reverse(kept.begin() + static_cast<std::ptrdiff_t>(at),
                     kept.begin() + static_cast<std::ptrdiff_t>(at + unit));
    std::erase_if(entries_, [&](const ifd::Entry& e) { return e.tag == tag; });
    entries_.push_back({tag, type, count, kept, 0});
  }
  void put(std::uint16_t tag, MetadataType type, ByteSpan bytes) {
    if (!bytes.empty()) put(tag, type, bytes.size(), bytes, std::endian::little);
  }
  void put_offset(std::uint16_t tag, std::uint64_t offset, bool big) {
    std::byte bytes[8];
    store(bytes, offset, std::endian::little);
    if (offset)
      put(tag, big ? MetadataType::ifd8 : MetadataType::u32, 1, ByteSpan(bytes, big ? 8 : 4), std::endian::little);
  }

  std::span<const ifd::Entry> sorted() {
    std::sort(entries_.begin(), entries_.end(), [](const ifd::Entry& a, const ifd::Entry& b) { return a.tag < b.tag; });
    return entries_;
  }

 private:
  std::vector<ifd::Entry> entries_;
  std::vector<std::vector<std::byte>> storage_;  // moving a vector leaves its bytes where they are
};

Status put_tag(const Metadata& tag, NewDirectory& directory) {
  const auto id = static_cast<std::uint16_t>(tag.id);
  const bool free_choice = std::find(std::begin(kFromExif), std::end(kFromExif), id) != std::end(kFromExif);
  if (tag.id > 0xffff || size_of(tag.type) == 0 || tag.bytes.size() != tag.count * size_of(tag.type) || tag.count == 0)
    return fail(Errc::invalid_argument, "tag %u: its type, count and bytes do not fit together", tag.id);
  if (!free_choice && (directory.has(id) || id == exif::kExifTag || id == exif::kGpsTag || id == 330))
    return fail(Errc::invalid_argument, "tag %u describes how the picture is stored: it cannot be set", tag.id);
  directory.put(id, tag.type, tag.count, tag.bytes, std::endian::native);
  return {};
}

}  // namespace

Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink) {
  const ByteSpan file(sink.data(), sink.size());
  RESTRIDE_ASSIGN(const Header header, read_header(file));
  RESTRIDE_ASSIGN(std::vector<ifd::Entry> entries, ifd::read(file, {header.order, header.big}, header.first));
  if (header.order != std::endian::little) return fail(Errc::internal, "TIFF files are written little-endian");
  NewDirectory directory(std::move(entries));
  std::vector<Metadata> blocks_only;
  for (const Metadata& m : metadata) {
    if (m.kind == MetadataKind::tiff_tag)
      RESTRIDE_TRY(put_tag(m, directory));
    else
      blocks_only.push_back(m);
  }
  RESTRIDE_ASSIGN(const Blocks blocks, blocks_to_write(blocks_only));
  directory.put(kXmp, MetadataType::byte, blocks.xmp);
  directory.put(kIcc, MetadataType::undefined, blocks.icc);
  std::vector<std::byte> behind;
  if (!blocks.exif.empty()) {
    RESTRIDE_ASSIGN(const exif::Tree tree, exif::read_block(blocks.exif));
    for (const std::uint16_t id : kFromExif)
      if (const ifd::Entry* e = ifd::find(tree.main, id); e && e->values.size() == e->bytes() && e->count)
        directory.put(id, e->type, e->count, e->values, tree.order);
    const exif::Placed placed = exif::append(behind, sink.size(), tree, header.big);
    directory.put_offset(exif::kExifTag, placed.exif, header.big);
    directory.put_offset(exif::kGpsTag, placed.gps, header.big);
  }
  const std::uint64_t first = ifd::append(behind, sink.size(), directory.sorted(), std::endian::little, header.big);
  if (!header.big && sink.size() + behind.size() > 0xffffffffU)
    return fail(Errc::unsupported, "the metadata makes the file larger than the 4 GiB of classic TIFF");
  if (!sink.append(behind)) return no_memory_for_metadata();
  if (header.big)
    store(sink.data() + 8, first, std::endian::little);
  else
    store(sink.data() + 4, static_cast<std::uint32_t>(first), std::endian::little);
  return {};
}

}  // namespace restride::tiff
