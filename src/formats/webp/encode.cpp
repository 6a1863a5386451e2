// SPDX-License-Identifier: Apache-2.0
// WebP encoding through libwebp, from the caller's rows where the layout allows.
#include <webp/encode.h>

#include <algorithm>
#include <limits>

#include "base/error_util.h"
#include "formats/webp/active.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

constexpr float kDefaultQuality = 75;
constexpr int kDefaultMethod = 4;  // 0: fastest, 6: smallest

Result<WebPConfig> config_for(const EncodeParams& params, int method) {
  WebPConfig config;
  if (!WebPConfigInit(&config)) return fail(Errc::internal, "libwebp is another version than its headers");
  config.method = method;
  config.quality = kDefaultQuality;
  switch (params.quality_type) {
    case QualityType::default_quality:
      break;
    case QualityType::lossless:
      config.lossless = 1;
      config.exact = 1;  // the colours under transparent pixels too
      break;             // quality is effort here
    case QualityType::quality:
      if (!(params.quality_value >= 1 && params.quality_value <= 100))
        return fail(Errc::invalid_argument, "WebP quality %g is outside 1 to 100", params.quality_value);
      config.quality = static_cast<float>(params.quality_value);
      break;
    default:
      return fail(Errc::unsupported, "WebP is encoded by QualityType.QUALITY, LOSSLESS or DEFAULT; it has no other");
  }
  return config;
}

Result<SampleFormat> wanted_format(const ImageSpec& input, ColorSpec color) {
  if (color == ColorSpec::gray) return SampleFormat::i_y;
  if (color != ColorSpec::unchanged && color != ColorSpec::srgb)
    return fail(Errc::unsupported, "WebP holds RGB: color_spec UNCHANGED, SRGB or GRAY");
  const SampleFormat format = interleaved(input.format);
  switch (format) {
    case SampleFormat::i_y:
    case SampleFormat::i_bgr:
    case SampleFormat::i_rgba:
      return format;
    case SampleFormat::i_ya:
      return SampleFormat::i_rgba;
    case SampleFormat::unknown:
    case SampleFormat::i_unchanged: {
      constexpr SampleFormat kByChannels[] = {SampleFormat::i_y, SampleFormat::i_rgba, SampleFormat::i_rgb,
                                              SampleFormat::i_rgba};
      return kByChannels[input.channels - 1];
    }
    default:
      return SampleFormat::i_rgb;
  }
}

// A row of interleaved pixels to libwebp's 0xAARRGGBB; samples r, g, b and a (-1: opaque) of kStep.
template <int kStep, int r, int g, int b, int a>
void to_argb(const std::byte* row, std::size_t count, std::uint32_t* argb) noexcept {
  const auto* from = reinterpret_cast<const std::uint8_t*>(row);
  for (std::size_t i = 0; i < count; ++i, from += kStep) {
    const std::uint32_t alpha = a < 0 ? 255U : from[a < 0 ? 0 : a];
    argb[i] = alpha << 24 | std::uint32_t{from[r]} << 16 | std::uint32_t{from[g]} << 8 | from[b];
  }
}

int write_to_sink(const std::uint8_t* data, std::size_t size, const WebPPicture* picture) {
  return static_cast<ByteSink*>(picture->custom_ptr)->append(data, size);
}

// Frees what libwebp allocated for a picture.
struct Picture : WebPPicture {
  Picture() noexcept : WebPPicture{}, usable(WebPPictureInit(this) != 0) {}
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
  ~Picture() {
    if (usable) WebPPictureFree(this);
  }
  bool usable;
};

