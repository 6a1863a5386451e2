// SPDX-License-Identifier: Apache-2.0
// Included by kernels.cpp once for each instruction set, inside a namespace of its own: loops that the compiler
// vectorises. No include guard and no includes, and nothing called that is defined elsewhere: an inline function
// compiled for one instruction set must not end up in the code of another.

inline void permute_pixel(const Permutation& how, const std::byte* from, std::byte* to) noexcept {
  std::byte pixel[kMaxPixelBytes];
  for (unsigned b = 0; b < how.to_bytes; ++b)
    pixel[b] = how.source[b] == kConstant ? std::byte{how.constant[b]} : from[how.source[b]];
  for (unsigned b = 0; b < how.to_bytes; ++b) to[b] = pixel[b];
}

inline void permute_rest(const Permutation& how, const std::byte* from, std::byte* to, std::size_t begin,
                         std::size_t n) noexcept {
  for (std::size_t i = begin; i < n; ++i) permute_pixel(how, from + i * how.from_bytes, to + i * how.to_bytes);
}

inline void split_rest(unsigned channels, unsigned size, const std::byte* from, std::byte* const* to, std::size_t begin,
                       std::size_t n) noexcept {
  for (unsigned k = 0; k < channels; ++k)
    for (std::size_t i = begin; i < n; ++i)
      for (unsigned b = 0; b < size; ++b) to[k][i * size + b] = from[(i * channels + k) * size + b];
}

inline void join_rest(unsigned channels, unsigned size, const std::byte* const* from, std::byte* to, std::size_t begin,
                      std::size_t n) noexcept {
  for (unsigned k = 0; k < channels; ++k)
    for (std::size_t i = begin; i < n; ++i)
      for (unsigned b = 0; b < size; ++b) to[(i * channels + k) * size + b] = from[k][i * size + b];
}

// x / (2^p - 1) is (x + 1 + ((x + 1) >> p)) >> p for every x below 2^2p - 1.
inline void narrow(unsigned bits, const std::uint16_t* __restrict from, std::uint8_t* __restrict to,
                   std::size_t n) noexcept {
  const std::uint32_t half = ((1U << bits) - 1) / 2 + 1;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t x = from[i] * 255U + half;
    to[i] = static_cast<std::uint8_t>((x + (x >> bits)) >> bits);
  }
}

inline void widen(const std::uint8_t* __restrict from, std::uint16_t* __restrict to, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<std::uint16_t>(from[i] * 257U);
}

template <class T>
inline void take(const std::uint32_t* __restrict from, std::uint32_t flip, std::uint32_t low, std::uint32_t max,
                 T* __restrict to, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t v = from[i] ^ flip, above = v < low ? low : v, inside = above > low + max ? low + max : above;
    to[i] = static_cast<T>(inside - low);
  }
}

inline void limit(const std::uint16_t* __restrict from, std::uint16_t max, std::uint16_t* __restrict to,
                  std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i] < max ? from[i] : max;
}

template <class T>
inline void give(const T* __restrict from, std::uint32_t offset, std::uint32_t* __restrict to, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) to[i] = std::uint32_t{from[i]} - offset;
}

template <class T>
inline void luma(const T* const* rgb, T* __restrict to, std::size_t n) noexcept {
  const T* __restrict r = rgb[0], * __restrict g = rgb[1], * __restrict b = rgb[2];
  for (std::size_t i = 0; i < n; ++i)
    to[i] = static_cast<T>(
        (std::uint32_t{kLumaRed} * r[i] + std::uint32_t{kLumaGreen} * g[i] + std::uint32_t{kLumaBlue} * b[i] + kHalf) >>
        16);
}

inline std::uint8_t clamped(std::int32_t v) noexcept {
  return static_cast<std::uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

inline void ycc_to_rgb8(const std::uint8_t* const* ycc, std::uint8_t* const* rgb, std::size_t n) noexcept {
  const std::uint8_t* __restrict from_y = ycc[0], * __restrict from_cb = ycc[1], * __restrict from_cr = ycc[2];
  std::uint8_t* __restrict r = rgb[0], * __restrict g = rgb[1], * __restrict b = rgb[2];
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t y = from_y[i], cb = from_cb[i] - 128, cr = from_cr[i] - 128;
    r[i] = clamped(y + ((kCrToRed * cr + kHalf) >> 16));
    g[i] = clamped(y + ((kHalf - kCbToGreen * cb - kCrToGreen * cr) >> 16));
    b[i] = clamped(y + ((kCbToBlue * cb + kHalf) >> 16));
  }
}

inline void rgb_to_ycc8(const std::uint8_t* const* rgb, std::uint8_t* const* ycc, std::size_t n) noexcept {
  constexpr std::int32_t kCenter = (128 << 16) + kHalf - 1;
  const std::uint8_t* __restrict from_r = rgb[0], * __restrict from_g = rgb[1], * __restrict from_b = rgb[2];
  std::uint8_t* __restrict y = ycc[0], * __restrict cb = ycc[1], * __restrict cr = ycc[2];
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t r = from_r[i], g = from_g[i], b = from_b[i];
    y[i] = static_cast<std::uint8_t>((kLumaRed * r + kLumaGreen * g + kLumaBlue * b + kHalf) >> 16);
    cb[i] = static_cast<std::uint8_t>((kCenter - kRedToCb * r - kGreenToCb * g + kToChroma * b) >> 16);
    cr[i] = static_cast<std::uint8_t>((kCenter + kToChroma * r - kGreenToCr * g - kBlueToCr * b) >> 16);
  }
}

// Inverted ink times black, over 255, rounded.
inline void cmyk_to_rgb8(const std::uint8_t* const* cmyk, std::uint8_t* const* rgb, std::size_t n) noexcept {
  const std::uint8_t* __restrict black = cmyk[3];
  for (unsigned k = 0; k < 3; ++k) {
    const std::uint8_t* __restrict ink = cmyk[k];
    std::uint8_t* __restrict to = rgb[k];
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t x = std::uint32_t{ink[i]} * black[i] + 128;
      to[i] = static_cast<std::uint8_t>((x + (x >> 8)) >> 8);
    }
  }
}
