// SPDX-License-Identifier: Apache-2.0
// JPEG encoding by nvJPEG. Its colour transform rounds otherwise than libjpeg's, so that this is used only when asked
// for.
#include <cmath>

#include "cuda/vendor/codecs.h"
#include "cuda/vendor/encode.h"
#include "cuda/vendor/jpeg.h"
#include "cuda/vendor/library.h"
#include "memory/scratch.h"

namespace restride::cuda::vendor {
namespace {

constexpr int kDefaultQuality = 75;
constexpr std::uint32_t kMaxSide = 65500;  // libjpeg's limit

class EncodeLane final : public Lane {
 public:
  EncodeLane(int device, const Nvjpeg& api, nvj::Handle* handle) noexcept : Lane(device), api_(api), handle_(handle) {}
  ~EncodeLane() override {
    (void)(recorded_ && wait());
    if (params) (void)api_.EncoderParamsDestroy(params);
    if (state) (void)api_.EncoderStateDestroy(state);
  }
  Status open() {
    RESTRIDE_TRY(Lane::open());
    RESTRIDE_TRY(check_nvjpeg(api_.EncoderStateCreate(handle_, &state, stream_), "nvjpegEncoderStateCreate"));
    return check_nvjpeg(api_.EncoderParamsCreate(handle_, &params, stream_), "nvjpegEncoderParamsCreate");
  }

  nvj::EncoderState* state = nullptr;
  nvj::EncoderParams* params = nullptr;

 private:
  const Nvjpeg& api_;
  nvj::Handle* handle_;
};

Result<int> sampling_of(const EncodeParams& params) {
  switch (params.subsampling.value_or(ChromaSubsampling::css_444)) {
    case ChromaSubsampling::css_444:
      return nvj::kSampling444;
    case ChromaSubsampling::css_422:
      return nvj::kSampling422;
    case ChromaSubsampling::css_420:
      return nvj::kSampling420;
    case ChromaSubsampling::css_440:
      return nvj::kSampling440;
    case ChromaSubsampling::css_411:
      return nvj::kSampling411;
    case ChromaSubsampling::css_410:
      return nvj::kSampling410;
    case ChromaSubsampling::css_gray:
      return nvj::kSamplingGray;
    default:
      return fail(Errc::unsupported, "nvJPEG: this chroma sampling is not supported");
  }
}

Result<int> quality_of(const EncodeParams& params) {
  if (params.quality_type == QualityType::default_quality) return kDefaultQuality;
  const double rounded = std::nearbyint(params.quality_value);
  if (params.quality_type != QualityType::quality || !(rounded >= 1 && rounded <= 100))
    return fail(Errc::unsupported, "nvJPEG: a quality of 1 to 100 is what it takes");
  return static_cast<int>(rounded);
}

// One device's encoder.
class EncodeEngine {
 public:
  explicit EncodeEngine(int device) noexcept : device_(device), allocators_(device) {}

  Status open() {
    api_ = nvjpeg();
    if (!api_) return fail(Errc::unsupported, "%s", library(Which::nvjpeg).missing().c_str());
    auto device = allocators_.device<nvj::DeviceAllocator>();
    auto pinned = allocators_.pinned<nvj::PinnedAllocator>();
    return check_nvjpeg(api_->CreateExV2(nvj::kBackendDefault, &device, &pinned, 0, &handle_), "nvjpegCreateExV2");
  }
  void trim() { lanes_.trim(); }
  Result<EncodeLane*> take() {
    return lanes_.take([&]() -> Result<std::unique_ptr<EncodeLane>> {
      auto made = std::make_unique<EncodeLane>(device_, *api_, handle_);
      RESTRIDE_TRY(made->open());
      return made;
    });
  }
  void give(EncodeLane* lane) noexcept { lanes_.give(lane); }

