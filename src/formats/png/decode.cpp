// SPDX-License-Identifier: Apache-2.0
// PNG decoding: a band of rows at a time is inflated, reconstructed while it is in the cache, and delivered.
#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "coding/png_filter.h"
#include "formats/png/expand.h"
#include "formats/png/idat.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

constexpr std::size_t kBandBytes = std::size_t{192} << 10;  // with the pixels made of it, within a second level cache

const Headers& headers_of(const DecodeRequest& request) noexcept {
  return static_cast<const Headers&>(*request.stream->detail);
}

// How many of the indices i >= 0 have start + step * i < end, at most `most`.
std::uint32_t count_below(std::int64_t end, std::uint32_t start, std::uint32_t step, std::uint32_t most) noexcept {
  if (end <= start) return 0;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(most, ceil_div<std::int64_t>(end - start, step)));
}

// What of a pass is there, and what of that lies in the window.
struct PassGeometry {
  Pass grid;
  std::uint32_t width, height;
  std::uint32_t left, right, top, bottom;  // columns and rows of the pass in the window, half open

  PassGeometry(const Pass& pass, const Headers& headers, const Rect& window) noexcept : grid(pass) {
    width = count_below(headers.width, pass.x0, pass.dx, 0xffffffffU);
    height = count_below(headers.height, pass.y0, pass.dy, 0xffffffffU);
    left = count_below(window.x, pass.x0, pass.dx, width);
    right = count_below(window.right(), pass.x0, pass.dx, width);
    top = count_below(window.y, pass.y0, pass.dy, height);
    bottom = count_below(window.bottom(), pass.y0, pass.dy, height);
  }
  bool empty() const noexcept { return width == 0 || height == 0; }  // then it has no filter types either (9.1)
  bool in_window() const noexcept { return left < right && top < bottom; }
};

// Working memory of a picture: counted by the plan, taken by the decoder.
struct Needs {
  std::uint64_t band = 0;      // the row above, and rows with their filter types
  std::uint64_t pixels = 0;    // native pixels on their way to the sink
  std::uint64_t pass_row = 0;  // native pixels of a row of a pass

  Needs(const Headers& headers, std::size_t pixel_bytes, const Rect& window, bool direct, bool copied) noexcept {
    const std::uint64_t row = headers.row_bytes(headers.width);
    const std::uint64_t rows = std::clamp<std::uint64_t>(kBandBytes / (row + 1), 1, headers.height);
    band = saturating_add(row, saturating_mul(row + 1, rows));
    const std::uint64_t window_row = saturating_mul(static_cast<std::uint64_t>(window.width), pixel_bytes);
    if (headers.interlaced) pass_row = window_row;
    if (!direct && headers.interlaced) pixels = saturating_mul(window_row, static_cast<std::uint64_t>(window.height));
    if (!direct && !headers.interlaced && !copied) pixels = saturating_mul(window_row, rows);
  }
  std::uint64_t total() const noexcept { return saturating_add(saturating_add(band, pixels), pass_row); }
};

// Inflated bytes that have to be read for a window.
std::uint64_t needed_bytes(const Headers& headers, const Rect& window) noexcept {
  std::uint64_t needed = 0, before = 0;
  for (const Pass& pass : headers.passes()) {
    const PassGeometry geometry(pass, headers, window);
    if (geometry.empty()) continue;
    const std::uint64_t stride = headers.row_bytes(geometry.width) + 1;
    if (geometry.in_window()) needed = saturating_add(before, saturating_mul(stride, geometry.bottom));
    before = saturating_add(before, saturating_mul(stride, geometry.height));
  }
  return needed;
}

template <std::size_t kBytes>
void scatter_pixels(const std::byte* from, std::size_t count, std::byte* to, std::ptrdiff_t step) noexcept {
  for (std::size_t i = 0; i < count; ++i, from += kBytes, to += step) std::memcpy(to, from, kBytes);
}

void scatter(const std::byte* from, std::size_t count, std::size_t pixel, std::byte* to, std::ptrdiff_t step) noexcept {
  switch (pixel) {
    case 1:
      return scatter_pixels<1>(from, count, to, step);
    case 2:
      return scatter_pixels<2>(from, count, to, step);
    case 3:
      return scatter_pixels<3>(from, count, to, step);
    case 4:
      return scatter_pixels<4>(from, count, to, step);
    case 6:
      return scatter_pixels<6>(from, count, to, step);
    default:
      return scatter_pixels<8>(from, count, to, step);
  }
}

// One job from its first byte to its last pixel.
class PictureDecoder {
 public:
  PictureDecoder(DecodeJob& job, IdatReader& reader, Scratch& scratch) noexcept
      : job_(job),
        headers_(headers_of(job.request)),
        window_(job.request.window),
        reader_(reader),
        scratch_(scratch),
        expander_(headers_, job.plan.native) {}

