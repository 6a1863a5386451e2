// SPDX-License-Identifier: Apache-2.0
// Inflates the IDAT chunks where they lie, a band of rows at a time, undoes the filters and delivers.
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "coding/png_filter.h"
#include "formats/png/headers.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

// The zlib stream (10.1) that the IDAT chunks carry together.
class IdatStream {
 public:
  IdatStream(inflate_state& state, ByteSpan bytes, std::uint64_t first_idat) noexcept : state_(state), reader_(bytes) {
    reader_.seek(first_idat);
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_ZLIB;
    state_.avail_in = 0;
  }

  // Exactly n bytes into `to`.
  Status read(std::uint8_t* to, std::size_t n) {
    while (n) {
      const std::uint32_t part = n > (1U << 30) ? 1U << 30 : static_cast<std::uint32_t>(n);
      state_.next_out = to;
      state_.avail_out = part;
      while (state_.avail_out) {
        if (state_.avail_in == 0) RESTRIDE_TRY(next_chunk());
        RESTRIDE_TRY(inflate());
        if (state_.block_state == ISAL_BLOCK_FINISH && state_.avail_out)
          return fail_at(Errc::corrupt, reader_.position(), "the compressed pixels end too early");
      }
      to += part;
      n -= part;
    }
    return {};
  }

  // After the last row: the end of the stream and its Adler-32, which streams that go on too long do not have here.
  Status finish() {
    std::uint8_t spare[64];
    for (int i = 0; state_.block_state != ISAL_BLOCK_FINISH; ++i) {
      if (state_.avail_in == 0) RESTRIDE_TRY(next_chunk());
      state_.next_out = spare;
      state_.avail_out = sizeof spare;
      RESTRIDE_TRY(inflate());
      if (state_.avail_out != sizeof spare) return {};  // more data than pixels: harmless, as in libpng
    }
    return {};
  }

 private:
  Status inflate() {
    const int result = isal_inflate(&state_);
    if (result == ISAL_DECOMP_OK || result == ISAL_END_INPUT) return {};
    return fail_at(Errc::corrupt, reader_.position() - state_.avail_in,
                   result == ISAL_INCORRECT_CHECKSUM ? "the compressed pixels have a wrong checksum (Adler-32)"
                                                     : "the compressed pixels are damaged (inflate: %d)", result);
  }

  Status next_chunk() {
    const std::uint64_t at = reader_.position();
    const std::uint32_t length = reader_.u32();
    const std::size_t type_at = reader_.position();
    const std::uint32_t type = reader_.u32();
    if (reader_.overran()) return fail_at(Errc::truncated, reader_.bytes().size(), "the file ends before its last pixels");
    constexpr std::uint32_t kIdat = 0x49444154;
    if (type != kIdat) return fail_at(Errc::corrupt, at, "the compressed pixels end too early");
    const ByteSpan data = reader_.take(length);
    const std::uint32_t crc = reader_.u32();
    if (reader_.overran()) return fail_at(Errc::truncated, reader_.bytes().size(), "the file ends inside an IDAT chunk");
    if (libdeflate_crc32(0, reader_.bytes().data() + type_at, length + std::size_t{4}) != crc)
      return fail_at(Errc::corrupt, at, "wrong CRC of an IDAT chunk");
    // isal_inflate does not write to its input.
    state_.next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(data.data()));
    state_.avail_in = length;
    return {};
  }

  inflate_state& state_;
  ByteReader reader_;
};

// Rows of one pass, unfiltered in place in a band; the row above the band is kept in front of it.
class RowReader {
 public:
  RowReader(IdatStream& stream, std::span<std::uint8_t> space, std::size_t row_bytes, std::size_t pixel) noexcept
      : stream_(stream), space_(space), row_bytes_(row_bytes), pixel_(pixel), capacity_(space.size() / (row_bytes + 1) - 1) {
    std::memset(space_.data(), 0, row_bytes_ + 1);
  }

