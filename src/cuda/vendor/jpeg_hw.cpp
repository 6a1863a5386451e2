// SPDX-License-Identifier: Apache-2.0
// JPEG on the GPU's own decoding engines (A100, H100 and others), a batch a call.
//
// The engines take no notice of stream order: they write as soon as they are asked to. So pictures are decoded into
// memory of this library's, which nothing queued earlier can still be using, and go to their targets in order, by one
// conversion launch for the batch.
#include "cuda/vendor/codecs.h"
#include "cuda/vendor/jpeg.h"
#include "cuda/vendor/library.h"
#include "formats/jpeg/headers.h"
#include "memory/scratch.h"

namespace restride::cuda::vendor {
namespace {

constexpr std::size_t kLanes = 4;  // batches in flight
constexpr const char* kModule = "nvjpeg_hw_decoder";

class HwLane final : public Lane {
 public:
  HwLane(int device, const Nvjpeg& api, nvj::Handle* handle) noexcept : Lane(device), api_(api), handle_(handle) {}
  ~HwLane() override {
    (void)(recorded_ && wait());
    if (header) (void)api_.JpegStreamDestroy(header);
    if (state) (void)api_.JpegStateDestroy(state);
  }
  Status open() {
    RESTRIDE_TRY(Lane::open());
    RESTRIDE_TRY(check_nvjpeg(api_.JpegStateCreate(handle_, &state), "nvjpegJpegStateCreate"));
    return check_nvjpeg(api_.JpegStreamCreate(handle_, &header), "nvjpegJpegStreamCreate");
  }

  nvj::State* state = nullptr;
  nvj::Stream* header = nullptr;

 private:
  const Nvjpeg& api_;
  nvj::Handle* handle_;
};

// The engines of one device.
class HwEngine {
 public:
  explicit HwEngine(int device) noexcept : device_(device), allocators_(device) {}

  Status open() {
    api = nvjpeg();
    if (!api) return fail(Errc::unsupported, "%s", library(Which::nvjpeg).missing().c_str());
    auto device = allocators_.device<nvj::DeviceAllocator>();
    auto pinned = allocators_.pinned<nvj::PinnedAllocator>();
    for (unsigned i = 0; i < kHandles; ++i) {
      const unsigned flags = i ? nvj::kFlagInterpolate : 0;
      RESTRIDE_TRY(check_nvjpeg(api->CreateExV2(nvj::kBackendHardware, &device, &pinned, flags, &handle[i]),
                                "nvjpegCreateExV2 for the decoding engines"));
    }
    unsigned engines = 0, cores = 0;
    RESTRIDE_TRY(
        check_nvjpeg(api->GetHardwareDecoderInfo(handle[0], &engines, &cores), "nvjpegGetHardwareDecoderInfo"));
    if (engines == 0) return fail(Errc::unsupported, "this GPU has no JPEG decoding engine");
    return {};
  }
  void trim() {
    for (auto& pool : lanes) pool.trim();
  }
  Result<Held<HwLane>> lane(unsigned index) {
    RESTRIDE_ASSIGN(HwLane * taken, lanes[index].take([&]() -> Result<std::unique_ptr<HwLane>> {
      auto made = std::make_unique<HwLane>(device_, *api, handle[index]);
      RESTRIDE_TRY(made->open());
      return made;
    }));
    return Held<HwLane>(lanes[index], taken);
  }

  const Nvjpeg* api = nullptr;
  nvj::Handle* handle[kHandles] = {};
  LanePool<HwLane> lanes[kHandles] = {LanePool<HwLane>(kLanes), LanePool<HwLane>(kLanes)};

 private:
  int device_;
  Allocators allocators_;
};

PerDevice<HwEngine>& engines() {
  static auto* const instance = new PerDevice<HwEngine>;
  return *instance;
}

// The arrays of one batch, kept for the next.
struct Batch {
  std::vector<DecodeJob*> jobs;
  std::vector<const unsigned char*> data;
  std::vector<std::size_t> lengths;
  std::vector<nvj::Image> images;

  void clear() {
    jobs.clear();
    data.clear();
    lengths.clear();
    images.clear();
  }
  void add(DecodeJob& job, std::byte* to) {
    const ImageSpec& whole = job.request.info().spec;
    nvj::Image image{};
    image.channel[0] = reinterpret_cast<unsigned char*>(to);
    image.pitch[0] = std::size_t{whole.width} * job.plan.native.channels;
    jobs.push_back(&job);
    data.push_back(reinterpret_cast<const unsigned char*>(job.request.bytes.data()));
    lengths.push_back(job.request.bytes.size());
    images.push_back(image);
  }
};

// Bytes of the whole picture as it is decoded.
std::size_t whole_bytes(const DecodeJob& job) noexcept {
  const ImageSpec& whole = job.request.info().spec;
  return std::size_t{whole.width} * whole.height * job.plan.native.channels;
}

class HwDecoder final : public FormatDecoder {
 public:
  explicit HwDecoder(const CodecOptions& options) : index_(index_of(flags_of(options, kModule))) {}

  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    // The engines take the sampling factors of a lone component for real; they mean nothing (T.81, A.2.2).
    const auto& headers = static_cast<const jpeg::Headers&>(*request.stream->detail);
    if (headers.components == 1 && headers.component[0].h * headers.component[0].v != 1)
      return fail(Errc::unsupported, "nvJPEG: gray with sampling factors is left to others");
    return plan_jpeg(request, {});
  }

