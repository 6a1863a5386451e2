// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/lossless.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/jpeg/headers.h"

namespace restride::jpeg {
namespace {

constexpr unsigned kMaxComponents = 3;

// Bits of entropy-coded data, most significant first, without the zeros stuffed behind FF (F.2.2.5). Behind the data
// come zeros; overran() tells.
class BitReader {
 public:
  BitReader(ByteSpan bytes, std::size_t position) noexcept : bytes_(bytes), position_(position) {}

  // The next 16 bits, not taken.
  std::uint32_t peek16() noexcept {
    while (have_ < 16) fill();
    return static_cast<std::uint32_t>(bits_ >> (have_ - 16)) & 0xffff;
  }
  // n <= 16 bits that were peeked at, or n <= 16 new ones.
  std::uint32_t take(unsigned n) noexcept {
    while (have_ < n) fill();
    have_ -= n;
    return static_cast<std::uint32_t>(bits_ >> have_) & ((1U << n) - 1);
  }
  // More bits were taken than there were.
  bool overran() const noexcept { return invented_ > have_; }
  std::size_t position() const noexcept { return position_; }

  // Moves behind the restart marker that must come here (F.2.1.3.1); false if none does.
  bool restart() noexcept {
    while (position_ + 1 < bytes_.size() && u8_at(bytes_, position_) == 0xff && u8_at(bytes_, position_ + 1) == 0xff)
      ++position_;
    if (overran() || position_ + 1 >= bytes_.size() || u8_at(bytes_, position_) != 0xff ||
        (u8_at(bytes_, position_ + 1) & 0xf8) != 0xd0)
      return false;
    position_ += 2;
    bits_ = have_ = invented_ = 0;
    return true;
  }

 private:
  void fill() noexcept {
    std::uint8_t byte = 0;
    const bool more = position_ < bytes_.size();
    const bool marker = more && u8_at(bytes_, position_) == 0xff &&
                        (position_ + 1 == bytes_.size() || u8_at(bytes_, position_ + 1) != 0);
    if (more && !marker) {
      byte = u8_at(bytes_, position_);
      position_ += byte == 0xff ? 2 : 1;
    } else {
      invented_ = std::min(invented_ + 8, 1U << 20);
    }
    bits_ = bits_ << 8 | byte;
    have_ += 8;
  }

  ByteSpan bytes_;
  std::size_t position_;
  std::uint64_t bits_ = 0;
  unsigned have_ = 0, invented_ = 0;
};

// Codes of differences' sizes (H.1.2.2): 0 to 16.
class SizeTable {
 public:
  static constexpr std::uint8_t kBad = 0xff;

  // False where the counts make no prefix code, or a symbol is no size.
  bool build(const HuffmanTable& from) noexcept {
    entries_.fill({0, kBad});
    std::uint32_t code = 0;
    std::size_t symbol = 0;
    for (unsigned length = 1; length <= 16; ++length) {
      for (unsigned i = 0; i < from.counts[length - 1]; ++i, ++code, ++symbol) {
        if (code >= 1U << length || symbol >= from.symbols.size() || from.symbols[symbol] > 16) return false;
        const std::size_t first = std::size_t{code} << (16 - length), count = std::size_t{1} << (16 - length);
        std::fill_n(entries_.begin() + static_cast<std::ptrdiff_t>(first), count,
                    Entry{static_cast<std::uint8_t>(length), from.symbols[symbol]});
      }
      code <<= 1;
    }
    return symbol > 0;
  }

  // The next difference modulo 2^16; false for a code that does not exist.
  bool difference(BitReader& bits, std::uint16_t& value) const noexcept {
    const Entry entry = entries_[bits.peek16()];
    if (entry.size == kBad) return false;
    (void)bits.take(entry.length);
    if (entry.size == 16) {
      value = 0x8000;
      return true;
    }
    const std::uint32_t raw = bits.take(entry.size);  // Figure F.12
    const bool negative = entry.size != 0 && raw < 1U << (entry.size - 1);
    value = static_cast<std::uint16_t>(negative ? raw - (1U << entry.size) + 1 : raw);
    return true;
  }

