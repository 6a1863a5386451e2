// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/unpack.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error_util.h"
#include "image/convert/samples.h"

namespace restride::tiff {
namespace {

// The eight pixels of a byte of bilevel data, as bytes 0 and 1 in memory order.
constexpr std::array<std::uint64_t, 256> make_bilevel() noexcept {
  std::array<std::uint64_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte)
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t bit = byte >> (7 - i) & 1;
      table[byte] |= bit << 8 * (std::endian::native == std::endian::little ? i : 7 - i);
    }
  return table;
}
constexpr std::array<std::uint64_t, 256> kBilevel = make_bilevel();

template <class T>
T get(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <class T>
void put(std::byte* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

// One channel: every from_step-th sample to every to_step-th place.
template <class T>
void copy_channel(const std::byte* from, std::ptrdiff_t from_step, std::byte* to, std::ptrdiff_t to_step,
                  std::uint32_t n, bool swapped, T upside_down) noexcept {
  if (!swapped && upside_down == 0) {
    for (std::uint32_t i = 0; i < n; ++i) put(to + i * to_step, get<T>(from + i * from_step));
    return;
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    T value = get<T>(from + i * from_step);
    if (swapped) value = byte_swapped(value);
    put(to + i * to_step, static_cast<T>(value ^ upside_down));
  }
}

template <class T>
void copy_channel_any(const std::byte* from, std::ptrdiff_t from_step, std::byte* to, std::ptrdiff_t to_step,
                      std::uint32_t n, bool swapped, std::uint64_t upside_down) noexcept {
  const T mask = static_cast<T>(upside_down);
  // Constant steps let the compiler use vectors.
  if (from_step == sizeof(T) && to_step == sizeof(T))
    return copy_channel<T>(from, sizeof(T), to, sizeof(T), n, swapped, mask);
  if (from_step == 3 * sizeof(T) && to_step == 3 * sizeof(T))
    return copy_channel<T>(from, 3 * sizeof(T), to, 3 * sizeof(T), n, swapped, mask);
  copy_channel<T>(from, from_step, to, to_step, n, swapped, mask);
}

// Light from dark for floats, whose white is 1.
template <class T>
void invert_floats(std::byte* to, std::ptrdiff_t step, std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; ++i) put(to + i * step, static_cast<T>(1) - get<T>(to + i * step));
}

// A float of 24 bits (TIFF Technical Note 3): 1 sign, 7 exponent and 16 mantissa bits.
float float24(std::uint32_t bits) noexcept {
  const bool negative = bits >> 23 & 1;
  const auto exponent = static_cast<int>(bits >> 16 & 0x7f);
  const auto mantissa = static_cast<float>(bits & 0xffff) * 0x1p-16F;
  float value = 0;
  if (exponent == 127) {
    value = mantissa == 0 ? HUGE_VALF : std::nanf("");
  } else {
    value = exponent == 0 ? std::ldexp(mantissa, -62) : std::ldexp(1 + mantissa, exponent - 63);
  }
  return negative ? -value : value;
}

void invert_halves(std::byte* to, std::ptrdiff_t step, std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; ++i)
    put(to + i * step, samples::float_to_half(1 - samples::half_to_float(get<std::uint16_t>(to + i * step))));
}

}  // namespace

Unpacker::Unpacker(const Directory& directory, const Scheme& scheme) noexcept
    : directory_(directory),
      scheme_(scheme),
      channels_(scheme.data_units ? 3 : scheme.stored_channels),
      bits_(scheme.stored_bits),
      whole_bytes_(bits_ == 8 || bits_ == 16 || bits_ == 32 || bits_ == 64 ? bits_ / 8 : 0),
      planar_(directory.planar) {
  const bool floating = directory.sample_format == 3;
  sample_bytes_ = whole_bytes_ ? whole_bytes_ : bits_ <= 8 ? 1 : bits_ <= 16 ? 2 : 4;
  if (!whole_bytes_ && directory.sample_format == 2) sign_bit_ = 1U << (bits_ - 1);
  sums_packed_ = !whole_bytes_ && !floating && directory.predictor == 2 && scheme.route == Route::own;
  swap_ = kernels::byte_swap(sample_bytes_);
  identity_ = !scheme.palette && !scheme.custom_ycc && scheme.inverted == 0 &&
              scheme.native.channels == (planar_ ? directory.samples : channels_);
  for (unsigned k = 0; k < scheme.native.channels; ++k) identity_ = identity_ && scheme.source[k] == k;
  if (!floating && scheme.inverted != 0) {
    const unsigned significant = scheme.native.bits();
    upside_down_ = is_signed(scheme.native.type) ? ~std::uint64_t{0} : (std::uint64_t{1} << significant) - 1;
  }
}

