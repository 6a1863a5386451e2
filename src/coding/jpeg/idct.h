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

// One pass over 8 values, not saturated. kShift: 11 over columns, 18 over rows.
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
  out[0] = descaled<kShift>(sum + even3 + odd3);
  out[7] = descaled<kShift>(sum + even3 - odd3);
  out[1] = descaled<kShift>(difference + even2 + odd2);
  out[6] = descaled<kShift>(difference + even2 - odd2);
  out[2] = descaled<kShift>(difference - even2 + odd1);
  out[5] = descaled<kShift>(difference - even2 - odd1);
  out[3] = descaled<kShift>(sum - even3 + odd0);
  out[4] = descaled<kShift>(sum - even3 - odd0);
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

// Two neighbouring 16-bit values in a word, and back; saturated() of both.
RESTRIDE_HD inline int low_half(std::uint32_t pair) noexcept { return static_cast<std::int16_t>(pair); }
RESTRIDE_HD inline int high_half(std::uint32_t pair) noexcept { return static_cast<std::int32_t>(pair) >> 16; }
RESTRIDE_HD inline std::uint32_t halves(int low, int high) noexcept {
#if defined(__CUDA_ARCH__)
  std::uint32_t pair;
  asm("cvt.pack.sat.s16.s32 %0, %1, %2;" : "=r"(pair) : "r"(high), "r"(low));
  return pair;
#else
  return static_cast<std::uint16_t>(idct::saturated(low)) | static_cast<std::uint32_t>(idct::saturated(high)) << 16;
#endif
}
// Four values as bytes, each clamped to 0 to 255, the first lowest.
RESTRIDE_HD inline std::uint32_t four_clamped(int a, int b, int c, int d) noexcept {
#if defined(__CUDA_ARCH__)
  std::uint32_t high, all;
  asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(high) : "r"(d), "r"(c), "r"(0));
  asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(all) : "r"(b), "r"(a), "r"(high));
  return all;
#else
  const auto clamped = [](int v) { return static_cast<std::uint32_t>(v < 0 ? 0 : v > 255 ? 255 : v); };
  return clamped(a) | clamped(b) << 8 | clamped(c) << 16 | clamped(d) << 24;
#endif
}

// A data unit's 64 dequantised coefficients (16 bits, wrapped), column by column: that of row y in column x is c[8 * x
// + y]. They serve as working memory too, and are aligned to words. `rows`: bit y is set if a coefficient of row y was
// not 0 before dequantisation.
struct Unit {
  std::int16_t* c;
  std::uint32_t rows;
};

// store_row(y, low, high): 8 samples of row y in two words.
template <class StoreRow>
RESTRIDE_HD inline void inverse_dct8(const Unit& unit, StoreRow&& store_row) noexcept {
  auto* words = reinterpret_cast<std::uint32_t*>(unit.c);
  int in[8], out[8] = {};
  const auto store = [&](int y) {
    store_row(y, four_clamped(out[0] + 128, out[1] + 128, out[2] + 128, out[3] + 128),
              four_clamped(out[4] + 128, out[5] + 128, out[6] + 128, out[7] + 128));
  };
  if ((unit.rows & ~1U) == 0) {
    for (int x = 0; x < 8; ++x) in[x] = idct::wrapped(static_cast<std::uint32_t>(low_half(words[4 * x])) << 2);
    idct::pass8<18>(in, out);
    for (int y = 0; y < 8; ++y) store(y);
    return;
  }
  for (int x = 0; x < 8; ++x) {
    for (int k = 0; k < 4; ++k) {
      const std::uint32_t pair = words[4 * x + k];
      in[2 * k] = low_half(pair);
      in[2 * k + 1] = high_half(pair);
    }
    idct::pass8<11>(in, out);
    for (int k = 0; k < 4; ++k) words[4 * x + k] = halves(out[2 * k], out[2 * k + 1]);
  }
  for (int k = 0; k < 4; ++k) {  // rows 2 k and 2 k + 1
    int second[8];
    for (int x = 0; x < 8; ++x) {
      const std::uint32_t pair = words[4 * x + k];
      in[x] = low_half(pair);
      second[x] = high_half(pair);
    }
    idct::pass8<18>(in, out);
    store(2 * k);
    idct::pass8<18>(second, out);
    store(2 * k + 1);
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
      for (int y = 0; y < 8; ++y) in[y] = c[8 * x + y];
      idct::pass4<12>(in, out);
      for (int y = 0; y < 4; ++y)
        c[8 * x + y] = static_cast<std::int16_t>(flat ? static_cast<std::uint32_t>(in[0]) << 2
                                                      : static_cast<std::uint32_t>(out[y]));
    }
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 8; ++x) in[x] = c[8 * x + y];
      idct::pass4<19>(in, out);
      for (int x = 0; x < 4; ++x) samples[4 * y + x] = idct::sample(out[x]);
    }
  } else if (size == 2) {
    int row[2][8], out[2];
    for (int x = 0; x < 8; ++x) {
      for (int y = 0; y < 8; ++y) in[y] = c[8 * x + y];
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
