// SPDX-License-Identifier: Apache-2.0
// Conversion between what a codec has and what a caller wants: colour, depth, layout and orientation, written once for
// all formats.
//
// Rules (docs/formats.md repeats them for users):
//   depth    integers of p bits to q bits: round(v * (2^q - 1) / (2^p - 1)); signed integers are first moved up by
//            2^(p-1); floats are taken as 0 to 1 and clamped (float to float is kept as it is)
//   gray     from RGB: (19595 R + 38470 G + 7471 B + 32768) >> 16, which is BT.601 in libjpeg's rounding
//   sycc     JFIF full-range BT.601, libjpeg's fixed-point tables
//   cmyk     R = C * K / (2^q - 1), rounded, for samples stored inverted as in Adobe JPEG; spec.color tells
//   alpha    dropped when the destination has none; opaque when only the destination has one
#pragma once

#include <span>

#include "restride/error.h"
#include "restride/image.h"

namespace restride {

// One channel of pixels somewhere; strides in bytes.
struct PlaneView {
  const std::byte* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t pixel_stride = 0;
};

// True if convert_pixels can turn `from` into `to` (sizes are not looked at).
bool can_convert(const ImageSpec& from, const ImageSpec& to) noexcept;

// True if pixels of `from` are, sample for sample, pixels of `to` but for strides (sizes are not looked at).
bool same_samples(const ImageSpec& from, const ImageSpec& to) noexcept;

// Writes width x height pixels, given as one PlaneView a channel described by `from`, to `to` (of the same size after
// `orientation`). Needs can_convert(from, to.spec). Never allocates; thread-safe for disjoint destinations.
void convert_pixels(const ImageSpec& from, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
                    const ImageView& to, Orientation orientation = Orientation::normal) noexcept;

// The same from a view.
void convert_pixels(const ImageView& from, const ImageView& to, Orientation orientation = Orientation::normal) noexcept;

namespace conversion {
struct Conversion;
}
// The same by the plain conversion alone, for tests to judge faster ones by.
void convert_plain(const conversion::Conversion& how, std::span<const PlaneView> planes, std::int64_t width,
                   std::int64_t height, bool swaps_axes) noexcept;
// The same conversion resolved, for a GPU kernel to run (image/convert/converter.h).
conversion::Conversion plan_conversion(const ImageSpec& from, const ImageView& to, std::int64_t width,
                                       std::int64_t height, Orientation orientation) noexcept;

// Copies rows of `bytes` bytes between places whose rows are `from_stride` and `to_stride` bytes apart.
void copy_rows(const std::byte* from, std::ptrdiff_t from_stride, std::byte* to, std::ptrdiff_t to_stride,
               std::size_t bytes, std::int64_t rows) noexcept;

// Sets every pixel of `to` to `samples` (one a channel, clamped to the type; channels beyond their number: the last).
void fill_pixels(const ImageView& to, std::span<const double> samples) noexcept;

// Where the stored rectangle `stored` of a picture of stored size width x height lies once shown as `orientation` says.
Rect displayed_rect(const Rect& stored, std::int64_t width, std::int64_t height, Orientation orientation) noexcept;
// The opposite: the stored rectangle behind a displayed one.
Rect stored_rect(const Rect& displayed, std::int64_t width, std::int64_t height, Orientation orientation) noexcept;

}  // namespace restride