Status Unpacker::prepare(ByteSpan file, Scratch& scratch) {
  if (!scheme_.palette) return {};
  const std::size_t entries = std::size_t{1} << directory_.bits;
  const std::size_t size = size_of(scheme_.native.type);
  std::byte* map = scratch.allocate(3 * entries * size);
  if (!map) return fail(Errc::out_of_memory, "TIFF: no memory for the colour map");
  const Values& values = directory_.color_map;
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < 3 * entries; ++i) all |= values.at(file, directory_.order, i);
  for (std::size_t i = 0; i < 3 * entries; ++i) {
    const auto value = static_cast<std::uint32_t>(values.at(file, directory_.order, i) & 0xffff);
    std::byte* to = map + (i % entries * 3 + i / entries) * size;  // stored all red, all green, all blue
    if (size == 2) {
      put(to, static_cast<std::uint16_t>(value));
      continue;
    }
    // 8-bit colours stored as they are or times 256, instead of the times 257 that section 5 implies, come out as
    // meant.
    const std::uint32_t byte = all <= 0xff ? value : (all & 0xff) == 0 ? value >> 8 : (value * 255U + 32895U) >> 16;
    put(to, static_cast<std::uint8_t>(byte));
  }
  map_ = map;
  return {};
}

bool Unpacker::same_layout(const ImageView& to) const noexcept {
  if (!plain()) return false;
  const auto size = static_cast<std::ptrdiff_t>(whole_bytes_);
  return to.pixel_stride == size * static_cast<std::ptrdiff_t>(channels_) &&
         (channels_ == 1 || to.channel_stride == size);
}

void Unpacker::row(const std::byte* stored, std::size_t row_bytes, std::uint64_t y, std::uint32_t first,
                   std::uint32_t n, unsigned plane, bool swapped, const ImageView& to, std::int64_t to_y,
                   std::byte* space) const noexcept {
  const Samples from = samples(stored, row_bytes, y, first, n, swapped, space);
  if (scheme_.palette) return look_up(from, n, to, to_y);
  if (scheme_.custom_ycc) return custom_ycc(from.data, n, to, to_y);
  scatter(from, n, plane, to, to_y);
}

// The samples of n pixels as whole bytes: where they lie, or unpacked into `space`.
Unpacker::Samples Unpacker::samples(const std::byte* stored, std::size_t row_bytes, std::uint64_t y,
                                    std::uint32_t first, std::uint32_t n, bool swapped,
                                    std::byte* space) const noexcept {
  if (scheme_.data_units) {
    expand_units(stored, y, first, n, space);
    return {space, false};
  }
  const std::byte* row = stored + y * row_bytes;
  if (whole_bytes_) return {row + std::size_t{first} * channels_ * whole_bytes_, swapped};
  if (directory_.sample_format == 3) {
    for (std::size_t i = 0; i < std::size_t{n} * channels_; ++i) {
      const std::byte* at = row + (std::size_t{first} * channels_ + i) * 3;
      const auto b = [&](int k) { return static_cast<std::uint32_t>(at[k]); };
      const bool big = (std::endian::native == std::endian::big) != swapped;
      put(space + i * 4, float24(big ? b(0) << 16 | b(1) << 8 | b(2) : b(2) << 16 | b(1) << 8 | b(0)));
    }
    return {space, false};
  }
  // With prediction everything to the left is needed too.
  const std::uint32_t start = sums_packed_ ? 0 : first;
  unpack_bits(row, std::size_t{start} * channels_, (std::size_t{first} - start + n) * channels_, space);
  return {space + (std::size_t{first} - start) * channels_ * sample_bytes_, false};
}

