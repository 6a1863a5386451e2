// SPDX-License-Identifier: Apache-2.0
// The plain conversion: any layout to any other, a run of pixels at a time. It is the judge of every faster path.
#include "image/convert/pixels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "image/convert/color.h"
#include "image/convert/samples.h"

namespace restride {
namespace {

constexpr int kRun = 128;  // pixels converted at a time; their samples stay in the first cache level
constexpr unsigned kMaxChannels = 32;

// What channels mean, whatever their order and layout.
enum class Model { gray, gray_alpha, rgb, rgba, ycc, cmyk, ycck, other };

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

// Samples of a run, one row a channel.
template <class Work>
using Run = std::array<std::array<Work, kRun>, 4>;

// Channel numbers: r g b a of colour models, y a of gray ones, as stored order after undoing BGR.
template <class Work, class Math>
void to_rgb(Run<Work>& c, Model from, int n, const Math& m) noexcept {
  switch (from) {
    case Model::gray_alpha:
      c[3] = c[1];
      [[fallthrough]];
    case Model::gray:
      c[1] = c[2] = c[0];
      return;
    case Model::ycc:
      for (int i = 0; i < n; ++i) {
        const auto y = m.in(c[0][i]), cb = m.in(c[1][i]), cr = m.in(c[2][i]);
        c[0][i] = m.out(m.red(y, cr));
        c[1][i] = m.out(m.green(y, cb, cr));
        c[2][i] = m.out(m.blue(y, cb));
      }
      return;
    case Model::ycck:
      for (int i = 0; i < n; ++i) {
        const auto y = m.in(c[0][i]), cb = m.in(c[1][i]), cr = m.in(c[2][i]);
        c[0][i] = m.out(m.invert(m.red(y, cr)));
        c[1][i] = m.out(m.invert(m.green(y, cb, cr)));
        c[2][i] = m.out(m.invert(m.blue(y, cb)));
      }
      [[fallthrough]];
    case Model::cmyk:
      for (int k = 0; k < 3; ++k)
        for (int i = 0; i < n; ++i) c[k][i] = m.out(m.product(m.in(c[k][i]), m.in(c[3][i])));
      return;
    default:
      return;
  }
}

// Turns the run in place from one model into another. Alpha, where `to` has it, ends in channel 3 (1 for gray_alpha).
template <class Work, class Math>
void convert_model(Run<Work>& c, Model from, Model to, int n, const Math& m) noexcept {
  if (from == to) return;
  const bool had_alpha = from == Model::gray_alpha || from == Model::rgba;
  const bool was_gray = from == Model::gray || from == Model::gray_alpha;
  if (to == Model::gray || to == Model::gray_alpha) {
    if (!was_gray && from != Model::ycc) {
      to_rgb(c, from, n, m);
      for (int i = 0; i < n; ++i) c[0][i] = m.out(m.luma(m.in(c[0][i]), m.in(c[1][i]), m.in(c[2][i])));
    }
    if (to == Model::gray_alpha && !was_gray) c[1] = c[3];
    if (to == Model::gray_alpha && !had_alpha) c[1].fill(m.opaque());
    return;
  }
  to_rgb(c, from, n, m);
  if (to == Model::ycc) {
    for (int i = 0; i < n; ++i) {
      const auto r = m.in(c[0][i]), g = m.in(c[1][i]), b = m.in(c[2][i]);
      c[0][i] = m.out(m.luma(r, g, b));
      c[1][i] = m.out(m.cb(r, g, b));
      c[2][i] = m.out(m.cr(r, g, b));
    }
  }
  if (to == Model::rgba && !had_alpha) c[3].fill(m.opaque());
}

// Integer arithmetic at the source's depth.
template <class Int>
struct IntegerMath : color::Bt601<Int> {
  static Int in(std::uint32_t v) noexcept { return static_cast<Int>(v); }
  static std::uint32_t out(Int v) noexcept { return static_cast<std::uint32_t>(v); }
  Int invert(Int v) const noexcept { return this->max - v; }
  Int product(Int a, Int b) const noexcept { return color::scaled_product<Int>(a, b, this->max); }
  std::uint32_t opaque() const noexcept { return static_cast<std::uint32_t>(this->max); }
};

// The same on floats, where white is 1.
struct FloatMath {
  static double in(double v) noexcept { return v; }
  static double out(double v) noexcept { return v; }
  double luma(double r, double g, double b) const noexcept { return 0.299 * r + 0.587 * g + 0.114 * b; }
  double cb(double r, double g, double b) const noexcept { return (b - luma(r, g, b)) / 1.772 + 0.5; }
  double cr(double r, double g, double b) const noexcept { return (r - luma(r, g, b)) / 1.402 + 0.5; }
  double red(double y, double cr) const noexcept { return y + 1.402 * (cr - 0.5); }
  double green(double y, double cb, double cr) const noexcept {
    return y - 0.344136 * (cb - 0.5) - 0.714136 * (cr - 0.5);
  }
  double blue(double y, double cb) const noexcept { return y + 1.772 * (cb - 0.5); }
  double invert(double v) const noexcept { return 1 - v; }
  double product(double a, double b) const noexcept { return a * b; }
  double opaque() const noexcept { return 1; }
};

// round(v * (2^q - 1) / (2^p - 1))
void rescale(std::uint32_t* v, int n, unsigned from_bits, unsigned to_bits) noexcept {
  if (from_bits == to_bits) return;
  const std::uint64_t from_max = (std::uint64_t{1} << from_bits) - 1, to_max = (std::uint64_t{1} << to_bits) - 1;
  if (from_bits == 16 && to_bits == 8) {
    // (v * 255 + 32767) / 65535 without the division; exact for all 65,536 values.
    for (int i = 0; i < n; ++i) v[i] = (v[i] * 255U + 32895U) >> 16;
    return;
  }
  for (int i = 0; i < n; ++i) v[i] = static_cast<std::uint32_t>((v[i] * to_max + from_max / 2) / from_max);
}

// The destination as seen from the stored picture: where sample (0, 0) goes and what a step costs.
struct Placement {
  std::byte* origin;
  std::ptrdiff_t x_step, y_step;
};

Placement place(const ImageView& to, std::int64_t width, std::int64_t height, Orientation orientation) noexcept {
  const std::ptrdiff_t px = to.pixel_stride, row = to.row_stride;
  const std::int64_t w = width - 1, h = height - 1;
  switch (orientation) {
    case Orientation::flip_x:
      return {to.at(w, 0), -px, row};
    case Orientation::rotate_180:
      return {to.at(w, h), -px, -row};
    case Orientation::flip_y:
      return {to.at(0, h), px, -row};
    case Orientation::transpose:
      return {to.at(0, 0), row, px};
    case Orientation::rotate_90:
      return {to.at(h, 0), row, -px};
    case Orientation::transverse:
      return {to.at(h, w), -row, -px};
    case Orientation::rotate_270:
      return {to.at(0, w), -row, px};
    default:
      return {to.data, px, row};
  }
}

// One conversion with everything resolved; converts one run.
struct Converter {
  const ImageSpec& from;
  std::span<const PlaneView> planes;
  const ImageView& to;
  Placement placement;
  Model from_model, to_model;
  unsigned loaded, stored;  // channels read and written
  bool pass_through;        // channels map one to one, without meaning

