// SPDX-License-Identifier: Apache-2.0
// WebP through libwebp's advanced interface, into the caller's rows where the layout allows. Regions are decoded whole
// and cropped: libwebp moves the borders of a crop to even positions and upsamples chroma there differently.
#include <webp/decode.h>

#include <algorithm>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

Error error_of(VP8StatusCode code, std::size_t size) {
  switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return fail(Errc::out_of_memory, "libwebp ran out of memory");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return fail_at(Errc::truncated, size, "the file ends before its last pixels");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return fail(Errc::unsupported, "libwebp does not support a feature of this file");
    default:
      return fail(Errc::corrupt, "the compressed pixels are damaged (libwebp: %d)", static_cast<int>(code));
  }
}

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const ImageSpec& stored = request.info().spec;
    DecodePlan plan;
    plan.native = stored;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    const SampleFormat want = interleaved(request.wanted.format);
    // RGB of a picture with alpha is what libwebp gives when alpha is simply not asked for; BGR and RGBA come for free.
    if (want == SampleFormat::i_bgr || want == SampleFormat::i_rgb || want == SampleFormat::i_rgba)
      plan.native.format = want;
    plan.native.channels = channels_of(plan.native.format);
    plan.scratch = static_cast<std::size_t>(saturating_mul(stored.width, stored.height, 8));
    plan.cost = static_cast<double>(stored.width) * stored.height * 4;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return fail(Errc::internal, "libwebp is of another version than its headers");
    const auto* data = reinterpret_cast<const std::uint8_t*>(job.request.bytes.data());
    const std::size_t size = job.request.bytes.size();
    if (const VP8StatusCode code = WebPGetFeatures(data, size, &config.input); code != VP8_STATUS_OK)
      return error_of(code, size);
    if (config.input.has_animation)
      return fail(Errc::unsupported, "animated WebP is not supported: extract a frame first");

    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    const ImageSpec& native = job.plan.native;
    const bool whole = window == Rect{0, 0, stored.width, stored.height};
    const bool straight = whole && job.sink.direct();
    const std::size_t line = std::size_t{stored.width} * native.channels;
    std::byte* pixels = straight ? job.sink.direct_view().data : scratch.allocate(line * stored.height);
    if (!pixels) return fail(Errc::out_of_memory, "no memory for the decoded picture");
    const std::ptrdiff_t stride = straight ? job.sink.direct_view().row_stride : static_cast<std::ptrdiff_t>(line);
    if (stride > 0x7fffffff) return fail(Errc::unsupported, "rows of more than 2 GiB");

    config.output.colorspace = native.format == SampleFormat::i_bgr    ? MODE_BGR
                               : native.format == SampleFormat::i_rgba ? MODE_RGBA
                                                                       : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = reinterpret_cast<std::uint8_t*>(pixels);
    config.output.u.RGBA.stride = static_cast<int>(stride);
    config.output.u.RGBA.size = static_cast<std::size_t>(stride) * (stored.height - 1) + line;
    config.options.use_threads =
        context.executor.concurrency() > 1 && std::uint64_t{stored.width} * stored.height > 1000000;
    job.wrote = straight;
    const VP8StatusCode code = WebPDecode(data, size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code != VP8_STATUS_OK) return error_of(code, size);
    if (straight) return {};
    job.wrote = true;
    job.sink.put_interleaved(
        {0, 0, window.width, window.height},
        pixels + static_cast<std::size_t>(window.y) * line + static_cast<std::size_t>(window.x) * native.channels,
        static_cast<std::ptrdiff_t>(line));
    return {};
  }
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

}  // namespace restride::webp