// Section 3 of "Bilevel images" and "BitsPerSample": most significant bit first, whatever the byte order; rows start on
// bytes.
void Unpacker::unpack_bits(const std::byte* row, std::size_t first, std::size_t n, std::byte* to) const noexcept {
  const unsigned bits = bits_, scale = scheme_.scale;
  if (bits == 1 && !sums_packed_ && sign_bit_ == 0) {
    std::size_t i = 0;
    const auto single = [&](std::size_t at) {
      return static_cast<std::byte>((static_cast<unsigned>(row[at / 8]) >> (7 - at % 8) & 1U) * scale);
    };
    for (; i < n && (first + i) % 8 != 0; ++i) to[i] = single(first + i);
    for (; i + 8 <= n; i += 8) put(to + i, kBilevel[static_cast<std::uint8_t>(row[(first + i) / 8])] * scale);
    for (; i < n; ++i) to[i] = single(first + i);
    return;
  }
  const std::byte* in = row + first * bits / 8;
  std::uint64_t held = 0;
  unsigned count = 0;
  if (const unsigned odd = first * bits % 8; odd != 0) {
    held = static_cast<std::uint64_t>(*in++) & (0xffU >> odd);
    count = 8 - odd;
  }
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  std::array<std::uint32_t, kMaxChannels> sums{};
  for (std::size_t i = 0; i < n; ++i) {
    for (; count < bits; count += 8) held = held << 8 | static_cast<std::uint64_t>(*in++);
    count -= bits;
    auto value = static_cast<std::uint32_t>(held >> count & mask);
    if (sums_packed_) {
      std::uint32_t& sum = sums[i % channels_];
      value = sum = static_cast<std::uint32_t>((sum + value) & mask);
    }
    value = (value ^ sign_bit_) - sign_bit_;  // extends the sign, where there is one
    value *= scale;
    if (sample_bytes_ == 1) {
      to[i] = static_cast<std::byte>(value);
    } else if (sample_bytes_ == 2) {
      put(to + 2 * i, static_cast<std::uint16_t>(value));
    } else {
      put(to + 4 * i, value);
    }
  }
}

// Section 21: data units of subsample_x x subsample_y luma samples, then Cb, then Cr. Chroma is repeated, as libtiff
// does.
void Unpacker::expand_units(const std::byte* stored, std::uint64_t y, std::uint32_t first, std::uint32_t n,
                            std::byte* to) const noexcept {
  const std::uint32_t across = directory_.subsample_x, down = directory_.subsample_y;
  const std::size_t luma = std::size_t{across} * down, unit = luma + 2;
  const std::size_t units = directory_.segment_width / across + (directory_.segment_width % across != 0);
  const std::byte* row = stored + y / down * units * unit;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint32_t x = first + i;
    const std::byte* at = row + x / across * unit;
    to[3 * i] = at[y % down * across + x % across];
    to[3 * i + 1] = at[luma];
    to[3 * i + 2] = at[luma + 1];
  }
}

