// SPDX-License-Identifier: Apache-2.0
#include "image/convert/rows.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace restride::conversion {
namespace {

using kernels::Kernels;
using kernels::Permutation;

constexpr std::size_t kBlock = 512;     // pixels at a time: what lies between two steps stays in the first cache level
constexpr std::size_t kScattered = 64;  // the same where each goes to another row: as many cache lines

constexpr int kOpaque = -1;

// The source channel behind each destination channel, where channels only move.
struct Moves {
  bool possible = false;
  std::array<int, 4> source{};
};

Moves moves_of(const Conversion& how) noexcept {
  using M = Model;
  constexpr int o = kOpaque;
  struct Entry {
    M from, to;
    std::array<int, 4> source;
  };
  static constexpr Entry kEntries[] = {
      {M::gray, M::rgb, {0, 0, 0}},    {M::gray, M::rgba, {0, 0, 0, o}},   {M::gray, M::gray_alpha, {0, o}},
      {M::gray_alpha, M::gray, {0}},   {M::gray_alpha, M::rgb, {0, 0, 0}}, {M::gray_alpha, M::rgba, {0, 0, 0, 1}},
      {M::rgb, M::rgba, {0, 1, 2, o}}, {M::rgba, M::rgb, {0, 1, 2}},       {M::ycc, M::gray, {0}},
      {M::ycc, M::gray_alpha, {0, o}},
  };
  if (how.from_type != how.to_type || how.from_bits != how.to_bits) return {};
  // Plain loading clamps samples to their precision.
  if (!is_float(how.from_type) && how.from_bits != 8 * size_of(how.from_type)) return {};
  if (how.pass_through) return {how.stored <= 4, {0, 1, 2, 3}};
  for (const Entry& e : kEntries)
    if (e.from == how.from_model && e.to == how.to_model) return {true, e.source};
  return {};
}

unsigned reversed(bool bgr, unsigned channel) noexcept { return bgr && channel < 3 ? 2 - channel : channel; }

// The largest sample, or white of floats.
std::array<std::byte, 8> opaque_sample(SampleType type, unsigned bits) noexcept {
  std::array<std::byte, 8> bytes{};
  const double full = static_cast<double>(std::uint64_t{1} << bits);
  samples::store_double(type, is_float(type) ? 1 : is_signed(type) ? full / 2 - 1 : full - 1, bytes.data());
  return bytes;
}

// Dense pixels or samples of kSize bytes to places `step` bytes apart.
template <std::size_t kSize>
void scatter_fixed(const std::byte* from, std::size_t n, std::byte* to, std::ptrdiff_t step) noexcept {
  for (std::size_t i = 0; i < n; ++i) std::memcpy(to + static_cast<std::ptrdiff_t>(i) * step, from + i * kSize, kSize);
}

void scatter(std::size_t size, const std::byte* from, std::size_t n, std::byte* to, std::ptrdiff_t step) noexcept {
  if (step == static_cast<std::ptrdiff_t>(size)) {
    std::memcpy(to, from, n * size);
    return;
  }
  switch (size) {
    case 1:
      return scatter_fixed<1>(from, n, to, step);
    case 2:
      return scatter_fixed<2>(from, n, to, step);
    case 3:
      return scatter_fixed<3>(from, n, to, step);
    case 4:
      return scatter_fixed<4>(from, n, to, step);
    case 6:
      return scatter_fixed<6>(from, n, to, step);
    case 8:
      return scatter_fixed<8>(from, n, to, step);
    case 12:
      return scatter_fixed<12>(from, n, to, step);
    case 16:
      return scatter_fixed<16>(from, n, to, step);
    default:
      for (std::size_t i = 0; i < n; ++i)
        std::memcpy(to + static_cast<std::ptrdiff_t>(i) * step, from + i * size, size);
  }
}

// What both ways of converting know of the two sides.
struct Sides {
  const Conversion& how;
  std::span<const PlaneView> planes;
  const Kernels& kernels;

  std::byte* target(std::int64_t x, std::int64_t y, unsigned channel) const noexcept {
    return how.origin + x * how.x_step + y * how.y_step + static_cast<std::ptrdiff_t>(channel) * how.channel_step;
  }
  std::size_t to_size() const noexcept { return size_of(how.to_type); }
  // True if the channels of a destination pixel lie side by side.
  bool joined() const noexcept { return how.stored == 1 || how.channel_step == static_cast<std::ptrdiff_t>(to_size()); }
  std::ptrdiff_t to_pixel() const noexcept { return static_cast<std::ptrdiff_t>(to_size() * how.stored); }
};

// Interleaved pixels to interleaved pixels whose bytes only move.
class Permuted : Sides {
 public:
  Permuted(const Sides& sides, const Moves& moves) noexcept : Sides(sides) { possible_ = plan(moves); }
  bool possible() const noexcept { return possible_; }
  std::size_t block() const noexcept { return how.x_step == to_pixel() ? SIZE_MAX / 2 : kScattered; }

