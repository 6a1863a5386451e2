// SPDX-License-Identifier: Apache-2.0
// Tags, ICC (34675), XMP (700), EXIF, GeoTIFF, and the descriptions that slide scanners leave; in nvImageCodec's order,
// with EXIF and XMP behind.
#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/error_util.h"
#include "formats/metadata_blocks.h"
#include "formats/tiff/directory.h"
#include "formats/tiff/geo.h"
#include "formats/tiff/tiff.h"

namespace restride::tiff {
namespace {

constexpr std::uint16_t kDescription = 270, kSoftware = 305, kXmp = 700, kIcc = 34675;

ByteSpan text_of(const ifd::Entry* entry) noexcept {
  ByteSpan text = entry ? entry->values : ByteSpan();
  while (!text.empty() && text.back() == std::byte{0}) text = text.first(text.size() - 1);
  return text;
}

std::string_view view_of(ByteSpan text) noexcept { return {reinterpret_cast<const char*>(text.data()), text.size()}; }

// True if `word` (lower case) occurs in the text, in any case.
bool mentions(ByteSpan text, std::string_view word) noexcept {
  const std::string_view view = view_of(text);
  return std::search(view.begin(), view.end(), word.begin(), word.end(),
                     [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; }) != view.end();
}

bool is_xml(ByteSpan text) noexcept { return mentions(text.first(std::min<std::size_t>(text.size(), 64)), "<?xml"); }

class Reader {
 public:
  Reader(const MetadataQuery& query, std::vector<Metadata>& found)
      : query_(query),
        detail_(static_cast<const TiffDetail&>(*query.stream->detail)),
        directory_(detail_.directories[query.image]),
        layout_{directory_.order, detail_.big},
        found_(found) {}

  Status read() {
    RESTRIDE_ASSIGN(entries_, ifd::read(query_.bytes, layout_, directory_.offset));
    if (query_.kind == MetadataKind::tiff_tag) return tags();
    if (query_.kind == MetadataKind::tiff_tag_list) return tag_list();
    RESTRIDE_TRY(geo());
    description(MetadataKind::med_aperio, MetadataFormat::raw, mentions(text(kDescription), "aperio"));
    RESTRIDE_TRY(philips());
    RESTRIDE_TRY(blob(MetadataKind::icc_profile, MetadataFormat::raw, kIcc));
    const bool ventana = mentions(text(kXmp), "iscan");
    if (ventana) RESTRIDE_TRY(blob(MetadataKind::med_ventana, MetadataFormat::xmp, kXmp));
    description(MetadataKind::med_leica, MetadataFormat::xml,
                is_xml(text(kDescription)) && mentions(text(kDescription), "leica"));
    description(MetadataKind::med_trestle, MetadataFormat::raw, mentions(text(kSoftware), "medscan"));
    RESTRIDE_TRY(exif());
    if (!ventana) RESTRIDE_TRY(blob(MetadataKind::xmp, MetadataFormat::xmp, kXmp));
    return {};
  }

 private:
  ByteSpan text(std::uint16_t tag) const noexcept { return text_of(ifd::find(entries_, tag)); }

  Status tags() {
    if (ifd::total_bytes(entries_) > query_.bytes.size() && !query_.tag)
      return fail_at(Errc::corrupt, directory_.offset, "TIFF: the values of the tags overlap; ask for single ones");
    for (const ifd::Entry& entry : entries_) {
      if (query_.tag && entry.tag != *query_.tag) continue;
      RESTRIDE_ASSIGN(Metadata tag, ifd::to_metadata(entry, layout_.order));
      found_.push_back(std::move(tag));
      if (query_.tag) break;
    }
    return {};
  }

  Status tag_list() {
    Metadata list;
    list.kind = MetadataKind::tiff_tag_list;
    list.format = MetadataFormat::raw;
    list.type = MetadataType::u16;
    list.count = entries_.size();
    list.bytes.resize(2 * entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i)
      store(list.bytes.data() + 2 * i, entries_[i].tag, std::endian::native);
    found_.push_back(std::move(list));
    return {};
  }

  Status geo() {
    if (!query_.wants(MetadataKind::geo)) return {};
    RESTRIDE_ASSIGN(const std::string json, geo_json(entries_, layout_.order));
    if (!json.empty()) add_block(found_, MetadataKind::geo, as_bytes(json.data(), json.size()), MetadataFormat::json);
    return {};
  }

  // The image description, where it is that of the scanner.
  void description(MetadataKind kind, MetadataFormat format, bool is_so) {
    if (is_so && query_.wants(kind) && !text(kDescription).empty()) add_block(found_, kind, text(kDescription), format);
  }

  // Philips describes the whole slide in the first image; the others have short descriptions of their own.
  Status philips() {
    if (!query_.wants(MetadataKind::med_philips)) return {};
    std::vector<ifd::Entry> first;
    if (query_.image != 0) {
      RESTRIDE_ASSIGN(first, ifd::read(query_.bytes, layout_, detail_.directories[0].offset));
    }
    const std::span<const ifd::Entry> of_slide = query_.image == 0 ? entries_ : first;
    const ByteSpan slide = text_of(ifd::find(of_slide, kDescription));
    const bool is_so = is_xml(slide) &&
                       (mentions(text_of(ifd::find(of_slide, kSoftware)), "philips") || mentions(slide, "dpufsimport"));
    description(MetadataKind::med_philips, query_.image == 0 ? MetadataFormat::xml : MetadataFormat::raw, is_so);
    return {};
  }

  // A tag that holds bytes, as they are.
  Status blob(MetadataKind kind, MetadataFormat format, std::uint16_t tag) {
    const ifd::Entry* entry = ifd::find(entries_, tag);
    if (!entry || !query_.wants(kind) || size_of(entry->type) != 1) return {};
    if (entry->values.size() != entry->bytes())
      return fail_at(Errc::truncated, entry->offset, "TIFF: tag %u ends past the end of the file", unsigned{tag});
    add_block(found_, kind, entry->values, format);
    return {};
  }

  // As the block that other formats hold: the directories of EXIF and GPS, and what of the image's own belongs there.
  Status exif() {
    if (!query_.wants(MetadataKind::exif)) return {};
    if (!ifd::find(entries_, exif::kExifTag) && !ifd::find(entries_, exif::kGpsTag)) return {};
    RESTRIDE_ASSIGN(exif::Tree tree, exif::read_file(query_.bytes, layout_, directory_.offset));
    // EXIF 2.32, tables 4: description, maker, model, orientation, resolution, software, date, artist, copyright.
    constexpr std::uint16_t kKept[] = {270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432};
    std::erase_if(tree.main, [&](const ifd::Entry& e) {
      return std::find(std::begin(kKept), std::end(kKept), e.tag) == std::end(kKept);
    });
    add_block(found_, MetadataKind::exif, exif::to_block(tree));
    return {};
  }

  const MetadataQuery& query_;
  const TiffDetail& detail_;
  const Directory& directory_;
  const ifd::Layout layout_;
  std::vector<Metadata>& found_;
  std::vector<ifd::Entry> entries_;
};

}  // namespace

Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found) { return Reader(query, found).read(); }

}  // namespace restride::tiff
