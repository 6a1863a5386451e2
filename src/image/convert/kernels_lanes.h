// SPDX-License-Identifier: Apache-2.0
// Included by kernels.cpp behind kernels_loops.h, for instruction sets that look up 16 bytes at once. `Vector` there is
// one or more lanes of 16 bytes:
//   load(p, step), store(p, step, v)  lane i at p + i * step
//   repeated(table)                   the same 16 bytes in every lane
//   looked_up(v, index)               bytes of the same lane; 0 where the index is 0x80
//   either(a, b)                      a | b

// Where byte i of vector `out` comes from: vector `in`'s byte, or 0x80 where it comes from another vector.
struct Indices {
  alignas(16) std::uint8_t at[4][4][16];
};

// split: out = plane, in = the in-th 16 bytes of interleaved samples. join: the other way round.
template <unsigned kChannels, unsigned kSize>
constexpr Indices split_indices() noexcept {
  Indices table{};
  for (unsigned plane = 0; plane < kChannels; ++plane)
    for (unsigned in = 0; in < kChannels; ++in)
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned from = (i / kSize * kChannels + plane) * kSize + i % kSize;
        table.at[plane][in][i] = static_cast<std::uint8_t>(from / 16 == in ? from % 16 : 0x80);
      }
  return table;
}
template <unsigned kChannels, unsigned kSize>
constexpr Indices join_indices() noexcept {
  Indices table{};
  for (unsigned out = 0; out < kChannels; ++out)
    for (unsigned plane = 0; plane < kChannels; ++plane)
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned at = 16 * out + i, sample = at / kSize;
        table.at[out][plane][i] =
            static_cast<std::uint8_t>(sample % kChannels == plane ? sample / kChannels * kSize + at % kSize : 0x80);
      }
  return table;
}
template <unsigned kChannels, unsigned kSize>
constexpr Indices kSplit = split_indices<kChannels, kSize>();
template <unsigned kChannels, unsigned kSize>
constexpr Indices kJoin = join_indices<kChannels, kSize>();

// kChannels vectors of the one kind to as many of the other.
template <unsigned kChannels>
inline typename Vector::Register collected(const Vector::Register (&in)[kChannels],
                                           const std::uint8_t (&index)[4][16]) noexcept {
  auto out = Vector::looked_up(in[0], Vector::repeated(index[0]));
  for (unsigned k = 1; k < kChannels; ++k)
    out = Vector::either(out, Vector::looked_up(in[k], Vector::repeated(index[k])));
  return out;
}

// Stores are aligned but for the first and the last, which may overlap their neighbours.
void copy(const std::byte* from, std::byte* to, std::size_t n) noexcept {
  constexpr std::size_t kBytes = Vector::kLanes * 16;
  if (n < kBytes) {
    std::memcpy(to, from, n);
    return;
  }
  Vector::store(to, 16, Vector::load(from, 16));
  std::size_t i = kBytes - reinterpret_cast<std::uintptr_t>(to) % kBytes;
  for (; i + 4 * kBytes <= n; i += 4 * kBytes) {
    const auto a = Vector::load(from + i, 16), b = Vector::load(from + i + kBytes, 16);
    const auto c = Vector::load(from + i + 2 * kBytes, 16), d = Vector::load(from + i + 3 * kBytes, 16);
    Vector::store(to + i, 16, a);
    Vector::store(to + i + kBytes, 16, b);
    Vector::store(to + i + 2 * kBytes, 16, c);
    Vector::store(to + i + 3 * kBytes, 16, d);
  }
  for (; i + kBytes <= n; i += kBytes) Vector::store(to + i, 16, Vector::load(from + i, 16));
  Vector::store(to + n - kBytes, 16, Vector::load(from + n - kBytes, 16));
}

template <unsigned kChannels, unsigned kSize>
inline void split_fixed(const std::byte* from, std::byte* const* to, std::size_t n) noexcept {
  constexpr std::size_t kPixels = Vector::kLanes * 16 / kSize;
  std::size_t i = 0;
  for (; i + kPixels <= n; i += kPixels) {
    const std::byte* at = from + i * kChannels * kSize;
    Vector::Register in[kChannels];
    for (unsigned k = 0; k < kChannels; ++k) in[k] = Vector::load(at + 16 * k, 16 * kChannels);
    for (unsigned k = 0; k < kChannels; ++k)
      Vector::store(to[k] + i * kSize, 16, collected<kChannels>(in, kSplit<kChannels, kSize>.at[k]));
  }
  split_rest(kChannels, kSize, from, to, i, n);
}

