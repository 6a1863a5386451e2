// SPDX-License-Identifier: Apache-2.0
// Rows of decompressed samples to native pixels: byte order, packed bits, palettes, inversion, choice of channels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/tiff/scheme.h"
#include "image/convert/kernels.h"
#include "memory/scratch.h"
#include "restride/image.h"

namespace restride::tiff {

class Unpacker {
 public:
  Unpacker(const Directory& directory, const Scheme& scheme) noexcept;

  // Reads the colour map into `scratch`, where there is one. The map must outlive the unpacker. out_of_memory.
  Status prepare(ByteSpan file, Scratch& scratch);

  // Working memory that row() needs for `columns` columns, counted from the left edge of the segment.
  std::size_t space(std::uint64_t columns) const noexcept {
    return static_cast<std::size_t>(columns) * channels_ * sample_bytes_;
  }

  // True if stored samples, in native byte order, are native ones: all channels as they are.
  bool plain() const noexcept { return identity_ && whole_bytes_ && !scheme_.data_units && !planar_; }
  // The same, and rows of `to` are laid out like them.
  bool same_layout(const ImageView& to) const noexcept;

  // Writes n pixels of a decompressed segment, from column `first` of its row `y` on, to row `to_y` of `to`: all
  // channels, or those of plane `plane`. `stored` is the segment's first row, rows are row_bytes apart; `swapped`: in
  // the other byte order.
  void row(const std::byte* stored, std::size_t row_bytes, std::uint64_t y, std::uint32_t first, std::uint32_t n,
           unsigned plane, bool swapped, const ImageView& to, std::int64_t to_y, std::byte* space) const noexcept;

  // Bytes of one stored sample where samples are whole bytes, otherwise 0.
  unsigned whole_bytes() const noexcept { return whole_bytes_; }

 private:
  struct Samples {
    const std::byte* data;
    bool swapped;
  };
  Samples samples(const std::byte* stored, std::size_t row_bytes, std::uint64_t y, std::uint32_t first, std::uint32_t n,
                  bool swapped, std::byte* space) const noexcept;
  void unpack_bits(const std::byte* row, std::size_t first, std::size_t n, std::byte* to) const noexcept;
  void expand_units(const std::byte* stored, std::uint64_t y, std::uint32_t first, std::uint32_t n,
                    std::byte* to) const noexcept;
  void scatter(Samples from, std::uint32_t n, unsigned plane, const ImageView& to, std::int64_t to_y) const noexcept;
  void look_up(Samples from, std::uint32_t n, const ImageView& to, std::int64_t to_y) const noexcept;
  void custom_ycc(const std::byte* from, std::uint32_t n, const ImageView& to, std::int64_t to_y) const noexcept;

  const Directory& directory_;
  const Scheme& scheme_;
  unsigned channels_;  // of a pixel of a plane
  unsigned bits_;
  unsigned whole_bytes_;
  unsigned sample_bytes_;  // after unpacking
  bool planar_;
  bool identity_;     // native channels are the stored ones
  bool sums_packed_;  // predictor 2 on samples that are not whole bytes
  std::uint32_t sign_bit_ = 0;
  std::uint64_t upside_down_ = 0;   // what an inverted integer is XORed with
  kernels::Permutation swap_;       // of a sample
  const std::byte* map_ = nullptr;  // red, green and blue of each index
};

}  // namespace restride::tiff