  std::size_t capacity() const noexcept { return capacity_; }  // rows a call of read may ask for
  // Makes rows 0 to n - 1 of the band available.
  Status read(std::size_t n) {
    std::uint8_t* first = space_.data();
    if (filled_) std::memcpy(first, first + filled_ * (row_bytes_ + 1), row_bytes_ + 1);
    filled_ = n;
    RESTRIDE_TRY(stream_.read(first + row_bytes_ + 1, n * (row_bytes_ + 1)));
    for (std::size_t i = 1; i <= n; ++i) {
      std::uint8_t* at = first + i * (row_bytes_ + 1);
      if (*at >= png_filter::kTypes) return fail(Errc::corrupt, "a row has filter type %u", *at);
      png_filter::undo(*at, at + 1, at - row_bytes_, row_bytes_, pixel_);
    }
    return {};
  }
  const std::uint8_t* row(std::size_t i) const noexcept { return space_.data() + (i + 1) * (row_bytes_ + 1) + 1; }

 private:
  IdatStream& stream_;
  std::span<std::uint8_t> space_;
  std::size_t row_bytes_, pixel_, capacity_;
  std::size_t filled_ = 0;
};

unsigned sample_at(const std::uint8_t* row, std::size_t i, unsigned bits) noexcept {
  if (bits == 8) return row[i];
  if (bits == 16) return static_cast<unsigned>(row[2 * i] << 8 | row[2 * i + 1]);
  const std::size_t bit = i * bits;
  return (row[bit / 8] >> (8 - bits - bit % 8)) & ((1U << bits) - 1);
}

// Pixels [x, x + n) of an unfiltered row as native samples, `step` bytes from pixel to pixel.
void expand(const Headers& h, const ImageSpec& native, const std::uint8_t* row, std::size_t x, std::size_t n, std::byte* to, std::size_t step) noexcept {
  if (h.color == ColorType::palette) {
    for (std::size_t i = 0; i < n; ++i, to += step) std::memcpy(to, h.palette[sample_at(row, x + i, h.bits)].data(), native.channels);
    return;
  }
  const unsigned channels = h.stored_channels();
  const bool wide = h.bits == 16;
  const std::uint32_t opaque = (1U << h.bits) - 1;
  for (std::size_t i = 0; i < n; ++i, to += step) {
    bool keyed = h.transparency;
    for (unsigned c = 0; c < channels; ++c) {
      const unsigned v = sample_at(row, (x + i) * channels + c, h.bits);
      keyed = keyed && v == h.transparent[c];
      if (wide)
        store(to + 2 * c, static_cast<std::uint16_t>(v), std::endian::native);
      else
        to[c] = static_cast<std::byte>(v);
    }
    if (!h.transparency) continue;
    const std::uint32_t alpha = keyed ? 0 : opaque;
    if (wide)
      store(to + 2 * channels, static_cast<std::uint16_t>(alpha), std::endian::native);
    else
      to[channels] = static_cast<std::byte>(alpha);
  }
}

