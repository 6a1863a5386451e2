// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "restride/code_stream.h"

namespace restride {

struct Format;

// What a format's parser keeps for its own decoders (tables, segment positions). Immutable after parsing but for caches
// that guard themselves.
struct FormatDetail {
  virtual ~FormatDetail() = default;
};

// The parsed headers of a code stream, shared by all its views and all backends.
struct StreamInfo {
  const Format* format = nullptr;
  std::vector<ImageInfo> images;  // at least one
  std::size_t hidden = 0;         // so many at the end are only there as overviews of others
  std::unique_ptr<FormatDetail> detail;

  std::size_t listed() const noexcept { return images.size() - hidden; }
};

// How a stream's headers are to be read.
struct ParseOptions {
  std::uint64_t bitstream_offset = 0;  // TIFF: the directory to start from; 0: the header's
  std::uint32_t limit_images = 0;      // stop after so many images; 0: all
};

// Finds the format of `bytes` and parses its headers. Defined beside the codec table, the one place that knows all
// formats; declared here so that streams need not.
Result<std::unique_ptr<StreamInfo>> parse_stream(ByteSpan bytes, const ParseOptions& options);
std::string_view format_name(const Format& format) noexcept;

}  // namespace restride
