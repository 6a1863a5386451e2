// SPDX-License-Identifier: Apache-2.0
#include "formats/png/expand.h"

#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "image/convert/kernels.h"

namespace restride::png {

ImageSpec native_spec(const Headers& headers, const ImageSpec& stored, const ImageSpec& wanted) noexcept {
  ImageSpec native = stored;
  native.format = interleaved(stored.format);
  const SampleFormat format = interleaved(wanted.format);
  const bool alpha_unwanted = format == SampleFormat::i_y || format == SampleFormat::i_rgb ||
                              format == SampleFormat::i_bgr || format == SampleFormat::i_ycc;
  if (headers.has_alpha() && alpha_unwanted)
    native.format = stored.format == SampleFormat::i_ya ? SampleFormat::i_y : SampleFormat::i_rgb;
  native.channels = channels_of(native.format);
  if (native.color == ColorSpec::palette) native.color = ColorSpec::srgb;
  if (native.precision < 8 && wanted.type == SampleType::u8 && wanted.bits() == 8) native.precision = 8;
  return native;
}

Expander::Expander(const Headers& headers, const ImageSpec& native) noexcept
    : headers_(headers), run_(choose(headers, native.channels)), pixel_bytes_(native.channels * size_of(native.type)) {
  if (headers.color_type == ColorType::gray && headers.depth < 8) {
    const unsigned from = (1U << headers.depth) - 1, to = (1U << native.bits()) - 1;
    scale_ = static_cast<std::uint8_t>(to / from);  // 255, 85 and 17 divide evenly
    opaque_ = static_cast<std::uint8_t>(to);
  }
}

void Expander::copy(const Expander& self, const std::uint8_t* row, std::size_t first, std::size_t count,
                    std::uint8_t* out) noexcept {
  std::memcpy(out, row + first * self.pixel_bytes_, count * self.pixel_bytes_);
}

void Expander::swapped(const Expander& self, const std::uint8_t* row, std::size_t first, std::size_t count,
                       std::uint8_t* out) noexcept {
  const std::byte* from = reinterpret_cast<const std::byte*>(row) + first * self.pixel_bytes_;
  kernels::best().permute(self.swap_, from, reinterpret_cast<std::byte*>(out), count * self.pixel_bytes_ / 2);
}

namespace {

// Sample i of a row; the leftmost is in the highest bits (7.2).
template <unsigned kDepth>
unsigned packed_sample(const std::uint8_t* row, std::size_t i) noexcept {
  if constexpr (kDepth == 8) return row[i];
  constexpr std::size_t kPerByte = 8 / kDepth;
  const auto shift = static_cast<unsigned>(8 - kDepth - i % kPerByte * kDepth);
  return row[i / kPerByte] >> shift & ((1U << kDepth) - 1);
}

}  // namespace

template <unsigned kDepth, bool kAlpha>
void Expander::packed_gray(const Expander& self, const std::uint8_t* row, std::size_t first, std::size_t count,
                           std::uint8_t* out) noexcept {
  const unsigned key = self.headers_.key[0];
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned sample = packed_sample<kDepth>(row, first + i);
    *out++ = static_cast<std::uint8_t>(sample * self.scale_);
    if (kAlpha) *out++ = sample == key ? std::uint8_t{0} : self.opaque_;
  }
}

template <unsigned kDepth, unsigned kChannels>
void Expander::palette(const Expander& self, const std::uint8_t* row, std::size_t first, std::size_t count,
                       std::uint8_t* out) noexcept {
  const auto& entries = self.headers_.palette;
  for (std::size_t i = 0; i + 1 < count; ++i, out += kChannels)
    std::memcpy(out, entries[packed_sample<kDepth>(row, first + i)].data(),
                4);  // the next pixel covers what is too much
  if (count) std::memcpy(out, entries[packed_sample<kDepth>(row, first + count - 1)].data(), kChannels);
}

template <class T, unsigned kFrom, unsigned kTo>
void Expander::samples(const Expander& self, const std::uint8_t* row, std::size_t first, std::size_t count,
                       std::uint8_t* out) noexcept {
  constexpr unsigned kColors = kTo < kFrom ? kTo : kFrom;
  const auto* from = reinterpret_cast<const std::byte*>(row) + first * kFrom * sizeof(T);
  auto* to = reinterpret_cast<std::byte*>(out);
  for (std::size_t i = 0; i < count; ++i, from += kFrom * sizeof(T), to += kTo * sizeof(T)) {
    bool is_key = true;
    for (unsigned k = 0; k < kColors; ++k) {
      const T sample = load<T>(from + k * sizeof(T), std::endian::big);
      is_key &= sample == static_cast<T>(self.headers_.key[k % 3]);
      store(to + k * sizeof(T), sample, std::endian::native);
    }
    if constexpr (kTo > kFrom)
      store(to + kFrom * sizeof(T), is_key ? T{0} : static_cast<T>(~T{0}), std::endian::native);
  }
}

Expander::Run Expander::choose_packed_gray(unsigned depth, bool alpha) noexcept {
  switch (depth) {
    case 1:
      return alpha ? packed_gray<1, true> : packed_gray<1, false>;
    case 2:
      return alpha ? packed_gray<2, true> : packed_gray<2, false>;
    default:
      return alpha ? packed_gray<4, true> : packed_gray<4, false>;
  }
}

Expander::Run Expander::choose_palette(unsigned depth, unsigned channels) noexcept {
  const bool alpha = channels == 4;
  switch (depth) {
    case 1:
      return alpha ? palette<1, 4> : palette<1, 3>;
    case 2:
      return alpha ? palette<2, 4> : palette<2, 3>;
    case 4:
      return alpha ? palette<4, 4> : palette<4, 3>;
    default:
      return alpha ? palette<8, 4> : palette<8, 3>;
  }
}

template <class T>
Expander::Run Expander::choose_samples(unsigned from, unsigned to) noexcept {
  if (from == to) return sizeof(T) == 1 || std::endian::native == std::endian::big ? copy : swapped;
  switch (from * 10 + to) {
    case 12:
      return samples<T, 1, 2>;
    case 21:
      return samples<T, 2, 1>;
    case 34:
      return samples<T, 3, 4>;
    default:
      return samples<T, 4, 3>;
  }
}

Expander::Run Expander::choose(const Headers& headers, unsigned channels) noexcept {
  const unsigned from = samples_of(headers.color_type);
  if (headers.color_type == ColorType::palette) return choose_palette(headers.depth, channels);
  if (headers.depth < 8) return choose_packed_gray(headers.depth, channels == 2);
  return headers.depth == 8 ? choose_samples<std::uint8_t>(from, channels)
                            : choose_samples<std::uint16_t>(from, channels);
}

}  // namespace restride::png
