// SPDX-License-Identifier: Apache-2.0
#include "formats/png/filter_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/error_util.h"

namespace restride::png {

Status RowFilter::open(const PixelSource& source, FilterChoice choice, Scratch& scratch) {
  const ImageSpec& spec = source.wanted();
  source_ = &source;
  choice_ = choice;
  line_ = static_cast<std::size_t>(spec.row_bytes());
  pixel_ = static_cast<unsigned>(spec.channels * size_of(spec.type));
  swap_ = spec.type == SampleType::u16 && std::endian::native == std::endian::little;
  y_ = 0;
  bool enough = true;
  for (auto& space : space_) enough &= (space = scratch.take<std::byte>(line_)).data() != nullptr;
  if (choice == FilterChoice::smallest)
    for (auto& trial : trial_) enough &= (trial = scratch.take<std::byte>(line_)).data() != nullptr;
  if (!enough) return fail(Errc::out_of_memory, "no memory for rows of %zu bytes", line_);
  above_ = space_[1].data();
  std::memset(space_[1].data(), 0, line_);
  return {};
}

const std::byte* RowFilter::next_row() noexcept {
  std::byte* space = space_[y_ % 2].data();
  const std::byte* row = source_->row(y_++, space);
  if (!swap_) return row;
  for (std::size_t i = 0; i < line_; i += 2)
    store(space + i, load<std::uint16_t>(row + i, std::endian::native), std::endian::big);
  return space;
}

bool RowFilter::is_flat(const std::byte* row) const noexcept {
  return png_filter::count_equal_to_left(pixel_, row, line_) * 10 > line_ * 7;
}

void RowFilter::filter_row(const std::byte* row, std::byte* out) noexcept {
  using png_filter::Type;
  if (choice_ == FilterChoice::none || is_flat(row)) {
    *out = static_cast<std::byte>(Type::none);
    std::memcpy(out + 1, row, line_);
    return;
  }
  if (choice_ == FilterChoice::paeth) {
    *out = static_cast<std::byte>(Type::paeth);
    png_filter::apply(Type::paeth, pixel_, row, above_, out + 1, line_);
    return;
  }
  std::uint64_t least = png_filter::sum_of_distances(row, line_);
  Type best = Type::none;
  const std::byte* chosen = row;
  for (Type type : {Type::sub, Type::up, Type::average, Type::paeth}) {
    std::byte* trial = trial_[chosen == trial_[0].data()].data();
    png_filter::apply(type, pixel_, row, above_, trial, line_);
    const std::uint64_t sum = png_filter::sum_of_distances(trial, line_);
    if (sum >= least) continue;
    least = sum;
    best = type;
    chosen = trial;
  }
  *out = static_cast<std::byte>(best);
  std::memcpy(out + 1, chosen, line_);
}

void RowFilter::filter(std::uint32_t rows, std::byte* out) noexcept {
  for (std::uint32_t i = 0; i < rows; ++i, out += row_bytes()) {
    const std::byte* row = next_row();
    filter_row(row, out);
    above_ = row;
  }
}

}  // namespace restride::png