  void convert(std::int64_t x, std::int64_t y, std::size_t n) const noexcept {
    const std::byte* from = first_ + y * planes[0].row_stride + x * planes[0].pixel_stride;
    std::byte* to = target(x, y, 0);
    if (how.x_step == to_pixel()) return kernels.permute(permutation_, from, to, n);
    if (identity_) return scatter(permutation_.to_bytes, from, n, to, how.x_step);
    std::byte space[kScattered * kernels::kMaxPixelBytes];
    kernels.permute(permutation_, from, space, n);
    scatter(permutation_.to_bytes, space, n, to, how.x_step);
  }

 private:
  bool plan(const Moves& moves) noexcept {
    const std::size_t size = to_size();
    const std::ptrdiff_t step = planes[0].pixel_stride;
    if (!moves.possible || !joined() || step <= 0 || step > kernels::kMaxPixelBytes ||
        size * how.stored > kernels::kMaxPixelBytes)
      return false;
    const unsigned channels = how.loaded;
    first_ = planes[0].data;
    for (unsigned k = 0; k < channels; ++k) {
      if (planes[k].pixel_stride != step || planes[k].row_stride != planes[0].row_stride) return false;
      first_ = std::less<>()(planes[k].data, first_) ? planes[k].data : first_;
    }
    Permutation& p = permutation_;
    p.from_bytes = static_cast<unsigned>(step);
    p.to_bytes = static_cast<unsigned>(to_pixel());
    const auto opaque = opaque_sample(how.to_type, how.to_bits);
    identity_ = p.from_bytes == p.to_bytes;
    for (unsigned k = 0; k < how.stored; ++k) {
      const int source = moves.source[k];
      const unsigned at = reversed(how.to_bgr, k) * static_cast<unsigned>(size);
      const std::ptrdiff_t offset =
          source == kOpaque ? 0 : planes[reversed(how.from_bgr, static_cast<unsigned>(source))].data - first_;
      if (offset + static_cast<std::ptrdiff_t>(size) > step) return false;  // planes, not pixels
      for (unsigned b = 0; b < size; ++b) {
        p.source[at + b] = source == kOpaque ? kernels::kConstant : static_cast<std::uint8_t>(offset + b);
        p.constant[at + b] = static_cast<std::uint8_t>(opaque[b]);
        identity_ = identity_ && p.source[at + b] == at + b;
        if (source != kOpaque) p.used_bytes = std::max(p.used_bytes, static_cast<unsigned>(offset) + b + 1);
      }
    }
    p.prepare();
    return true;
  }

  Permutation permutation_;
  const std::byte* first_ = nullptr;  // of the lowest channel of pixel (0, 0)
  bool identity_ = false, possible_ = false;
};

// Everything else between samples of 8 and 16 bits, a block at a time: to planes, colour, depth, from planes.
// From, To: std::uint8_t or std::uint16_t, what samples of either side are while they are worked on; also std::uint32_t
// where they only move.
template <class From, class To>
class Planes : Sides {
 public:
  Planes(const Sides& sides, const Moves& moves) noexcept : Sides(sides), moves_(moves) {
    possible_ = source_possible() && model_possible();
    const auto bytes = opaque_sample(how.from_type, how.from_bits);
    auto value = static_cast<From>((std::uint64_t{1} << how.from_bits) - 1);
    if (moves_.possible) std::memcpy(&value, bytes.data(), sizeof value);
    if (possible_) std::fill(std::begin(opaque_), std::end(opaque_), value);
  }
  bool possible() const noexcept { return possible_; }
  std::size_t block() const noexcept {
    return how.x_step == (joined() ? to_pixel() : static_cast<std::ptrdiff_t>(to_size())) ? kBlock : kScattered;
  }

  void convert(std::int64_t x, std::int64_t y, std::size_t n) noexcept {
    const From* c[4];
    load(x, y, n, c);
    if (moves_.possible)
      move(c);
    else if (!how.pass_through)
      recolor(c, n);
    const To* d[4];
    for (unsigned k = 0; k < how.stored; ++k) d[k] = k > 0 && c[k] == c[k - 1] ? d[k - 1] : rescaled(c[k], n, k);
    store(x, y, n, d);
  }