  const std::byte* source(unsigned channel, std::int64_t x, std::int64_t y) const noexcept {
    // BGR is read and written in reverse, so that arithmetic sees RGB.
    const unsigned index = is_bgr(from) && channel < 3 ? 2 - channel : channel;
    const PlaneView& plane = planes[index];
    return plane.data + y * plane.row_stride + x * plane.pixel_stride;
  }
  std::ptrdiff_t source_step(unsigned channel) const noexcept {
    return planes[is_bgr(from) && channel < 3 ? 2 - channel : channel].pixel_stride;
  }
  std::byte* target(unsigned channel, std::int64_t x, std::int64_t y) const noexcept {
    const unsigned index = is_bgr(to.spec) && channel < 3 ? 2 - channel : channel;
    return placement.origin + x * placement.x_step + y * placement.y_step +
           static_cast<std::ptrdiff_t>(index) * to.channel_stride;
  }

  template <class Int>
  void integers(std::int64_t x, std::int64_t y, int n) const noexcept {
    const unsigned p = from.bits(), q = to.spec.bits();
    Run<std::uint32_t> c;
    if (pass_through) {
      for (unsigned k = 0; k < stored; ++k) {
        samples::load_integers(from.type, source(k, x, y), source_step(k), n, p, c[0].data());
        rescale(c[0].data(), n, p, q);
        samples::store_integers(to.spec.type, c[0].data(), n, q, target(k, x, y), placement.x_step);
      }
      return;
    }
    for (unsigned k = 0; k < loaded; ++k)
      samples::load_integers(from.type, source(k, x, y), source_step(k), n, p, c[k].data());
    const Int max = static_cast<Int>((std::int64_t{1} << p) - 1);
    convert_model(c, from_model, to_model, n, IntegerMath<Int>{{max, static_cast<Int>((max >> 1) + 1)}});
    for (unsigned k = 0; k < stored; ++k) {
      rescale(c[k].data(), n, p, q);
      samples::store_integers(to.spec.type, c[k].data(), n, q, target(k, x, y), placement.x_step);
    }
  }

