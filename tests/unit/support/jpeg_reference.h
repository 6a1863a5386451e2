// SPDX-License-Identifier: Apache-2.0
// Plain libjpeg as a judge: its pixels, and whether it has anything to complain of.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

namespace restride::test {

struct Reference {
  unsigned width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // interleaved
};

namespace reference_detail {

struct Errors {
  jpeg_error_mgr base;
  std::jmp_buf jump;
};
// Hands out 64 bytes at a time. libjpeg then takes the way that checks every code; its fast loop passes over some.
struct Source {
  jpeg_source_mgr base;
  const std::uint8_t* next;
  const std::uint8_t* end;
  bool hit_end;
};

[[noreturn]] inline void leave(j_common_ptr cinfo) { std::longjmp(reinterpret_cast<Errors*>(cinfo->err)->jump, 1); }

inline void complain(j_common_ptr cinfo, int level) {
  const int code = cinfo->err->msg_code;
  if (level < 0 && (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC)) leave(cinfo);
}

inline boolean fill(j_decompress_ptr cinfo) {
  static constexpr JOCTET kEnd[2] = {0xff, JPEG_EOI};
  auto& source = *reinterpret_cast<Source*>(cinfo->src);
  const std::ptrdiff_t size = std::min<std::ptrdiff_t>(64, source.end - source.next);
  source.hit_end = source.hit_end || size == 0;
  source.base.next_input_byte = size ? source.next : kEnd;
  source.base.bytes_in_buffer = size ? static_cast<std::size_t>(size) : 2;
  source.next += size;
  return TRUE;
}

inline void skip(j_decompress_ptr cinfo, long count) {
  auto& base = *cinfo->src;
  while (count > 0 && static_cast<std::size_t>(count) > base.bytes_in_buffer) {
    count -= static_cast<long>(base.bytes_in_buffer);
    (void)fill(cinfo);
    if (reinterpret_cast<Source*>(cinfo->src)->hit_end) return;
  }
  if (count <= 0) return;
  base.next_input_byte += count;
  base.bytes_in_buffer -= static_cast<std::size_t>(count);
}

}  // namespace reference_detail

// Decodes with libjpeg's defaults into `space` (JCS_UNKNOWN: libjpeg's choice); nothing if it errs or complains.
inline std::optional<Reference> reference_decode(std::span<const std::byte> bytes, J_COLOR_SPACE space = JCS_UNKNOWN,
                                                 unsigned reduce = 0) {
  namespace d = reference_detail;
  Reference result;
  jpeg_decompress_struct cinfo{};
  d::Errors errors{};
  d::Source source{};
  std::vector<JSAMPROW> rows;
  cinfo.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = d::leave;
  errors.base.emit_message = d::complain;
  jpeg_create_decompress(&cinfo);
  if (setjmp(errors.jump)) {
    jpeg_destroy_decompress(&cinfo);
    return std::nullopt;
  }
  source.base.init_source = [](j_decompress_ptr) {};
  source.base.fill_input_buffer = d::fill;
  source.base.skip_input_data = d::skip;
  source.base.resync_to_restart = jpeg_resync_to_restart;
  source.base.term_source = [](j_decompress_ptr) {};
  source.next = reinterpret_cast<const std::uint8_t*>(bytes.data());
  source.end = source.next + bytes.size();
  cinfo.src = &source.base;
  (void)jpeg_read_header(&cinfo, TRUE);
  if (space != JCS_UNKNOWN) cinfo.out_color_space = space;
  cinfo.scale_num = 1;
  cinfo.scale_denom = 1U << reduce;
  (void)jpeg_start_decompress(&cinfo);
  result.width = cinfo.output_width;
  result.height = cinfo.output_height;
  result.channels = static_cast<unsigned>(cinfo.output_components);
  const std::size_t stride = std::size_t{result.width} * result.channels;
  result.pixels.resize(stride * result.height);
  while (cinfo.output_scanline < cinfo.output_height) {
    JSAMPROW row = result.pixels.data() + stride * cinfo.output_scanline;
    (void)jpeg_read_scanlines(&cinfo, &row, 1);
  }
  const bool several = cinfo.progressive_mode || cinfo.input_scan_number > 1;
  jpeg_destroy_decompress(&cinfo);
  if (several && source.hit_end) return std::nullopt;
  return result;
}

}  // namespace restride::test
