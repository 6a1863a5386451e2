// SPDX-License-Identifier: Apache-2.0
// An image file directory (IFD): what its tags say about one image, with everything that decoding needs. Arrays (strip
// offsets, colour maps) stay in the file and are read where they lie.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "restride/code_stream.h"
#include "restride/error.h"
#include "stream/stream_info.h"

namespace restride::tiff {

// TIFF 6.0, section 8 and Appendix A; BigTIFF and the later ones are marked.
enum class Tag : std::uint16_t {
  new_subfile_type = 254,
  image_width = 256,
  image_length = 257,
  bits_per_sample = 258,
  compression = 259,
  photometric = 262,
  fill_order = 266,
  strip_offsets = 273,
  orientation = 274,
  samples_per_pixel = 277,
  rows_per_strip = 278,
  strip_byte_counts = 279,
  x_resolution = 282,
  y_resolution = 283,
  planar_configuration = 284,
  resolution_unit = 296,
  predictor = 317,
  color_map = 320,
  tile_width = 322,
  tile_length = 323,
  tile_offsets = 324,
  tile_byte_counts = 325,
  sub_ifds = 330,  // TIFF Technical Note 1
  ink_set = 332,
  extra_samples = 338,
  sample_format = 339,
  jpeg_tables = 347,  // TIFF Technical Note 2
  ycbcr_coefficients = 529,
  ycbcr_subsampling = 530,
  reference_black_white = 532,
  gdal_nodata = 42113,  // GDAL: what the samples of absent tiles are
};

enum class Compression : std::uint16_t {
  none = 1,
  ccitt_rle = 2,
  ccitt_g3 = 3,
  ccitt_g4 = 4,
  lzw = 5,
  old_jpeg = 6,
  jpeg = 7,
  deflate = 8,
  jbig_t85 = 9,
  jbig_t43 = 10,
  next = 32766,
  ccitt_rle_word = 32771,
  packbits = 32773,
  thunderscan = 32809,
  pixarlog = 32909,
  old_deflate = 32946,
  jbig = 34661,
  sgi_log = 34676,
  sgi_log24 = 34677,
  lzma = 34925,
  jpeg2000_ycc = 33003,  // Aperio
  jpeg2000_rgb = 33005,
  jpeg2000 = 34712,
  lerc = 34887,
  zstd = 50000,
  webp = 50001,
  jpeg_xl = 50002,
};

// "LZW", "CCITT group 4", or nullptr for one that this library has no name for.
const char* name(Compression compression) noexcept;

enum class Photometric : std::uint16_t {
  min_is_white = 0,
  min_is_black = 1,
  rgb = 2,
  palette = 3,
  mask = 4,
  separated = 5,
  ycbcr = 6,
  cielab = 8,
  icclab = 9,
  itulab = 10,
  color_filter_array = 32803,
  log_l = 32844,
  log_luv = 32845,
  linear_raw = 34892,
};

// What the samples of a pixel mean, once palettes are looked up.
enum class Model : std::uint8_t { gray, rgb, palette, ycc, cmyk, other };

// Integers of an entry, in place.
struct Values {
  std::uint64_t offset = 0;  // of the first value in the file
  std::uint64_t count = 0;   // 0: the tag is absent
  std::uint8_t size = 0;     // bytes of one