  void floats(std::int64_t x, std::int64_t y, int n) const noexcept {
    const bool from_float = is_float(from.type), to_float = is_float(to.spec.type);
    const double unit = from_float ? 1 : std::ldexp(1.0, static_cast<int>(from.bits())) - 1;
    const double low = !from_float && is_signed(from.type) ? -std::ldexp(1.0, static_cast<int>(from.bits()) - 1) : 0;
    const double full = to_float ? 1 : std::ldexp(1.0, static_cast<int>(to.spec.bits())) - 1;
    const double base =
        !to_float && is_signed(to.spec.type) ? -std::ldexp(1.0, static_cast<int>(to.spec.bits()) - 1) : 0;
    const auto load = [&](unsigned k, double* out) {
      const std::byte* at = source(k, x, y);
      for (int i = 0; i < n; ++i) out[i] = (samples::load_double(from.type, at + i * source_step(k)) - low) / unit;
    };
    const auto store = [&](unsigned k, const double* in) {
      std::byte* at = target(k, x, y);
      for (int i = 0; i < n; ++i) {
        const double v = to_float ? in[i] : std::clamp(in[i] == in[i] ? in[i] : 0.0, 0.0, 1.0) * full + base;
        samples::store_double(to.spec.type, v, at + i * placement.x_step);
      }
    };
    Run<double> c;
    if (pass_through) {
      for (unsigned k = 0; k < stored; ++k) {
        load(k, c[0].data());
        store(k, c[0].data());
      }
      return;
    }
    for (unsigned k = 0; k < loaded; ++k) load(k, c[k].data());
    convert_model(c, from_model, to_model, n, FloatMath{});
    for (unsigned k = 0; k < stored; ++k) store(k, c[k].data());
  }

  void run(std::int64_t x, std::int64_t y, int n) const noexcept {
    if (is_float(from.type) || is_float(to.spec.type)) return floats(x, y, n);
    if (from.bits() <= 12) return integers<std::int32_t>(x, y, n);
    integers<std::int64_t>(x, y, n);
  }
};

// Rows that are equal sample for sample: copied whole.
bool copy_rows(const ImageSpec& from, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
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
  const auto bytes = static_cast<std::size_t>(width * pixel);
  for (unsigned k = 0; k < (one_plane ? 1 : from.channels); ++k)
    for (std::int64_t y = 0; y < height; ++y)
      std::memcpy(to.at(0, y, k), planes[k].data + y * planes[k].row_stride, bytes);
  return true;
}

}  // namespace

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
  if (orientation == Orientation::normal && copy_rows(from, planes, width, height, to)) return;
  const Model target = model_of(to.spec);
  const Model source = assumed_model(from);
  const bool inks = target == Model::cmyk || target == Model::ycck;  // only from themselves or from unstated channels
  const bool pass_through = target == Model::other || source == target || inks;
  const unsigned stored = pass_through ? std::min(from.channels, to.spec.channels) : channels_of(to.spec.format);
  const Converter converter{
      from,   planes,      to, place(to, width, height, orientation), source, target, std::min(from.channels, 4U),
      stored, pass_through};
  if (swaps_axes(orientation)) {
    // Down a strip of columns: consecutive runs then extend the same few destination rows.
    for (std::int64_t x = 0; x < width; x += 16)
      for (std::int64_t y = 0; y < height; ++y)
        converter.run(x, y, static_cast<int>(std::min<std::int64_t>(16, width - x)));
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
  const std::size_t sample = size_of(to.spec.type);
  for (unsigned k = 0; k < to.spec.channels; ++k) {
    std::array<std::byte, 8> bytes{};
    samples::store_double(to.spec.type, values[std::min<std::size_t>(k, values.size() - 1)], bytes.data());
    for (std::int64_t y = 0; y < to.spec.height; ++y)
      for (std::int64_t x = 0; x < to.spec.width; ++x) std::memcpy(to.at(x, y, k), bytes.data(), sample);
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