  Status run() {
    RESTRIDE_TRY(reader_.open(job_.request.bytes, headers_));
    RESTRIDE_TRY(take_memory());
    const auto passes = headers_.passes();
    std::size_t used = 0;  // passes up to the last that is seen in the window
    for (std::size_t i = 0; i < passes.size(); ++i)
      if (const PassGeometry pass(passes[i], headers_, window_); !pass.empty() && pass.in_window()) used = i + 1;
    bool at_end = true;  // of the last row of the last pass
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const PassGeometry pass(passes[i], headers_, window_);
      if (pass.empty()) continue;
      if (i < used) RESTRIDE_TRY(decode_pass(pass, i + 1 == used ? pass.bottom : pass.height));
      at_end = i < used && (i + 1 < used || pass.bottom == pass.height);
    }
    if (at_end) {
      RESTRIDE_TRY(reader_.finish());
      RESTRIDE_TRY(check_end());
    }
    if (headers_.interlaced && !job_.sink.direct())
      job_.sink.put_interleaved({0, 0, window_.width, window_.height}, pixels_.data(), pixels_stride_);
    return {};
  }

 private:
  Status take_memory();
  Status decode_pass(const PassGeometry& pass, std::uint32_t rows);
  Status reconstruct_band(const PassGeometry& pass, std::uint32_t first, std::uint32_t rows);
  void deliver_row(const PassGeometry& pass, std::uint32_t row, std::uint32_t band_first, const std::byte* data);
  void deliver_band(const PassGeometry& pass, std::uint32_t first, std::uint32_t rows);

  // 5.6: a file that was cut behind the picture data is still a file that was cut.
  Status check_end() const {
    if (headers_.end == Headers::End::missing)
      return fail_at(Errc::truncated, headers_.end_offset, "the file ends before its last chunk (IEND)");
    if (headers_.end == Headers::End::corrupt)
      return fail_at(Errc::corrupt, headers_.end_offset, "damaged behind the picture data, before or in IEND");
    return {};
  }

  // Rows can be reconstructed right in the caller's memory.
  bool straight() const noexcept {
    return job_.sink.direct() && expander_.is_copy() && !headers_.interlaced && window_.width == headers_.width;
  }
  std::byte* target_row(std::int64_t y) const noexcept { return job_.sink.direct_view().at(0, y); }

  DecodeJob& job_;
  const Headers& headers_;
  const Rect window_;
  IdatReader& reader_;
  Scratch& scratch_;
  const Expander expander_;

  std::span<std::byte> band_;    // the last row of the band before, then a band of filtered rows with their types
  std::span<std::byte> pixels_;  // a band of native pixels; the whole window where it is interlaced
  std::ptrdiff_t pixels_stride_ = 0;
  std::span<std::byte> pass_row_;     // native pixels of one row of a pass
  std::size_t row_bytes_ = 0;         // of the current pass
  const std::byte* above_ = nullptr;  // the reconstructed row above
};

Status PictureDecoder::take_memory() {
  const Needs needs(headers_, expander_.pixel_bytes(), window_, job_.sink.direct(), expander_.is_copy());
  band_ = scratch_.take<std::byte>(needs.band);
  pixels_ = scratch_.take<std::byte>(needs.pixels);
  pass_row_ = scratch_.take<std::byte>(needs.pass_row);
  pixels_stride_ = static_cast<std::ptrdiff_t>(window_.width) * static_cast<std::ptrdiff_t>(expander_.pixel_bytes());
  if (!band_.data() || !pixels_.data() || !pass_row_.data())
    return fail(Errc::out_of_memory, "no memory for rows of %llu bytes",
                static_cast<unsigned long long>(headers_.row_bytes(headers_.width)));
  return {};
}

// Reads the first `rows` rows of a pass; those in the window are delivered.
Status PictureDecoder::decode_pass(const PassGeometry& pass, std::uint32_t rows) {
  row_bytes_ = static_cast<std::size_t>(headers_.row_bytes(pass.width));
  const auto at_once =
      static_cast<std::uint32_t>(std::min<std::size_t>(rows, (band_.size() - row_bytes_) / (row_bytes_ + 1)));
  std::byte* const kept_row = band_.data();
  std::memset(kept_row, 0, row_bytes_);
  above_ = kept_row;
  for (std::uint32_t first = 0; first < rows;) {
    const std::uint32_t n = std::min(at_once, rows - first);
    RESTRIDE_TRY(reader_.read(band_.subspan(row_bytes_, n * (row_bytes_ + 1))));
    RESTRIDE_TRY(reconstruct_band(pass, first, n));
    first += n;
    const bool in_band = above_ > kept_row && above_ < kept_row + band_.size();
    if (in_band) std::memcpy(kept_row, above_, row_bytes_);
    if (in_band) above_ = kept_row;
  }
  return {};
}

