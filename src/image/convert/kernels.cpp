// SPDX-License-Identifier: Apache-2.0
// The instruction sets, and which of them this machine has.
#include "image/convert/kernels.h"

#include <cstring>

#include "image/convert/color.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// What stands between the two is compiled for other instructions than the rest of the program.
#if defined(__clang__)
#define RESTRIDE_DO_PRAGMA(x) _Pragma(#x)
#define RESTRIDE_BEGIN_TARGET(set) \
  RESTRIDE_DO_PRAGMA(clang attribute push(__attribute__((target(set))), apply_to = function))
#define RESTRIDE_END_TARGET _Pragma("clang attribute pop")
#else
#define RESTRIDE_DO_PRAGMA(x) _Pragma(#x)
#define RESTRIDE_BEGIN_TARGET(set) _Pragma("GCC push_options") RESTRIDE_DO_PRAGMA(GCC target(set))
#define RESTRIDE_END_TARGET _Pragma("GCC pop_options")
#endif

namespace restride::kernels {
namespace {

using Bt601 = color::Bt601<std::int32_t>;
constexpr std::int32_t kHalf = Bt601::kHalf;
constexpr std::int32_t kLumaRed = Bt601::fixed(0.29900), kLumaGreen = Bt601::fixed(0.58700),
                       kLumaBlue = Bt601::fixed(0.11400);
constexpr std::int32_t kRedToCb = Bt601::fixed(0.16874), kGreenToCb = Bt601::fixed(0.33126);
constexpr std::int32_t kGreenToCr = Bt601::fixed(0.41869), kBlueToCr = Bt601::fixed(0.08131);
constexpr std::int32_t kToChroma = Bt601::fixed(0.50000);
constexpr std::int32_t kCrToRed = Bt601::fixed(1.40200), kCbToBlue = Bt601::fixed(1.77200);
constexpr std::int32_t kCbToGreen = Bt601::fixed(0.34414), kCrToGreen = Bt601::fixed(0.71414);

namespace plain {
#include "image/convert/kernels_loops.h"

void copy(const std::byte* from, std::byte* to, std::size_t n) noexcept { std::memcpy(to, from, n); }
void permute(const Permutation& how, const std::byte* from, std::byte* to, std::size_t n) noexcept {
  permute_rest(how, from, to, 0, n);
}
void split(unsigned channels, unsigned size, const std::byte* from, std::byte* const* to, std::size_t n) noexcept {
  split_rest(channels, size, from, to, 0, n);
}
void join(unsigned channels, unsigned size, const std::byte* const* from, std::byte* to, std::size_t n) noexcept {
  join_rest(channels, size, from, to, 0, n);
}
}  // namespace plain

#define RESTRIDE_KERNELS(set)                                                                                    \
  {                                                                                                              \
    set::copy, set::permute, set::split, set::join, set::narrow, set::widen, set::take<std::uint8_t>,            \
        set::take<std::uint16_t>, set::limit, set::give<std::uint8_t>, set::give<std::uint16_t>,                 \
        set::luma<std::uint8_t>, set::luma<std::uint16_t>, set::ycc_to_rgb8, set::rgb_to_ycc8, set::cmyk_to_rgb8 \
  }

constexpr Kernels kPlain = RESTRIDE_KERNELS(plain);

#if defined(__x86_64__)

RESTRIDE_BEGIN_TARGET("sse4.1")
namespace sse4 {
struct Vector {
  using Register = __m128i;
  static constexpr std::size_t kLanes = 1;
  static Register load(const std::byte* p, std::ptrdiff_t) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  static void store(std::byte* p, std::ptrdiff_t, Register v) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
  }
  static Register repeated(const std::uint8_t* table) noexcept {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(table));
  }
  static Register looked_up(Register v, Register index) noexcept { return _mm_shuffle_epi8(v, index); }
  static Register either(Register a, Register b) noexcept { return _mm_or_si128(a, b); }
};
#include "image/convert/kernels_loops.h"
// Behind the loops that it uses.
#include "image/convert/kernels_lanes.h"
}  // namespace sse4
RESTRIDE_END_TARGET

RESTRIDE_BEGIN_TARGET("avx2")
namespace avx2 {
struct Vector {
  using Register = __m256i;
  static constexpr std::size_t kLanes = 2;
  static Register load(const std::byte* p, std::ptrdiff_t step) noexcept {
    if (step == 16) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low),
                                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + step)), 1);
  }
  static void store(std::byte* p, std::ptrdiff_t step, Register v) noexcept {
    if (step == 16) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + step), _mm256_extracti128_si256(v, 1));
  }
  static Register repeated(const std::uint8_t* table) noexcept {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
  }
  static Register looked_up(Register v, Register index) noexcept { return _mm256_shuffle_epi8(v, index); }
  static Register either(Register a, Register b) noexcept { return _mm256_or_si256(a, b); }
};
#include "image/convert/kernels_loops.h"
// Behind the loops that it uses.
#include "image/convert/kernels_lanes.h"
}  // namespace avx2
RESTRIDE_END_TARGET

