// SPDX-License-Identifier: Apache-2.0
// Loading and storing runs of samples of any type, as unsigned integers or as doubles.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/host_device.h"
#include "restride/types.h"

namespace restride::samples {

// IEEE 754 binary16 to binary32; exact.
RESTRIDE_HD inline float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16;
  const std::uint32_t exponent = (half >> 10) & 31U, mantissa = half & 1023U;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24F;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

// binary32 to binary16, round to nearest even.
RESTRIDE_HD inline std::uint16_t float_to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude >= 0x7f800000U)
    return static_cast<std::uint16_t>(sign | 0x7c00U | (magnitude > 0x7f800000U ? 0x200U : 0U));
  if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // rounds past 65504
  if (magnitude < 0x38800000U) {  // subnormal half: let the FPU round at the right place
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
  }
  const std::uint32_t rounded = magnitude + 0xfffU + (magnitude >> 13 & 1U);
  return static_cast<std::uint16_t>(sign | (rounded - 0x38000000U) >> 13);
}

template <class T>
RESTRIDE_HD inline T load_one(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// n samples of type T, `stride` bytes apart, plus `offset` (2^(p-1) for signed types), clamped to [0, max].
template <class T>
RESTRIDE_HD inline void load_run(const std::byte* from, std::ptrdiff_t stride, int n, std::int64_t offset,
                                 std::int64_t max, std::uint32_t* to) noexcept {
  for (int i = 0; i < n; ++i) {
    const std::int64_t value = static_cast<std::int64_t>(load_one<T>(from + i * stride)) + offset;
    to[i] = static_cast<std::uint32_t>(value < 0 ? 0 : value > max ? max : value);
  }
}

RESTRIDE_HD inline void load_integers(SampleType type, const std::byte* from, std::ptrdiff_t stride, int n,
                                      unsigned bits, std::uint32_t* to) noexcept {
  const std::int64_t max = (std::int64_t{1} << bits) - 1;
  const std::int64_t middle = std::int64_t{1} << (bits - 1);
  switch (type) {
    case SampleType::u8:
      if (bits == 8) {  // nothing to clamp: the loop vectorises
        for (int i = 0; i < n; ++i) to[i] = static_cast<std::uint8_t>(from[i * stride]);
        return;
      }
      return load_run<std::uint8_t>(from, stride, n, 0, max, to);
    case SampleType::i8:
      return load_run<std::int8_t>(from, stride, n, middle, max, to);
    case SampleType::u16:
      return load_run<std::uint16_t>(from, stride, n, 0, max, to);
    case SampleType::i16:
      return load_run<std::int16_t>(from, stride, n, middle, max, to);
    case SampleType::u32:
      return load_run<std::uint32_t>(from, stride, n, 0, max, to);
    case SampleType::i32:
      return load_run<std::int32_t>(from, stride, n, middle, max, to);
    default:
      return;
  }
}

RESTRIDE_HD inline double load_double(SampleType type, const std::byte* from) noexcept {
  switch (type) {
    case SampleType::u8:
      return load_one<std::uint8_t>(from);
    case SampleType::i8:
      return load_one<std::int8_t>(from);
    case SampleType::u16:
      return load_one<std::uint16_t>(from);
    case SampleType::i16:
      return load_one<std::int16_t>(from);
    case SampleType::u32:
      return load_one<std::uint32_t>(from);
    case SampleType::i32:
      return load_one<std::int32_t>(from);
    case SampleType::f16:
      return half_to_float(load_one<std::uint16_t>(from));
    case SampleType::f32:
      return load_one<float>(from);
    case SampleType::f64:
      return load_one<double>(from);
  }
  return 0;
}

template <class T, class V>
RESTRIDE_HD inline void store_one(std::byte* to, V value) noexcept {
  const T sample = static_cast<T>(value);
  std::memcpy(to, &sample, sizeof sample);
}

// Unsigned samples of `bits` bits to a type; signed types are moved down by 2^(bits-1).
RESTRIDE_HD inline void store_integers(SampleType type, const std::uint32_t* from, int n, unsigned bits, std::byte* to,
                                       std::ptrdiff_t stride) noexcept {
  const std::int64_t middle = std::int64_t{1} << (bits - 1);
  const auto run = [&]<class T>(T, std::int64_t offset) {
    for (int i = 0; i < n; ++i) store_one<T>(to + i * stride, static_cast<std::int64_t>(from[i]) - offset);
  };
  switch (type) {
    case SampleType::u8:
      for (int i = 0; i < n; ++i) to[i * stride] = static_cast<std::byte>(from[i]);
      return;
    case SampleType::i8:
      return run(std::int8_t{}, middle);
    case SampleType::u16:
      return run(std::uint16_t{}, 0);
    case SampleType::i16:
      return run(std::int16_t{}, middle);
    case SampleType::u32:
      return run(std::uint32_t{}, 0);
    case SampleType::i32:
      return run(std::int32_t{}, middle);
    default:
      return;
  }
}

// A double to any type: floats as they are, integers rounded and clamped.
RESTRIDE_HD inline void store_double(SampleType type, double value, std::byte* to) noexcept {
  const auto integer = [&]<class T>(T, double low, double high) {
    const double v = !(value > low) ? low : value > high ? high : value;  // NaN becomes `low`
    store_one<T>(to, std::llround(v));
  };
  switch (type) {
    case SampleType::u8:
      return integer(std::uint8_t{}, 0, 255);
    case SampleType::i8:
      return integer(std::int8_t{}, -128, 127);
    case SampleType::u16:
      return integer(std::uint16_t{}, 0, 65535);
    case SampleType::i16:
      return integer(std::int16_t{}, -32768, 32767);
    case SampleType::u32:
      return integer(std::uint32_t{}, 0, 4294967295.0);
    case SampleType::i32:
      return integer(std::int32_t{}, -2147483648.0, 2147483647.0);
    case SampleType::f16:
      return store_one<std::uint16_t>(to, float_to_half(static_cast<float>(value)));
    case SampleType::f32:
      return store_one<float>(to, value);
    case SampleType::f64:
      return store_one<double>(to, value);
  }
}

}  // namespace restride::samples
