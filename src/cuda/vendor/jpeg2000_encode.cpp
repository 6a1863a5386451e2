// SPDX-License-Identifier: Apache-2.0
// JPEG 2000 encoding, Part 1 and HT, by nvJPEG2000. Its encoder takes no memory callbacks, so that what it allocates on
// the device is not in memory_stats().
#include <array>
#include <bit>
#include <cmath>

#include "base/checked.h"
#include "cuda/vendor/codecs.h"
#include "cuda/vendor/encode.h"
#include "cuda/vendor/jpeg.h"
#include "cuda/vendor/jpeg2000.h"
#include "cuda/vendor/library.h"
#include "formats/jpeg2000/quality.h"
#include "memory/scratch.h"

namespace restride::cuda::vendor {
namespace {

class EncodeLane final : public Lane {
 public:
  EncodeLane(int device, const Nvjpeg2k& api, nvj2k::Encoder* encoder) noexcept
      : Lane(device), api_(api), encoder_(encoder) {}
  ~EncodeLane() override {
    (void)(recorded_ && wait());
    if (params) (void)api_.EncodeParamsDestroy(params);
    if (state) (void)api_.EncodeStateDestroy(state);
  }
  Status open() {
    RESTRIDE_TRY(Lane::open());
    return check_nvjpeg2k(api_.EncodeStateCreate(encoder_, &state), "nvjpeg2kEncodeStateCreate");
  }

  // Parameters for this kind of encode. What was set once is never forgotten by them: a PSNR that was asked for makes
  // the next lossless encode lossy, and is an error for HT.
  Status renew_params(int quality_kind) {
    if (params && quality_kind == kind_) return {};
    if (params) (void)api_.EncodeParamsDestroy(params);
    params = nullptr;
    kind_ = quality_kind;
    return check_nvjpeg2k(api_.EncodeParamsCreate(&params), "nvjpeg2kEncodeParamsCreate");
  }

  nvj2k::EncodeState* state = nullptr;
  nvj2k::EncodeParams* params = nullptr;

 private:
  const Nvjpeg2k& api_;
  nvj2k::Encoder* encoder_;
  int kind_ = -1;
};

// Resolutions that the picture (or its tiles) can have: the smallest side is halved down to 1 at most.
std::uint32_t resolutions_for(const ImageSpec& spec, const EncodeParams& params) noexcept {
  std::uint32_t side = std::min(spec.width, spec.height);
  if (params.tile_width) side = std::min({side, params.tile_width, params.tile_height});
  return std::clamp<std::uint32_t>(params.jpeg2k.num_resolutions, 1, static_cast<std::uint32_t>(std::bit_width(side)));
}

int color_of(const ImageSpec& spec) noexcept {
  if (spec.channels < 3) return nvj2k::kColorGray;
  return spec.color == ColorSpec::sycc ? nvj2k::kColorSycc : nvj2k::kColorSrgb;
}

class EncodeEngine {
 public:
  explicit EncodeEngine(int device) noexcept : device_(device) {}

  Status open() {
    api_ = nvjpeg2k();
    if (!api_) return fail(Errc::unsupported, "%s", library(Which::nvjpeg2k).missing().c_str());
    return check_nvjpeg2k(api_->EncoderCreateSimple(&encoder_), "nvjpeg2kEncoderCreateSimple");
  }
  void trim() { lanes_.trim(); }
  Result<EncodeLane*> take() {
    return lanes_.take([&]() -> Result<std::unique_ptr<EncodeLane>> {
      auto made = std::make_unique<EncodeLane>(device_, *api_, encoder_);
      RESTRIDE_TRY(made->open());
      return made;
    });
  }
  void give(EncodeLane* lane) noexcept { lanes_.give(lane); }