// One look-up over 64 bytes for the permutations, which are bound by stores; what else there is gains nothing from
// longer vectors than AVX2's.
RESTRIDE_BEGIN_TARGET("avx512f,avx512bw,avx512vl,avx512vbmi")
namespace avx512 {
void permute(const Permutation& how, const std::byte* from, std::byte* to, std::size_t n) noexcept {
  const __m512i index = _mm512_load_si512(how.index64.data()), fixed = _mm512_load_si512(how.fixed64.data());
  const std::size_t pixels = how.pixels64;
  const auto first = [](std::size_t bytes) { return bytes >= 64 ? ~__mmask64{0} : (__mmask64{1} << bytes) - 1; };
  const auto moved = [&](__m512i in) {
    return _mm512_or_si512(_mm512_maskz_permutexvar_epi8(how.moved64, index, in), fixed);
  };
  const __mmask64 written = first(pixels * how.to_bytes);
  std::size_t i = 0;
  // 64 readable bytes may be more than the pixels of a block.
  const std::size_t reach = (63 + how.from_bytes - how.used_bytes) / how.from_bytes + 1;
  for (; i + (reach > pixels ? reach : pixels) <= n; i += pixels)
    _mm512_mask_storeu_epi8(to + i * how.to_bytes, written, moved(_mm512_loadu_si512(from + i * how.from_bytes)));
  for (; i < n; i += pixels) {
    const std::size_t left = n - i < pixels ? n - i : pixels;
    const std::size_t readable = left * how.from_bytes - (how.from_bytes - how.used_bytes);
    const __m512i in = _mm512_maskz_loadu_epi8(first(readable), from + i * how.from_bytes);
    _mm512_mask_storeu_epi8(to + i * how.to_bytes, first(left * how.to_bytes), moved(in));
  }
}
}  // namespace avx512
RESTRIDE_END_TARGET

constexpr Kernels kSse4 = RESTRIDE_KERNELS(sse4), kAvx2 = RESTRIDE_KERNELS(avx2);
constexpr Kernels kAvx512 = [] {
  Kernels kernels = kAvx2;
  kernels.permute = avx512::permute;
  return kernels;
}();

#elif defined(__aarch64__)

namespace neon {
struct Vector {
  using Register = uint8x16_t;
  static constexpr std::size_t kLanes = 1;
  static Register load(const std::byte* p, std::ptrdiff_t) noexcept {
    return vld1q_u8(reinterpret_cast<const std::uint8_t*>(p));
  }
  static void store(std::byte* p, std::ptrdiff_t, Register v) noexcept {
    vst1q_u8(reinterpret_cast<std::uint8_t*>(p), v);
  }
  static Register repeated(const std::uint8_t* table) noexcept { return vld1q_u8(table); }
  static Register looked_up(Register v, Register index) noexcept { return vqtbl1q_u8(v, index); }
  static Register either(Register a, Register b) noexcept { return vorrq_u8(a, b); }
};
#include "image/convert/kernels_loops.h"
// Behind the loops that it uses.
#include "image/convert/kernels_lanes.h"
}  // namespace neon

constexpr Kernels kNeon = RESTRIDE_KERNELS(neon);

#endif

}  // namespace

void Permutation::prepare() noexcept {
  const auto fill = [&](unsigned bytes, unsigned& pixels, std::uint8_t* index, std::uint8_t* fixed) {
    pixels = bytes / (from_bytes > to_bytes ? from_bytes : to_bytes);
    for (unsigned i = 0; i < bytes; ++i) {
      const unsigned b = i % to_bytes;
      const bool inside = i / to_bytes < pixels, moves = inside && source[b] != kConstant;
      // Behind the pixels everything stays, for the sake of permutations in place.
      index[i] = static_cast<std::uint8_t>(moves ? i / to_bytes * from_bytes + source[b] : inside ? 0x80 : i);
      fixed[i] = inside && !moves ? constant[b] : std::uint8_t{0};
    }
  };
  fill(16, pixels16, index16.data(), fixed16.data());
  fill(64, pixels64, index64.data(), fixed64.data());
  moved64 = 0;
  for (unsigned i = 0; i < 64; ++i) moved64 |= std::uint64_t{index64[i] < 0x80} << i;
}

Permutation byte_swap(unsigned size, unsigned samples) noexcept {
  Permutation how;
  how.from_bytes = how.to_bytes = how.used_bytes = size * samples;
  for (unsigned i = 0; i < size * samples; ++i)
    how.source[i] = static_cast<std::uint8_t>(i / size * size + size - 1 - i % size);
  how.prepare();
  return how;
}

const Kernels* kernels_of(Target target) noexcept {
  switch (target) {
    case Target::plain:
      return &kPlain;
#if defined(__x86_64__)
    case Target::sse4:
      return __builtin_cpu_supports("sse4.1") ? &kSse4 : nullptr;
    case Target::avx2:
      return __builtin_cpu_supports("avx2") ? &kAvx2 : nullptr;
    case Target::avx512:
      return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512vbmi")
                 ? &kAvx512
                 : nullptr;
#elif defined(__aarch64__)
    case Target::neon:
      return &kNeon;
#endif
    default:
      return nullptr;
  }
}

const Kernels& best() noexcept {
  static const Kernels& chosen = []() -> const Kernels& {
    for (const Target target : {Target::avx512, Target::avx2, Target::sse4, Target::neon})
      if (const Kernels* kernels = kernels_of(target)) return *kernels;
    return kPlain;
  }();
  return chosen;
}

}  // namespace restride::kernels