struct State {
  inflate_state inflate;
};

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const ImageSpec& stored = request.info().spec;
    DecodePlan plan;
    plan.native = stored;
    if (stored.color == ColorSpec::palette) plan.native.color = ColorSpec::srgb;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    const auto& h = headers_of(request);
    plan.scratch = band_bytes(row_bytes_of(h, stored.width), stored.height);
    if (h.interlaced) plan.scratch += static_cast<std::size_t>(saturating_mul(saturating_mul(stored.width, stored.height), plan.native.channels, size_of(stored.type)));
    plan.cost = static_cast<double>(stored.width) * static_cast<double>(request.window.bottom()) * 2.5;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context&) override {
    auto state = states_.lease();
    const Headers& h = headers_of(job.request);
    IdatStream stream(state->inflate, job.request.bytes, h.first_idat);
    return h.interlaced ? decode_interlaced(job, h, stream, scratch) : decode_rows(job, h, stream, scratch);
  }

 private:
  static const Headers& headers_of(const DecodeRequest& request) noexcept { return static_cast<const Headers&>(*request.stream->detail); }
  static std::size_t row_bytes_of(const Headers& h, std::uint64_t width) noexcept {
    return static_cast<std::size_t>(ceil_div<std::uint64_t>(width * h.bits_per_pixel(), 8));
  }
  // A band of about 128 KiB, so that rows are still in the cache when they are delivered.
  static std::size_t band_bytes(std::size_t row_bytes, std::uint64_t rows) noexcept {
    constexpr std::size_t kBand = std::size_t{128} << 10;
    const std::uint64_t fit = kBand / (row_bytes + 1);
    return (row_bytes + 1) * static_cast<std::size_t>(1 + std::clamp<std::uint64_t>(fit, 1, std::max<std::uint64_t>(rows, 1)));
  }
  static std::size_t pixel_distance(const Headers& h) noexcept { return std::max(1U, h.bits_per_pixel() / 8); }

  static Status decode_rows(DecodeJob& job, const Headers& h, IdatStream& stream, Scratch& scratch) {
    const ImageSpec& stored = job.request.info().spec;
    const ImageSpec& native = job.plan.native;
    const Rect& window = job.request.window;
    const std::size_t row_bytes = row_bytes_of(h, stored.width);
    const auto space = scratch.take<std::uint8_t>(band_bytes(row_bytes, stored.height));
    const std::size_t line = native.row_bytes();
    const auto expanded = scratch.take<std::byte>(line);
    if (!space.data() || !expanded.data()) return fail(Errc::out_of_memory, "no memory for a band of rows");
    const bool as_stored = h.bits == 8 && h.color != ColorType::palette && !h.transparency;
    const std::size_t pixel = native.channels * size_of(native.type);
    RowReader rows(stream, space, row_bytes, pixel_distance(h));
    for (std::int64_t y = 0; y < window.bottom();) {
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(rows.capacity()), window.bottom() - y));
      RESTRIDE_TRY(rows.read(n));
      for (std::size_t i = 0; i < n; ++i, ++y) {
        if (y < window.y) continue;
        job.wrote = true;
        const Rect where{0, y - window.y, window.width, 1};
        if (as_stored) {
          job.sink.put_interleaved(where, reinterpret_cast<const std::byte*>(rows.row(i)) + static_cast<std::size_t>(window.x) * pixel, 0);
          continue;
        }
        std::byte* to = job.sink.direct() ? job.sink.direct_view().at(0, where.y) : expanded.data();
        expand(h, native, rows.row(i), static_cast<std::size_t>(window.x), static_cast<std::size_t>(window.width), to, pixel);
        if (!job.sink.direct()) job.sink.put_interleaved(where, expanded.data(), 0);
      }
    }
    return window.bottom() == stored.height ? stream.finish() : Status();
  }

  // 8.2: seven pictures, each a sieve of the whole.
  static Status decode_interlaced(DecodeJob& job, const Headers& h, IdatStream& stream, Scratch& scratch) {
    struct Pass {
      unsigned x, y, dx, dy;
    };
    static constexpr Pass kPasses[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    const std::size_t pixel = job.plan.native.channels * size_of(job.plan.native.type);
    const std::size_t line = stored.width * pixel;
    const auto picture = scratch.take<std::byte>(line * stored.height);
    if (!picture.data()) return fail(Errc::out_of_memory, "no memory for the interlaced picture");
    for (const Pass& pass : kPasses) {
      if (stored.width <= pass.x || stored.height <= pass.y) continue;
      const std::size_t width = (stored.width - pass.x + pass.dx - 1) / pass.dx, height = (stored.height - pass.y + pass.dy - 1) / pass.dy;
      const std::size_t row_bytes = row_bytes_of(h, width);
      const auto space = scratch.take<std::uint8_t>(band_bytes(row_bytes, height));
      if (!space.data()) return fail(Errc::out_of_memory, "no memory for a band of rows");
      RowReader rows(stream, space, row_bytes, pixel_distance(h));
      for (std::size_t y = 0; y < height;) {
        const std::size_t n = std::min(rows.capacity(), height - y);
        RESTRIDE_TRY(rows.read(n));
        for (std::size_t i = 0; i < n; ++i, ++y)
          expand(h, job.plan.native, rows.row(i), 0, width, picture.data() + (pass.y + y * pass.dy) * line + pass.x * pixel, pass.dx * pixel);
      }
    }
    RESTRIDE_TRY(stream.finish());
    job.wrote = true;
    job.sink.put_interleaved({0, 0, window.width, window.height},
                             picture.data() + static_cast<std::size_t>(window.y) * line + static_cast<std::size_t>(window.x) * pixel,
                             static_cast<std::ptrdiff_t>(line));
    return {};
  }

  StatePool<State> states_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

}  // namespace restride::png
