// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/jpeg_segment.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
// jpeglib.h needs size_t and FILE before it.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <cstring>

#include "base/error_util.h"

namespace restride::tiff {
namespace {

// One decompression. Plain data only: libjpeg's errors leave by longjmp.
struct Decompression {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  std::jmp_buf exit;
  const JpegSegment* segment;
  Errc code;
  char message[JMSG_LENGTH_MAX];
};

Decompression& of(j_common_ptr info) { return *static_cast<Decompression*>(info->client_data); }

[[noreturn]] void stop(Decompression& d, Errc code, const char* message) {
  d.code = code;
  std::snprintf(d.message, sizeof d.message, "%s", message);
  std::longjmp(d.exit, 1);
}

[[noreturn]] void on_error(j_common_ptr info) {
  Decompression& d = of(info);
  switch (info->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
      d.code = Errc::out_of_memory;
      break;
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOT_COMPILED:
      d.code = Errc::unsupported;
      break;
    default:
      d.code = Errc::corrupt;
  }
  info->err->format_message(info, d.message);
  std::longjmp(d.exit, 1);
}

// Warnings mean missing or invented pixels, which are errors here, but for these.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_TOO_MUCH_DATA:
    case JWRN_EXTRANEOUS_DATA:
      return;
    case JWRN_JPEG_EOF:
      stop(of(info), Errc::truncated, "the JPEG data ends too early");
    default:
      on_error(info);
  }
}

void no_output(j_common_ptr) {}
void init_source(j_decompress_ptr) {}
void term_source(j_decompress_ptr) {}

boolean fill_input(j_decompress_ptr info) {
  WARNMS(info, JWRN_JPEG_EOF);
  return FALSE;
}

void skip_input(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<unsigned long>(count) > info->src->bytes_in_buffer) WARNMS(info, JWRN_JPEG_EOF);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void set_source(Decompression& d, ByteSpan bytes) {
  d.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  d.source.bytes_in_buffer = bytes.size();
}

// A block of 64 pixels costs at least one bit of Huffman code: what claims to hold more, with a margin of two, is
// refused before memory is taken for it.
void check_size(Decompression& d) {
  const JpegSegment& s = *d.segment;
  const auto width = std::uint64_t{d.info.image_width}, height = std::uint64_t{d.info.image_height};
  // Some writers round up to whole MCUs (32 rows at most).
  if (width < s.columns || height < s.rows || width > s.width || height > std::uint64_t{s.height} + 31)
    stop(d, Errc::corrupt, "the JPEG stream has another size than its strip or tile");
  const std::uint64_t most = d.info.arith_code ? 1U << 20 : 1U << 10;
  if (width * height / most > s.data.size()) stop(d, Errc::truncated, "the JPEG stream is too short for its size");
  if (static_cast<unsigned>(d.info.num_components) != s.components)
    stop(d, Errc::corrupt, "the JPEG stream has another number of components than the directory");
}

void set_colors(Decompression& d) {
  const JpegSegment& s = *d.segment;
  if (s.ycbcr) {
    d.info.jpeg_color_space = JCS_YCbCr;
    d.info.out_color_space = s.colors == JpegColors::rgb    ? JCS_RGB
                             : s.colors == JpegColors::gray ? JCS_GRAYSCALE
                                                            : JCS_YCbCr;
    return;
  }
  constexpr J_COLOR_SPACE kAsStored[] = {JCS_UNKNOWN, JCS_GRAYSCALE, JCS_UNKNOWN, JCS_RGB, JCS_CMYK};
  d.info.jpeg_color_space = d.info.out_color_space = kAsStored[s.components <= 4 ? s.components : 0];
}

bool run(Decompression& d) {
  if (setjmp(d.exit)) return false;
  const JpegSegment& s = *d.segment;
  jpeg_create_decompress(&d.info);
  d.info.client_data = &d;
  d.info.src = &d.source;
  if (!s.tables.empty()) {
    set_source(d, s.tables);
    if (jpeg_read_header(&d.info, FALSE) != JPEG_HEADER_TABLES_ONLY)
      stop(d, Errc::corrupt, "the JPEGTables tag holds more than tables");
  }
  set_source(d, s.data);
  jpeg_read_header(&d.info, TRUE);
  check_size(d);
  set_colors(d);
  d.info.do_fancy_upsampling = s.fancy_upsampling ? TRUE : FALSE;
  jpeg_start_decompress(&d.info);
  while (d.info.output_scanline < s.rows) {
    auto* row = reinterpret_cast<JSAMPROW>(s.out + static_cast<std::ptrdiff_t>(d.info.output_scanline) * s.row_stride);
    if (jpeg_read_scanlines(&d.info, &row, 1) != 1) stop(d, Errc::truncated, "the JPEG data ends too early");
  }
  return true;
}

}  // namespace

Status decode_jpeg_segment(const JpegSegment& segment) {
  Decompression d;
  std::memset(&d.info, 0, sizeof d.info);
  d.segment = &segment;
  d.code = Errc::corrupt;
  d.info.err = jpeg_std_error(&d.errors);
  d.info.client_data = &d;
  d.errors.error_exit = on_error;
  d.errors.emit_message = on_message;
  d.errors.output_message = no_output;
  std::memset(&d.source, 0, sizeof d.source);
  d.source.init_source = init_source;
  d.source.fill_input_buffer = fill_input;
  d.source.skip_input_data = skip_input;
  d.source.resync_to_restart = jpeg_resync_to_restart;
  d.source.term_source = term_source;
  const bool done = run(d);
  const auto read = segment.data.size() - std::min<std::size_t>(segment.data.size(), d.source.bytes_in_buffer);
  jpeg_destroy_decompress(&d.info);
  if (done) return {};
  return fail_at(d.code, segment.offset + read, "TIFF (JPEG): %s", d.message);
}

}  // namespace restride::tiff
