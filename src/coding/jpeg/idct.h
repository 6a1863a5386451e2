// SPDX-License-Identifier: Apache-2.0
// Inverse DCT with libjpeg-turbo's results: its accurate integer one (Loeffler, Ligtenberg and Moschytz with 13
// fractional bits) and the reduced ones. The arithmetic is that of its vector code, which keeps 16 bits between steps,
// so that extreme coefficients, too, give the same samples: products and sums of inputs wrap, results of a pass
// saturate.
#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace restride::jpeg {

namespace idct {

RESTRIDE_HD inline int wrapped(std::uint32_t v) noexcept { return static_cast<std::int16_t>(v); }
RESTRIDE_HD inline int saturated(int v) noexcept { return v < -32768 ? -32768 : v > 32767 ? 32767 : v; }
RESTRIDE_HD inline std::uint32_t times(int v, int factor) noexcept {
  return static_cast<std::uint32_t>(v) * static_cast<std::uint32_t>(factor);
}
template <int kShift>
RESTRIDE_HD inline int descaled(std::uint32_t v) noexcept {
  return static_cast<std::int32_t>(v + (1U << (kShift - 1))) >> kShift;
}
RESTRIDE_HD inline std::uint8_t sample(int v) noexcept {
  return static_cast<std::uint8_t>((v < -128 ? -128 : v > 127 ? 127 : v) + 128);
}

// One pass over 8 values. kShift: 11 over columns, 18 over rows.
template <int kShift>
RESTRIDE_HD inline void pass8(const int (&in)[8], int (&out)[8]) noexcept {
  const std::uint32_t even2 = times(in[2], 4433) + times(in[6], 4433 - 15137);
  const std::uint32_t even3 = times(in[2], 4433 + 6270) + times(in[6], 4433);
  const std::uint32_t sum = times(wrapped(static_cast<std::uint32_t>(in[0] + in[4])), 8192);
  const std::uint32_t difference = times(wrapped(static_cast<std::uint32_t>(in[0] - in[4])), 8192);
  const int z3 = wrapped(static_cast<std::uint32_t>(in[7] + in[3]));
  const int z4 = wrapped(static_cast<std::uint32_t>(in[5] + in[1]));
  const std::uint32_t a = times(z3, 9633 - 16069) + times(z4, 9633);
  const std::uint32_t b = times(z3, 9633) + times(z4, 9633 - 3196);
  const std::uint32_t odd0 = times(in[7], 2446 - 7373) + times(in[1], -7373) + a;
  const std::uint32_t odd1 = times(in[5], 16819 - 20995) + times(in[3], -20995) + b;
  const std::uint32_t odd2 = times(in[5], -20995) + times(in[3], 25172 - 20995) + a;
  const std::uint32_t odd3 = times(in[7], -7373) + times(in[1], 12299 - 7373) + b;
  out[0] = saturated(descaled<kShift>(sum + even3 + odd3));
  out[7] = saturated(descaled<kShift>(sum + even3 - odd3));
  out[1] = saturated(descaled<kShift>(difference + even2 + odd2));
  out[6] = saturated(descaled<kShift>(difference + even2 - odd2));
  out[2] = saturated(descaled<kShift>(difference - even2 + odd1));
  out[5] = saturated(descaled<kShift>(difference - even2 - odd1));
  out[3] = saturated(descaled<kShift>(sum - even3 + odd0));
  out[4] = saturated(descaled<kShift>(sum - even3 - odd0));
}

// 8 values to 4; in[4] is not looked at. kShift: 12, 19.
template <int kShift>
RESTRIDE_HD inline void pass4(const int (&in)[8], int (&out)[4]) noexcept {
  const std::uint32_t first = times(in[0], 16384);
  const std::uint32_t even = times(in[2], 15137) + times(in[6], -6270);
  const std::uint32_t inner = times(in[7], -1730) + times(in[5], 11893) + times(in[3], -17799) + times(in[1], 8697);
  const std::uint32_t outer = times(in[7], -4176) + times(in[5], -4926) + times(in[3], 7373) + times(in[1], 20995);
  out[0] = saturated(descaled<kShift>(first + even + outer));
  out[3] = saturated(descaled<kShift>(first + even - outer));
  out[1] = saturated(descaled<kShift>(first - even + inner));
  out[2] = saturated(descaled<kShift>(first - even - inner));
}

// 8 values to 2, not saturated; only in[0] and odd ones are looked at. kShift: 13, 20.
template <int kShift>
RESTRIDE_HD inline void pass2(const int (&in)[8], int (&out)[2]) noexcept {
  const std::uint32_t first = times(in[0], 32768);
  const std::uint32_t odd = times(in[1], 29692) + times(in[3], -10426) + times(in[5], 6967) + times(in[7], -5906);
  out[0] = descaled<kShift>(first + odd);
  out[1] = descaled<kShift>(first - odd);
}

}  // namespace idct