  bool present() const noexcept { return count != 0; }
  // Needs i < count, and the bytes that were parsed.
  std::uint64_t at(ByteSpan bytes, std::endian order, std::uint64_t i) const noexcept {
    const std::byte* from = bytes.data() + offset + i * size;
    switch (size) {
      case 1:
        return static_cast<std::uint8_t>(*from);
      case 2:
        return load<std::uint16_t>(from, order);
      case 4:
        return load<std::uint32_t>(from, order);
      default:
        return load<std::uint64_t>(from, order);
    }
  }
};

// A strip or a tile: TIFF treats them alike but for their tags, and so does this code.
struct Segment {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool absent = false;  // offset and size are 0: a sparse file, as GDAL writes them
};

struct Directory {
  std::uint64_t offset = 0;
  std::endian order = std::endian::little;
  std::uint32_t width = 0, height = 0;
  std::uint16_t samples = 1;  // stored per pixel, extra ones included
  std::uint16_t bits = 1;     // of one sample
  std::uint16_t sample_format = 1;
  Compression compression = Compression::none;
  Photometric photometric = Photometric::min_is_black;
  std::uint16_t predictor = 1;
  Model model = Model::gray;
  bool planar = false;         // PlanarConfiguration 2: a plane a sample
  bool reversed_bits = false;  // FillOrder 2
  bool mixed_samples = false;  // samples of different sizes or formats
  bool standard_ycc = true;    // these two are those of JFIF
  std::array<float, 3> ycc_coefficients{0.299F, 0.587F, 0.114F};
  std::array<float, 6> reference_levels{0, 255, 128, 255, 128, 255};
  std::uint8_t subsample_x = 1, subsample_y = 1;  // of YCbCr chroma
  std::uint16_t extra_samples = 0;
  std::uint16_t ink_set = 1;

  bool tiled = false;
  std::uint32_t segment_width = 0, segment_height = 0;  // nominal; strips at the bottom are cut, tiles are not
  std::uint32_t segments_x = 0, segments_y = 0;         // of one plane
  Values offsets, byte_counts, color_map;
  Values jpeg_tables;
  std::uint64_t coded_bytes = 0;  // of all segments
  bool sparse = false;            // some segments are absent
  double nodata = 0;              // samples of absent segments

  std::uint32_t planes() const noexcept { return planar ? samples : 1; }
  std::uint32_t samples_in_plane() const noexcept { return planar ? 1 : samples; }
  std::uint64_t segments() const noexcept { return std::uint64_t{segments_x} * segments_y * planes(); }
  bool jpeg() const noexcept { return compression == Compression::jpeg || compression == Compression::old_jpeg; }
  // YCbCr samples interleaved in data units of several luma and two chroma samples (section 21).
  bool in_data_units() const noexcept {
    return photometric == Photometric::ycbcr && compression != Compression::jpeg && !planar &&
           (subsample_x != 1 || subsample_y != 1);
  }
  // Bytes of `rows` rows of a segment after decompression, saturating.
  std::uint64_t stored_bytes(std::uint64_t rows) const noexcept;
  // Rows of the segments in row `y` of the grid that carry pixels of the picture.
  std::uint32_t rows_in(std::uint32_t y) const noexcept {
    const std::uint32_t left = height - y * segment_height;
    return left < segment_height ? left : segment_height;
  }
  // Where segment `index` (row by row, plane by plane) lies; not yet compared with the end of the file, but for those
  // whose length the file does not state.
  Segment segment(ByteSpan bytes, std::uint64_t index) const noexcept;

  // The type of a sample in memory, and how many of its bits it has.
  SampleType type() const noexcept;
  std::uint8_t precision() const noexcept;
};

struct TiffDetail final : FormatDetail {
  bool big = false;
  std::vector<Directory> directories;  // parallel to StreamInfo::images
};

// The file's first bytes.
struct Header {
  std::endian order = std::endian::little;
  bool big = false;
  std::uint64_t first = 0;  // the first directory

  std::uint64_t count_size() const noexcept { return big ? 8 : 2; }
  std::uint64_t entry_size() const noexcept { return big ? 20 : 12; }
  std::uint64_t offset_size() const noexcept { return big ? 8 : 4; }
};

Result<Header> read_header(ByteSpan bytes);

struct ReadDirectory {
  Directory directory;
  std::uint64_t next = 0;  // offset of the directory after it, 0 for the last
  std::uint64_t size = 0;  // bytes of the directory itself
  Orientation orientation = Orientation::normal;
  bool reduced = false;            // NewSubfileType: a smaller version of another image, and nothing else
  std::vector<std::uint64_t> sub;  // SubIFDs, 16 at most
};

Result<ReadDirectory> read_directory(ByteSpan bytes, const Header& header, std::uint64_t offset);

}  // namespace restride::tiff
