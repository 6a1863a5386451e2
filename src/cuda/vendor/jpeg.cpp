// SPDX-License-Identifier: Apache-2.0
#include "cuda/vendor/jpeg.h"

#include "formats/jpeg/headers.h"

namespace restride::cuda::vendor {
namespace {

Error refused(const char* what) { return fail(Errc::unsupported, "nvJPEG: %s", what); }

bool takes_sampling(ChromaSubsampling sampling, const JpegLimits& limits) noexcept {
  switch (sampling) {
    case ChromaSubsampling::css_444:
    case ChromaSubsampling::css_422:
    case ChromaSubsampling::css_420:
    case ChromaSubsampling::css_440:
    case ChromaSubsampling::css_gray:
      return true;
    case ChromaSubsampling::css_411:
    case ChromaSubsampling::css_410:
    case ChromaSubsampling::css_410v:
      return limits.rare_samplings;
    default:
      return false;
  }
}

}  // namespace

Result<DecodePlan> plan_jpeg(const DecodeRequest& request, const JpegLimits& limits) {
  const auto& headers = static_cast<const jpeg::Headers&>(*request.stream->detail);
  const ImageInfo& info = request.info();
  if (request.reduce != 0) return refused("pictures are not reduced while decoding");
  if (headers.precision != 8) return refused("only 8 bits a sample are supported");
  const bool baseline = headers.sof == 0xc0;
  if (!baseline && !(limits.progressive && (headers.sof == 0xc1 || headers.sof == 0xc2)))
    return refused("this JPEG process is not supported");
  if (info.spec.color != ColorSpec::sycc && info.spec.color != ColorSpec::gray)
    return refused("only YCbCr and gray are supported");
  if (!takes_sampling(info.subsampling, limits)) return refused("this chroma sampling is not supported");
  // libjpeg interpolates chroma only where a row has more than two samples of it.
  const auto& c = headers.component;
  if (headers.components == 3 && c[0].h == 2 * c[1].h && info.spec.width <= 4)
    return refused("the picture is too narrow");
  const SampleFormat wanted = interleaved(request.wanted.format);
  if (wanted == SampleFormat::i_ycc) return refused("YCbCr output is not supported");
  const bool gray = info.spec.color == ColorSpec::gray || wanted == SampleFormat::i_y;
  DecodePlan plan;
  plan.native.width = static_cast<std::uint32_t>(request.window.width);
  plan.native.height = static_cast<std::uint32_t>(request.window.height);
  plan.native.channels = gray ? 1 : 3;
  plan.native.format = gray ? SampleFormat::i_y : SampleFormat::i_rgb;
  plan.native.color = gray ? ColorSpec::gray : ColorSpec::srgb;
  plan.native.precision = 8;
  plan.cost = static_cast<double>(info.spec.width) * info.spec.height;
  return plan;
}

bool has_end(const DecodeRequest& request) noexcept {
  // What follows the picture (a second one, padding) may be long, but a thumbnail's end lies before the frame header.
  constexpr std::size_t kTail = std::size_t{64} << 10;
  const auto& headers = static_cast<const jpeg::Headers&>(*request.stream->detail);
  ByteSpan bytes = request.bytes.subspan(std::min<std::size_t>(headers.frame_offset, request.bytes.size()));
  if (bytes.size() > kTail) bytes = bytes.last(kTail);
  for (std::size_t i = bytes.size(); i >= 2; --i)
    if (bytes[i - 2] == std::byte{0xff} && bytes[i - 1] == std::byte{0xd9}) return true;
  return false;
}

unsigned flags_of(const CodecOptions& options, const char* module) noexcept {
  return option_value(options.options, module, "fancy_upsampling", 1) ? nvj::kFlagInterpolate : 0;
}

void fail_all(std::span<DecodeJob> jobs, const Error& error) {
  for (DecodeJob& job : jobs) job.status = error;
}
void fail_all(std::span<EncodeJob> jobs, const Error& error) {
  for (EncodeJob& job : jobs) job.status = error;
}

}  // namespace restride::cuda::vendor
