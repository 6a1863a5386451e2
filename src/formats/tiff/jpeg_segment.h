// SPDX-License-Identifier: Apache-2.0
// A strip or tile of JPEG (TIFF Technical Note 2): an abbreviated stream whose tables may stand in the JPEGTables tag.
#pragma once

#include "base/bytes.h"
#include "formats/tiff/scheme.h"
#include "restride/error.h"

namespace restride::tiff {

struct JpegSegment {
  ByteSpan tables, data;
  std::uint64_t offset = 0;             // of data in the file, for errors
  std::uint32_t width = 0, height = 0;  // nominal size of the segment
  std::uint32_t columns = 0, rows = 0;  // what of it is needed; fewer are an error
  unsigned components = 0;
  bool ycbcr = false;  // as the directory says: markers are not asked
  JpegColors colors = JpegColors::stored;
  bool fancy_upsampling = true;
  std::byte* out = nullptr;  // `rows` rows of width x channels bytes
  std::ptrdiff_t row_stride = 0;
};

// Thread-safe.
Status decode_jpeg_segment(const JpegSegment& segment);

}  // namespace restride::tiff
