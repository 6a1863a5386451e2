// SPDX-License-Identifier: Apache-2.0
// The chain of directories of a TIFF (Adobe TIFF 6.0) or BigTIFF file.
#include <unordered_set>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/tiff/directory.h"
#include "formats/tiff/tiff.h"

namespace restride::tiff {
namespace {

constexpr std::string_view kExtensions[] = {".tiff", ".tif"};

bool probe(ByteSpan bytes) noexcept {
  return starts_with(bytes, "II\x2a\0", 4) || starts_with(bytes, "MM\0\x2a", 4) || starts_with(bytes, "II\x2b\0", 4) ||
         starts_with(bytes, "MM\0\x2b", 4);
}

// How nvImageCodec names the channels of TIFF images: planar formats, whatever the file's own layout.
void describe_channels(const Directory& directory, ImageSpec& spec) {
  spec.channels = directory.samples;
  switch (directory.model) {
    case Model::gray:
      spec.format = spec.channels == 1 ? SampleFormat::p_y : SampleFormat::p_ya;
      spec.color = ColorSpec::gray;
      return;
    case Model::rgb:
      spec.format = spec.channels == 3 ? SampleFormat::p_rgb : SampleFormat::p_rgba;
      spec.color = ColorSpec::srgb;
      break;
    case Model::palette:
      spec.channels = 3;
      spec.format = SampleFormat::p_rgb;
      spec.color = ColorSpec::palette;
      break;
    case Model::ycc:
      spec.format = SampleFormat::p_ycc;
      spec.color = ColorSpec::sycc;
      break;
    case Model::cmyk:
      spec.format = SampleFormat::p_cmyk;
      spec.color = ColorSpec::cmyk;
      break;
    case Model::other:
      spec.format = SampleFormat::p_unchanged;
      break;
  }
  const unsigned fitting = channels_of(spec.format);
  if (fitting != 0 && fitting != spec.channels) spec.format = SampleFormat::p_unchanged;
}

ChromaSubsampling subsampling_of(const Directory& directory) noexcept {
  if (directory.model == Model::gray) return ChromaSubsampling::css_gray;
  if (directory.model != Model::ycc) return ChromaSubsampling::css_444;
  switch (directory.subsample_x * 10 + directory.subsample_y) {
    case 11:
      return ChromaSubsampling::css_444;
    case 21:
      return ChromaSubsampling::css_422;
    case 22:
      return ChromaSubsampling::css_420;
    case 12:
      return ChromaSubsampling::css_440;
    case 41:
      return ChromaSubsampling::css_411;
    case 42:
      return ChromaSubsampling::css_410;
    default:
      return ChromaSubsampling::unsupported;
  }
}

ImageInfo describe(ByteSpan bytes, ReadDirectory& read) {
  Directory& directory = read.directory;
  ImageInfo info;
  info.spec.width = directory.width;
  info.spec.height = directory.height;
  describe_channels(directory, info.spec);
  const bool palette = directory.model == Model::palette;
  info.spec.type = palette ? SampleType::u16 : directory.type();  // a colour map has 16 bits (section 5)
  info.spec.precision = palette ? std::uint8_t{16} : directory.precision();
  info.subsampling = subsampling_of(directory);
  info.orientation = read.orientation;
  info.tiles =
      TileGeometry{directory.segments_x, directory.segments_y, directory.segment_width, directory.segment_height, 0, 0};
  const std::uint64_t segments = directory.offsets.present() ? directory.segments() : 0;
  for (std::uint64_t i = 0; i < segments; ++i) {
    const Segment segment = directory.segment(bytes, i);
    directory.coded_bytes = saturating_add(directory.coded_bytes, segment.size);
    directory.sparse = directory.sparse || segment.absent;
  }
  info.coded_bytes = directory.coded_bytes;
  info.ifd_offset = directory.offset;
  if (read.next) info.next_ifd_offset = read.next;
  info.subifd_offsets = std::move(read.sub);
  return info;
}

// How often `picture` was halved to make `smaller`, rounding up or down; 0: it was not.
unsigned times_halved(const ImageSpec& picture, const ImageSpec& smaller) noexcept {
  if (smaller.channels != picture.channels || smaller.type != picture.type) return 0;
  const auto halved = [](std::uint64_t side, unsigned r, std::uint64_t to) {
    return to == side >> r || to == ceil_div(side, std::uint64_t{1} << r);
  };
  constexpr unsigned kMost = 16;
  for (unsigned r = 1; r <= kMost; ++r)
    if (halved(picture.width, r, smaller.width) && halved(picture.height, r, smaller.height)) return r;
  return 0;
}

// Notes image `index` as an overview of `picture`, if it is one of no other's size.
void add_overview(ImageInfo& picture, const ImageSpec& smaller, std::size_t index) {
  const unsigned r = times_halved(picture.spec, smaller);
  if (r == 0) return;
  if (picture.overviews.size() < r) picture.overviews.resize(r);
  if (picture.overviews[r - 1] == 0) picture.overviews[r - 1] = static_cast<std::uint32_t>(index + 1);
  picture.max_reduce = static_cast<std::uint32_t>(picture.overviews.size());
}

// The two customs: overviews follow their picture in the chain, or are its SubIFDs, which are read now and hidden.
// `reduced` says of each image whether its directory calls it a reduced one. What cannot be read is no overview.
void find_overviews(ByteSpan bytes, const Header& header, const std::vector<bool>& reduced, StreamInfo& info,
                    TiffDetail& detail) {
  const std::size_t listed = info.images.size();
  for (std::size_t i = 0; i < listed; ++i) {
    for (std::size_t j = i + 1; !reduced[i] && j < listed && reduced[j]; ++j)
      add_overview(info.images[i], info.images[j].spec, j);
    const std::vector<std::uint64_t> offsets = info.images[i].subifd_offsets;
    for (const std::uint64_t offset : offsets) {
      auto read = read_directory(bytes, header, offset);
      if (!read || !read->reduced || (read->directory.segments() > bytes.size())) continue;
      info.images.push_back(describe(bytes, *read));
      detail.directories.push_back(read->directory);
      info.hidden += 1;
      add_overview(info.images[i], info.images.back().spec, info.images.size() - 1);
    }
  }
}

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions& options) {
  RESTRIDE_ASSIGN(const Header header, read_header(bytes));
  auto info = std::make_unique<StreamInfo>();
  auto detail = std::make_unique<TiffDetail>();
  detail->big = header.big;

  std::uint64_t offset = options.bitstream_offset ? options.bitstream_offset : header.first;
  if (offset == 0) return fail_at(Errc::corrupt, 4, "TIFF: the file has no image");
  std::unordered_set<std::uint64_t> seen;
  std::vector<bool> reduced;
  std::uint64_t directory_bytes = 0;
  // A chain that returns to a directory ends there: each image is listed once.
  while (offset != 0 && seen.insert(offset).second) {
    auto read = read_directory(bytes, header, offset);
    if (!read) {
      Error error = std::move(read).error();
      if (info->images.empty()) {
        if (options.bitstream_offset)
          return fail_at(Errc::invalid_argument, offset, "bitstream_offset %llu is not where a directory starts: %s",
                         static_cast<unsigned long long>(offset), error.message.c_str());
        return error;
      }
      error.message += " (image " + std::to_string(info->images.size()) +
                       " of the file; the ones before it can be read with limit_images)";
      return error;
    }
    // Directories that lie within one another, or share their arrays, would make a small file take very long.
    const Values& offsets = read->directory.offsets;
    directory_bytes = saturating_add(saturating_add(directory_bytes, read->size), offsets.count * offsets.size);
    if (directory_bytes / 4 > bytes.size()) return fail_at(Errc::corrupt, offset, "TIFF: the directories overlap");
    const std::uint64_t next = read->next;
    reduced.push_back(read->reduced);
    info->images.push_back(describe(bytes, *read));
    detail->directories.push_back(read->directory);
    if (options.limit_images && info->images.size() == options.limit_images) break;
    offset = next;
  }
  find_overviews(bytes, header, reduced, *info, *detail);
  info->detail = std::move(detail);
  return info;
}

}  // namespace

const Format kFormat{"tiff", kExtensions, probe, parse, read_metadata, embed_metadata};

}  // namespace restride::tiff
