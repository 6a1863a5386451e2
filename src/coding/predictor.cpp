// SPDX-License-Identifier: Apache-2.0
#include "coding/predictor.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace restride::predictor {
namespace {

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

// Running sums in registers: the compiler cannot keep them there when the number of channels is a variable. Rows are
// whole pixels, so nothing is left over.
template <class T, std::size_t kChannels>
void sum_fixed(std::byte* row, std::size_t samples) noexcept {
  T sum[kChannels] = {};
  std::size_t i = 0;
  for (; i + kChannels <= samples; i += kChannels) {
    for (std::size_t k = 0; k < kChannels; ++k) {
      std::byte* at = row + (i + k) * sizeof(T);
      sum[k] = static_cast<T>(sum[k] + get<T>(at));
      put(at, sum[k]);
    }
  }
}

template <class T>
void undo(std::byte* row, std::size_t samples, std::size_t channels) noexcept {
  switch (channels) {
    case 1:
      return sum_fixed<T, 1>(row, samples);
    case 3:
      return sum_fixed<T, 3>(row, samples);
    case 4:
      return sum_fixed<T, 4>(row, samples);
    default:
      break;
  }
  for (std::size_t i = channels; i < samples; ++i) {
    std::byte* at = row + i * sizeof(T);
    put(at, static_cast<T>(get<T>(at) + get<T>(at - channels * sizeof(T))));
  }
}

template <class T>
void apply(std::byte* row, std::size_t samples, std::size_t channels) noexcept {
  for (std::size_t i = samples; i-- > channels;) {
    std::byte* at = row + i * sizeof(T);
    put(at, static_cast<T>(get<T>(at) - get<T>(at - channels * sizeof(T))));
  }
}

// Where in a native sample its k-th most significant byte lies.
constexpr std::size_t place(std::size_t k, std::size_t sample_bytes) noexcept {
  return std::endian::native == std::endian::little ? sample_bytes - 1 - k : k;
}

}  // namespace

void undo_horizontal(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes) noexcept {
  switch (sample_bytes) {
    case 1:
      return undo<std::uint8_t>(row, samples, channels);
    case 2:
      return undo<std::uint16_t>(row, samples, channels);
    case 4:
      return undo<std::uint32_t>(row, samples, channels);
    default:
      return undo<std::uint64_t>(row, samples, channels);
  }
}

void apply_horizontal(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes) noexcept {
  switch (sample_bytes) {
    case 1:
      return apply<std::uint8_t>(row, samples, channels);
    case 2:
      return apply<std::uint16_t>(row, samples, channels);
    case 4:
      return apply<std::uint32_t>(row, samples, channels);
    default:
      return apply<std::uint64_t>(row, samples, channels);
  }
}

void undo_floating_point(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes,
                         std::byte* space) noexcept {
  const std::size_t size = samples * sample_bytes;
  undo<std::uint8_t>(row, size, channels);
  std::memcpy(space, row, size);
  for (std::size_t k = 0; k < sample_bytes; ++k) {
    const std::byte* from = space + k * samples;
    std::byte* to = row + place(k, sample_bytes);
    for (std::size_t i = 0; i < samples; ++i) to[i * sample_bytes] = from[i];
  }
}

void apply_floating_point(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes,
                          std::byte* space) noexcept {
  const std::size_t size = samples * sample_bytes;
  std::memcpy(space, row, size);
  for (std::size_t k = 0; k < sample_bytes; ++k) {
    const std::byte* from = space + place(k, sample_bytes);
    std::byte* to = row + k * samples;
    for (std::size_t i = 0; i < samples; ++i) to[i] = from[i * sample_bytes];
  }
  apply<std::uint8_t>(row, size, channels);
}

}  // namespace restride::predictor
