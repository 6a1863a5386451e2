// SPDX-License-Identifier: Apache-2.0
#include <webp/encode.h>

#include "base/error_util.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

constexpr float kDefaultQuality = 75;

Result<float> quality_of(const EncodeParams& params) {
  switch (params.quality_type) {
    case QualityType::default_quality:
      return kDefaultQuality;
    case QualityType::lossless:
      return 75.0F;  // libwebp: effort, not loss
    case QualityType::quality:
      if (!(params.quality_value >= 0 && params.quality_value <= 100))
        return fail(Errc::invalid_argument, "WebP quality %g is outside 0 to 100", params.quality_value);
      return static_cast<float>(params.quality_value);
    default:
      return fail(Errc::unsupported, "WebP is encoded by QualityType.QUALITY, LOSSLESS or DEFAULT");
  }
}

int append(const std::uint8_t* data, std::size_t size, const WebPPicture* picture) {
  return static_cast<ByteSink*>(picture->custom_ptr)->append(data, size) ? 1 : 0;
}

// Frees the picture's planes on every way out.
struct Picture {
  Picture() : ok(WebPPictureInit(&data) != 0) {}
  ~Picture() {
    if (ok) WebPPictureFree(&data);
  }
  WebPPicture data;
  bool ok;
};

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    if (params.tile_width) return fail(Errc::unsupported, "WebP has no tiles");
    RESTRIDE_TRY(quality_of(params));
    if (input.width > WEBP_MAX_DIMENSION || input.height > WEBP_MAX_DIMENSION)
      return fail(Errc::unsupported, "%u x %u is larger than WebP's %d in one dimension", input.width, input.height,
                  WEBP_MAX_DIMENSION);
    if (input.type != SampleType::u8) return fail(Errc::unsupported, "WebP encoding takes 8-bit unsigned samples");
    if (input.channels > 4)
      return fail(Errc::unsupported, "WebP encoding takes 1 to 4 channels, not %u", input.channels);
    EncodePlan plan;
    plan.wanted = input;
    plan.wanted.precision = 8;
    const SampleFormat plain = interleaved(input.format);
    const bool alpha = plain == SampleFormat::i_rgba || plain == SampleFormat::i_ya;
    plan.wanted.format = params.color == ColorSpec::gray ? SampleFormat::i_y
                         : alpha                         ? SampleFormat::i_rgba
                         : plain == SampleFormat::i_bgr  ? plain
                                                         : SampleFormat::i_rgb;
    plan.wanted.channels = channels_of(plan.wanted.format);
    plan.wanted.color = plan.wanted.channels == 1 ? ColorSpec::gray : ColorSpec::srgb;
    plan.cost = static_cast<double>(input.width) * input.height * 30;
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override {
    RESTRIDE_ASSIGN(const float quality, quality_of(*job.params));
    WebPConfig config;
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, quality))
      return fail(Errc::internal, "libwebp is of another version than its headers");
    config.lossless = job.params->quality_type == QualityType::lossless;
    config.exact = config.lossless;  // keep colours under transparent pixels: lossless means all of them
    const ImageSpec& spec = job.plan.wanted;
    config.thread_level = context.executor.concurrency() > 1 && std::uint64_t{spec.width} * spec.height > 1000000;
    Picture picture;
    if (!picture.ok) return fail(Errc::internal, "libwebp is of another version than its headers");
    picture.data.use_argb = config.lossless;
    picture.data.width = static_cast<int>(spec.width);
    picture.data.height = static_cast<int>(spec.height);
    picture.data.writer = append;
    picture.data.custom_ptr = job.sink;
    RESTRIDE_TRY(import(job, scratch, picture.data));
    if (WebPEncode(&config, &picture.data)) return {};
    if (picture.data.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ||
        picture.data.error_code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY ||
        picture.data.error_code == VP8_ENC_ERROR_BAD_WRITE)
      return fail(Errc::out_of_memory, "no memory for the encoded picture");
    return fail(Errc::unsupported, "libwebp could not encode the picture (error %d)",
                static_cast<int>(picture.data.error_code));
  }

 private:
  static Status import(EncodeJob& job, Scratch& scratch, WebPPicture& picture) {
    const ImageSpec& spec = job.plan.wanted;
    // WebP knows no gray: the one channel is repeated.
    ImageSpec rgb = spec;
    if (spec.channels == 1) rgb.format = SampleFormat::i_rgb, rgb.channels = 3, rgb.color = ColorSpec::srgb;
    const bool straight = job.source.direct() && spec.channels > 1 && job.source.view().row_stride <= 0x7fffffff;
    ImageView view = job.source.view();
    if (!straight) {
      ImageSpec plain = spec;
      const auto space = scratch.take<std::byte>(spec.bytes());
      const auto expanded = scratch.take<std::byte>(spec.channels == 1 ? rgb.bytes() : 0);
      if (!space.data() || !expanded.data()) return fail(Errc::out_of_memory, "no memory for the pixels");
      view = dense_view(space.data(), plain);
      job.source.get({0, 0, spec.width, spec.height}, view);
      if (spec.channels == 1) {
        const ImageView to = dense_view(expanded.data(), rgb);
        convert_pixels(view, to);
        view = to;
      }
    }
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(view.data);
    const int stride = static_cast<int>(view.row_stride);
    const int ok = rgb.format == SampleFormat::i_rgba  ? WebPPictureImportRGBA(&picture, pixels, stride)
                   : rgb.format == SampleFormat::i_bgr ? WebPPictureImportBGR(&picture, pixels, stride)
                                                       : WebPPictureImportRGB(&picture, pixels, stride);
    return ok ? Status() : Status(fail(Errc::out_of_memory, "no memory for the pixels"));
  }
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::webp
