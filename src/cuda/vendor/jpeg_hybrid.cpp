// SPDX-License-Identifier: Apache-2.0
// JPEG by nvJPEG's kernels: Huffman decoding on the CPU threads (any process and sampling) or on the GPU (baseline,
// worth it for large pictures), the rest on the GPU. A lane a picture; nvJPEG launches per picture, whatever we do.
#include "cuda/vendor/codecs.h"
#include "cuda/vendor/jpeg.h"
#include "cuda/vendor/library.h"
#include "formats/jpeg/headers.h"
#include "memory/scratch.h"

namespace restride::cuda::vendor {
namespace {

constexpr std::size_t kLanes = 32;
constexpr const char* kModule = "nvjpeg_cuda_decoder";
constexpr unsigned kCpuHuffman = 0, kGpuHuffman = 1, kDecoders = 2;
constexpr int kBackends[kDecoders] = {nvj::kBackendHybrid, nvj::kBackendGpuHybrid};

// One handle with its two decoders.
struct Side {
  nvj::Handle* handle = nullptr;
  nvj::Decoder* decoder[kDecoders] = {};
};

class HybridLane final : public Lane {
 public:
  HybridLane(int device, const Nvjpeg& api, const Side& side, Allocators& allocators) noexcept
      : Lane(device), api_(api), side_(side), allocators_(allocators) {}
  ~HybridLane() override {
    (void)(recorded_ && wait());
    for (nvj::State* each : state)
      if (each) (void)api_.JpegStateDestroy(each);
    if (pinned_) (void)api_.BufferPinnedDestroy(pinned_);
    if (device_buffer_) (void)api_.BufferDeviceDestroy(device_buffer_);
    if (params) (void)api_.DecodeParamsDestroy(params);
    if (parsed) (void)api_.JpegStreamDestroy(parsed);
  }
  Status open() {
    RESTRIDE_TRY(Lane::open());
    auto device = allocators_.device<nvj::DeviceAllocator>();
    auto pinned = allocators_.pinned<nvj::PinnedAllocator>();
    RESTRIDE_TRY(
        check_nvjpeg(api_.BufferPinnedCreateV2(side_.handle, &pinned, &pinned_), "nvjpegBufferPinnedCreateV2"));
    RESTRIDE_TRY(
        check_nvjpeg(api_.BufferDeviceCreateV2(side_.handle, &device, &device_buffer_), "nvjpegBufferDeviceCreateV2"));
    for (unsigned i = 0; i < kDecoders; ++i) {
      RESTRIDE_TRY(
          check_nvjpeg(api_.DecoderStateCreate(side_.handle, side_.decoder[i], &state[i]), "nvjpegDecoderStateCreate"));
      RESTRIDE_TRY(check_nvjpeg(api_.StateAttachPinnedBuffer(state[i], pinned_), "nvjpegStateAttachPinnedBuffer"));
      RESTRIDE_TRY(
          check_nvjpeg(api_.StateAttachDeviceBuffer(state[i], device_buffer_), "nvjpegStateAttachDeviceBuffer"));
    }
    RESTRIDE_TRY(check_nvjpeg(api_.DecodeParamsCreate(side_.handle, &params), "nvjpegDecodeParamsCreate"));
    return check_nvjpeg(api_.JpegStreamCreate(side_.handle, &parsed), "nvjpegJpegStreamCreate");
  }

  nvj::State* state[kDecoders] = {};
  nvj::Stream* parsed = nullptr;
  nvj::Params* params = nullptr;

 private:
  const Nvjpeg& api_;
  const Side& side_;
  Allocators& allocators_;
  nvj::PinnedBuffer* pinned_ = nullptr;
  nvj::DeviceBuffer* device_buffer_ = nullptr;
};

class HybridEngine {
 public:
  explicit HybridEngine(int device) noexcept : device_(device), allocators_(device) {}

  Status open() {
    api = nvjpeg();
    if (!api) return fail(Errc::unsupported, "%s", library(Which::nvjpeg).missing().c_str());
    auto device = allocators_.device<nvj::DeviceAllocator>();
    auto pinned = allocators_.pinned<nvj::PinnedAllocator>();
    for (unsigned i = 0; i < kHandles; ++i) {
      const unsigned flags = i ? nvj::kFlagInterpolate : 0;
      RESTRIDE_TRY(check_nvjpeg(api->CreateExV2(nvj::kBackendHybrid, &device, &pinned, flags, &side[i].handle),
                                "nvjpegCreateExV2"));
      for (unsigned k = 0; k < kDecoders; ++k)
        RESTRIDE_TRY(
            check_nvjpeg(api->DecoderCreate(side[i].handle, kBackends[k], &side[i].decoder[k]), "nvjpegDecoderCreate"));
    }
    return {};
  }
  void trim() {
    for (auto& pool : lanes) pool.trim();
  }
  Result<Held<HybridLane>> lane(unsigned index) {
    RESTRIDE_ASSIGN(HybridLane * taken, lanes[index].take([&]() -> Result<std::unique_ptr<HybridLane>> {
      auto made = std::make_unique<HybridLane>(device_, *api, side[index], allocators_);
      RESTRIDE_TRY(made->open());
      return made;
    }));
    return Held<HybridLane>(lanes[index], taken);
  }

