// SPDX-License-Identifier: Apache-2.0
#include "image/convert/pixels.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "image/convert/converter.h"
#include "image/convert/rows.h"

namespace restride {
namespace {

using conversion::Conversion;
using conversion::Model;

constexpr int kRun = 128;  // pixels converted at a time; their samples stay in the first cache level
constexpr unsigned kMaxChannels = 32;

Model model_of(const ImageSpec& spec) noexcept {
  switch (interleaved(spec.format)) {
    case SampleFormat::i_y:
      return Model::gray;
    case SampleFormat::i_ya:
      return Model::gray_alpha;
    case SampleFormat::i_rgb:
    case SampleFormat::i_bgr:
      return Model::rgb;
    case SampleFormat::i_rgba:
      return Model::rgba;
    case SampleFormat::i_ycc:
      return Model::ycc;
    case SampleFormat::i_cmyk:
      return Model::cmyk;
    case SampleFormat::i_ycck:
      return Model::ycck;
    default:
      return Model::other;
  }
}

// Channels whose meaning nothing states are taken as their number suggests.
Model assumed_model(const ImageSpec& spec) noexcept {
  const Model model = model_of(spec);
  if (model != Model::other) return model;
  switch (spec.channels) {
    case 1:
      return Model::gray;
    case 2:
      return Model::gray_alpha;
    case 3:
      return Model::rgb;
    default:
      return Model::rgba;
  }
}

bool is_bgr(const ImageSpec& spec) noexcept { return interleaved(spec.format) == SampleFormat::i_bgr; }

// Where stored pixel (0, 0) goes in `to`, and what a step in x or y of the stored picture costs there.
void place(Conversion& how, const ImageView& to, std::int64_t width, std::int64_t height,
           Orientation orientation) noexcept {
  const std::ptrdiff_t px = to.pixel_stride, row = to.row_stride;
  const std::int64_t w = width - 1, h = height - 1;
  const auto set = [&](std::byte* origin, std::ptrdiff_t x_step, std::ptrdiff_t y_step) {
    how.origin = origin;
    how.x_step = x_step;
    how.y_step = y_step;
  };
  switch (orientation) {
    case Orientation::flip_x:
      return set(to.at(w, 0), -px, row);
    case Orientation::rotate_180:
      return set(to.at(w, h), -px, -row);
    case Orientation::flip_y:
      return set(to.at(0, h), px, -row);
    case Orientation::transpose:
      return set(to.at(0, 0), row, px);
    case Orientation::rotate_90:
      return set(to.at(h, 0), row, -px);
    case Orientation::transverse:
      return set(to.at(h, w), -row, -px);
    case Orientation::rotate_270:
      return set(to.at(0, w), -row, px);
    default:
      return set(to.data, px, row);
  }
}

struct PlanesSource {
  const PlaneView* planes;
  const std::byte* at(unsigned channel, std::int64_t x, std::int64_t y) const noexcept {
    const PlaneView& plane = planes[channel];
    return plane.data + y * plane.row_stride + x * plane.pixel_stride;
  }
  std::ptrdiff_t step(unsigned channel) const noexcept { return planes[channel].pixel_stride; }
};

// Rows that are equal sample for sample: copied whole.
bool copy_pixels(const ImageSpec& from, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
                 const ImageView& to) noexcept {
  if (!same_samples(from, to.spec)) return false;
  const std::size_t sample = size_of(from.type);
  const bool one_plane = from.channels == 1 || !from.planar();
  const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(one_plane ? sample * from.channels : sample);
  if (to.pixel_stride != pixel) return false;
  for (unsigned k = 0; k < from.channels; ++k) {
    if (planes[k].pixel_stride != pixel) return false;
    if (one_plane && planes[k].data != planes[0].data + k * sample) return false;
  }
  for (unsigned k = 0; k < (one_plane ? 1 : from.channels); ++k)
    copy_rows(planes[k].data, planes[k].row_stride, to.at(0, 0, k), to.row_stride,
              static_cast<std::size_t>(width * pixel), height);
  return true;
}

}  // namespace

Conversion plan_conversion(const ImageSpec& from, const ImageView& to, std::int64_t width, std::int64_t height,
                           Orientation orientation) noexcept {
  Conversion how{};
  how.from_type = from.type;
  how.to_type = to.spec.type;
  how.from_bits = static_cast<std::uint8_t>(from.bits());
  how.to_bits = static_cast<std::uint8_t>(to.spec.bits());
  how.from_model = assumed_model(from);
  how.to_model = model_of(to.spec);
  how.from_bgr = is_bgr(from);
  how.to_bgr = is_bgr(to.spec);
  const bool inks =
      how.to_model == Model::cmyk || how.to_model == Model::ycck;  // only from themselves or unstated channels
  how.pass_through = how.to_model == Model::other || how.from_model == how.to_model || inks;
  how.loaded = static_cast<std::uint8_t>(std::min(from.channels, 4U));
  how.stored = static_cast<std::uint8_t>(how.pass_through ? std::min(from.channels, to.spec.channels)
                                                          : channels_of(to.spec.format));
  how.channel_step = to.channel_stride;
  place(how, to, width, height, orientation);
  return how;
}

void copy_rows(const std::byte* from, std::ptrdiff_t from_stride, std::byte* to, std::ptrdiff_t to_stride,
               std::size_t bytes, std::int64_t rows) noexcept {
  if (bytes == 0) return;
  const auto copy = kernels::best().copy;
  const bool dense = from_stride == to_stride && from_stride == static_cast<std::ptrdiff_t>(bytes);
  if (dense && rows > 0) {
    copy(from, to, bytes * static_cast<std::size_t>(rows));
    return;
  }
  for (std::int64_t y = 0; y < rows; ++y) copy(from + y * from_stride, to + y * to_stride, bytes);
}

bool same_samples(const ImageSpec& from, const ImageSpec& to) noexcept {
  if (from.type != to.type || from.bits() != to.bits() || from.channels != to.channels) return false;
  if (from.channels > 1 && from.planar() != to.planar()) return false;
  const SampleFormat a = interleaved(from.format), b = interleaved(to.format);
  const auto any = [](SampleFormat f) { return f == SampleFormat::i_unchanged || f == SampleFormat::unknown; };
  return a == b || any(a) || any(b);
}

bool can_convert(const ImageSpec& from, const ImageSpec& to) noexcept {
  if (from.channels == 0 || from.channels > kMaxChannels || to.channels == 0) return false;
  const Model target = model_of(to), source = assumed_model(from);
  if (target == Model::other) return from.channels == to.channels;
  if (target == Model::cmyk || target == Model::ycck)
    return source == target || (model_of(from) == Model::other && from.channels == 4);
  return to.channels >= channels_of(to.format);
}

void convert_pixels(const ImageSpec& from, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
                    const ImageView& to, Orientation orientation) noexcept {
  if (width <= 0 || height <= 0) return;
  if (orientation == Orientation::normal && copy_pixels(from, planes, width, height, to)) return;
  const Conversion how = plan_conversion(from, to, width, height, orientation);
  if (conversion::convert_rows(how, planes, width, height, swaps_axes(orientation), kernels::best())) return;
  convert_plain(how, planes, width, height, swaps_axes(orientation));
}

void convert_plain(const Conversion& how, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
                   bool swapped) noexcept {
  const PlanesSource source{planes.data()};
  const conversion::Converter<PlanesSource, kRun> converter{how, source};
  if (swapped) {
    // Down a strip of columns: consecutive runs then extend the same few destination rows.
    constexpr std::int64_t kStrip = 16;
    for (std::int64_t x = 0; x < width; x += kStrip)
      for (std::int64_t y = 0; y < height; ++y) converter.run(x, y, static_cast<int>(std::min(kStrip, width - x)));
    return;
  }
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; x += kRun)
      converter.run(x, y, static_cast<int>(std::min<std::int64_t>(kRun, width - x)));
}

