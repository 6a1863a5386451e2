// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/error_util.h"
#include "codec/bands.h"
#include "formats/bmp/bmp.h"
#include "formats/bmp/headers.h"

namespace restride::bmp {
namespace {

bool is_rle(const Headers& h) noexcept {
  return h.compression == Compression::rle4 || h.compression == Compression::rle8;
}

const Headers& headers_of(const DecodeRequest& request) noexcept {
  return static_cast<const Headers&>(*request.stream->detail);
}

bool whole_bytes(const Headers& h) noexcept { return h.bits == 24 || h.plain_bytes; }

// Index of pixel x in a row of 1, 2, 4 or 8 bits a pixel, most significant bits first.
unsigned index_at(const std::byte* row, std::int64_t x, unsigned bits) noexcept {
  const std::int64_t bit = x * bits;
  const unsigned shift = 8 - bits - static_cast<unsigned>(bit & 7);
  return (static_cast<unsigned>(row[bit >> 3]) >> shift) & ((1U << bits) - 1);
}

void put_color(const std::array<std::uint8_t, 3>& color, std::byte* to) noexcept {
  to[0] = std::byte{color[0]};
  to[1] = std::byte{color[1]};
  to[2] = std::byte{color[2]};
}

// Pixels [x, x + n) of a stored row of indices or bit fields as RGB or RGBA.
void expand_row(const Headers& h, const std::byte* row, std::int64_t x, std::int64_t n, std::byte* to) noexcept {
  if (h.bits <= 8) {
    for (std::int64_t i = 0; i < n; ++i) put_color(h.palette[index_at(row, x + i, h.bits)], to + 3 * i);
    return;
  }
  const std::int64_t channels = h.has_alpha ? 4 : 3;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t pixel = h.bits == 16 ? load<std::uint16_t>(row + 2 * (x + i), std::endian::little)
                                             : load<std::uint32_t>(row + 4 * (x + i), std::endian::little);
    for (std::int64_t c = 0; c < channels; ++c)
      to[channels * i + c] = std::byte{h.fields[static_cast<std::size_t>(c)].scaled(pixel)};
  }
}

// Unpacks RLE4 and RLE8 into indices, bottom row first, until row `last` (counted from the bottom) is complete. Pixels
// that deltas and early ends of lines leave out stay 0. Each code moves on in the input, so that time is bounded by it.
Status unpack_rle(const Headers& h, ByteSpan data, std::uint64_t base, std::int64_t width, std::int64_t last,
                  std::uint8_t* indices) {
  ByteReader reader(data);
  const bool four = h.compression == Compression::rle4;
  std::int64_t x = 0, y = 0;
  const auto put = [&](unsigned index) {
    if (x < width) indices[y * width + x] = static_cast<std::uint8_t>(index);
    ++x;
  };
  while (y <= last) {
    const unsigned count = reader.u8(), value = reader.u8();
    if (reader.overran())
      return fail_at(Errc::truncated, base + data.size(), "RLE data ends in row %lld from the bottom",
                     static_cast<long long>(y));
    if (count) {
      for (unsigned i = 0; i < count; ++i) put(four ? (i & 1 ? value & 15 : value >> 4) : value);
      continue;
    }
    switch (value) {
      case 0:  // end of line
        x = 0;
        ++y;
        break;
      case 1:
        return {};  // end of the picture
      case 2: {     // delta
        x += reader.u8();
        y += reader.u8();
        break;
      }
      default: {
        const std::size_t bytes = four ? (value + 1) / 2 : value;
        const ByteSpan literal = reader.take(bytes);
        if (reader.overran()) return fail_at(Errc::truncated, base + data.size(), "RLE data ends inside a literal run");
        for (unsigned i = 0; i < value; ++i) {
          const unsigned byte = u8_at(literal, four ? i / 2 : i);
          put(four ? (i & 1 ? byte & 15 : byte >> 4) : byte);
        }
        if (bytes & 1) reader.skip(1);
      }
    }
  }
  return {};
}

// Stored rows count from the bottom unless top_down.
std::int64_t row_in_file(const DecodeRequest& request, std::int64_t y) noexcept {
  return headers_of(request).top_down ? y : std::int64_t{request.info().spec.height} - 1 - y;
}

// What the window needs must be there before anybody takes memory for it. The last row's padding may be missing.
Status check_size(const DecodeRequest& request) {
  const Headers& h = headers_of(request);
  const std::uint64_t size = request.bytes.size();
  if (h.pixels_offset > size) return fail_at(Errc::truncated, size, "the file ends before its pixels");
  if (is_rle(h)) return {};
  const Rect& window = request.window;
  const auto lowest =
      static_cast<std::uint64_t>(std::max(row_in_file(request, window.y), row_in_file(request, window.bottom() - 1)));
  const std::uint64_t need =
      saturating_add(saturating_mul(lowest, h.row_bytes),
                     ceil_div<std::uint64_t>(static_cast<std::uint64_t>(window.right()) * h.bits, 8));
  if (need > size - h.pixels_offset)
    return fail_at(Errc::truncated, size, "the pixels need %llu bytes, the file has %llu",
                   static_cast<unsigned long long>(need), static_cast<unsigned long long>(size - h.pixels_offset));
  return {};
}

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const Headers& h = headers_of(request);
    const ImageSpec& stored = request.info().spec;
    DecodePlan plan;
    plan.native = stored;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    plan.native.format = h.has_alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
    if (h.bits == 24 && (request.converted_later || interleaved(request.wanted.format) == SampleFormat::i_bgr))
      plan.native.format = SampleFormat::i_bgr;
    RESTRIDE_TRY(check_size(request));
    plan.scratch = std::size_t{stored.width} * 4;
    if (is_rle(h)) plan.scratch += static_cast<std::size_t>(saturating_mul(stored.width, stored.height));
    plan.cost = static_cast<double>(request.window.width) * static_cast<double>(request.window.height) * 0.1;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override {
    const Headers& h = headers_of(job.request);
    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    ByteSpan data = job.request.bytes;
    data = data.subspan(h.pixels_offset);

    const std::byte* rows = data.data();
    std::uint64_t row_bytes = h.row_bytes;
    const auto stored_row = [&](std::int64_t y) { return row_in_file(job.request, y); };
    if (is_rle(h)) {
      // Rows above the window come after it, and are left out.
      const std::uint64_t pixels = saturating_mul(stored.width, static_cast<std::uint64_t>(stored_row(window.y)) + 1);
      const auto indices = scratch.take<std::uint8_t>(pixels);
      if (!indices.data())
        return fail(Errc::out_of_memory, "no memory for %llu indices", static_cast<unsigned long long>(pixels));
      std::fill(indices.begin(), indices.end(), std::uint8_t{0});
      RESTRIDE_TRY(unpack_rle(h, data, h.pixels_offset, stored.width, stored_row(window.y), indices.data()));
      rows = reinterpret_cast<const std::byte*>(indices.data());
      row_bytes = stored.width;
    }
    if (whole_bytes(h)) {
      const std::ptrdiff_t step = (h.top_down ? 1 : -1) * static_cast<std::ptrdiff_t>(row_bytes);
      put_as_stored(job, rows + static_cast<std::uint64_t>(stored_row(window.y)) * row_bytes, step, context);
      return {};
    }
    const std::size_t line = job.plan.native.row_bytes();
    const auto space = scratch.take<std::byte>(line);
    if (!space.data()) return fail(Errc::out_of_memory, "no memory for a row");
    job.wrote = true;
    for (std::int64_t y = 0; y < window.height; ++y) {
      const std::byte* row = rows + static_cast<std::uint64_t>(stored_row(window.y + y)) * row_bytes;
      const Rect where{0, y, window.width, 1};
      std::byte* to = job.sink.direct() ? job.sink.direct_view().at(0, y) : space.data();
      if (is_rle(h)) {
        for (std::int64_t i = 0; i < window.width; ++i)
          put_color(h.palette[static_cast<std::uint8_t>(row[window.x + i])], to + 3 * i);
      } else {
        expand_row(h, row, window.x, window.width, to);
      }
      if (!job.sink.direct()) job.sink.put_interleaved(where, space.data(), static_cast<std::ptrdiff_t>(line));
    }
    return {};
  }

 private:
  // Pixels whose samples are bytes lie in the file as B G R (A); `row` is the window's first.
  static void put_as_stored(DecodeJob& job, const std::byte* row, std::ptrdiff_t step, Context& context) {
    const Headers& h = headers_of(job.request);
    const Rect& window = job.request.window;
    const ImageSpec& native = job.plan.native;
    const std::ptrdiff_t pixel = h.bits / 8;
    const bool bgr = native.format == SampleFormat::i_bgr;
    job.wrote = true;
    for_each_band(context.executor, window.height, native.row_bytes(), [&](std::int64_t y, std::int64_t count) {
      std::array<PlaneView, 4> planes;
      for (unsigned k = 0; k < native.channels; ++k)
        planes[k] = {row + y * step + window.x * pixel + (bgr || k == 3 ? k : 2 - k), step, pixel};
      job.sink.put({0, y, window.width, count}, {planes.data(), native.channels});
    });
  }
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

}  // namespace restride::bmp
