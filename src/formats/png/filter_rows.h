// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "coding/png_filter.h"
#include "image/convert/pixel_sink.h"
#include "memory/scratch.h"
#include "restride/error.h"

namespace restride::png {

// How a row's filter is chosen. Rows of flat colour are left unfiltered by all: there the deflater finds longer matches
// in the samples than in differences.
enum class FilterChoice : std::uint8_t {
  none,      // never filtered
  paeth,     // the filter that is best alone
  smallest,  // 12.7: the smallest sum of distances from zero
};

// Reads an encoder's rows from top to bottom and filters them.
class RowFilter {
 public:
  // Takes its working memory from `scratch`. out_of_memory.
  Status open(const PixelSource& source, FilterChoice choice, Scratch& scratch);

  // Bytes that a row gives: its filter type and its samples.
  std::size_t row_bytes() const noexcept { return line_ + 1; }
  // Filters the next `rows` rows into `out`, row_bytes() each.
  void filter(std::uint32_t rows, std::byte* out) noexcept;

 private:
  const std::byte* next_row() noexcept;
  bool is_flat(const std::byte* row) const noexcept;
  void filter_row(const std::byte* row, std::byte* out) noexcept;

  const PixelSource* source_ = nullptr;
  FilterChoice choice_ = FilterChoice::none;
  std::size_t line_ = 0;
  unsigned pixel_ = 0;
  bool swap_ = false;  // 16-bit samples are stored big-endian (7.1)
  std::int64_t y_ = 0;
  const std::byte* above_ = nullptr;
  std::span<std::byte> space_[2];  // rows that had to be converted; the one above stays in the other
  std::span<std::byte> trial_[2];
};

}  // namespace restride::png
