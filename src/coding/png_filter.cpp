// SPDX-License-Identifier: Apache-2.0
#include "coding/png_filter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#define RESTRIDE_PNG_FILTER_SSE 1
#include <smmintrin.h>
#endif

namespace restride::png_filter {
namespace {

using Bytes = const std::uint8_t*;

// 9.4. Equal distances are decided in the order a, b, c.
std::uint8_t paeth(int a, int b, int c) noexcept {
  const int to_a = std::abs(b - c), to_b = std::abs(a - c), to_c = std::abs(a + b - 2 * c);
  const int nearer = to_b <= to_c ? b : c;
  return static_cast<std::uint8_t>(to_a <= to_b && to_a <= to_c ? a : nearer);
}

// Reconstructs bytes [begin, n); those before are done. `begin` is a multiple of `pixel`.
void reconstruct_from(std::size_t begin, Type type, unsigned pixel, Bytes filtered, Bytes above, std::uint8_t* row,
                      std::size_t n) noexcept {
  std::size_t i = begin;
  const std::size_t first = std::min<std::size_t>(n, pixel);  // bytes without a left neighbour
  switch (type) {
    case Type::none:
      if (filtered != row && n > i) std::memcpy(row + i, filtered + i, n - i);
      return;
    case Type::sub:
      for (; i < first; ++i) row[i] = filtered[i];
      for (; i < n; ++i) row[i] = static_cast<std::uint8_t>(filtered[i] + row[i - pixel]);
      return;
    case Type::up:
      for (; i < n; ++i) row[i] = static_cast<std::uint8_t>(filtered[i] + above[i]);
      return;
    case Type::average:
      for (; i < first; ++i) row[i] = static_cast<std::uint8_t>(filtered[i] + above[i] / 2);
      for (; i < n; ++i) row[i] = static_cast<std::uint8_t>(filtered[i] + (row[i - pixel] + above[i]) / 2);
      return;
    case Type::paeth:
      for (; i < first; ++i) row[i] = static_cast<std::uint8_t>(filtered[i] + above[i]);
      for (; i < n; ++i)
        row[i] = static_cast<std::uint8_t>(filtered[i] + paeth(row[i - pixel], above[i], above[i - pixel]));
      return;
  }
}

#if defined(RESTRIDE_PNG_FILTER_SSE)

// Each function does whole blocks of kPixels pixels from the start of a row and returns how many bytes that was. A
// block's filtered bytes are all loaded before its first store, so that row may be filtered itself.
#define RESTRIDE_SSE [[gnu::target("sse4.1")]]

template <unsigned kPixel>
struct Sse {
  static constexpr unsigned kPixels = kPixel <= 4 ? 4 : 2;
  static constexpr unsigned kBlock = kPixels * kPixel;
  static constexpr unsigned kLane = kPixel <= 4 ? 4 : 8;           // bytes from pixel to pixel in a register
  static constexpr unsigned kLoad = kPixel <= 2 ? kPixel : kLane;  // may read a part of the next pixel
  // Bytes from the start of a block to the end of its last load.
  static constexpr unsigned kReach = (kPixels - 1) * kPixel + kLoad;

  RESTRIDE_SSE static __m128i load(Bytes from) noexcept {
    if constexpr (kLoad == 8) return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    std::uint32_t bits = 0;
    std::memcpy(&bits, from, kLoad % 8);
    return _mm_cvtsi32_si128(static_cast<int>(bits));
  }

