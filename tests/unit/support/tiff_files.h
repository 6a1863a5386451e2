// SPDX-License-Identifier: Apache-2.0
// Makes TIFF files of every kind from known samples.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error_util.h"
#include "coding/deflate.h"
#include "coding/lzw.h"
#include "coding/predictor.h"
#include "formats/tiff/directory.h"
#include "image/convert/samples.h"
#include "restride/restride.h"
#include "unit/support/random.h"

namespace restride::test {

using tiff::Compression;
using tiff::Photometric;
using tiff::Tag;
using Data = std::vector<std::byte>;

// One directory: entries as given, and the data of its strips or tiles, whose offsets and sizes are filled in.
struct TiffPage {
  struct Entry {
    Tag tag;
    std::uint16_t type;  // 3 SHORT, 4 LONG, 5 RATIONAL, 2 ASCII, 16 LONG8
    std::vector<std::uint64_t> values;
  };
  std::vector<Entry> entries;
  std::vector<Data> segments;
  bool tiled = false;

  void set(Tag tag, std::uint16_t type, std::vector<std::uint64_t> values) {
    std::erase_if(entries, [&](const Entry& e) { return e.tag == tag; });
    entries.push_back({tag, type, std::move(values)});
  }
};

struct TiffFile {
  std::endian order = std::endian::little;
  bool big = false;
  std::vector<TiffPage> pages;
  std::vector<std::uint64_t> directories;  // where build() put them
  std::uint64_t last_next = 0;             // what follows the last directory

  Data build() {
    Data out(big ? 16 : 8);
    out[0] = out[1] = static_cast<std::byte>(order == std::endian::little ? 'I' : 'M');
    store(out.data() + 2, static_cast<std::uint16_t>(big ? 43 : 42), order);
    if (big) store(out.data() + 4, std::uint16_t{8}, order);
    std::uint64_t link = big ? 8 : 4;  // where the offset of the next directory belongs
    directories.clear();
    for (TiffPage& page : pages) {
      place_segments(page, out);
      link = append(page, out, link);
    }
    put_offset(out, link, last_next);
    return out;
  }

 private:
  static std::uint64_t size_of_type(std::uint16_t type) { return type == 3 ? 2 : type == 4 ? 4 : type == 2 ? 1 : 8; }
  void put_offset(Data& out, std::uint64_t at, std::uint64_t value) const {
    if (big) return store(out.data() + at, value, order);
    store(out.data() + at, static_cast<std::uint32_t>(value), order);
  }

  void place_segments(TiffPage& page, Data& out) const {
    std::vector<std::uint64_t> offsets, sizes;
    for (const Data& segment : page.segments) {
      offsets.push_back(segment.empty() ? 0 : out.size());
      sizes.push_back(segment.size());
      out.insert(out.end(), segment.begin(), segment.end());
    }
    if (offsets.empty()) return;
    const std::uint16_t type = big ? 16 : 4;
    page.set(page.tiled ? Tag::tile_offsets : Tag::strip_offsets, type, offsets);
    page.set(page.tiled ? Tag::tile_byte_counts : Tag::strip_byte_counts, type, sizes);
  }

  // Returns where the link to the next directory is.
  std::uint64_t append(TiffPage& page, Data& out, std::uint64_t link) {
    std::sort(page.entries.begin(), page.entries.end(), [](const auto& a, const auto& b) { return a.tag < b.tag; });
    out.resize((out.size() + 7) / 8 * 8);
    const std::uint64_t start = out.size();
    directories.push_back(start);
    put_offset(out, link, start);
    const std::uint64_t n = page.entries.size(), entry = big ? 20 : 12, room = big ? 8 : 4, counter = big ? 8 : 2;
    const std::uint64_t next = start + counter + entry * n;
    out.resize(next + room);
    if (big) {
      store(out.data() + start, n, order);
    } else {
      store(out.data() + start, static_cast<std::uint16_t>(n), order);
    }
    for (std::uint64_t i = 0; i < n; ++i) {
      const TiffPage::Entry& e = page.entries[i];
      const std::uint64_t at = start + counter + entry * i, size = size_of_type(e.type) * e.values.size();
      store(out.data() + at, static_cast<std::uint16_t>(e.tag), order);
      store(out.data() + at + 2, e.type, order);
      put_offset(out, at + 4, e.values.size());
      std::uint64_t values = at + 4 + room;
      if (size > room) {
        put_offset(out, values, out.size());
        values = out.size();
        out.resize(out.size() + size);
      }
      for (const std::uint64_t value : e.values) {
        std::byte* to = out.data() + values;
        switch (size_of_type(e.type)) {
          case 1:
            *to = static_cast<std::byte>(value);
            break;
          case 2:
            store(to, static_cast<std::uint16_t>(value), order);
            break;
          case 4:
            store(to, static_cast<std::uint32_t>(value), order);
            break;
          default:
            if (e.type == 5) {  // numerator above, denominator below
              store(to, static_cast<std::uint32_t>(value >> 32), order);
              store(to + 4, static_cast<std::uint32_t>(value), order);
            } else {
              store(to, value, order);
            }
        }
        values += size_of_type(e.type);
      }
    }
    return next;
  }
};

// A picture of integer samples (floats: their bits), and how it is to be stored.
struct TiffPicture {
  std::uint32_t width = 0, height = 0, channels = 1;
  unsigned bits = 8;
  unsigned format = 1;  // SampleFormat: 1 unsigned, 2 signed, 3 float
  Photometric photometric = Photometric::min_is_black;
  Compression compression = Compression::none;
  unsigned predictor = 1;
  bool planar = false, reversed = false;
  std::uint32_t tile_width = 0, tile_height = 0, rows_per_strip = 0;
  std::vector<std::uint64_t> samples;  // height x width x channels, `bits` bits each

