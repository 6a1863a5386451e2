// SPDX-License-Identifier: Apache-2.0
// JPEG files of every kind for tests, written by libjpeg.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include <jpeglib.h>

namespace restride::test {

struct JpegRecipe {
  unsigned width = 16, height = 16;
  J_COLOR_SPACE input = JCS_RGB;  // also decides the number of channels
  J_COLOR_SPACE stored = JCS_YCbCr;
  int h[4] = {1, 1, 1, 1}, v[4] = {1, 1, 1, 1};
  int quality = 90;
  bool baseline = true;  // quantisers of at most 255
  unsigned restart = 0;  // MCUs
  bool optimized = false;
  bool own_tables = false;  // Huffman tables for each component, optimised
  bool progressive = false;
  std::vector<jpeg_scan_info> scans;  // none: the default ones
  double noise = 0.2;                 // 0: smooth, 1: only noise
  std::uint32_t seed = 1;
};

inline unsigned channels_of(J_COLOR_SPACE space) {
  return space == JCS_GRAYSCALE ? 1 : space == JCS_CMYK || space == JCS_YCCK ? 4 : 3;
}

// Interleaved samples: waves that differ by channel, with noise.
inline std::vector<std::uint8_t> jpeg_pixels(const JpegRecipe& r) {
  const unsigned n = channels_of(r.input);
  std::vector<std::uint8_t> pixels(std::size_t{r.width} * r.height * n);
  std::uint32_t state = r.seed * 2654435761U + 12345;
  std::size_t i = 0;
  for (unsigned y = 0; y < r.height; ++y)
    for (unsigned x = 0; x < r.width; ++x)
      for (unsigned k = 0; k < n; ++k) {
        state = state * 1664525U + 1013904223U;
        const double random = static_cast<double>(state >> 8) / (1 << 24) * 255;
        const unsigned triangle = (x * (3 + k) + y * (5 - k) + k * 60 + r.seed * 17) % 510;
        const double smooth = triangle < 255 ? triangle : 509 - triangle;
        pixels[i++] = static_cast<std::uint8_t>(smooth * (1 - r.noise) + random * r.noise);
      }
  return pixels;
}

inline std::vector<std::byte> write_jpeg(const JpegRecipe& r) {
  jpeg_compress_struct cinfo{};
  jpeg_error_mgr errors{};
  cinfo.err = jpeg_std_error(&errors);
  jpeg_create_compress(&cinfo);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&cinfo, &data, &size);
  cinfo.image_width = r.width;
  cinfo.image_height = r.height;
  cinfo.input_components = static_cast<int>(channels_of(r.input));
  cinfo.in_color_space = r.input;
  jpeg_set_defaults(&cinfo);
  jpeg_set_colorspace(&cinfo, r.stored);
  jpeg_set_quality(&cinfo, r.quality, r.baseline ? TRUE : FALSE);
  for (int i = 0; i < cinfo.num_components; ++i) {
    cinfo.comp_info[i].h_samp_factor = r.h[i];
    cinfo.comp_info[i].v_samp_factor = r.v[i];
    if (r.own_tables) cinfo.comp_info[i].dc_tbl_no = cinfo.comp_info[i].ac_tbl_no = i;
  }
  cinfo.restart_interval = r.restart;
  cinfo.optimize_coding = r.optimized || r.own_tables ? TRUE : FALSE;
  if (r.progressive) jpeg_simple_progression(&cinfo);
  if (!r.scans.empty()) {
    cinfo.scan_info = r.scans.data();
    cinfo.num_scans = static_cast<int>(r.scans.size());
  }
  jpeg_start_compress(&cinfo, TRUE);
  std::vector<std::uint8_t> pixels = jpeg_pixels(r);
  const std::size_t stride = std::size_t{r.width} * channels_of(r.input);
  for (unsigned y = 0; y < r.height; ++y) {
    JSAMPROW row = pixels.data() + y * stride;
    (void)jpeg_write_scanlines(&cinfo, &row, 1);
  }
  jpeg_finish_compress(&cinfo);
  jpeg_destroy_compress(&cinfo);
  const auto* first = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> out(first, first + size);
  std::free(data);
  return out;
}

}  // namespace restride::test
