// SPDX-License-Identifier: Apache-2.0
// WebP decoding through libwebp's advanced interface, into the caller's rows where the layout allows.
#include <webp/decode.h>

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/webp/active.h"
#include "formats/webp/headers.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

const Headers& headers_of(const DecodeRequest& request) noexcept {
  return static_cast<const Headers&>(*request.stream->detail);
}

// Of a bitstream from `offset` to `end`; libwebp does not say where in it.
Error error_of(VP8StatusCode status, std::uint64_t offset, std::uint64_t end) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return fail(Errc::out_of_memory, "no memory for libwebp to decode with");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return fail_at(Errc::truncated, end, "the picture data ends before the picture does");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return fail(Errc::unsupported, "a variant of WebP that libwebp does not read");
    case VP8_STATUS_BITSTREAM_ERROR:
      return fail_at(Errc::corrupt, offset, "the picture data is damaged");
    default:
      return fail(Errc::internal, "libwebp cannot decode (status %d)", static_cast<int>(status));
  }
}

WEBP_CSP_MODE mode_of(SampleFormat format) noexcept {
  switch (format) {
    case SampleFormat::i_bgr:
      return MODE_BGR;
    case SampleFormat::i_rgba:
      return MODE_RGBA;
    default:
      return MODE_RGB;
  }
}

// The rectangle to ask libwebp for, so that its pixels in `window` are those of the whole picture. Where chroma is
// upsampled, a cut has the effect of the picture's edge on the two pixels beside it, and libwebp moves odd positions.
// The alpha plane of a lossy picture may be filtered from row to row (RFC 9649, 2.7.1.2), which libwebp starts at the
// crop's first row in some cases where it would have to start at the picture's (horizontal filter, few levels).
Rect crop_for(const Rect& window, const Rect& picture, const DecodeJob& job) noexcept {
  if (headers_of(job.request).lossless) return window;
  constexpr std::int64_t kMargin = 2, kEven = ~std::int64_t{1};
  const bool alpha = job.plan.native.channels == 4;
  const std::int64_t left = (window.x - kMargin) & kEven, top = alpha ? 0 : (window.y - kMargin) & kEven;
  return intersect(picture, {left, top, window.right() + kMargin - left, window.bottom() + kMargin - top});
}

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const Headers& headers = headers_of(request);
    if (headers.data_size == 0)
      return fail(Errc::unsupported,
                  "an animation whose first frame covers only a part of the canvas: extract a frame first");
    const ImageSpec& stored = request.info().spec;
    DecodePlan plan;
    plan.native = stored;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    // libwebp makes any of these three; without alpha there is less to convert.
    const SampleFormat wanted = interleaved(request.wanted.format);
    if (wanted == SampleFormat::i_bgr || wanted == SampleFormat::i_rgb || wanted == SampleFormat::i_rgba)
      plan.native.format = wanted;
    else if (wanted == SampleFormat::i_y || wanted == SampleFormat::i_ycc)
      plan.native.format = SampleFormat::i_rgb;
    plan.native.channels = channels_of(plan.native.format);
    const std::uint64_t picture = saturating_mul(stored.width, stored.height);
    plan.scratch = static_cast<std::size_t>(saturating_mul(picture, plan.native.channels + (headers.lossless ? 5 : 2)));
    plan.cost = static_cast<double>(stored.width) * static_cast<double>(request.window.bottom()) * 4;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override {
    const Headers& headers = headers_of(job.request);
    const ImageSpec& stored = job.request.info().spec;
    const Rect picture{0, 0, stored.width, stored.height};
    const Rect& window = job.request.window;
    const Rect crop = window == picture ? picture : crop_for(window, picture, job);

    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return fail(Errc::internal, "libwebp is another version than its headers");
    const std::ptrdiff_t pixel = job.plan.native.channels;
    std::ptrdiff_t stride = crop.width * pixel;
    std::byte* to = nullptr;
    const bool straight = job.sink.direct() && crop == window && fits(job.sink.direct_view().row_stride);
    if (straight) {
      to = job.sink.direct_view().data;
      stride = job.sink.direct_view().row_stride;
    } else {
      to = scratch.allocate(static_cast<std::size_t>(stride) * static_cast<std::size_t>(crop.height));
      if (!to) return fail(Errc::out_of_memory, "no memory for %lld rows", static_cast<long long>(crop.height));
    }
    config.output.colorspace = mode_of(job.plan.native.format);
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = reinterpret_cast<std::uint8_t*>(to);
    config.output.u.RGBA.stride = static_cast<int>(stride);
    config.output.u.RGBA.size = static_cast<std::size_t>(stride * (crop.height - 1) + crop.width * pixel);
    if (crop != picture) {
      config.options.use_cropping = 1;
      config.options.crop_left = static_cast<int>(crop.x);
      config.options.crop_top = static_cast<int>(crop.y);
      config.options.crop_width = static_cast<int>(crop.width);
      config.options.crop_height = static_cast<int>(crop.height);
    }
    const Active active(active_);
    config.options.use_threads = active.alone() && context.executor.concurrency() > 1;

    job.wrote = straight;
    const ByteSpan data = job.request.bytes.subspan(headers.data_offset, headers.data_size);
    VP8StatusCode status = WebPDecode(reinterpret_cast<const std::uint8_t*>(data.data()), data.size(), &config);
    if (status == VP8_STATUS_OUT_OF_MEMORY && config.options.use_threads) {  // or of threads: that is all it says
      config.options.use_threads = 0;
      status = WebPDecode(reinterpret_cast<const std::uint8_t*>(data.data()), data.size(), &config);
    }
    WebPFreeDecBuffer(&config.output);
    if (status != VP8_STATUS_OK) return error_of(status, headers.data_offset, headers.data_offset + headers.data_size);
    if (straight) return {};
    job.wrote = true;
    job.sink.put_interleaved({0, 0, window.width, window.height},
                             to + (window.y - crop.y) * stride + (window.x - crop.x) * pixel, stride);
    return {};
  }

 private:
  static bool fits(std::ptrdiff_t stride) noexcept { return stride > 0 && stride <= std::numeric_limits<int>::max(); }

  std::atomic<int> active_{0};
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

std::string library_version() {
  const int version = WebPGetDecoderVersion();  // 0xMMmmrr
  return std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 255) + "." + std::to_string(version & 255);
}

}  // namespace restride::webp