template <unsigned kChannels, unsigned kSize>
inline void join_fixed(const std::byte* const* from, std::byte* to, std::size_t n) noexcept {
  constexpr std::size_t kPixels = Vector::kLanes * 16 / kSize;
  std::size_t i = 0;
  for (; i + kPixels <= n; i += kPixels) {
    std::byte* at = to + i * kChannels * kSize;
    Vector::Register in[kChannels];
    for (unsigned k = 0; k < kChannels; ++k) in[k] = Vector::load(from[k] + i * kSize, 16);
    for (unsigned k = 0; k < kChannels; ++k)
      Vector::store(at + 16 * k, 16 * kChannels, collected<kChannels>(in, kJoin<kChannels, kSize>.at[k]));
  }
  join_rest(kChannels, kSize, from, to, i, n);
}

template <unsigned kChannels>
inline void split_sized(unsigned size, const std::byte* from, std::byte* const* to, std::size_t n) noexcept {
  switch (size) {
    case 1:
      return split_fixed<kChannels, 1>(from, to, n);
    case 2:
      return split_fixed<kChannels, 2>(from, to, n);
    default:
      return split_fixed<kChannels, 4>(from, to, n);
  }
}

void split(unsigned channels, unsigned size, const std::byte* from, std::byte* const* to, std::size_t n) noexcept {
  switch (channels) {
    case 2:
      return split_sized<2>(size, from, to, n);
    case 3:
      return split_sized<3>(size, from, to, n);
    default:
      return split_sized<4>(size, from, to, n);
  }
}

template <unsigned kChannels>
inline void join_sized(unsigned size, const std::byte* const* from, std::byte* to, std::size_t n) noexcept {
  switch (size) {
    case 1:
      return join_fixed<kChannels, 1>(from, to, n);
    case 2:
      return join_fixed<kChannels, 2>(from, to, n);
    default:
      return join_fixed<kChannels, 4>(from, to, n);
  }
}

void join(unsigned channels, unsigned size, const std::byte* const* from, std::byte* to, std::size_t n) noexcept {
  switch (channels) {
    case 2:
      return join_sized<2>(size, from, to, n);
    case 3:
      return join_sized<3>(size, from, to, n);
    default:
      return join_sized<4>(size, from, to, n);
  }
}

// A lane holds whole pixels and stores 16 bytes; those behind its pixels are written over by the next store. In place
// they must stay what they are until then, which the indices see to.
void permute(const Permutation& how, const std::byte* from, std::byte* to, std::size_t n) noexcept {
  const std::size_t pixels = how.pixels16, in_step = pixels * how.from_bytes, out_step = pixels * how.to_bytes;
  const auto index = Vector::repeated(how.index16.data()), fixed = Vector::repeated(how.fixed16.data());
  // Pixels that must be left so that the last lane's 16 bytes exist on both sides.
  const std::size_t unread = how.from_bytes - how.used_bytes;
  const std::size_t reach = (15 + unread) / how.from_bytes + 1, room = 15 / how.to_bytes + 1;
  const std::size_t needed = (Vector::kLanes - 1) * pixels + (reach > room ? reach : room);
  std::size_t i = 0;
  if (in_step < 16 || out_step < 16) {
    for (; i + needed <= n; i += Vector::kLanes * pixels) {
      const auto in = Vector::load(from + i * how.from_bytes, static_cast<std::ptrdiff_t>(in_step));
      Vector::store(to + i * how.to_bytes, static_cast<std::ptrdiff_t>(out_step),
                    Vector::either(Vector::looked_up(in, index), fixed));
    }
  } else {
    for (; i + needed <= n; i += Vector::kLanes * pixels) {
      const auto in = Vector::load(from + i * how.from_bytes, 16);
      Vector::store(to + i * how.to_bytes, 16, Vector::either(Vector::looked_up(in, index), fixed));
    }
  }
  permute_rest(how, from, to, i, n);
}
