// SPDX-License-Identifier: Apache-2.0
// The accurate integer forward DCT: Loeffler, Ligtenberg and Moschytz's 8-point factorisation in 13-bit fixed point,
// rounded exactly where libjpeg's "islow" rounds, so that the coefficients are the same bit for bit.
#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace restride::jpeg {

// x * 2^13, rounded.
RESTRIDE_HD constexpr std::int32_t fdct_constant(double x) noexcept {
  return static_cast<std::int32_t>(x * 8192 + 0.5);
}

// One pass over eight values, in place. Rows go first, on samples less 128, and leave two fractional bits; columns take
// them away. The result of both is 8 times the DCT of ITU-T T.81, A.3.3.
template <bool kColumns>
RESTRIDE_HD inline void forward_dct(std::int32_t (&v)[8]) noexcept {
  constexpr int kExtra = 2, kScale = 13;
  constexpr int kDrop = kColumns ? kScale + kExtra : kScale - kExtra;
  constexpr std::int32_t kHalf = 1 << (kDrop - 1);  // added once to what every output of a part has in common
  const std::int32_t s07 = v[0] + v[7], s16 = v[1] + v[6], s25 = v[2] + v[5], s34 = v[3] + v[4];
  const std::int32_t d07 = v[0] - v[7], d16 = v[1] - v[6], d25 = v[2] - v[5], d34 = v[3] - v[4];

  // Even part.
  const std::int32_t outer = s07 + s34, inner = s16 + s25, e = s07 - s34, f = s16 - s25;
  if constexpr (kColumns) {
    const std::int32_t rounded = outer + (1 << (kExtra - 1));
    v[0] = (rounded + inner) >> kExtra;
    v[4] = (rounded - inner) >> kExtra;
  } else {
    v[0] = (outer + inner) * (1 << kExtra);
    v[4] = (outer - inner) * (1 << kExtra);
  }
  const std::int32_t turn = (e + f) * fdct_constant(0.541196100) + kHalf;
  v[2] = (turn + e * fdct_constant(0.765366865)) >> kDrop;
  v[6] = (turn - f * fdct_constant(1.847759065)) >> kDrop;

  // Odd part.
  const std::int32_t p = d34 + d16, q = d25 + d07;
  const std::int32_t both = (p + q) * fdct_constant(1.175875602) + kHalf;
  const std::int32_t zp = both - p * fdct_constant(1.961570560), zq = both - q * fdct_constant(0.390180644);
  const std::int32_t a = (d34 + d07) * -fdct_constant(0.899976223), b = (d25 + d16) * -fdct_constant(2.562915447);
  v[7] = (d34 * fdct_constant(0.298631336) + a + zp) >> kDrop;
  v[5] = (d25 * fdct_constant(2.053119869) + b + zq) >> kDrop;
  v[3] = (d16 * fdct_constant(3.072711026) + b + zp) >> kDrop;
  v[1] = (d07 * fdct_constant(1.501321110) + a + zq) >> kDrop;
}

}  // namespace restride::jpeg
