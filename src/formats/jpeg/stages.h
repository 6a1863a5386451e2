// SPDX-License-Identifier: Apache-2.0
// The stages of libjpeg that come after entropy decoding (inverse DCT, upsampling, colour conversion), run on any part
// of a picture. They are libjpeg's own functions, so that the pixels are libjpeg's, bit for bit.
#pragma once

#include <array>
#include <cstdint>

#include "formats/jpeg/entropy.h"
#include "formats/jpeg/libjpeg.h"
#include "memory/scratch.h"

namespace restride::jpeg {

// True if the libjpeg at run time has the internal structures that this was compiled for.
bool stages_usable() noexcept;

// Sizes of a started picture, as reduced. A row is what one row of interleaved MCUs covers ("iMCU row" in libjpeg).
struct StageGeometry {
  std::uint32_t rows = 0;          // in the picture
  std::uint32_t groups_a_row = 0;  // row groups in a row; a row group gives `group_height` rows of pixels
  std::uint32_t group_height = 0;
  std::uint32_t groups = 0;       // in the picture
  std::uint32_t lines_a_row = 0;  // lines of MCUs in a row: 1, but for a single component with a sampling factor
  std::uint32_t mcu_width = 0;    // in pixels
  std::uint32_t width = 0, height = 0;
  bool context = false;  // upsampling looks at the row groups above and below

  std::uint32_t row_height() const noexcept { return groups_a_row * group_height; }
};
StageGeometry stage_geometry(const jpeg_decompress_struct& cinfo, const ScanCoder& scan) noexcept;

// One pass over some rows of a picture, columns [first, end) of MCUs, in a started decompressor of its own.
// Rows go through two slots of sample memory: as each comes in, the row groups that have all they need go out.
class Stages {
 public:
  Stages(jpeg_decompress_struct& cinfo, const ScanCoder& scan, const StageGeometry& geometry) noexcept
      : cinfo_(&cinfo), scan_(&scan), geometry_(&geometry) {}
  ~Stages() { restore_widths(); }
  Stages(const Stages&) = delete;
  Stages& operator=(const Stages&) = delete;

  // Takes memory for columns [first, end) of MCUs; false when it is short.
  bool begin(std::uint32_t first, std::uint32_t end, Scratch& scratch);
  // Transforms MCU `column` of line `line` of row `row` into samples. `more`: as from EntropyDecoder::decode.
  // Clears the blocks. `context_only`: only what the rows above or below need of it.
  void transform(std::uint32_t row, std::uint32_t line, std::uint32_t column, CoefficientBlock* blocks, int more,
                 bool context_only) noexcept;
  // Makes row group `group` into pixels: `group_height` rows of the columns taken.
  void output(std::uint32_t group, JSAMPROW* rows) noexcept;

 private:
  struct Component {
    std::uint32_t h, v;        // blocks in an MCU
    std::uint32_t block;       // samples on a block's side, as reduced
    std::uint32_t group_rows;  // rows of samples in a row group
    std::uint32_t row_lines;   // and in a row
    std::uint32_t last_line;   // of the picture
    bool needed_around;        // upsampled vertically, with context
    std::array<JSAMPARRAY, 2> slot;
  };
  void flat_block(const Component& c, int dc, JSAMPARRAY rows, std::uint32_t column) const noexcept;
  void restore_widths() noexcept;

  jpeg_decompress_struct* cinfo_;
  const ScanCoder* scan_;
  const StageGeometry* geometry_;
  std::uint32_t first_ = 0;
  bool narrowed_ = false;
  JDIMENSION whole_width_ = 0;
  std::array<JDIMENSION, 4> whole_component_width_{};
  std::array<Component, 4> components_{};
};

}  // namespace restride::jpeg
