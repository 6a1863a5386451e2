// SPDX-License-Identifier: Apache-2.0
// Makes PNG files of every kind from known samples, and says what decoding them must give.
#pragma once

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "coding/png_filter.h"
#include "formats/png/headers.h"
#include "restride/restride.h"
#include "unit/support/random.h"

namespace restride::test {

using png::ColorType;
using Data = std::vector<std::byte>;

inline Data random_data(std::size_t n) {
  Data data(n);
  for (std::byte& b : data) b = static_cast<std::byte>(random_bits()());
  return data;
}

inline void put_u32(Data& to, std::uint32_t value) {
  to.resize(to.size() + 4);
  store(to.data() + to.size() - 4, value, std::endian::big);
}
inline void put_chunk(Data& to, const char (&type)[5], const Data& data) {
  put_u32(to, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = to.size();
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::byte>(type[i]));
  to.insert(to.end(), data.begin(), data.end());
  put_u32(to, libdeflate_crc32(0, to.data() + begin, to.size() - begin));
}
inline Data bytes_of(std::initializer_list<int> values) {
  Data data;
  for (int value : values) data.push_back(static_cast<std::byte>(value));
  return data;
}
inline Data zlib(const Data& raw) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  Data out(libdeflate_zlib_compress_bound(compressor, raw.size()));
  out.resize(libdeflate_zlib_compress(compressor, raw.data(), raw.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

// A picture to be written as PNG and the samples it is made of.
struct Picture {
  std::uint32_t width = 0, height = 0;
  ColorType type = ColorType::gray;
  unsigned depth = 8;
  bool interlaced = false;
  std::vector<std::uint16_t> samples;  // height x width x samples_of(type)
  Data palette, transparency, exif;    // contents of the chunks, written where not empty

  unsigned channels() const { return png::samples_of(type); }
  std::uint16_t sample(std::uint32_t x, std::uint32_t y, unsigned c) const {
    return samples[(std::size_t{y} * width + x) * channels() + c];
  }
};

inline Picture random_picture(std::uint32_t width, std::uint32_t height, ColorType type, unsigned depth,
                              bool interlaced) {
  Picture picture{width, height, type, depth, interlaced, {}, {}, {}, {}};
  picture.samples.resize(std::size_t{width} * height * picture.channels());
  for (auto& sample : picture.samples) sample = static_cast<std::uint16_t>(random_below(1U << depth));
  if (type == ColorType::palette) picture.palette = random_data(3U << depth);
  return picture;
}

// 7.2: the packed samples of the pixels (x0 + i dx, y), i < count.
inline Data packed_row(const Picture& picture, std::uint32_t y, std::uint32_t x0, std::uint32_t dx,
                       std::uint32_t count) {
  Data row((std::size_t{count} * picture.channels() * picture.depth + 7) / 8);
  std::size_t bit = 0;
  for (std::uint32_t i = 0; i < count; ++i)
    for (unsigned c = 0; c < picture.channels(); ++c)
      for (unsigned k = picture.depth; k-- > 0; ++bit)
        if (picture.sample(x0 + i * dx, y, c) >> k & 1) row[bit / 8] |= static_cast<std::byte>(0x80 >> bit % 8);
  return row;
}

// The filtered rows of all passes, each row with a filter drawn at random.
inline Data filtered_data(const Picture& picture) {
  Data out;
  const unsigned pixel = std::max(1U, picture.channels() * picture.depth / 8);
  const auto add_pass = [&](std::uint32_t x0, std::uint32_t y0, std::uint32_t dx, std::uint32_t dy) {
    if (x0 >= picture.width || y0 >= picture.height) return;
    const std::uint32_t count = (picture.width - x0 + dx - 1) / dx;
    Data above;
    for (std::uint32_t y = y0; y < picture.height; y += dy) {
      const Data row = packed_row(picture, y, x0, dx, count);
      above.resize(row.size());
      const unsigned type = random_below(png_filter::kTypes);
      Data filtered(row.size());
      png_filter::apply(static_cast<png_filter::Type>(type), pixel, row.data(), above.data(), filtered.data(),
                        row.size());
      out.push_back(static_cast<std::byte>(type));
      out.insert(out.end(), filtered.begin(), filtered.end());
      above = row;
    }
  };
  if (!picture.interlaced) {
    add_pass(0, 0, 1, 1);
  } else {
    constexpr std::uint32_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                             {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    for (const auto& p : kPasses) add_pass(p[0], p[1], p[2], p[3]);
  }
  return out;
}

inline Data signature_and_header(const Picture& picture) {
  Data file = bytes_of({0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
  Data header;
  put_u32(header, picture.width);
  put_u32(header, picture.height);
  const Data rest =
      bytes_of({static_cast<int>(picture.depth), static_cast<int>(picture.type), 0, 0, picture.interlaced});
  header.insert(header.end(), rest.begin(), rest.end());
  put_chunk(file, "IHDR", header);
  if (!picture.palette.empty()) put_chunk(file, "PLTE", picture.palette);
  if (!picture.transparency.empty()) put_chunk(file, "tRNS", picture.transparency);
  if (!picture.exif.empty()) put_chunk(file, "eXIf", picture.exif);
  return file;
}

inline Data png_with(const Picture& picture, const Data& compressed, std::size_t chunk_size = SIZE_MAX) {
  Data file = signature_and_header(picture);
  for (std::size_t i = 0; i < compressed.size(); i += std::min(chunk_size, compressed.size() - i)) {
    const auto begin = compressed.begin() + static_cast<std::ptrdiff_t>(i);
    const std::size_t n = std::min(chunk_size, compressed.size() - i);
    put_chunk(file, "IDAT", Data(begin, begin + static_cast<std::ptrdiff_t>(n)));
    if (chunk_size < 10) put_chunk(file, "IDAT", {});  // empty chunks are allowed
  }
  put_chunk(file, "IEND", {});
  return file;
}
inline Data png_of(const Picture& picture, std::size_t chunk_size = SIZE_MAX) {
  return png_with(picture, zlib(filtered_data(picture)), chunk_size);
}

// What decoding must give: channels with palette and transparency applied, in the native depth.
inline std::vector<std::uint16_t> expected_pixels(const Picture& picture, unsigned& channels) {
  std::vector<std::uint16_t> out;
  const bool keyed = !picture.transparency.empty();
  const bool palette = picture.type == ColorType::palette;
  channels = palette ? 3 + keyed : picture.channels() + keyed;
  const auto byte = [](const Data& data, std::size_t i, int missing) {
    return i < data.size() ? static_cast<std::uint16_t>(data[i]) : static_cast<std::uint16_t>(missing);
  };
  for (std::uint32_t y = 0; y < picture.height; ++y)
    for (std::uint32_t x = 0; x < picture.width; ++x) {
      if (palette) {
        const std::size_t index = picture.sample(x, y, 0);
        for (std::size_t k = 0; k < 3; ++k) out.push_back(byte(picture.palette, 3 * index + k, 0));
        if (keyed) out.push_back(byte(picture.transparency, index, 255));
        continue;
      }
      bool is_key = keyed;
      for (unsigned c = 0; c < picture.channels(); ++c) {
        out.push_back(picture.sample(x, y, c));
        if (keyed) {
          const auto key = load<std::uint16_t>(picture.transparency.data() + std::size_t{2} * c, std::endian::big);
          is_key = is_key && picture.sample(x, y, c) == (key & ((1U << picture.depth) - 1));
        }
      }
      if (keyed) out.push_back(static_cast<std::uint16_t>(is_key ? 0 : (1U << picture.depth) - 1));
    }
  return out;
}

inline Decoder make_decoder(unsigned threads = 1) {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = threads;
  auto decoder = Decoder::create(options);
  EXPECT_TRUE(decoder);
  return *std::move(decoder);
}

inline CodeStream stream_of(const Data& file) { return *CodeStream::borrow(file); }

inline DecodeParams unchanged(bool any_depth = true) {
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  params.allow_any_depth = any_depth;
  return params;
}

inline Result<Image> decode(const Data& file, const DecodeParams& params = unchanged()) {
  static Decoder decoder = make_decoder();
  return decoder.decode(stream_of(file), params);
}

}  // namespace restride::test