  std::uint64_t sample(std::uint32_t x, std::uint32_t y, std::uint32_t c) const {
    if (x >= width || y >= height) return 0;
    return samples[(std::size_t{y} * width + x) * channels + c];
  }
  void randomise() {
    samples.resize(std::size_t{width} * height * channels);
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    for (auto& s : samples) s = (std::uint64_t{random_bits()()} << 32 | random_bits()()) & mask;
  }
};

inline void pack_row(const std::vector<std::uint64_t>& row, unsigned bits, std::endian order, Data& out) {
  const std::size_t start = out.size();
  out.resize(start + (row.size() * bits + 7) / 8);
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::byte* at = out.data() + start + i * bits / 8;
    if (bits == 16) {
      store(at, static_cast<std::uint16_t>(row[i]), order);
    } else if (bits == 32) {
      store(at, static_cast<std::uint32_t>(row[i]), order);
    } else if (bits == 64) {
      store(at, row[i], order);
    } else {
      for (unsigned b = 0; b < bits; ++b) {
        const std::size_t bit = i * bits + b;
        if (row[i] >> (bits - 1 - b) & 1) out[start + bit / 8] |= static_cast<std::byte>(0x80 >> bit % 8);
      }
    }
  }
}

inline Data compress_segment(const TiffPicture& p, const Data& plain) {
  Data out;
  switch (p.compression) {
    case Compression::packbits:
      for (std::size_t at = 0; at < plain.size(); at += 100) {
        const std::size_t n = std::min<std::size_t>(100, plain.size() - at);
        out.push_back(static_cast<std::byte>(n - 1));
        out.insert(out.end(), plain.begin() + static_cast<std::ptrdiff_t>(at),
                   plain.begin() + static_cast<std::ptrdiff_t>(at + n));
      }
      return out;
    case Compression::lzw: {
      const auto table = std::make_unique<lzw::EncoderTable>();
      out.resize(lzw::encode_bound(plain.size()));
      out.resize(lzw::encode(plain, out, *table));
      return out;
    }
    case Compression::deflate:
    case Compression::old_deflate: {
      deflate::Deflater deflater;
      out.resize(deflate::Deflater::bound(plain.size()));
      out.resize(deflater.zlib(plain, out));
      return out;
    }
    default:
      return plain;
  }
}

inline Data segment_of(const TiffPicture& p, std::endian order, std::uint32_t x0, std::uint32_t y0, std::uint32_t w,
                       std::uint32_t h, std::uint32_t first, std::uint32_t channels) {
  Data plain;
  const std::uint64_t mask = p.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << p.bits) - 1;
  for (std::uint32_t y = 0; y < h; ++y) {
    std::vector<std::uint64_t> row;
    for (std::uint32_t x = 0; x < w; ++x)
      for (std::uint32_t c = 0; c < channels; ++c) row.push_back(p.sample(x0 + x, y0 + y, first + c));
    if (p.predictor == 2)
      for (std::size_t i = row.size(); i-- > channels;) row[i] = (row[i] - row[i - channels]) & mask;
    if (p.predictor == 3) {
      Data floats, space;
      pack_row(row, p.bits, std::endian::native, floats);
      space.resize(floats.size());
      predictor::apply_floating_point(floats.data(), row.size(), channels, p.bits / 8, space.data());
      plain.insert(plain.end(), floats.begin(), floats.end());
    } else {
      pack_row(row, p.bits, order, plain);
    }
  }
  Data out = compress_segment(p, plain);
  if (p.reversed)
    for (std::byte& b : out) {
      unsigned v = 0;
      for (unsigned i = 0; i < 8; ++i) v |= (static_cast<unsigned>(b) >> i & 1U) << (7 - i);
      b = static_cast<std::byte>(v);
    }
  return out;
}

