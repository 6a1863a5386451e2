// SPDX-License-Identifier: Apache-2.0
#include "cuda/vendor/session.h"

#include "cuda/runtime.h"

namespace restride::cuda::vendor {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kCallsInFlight = 4;  // a device; as for the runtime's own staging

struct Calls {
  explicit Calls(int device) noexcept : device_(device), pool(kCallsInFlight) {}
  Status open() { return {}; }
  void trim() { pool.trim(); }
  int device_;
  LanePool<Call> pool;
};

PerDevice<Calls>& calls() {
  static auto* const instance = new PerDevice<Calls>;
  return *instance;
}

MemoryResource& device_memory() noexcept { return runtime().counted(Memory::device); }
MemoryResource& pinned_memory() noexcept { return runtime().counted(Memory::pinned); }

}  // namespace

bool Allocators::remember(void* data, std::size_t bytes) noexcept {
  try {
    std::lock_guard lock(mutex_);
    sizes_.emplace(data, bytes);
    return true;
  } catch (...) {
    return false;
  }
}

std::size_t Allocators::forget(void* data) noexcept {
  std::lock_guard lock(mutex_);
  const auto found = sizes_.find(data);
  if (found == sizes_.end()) return 0;
  const std::size_t bytes = found->second;
  sizes_.erase(found);
  return bytes;
}

// A pool hands out memory that is free in the order of a stream; engines that keep no such order need it to be free
// now.
int Allocators::allocate_device(void* self, void** data, std::size_t bytes, CUstream_st* stream) noexcept {
  auto& own = *static_cast<Allocators*>(self);
  *data = device_memory().allocate(bytes, kAlignment, {stream, own.device_});
  if (!*data) return 1;
  if (cudaStreamSynchronize(stream) == cudaSuccess && own.remember(*data, bytes)) return 0;
  device_memory().deallocate(*data, bytes, kAlignment, {stream, own.device_});
  return 1;
}

int Allocators::free_device(void* self, void* data, std::size_t, CUstream_st* stream) noexcept {
  auto& own = *static_cast<Allocators*>(self);
  if (data) device_memory().deallocate(data, own.forget(data), kAlignment, {stream, own.device_});
  return 0;
}

int Allocators::allocate_pinned(void* self, void** data, std::size_t bytes, CUstream_st* stream) noexcept {
  auto& own = *static_cast<Allocators*>(self);
  *data = pinned_memory().allocate(bytes, kAlignment, {stream, own.device_});
  if (!*data) return 1;
  if (own.remember(*data, bytes)) return 0;
  pinned_memory().deallocate(*data, bytes, kAlignment, {stream, own.device_});
  return 1;
}

int Allocators::free_pinned(void* self, void* data, std::size_t, CUstream_st* stream) noexcept {
  auto& own = *static_cast<Allocators*>(self);
  if (data) pinned_memory().deallocate(data, own.forget(data), kAlignment, {stream, own.device_});
  return 0;
}

Lane::~Lane() {
  if (recorded_) (void)cudaEventSynchronize(done_);
  if (done_) (void)cudaEventDestroy(done_);
  if (stream_) (void)cudaStreamDestroy(stream_);
}

