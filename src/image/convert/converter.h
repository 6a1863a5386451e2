// SPDX-License-Identifier: Apache-2.0
// The plain conversion: any layout to any other, a run of pixels at a time. The CPU runs it over rows, the GPU with
// runs of one pixel a thread; it is the judge of every faster path.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/host_device.h"
#include "image/convert/color.h"
#include "image/convert/samples.h"
#include "restride/image.h"

namespace restride::conversion {

// What channels mean, whatever their order and layout.
enum class Model : std::uint8_t { gray, gray_alpha, rgb, rgba, ycc, cmyk, ycck, other };

// Everything about one conversion that does not depend on the pixel. Trivially copyable: sent to a GPU as it is.
struct Conversion {
  SampleType from_type, to_type;
  std::uint8_t from_bits, to_bits;
  Model from_model, to_model;
  bool from_bgr, to_bgr;
  bool pass_through;            // channels map one to one, without meaning
  std::uint8_t loaded, stored;  // channels read and written
  std::byte* origin;            // where stored pixel (0, 0) goes, and what a step costs from there
  std::ptrdiff_t x_step, y_step, channel_step;
};

// Samples of a run, one row a channel: r g b a of colour models, y a of gray ones, after undoing BGR.
template <class Work, int N>
struct Run {
  Work c[4][N];
};

template <class Work, int N>
RESTRIDE_HD void copy_channel(Run<Work, N>& run, int from, int to, int n) noexcept {
  for (int i = 0; i < n; ++i) run.c[to][i] = run.c[from][i];
}
template <class Work, int N>
RESTRIDE_HD void set_channel(Run<Work, N>& run, int channel, Work value, int n) noexcept {
  for (int i = 0; i < n; ++i) run.c[channel][i] = value;
}

template <class Work, int N, class Math>
RESTRIDE_HD void to_rgb(Run<Work, N>& run, Model from, int n, const Math& m) noexcept {
  auto& c = run.c;
  if (from == Model::gray_alpha) copy_channel(run, 1, 3, n);
  if (from == Model::gray_alpha || from == Model::gray) {
    copy_channel(run, 0, 1, n);
    copy_channel(run, 0, 2, n);
  }
  if (from == Model::ycc || from == Model::ycck) {
    for (int i = 0; i < n; ++i) {
      const auto y = m.in(c[0][i]), cb = m.in(c[1][i]), cr = m.in(c[2][i]);
      c[0][i] = m.out(m.red(y, cr));
      c[1][i] = m.out(m.green(y, cb, cr));
      c[2][i] = m.out(m.blue(y, cb));
    }
  }
  if (from == Model::ycck)
    for (int k = 0; k < 3; ++k)
      for (int i = 0; i < n; ++i) c[k][i] = m.out(m.invert(m.in(c[k][i])));
  if (from == Model::ycck || from == Model::cmyk)
    for (int k = 0; k < 3; ++k)
      for (int i = 0; i < n; ++i) c[k][i] = m.out(m.product(m.in(c[k][i]), m.in(c[3][i])));
}

// Turns the run in place from one model into another. Alpha, where `to` has it, ends in channel 3 (1 for gray_alpha).
template <class Work, int N, class Math>
RESTRIDE_HD void convert_model(Run<Work, N>& run, Model from, Model to, int n, const Math& m) noexcept {
  if (from == to) return;
  auto& c = run.c;
  const bool had_alpha = from == Model::gray_alpha || from == Model::rgba;
  const bool was_gray = from == Model::gray || from == Model::gray_alpha;
  if (to == Model::gray || to == Model::gray_alpha) {
    if (!was_gray && from != Model::ycc) {
      to_rgb(run, from, n, m);
      for (int i = 0; i < n; ++i) c[0][i] = m.out(m.luma(m.in(c[0][i]), m.in(c[1][i]), m.in(c[2][i])));
    }
    if (to == Model::gray_alpha && from == Model::rgba) copy_channel(run, 3, 1, n);
    if (to == Model::gray_alpha && !had_alpha) set_channel(run, 1, m.opaque(), n);
    return;
  }
  to_rgb(run, from, n, m);
  if (to == Model::ycc) {
    for (int i = 0; i < n; ++i) {
      const auto r = m.in(c[0][i]), g = m.in(c[1][i]), b = m.in(c[2][i]);
      c[0][i] = m.out(m.luma(r, g, b));
      c[1][i] = m.out(m.cb(r, g, b));
      c[2][i] = m.out(m.cr(r, g, b));
    }
  }
  if (to == Model::rgba && !had_alpha) set_channel(run, 3, m.opaque(), n);
}

// Integer arithmetic at the source's depth.
template <class Int>
struct IntegerMath : color::Bt601<Int> {
  RESTRIDE_HD static Int in(std::uint32_t v) noexcept { return static_cast<Int>(v); }
  RESTRIDE_HD static std::uint32_t out(Int v) noexcept { return static_cast<std::uint32_t>(v); }
  RESTRIDE_HD Int invert(Int v) const noexcept { return this->max - v; }
  RESTRIDE_HD Int product(Int a, Int b) const noexcept { return color::scaled_product<Int>(a, b, this->max); }
  RESTRIDE_HD std::uint32_t opaque() const noexcept { return static_cast<std::uint32_t>(this->max); }
};

// The same on floats, where white is 1.
struct FloatMath {
  RESTRIDE_HD static double in(double v) noexcept { return v; }
  RESTRIDE_HD static double out(double v) noexcept { return v; }
  RESTRIDE_HD double luma(double r, double g, double b) const noexcept { return 0.299 * r + 0.587 * g + 0.114 * b; }
  RESTRIDE_HD double cb(double r, double g, double b) const noexcept { return (b - luma(r, g, b)) / 1.772 + 0.5; }
  RESTRIDE_HD double cr(double r, double g, double b) const noexcept { return (r - luma(r, g, b)) / 1.402 + 0.5; }
  RESTRIDE_HD double red(double y, double cr) const noexcept { return y + 1.402 * (cr - 0.5); }
  RESTRIDE_HD double green(double y, double cb, double cr) const noexcept {
    return y - 0.344136 * (cb - 0.5) - 0.714136 * (cr - 0.5);
  }
  RESTRIDE_HD double blue(double y, double cb) const noexcept { return y + 1.772 * (cb - 0.5); }
  RESTRIDE_HD double invert(double v) const noexcept { return 1 - v; }
  RESTRIDE_HD double product(double a, double b) const noexcept { return a * b; }
  RESTRIDE_HD double opaque() const noexcept { return 1; }
};

// round(v * (2^q - 1) / (2^p - 1))
RESTRIDE_HD inline void rescale(std::uint32_t* v, int n, unsigned from_bits, unsigned to_bits) noexcept {
  if (from_bits == to_bits) return;
  const std::uint64_t from_max = (std::uint64_t{1} << from_bits) - 1, to_max = (std::uint64_t{1} << to_bits) - 1;
  if (from_bits == 16 && to_bits == 8) {
    // (v * 255 + 32767) / 65535 without the division; exact for all 65,536 values.
    for (int i = 0; i < n; ++i) v[i] = (v[i] * 255U + 32895U) >> 16;
    return;
  }
  for (int i = 0; i < n; ++i) v[i] = static_cast<std::uint32_t>((v[i] * to_max + from_max / 2) / from_max);
}

// The range that a type's samples of `bits` bits cover, as doubles.
struct Range {
  double low, unit;  // value = low + unit * v, v in 0 to 1
};
RESTRIDE_HD inline Range range_of(SampleType type, unsigned bits) noexcept {
  if (is_float(type)) return {0, 1};
  const double full = static_cast<double>(std::uint64_t{1} << bits);
  return {is_signed(type) ? -full / 2 : 0, full - 1};
}

// Converts runs of at most N pixels. Source: at(channel, x, y) and step(channel), in bytes.
template <class Source, int N>
struct Converter {
  const Conversion& how;
  const Source& source;