  Status queue(EncodeLane& lane, const EncodeJob& job, const ImageView& pixels) {
    RESTRIDE_TRY(configure(lane, job, pixels));
    std::array<void*, 4> data{};
    std::array<std::size_t, 4> pitch{};
    const unsigned planes = pixels.spec.planar() ? pixels.spec.channels : 1;
    for (unsigned k = 0; k < planes; ++k) {
      data[k] = pixels.at(0, 0, k);
      pitch[k] = static_cast<std::size_t>(pixels.row_stride);
    }
    const nvj2k::Image image{data.data(), pitch.data(), pixel_type(pixels.spec.type), pixels.spec.channels};
    return check_nvjpeg2k(api_->Encode(encoder_, lane.state, lane.params, &image, lane.stream()), "nvjpeg2kEncode");
  }
  Status size(EncodeLane& lane, std::size_t& bytes) {
    return check_nvjpeg2k(api_->EncodeRetrieveBitstream(encoder_, lane.state, nullptr, &bytes, lane.stream()),
                          "nvjpeg2kEncodeRetrieveBitstream");
  }
  Status fetch(EncodeLane& lane, std::byte* to, std::size_t& bytes) {
    return check_nvjpeg2k(api_->EncodeRetrieveBitstream(encoder_, lane.state, reinterpret_cast<unsigned char*>(to),
                                                        &bytes, lane.stream()),
                          "nvjpeg2kEncodeRetrieveBitstream");
  }

 private:
  Status configure(EncodeLane& lane, const EncodeJob& job, const ImageView& pixels) {
    const EncodeParams& params = *job.params;
    const ImageSpec& spec = pixels.spec;
    std::array<nvj2k::ComponentInfo, 4> components;
    components.fill({spec.width, spec.height, static_cast<std::uint8_t>(spec.bits()), is_signed(spec.type)});
    nvj2k::EncodeConfig config{};
    config.bitstream = params.jpeg2k.bitstream == Jpeg2kBitstream::jp2;
    config.color = color_of(job.plan.wanted);
    config.width = spec.width;
    config.height = spec.height;
    config.components = spec.channels;
    config.component = components.data();
    if (params.tile_width && (params.tile_width < spec.width || params.tile_height < spec.height)) {
      config.tiled = 1;
      config.tile_width = params.tile_width;
      config.tile_height = params.tile_height;
    }
    config.progression = static_cast<int>(params.jpeg2k.progression);
    config.layers = 1;
    config.mct = params.jpeg2k.mct_mode == 1 && spec.channels >= 3;
    config.resolutions = resolutions_for(spec, params);
    config.code_block_width = params.jpeg2k.code_block_size[0];
    config.code_block_height = params.jpeg2k.code_block_size[1];
    config.irreversible = params.quality_type != QualityType::lossless;
    if (params.jpeg2k.ht) {
      config.rsiz = nvj2k::kRsizHt;
      config.modes = nvj2k::kModeHt;
    }
    RESTRIDE_TRY(lane.renew_params(!config.irreversible ? 0 : by_step(params) ? 1 : 2));
    RESTRIDE_TRY(
        check_nvjpeg2k(api_->EncodeParamsSetEncodeConfig(lane.params, &config), "nvjpeg2kEncodeParamsSetEncodeConfig"));
    if (config.irreversible) RESTRIDE_TRY(set_quality(lane, params, spec));
    const bool interleaved = spec.channels > 1 && !spec.planar();
    return check_nvjpeg2k(
        api_->EncodeParamsSetInputFormat(lane.params, interleaved ? nvj2k::kInterleaved : nvj2k::kPlanar),
        "nvjpeg2kEncodeParamsSetInputFormat");
  }

  // HT has no search for a PSNR; as on the CPU, a step is computed from it.
  static bool by_step(const EncodeParams& params) noexcept {
    return params.jpeg2k.ht || params.quality_type == QualityType::quantization_step;
  }

  // The meaning of quality is that of the other encoders (formats/jpeg2000/quality.h); a step is relative to the range
  // of samples there and in units of samples here.
  Status set_quality(EncodeLane& lane, const EncodeParams& params, const ImageSpec& spec) {
    const bool step = by_step(params);
    const double value = step ? std::ldexp(jpeg2000::quantization_step(params), static_cast<int>(spec.bits()))
                              : jpeg2000::target_psnr(params);
    return check_nvjpeg2k(
        api_->EncodeParamsSpecifyQuality(lane.params, step ? nvj2k::kQualityStep : nvj2k::kQualityPsnr, value),
        "nvjpeg2kEncodeParamsSpecifyQuality");
  }