Status Lane::open() {
  RESTRIDE_TRY(check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"));
  return check(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "cudaEventCreate");
}

Status Lane::finish(cudaStream_t joined) {
  RESTRIDE_TRY(finish_on(stream_));
  return check(cudaStreamWaitEvent(joined, done_, 0), "ordering two streams");
}

Status Lane::finish_on(cudaStream_t other) {
  RESTRIDE_TRY(check(cudaEventRecord(done_, other), "cudaEventRecord"));
  recorded_ = true;
  return {};
}

Call::~Call() {
  if (recorded_) (void)cudaEventSynchronize(done_);
  if (memory_) {
    device_memory().deallocate(memory_, size_, kAlignment, {stream_, device_});
    (void)cudaStreamSynchronize(stream_);
  }
  if (pinned_) pinned_memory().deallocate(pinned_, pinned_size_, kAlignment, {stream_, device_});
  if (mark_) (void)cudaEventDestroy(mark_);
}

Result<std::byte*> Call::reserve(std::size_t bytes) {
  if (bytes <= size_) return memory_;
  const std::size_t size = std::max(bytes, size_ + size_ / 2);
  if (memory_) device_memory().deallocate(memory_, size_, kAlignment, {stream_, device_});
  size_ = 0;
  memory_ = static_cast<std::byte*>(device_memory().allocate(size, kAlignment, {stream_, device_}));
  if (!memory_) return fail(Errc::out_of_memory, "could not allocate %zu bytes of device memory", size);
  size_ = size;
  RESTRIDE_TRY(check(cudaStreamSynchronize(stream_), "allocation of device memory"));
  return memory_;
}

Result<std::byte*> Call::reserve_pinned(std::size_t bytes) {
  if (bytes <= pinned_size_) return pinned_;
  const std::size_t size = std::max(bytes, pinned_size_ + pinned_size_ / 2);
  if (pinned_) pinned_memory().deallocate(pinned_, pinned_size_, kAlignment, {stream_, device_});
  pinned_size_ = 0;
  pinned_ = static_cast<std::byte*>(pinned_memory().allocate(size, kAlignment, {stream_, device_}));
  if (!pinned_) return fail(Errc::out_of_memory, "could not allocate %zu bytes of pinned memory", size);
  pinned_size_ = size;
  return pinned_;
}

Status Call::fork(cudaStream_t caller) {
  if (!mark_) RESTRIDE_TRY(check(cudaEventCreateWithFlags(&mark_, cudaEventDisableTiming), "cudaEventCreate"));
  return check(cudaEventRecord(mark_, caller), "cudaEventRecord");
}

Result<Held<Call>> begin_call(int device) {
  RESTRIDE_ASSIGN(Calls * own, calls().get(device));
  RESTRIDE_ASSIGN(Call * call, own->pool.take([&]() -> Result<std::unique_ptr<Call>> {
    auto made = std::make_unique<Call>(device);
    RESTRIDE_TRY(made->open());
    return made;
  }));
  call->conversions.clear();
  return Held<Call>(own->pool, call);
}

Status convert(Call& call, Stream stream) {
  if (call.conversions.empty()) return {};
  RESTRIDE_ASSIGN(DeviceStage * stage, runtime().acquire(stream));
  Status status = stage->convert(call.conversions);
  runtime().release(stage);
  return status;
}

Status end_call(Call& call, Stream stream, bool wait) {
  Status status = convert(call, stream);
  Status ended = call.finish_on(handle(stream));
  if (wait && ended) ended = call.wait();
  return status ? std::move(ended) : std::move(status);
}

void trim_calls() { calls().trim(); }

DeviceConversion conversion_of(const DecodeJob& job, const std::byte* data, std::ptrdiff_t row_stride,
                               std::ptrdiff_t pixel_stride, std::ptrdiff_t channel_stride) noexcept {
  const Rect& window = job.request.window;
  return {plan_conversion(job.plan.native, job.sink.target(), window.width, window.height, job.sink.orientation()),
          data,
          row_stride,
          pixel_stride,
          channel_stride,
          window.width,
          window.height};
}

DeviceConversion conversion_of(const EncodeJob& job, const ImageView& to) noexcept {
  const ImageView& from = job.source.view();
  return {plan_conversion(from.spec, to, to.spec.width, to.spec.height, Orientation::normal),
          from.data,
          from.row_stride,
          from.pixel_stride,
          from.channel_stride,
          to.spec.width,
          to.spec.height};
}

bool plain_rows(const ImageView& view) noexcept {
  const auto sample = static_cast<std::ptrdiff_t>(size_of(view.spec.type));
  const bool planes = view.spec.planar() && view.spec.channels > 1;
  const std::ptrdiff_t pixel = planes ? sample : sample * static_cast<std::ptrdiff_t>(view.spec.channels);
  return view.row_stride >= pixel * static_cast<std::ptrdiff_t>(view.spec.width) && view.row_stride % sample == 0 &&
         view.pixel_stride == pixel && (planes || view.spec.channels == 1 || view.channel_stride == sample);
}

bool pinned(const DecodeJob& job) noexcept {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, job.request.bytes.data()) != cudaSuccess) {
    (void)cudaGetLastError();
    return false;
  }
  return attributes.type == cudaMemoryTypeHost || attributes.type == cudaMemoryTypeManaged;
}

bool any_pinned(std::span<const DecodeJob> jobs) noexcept { return std::any_of(jobs.begin(), jobs.end(), pinned); }

}  // namespace restride::cuda::vendor