  // BGR is read and written in reverse, so that arithmetic sees RGB.
  RESTRIDE_HD static unsigned reversed(bool bgr, unsigned channel) noexcept {
    return bgr && channel < 3 ? 2 - channel : channel;
  }
  RESTRIDE_HD std::byte* target(unsigned channel, std::int64_t x, std::int64_t y) const noexcept {
    return how.origin + x * how.x_step + y * how.y_step +
           static_cast<std::ptrdiff_t>(reversed(how.to_bgr, channel)) * how.channel_step;
  }

  template <class Int>
  RESTRIDE_HD void integers(std::int64_t x, std::int64_t y, int n) const noexcept {
    const unsigned p = how.from_bits, q = how.to_bits;
    Run<std::uint32_t, N> run;
    const auto load = [&](unsigned k, std::uint32_t* to) {
      const unsigned s = reversed(how.from_bgr, k);
      samples::load_integers(how.from_type, source.at(s, x, y), source.step(s), n, p, to);
    };
    const auto store = [&](unsigned k, std::uint32_t* from) {
      rescale(from, n, p, q);
      samples::store_integers(how.to_type, from, n, q, target(k, x, y), how.x_step);
    };
    if (how.pass_through) {
      for (unsigned k = 0; k < how.stored; ++k) {
        load(k, run.c[0]);
        store(k, run.c[0]);
      }
      return;
    }
    for (unsigned k = 0; k < how.loaded; ++k) load(k, run.c[k]);
    const Int max = static_cast<Int>((std::int64_t{1} << p) - 1);
    convert_model(run, how.from_model, how.to_model, n, IntegerMath<Int>{{max, static_cast<Int>((max >> 1) + 1)}});
    for (unsigned k = 0; k < how.stored; ++k) store(k, run.c[k]);
  }

