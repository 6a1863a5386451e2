// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "image/convert/pixels.h"
#include "restride/image.h"

namespace restride {

// Is told, from any thread, which rectangles of a window have been delivered and are in their place.
class DeliveryListener {
 public:
  virtual void delivered(const Rect& where) noexcept = 0;

 protected:
  ~DeliveryListener() = default;
};

// Where a decoder delivers the pixels of its window, in any order and from any thread, each pixel once. Coordinates are
// relative to the window, in stored orientation. The sink puts them into their final place.
class PixelSink {
 public:
  PixelSink() = default;
  // `target`: the window's place in the output, already in display orientation; `native`: what will be delivered.
  PixelSink(const ImageView& target, const ImageSpec& native, Orientation orientation) noexcept
      : target_(target),
        native_(native),
        orientation_(orientation),
        direct_(orientation == Orientation::normal && same_samples(native, target.spec)) {}

  // True if native samples can be written straight to direct_view().
  bool direct() const noexcept { return direct_; }
  // Needs direct(): the whole window in its final place, in the caller's strides.
  const ImageView& direct_view() const noexcept { return target_; }

  // Delivers the rectangle `where` (inside the window), one PlaneView a native channel.
  void put(const Rect& where, std::span<const PlaneView> planes) const noexcept;
  // Delivers interleaved native pixels of `where`; rows are row_stride bytes apart.
  void put_interleaved(const Rect& where, const std::byte* data, std::ptrdiff_t row_stride) const noexcept;

  // Pixels that a decoder writes to direct_view() itself are not reported.
  void report_to(DeliveryListener* listener) noexcept { listener_ = listener; }

  const ImageSpec& native() const noexcept { return native_; }
  // For device decoders, which convert in their own kernels: where the window goes, in display orientation, and how
  // stored pixels get there.
  const ImageView& target() const noexcept { return target_; }
  Orientation orientation() const noexcept { return orientation_; }

 private:
  ImageView target_;
  ImageSpec native_;
  Orientation orientation_ = Orientation::normal;
  bool direct_ = false;
  DeliveryListener* listener_ = nullptr;
};

// Where an encoder gets its pixels, as the layout it asked for.
class PixelSource {
 public:
  PixelSource() = default;
  PixelSource(const ImageView& image, const ImageSpec& wanted) noexcept
      : image_(image), wanted_(wanted), direct_(same_samples(image.spec, wanted)) {}

  // True if the caller's own memory already is what the encoder wants: read it through view().
  bool direct() const noexcept { return direct_; }
  const ImageView& view() const noexcept { return image_; }
  // Converts the rectangle `where` into `to` (spec as wanted, size of `where`).
  void get(const Rect& where, const ImageView& to) const noexcept;
  // Row y of the wanted, interleaved layout: the caller's own row where possible, otherwise converted into `space`
  // (wanted().row_bytes() bytes).
  const std::byte* row(std::int64_t y, std::byte* space) const noexcept;

  const ImageSpec& wanted() const noexcept { return wanted_; }

 private:
  ImageView image_;
  ImageSpec wanted_;
  bool direct_ = false;
};

}  // namespace restride