// A data unit's 64 dequantised coefficients in natural order (16 bits, wrapped), which serve as working memory too.
// `rows`: bit y is set if a coefficient of row y was not 0 before dequantisation. store(x, y, sample) gets
// size x size samples; size is 8, 4, 2 or 1.
struct Unit {
  std::int16_t* c;
  std::uint32_t rows;
};

template <class StoreRow>
RESTRIDE_HD inline void inverse_dct8(const Unit& unit, StoreRow&& store_row) noexcept {
  std::int16_t* c = unit.c;
  int in[8], out[8];
  if ((unit.rows & ~1U) == 0) {
    for (int x = 0; x < 8; ++x) in[x] = idct::wrapped(static_cast<std::uint32_t>(c[x]) << 2);
    idct::pass8<18>(in, out);
    for (int y = 0; y < 8; ++y) store_row(y, out);
    return;
  }
  for (int x = 0; x < 8; ++x) {
    for (int y = 0; y < 8; ++y) in[y] = c[8 * y + x];
    idct::pass8<11>(in, out);
    for (int y = 0; y < 8; ++y) c[8 * y + x] = static_cast<std::int16_t>(out[y]);
  }
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) in[x] = c[8 * y + x];
    idct::pass8<18>(in, out);
    store_row(y, out);
  }
}

// Reduced sizes: size 4, 2 or 1; samples[size * size].
RESTRIDE_HD inline void inverse_dct_reduced(const Unit& unit, int size, std::uint8_t* samples) noexcept {
  std::int16_t* c = unit.c;
  int in[8];
  if (size == 4) {
    int out[4];
    constexpr std::uint32_t kLookedAt = 0xee;  // rows 1, 2, 3, 5, 6, 7
    const bool flat = (unit.rows & kLookedAt) == 0;
    for (int x = 0; x < 8; ++x) {
      for (int y = 0; y < 8; ++y) in[y] = c[8 * y + x];
      idct::pass4<12>(in, out);
      for (int y = 0; y < 4; ++y)
        c[8 * y + x] = static_cast<std::int16_t>(flat ? static_cast<std::uint32_t>(in[0]) << 2
                                                      : static_cast<std::uint32_t>(out[y]));
    }
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 8; ++x) in[x] = c[8 * y + x];
      idct::pass4<19>(in, out);
      for (int x = 0; x < 4; ++x) samples[4 * y + x] = idct::sample(out[x]);
    }
  } else if (size == 2) {
    int row[2][8], out[2];
    for (int x = 0; x < 8; ++x) {
      for (int y = 0; y < 8; ++y) in[y] = c[8 * y + x];
      idct::pass2<13>(in, out);
      for (int y = 0; y < 2; ++y) row[y][x] = x == 0 ? out[y] : idct::saturated(out[y]);
    }
    for (int y = 0; y < 2; ++y) {
      idct::pass2<20>(row[y], out);
      for (int x = 0; x < 2; ++x) samples[2 * y + x] = idct::sample(out[x]);
    }
  } else {
    // The plain code's table of results repeats every 1024.
    const int v = idct::descaled<3>(static_cast<std::uint32_t>(static_cast<int>(c[0])));
    samples[0] = idct::sample(((v + 512) & 1023) - 512);
  }
}

}  // namespace restride::jpeg