  RESTRIDE_SSE static void store(std::uint8_t* to, __m128i block) noexcept {
    if constexpr (kPixel == kLane) return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
    constexpr char kNone = -1;
    __m128i dense;
    switch (kPixel) {
      case 1:
        dense = _mm_shuffle_epi8(block, _mm_setr_epi8(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12));
        break;
      case 2:
        dense = _mm_shuffle_epi8(block, _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13));
        break;
      case 3:
        dense =
            _mm_shuffle_epi8(block, _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, kNone, kNone, kNone, kNone));
        break;
      default:
        dense =
            _mm_shuffle_epi8(block, _mm_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, kNone, kNone, kNone, kNone));
    }
    if constexpr (kBlock == 4) {
      const int bits = _mm_cvtsi128_si32(dense);
      std::memcpy(to, &bits, sizeof bits);
    } else {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to), dense);
      if constexpr (kBlock == 12) {
        const int last = _mm_extract_epi32(dense, 2);
        std::memcpy(to + 8, &last, sizeof last);
      }
    }
  }

  RESTRIDE_SSE static __m128i join(const __m128i (&pixel)[kPixels]) noexcept {
    if constexpr (kPixels == 2) return _mm_unpacklo_epi64(pixel[0], pixel[1]);
    if constexpr (kPixels == 4)
      return _mm_unpacklo_epi64(_mm_unpacklo_epi32(pixel[0], pixel[1]), _mm_unpacklo_epi32(pixel[2], pixel[3]));
  }

  RESTRIDE_SSE static std::size_t sub(Bytes filtered, std::uint8_t* row, std::size_t n) noexcept {
    __m128i a = _mm_setzero_si128();
    std::size_t i = 0;
    for (; i + kReach <= n; i += kBlock) {
      __m128i pixel[kPixels];
      for (unsigned k = 0; k < kPixels; ++k) pixel[k] = a = _mm_add_epi8(a, load(filtered + i + k * kPixel));
      store(row + i, join(pixel));
    }
    return i;
  }

  // floor((a + b) / 2) is ~pavgb(~a, ~b); with a and b kept complemented, a pixel costs one average and one subtraction
  // on the way to the next.
  RESTRIDE_SSE static std::size_t average(Bytes filtered, Bytes above, std::uint8_t* row, std::size_t n) noexcept {
    const __m128i ones = _mm_set1_epi8(-1);
    __m128i not_a = ones;
    std::size_t i = 0;
    for (; i + kReach <= n; i += kBlock) {
      __m128i pixel[kPixels];
      for (unsigned k = 0; k < kPixels; ++k) {
        const __m128i not_b = _mm_xor_si128(load(above + i + k * kPixel), ones);
        pixel[k] = not_a = _mm_sub_epi8(_mm_avg_epu8(not_a, not_b), load(filtered + i + k * kPixel));
      }
      store(row + i, _mm_xor_si128(join(pixel), ones));
    }
    return i;
  }

  // With low <= high the sorted a and b, the three distances of 9.4 compare as t = 3c - a - b does: t >= high predicts
  // low, t <= low predicts high, anything between predicts c. The filtered byte is added to the candidates while the
  // comparisons run, so that four operations lie between a pixel and the next. Lanes hold 16 bits, of which
  // _mm_add_epi8 leaves the upper half zero.
  RESTRIDE_SSE static std::size_t paeth(Bytes filtered, Bytes above, std::uint8_t* row, std::size_t n) noexcept {
    __m128i a = _mm_setzero_si128(), c = a;
    std::size_t i = 0;
    for (; i + kReach <= n; i += kBlock) {
      __m128i pixel[kPixels];
      for (unsigned k = 0; k < kPixels; ++k) {
        const __m128i b = _mm_cvtepu8_epi16(load(above + i + k * kPixel));
        const __m128i x = _mm_cvtepu8_epi16(load(filtered + i + k * kPixel));
        const __m128i three_c_less_b = _mm_sub_epi16(_mm_add_epi16(c, _mm_add_epi16(c, c)), b);
        const __m128i t = _mm_sub_epi16(three_c_less_b, a);
        const __m128i low = _mm_min_epi16(a, b), high = _mm_max_epi16(a, b);
        const __m128i c_or_low = _mm_blendv_epi8(_mm_add_epi8(low, x), _mm_add_epi8(c, x), _mm_cmpgt_epi16(high, t));
        a = _mm_blendv_epi8(_mm_add_epi8(high, x), c_or_low, _mm_cmpgt_epi16(t, low));
        c = b;
        pixel[k] = a;
      }
      if constexpr (kPixels == 4)
        store(row + i,
              _mm_packus_epi16(_mm_unpacklo_epi64(pixel[0], pixel[1]), _mm_unpacklo_epi64(pixel[2], pixel[3])));
      else
        store(row + i, _mm_packus_epi16(pixel[0], pixel[1]));
    }
    return i;
  }

  RESTRIDE_SSE static std::size_t blocks(Type type, Bytes filtered, Bytes above, std::uint8_t* row,
                                         std::size_t n) noexcept {
    switch (type) {
      case Type::sub:
        return sub(filtered, row, n);
      case Type::average:
        return average(filtered, above, row, n);
      case Type::paeth:
        return paeth(filtered, above, row, n);
      default:
        return 0;
    }
  }
};