  const Nvjpeg* api = nullptr;
  Side side[kHandles];
  LanePool<HybridLane> lanes[kHandles] = {LanePool<HybridLane>(kLanes), LanePool<HybridLane>(kLanes)};

 private:
  int device_;
  Allocators allocators_;
};

PerDevice<HybridEngine>& engines() {
  static auto* const instance = new PerDevice<HybridEngine>;
  return *instance;
}

// Where a job's pixels are decoded to.
struct Landing {
  Rect area;               // of the picture: the window, or what is decoded to get it
  std::size_t offset = 0;  // in staging
  bool direct = false;
};

// The window with a margin, on the borders of MCUs: upsampling looks at neighbours, and the pixels of a region must be
// those of the whole.
Rect area_of(const DecodeRequest& request) noexcept {
  constexpr std::int64_t kUnit = 32;  // the largest MCU
  const ImageSpec& whole = request.info().spec;
  const Rect& w = request.window;
  const std::int64_t x = std::max<std::int64_t>(0, w.x / kUnit * kUnit - kUnit);
  const std::int64_t y = std::max<std::int64_t>(0, w.y / kUnit * kUnit - kUnit);
  const std::int64_t right = std::min<std::int64_t>(whole.width, (w.right() + kUnit - 1) / kUnit * kUnit + kUnit);
  const std::int64_t bottom = std::min<std::int64_t>(whole.height, (w.bottom() + kUnit - 1) / kUnit * kUnit + kUnit);
  return {x, y, right - x, bottom - y};
}

class HybridDecoder final : public FormatDecoder {
 public:
  HybridDecoder(const CodecOptions& options, bool gpu_only)
      : index_(index_of(flags_of(options, kModule))),
        gpu_only_(gpu_only),
        threshold_(option_value(options.options, kModule, "hybrid_huffman_threshold", 1000000)) {}

  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    return plan_jpeg(request, {!gpu_only_, !gpu_only_});
  }

  void decode(std::span<DecodeJob> jobs, Context& context) override {
    const DeviceScope scope(context.stream.device);
    Status status = run(jobs, context);
    for (DecodeJob& job : jobs)
      if (job.status && !status) job.status = status;
  }

 private:
  using Landings = std::vector<Landing>;

  Status run(std::span<DecodeJob> jobs, Context& context) {
    const Stream stream = context.stream;
    RESTRIDE_ASSIGN(HybridEngine * engine, engines().get(stream.device));
    RESTRIDE_ASSIGN(Held<Call> call, begin_call(stream.device));
    auto landings = landings_.lease();
    const std::size_t bytes = place(jobs, *landings);
    RESTRIDE_ASSIGN(std::byte * memory, call->reserve(bytes));
    RESTRIDE_TRY(call->fork(handle(stream)));
    context.executor.for_each(jobs.size(), [&](std::size_t i) {
      const DeviceScope scope(stream.device);
      jobs[i].status = decode_one(jobs[i], (*landings)[i], memory, *engine, *call, stream);
    });
    for (std::size_t i = 0; i < jobs.size(); ++i)
      if (jobs[i].status && !(*landings)[i].direct) deliver(jobs[i], (*landings)[i], memory, *call);
    return end_call(*call, stream, any_pinned(jobs));
  }

  static std::size_t place(std::span<DecodeJob> jobs, Landings& landings) {
    landings.assign(jobs.size(), {});
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const DecodeJob& job = jobs[i];
      const ImageSpec& whole = job.request.info().spec;
      Landing& landing = landings[i];
      landing.area = area_of(job.request);
      landing.direct = job.request.window == Rect{0, 0, whole.width, whole.height} && job.sink.direct() &&
                       plain_rows(job.sink.direct_view());
      if (landing.direct) continue;
      landing.offset = bytes;
      bytes += aligned(static_cast<std::size_t>(landing.area.width * landing.area.height) * job.plan.native.channels);
    }
    return bytes;
  }

