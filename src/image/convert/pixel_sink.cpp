// SPDX-License-Identifier: Apache-2.0
#include "image/convert/pixel_sink.h"

#include <algorithm>
#include <array>

namespace restride {

void PixelSink::put(const Rect& where, std::span<const PlaneView> planes) const noexcept {
  const bool swapped = swaps_axes(orientation_);
  const std::int64_t width = swapped ? target_.spec.height : target_.spec.width;
  const std::int64_t height = swapped ? target_.spec.width : target_.spec.height;
  const Rect shown = displayed_rect(where, width, height, orientation_);
  convert_pixels(native_, planes, where.width, where.height, target_.crop(shown), orientation_);
  if (listener_) listener_->delivered(where);
}

void PixelSink::put_interleaved(const Rect& where, const std::byte* data, std::ptrdiff_t row_stride) const noexcept {
  constexpr unsigned kMaxChannels = 32;
  std::array<PlaneView, kMaxChannels> planes;
  const unsigned n = std::min(native_.channels, kMaxChannels);
  const auto sample = static_cast<std::ptrdiff_t>(size_of(native_.type));
  for (unsigned k = 0; k < n; ++k)
    planes[k] = {data + static_cast<std::ptrdiff_t>(k) * sample, row_stride,
                 sample * static_cast<std::ptrdiff_t>(native_.channels)};
  put(where, {planes.data(), n});
}

void PixelSource::get(const Rect& where, const ImageView& to) const noexcept { convert_pixels(image_.crop(where), to); }

const std::byte* PixelSource::row(std::int64_t y, std::byte* space) const noexcept {
  const bool dense = image_.spec.channels == 1 || !image_.spec.planar();
  if (direct_ && dense) return image_.at(0, y);
  ImageSpec spec = wanted_;
  spec.width = image_.spec.width;
  spec.height = 1;
  get({0, y, static_cast<std::int64_t>(spec.width), 1}, dense_view(space, spec));
  return space;
}

}  // namespace restride