void Unpacker::scatter(Samples from, std::uint32_t n, unsigned plane, const ImageView& to,
                       std::int64_t to_y) const noexcept {
  const std::ptrdiff_t step = static_cast<std::ptrdiff_t>(channels_ * sample_bytes_);
  // All channels in their order, one after the other: one run of samples.
  if (identity_ && !planar_ && to.pixel_stride == step && (channels_ == 1 || to.channel_stride == sample_bytes_)) {
    const std::size_t count = std::size_t{n} * channels_;
    if (from.swapped) return kernels::best().permute(swap_, from.data, to.at(0, to_y), count);
    std::memcpy(to.at(0, to_y), from.data, count * sample_bytes_);
    return;
  }
  for (unsigned k = 0; k < scheme_.native.channels; ++k) {
    if (planar_ && scheme_.source[k] != plane) continue;
    const std::byte* at = from.data + (planar_ ? 0 : scheme_.source[k] * sample_bytes_);
    std::byte* out = to.at(0, to_y, k);
    const bool inverted = scheme_.inverted >> k & 1;
    const std::uint64_t mask = inverted ? upside_down_ : 0;
    switch (sample_bytes_) {
      case 1:
        copy_channel_any<std::uint8_t>(at, step, out, to.pixel_stride, n, from.swapped, mask);
        break;
      case 2:
        copy_channel_any<std::uint16_t>(at, step, out, to.pixel_stride, n, from.swapped, mask);
        break;
      case 4:
        copy_channel_any<std::uint32_t>(at, step, out, to.pixel_stride, n, from.swapped, mask);
        break;
      default:
        copy_channel_any<std::uint64_t>(at, step, out, to.pixel_stride, n, from.swapped, mask);
        break;
    }
    if (inverted && scheme_.native.type == SampleType::f16) invert_halves(out, to.pixel_stride, n);
    if (inverted && scheme_.native.type == SampleType::f32) invert_floats<float>(out, to.pixel_stride, n);
    if (inverted && scheme_.native.type == SampleType::f64) invert_floats<double>(out, to.pixel_stride, n);
  }
}

// Sections 20 and 21, with the directory's own coefficients and reference levels; fixed point with 16 fractional bits
// and whole code values, as libtiff has it.
void Unpacker::custom_ycc(const std::byte* from, std::uint32_t n, const ImageView& to,
                          std::int64_t to_y) const noexcept {
  const auto& level = directory_.reference_levels;
  const auto [red, green, blue] = directory_.ycc_coefficients;
  const auto code = [](std::byte value, int offset, float black, float white, float range) {
    const float span = white - black != 0 ? white - black : 1.0F;
    const float scaled =
        (static_cast<float>(static_cast<int>(value) - offset) - (black - static_cast<float>(offset))) * range / span;
    return static_cast<std::int64_t>(std::clamp(scaled, -4096.0F, 4096.0F));
  };
  const auto fixed = [](float factor) {
    return static_cast<std::int64_t>(std::clamp(factor, 0.0F, 2.0F) * 65536 + 0.5F);
  };
  const auto sample = [](std::int64_t value) {
    return static_cast<std::byte>(std::clamp<std::int64_t>(value, 0, 255));
  };
  constexpr std::int64_t kHalf = 1 << 15;
  const float from_cr = 2 - 2 * red, from_cb = 2 - 2 * blue, over_green = green != 0 ? green : 1.0F;
  const std::int64_t cr_red = fixed(from_cr), cr_green = fixed(from_cr * red / over_green);
  const std::int64_t cb_blue = fixed(from_cb), cb_green = fixed(from_cb * blue / over_green);
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::int64_t y = code(from[3 * i], 0, level[0], level[1], 255);
    const std::int64_t cb = code(from[3 * i + 1], 128, level[2], level[3], 127);
    const std::int64_t cr = code(from[3 * i + 2], 128, level[4], level[5], 127);
    *to.at(i, to_y, 0) = sample(y + ((cr_red * cr + kHalf) >> 16));
    *to.at(i, to_y, 1) = sample(y + ((kHalf - cb_green * cb - cr_green * cr) >> 16));
    *to.at(i, to_y, 2) = sample(y + ((cb_blue * cb + kHalf) >> 16));
  }
}

void Unpacker::look_up(Samples from, std::uint32_t n, const ImageView& to, std::int64_t to_y) const noexcept {
  const std::size_t step = std::size_t{channels_} * sample_bytes_;
  const std::size_t size = size_of(scheme_.native.type);
  for (std::uint32_t i = 0; i < n; ++i) {
    std::size_t index = static_cast<std::uint8_t>(from.data[i * step]);
    if (sample_bytes_ == 2) {
      const auto stored = get<std::uint16_t>(from.data + i * step);
      index = from.swapped ? byte_swapped(stored) : stored;
    }
    const std::byte* color = map_ + 3 * index * size;
    std::byte* at = to.at(i, to_y);
    for (unsigned k = 0; k < 3; ++k)
      std::memcpy(at + static_cast<std::ptrdiff_t>(k) * to.channel_stride, color + k * size, size);
  }
}

}  // namespace restride::tiff