  void decode(std::span<DecodeJob> jobs, Context& context) override {
    const DeviceScope scope(context.stream.device);
    Status status = run(jobs, context.stream);
    // What goes wrong around the pictures is the fate of all that have none of their own.
    for (DecodeJob& job : jobs)
      if (job.status && !status) job.status = status;
  }

 private:
  Status run(std::span<DecodeJob> jobs, Stream stream) {
    RESTRIDE_ASSIGN(HwEngine * engine, engines().get(stream.device));
    RESTRIDE_ASSIGN(Held<Call> call, begin_call(stream.device));
    std::size_t bytes = 0;
    for (DecodeJob& job : jobs) {
      job.status = has_end(job.request) ? Status() : Status(no_end());
      bytes += aligned(whole_bytes(job));
    }
    RESTRIDE_ASSIGN(std::byte * memory, call->reserve(bytes));
    auto batch = batches_.lease();
    for (const unsigned channels : {1U, 3U}) {
      batch->clear();
      std::byte* at = memory;
      for (DecodeJob& job : jobs) {
        if (job.status && job.plan.native.channels == channels) batch->add(job, at);
        at += aligned(whole_bytes(job));
      }
      if (!batch->jobs.empty()) RESTRIDE_TRY(run_batch(*engine, *batch, stream));
    }
    std::byte* at = memory;
    for (DecodeJob& job : jobs) {
      if (job.status) deliver(job, at, *call);
      at += aligned(whole_bytes(job));
    }
    return end_call(*call, stream, any_pinned(jobs));
  }

  static void deliver(DecodeJob& job, const std::byte* whole, Call& call) {
    const auto pixel = static_cast<std::ptrdiff_t>(job.plan.native.channels);
    const std::ptrdiff_t row = pixel * static_cast<std::ptrdiff_t>(job.request.info().spec.width);
    const Rect& window = job.request.window;
    job.wrote = true;
    call.conversions.push_back(conversion_of(job, whole + window.y * row + window.x * pixel, row, pixel, 1));
  }

  Status run_batch(HwEngine& engine, Batch& batch, Stream stream) const {
    RESTRIDE_ASSIGN(Held<HwLane> lane, engine.lane(index_));
    const Nvjpeg& api = *engine.api;
    nvj::Handle* handle = engine.handle[index_];
    refuse_unsupported(api, handle, *lane, batch);
    if (batch.jobs.empty()) return {};
    const int output = output_format(batch.jobs[0]->plan);
    const auto some = [&](std::size_t first, std::size_t count) -> Status {
      RESTRIDE_TRY(check_nvjpeg(api.DecodeBatchedInitialize(handle, lane->state, static_cast<int>(count), 1, output),
                                "nvjpegDecodeBatchedInitialize"));
      return check_nvjpeg(api.DecodeBatched(handle, lane->state, batch.data.data() + first,
                                            batch.lengths.data() + first, batch.images.data() + first, lane->stream()),
                          "nvjpegDecodeBatched");
    };
    if (!some(0, batch.jobs.size())) {
      // One picture fails the whole batch: alone, each has its own fate.
      for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
        RESTRIDE_TRY(check(cudaStreamSynchronize(lane->stream()), "waiting for the GPU"));
        batch.jobs[i]->status = some(i, 1);
      }
    }
    return lane->finish(cuda::handle(stream));
  }

  // Leaves in the batch what the engines say they take.
  static void refuse_unsupported(const Nvjpeg& api, nvj::Handle* handle, HwLane& lane, Batch& batch) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      int unsupported = 1;
      Status status = check_nvjpeg(api.JpegStreamParseHeader(handle, batch.data[i], batch.lengths[i], lane.header),
                                   "nvjpegJpegStreamParseHeader");
      if (status)
        status =
            check_nvjpeg(api.DecodeBatchedSupported(handle, lane.header, &unsupported), "nvjpegDecodeBatchedSupported");
      if (status && unsupported)
        status = fail(Errc::unsupported, "nvJPEG: the decoding engines do not take this picture");
      batch.jobs[i]->status = status;
      if (!status) continue;
      batch.jobs[kept] = batch.jobs[i];
      batch.data[kept] = batch.data[i];
      batch.lengths[kept] = batch.lengths[i];
      batch.images[kept] = batch.images[i];
      ++kept;
    }
    batch.jobs.resize(kept);
  }

  unsigned index_;
  StatePool<Batch> batches_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_jpeg_hw_decoder(const CodecOptions& options) {
  return std::make_unique<HwDecoder>(options);
}
void trim_jpeg_hw() { engines().trim(); }

}  // namespace restride::cuda::vendor
