// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
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

// An ICC profile as it lay in a file.
struct ColorProfile {
  std::vector<std::byte> bytes;
  std::uint64_t hash = 0;
};

// The parsed headers of a code stream, shared by all its views and all backends.
struct StreamInfo {
  const Format* format = nullptr;
  std::vector<ImageInfo> images;  // at least one
  std::size_t hidden = 0;         // so many at the end are only there as overviews of others
  std::unique_ptr<FormatDetail> detail;

  // What the engine keeps beside: profiles that were asked for, by image. Null: the image has none; absent: not asked.
  struct Profiles {
    std::mutex mutex;
    std::vector<std::optional<std::shared_ptr<const ColorProfile>>> known;
  };
  mutable Profiles profiles;

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