// Has no left neighbour, so that a block need not hold whole pixels.
RESTRIDE_SSE std::size_t up(Bytes filtered, Bytes above, std::uint8_t* row, std::size_t n) noexcept {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(filtered + i));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(above + i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + i), _mm_add_epi8(x, b));
  }
  return i;
}

std::size_t reconstruct_blocks(Type type, unsigned pixel, Bytes filtered, Bytes above, std::uint8_t* row,
                               std::size_t n) noexcept {
  static const bool fast = __builtin_cpu_supports("sse4.1");
  if (!fast || type == Type::none) return 0;
  if (type == Type::up) return up(filtered, above, row, n);
  switch (pixel) {
    case 1:
      return Sse<1>::blocks(type, filtered, above, row, n);
    case 2:
      return Sse<2>::blocks(type, filtered, above, row, n);
    case 3:
      return Sse<3>::blocks(type, filtered, above, row, n);
    case 4:
      return Sse<4>::blocks(type, filtered, above, row, n);
    case 6:
      return Sse<6>::blocks(type, filtered, above, row, n);
    case 8:
      return Sse<8>::blocks(type, filtered, above, row, n);
    default:
      return 0;
  }
}

#else

std::size_t reconstruct_blocks(Type, unsigned, Bytes, Bytes, std::uint8_t*, std::size_t) noexcept { return 0; }

#endif

Bytes bytes(const std::byte* p) noexcept { return reinterpret_cast<Bytes>(p); }
std::uint8_t* bytes(std::byte* p) noexcept { return reinterpret_cast<std::uint8_t*>(p); }

// Loops without a dependency from byte to byte, left to the compiler to vectorise for each processor below.
#define RESTRIDE_LOOP [[gnu::always_inline]] inline

RESTRIDE_LOOP void apply_loop(Type type, unsigned pixel, Bytes __restrict row, Bytes __restrict above,
                              std::uint8_t* __restrict out, std::size_t n) noexcept {
  const std::size_t first = std::min<std::size_t>(n, pixel);
  switch (type) {
    case Type::none:
      std::memcpy(out, row, n);
      return;
    case Type::sub:
      std::memcpy(out, row, first);
      for (std::size_t i = first; i < n; ++i) out[i] = static_cast<std::uint8_t>(row[i] - row[i - pixel]);
      return;
    case Type::up:
      for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(row[i] - above[i]);
      return;
    case Type::average:
      for (std::size_t i = 0; i < first; ++i) out[i] = static_cast<std::uint8_t>(row[i] - above[i] / 2);
      for (std::size_t i = first; i < n; ++i)
        out[i] = static_cast<std::uint8_t>(row[i] - (row[i - pixel] + above[i]) / 2);
      return;
    case Type::paeth:
      for (std::size_t i = 0; i < first; ++i) out[i] = static_cast<std::uint8_t>(row[i] - above[i]);
      // The form that Sse::paeth explains, in 16 bits.
      for (std::size_t i = first; i < n; ++i) {
        const auto a = static_cast<std::int16_t>(row[i - pixel]), b = static_cast<std::int16_t>(above[i]);
        const auto c = static_cast<std::int16_t>(above[i - pixel]);
        const auto t = static_cast<std::int16_t>(3 * c - a - b);
        const std::int16_t low = a < b ? a : b, high = a < b ? b : a;
        const std::int16_t c_or_low = t >= high ? low : c;
        out[i] = static_cast<std::uint8_t>(row[i] - (t <= low ? high : c_or_low));
      }
      return;
  }
}