 private:
  struct Entry {
    std::uint8_t length, size;
  };
  std::array<Entry, 65536> entries_;
};

// Table H.1, modulo 2^16.
std::uint32_t predict(unsigned selection, std::int32_t a, std::int32_t b, std::int32_t c) noexcept {
  switch (selection) {
    case 1:
      return static_cast<std::uint32_t>(a);
    case 2:
      return static_cast<std::uint32_t>(b);
    case 3:
      return static_cast<std::uint32_t>(c);
    case 4:
      return static_cast<std::uint32_t>(a + b - c);
    case 5:
      return static_cast<std::uint32_t>(a + ((b - c) >> 1));
    case 6:
      return static_cast<std::uint32_t>(b + ((a - c) >> 1));
    default:
      return static_cast<std::uint32_t>((a + b) >> 1);
  }
}

// Differences to samples in place; `above` is the row before, null in the first row of a restart interval (H.1.2.1).
void reconstruct(std::span<std::uint16_t> row, const std::uint16_t* above, unsigned selection,
                 std::uint32_t start) noexcept {
  row[0] = static_cast<std::uint16_t>(row[0] + (above ? above[0] : start));
  for (std::size_t x = 1; x < row.size(); ++x) {
    const std::uint32_t predicted = above ? predict(selection, row[x - 1], above[x], above[x - 1]) : row[x - 1];
    row[x] = static_cast<std::uint16_t>(row[x] + predicted);
  }
}

struct Tables {
  std::array<SizeTable, kMaxComponents> of_component;
};

// Decodes one scan; deliver(component, y, row) gets its rows from the top, up to `rows`.
class ScanDecoder {
 public:
  ScanDecoder(const Headers& headers, const Scan& scan, std::uint32_t width, std::uint32_t height,
              ByteSpan bytes) noexcept
      : headers_(headers), scan_(scan), width_(width), height_(height), bits_(bytes, scan.offset) {}

  Status prepare(const Scans& scans, Tables& tables, Scratch& scratch) {
    if (scan_.ss < 1 || scan_.ss > 7 || scan_.se != 0 || scan_.ah != 0 || scan_.al >= headers_.precision)
      return fail_at(Errc::corrupt, scan_.offset, "SOS: predictor %u, point transform %u", unsigned{scan_.ss},
                     unsigned{scan_.al});
    if (scan_.restart_interval % width_ != 0)
      return fail_at(Errc::unsupported, scan_.offset, "lossless JPEG: a restart interval of %u samples in rows of %u",
                     scan_.restart_interval, width_);
    for (unsigned k = 0; k < scan_.components; ++k) {
      if (scan_.dc[k] == Scan::kNoTable || !tables.of_component[k].build(scans.huffman[scan_.dc[k]]))
        return fail_at(Errc::corrupt, scan_.offset, "DHT: the table of component %u is missing or wrong", k);
      for (auto& row : rows_[k]) {
        row = scratch.take<std::uint16_t>(width_);
        if (!row.data()) return fail(Errc::out_of_memory, "no memory for two rows");
      }
    }
    tables_ = &tables;
    return {};
  }

  template <class Deliver>
  Status run(std::uint32_t rows, Deliver&& deliver) {
    const std::uint32_t interval = scan_.restart_interval / width_;  // in rows; 0: none
    const std::uint32_t start = 1U << (headers_.precision - scan_.al - 1);
    for (std::uint32_t y = 0; y < rows; ++y) {
      const bool restarts = interval != 0 && y != 0 && y % interval == 0;
      if (restarts && !bits_.restart())
        return fail_at(Errc::corrupt, bits_.position(), "no restart marker before row %u", y);
      RESTRIDE_TRY(read_differences(y));
      for (unsigned k = 0; k < scan_.components; ++k) {
        const bool first = y == 0 || restarts;
        reconstruct(rows_[k][y % 2], first ? nullptr : rows_[k][(y + 1) % 2].data(), scan_.ss, start);
        deliver(scan_.component[k], y, rows_[k][y % 2]);
      }
    }
    return {};
  }

 private:
  Status read_differences(std::uint32_t y) {
    for (std::uint32_t x = 0; x < width_; ++x)
      for (unsigned k = 0; k < scan_.components; ++k)
        if (!tables_->of_component[k].difference(bits_, rows_[k][y % 2][x]))
          return bits_.overran() ? truncated(y)
                                 : fail_at(Errc::corrupt, bits_.position(), "a bad Huffman code in row %u", y);
    return bits_.overran() ? Status(truncated(y)) : Status();
  }
  Error truncated(std::uint32_t y) const {
    return fail_at(Errc::truncated, bits_.position(), "the data end in row %u of %u", y, height_);
  }

