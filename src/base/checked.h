// SPDX-License-Identifier: Apache-2.0
// Arithmetic on sizes that came from a file: saturates instead of wrapping, so that a limit check catches it.
#pragma once

#include <cstdint>
#include <limits>

namespace restride {

inline constexpr std::uint64_t kSaturated = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t saturating_mul(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kSaturated : product;
}
constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kSaturated : sum;
}
template <class... More>
constexpr std::uint64_t saturating_mul(std::uint64_t a, std::uint64_t b, More... more) noexcept {
  return saturating_mul(saturating_mul(a, b), static_cast<std::uint64_t>(more)...);
}

template <class T>
constexpr T ceil_div(T a, T b) noexcept {
  return a / b + (a % b != 0);
}

}  // namespace restride