  RESTRIDE_HD void floats(std::int64_t x, std::int64_t y, int n) const noexcept {
    const Range in = range_of(how.from_type, how.from_bits), out = range_of(how.to_type, how.to_bits);
    const bool to_float = is_float(how.to_type);
    Run<double, N> run;
    const auto load = [&](unsigned k, double* to) {
      const unsigned s = reversed(how.from_bgr, k);
      const std::byte* at = source.at(s, x, y);
      for (int i = 0; i < n; ++i)
        to[i] = (samples::load_double(how.from_type, at + i * source.step(s)) - in.low) / in.unit;
    };
    const auto store = [&](unsigned k, const double* from) {
      std::byte* at = target(k, x, y);
      for (int i = 0; i < n; ++i) {
        const double v = from[i];
        const double unit = v > 0 ? (v < 1 ? v : 1) : 0;  // NaN becomes 0
        samples::store_double(how.to_type, to_float ? v : unit * out.unit + out.low, at + i * how.x_step);
      }
    };
    if (how.pass_through) {
      for (unsigned k = 0; k < how.stored; ++k) {
        load(k, run.c[0]);
        store(k, run.c[0]);
      }
      return;
    }
    for (unsigned k = 0; k < how.loaded; ++k) load(k, run.c[k]);
    convert_model(run, how.from_model, how.to_model, n, FloatMath{});
    for (unsigned k = 0; k < how.stored; ++k) store(k, run.c[k]);
  }

  RESTRIDE_HD void run(std::int64_t x, std::int64_t y, int n) const noexcept {
    if (is_float(how.from_type) || is_float(how.to_type))
      floats(x, y, n);
    else if (how.from_bits <= 12)
      integers<std::int32_t>(x, y, n);
    else
      integers<std::int64_t>(x, y, n);
  }
};

}  // namespace restride::conversion
