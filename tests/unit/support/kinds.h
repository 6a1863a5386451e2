// SPDX-License-Identifier: Apache-2.0
// The kinds of files that are tested: every format of the table, and what is decoded by other code than its default.
#pragma once

#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "formats/table.h"
#include "restride/params.h"

namespace restride::test {

// A kind of file: a format, and how it is encoded.
struct Kind {
  std::string name, codec;
  EncodeParams params;
};
inline void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

// Every format as it is encoded by default, and what is decoded by other code than that.
inline std::vector<Kind> kinds() {
  std::vector<Kind> all;
  std::set<std::string_view> names;
  for (const CodecEntry& entry : codecs())
    if (names.insert(entry.format->name).second)
      all.push_back({std::string(entry.format->name), std::string(entry.format->name), {}});
  const auto add = [&](const char* name, const char* codec, auto&& change) {
    if (!find_format(codec)) return;
    Kind kind{name, codec, {}};
    change(kind.params);
    all.push_back(kind);
  };
  add("jpeg_420", "jpeg", [](EncodeParams& p) { p.subsampling = ChromaSubsampling::css_420; });
  add("jpeg_progressive", "jpeg", [](EncodeParams& p) {
    p.subsampling = ChromaSubsampling::css_422;
    p.jpeg.progressive = true;
  });
  add("jpeg2k_lossless", "jpeg2k", [](EncodeParams& p) { p.quality_type = QualityType::lossless; });
  add("jpeg2k_tiles", "jpeg2k", [](EncodeParams& p) { p.tile_width = p.tile_height = 8; });
  add("jpeg2k_ht", "jpeg2k", [](EncodeParams& p) {
    p.quality_type = QualityType::lossless;
    p.jpeg2k.ht = true;
  });
  add("jpeg2k_ht_tiles", "jpeg2k", [](EncodeParams& p) {
    p.jpeg2k.ht = true;
    p.tile_width = p.tile_height = 8;
  });
  add("tiff_none", "tiff", [](EncodeParams& p) { p.tiff_compression = TiffCompression::none; });
  add("tiff_deflate_tiles", "tiff", [](EncodeParams& p) {
    p.tiff_compression = TiffCompression::deflate;
    p.tile_width = p.tile_height = 16;
  });
  add("webp_lossless", "webp", [](EncodeParams& p) { p.quality_type = QualityType::lossless; });
  return all;
}

}  // namespace restride::test