 private:
  static constexpr bool kNarrow = sizeof(From) == 1, kWide = sizeof(From) == 2;
  unsigned loaded() const noexcept { return how.pass_through ? how.stored : how.loaded; }
  bool wide_source() const noexcept { return size_of(how.from_type) > sizeof(From); }
  bool wide_target() const noexcept { return size_of(how.to_type) > sizeof(To); }

  // Planes of samples, or pixels that hold nothing else.
  bool source_possible() noexcept {
    const std::size_t size = size_of(how.from_type);
    const auto sample = static_cast<std::ptrdiff_t>(size);
    if (loaded() > 4 || how.stored > 4) return false;
    if (std::all_of(planes.begin(), planes.begin() + loaded(), [&](auto& p) { return p.pixel_stride == sample; }))
      return true;
    if (wide_source()) return false;
    const std::ptrdiff_t pixel = planes[0].pixel_stride;
    channels_ = static_cast<unsigned>(pixel / sample);
    if (pixel % sample != 0 || channels_ < 2 || channels_ > 4 || loaded() > channels_) return false;
    const std::byte *first = planes[0].data, *last = first;
    for (unsigned k = 0; k < loaded(); ++k) {
      if (planes[k].pixel_stride != pixel || planes[k].row_stride != planes[0].row_stride) return false;
      first = std::min(first, planes[k].data, std::less<>());
      last = std::max(last, planes[k].data, std::less<>());
    }
    if (last - first != pixel - sample) return false;
    first_ = first;
    for (unsigned k = 0; k < loaded(); ++k) {
      if ((planes[k].data - first) % sample != 0) return false;
      place_[k] = static_cast<unsigned>((planes[k].data - first) / sample);
    }
    return true;
  }

  bool model_possible() const noexcept {
    if (how.pass_through || moves_.possible) return true;
    const Model from = how.from_model, to = how.to_model;
    if (from == Model::ycck || from == Model::other) return false;
    const bool only_moves = from == Model::ycc && (to == Model::gray || to == Model::gray_alpha);
    const bool arithmetic = from == Model::ycc || from == Model::cmyk || to == Model::ycc;
    return only_moves || !arithmetic || (kNarrow && how.from_bits == 8);
  }

  // c[k]: samples of channel k, r g b a of colour models, in their own memory where they can be read there.
  void load(std::int64_t x, std::int64_t y, std::size_t n, const From* (&c)[4]) noexcept {
    const From* raw[4];
    if (first_) {
      std::byte* to[4];
      for (unsigned k = 0; k < channels_; ++k) to[k] = reinterpret_cast<std::byte*>(split_[k]);
      kernels.split(channels_, sizeof(From), first_ + y * planes[0].row_stride + x * planes[0].pixel_stride, to, n);
      for (unsigned k = 0; k < loaded(); ++k) raw[k] = split_[place_[k]];
    } else {
      for (unsigned k = 0; k < loaded(); ++k) {
        const std::byte* from = planes[k].data + y * planes[k].row_stride + x * planes[k].pixel_stride;
        raw[k] = wide_source() ? taken(from, n, split_[k]) : aligned(from, n, split_[k]);
      }
    }
    const bool limited = kWide && !wide_source() && !moves_.possible && how.from_bits < 16;
    for (unsigned k = 0; k < loaded(); ++k) {
      c[k] = raw[reversed(how.from_bgr, k)];
      if constexpr (kWide) {
        if (!limited) continue;
        kernels.limit(c[k], static_cast<std::uint16_t>((1U << how.from_bits) - 1), limited_[k], n);
        c[k] = limited_[k];
      }
    }
  }

  const From* aligned(const std::byte* from, std::size_t n, From* space) const noexcept {
    if (reinterpret_cast<std::uintptr_t>(from) % alignof(From) == 0) return reinterpret_cast<const From*>(from);
    std::memcpy(space, from, n * sizeof(From));
    return space;
  }

  const From* taken(const std::byte* from, std::size_t n, From* space) noexcept {
    constexpr std::uint32_t kSign = 0x80000000U;
    const std::uint32_t max = (1U << how.from_bits) - 1, flip = is_signed(how.from_type) ? kSign : 0;
    const std::uint32_t low = flip ? kSign - (max >> 1) - 1 : 0;
    const auto* in = reinterpret_cast<const std::uint32_t*>(from);
    if (reinterpret_cast<std::uintptr_t>(from) % alignof(std::uint32_t) != 0) {
      std::memcpy(samples32_, from, n * sizeof(std::uint32_t));
      in = samples32_;
    }
    if constexpr (kWide)
      kernels.take16(in, flip, low, max, space, n);
    else if constexpr (sizeof(From) == 1)
      kernels.take8(in, flip, low, max, space, n);
    return space;
  }