Status PictureDecoder::reconstruct_band(const PassGeometry& pass, std::uint32_t first, std::uint32_t rows) {
  if (!pass.in_window()) return {};
  rows = std::min(rows, pass.bottom > first ? pass.bottom - first : 0);  // nothing below depends on the rest
  std::byte* filtered = band_.data() + row_bytes_;
  for (std::uint32_t i = 0; i < rows; ++i, filtered += row_bytes_ + 1) {
    const auto type = static_cast<unsigned>(*filtered);
    if (type >= png_filter::kTypes)
      return fail_at(Errc::corrupt, headers_.data_offset,
                     "IDAT: row %u of the picture has filter type %u; 0 to 4 exist",
                     pass.grid.y0 + pass.grid.dy * (first + i), type);
    const bool seen = first + i >= pass.top;
    if (seen) job_.wrote = true;
    std::byte* out = seen && straight() ? target_row(first + i - window_.y) : filtered + 1;
    png_filter::reconstruct(static_cast<png_filter::Type>(type), headers_.filter_distance(), filtered + 1, above_, out,
                            row_bytes_);
    above_ = out;
    if (seen && !straight()) deliver_row(pass, first + i, first, out);
  }
  if (!straight() && !headers_.interlaced && !job_.sink.direct()) deliver_band(pass, first, rows);
  return {};
}

// Brings one row into its final place, or, where the sink is to convert it, into the band of native pixels.
void PictureDecoder::deliver_row(const PassGeometry& pass, std::uint32_t row, std::uint32_t band_first,
                                 const std::byte* data) {
  const std::size_t count = pass.right - pass.left;
  const bool direct = job_.sink.direct();
  const std::int64_t y = std::int64_t{pass.grid.y0} + std::int64_t{pass.grid.dy} * row - window_.y;
  if (headers_.interlaced) {
    const std::int64_t x = std::int64_t{pass.grid.x0} + std::int64_t{pass.grid.dx} * pass.left - window_.x;
    const auto pixel = static_cast<std::ptrdiff_t>(expander_.pixel_bytes());
    std::byte* to = (direct ? target_row(y) : pixels_.data() + y * pixels_stride_) + x * pixel;
    expander_.expand(data, pass.left, count, pass_row_.data());
    scatter(pass_row_.data(), count, expander_.pixel_bytes(), to, pixel * pass.grid.dx);
  } else if (direct) {
    expander_.expand(data, pass.left, count, target_row(y));
  } else if (!expander_.is_copy()) {
    const std::uint32_t in_band = row - std::max(band_first, pass.top);
    expander_.expand(data, pass.left, count, pixels_.data() + in_band * pixels_stride_);
  }
}

// Hands the band's rows in the window to the sink.
void PictureDecoder::deliver_band(const PassGeometry& pass, std::uint32_t first, std::uint32_t rows) {
  const std::uint32_t from = std::max(first, pass.top), to = first + rows;
  if (from >= to) return;
  const Rect where{0, from - window_.y, window_.width, to - from};
  if (!expander_.is_copy()) return job_.sink.put_interleaved(where, pixels_.data(), pixels_stride_);
  const std::size_t stride = row_bytes_ + 1;
  const std::byte* data = band_.data() + row_bytes_ + (from - first) * stride + 1;
  job_.sink.put_interleaved(where, data + pass.left * expander_.pixel_bytes(), static_cast<std::ptrdiff_t>(stride));
}

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const Headers& headers = headers_of(request);
    // Deflate makes at most 258 bytes of 2 bits: less data than that cannot hold the rows, and no memory is taken.
    constexpr std::uint64_t kLargestRatio = 1032;
    const std::uint64_t needed = needed_bytes(headers, request.window);
    if (needed > saturating_mul(headers.data_bytes, kLargestRatio))
      return fail_at(Errc::truncated, headers.data_offset, "IDAT: %llu compressed bytes cannot hold %u x %u pixels",
                     static_cast<unsigned long long>(headers.data_bytes), headers.width, headers.height);
    DecodePlan plan;
    plan.native = native_spec(headers, request.info().spec, request.wanted);
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    const std::size_t pixel_bytes = plan.native.channels * size_of(plan.native.type);
    plan.scratch = static_cast<std::size_t>(Needs(headers, pixel_bytes, request.window, false, false).total());
    plan.cost = static_cast<double>(needed);
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context&) override {
    auto reader = readers_.lease();
    return PictureDecoder(job, *reader, scratch).run();
  }

 private:
  StatePool<IdatReader> readers_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

}  // namespace restride::png
