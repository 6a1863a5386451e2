// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "codec/bands.h"
#include "formats/pnm/headers.h"
#include "formats/pnm/pnm.h"
#include "image/convert/kernels.h"

namespace restride::pnm {
namespace {

// Decimal samples of P1 to P3, one by one. P1's digits need no white space between them.
class AsciiReader {
 public:
  AsciiReader(ByteSpan bytes, std::size_t position) noexcept : bytes_(bytes), position_(position) {}

  // The next sample, at most `max`; -1 at the end, -2 where something else stands.
  std::int64_t next(std::uint32_t max, bool single_digit) noexcept {
    while (position_ < bytes_.size()) {
      const auto c = static_cast<unsigned char>(bytes_[position_]);
      if (c == '#') {
        while (position_ < bytes_.size() && static_cast<char>(bytes_[position_]) != '\n') ++position_;
      } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
        ++position_;
      } else {
        break;
      }
    }
    if (position_ >= bytes_.size()) return -1;
    std::uint32_t value = 0;
    int digits = 0;
    while (position_ < bytes_.size() && digits < (single_digit ? 1 : 10)) {
      const unsigned digit = static_cast<unsigned>(bytes_[position_]) - '0';
      if (digit > 9) break;
      value = value * 10 + digit;
      if (value > max) return -2;
      ++digits;
      ++position_;
    }
    return digits ? static_cast<std::int64_t>(value) : -2;
  }
  std::size_t position() const noexcept { return position_; }

 private:
  ByteSpan bytes_;
  std::size_t position_;
};

// round(v * full / maxval)
std::uint32_t scaled(std::uint32_t v, std::uint32_t maxval, std::uint32_t full) noexcept {
  if (v > maxval) v = maxval;
  return maxval == full ? v : static_cast<std::uint32_t>((std::uint64_t{v} * full + maxval / 2) / maxval);
}

void store_sample(std::byte* to, SampleType type, std::uint32_t value) noexcept {
  if (type == SampleType::u8)
    *to = static_cast<std::byte>(value);
  else
    store(to, static_cast<std::uint16_t>(value), std::endian::native);
}

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    RESTRIDE_TRY(check_size(request));
    DecodePlan plan;
    plan.native = request.info().spec;
    plan.native.format = interleaved(plan.native.format);
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    plan.scratch = request.info().spec.row_bytes() * request.info().spec.channels;
    plan.cost = static_cast<double>(request.window.width) * static_cast<double>(request.window.height) * 0.1;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override {
    const auto& h = static_cast<const Headers&>(*job.request.stream->detail);
    return h.ascii() ? decode_ascii(job, h, scratch) : decode_binary(job, h, scratch, context);
  }

 private:
  static std::uint64_t bytes_of_row(const Headers& h, const ImageSpec& stored) noexcept {
    return h.bitmap() ? ceil_div<std::uint64_t>(stored.width, 8)
                      : saturating_mul(stored.width, size_of(stored.type) * stored.channels);
  }

  // The pixels must be there before anybody takes memory for them. As text, a sample is a digit, and white space before
  // the next unless it is a bit.
  static Status check_size(const DecodeRequest& request) {
    const auto& h = static_cast<const Headers&>(*request.stream->detail);
    const ImageSpec& stored = request.info().spec;
    const std::uint64_t samples =
        saturating_mul(stored.width, stored.channels, static_cast<std::uint64_t>(request.window.bottom()));
    const std::uint64_t need = !h.ascii()   ? saturating_mul(bytes_of_row(h, stored), stored.height)
                               : h.bitmap() ? samples
                                            : saturating_mul(samples, 2) - 1;
    const std::uint64_t have = request.bytes.size() - h.pixels_offset;
    if (need <= have) return {};
    return fail_at(Errc::truncated, request.bytes.size(), "the pixels need %llu bytes, the file has %llu",
                   static_cast<unsigned long long>(need), static_cast<unsigned long long>(have));
  }