  Status decode_one(DecodeJob& job, const Landing& landing, std::byte* memory, HybridEngine& engine, const Call& call,
                    Stream stream) const {
    if (!has_end(job.request)) return no_end();
    RESTRIDE_ASSIGN(Held<HybridLane> lane, engine.lane(index_));
    RESTRIDE_TRY(lane->follow(call.mark()));
    Status status = decode_on(job, landing, memory, engine, *lane);
    RESTRIDE_TRY(lane->finish(handle(stream)));
    return status;
  }

  Status decode_on(DecodeJob& job, const Landing& landing, std::byte* memory, HybridEngine& engine,
                   HybridLane& lane) const {
    const Nvjpeg& api = *engine.api;
    const Side& side = engine.side[index_];
    const auto& headers = static_cast<const jpeg::Headers&>(*job.request.stream->detail);
    const ImageSpec& whole = job.request.info().spec;
    const bool large = std::uint64_t{whole.width} * whole.height > static_cast<std::uint64_t>(threshold_);
    const unsigned which = headers.sof == 0xc0 && (gpu_only_ || large) ? kGpuHuffman : kCpuHuffman;
    nvj::Decoder* decoder = side.decoder[which];
    nvj::State* state = lane.state[which];
    const ByteSpan bytes = job.request.bytes;
    RESTRIDE_TRY(check_nvjpeg(api.JpegStreamParse(side.handle, reinterpret_cast<const unsigned char*>(bytes.data()),
                                                  bytes.size(), 0, 0, lane.parsed),
                              "nvjpegJpegStreamParse"));
    RESTRIDE_TRY(check_nvjpeg(api.DecodeParamsSetOutputFormat(lane.params, output_format(job.plan)),
                              "nvjpegDecodeParamsSetOutputFormat"));
    const Rect& area = landing.area;
    const bool all = area.width == whole.width && area.height == whole.height;
    RESTRIDE_TRY(check_nvjpeg(
        api.DecodeParamsSetROI(lane.params, static_cast<int>(area.x), static_cast<int>(area.y),
                               all ? -1 : static_cast<int>(area.width), all ? -1 : static_cast<int>(area.height)),
        "nvjpegDecodeParamsSetROI"));
    int unsupported = 1;
    RESTRIDE_TRY(check_nvjpeg(api.DecoderJpegSupported(decoder, lane.parsed, lane.params, &unsupported),
                              "nvjpegDecoderJpegSupported"));
    if (unsupported) return fail(Errc::unsupported, "nvJPEG: this decoder does not take the picture");
    RESTRIDE_TRY(check_nvjpeg(api.DecodeJpegHost(side.handle, decoder, state, lane.params, lane.parsed),
                              "nvjpegDecodeJpegHost"));
    RESTRIDE_TRY(check_nvjpeg(api.DecodeJpegTransferToDevice(side.handle, decoder, state, lane.parsed, lane.stream()),
                              "nvjpegDecodeJpegTransferToDevice"));
    nvj::Image image{};
    std::byte* to = landing.direct ? job.sink.direct_view().data : memory + landing.offset;
    image.channel[0] = reinterpret_cast<unsigned char*>(to);
    image.pitch[0] = landing.direct ? static_cast<std::size_t>(job.sink.direct_view().row_stride)
                                    : static_cast<std::size_t>(area.width) * job.plan.native.channels;
    job.wrote = job.wrote || landing.direct;
    return check_nvjpeg(api.DecodeJpegDevice(side.handle, decoder, state, &image, lane.stream()),
                        "nvjpegDecodeJpegDevice");
  }

  static void deliver(DecodeJob& job, const Landing& landing, const std::byte* memory, Call& call) {
    const auto pixel = static_cast<std::ptrdiff_t>(job.plan.native.channels);
    const std::ptrdiff_t row = pixel * landing.area.width;
    const Rect& window = job.request.window;
    const std::byte* first =
        memory + landing.offset + (window.y - landing.area.y) * row + (window.x - landing.area.x) * pixel;
    job.wrote = true;
    call.conversions.push_back(conversion_of(job, first, row, pixel, 1));
  }

  unsigned index_;
  bool gpu_only_;
  int threshold_;
  StatePool<Landings> landings_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_jpeg_hybrid_decoder(const CodecOptions& options) {
  return std::make_unique<HybridDecoder>(options, false);
}
std::unique_ptr<FormatDecoder> make_jpeg_gpu_decoder(const CodecOptions& options) {
  return std::make_unique<HybridDecoder>(options, true);
}
void trim_jpeg_hybrid() { engines().trim(); }

}  // namespace restride::cuda::vendor