  void move(const From* (&c)[4]) const noexcept {
    const From* from[4];
    std::copy(std::begin(c), std::end(c), from);
    for (unsigned k = 0; k < how.stored; ++k) c[k] = moves_.source[k] == kOpaque ? opaque_ : from[moves_.source[k]];
  }

  // convert_model() of the plain conversion, on arrays.
  void recolor(const From* (&c)[4], std::size_t n) noexcept {
    const Model from = how.from_model, to = how.to_model;
    const bool was_gray = from == Model::gray || from == Model::gray_alpha;
    const bool to_gray = to == Model::gray || to == Model::gray_alpha;
    const From* alpha = from == Model::gray_alpha ? c[1] : from == Model::rgba ? c[3] : opaque_;
    if (was_gray) c[1] = c[2] = c[0];
    if constexpr (kNarrow) {
      std::uint8_t* const rgb[] = {colors_[0], colors_[1], colors_[2]};
      if (from == Model::ycc && !to_gray) kernels.ycc_to_rgb8(c, rgb, n);
      if (from == Model::cmyk) kernels.cmyk_to_rgb8(c, rgb, n);
      if ((from == Model::ycc && !to_gray) || from == Model::cmyk) std::copy_n(rgb, 3, c);
    }
    if (to_gray && !was_gray && from != Model::ycc) {
      if constexpr (kWide)
        kernels.luma16(c, luma_, n);
      else if constexpr (kNarrow)
        kernels.luma8(c, luma_, n);
      c[0] = luma_;
    }
    if constexpr (kNarrow) {
      std::uint8_t* const ycc[] = {limited_[0], limited_[1], limited_[2]};
      if (to == Model::ycc) {
        kernels.rgb_to_ycc8(c, ycc, n);
        std::copy_n(ycc, 3, c);
      }
    }
    if (to == Model::gray_alpha) c[1] = alpha;
    if (to == Model::rgba) c[3] = alpha;
  }

  const To* rescaled(const From* from, std::size_t n, unsigned k) noexcept {
    if constexpr (sizeof(From) == sizeof(To)) {
      return from;
    } else if constexpr (kWide) {
      kernels.narrow(how.from_bits, from, scaled_[k], n);
      return scaled_[k];
    } else {
      kernels.widen(from, scaled_[k], n);
      return scaled_[k];
    }
  }

  void store(std::int64_t x, std::int64_t y, std::size_t n, const To* const (&d)[4]) noexcept {
    if (how.stored > 1 && joined() && !wide_target()) {
      const std::byte* in[4];
      for (unsigned k = 0; k < how.stored; ++k) in[reversed(how.to_bgr, k)] = reinterpret_cast<const std::byte*>(d[k]);
      std::byte* to = target(x, y, 0);
      if (how.x_step == to_pixel()) return kernels.join(how.stored, sizeof(To), in, to, n);
      std::byte space[kScattered * 4 * sizeof(To)];
      kernels.join(how.stored, sizeof(To), in, space, n);
      return scatter(static_cast<std::size_t>(to_pixel()), space, n, to, how.x_step);
    }
    for (unsigned k = 0; k < how.stored; ++k) {
      const auto* from = reinterpret_cast<const std::byte*>(d[k]);
      if (wide_target()) from = given(d[k], n);
      scatter(to_size(), from, n, target(x, y, reversed(how.to_bgr, k)), how.x_step);
    }
  }

  const std::byte* given(const To* from, std::size_t n) noexcept {
    const std::uint32_t offset = is_signed(how.to_type) ? 1U << (how.to_bits - 1) : 0;
    if constexpr (sizeof(To) == 2)
      kernels.give16(from, offset, samples32_, n);
    else if constexpr (sizeof(To) == 1)
      kernels.give8(from, offset, samples32_, n);
    return reinterpret_cast<const std::byte*>(samples32_);
  }