  const Headers& headers_;
  const Scan& scan_;
  std::uint32_t width_, height_;
  BitReader bits_;
  const Tables* tables_ = nullptr;
  std::array<std::array<std::span<std::uint16_t>, 2>, kMaxComponents> rows_{};  // this one and the one above, by turns
};

class LosslessDecoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const auto& headers = static_cast<const Headers&>(*request.stream->detail);
    if (headers.sof != 0xc3) return fail_at(Errc::unsupported, headers.frame_offset, "not lossless JPEG (SOF3)");
    if (headers.components > kMaxComponents || headers.precision < 2 || headers.precision > 16)
      return fail_at(Errc::unsupported, headers.frame_offset, "lossless JPEG of %u components, %u bits",
                     headers.components, headers.precision);
    for (unsigned i = 1; i < headers.components; ++i)
      if (headers.component[i].h != headers.component[0].h || headers.component[i].v != headers.component[0].v)
        return fail_at(Errc::unsupported, headers.frame_offset, "lossless JPEG with subsampled components");
    DecodePlan plan;
    plan.native = request.info().spec;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    plan.native.format = interleaved(plan.native.format);
    const std::uint64_t row = std::uint64_t{request.info().spec.width} * headers.components * 2;
    plan.scratch = static_cast<std::size_t>(
        saturating_mul(row, several_scans(headers) ? std::uint64_t{request.info().spec.height} + 4 : 4));
    plan.cost = static_cast<double>(request.info().spec.width) * static_cast<double>(request.window.bottom()) *
                headers.components * 4;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context&) override {
    const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
    const Scans& scans = headers.scans(job.request.bytes);
    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    const auto rows = static_cast<std::uint32_t>(window.bottom());
    // One scan of all components is delivered row by row; several wait for the last.
    const bool gather = several_scans(headers);
    const auto pixel = std::size_t{stored.channels};
    const std::size_t row_samples = stored.width * pixel;
    const auto pixels = scratch.take<std::uint16_t>(gather ? row_samples * rows : row_samples);
    if (!pixels.data()) return fail(Errc::out_of_memory, "no memory for a lossless picture");
    auto tables = tables_.lease();
    unsigned seen = 0;
    for (const Scan& scan : scans.list) {
      ScanDecoder decoder(headers, scan, stored.width, stored.height, job.request.bytes);
      RESTRIDE_TRY(decoder.prepare(scans, *tables, scratch));
      RESTRIDE_TRY(decoder.run(rows, [&](unsigned component, std::uint32_t y, std::span<const std::uint16_t> row) {
        std::uint16_t* to = pixels.data() + (gather ? y * row_samples : 0) + component;
        for (const std::uint16_t sample : row) {
          *to = static_cast<std::uint16_t>(sample << scan.al);  // the point transform (H.1.2.1)
          to += pixel;
        }
        if (!gather && component == scan.component[scan.components - 1U] && y >= window.y)
          deliver(job, y - window.y, pixels.data(), 1, row_samples);
      }));
      for (unsigned k = 0; k < scan.components; ++k) seen |= 1U << scan.component[k];
    }
    if (seen != (1U << headers.components) - 1)
      return fail_at(Errc::truncated, job.request.bytes.size(), "the file ends before the last component's scan");
    if (gather)
      deliver(job, 0, pixels.data() + static_cast<std::size_t>(window.y) * row_samples, window.height, row_samples);
    return {};
  }

 private:
  static bool several_scans(const Headers& headers) noexcept {
    return headers.first.list.empty() || headers.first.list[0].components != headers.components;
  }

  // Rows of 16-bit samples to the sink; those of up to 8 bits are narrowed in place first.
  static void deliver(DecodeJob& job, std::int64_t y, std::uint16_t* pixels, std::int64_t rows,
                      std::size_t row_samples) {
    const Rect& window = job.request.window;
    const std::size_t sample = size_of(job.plan.native.type);
    auto* bytes = reinterpret_cast<std::byte*>(pixels);
    if (sample == 1)
      for (std::size_t i = 0; i < row_samples * static_cast<std::size_t>(rows); ++i)
        bytes[i] = static_cast<std::byte>(pixels[i]);
    job.wrote = true;
    const std::size_t first = static_cast<std::size_t>(window.x) * job.plan.native.channels * sample;
    job.sink.put_interleaved({0, y, window.width, rows}, bytes + first,
                             static_cast<std::ptrdiff_t>(row_samples * sample));
  }

  StatePool<Tables> tables_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_lossless_decoder(const CodecOptions&) {
  return std::make_unique<LosslessDecoder>();
}

}  // namespace restride::jpeg
