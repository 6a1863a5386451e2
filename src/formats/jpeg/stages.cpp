// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/stages.h"

#include <algorithm>
#include <cstring>

extern "C" {
#define JPEG_INTERNALS
#include <jpegint.h>
// Only libjpeg-turbo 3 has it, and other internal structures than libjpeg-turbo 2.
[[gnu::weak]] JDIMENSION jpeg12_skip_scanlines(j_decompress_ptr cinfo, JDIMENSION num_lines);
}

namespace restride::jpeg {

bool stages_usable() noexcept {
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && JPEG_LIB_VERSION < 70
  constexpr bool kVersion3 = LIBJPEG_TURBO_VERSION_NUMBER >= 3000000;
  return (&jpeg12_skip_scanlines != nullptr) == kVersion3;
#else
  return false;
#endif
}

namespace {

// Samples on the side of a block, as reduced. libjpeg's API has a name for it before version 7 and two since.
template <class T>
std::uint32_t block_side(const T& component) noexcept {
  if constexpr (requires { component.DCT_scaled_size; })
    return static_cast<std::uint32_t>(component.DCT_scaled_size);
  else
    return static_cast<std::uint32_t>(component.DCT_h_scaled_size);
}
template <class T>
std::uint32_t least_block_side(const T& cinfo) noexcept {
  if constexpr (requires { cinfo.min_DCT_scaled_size; })
    return static_cast<std::uint32_t>(cinfo.min_DCT_scaled_size);
  else
    return static_cast<std::uint32_t>(cinfo.min_DCT_h_scaled_size);
}

}  // namespace

StageGeometry stage_geometry(const jpeg_decompress_struct& cinfo, const ScanCoder& scan) noexcept {
  StageGeometry g;
  const std::uint32_t unit = least_block_side(cinfo);
  g.rows = cinfo.total_iMCU_rows;
  g.groups_a_row = unit;
  g.group_height = static_cast<std::uint32_t>(cinfo.max_v_samp_factor);
  g.width = cinfo.output_width;
  g.height = cinfo.output_height;
  g.groups = (g.height + g.group_height - 1) / g.group_height;
  const bool one = scan.components == 1;
  g.lines_a_row = one ? g.group_height : 1;
  g.mcu_width = unit * (one ? 1 : static_cast<std::uint32_t>(cinfo.max_h_samp_factor));
  g.context = cinfo.upsample->need_context_rows != FALSE;
  return g;
}

bool Stages::begin(std::uint32_t first, std::uint32_t end, Scratch& scratch) {
  first_ = first;
  const std::uint32_t width = std::min(geometry_->width, end * geometry_->mcu_width) - first * geometry_->mcu_width;
  whole_width_ = cinfo_->output_width;
  for (int i = 0; i < scan_->components; ++i) {
    jpeg_component_info& info = cinfo_->comp_info[i];
    Component& c = components_[static_cast<std::size_t>(i)];
    const bool one = scan_->components == 1;
    c.h = one ? 1 : static_cast<std::uint32_t>(info.h_samp_factor);
    c.v = one ? 1 : static_cast<std::uint32_t>(info.v_samp_factor);
    c.block = block_side(info);
    c.row_lines = static_cast<std::uint32_t>(info.v_samp_factor) * c.block;
    c.group_rows = c.row_lines / geometry_->groups_a_row;
    c.last_line = info.downsampled_height - 1;
    c.needed_around = c.group_rows < geometry_->group_height;
    // SIMD code works on whole vectors, and puts a sample behind the last.
    const std::size_t stride = (std::size_t{end - first} * c.h * c.block + 64 + 63) & ~std::size_t{63};
    const auto pointers = scratch.take<JSAMPROW>(std::size_t{c.row_lines} * 2);
    const auto samples = scratch.take<JSAMPLE>(stride * c.row_lines * 2);
    if (!pointers.data() || !samples.data()) return false;
    for (std::size_t y = 0; y < pointers.size(); ++y) pointers[y] = samples.data() + y * stride;
    c.slot = {pointers.data(), pointers.data() + c.row_lines};
    whole_component_width_[static_cast<std::size_t>(i)] = info.downsampled_width;
    narrowed_ = true;
    const JDIMENSION start = first * c.h * c.block;
    info.downsampled_width = std::min<JDIMENSION>(info.downsampled_width, end * c.h * c.block) - start;
  }
  cinfo_->output_width = width;
  (*cinfo_->upsample->start_pass)(cinfo_);
  return true;
}

void Stages::restore_widths() noexcept {
  if (!narrowed_) return;
  cinfo_->output_width = whole_width_;
  for (std::size_t i = 0; i < static_cast<std::size_t>(scan_->components); ++i)
    if (whole_component_width_[i] != 0) cinfo_->comp_info[i].downsampled_width = whole_component_width_[i];
}

// What the inverse DCT gives for a block with nothing but a DC coefficient: one value, clamped.
inline void Stages::flat_block(const Component& c, int dc, JSAMPARRAY rows, std::uint32_t column) const noexcept {
  const std::uint64_t value = static_cast<std::uint64_t>(std::clamp(((dc + 4) >> 3) + CENTERJSAMPLE, 0, MAXJSAMPLE));
  const std::uint64_t eight = value * 0x0101010101010101;
  for (std::uint32_t y = 0; y < c.block; ++y) std::memcpy(rows[y] + column, &eight, sizeof eight);
}

void Stages::transform(std::uint32_t row, std::uint32_t line, std::uint32_t column, CoefficientBlock* blocks, int more,
                       bool context_only) noexcept {
  CoefficientBlock* block = blocks;
  for (std::size_t i = 0; i < static_cast<std::size_t>(scan_->components); ++i) {
    const Component& c = components_[i];
    jpeg_component_info& info = cinfo_->comp_info[i];
    const inverse_DCT_method_ptr inverse = cinfo_->idct->inverse_DCT[i];
    const int quant = info.quant_table->quantval[0];
    const bool skip = context_only && !c.needed_around;
    for (std::uint32_t v = 0; v < c.v; ++v) {
      JSAMPARRAY rows = c.slot[row & 1] + (line + v) * c.block;
      for (std::uint32_t h = 0; h < c.h; ++h, ++block, more >>= 1) {
        std::int16_t* values = block->values.data();
        const std::uint32_t x = ((column - first_) * c.h + h) * c.block;
        const int dc = values[0] * quant;
        // Within +-512 every implementation of the inverse DCT agrees on such blocks.
        if (!skip && (more & 1) == 0 && c.block == DCTSIZE && dc >= -4096 && dc < 4088) {
          flat_block(c, dc, rows, x);
          values[0] = 0;
          continue;
        }
        if (!skip) (*inverse)(cinfo_, &info, values, rows, x);
        std::memset(values, 0, DCTSIZE2 * sizeof *values);
      }
    }
  }
}

void Stages::output(std::uint32_t group, JSAMPROW* rows) noexcept {
  // A row group's rows of samples, with one above and one below.
  std::array<std::array<JSAMPROW, 2 + MAX_SAMP_FACTOR>, 4> pointers;
  std::array<JSAMPARRAY, MAX_COMPONENTS> planes{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(scan_->components); ++i) {
    const Component& c = components_[i];
    for (std::uint32_t k = 0; k < c.group_rows + 2; ++k) {
      // Beyond the picture its first and last line are repeated, as libjpeg's main controller does it.
      const std::uint32_t below = group * c.group_rows + k;
      const std::uint32_t line = std::min(below == 0 ? 0 : below - 1, c.last_line);
      pointers[i][k] = c.slot[line / c.row_lines & 1][line % c.row_lines];
    }
    planes[i] = pointers[i].data() + 1;
  }
  JDIMENSION done = 0, in = 0, before = 0;
  do {
    before = done;
    (*cinfo_->upsample->upsample)(cinfo_, planes.data(), &in, 1, rows, &done, geometry_->group_height);
  } while (in == 0 && done != before);
}

}  // namespace restride::jpeg