  Moves moves_;
  bool possible_ = false;
  const std::byte* first_ = nullptr;  // of pixel (0, 0), where channels are interleaved
  unsigned channels_ = 0;             // of a stored pixel
  std::array<unsigned, 4> place_{};   // of each channel in it
  From opaque_[kBlock];
  From split_[4][kBlock], limited_[4][kBlock], colors_[3][kBlock], luma_[kBlock];
  To scaled_[4][kBlock];
  std::uint32_t samples32_[kBlock];
};

template <class Way>
bool run(Way&& way, std::int64_t width, std::int64_t height, bool swaps_axes) noexcept {
  if (!way.possible()) return false;
  const auto block = static_cast<std::int64_t>(std::min<std::size_t>(way.block(), SIZE_MAX / 2));
  const auto convert = [&](std::int64_t x, std::int64_t y) {
    way.convert(x, y, static_cast<std::size_t>(std::min(block, width - x)));
  };
  if (swaps_axes) {
    // Down a strip of columns: consecutive blocks then extend the same few destination rows.
    for (std::int64_t x = 0; x < width; x += block)
      for (std::int64_t y = 0; y < height; ++y) convert(x, y);
    return true;
  }
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; x += block) convert(x, y);
  return true;
}

// True if both sides are dense interleaved pixels of the same channels in the same order.
bool same_pixels(const Sides& sides) noexcept {
  const Conversion& how = sides.how;
  const auto size = static_cast<std::ptrdiff_t>(size_of(how.from_type));
  if (!how.pass_through || how.stored < 2 || how.from_bgr != how.to_bgr) return false;
  if (!sides.joined() || how.x_step != sides.to_pixel()) return false;
  for (unsigned k = 0; k < how.stored; ++k)
    if (sides.planes[k].pixel_stride != size * how.stored || sides.planes[k].data != sides.planes[0].data + k * size)
      return false;
  return true;
}

// Bits of the numbers that samples are worked on as: 8, 16, or 0 for what is not done here.
unsigned work_bits(SampleType type, unsigned bits) noexcept {
  switch (type) {
    case SampleType::u8:
      return bits == 8 ? 8 : 0;
    case SampleType::u16:
      return 16;
    case SampleType::u32:
    case SampleType::i32:
      return bits <= 8 ? 8 : bits <= 16 ? 16 : 0;
    default:
      return 0;
  }
}

}  // namespace

bool convert_rows(const Conversion& how, std::span<const PlaneView> planes, std::int64_t width, std::int64_t height,
                  bool swaps_axes, const Kernels& kernels) noexcept {
  if ((how.from_bgr && how.loaded < 3) || (how.to_bgr && how.stored < 3)) return false;
  const Sides sides{how, planes, kernels};
  const Moves moves = moves_of(how);
  if (moves.possible) {
    if (run(Permuted(sides, moves), width, height, swaps_axes)) return true;
    const std::size_t size = size_of(how.from_type);
    if (size == 1) return run(Planes<std::uint8_t, std::uint8_t>(sides, moves), width, height, swaps_axes);
    if (size == 2) return run(Planes<std::uint16_t, std::uint16_t>(sides, moves), width, height, swaps_axes);
    if (size == 4) return run(Planes<std::uint32_t, std::uint32_t>(sides, moves), width, height, swaps_axes);
    return false;
  }
  if (same_pixels(sides)) {
    // Only the samples change: one channel of as many.
    Conversion samples = how;
    samples.loaded = samples.stored = 1;
    samples.from_bgr = samples.to_bgr = false;
    samples.x_step = static_cast<std::ptrdiff_t>(size_of(how.to_type));
    const PlaneView all{planes[0].data, planes[0].row_stride, static_cast<std::ptrdiff_t>(size_of(how.from_type))};
    return convert_rows(samples, {&all, 1}, width * how.stored, height, swaps_axes, kernels);
  }
  const unsigned from = work_bits(how.from_type, how.from_bits), to = work_bits(how.to_type, how.to_bits);
  const bool same_depth = how.from_bits == how.to_bits;
  if (from == 8 && to == 8 && same_depth)
    return run(Planes<std::uint8_t, std::uint8_t>(sides, moves), width, height, swaps_axes);
  if (from == 16 && to == 16 && same_depth)
    return run(Planes<std::uint16_t, std::uint16_t>(sides, moves), width, height, swaps_axes);
  if (from == 8 && to == 16 && how.from_bits == 8 && how.to_bits == 16)
    return run(Planes<std::uint8_t, std::uint16_t>(sides, moves), width, height, swaps_axes);
  if (from == 16 && to == 8 && how.from_bits > 8 && how.to_bits == 8)
    return run(Planes<std::uint16_t, std::uint8_t>(sides, moves), width, height, swaps_axes);
  return false;
}

}  // namespace restride::conversion