Status read_rows(const EncodeJob& job, Scratch& scratch, Picture& picture) {
  const ImageSpec& spec = job.plan.wanted;
  const ImageView& view = job.source.view();
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(view.data);
  const bool straight = job.source.direct() && spec.channels >= 3 && view.row_stride > 0 &&
                        view.row_stride <= std::numeric_limits<int>::max();
  const auto no_memory = [] { return fail(Errc::out_of_memory, "no memory for libwebp's copy of the picture"); };
  if (straight) {
    const auto import = spec.format == SampleFormat::i_bgr    ? WebPPictureImportBGR
                        : spec.format == SampleFormat::i_rgba ? WebPPictureImportRGBA
                                                              : WebPPictureImportRGB;
    return import(&picture, pixels, static_cast<int>(view.row_stride)) ? Status() : Status(no_memory());
  }
  const std::size_t width = spec.width;
  const auto argb = scratch.take<std::uint32_t>(width * spec.height);
  const auto space = scratch.take<std::byte>(static_cast<std::size_t>(spec.row_bytes()));
  if (!argb.data() || !space.data()) return no_memory();
  picture.use_argb = 1;  // libwebp makes YUV of it as it does of RGB
  picture.argb = argb.data();
  picture.argb_stride = static_cast<int>(width);
  for (std::uint32_t y = 0; y < spec.height; ++y) {
    const std::byte* row = job.source.row(y, space.data());
    std::uint32_t* to = argb.data() + y * width;
    switch (spec.format) {
      case SampleFormat::i_y:
        to_argb<1, 0, 0, 0, -1>(row, width, to);
        break;
      case SampleFormat::i_bgr:
        to_argb<3, 2, 1, 0, -1>(row, width, to);
        break;
      case SampleFormat::i_rgba:
        to_argb<4, 0, 1, 2, 3>(row, width, to);
        break;
      default:
        to_argb<3, 0, 1, 2, -1>(row, width, to);
    }
  }
  return {};
}

Error error_of(WebPEncodingError code) {
  switch (code) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BAD_WRITE:
      return fail(Errc::out_of_memory, "no memory for the encoded picture");
    case VP8_ENC_ERROR_PARTITION0_OVERFLOW:
    case VP8_ENC_ERROR_PARTITION_OVERFLOW:
    case VP8_ENC_ERROR_FILE_TOO_BIG:
      return fail(Errc::unsupported, "the picture is too large for WebP at this quality: ask for a lower one");
    default:
      return fail(Errc::internal, "libwebp cannot encode (error %d)", static_cast<int>(code));
  }
}

class Encoder final : public ImageEncoder {
 public:
  explicit Encoder(const CodecOptions& options) noexcept
      : method_(std::clamp(option_value(options.options, "libwebp", "method", kDefaultMethod), 0, 6)) {}

  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    if (params.tile_width) return fail(Errc::unsupported, "WebP has no tiles");
    RESTRIDE_TRY(config_for(params, method_));
    if (input.width > WEBP_MAX_DIMENSION || input.height > WEBP_MAX_DIMENSION)
      return fail(Errc::unsupported, "%u x %u is larger than WebP's %d in one dimension", input.width, input.height,
                  WEBP_MAX_DIMENSION);
    if (input.type != SampleType::u8) return fail(Errc::unsupported, "WebP encoding takes 8-bit unsigned samples");
    if (input.channels < 1 || input.channels > 4)
      return fail(Errc::unsupported, "WebP encoding takes 1 to 4 channels, not %u", input.channels);
    EncodePlan plan;
    plan.wanted = input;
    RESTRIDE_ASSIGN(plan.wanted.format, wanted_format(input, params.color));
    plan.wanted.channels = channels_of(plan.wanted.format);
    plan.wanted.color = plan.wanted.channels == 1 ? ColorSpec::gray : ColorSpec::srgb;
    plan.wanted.precision = 8;
    plan.cost = static_cast<double>(input.width) * input.height * 30;
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override {
    RESTRIDE_ASSIGN(WebPConfig config, config_for(*job.params, method_));
    const Active active(active_);
    config.thread_level = active.alone() && context.executor.concurrency() > 1;
    Picture picture;
    if (!picture.usable) return fail(Errc::internal, "libwebp is another version than its headers");
    picture.width = static_cast<int>(job.plan.wanted.width);
    picture.height = static_cast<int>(job.plan.wanted.height);
    picture.use_argb = config.lossless;
    picture.writer = write_to_sink;
    picture.custom_ptr = job.sink;
    RESTRIDE_TRY(read_rows(job, scratch, picture));
    const std::size_t start = job.sink->size();
    if (WebPEncode(&config, &picture)) return {};
    // A second thread that cannot be made is an error there, and is called a lack of memory or nothing at all.
    if (config.thread_level == 0) return error_of(picture.error_code);
    config.thread_level = 0;
    picture.error_code = VP8_ENC_OK;
    job.sink->truncate(start);
    return WebPEncode(&config, &picture) ? Status() : Status(error_of(picture.error_code));
  }

 private:
  const int method_;
  std::atomic<int> active_{0};
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions& options) { return std::make_unique<Encoder>(options); }

}  // namespace restride::webp