inline TiffPage page_of(const TiffPicture& p, std::endian order) {
  TiffPage page;
  page.tiled = p.tile_width != 0;
  const std::uint32_t w = page.tiled ? p.tile_width : p.width;
  const std::uint32_t h = page.tiled ? p.tile_height : p.rows_per_strip ? p.rows_per_strip : p.height;
  page.set(Tag::image_width, 4, {p.width});
  page.set(Tag::image_length, 4, {p.height});
  page.set(Tag::bits_per_sample, 3, std::vector<std::uint64_t>(p.channels, p.bits));
  page.set(Tag::compression, 3, {static_cast<std::uint64_t>(p.compression)});
  page.set(Tag::photometric, 3, {static_cast<std::uint64_t>(p.photometric)});
  page.set(Tag::samples_per_pixel, 3, {p.channels});
  page.set(Tag::sample_format, 3, std::vector<std::uint64_t>(p.channels, p.format));
  if (p.planar) page.set(Tag::planar_configuration, 3, {2});
  if (p.reversed) page.set(Tag::fill_order, 3, {2});
  if (p.predictor != 1) page.set(Tag::predictor, 3, {p.predictor});
  if (page.tiled) {
    page.set(Tag::tile_width, 4, {w});
    page.set(Tag::tile_length, 4, {h});
  } else {
    page.set(Tag::rows_per_strip, 4, {h});
  }
  const std::uint32_t colors = p.photometric == Photometric::rgb || p.photometric == Photometric::ycbcr ? 3
                               : p.photometric == Photometric::separated                                ? 4
                                                                                                        : 1;
  if (p.channels > colors) page.set(Tag::extra_samples, 3, std::vector<std::uint64_t>(p.channels - colors, 0));
  for (std::uint32_t plane = 0; plane < (p.planar ? p.channels : 1); ++plane)
    for (std::uint32_t y = 0; y < p.height; y += h)
      for (std::uint32_t x = 0; x < p.width; x += w)
        page.segments.push_back(segment_of(p, order, x, y, w, page.tiled ? h : std::min(h, p.height - y), plane,
                                           p.planar ? 1 : p.channels));
  return page;
}

inline Data file_of(const TiffPicture& p, std::endian order = std::endian::little, bool big = false) {
  TiffFile file;
  file.order = order;
  file.big = big;
  file.pages.push_back(page_of(p, order));
  return file.build();
}

// Decodes; a failure is a failure of the test.
inline Decoder make_tiff_decoder(unsigned threads = 2) {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = threads;
  auto decoder = Decoder::create(options);
  return std::move(*decoder);
}

inline DecodeParams as_stored() {
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  params.allow_any_depth = true;
  return params;
}

inline Result<Image> decode_tiff(const Data& file, const DecodeParams& params = as_stored(),
                                 std::optional<Rect> region = {}, unsigned threads = 2) {
  static Decoder one = make_tiff_decoder(1), two = make_tiff_decoder(2);
  RESTRIDE_ASSIGN(CodeStream stream, CodeStream::borrow(file));
  if (region) {
    CodeStreamView view;
    view.region = Region{*region, {}};
    RESTRIDE_ASSIGN(stream, stream.sub(view));
  }
  return (threads == 1 ? one : two).decode(stream, params);
}

inline Error error_of(const Data& file, const DecodeParams& params = as_stored()) {
  auto image = decode_tiff(file, params);
  EXPECT_FALSE(image.has_value());
  return image ? Error{} : image.error();
}

// The sample as a number; floats as their bits, integers with their sign.
inline std::int64_t at(const Image& image, std::int64_t x, std::int64_t y, std::int64_t c) {
  const ImageView& view = image.view();
  const std::byte* p = view.at(x, y, c);
  switch (view.spec.type) {
    case SampleType::f16:
      return samples::load_one<std::uint16_t>(p);
    case SampleType::f32:
      return samples::load_one<std::uint32_t>(p);
    case SampleType::f64:
      return samples::load_one<std::int64_t>(p);
    default:
      return static_cast<std::int64_t>(samples::load_double(view.spec.type, p));
  }
}

}  // namespace restride::test
