// SPDX-License-Identifier: Apache-2.0
// From stored samples to delivered ones: what a directory and the caller's wish decide, once an image.
#pragma once

#include <array>
#include <cstdint>

#include "formats/tiff/directory.h"
#include "restride/error.h"
#include "restride/image.h"

namespace restride::tiff {

inline constexpr unsigned kMaxChannels = 32;

// Which code decompresses a segment.
enum class Route : std::uint8_t {
  own,      // none, PackBits, LZW, Deflate
  jpeg,     // libjpeg
  libtiff,  // the rare ones
};
Route route_of(Compression compression) noexcept;

// What libjpeg is to make of a segment.
enum class JpegColors : std::uint8_t { stored, rgb, ycc, gray };

struct Scheme {
  ImageSpec native;  // what is delivered; size of the window
  Route route = Route::own;
  JpegColors jpeg_colors = JpegColors::stored;

  // Samples as decompression leaves them.
  unsigned stored_channels = 1;  // of a pixel of one plane
  unsigned stored_bits = 8;
  bool data_units = false;  // subsampled YCbCr

  // Native channel k is made of stored channel source[k].
  std::array<std::uint8_t, kMaxChannels> source{};
  bool palette = false;
  bool custom_ycc = false;     // YCbCr with own coefficients or levels: made RGB here
  std::uint32_t inverted = 0;  // bit k: native channel k is stored upside down
  unsigned scale = 1;          // 1-, 2- and 4-bit samples that become 8-bit ones

  // Bytes of `rows` rows of a decompressed segment, saturating.
  std::uint64_t row_bytes(const Directory& directory) const noexcept;
  std::uint64_t bytes(const Directory& directory, std::uint64_t rows) const noexcept;
};

// unsupported, with the reason, where this library does not decode such images.
Result<Scheme> make_scheme(const Directory& directory, const ImageSpec& wanted);

}  // namespace restride::tiff