  Status queue(EncodeLane& lane, const EncodeJob& job, const ImageView& pixels) {
    RESTRIDE_TRY(configure(lane, job));
    nvj::Image image{};
    const ImageSpec& spec = pixels.spec;
    const unsigned planes = spec.planar() ? spec.channels : 1;
    for (unsigned k = 0; k < planes; ++k) {
      image.channel[k] = reinterpret_cast<unsigned char*>(pixels.at(0, 0, k));
      image.pitch[k] = static_cast<std::size_t>(pixels.row_stride);
    }
    const int width = static_cast<int>(spec.width), height = static_cast<int>(spec.height);
    const SampleFormat format = job.plan.wanted.format;
    if (format == SampleFormat::i_y || format == SampleFormat::p_ycc) {
      const int sampling = format == SampleFormat::i_y ? nvj::kSamplingGray : nvj::kSampling444;
      return check_nvjpeg(
          api_->EncodeYUV(handle_, lane.state, lane.params, &image, sampling, width, height, lane.stream()),
          "nvjpegEncodeYUV");
    }
    const int input = format == SampleFormat::p_rgb   ? nvj::kInputRgb
                      : format == SampleFormat::p_bgr ? nvj::kInputBgr
                      : format == SampleFormat::i_bgr ? nvj::kInputBgrInterleaved
                                                      : nvj::kInputRgbInterleaved;
    return check_nvjpeg(
        api_->EncodeImage(handle_, lane.state, lane.params, &image, input, width, height, lane.stream()),
        "nvjpegEncodeImage");
  }
  Status size(EncodeLane& lane, std::size_t& bytes) {
    RESTRIDE_TRY(check(cudaStreamSynchronize(lane.stream()), "waiting for the GPU"));
    return check_nvjpeg(api_->EncodeRetrieveBitstream(handle_, lane.state, nullptr, &bytes, lane.stream()),
                        "nvjpegEncodeRetrieveBitstream");
  }
  Status fetch(EncodeLane& lane, std::byte* to, std::size_t& bytes) {
    return check_nvjpeg(
        api_->EncodeRetrieveBitstream(handle_, lane.state, reinterpret_cast<unsigned char*>(to), &bytes, lane.stream()),
        "nvjpegEncodeRetrieveBitstream");
  }

 private:
  Status configure(EncodeLane& lane, const EncodeJob& job) {
    RESTRIDE_ASSIGN(const int quality, quality_of(*job.params));
    RESTRIDE_ASSIGN(int sampling, sampling_of(*job.params));
    if (job.plan.wanted.channels == 1) sampling = nvj::kSamplingGray;
    const bool progressive = job.params->jpeg.progressive;
    cudaStream_t stream = lane.stream();
    RESTRIDE_TRY(
        check_nvjpeg(api_->EncoderParamsSetQuality(lane.params, quality, stream), "nvjpegEncoderParamsSetQuality"));
    RESTRIDE_TRY(
        check_nvjpeg(api_->EncoderParamsSetEncoding(
                         lane.params, progressive ? nvj::kEncodingProgressive : nvj::kEncodingBaseline, stream),
                     "nvjpegEncoderParamsSetEncoding"));
    RESTRIDE_TRY(check_nvjpeg(
        api_->EncoderParamsSetOptimizedHuffman(lane.params, job.params->jpeg.optimized_huffman || progressive, stream),
        "nvjpegEncoderParamsSetOptimizedHuffman"));
    return check_nvjpeg(api_->EncoderParamsSetSamplingFactors(lane.params, sampling, stream),
                        "nvjpegEncoderParamsSetSamplingFactors");
  }

  int device_;
  Allocators allocators_;
  const Nvjpeg* api_ = nullptr;
  nvj::Handle* handle_ = nullptr;
  LanePool<EncodeLane> lanes_{kEncodeLanes, true};
};

PerDevice<EncodeEngine>& engines() {
  static auto* const instance = new PerDevice<EncodeEngine>;
  return *instance;
}

class Encoder final : public FormatEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    const auto refused = [](const char* what) { return fail(Errc::unsupported, "nvJPEG: %s", what); };
    RESTRIDE_TRY(quality_of(params));
    RESTRIDE_ASSIGN(const int sampling, sampling_of(params));
    if (params.tile_width) return refused("JPEG has no tiles");
    if (input.width > kMaxSide || input.height > kMaxSide) return refused("the picture is too large");
    if (input.type != SampleType::u8 || input.channels > 4) return refused("it encodes 1 to 4 channels of 8 bits");
    const SampleFormat plain = interleaved(input.format);
    if (plain == SampleFormat::i_cmyk || plain == SampleFormat::i_ycck) return refused("CMYK is not supported");
    EncodePlan plan;
    plan.wanted = input;
    plan.wanted.precision = 8;
    const bool gray = input.channels < 3 || input.color == ColorSpec::gray || params.color == ColorSpec::gray ||
                      sampling == nvj::kSamplingGray;
    if (gray) {
      plan.wanted.format = SampleFormat::i_y;
      plan.wanted.color = ColorSpec::gray;
      plan.wanted.channels = 1;
    } else if (plain == SampleFormat::i_ycc) {
      if (sampling != nvj::kSampling444) return refused("YCbCr pixels are encoded as 4:4:4 only");
      plan.wanted.format = SampleFormat::p_ycc;
    } else {
      const SampleFormat rgb = plain == SampleFormat::i_bgr ? SampleFormat::i_bgr : SampleFormat::i_rgb;
      plan.wanted.format = is_planar(input.format) ? planar(rgb) : rgb;
      plan.wanted.color = ColorSpec::srgb;
      plan.wanted.channels = 3;
    }
    plan.cost = static_cast<double>(input.width) * input.height;
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

std::unique_ptr<FormatEncoder> make_jpeg_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }
void trim_jpeg_encoder() { engines().trim(); }

}  // namespace restride::cuda::vendor