void convert_pixels(const ImageView& from, const ImageView& to, Orientation orientation) noexcept {
  std::array<PlaneView, kMaxChannels> planes;
  const unsigned n = std::min(from.spec.channels, kMaxChannels);
  for (unsigned k = 0; k < n; ++k) planes[k] = {from.at(0, 0, k), from.row_stride, from.pixel_stride};
  convert_pixels(from.spec, {planes.data(), n}, from.spec.width, from.spec.height, to, orientation);
}

void fill_pixels(const ImageView& to, std::span<const double> values) noexcept {
  if (values.empty()) return;
  if (to.spec.width == 0) return;
  const std::size_t sample = size_of(to.spec.type);
  const auto row = static_cast<std::size_t>(to.spec.row_bytes());
  const bool planar = to.spec.channels > 1 && to.spec.planar();
  const auto pixel = static_cast<std::ptrdiff_t>(row / to.spec.width);
  const bool dense =
      to.pixel_stride == pixel && (to.spec.channels == 1 || planar || to.channel_stride == std::ptrdiff_t(sample));
  // The first row by samples, or its first pixel that is then doubled; the other rows are its copies.
  const std::int64_t rows = dense ? std::min<std::int64_t>(to.spec.height, 1) : to.spec.height;
  for (unsigned k = 0; k < to.spec.channels; ++k) {
    std::array<std::byte, 8> bytes{};
    samples::store_double(to.spec.type, values[std::min<std::size_t>(k, values.size() - 1)], bytes.data());
    for (std::int64_t y = 0; y < rows; ++y)
      for (std::int64_t x = 0; x < (dense ? 1 : to.spec.width); ++x) std::memcpy(to.at(x, y, k), bytes.data(), sample);
  }
  if (!dense || rows == 0) return;
  for (unsigned k = 0; k < (planar ? to.spec.channels : 1); ++k) {
    std::byte* first = to.at(0, 0, k);
    for (std::size_t done = static_cast<std::size_t>(pixel); done < row; done *= 2)
      std::memcpy(first + done, first, std::min(done, row - done));
    copy_rows(first, 0, to.at(0, 1, k), to.row_stride, row, std::int64_t{to.spec.height} - 1);
  }
}

Rect displayed_rect(const Rect& r, std::int64_t width, std::int64_t height, Orientation orientation) noexcept {
  switch (orientation) {
    case Orientation::flip_x:
      return {width - r.right(), r.y, r.width, r.height};
    case Orientation::rotate_180:
      return {width - r.right(), height - r.bottom(), r.width, r.height};
    case Orientation::flip_y:
      return {r.x, height - r.bottom(), r.width, r.height};
    case Orientation::transpose:
      return {r.y, r.x, r.height, r.width};
    case Orientation::rotate_90:
      return {height - r.bottom(), r.x, r.height, r.width};
    case Orientation::transverse:
      return {height - r.bottom(), width - r.right(), r.height, r.width};
    case Orientation::rotate_270:
      return {r.y, width - r.right(), r.height, r.width};
    default:
      return r;
  }
}

Rect stored_rect(const Rect& r, std::int64_t width, std::int64_t height, Orientation orientation) noexcept {
  switch (orientation) {
    case Orientation::rotate_90:
      return {r.y, height - r.right(), r.height, r.width};
    case Orientation::rotate_270:
      return {width - r.bottom(), r.x, r.height, r.width};
    case Orientation::transverse:
      return {width - r.bottom(), height - r.right(), r.height, r.width};
    default:
      return displayed_rect(r, width, height, orientation);  // its own inverse
  }
}

}  // namespace restride
