// SPDX-License-Identifier: Apache-2.0
#include "cuda/runtime.h"

#include <algorithm>
#include <cstdio>

#include "cuda/cuda_util.h"
#include "cuda/jpeg/decode.h"
#include "cuda/jpeg/encode.h"
#include "cuda/vendor/codecs.h"
#include "cuda/vendor/library.h"

namespace restride::cuda {
namespace {

Runtime* the_runtime = nullptr;

}  // namespace

Runtime& runtime() noexcept { return *the_runtime; }

Runtime::Runtime(int devices)
    : devices_(devices),
      device_memory_(devices),
      events_(static_cast<std::size_t>(devices)),
      own_streams_(static_cast<std::size_t>(devices)) {
  int driver = 0, runtime = 0;
  cudaDeviceProp properties{};
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaGetDeviceProperties(&properties, 0);
  std::snprintf(description_.data(), description_.size(), "CUDA %d.%d (driver for up to %d.%d), %s", runtime / 1000,
                runtime % 1000 / 10, driver / 1000, driver % 1000 / 10, properties.name);
}

Result<int> Runtime::current_device() const {
  int device = 0;
  RESTRIDE_TRY(check(cudaGetDevice(&device), "cudaGetDevice"));
  return device;
}

int Runtime::device_of(const void* pointer) const noexcept {
  const auto scope = DeviceScope::any();
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, pointer) != cudaSuccess) {
    (void)cudaGetLastError();
    return -1;
  }
  const bool device = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  return device ? attributes.device : -1;
}

void Runtime::trim() noexcept {
  {
    std::lock_guard lock(mutex_);
    for (Stage* stage : free_) {
      events_[static_cast<std::size_t>(stage->device_ordinal())].push_back(stage->event());  // images may name it
      std::erase_if(stages_, [&](const auto& owned) { return owned.get() == stage; });
    }
    free_.clear();
  }
  vendor::trim();
  device_memory_.trim();
  pinned_memory_.trim();
}

Result<DeviceStage*> Runtime::acquire(Stream stream) {
  // Beyond this many in flight on a device a call waits for the oldest instead of taking more memory.
  constexpr std::size_t kMostInFlight = 4;
  Stage* stage = nullptr;
  const DeviceScope scope(stream.device);
  {
    std::lock_guard lock(mutex_);
    const auto here = [&](const Stage* s) { return s->device_ordinal() == stream.device; };
    auto found = std::find_if(free_.begin(), free_.end(), [&](const Stage* s) { return here(s) && s->idle(); });
    if (found == free_.end() &&
        static_cast<std::size_t>(std::count_if(free_.begin(), free_.end(), here)) >= kMostInFlight)
      found = std::find_if(free_.begin(), free_.end(), here);
    if (found != free_.end()) {
      stage = *found;
      free_.erase(found);
    }
  }
  if (!stage) {
    RESTRIDE_ASSIGN(const cudaEvent_t event, take_event(stream.device));
    auto made = std::make_unique<Stage>(stream.device, *counted_device_, *counted_pinned_, event);
    stage = made.get();
    std::lock_guard lock(mutex_);
    stages_.push_back(std::move(made));
    free_.reserve(stages_.size());
  }
  Status ready = stage->idle() ? Status() : stage->wait_idle();
  if (ready) ready = stage->begin(stream);
  if (!ready) {
    release(stage);
    return std::move(ready).error();
  }
  return stage;
}

void Runtime::release(DeviceStage* stage) noexcept {
  auto* own = static_cast<Stage*>(stage);
  const DeviceScope scope(own->device_ordinal());
  own->end();
  std::lock_guard lock(mutex_);
  free_.push_back(own);
}

Status Runtime::order(Stream stream, Stream earlier) {
  if (stream.handle == earlier.handle && stream.device == earlier.device) return {};
  if (stream.device < 0 || earlier.device < 0) return {};
  const DeviceScope scope(earlier.device);
  RESTRIDE_ASSIGN(const cudaEvent_t event, take_event(earlier.device));
  cudaError_t result = cudaEventRecord(event, handle(earlier));
  if (result == cudaSuccess) {
    const DeviceScope later(stream.device);
    result = cudaStreamWaitEvent(handle(stream), event, 0);
  }
  give_event(earlier.device, event);  // a wait that was queued keeps its place also when the event is recorded again
  return check(result, "ordering two streams");
}