  static Status decode_ascii(DecodeJob& job, const Headers& h, Scratch& scratch) {
    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    const std::size_t sample = size_of(stored.type);
    const auto row = scratch.take<std::byte>(std::size_t{stored.width} * stored.channels * sample);
    if (!row.data()) return fail(Errc::out_of_memory, "no memory for a row");
    AsciiReader reader(job.request.bytes, h.pixels_offset);
    const std::uint32_t full = (1U << stored.bits()) - 1;
    for (std::int64_t y = 0; y < window.bottom(); ++y) {
      for (std::size_t i = 0; i < std::size_t{stored.width} * stored.channels; ++i) {
        const std::int64_t value = reader.next(h.maxval, h.bitmap());
        if (value == -1)
          return fail_at(Errc::truncated, reader.position(), "the file ends in row %lld", static_cast<long long>(y));
        if (value < 0) return fail_at(Errc::corrupt, reader.position(), "a sample is no number from 0 to %u", h.maxval);
        const auto v = static_cast<std::uint32_t>(value);
        store_sample(row.data() + i * sample, stored.type, h.bitmap() ? (v ? 0 : 255) : scaled(v, h.maxval, full));
      }
      if (y < window.y) continue;
      job.wrote = true;
      job.sink.put_interleaved({0, y - window.y, window.width, 1},
                               row.data() + static_cast<std::size_t>(window.x) * stored.channels * sample,
                               static_cast<std::ptrdiff_t>(row.size()));
    }
    return {};
  }

  static Status decode_binary(DecodeJob& job, const Headers& h, Scratch& scratch, Context& context) {
    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    const std::size_t sample = size_of(stored.type);
    const std::size_t pixel = sample * stored.channels;
    const std::uint64_t row_bytes = bytes_of_row(h, stored);
    const ByteSpan data = job.request.bytes.subspan(h.pixels_offset);
    const auto row_of = [&](std::int64_t y) {
      return data.data() +
             static_cast<std::uint64_t>(h.pfm() ? stored.height - 1 - y : y) * row_bytes;  // PFM is bottom-up
    };
    job.wrote = true;
    const bool as_stored = (sample == 1 && !h.bitmap() && h.maxval == (1U << stored.bits()) - 1) ||
                           (h.pfm() && h.little_endian == (std::endian::native == std::endian::little));
    if (as_stored) {
      const std::byte* first = row_of(window.y) + static_cast<std::size_t>(window.x) * pixel;
      const auto stride = static_cast<std::ptrdiff_t>(row_bytes);
      const std::ptrdiff_t step = h.pfm() ? -stride : stride;
      for_each_band(context.executor, window.height, job.plan.native.row_bytes(),
                    [&](std::int64_t y, std::int64_t count) {
                      job.sink.put_interleaved({0, y, window.width, count}, first + y * step, step);
                    });
      return {};
    }
    const std::size_t samples = static_cast<std::size_t>(window.width) * stored.channels;
    const auto space = scratch.take<std::byte>(samples * sample);
    if (!space.data()) return fail(Errc::out_of_memory, "no memory for a row");
    for (std::int64_t y = 0; y < window.height; ++y) {
      std::byte* to = job.sink.direct() ? job.sink.direct_view().at(0, y) : space.data();
      expand_row(h, stored, row_of(window.y + y), window.x, samples, to);
      if (!job.sink.direct())
        job.sink.put_interleaved({0, y, window.width, 1}, space.data(), static_cast<std::ptrdiff_t>(space.size()));
    }
    return {};
  }

  // `samples` samples from pixel x on, to native order and full range.
  static void expand_row(const Headers& h, const ImageSpec& stored, const std::byte* row, std::int64_t x,
                         std::size_t samples, std::byte* to) noexcept {
    if (h.bitmap()) {
      for (std::size_t i = 0; i < samples; ++i) {
        const std::size_t bit = static_cast<std::size_t>(x) + i;
        to[i] =
            (static_cast<unsigned>(row[bit / 8]) >> (7 - bit % 8)) & 1 ? std::byte{0} : std::byte{255};  // 1 is black
      }
      return;
    }
    const std::size_t sample = size_of(stored.type);
    const std::uint32_t full = h.pfm() ? 0 : (1U << stored.bits()) - 1;
    const std::byte* from = row + static_cast<std::size_t>(x) * stored.channels * sample;
    const bool swap = std::endian::native == std::endian::little && (h.pfm() || (sample == 2 && h.maxval == full));
    if (swap) return kernels::best().permute(kernels::byte_swap(static_cast<unsigned>(sample)), from, to, samples);
    for (std::size_t i = 0; i < samples; ++i, from += sample, to += sample) {
      if (h.pfm())
        store(to, load<std::uint32_t>(from, h.little_endian ? std::endian::little : std::endian::big),
              std::endian::native);
      else if (sample == 2)
        store(to, static_cast<std::uint16_t>(scaled(load<std::uint16_t>(from, std::endian::big), h.maxval, full)),
              std::endian::native);
      else
        *to = static_cast<std::byte>(scaled(static_cast<std::uint8_t>(*from), h.maxval, full));
    }
  }
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

}  // namespace restride::pnm