  int device_;
  const Nvjpeg2k* api_ = nullptr;
  nvj2k::Encoder* encoder_ = nullptr;
  LanePool<EncodeLane> lanes_{kEncodeLanes, true};
};

PerDevice<EncodeEngine>& engines() {
  static auto* const instance = new PerDevice<EncodeEngine>;
  return *instance;
}

Error refused(const char* what) { return fail(Errc::unsupported, "nvJPEG2000: %s", what); }

// What is wrong with parameters the CPU's encoder says better; this one only must not take them.
Status check_params(const ImageSpec& input, const EncodeParams& params) {
  const double v = params.quality_value;
  const bool value_ok = params.quality_type == QualityType::quality             ? v >= 1 && v <= 100
                        : params.quality_type == QualityType::psnr              ? v > 0 && v <= 200
                        : params.quality_type == QualityType::quantization_step ? v > 0 && v < 1
                                                                                : true;
  if (!value_ok || params.quality_type == QualityType::size_ratio) return refused("this quality is not supported");
  const auto [width, height] = params.jpeg2k.code_block_size;
  const bool block_ok = (width == 32 || width == 64 || (width == 128 && params.jpeg2k.ht)) &&
                        (height == 32 || height == 64) && width * height <= 4096;
  if (!block_ok) return refused("code-blocks of this size are not supported");
  if (params.jpeg2k.num_resolutions < 1 || params.jpeg2k.num_resolutions > 33 || params.jpeg2k.mct_mode > 1)
    return refused("these parameters are not supported");
  if (params.subsampling && *params.subsampling != ChromaSubsampling::css_444 &&
      *params.subsampling != ChromaSubsampling::css_gray)
    return refused("chroma is not subsampled");
  if (params.tile_width &&
      (params.tile_width > input.width || params.tile_height > input.height ||
       std::uint64_t{ceil_div(input.width, params.tile_width)} * ceil_div(input.height, params.tile_height) > 65535))
    return refused("tiles of this size are not supported");
  return {};
}

class Encoder final : public FormatEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    RESTRIDE_TRY(check_params(input, params));
    if (input.type != SampleType::u8 && input.type != SampleType::u16 && input.type != SampleType::i16)
      return refused("it encodes uint8, uint16 and int16");
    const bool gray =
        params.color == ColorSpec::gray || (params.subsampling && *params.subsampling == ChromaSubsampling::css_gray);
    if (params.jpeg2k.mct_mode == 1 && (gray || input.color != ColorSpec::srgb || input.channels < 3))
      return refused("mct_mode=1 needs sRGB in and out");
    EncodePlan plan;
    plan.wanted = input;
    plan.wanted.channels = gray ? 1 : input.channels;
    const bool planes = is_planar(input.format);
    switch (plan.wanted.channels) {
      case 1:
        plan.wanted.format = SampleFormat::i_y;
        plan.wanted.color = ColorSpec::gray;
        break;
      case 3: {
        const bool ycc = interleaved(input.format) == SampleFormat::i_ycc;
        plan.wanted.format = ycc ? SampleFormat::i_ycc : SampleFormat::i_rgb;
        plan.wanted.color = ycc ? ColorSpec::sycc : ColorSpec::srgb;
        break;
      }
      case 4:
        // Its JP2 boxes do not say that the fourth channel is alpha.
        if (params.jpeg2k.bitstream == Jpeg2kBitstream::jp2) return refused("alpha needs a raw codestream (J2K)");
        plan.wanted.format = SampleFormat::i_rgba;
        plan.wanted.color = ColorSpec::srgb;
        break;
      default:
        return refused("it encodes 1, 3 or 4 channels");
    }
    if (planes) plan.wanted.format = planar(plan.wanted.format);
    plan.cost = static_cast<double>(input.width) * input.height * input.channels * (params.jpeg2k.ht ? 1 : 8);
    return plan;
  }

  void encode(std::span<EncodeJob> jobs, Context& context) override {
    const DeviceScope scope(context.stream.device);
    auto engine = engines().get(context.stream.device);
    if (!engine) return fail_all(jobs, engine.error());
    auto sources = sources_.lease();
    if (Status status = encode_batch(**engine, jobs, *sources, context); !status) fail_all(jobs, status.error());
  }

 private:
  StatePool<EncodeSources> sources_;
};

}  // namespace

std::unique_ptr<FormatEncoder> make_jpeg2000_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }
void trim_jpeg2000_encoder() { engines().trim(); }

}  // namespace restride::cuda::vendor
