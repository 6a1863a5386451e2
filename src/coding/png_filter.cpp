// SPDX-License-Identifier: Apache-2.0
#include "coding/png_filter.h"

#include <cstdlib>
#include <cstring>

namespace restride::png_filter {
namespace {

// 9.4
inline std::uint8_t paeth(int a, int b, int c) noexcept {
  const int p = a + b - c;
  const int pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return static_cast<std::uint8_t>(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

inline std::uint8_t predicted(unsigned type, int left, int up, int corner) noexcept {
  switch (type) {
    case 1: return static_cast<std::uint8_t>(left);
    case 2: return static_cast<std::uint8_t>(up);
    case 3: return static_cast<std::uint8_t>((left + up) / 2);
    case 4: return paeth(left, up, corner);
    default: return 0;
  }
}

// With the pixel's size known, what was just computed stays in registers: the loop is bound by the arithmetic's latency, not
// by stores being read back.
template <std::size_t kPixel>
void undo_sub(std::uint8_t* row, std::size_t n) noexcept {
  std::uint8_t left[kPixel] = {};
  for (std::size_t i = 0; i + kPixel <= n; i += kPixel)
    for (std::size_t k = 0; k < kPixel; ++k) row[i + k] = left[k] = static_cast<std::uint8_t>(row[i + k] + left[k]);
}

template <std::size_t kPixel>
void undo_average(std::uint8_t* row, const std::uint8_t* above, std::size_t n) noexcept {
  std::uint8_t left[kPixel] = {};
  for (std::size_t i = 0; i + kPixel <= n; i += kPixel)
    for (std::size_t k = 0; k < kPixel; ++k)
      row[i + k] = left[k] = static_cast<std::uint8_t>(row[i + k] + (left[k] + above[i + k]) / 2);
}

template <std::size_t kPixel>
void undo_paeth(std::uint8_t* row, const std::uint8_t* above, std::size_t n) noexcept {
  int left[kPixel] = {}, corner[kPixel] = {};
  for (std::size_t i = 0; i + kPixel <= n; i += kPixel)
    for (std::size_t k = 0; k < kPixel; ++k) {
      const int a = left[k], b = above[i + k], c = corner[k];
      // |p - a| = |b - c| and so on, without branches.
      const int pa = std::abs(b - c), pb = std::abs(a - c), pc = std::abs(a + b - 2 * c);
      const int near = pb < pa ? b : a;
      const int best = (pb < pa ? pb : pa) <= pc ? near : c;
      left[k] = static_cast<std::uint8_t>(row[i + k] + best);
      corner[k] = b;
      row[i + k] = static_cast<std::uint8_t>(left[k]);
    }
}

template <std::size_t kPixel>
void undo_with(unsigned type, std::uint8_t* row, const std::uint8_t* above, std::size_t n) noexcept {
  if (type == 1) undo_sub<kPixel>(row, n);
  if (type == 3) undo_average<kPixel>(row, above, n);
  if (type == 4) undo_paeth<kPixel>(row, above, n);
}

}  // namespace

void undo_reference(unsigned type, std::uint8_t* row, const std::uint8_t* above, std::size_t n, std::size_t pixel) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const int left = i >= pixel ? row[i - pixel] : 0, corner = i >= pixel ? above[i - pixel] : 0;
    row[i] = static_cast<std::uint8_t>(row[i] + predicted(type, left, above[i], corner));
  }
}

void undo(unsigned type, std::uint8_t* row, const std::uint8_t* above, std::size_t n, std::size_t pixel) noexcept {
  if (type == 0) return;
  if (type == 2) {
    for (std::size_t i = 0; i < n; ++i) row[i] = static_cast<std::uint8_t>(row[i] + above[i]);
    return;
  }
  switch (pixel) {
    case 1: return undo_with<1>(type, row, above, n);
    case 2: return undo_with<2>(type, row, above, n);
    case 3: return undo_with<3>(type, row, above, n);
    case 4: return undo_with<4>(type, row, above, n);
    case 6: return undo_with<6>(type, row, above, n);
    case 8: return undo_with<8>(type, row, above, n);
    default: return undo_reference(type, row, above, n, pixel);
  }
}

std::uint64_t apply(unsigned type, const std::uint8_t* row, const std::uint8_t* above, std::size_t n, std::size_t pixel,
                    std::uint8_t* out) noexcept {
  const std::size_t head = pixel < n ? pixel : n;
  for (std::size_t i = 0; i < head; ++i) out[i] = static_cast<std::uint8_t>(row[i] - predicted(type, 0, above[i], 0));
  const auto rest = [&](auto predict) {
    for (std::size_t i = head; i < n; ++i) out[i] = static_cast<std::uint8_t>(row[i] - predict(i));
  };
  switch (type) {
    case 1: rest([&](std::size_t i) { return row[i - pixel]; }); break;
    case 2: rest([&](std::size_t i) { return above[i]; }); break;
    case 3: rest([&](std::size_t i) { return static_cast<std::uint8_t>((row[i - pixel] + above[i]) / 2); }); break;
    case 4: rest([&](std::size_t i) { return paeth(row[i - pixel], above[i], above[i - pixel]); }); break;
    default: rest([](std::size_t) { return std::uint8_t{0}; });
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += out[i] < 128 ? out[i] : 256U - out[i];
  return sum;
}

}  // namespace restride::png_filter