RESTRIDE_LOOP std::uint64_t sum_loop(Bytes from, std::size_t n) noexcept {
  constexpr std::size_t kRun = 256;  // a run's sum fits 16 bits
  std::uint64_t total = 0;
  for (std::size_t begin = 0; begin < n; begin += kRun) {
    const std::size_t end = std::min(n, begin + kRun);
    std::uint16_t sum = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const auto wrapped = static_cast<std::uint8_t>(0 - from[i]);
      sum = static_cast<std::uint16_t>(sum + (from[i] < wrapped ? from[i] : wrapped));
    }
    total += sum;
  }
  return total;
}

RESTRIDE_LOOP std::size_t equal_loop(unsigned pixel, Bytes row, std::size_t n) noexcept {
  constexpr std::size_t kRun = 240;  // a run's count fits 8 bits
  std::size_t total = 0;
  for (std::size_t begin = pixel; begin < n; begin += kRun) {
    const std::size_t end = std::min(n, begin + kRun);
    std::uint8_t count = 0;
    for (std::size_t i = begin; i < end; ++i) count = static_cast<std::uint8_t>(count + (row[i] == row[i - pixel]));
    total += count;
  }
  return total;
}

#if defined(RESTRIDE_PNG_FILTER_SSE)
#define RESTRIDE_AVX2 [[gnu::target("avx2")]]

bool has_avx2() noexcept {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}
RESTRIDE_AVX2 void apply_avx2(Type type, unsigned pixel, Bytes row, Bytes above, std::uint8_t* out,
                              std::size_t n) noexcept {
  apply_loop(type, pixel, row, above, out, n);
}
RESTRIDE_AVX2 std::uint64_t sum_avx2(Bytes from, std::size_t n) noexcept { return sum_loop(from, n); }
RESTRIDE_AVX2 std::size_t equal_avx2(unsigned pixel, Bytes row, std::size_t n) noexcept {
  return equal_loop(pixel, row, n);
}
#else
constexpr bool has_avx2() noexcept { return false; }
void apply_avx2(Type, unsigned, Bytes, Bytes, std::uint8_t*, std::size_t) noexcept {}
std::uint64_t sum_avx2(Bytes, std::size_t) noexcept { return 0; }
std::size_t equal_avx2(unsigned, Bytes, std::size_t) noexcept { return 0; }
#endif

}  // namespace

void reconstruct(Type type, unsigned pixel, const std::byte* filtered, const std::byte* above, std::byte* row,
                 std::size_t n) noexcept {
  const std::size_t done = reconstruct_blocks(type, pixel, bytes(filtered), bytes(above), bytes(row), n);
  reconstruct_from(done, type, pixel, bytes(filtered), bytes(above), bytes(row), n);
}

void reconstruct_reference(Type type, unsigned pixel, const std::byte* filtered, const std::byte* above, std::byte* row,
                           std::size_t n) noexcept {
  reconstruct_from(0, type, pixel, bytes(filtered), bytes(above), bytes(row), n);
}

void apply(Type type, unsigned pixel, const std::byte* row, const std::byte* above, std::byte* filtered,
           std::size_t n) noexcept {
  if (has_avx2()) return apply_avx2(type, pixel, bytes(row), bytes(above), bytes(filtered), n);
  apply_loop(type, pixel, bytes(row), bytes(above), bytes(filtered), n);
}

std::uint64_t sum_of_distances(const std::byte* filtered, std::size_t n) noexcept {
  return has_avx2() ? sum_avx2(bytes(filtered), n) : sum_loop(bytes(filtered), n);
}

std::size_t count_equal_to_left(unsigned pixel, const std::byte* row, std::size_t n) noexcept {
  return has_avx2() ? equal_avx2(pixel, bytes(row), n) : equal_loop(pixel, bytes(row), n);
}

}  // namespace restride::png_filter