Status Runtime::order(Stream stream, void* event) {
  const DeviceScope scope(stream.device);
  return check(cudaStreamWaitEvent(handle(stream), static_cast<cudaEvent_t>(event), 0), "cudaStreamWaitEvent");
}

Result<Stream> Runtime::own_stream(int device) {
  if (device < 0 || device >= devices_) return fail(Errc::invalid_argument, "device %d does not exist", device);
  std::lock_guard lock(mutex_);
  cudaStream_t& own = own_streams_[static_cast<std::size_t>(device)];
  if (!own) {
    const DeviceScope scope(device);
    RESTRIDE_TRY(check(cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking), "cudaStreamCreate"));
  }
  return Stream{reinterpret_cast<CUstream_st*>(own), device};
}

Result<cudaEvent_t> Runtime::take_event(int device) {
  {
    std::lock_guard lock(mutex_);
    auto& free = events_[static_cast<std::size_t>(device)];
    if (!free.empty()) {
      const cudaEvent_t event = free.back();
      free.pop_back();
      return event;
    }
    free.reserve(free.capacity() + 1);
  }
  cudaEvent_t event = nullptr;
  RESTRIDE_TRY(check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate"));
  return event;
}

void Runtime::give_event(int device, cudaEvent_t event) noexcept {
  std::lock_guard lock(mutex_);
  events_[static_cast<std::size_t>(device)].push_back(event);
}

Status Runtime::copy(const ImageView& from, const ImageView& to, Stream stream) {
  const DeviceScope scope(stream.device);
  const unsigned planes = from.spec.planar() ? from.spec.channels : 1;
  const bool one_block = from.contiguous() && to.contiguous();
  for (unsigned k = 0; k < (one_block ? 1 : planes); ++k) {
    const cudaError_t result =
        one_block ? cudaMemcpyAsync(to.data, from.data, from.spec.bytes(), cudaMemcpyDefault, handle(stream))
                  : cudaMemcpy2DAsync(to.at(0, 0, k), static_cast<std::size_t>(to.row_stride), from.at(0, 0, k),
                                      static_cast<std::size_t>(from.row_stride), from.spec.row_bytes(),
                                      from.spec.height, cudaMemcpyDefault, handle(stream));
    RESTRIDE_TRY(check(result, "copy of an image"));
  }
  return {};
}

Status Runtime::synchronize(Stream stream) {
  const DeviceScope scope(stream.device);
  return check(cudaStreamSynchronize(handle(stream)), "waiting for the GPU");
}

void Runtime::set_library_folders(std::span<const std::string_view> folders) { vendor::set_folders(folders); }

std::span<const DeviceLibrary> Runtime::libraries() const { return vendor::libraries(); }

std::span<const DeviceCodec> Runtime::codecs() const {
  // In order of preference.
  static const std::vector<DeviceCodec> all = [] {
    std::vector<DeviceCodec> list{
        {"jpeg", BackendKind::gpu_only, "restride-jpeg", true, jpeg::make_decoder, make_jpeg_encoder}};
    vendor::add_codecs(list);
    return list;
  }();
  return all;
}

}  // namespace restride::cuda

extern "C" __attribute__((visibility("default"))) restride::DeviceRuntime* restride_device_runtime(
    int version, char* reason, std::size_t reason_size) {
  if (version != restride::kDeviceRuntimeVersion) {
    std::snprintf(reason, reason_size, "librestride_cuda is of another version than the package");
    return nullptr;
  }
  int devices = 0;
  const cudaError_t result = cudaGetDeviceCount(&devices);
  if (result != cudaSuccess || devices == 0) {
    (void)cudaGetLastError();
    std::snprintf(reason, reason_size, "%s", result != cudaSuccess ? cudaGetErrorString(result) : "no CUDA device");
    return nullptr;
  }
  static restride::cuda::Runtime* const made = new restride::cuda::Runtime(devices);  // lives as long as the process
  restride::cuda::the_runtime = made;
  return made;
}
