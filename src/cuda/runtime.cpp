// SPDX-License-Identifier: Apache-2.0
#include "cuda/runtime.h"

#include <algorithm>
#include <cstdio>

#include "cuda/cuda_util.h"
#include "cuda/vendor/codecs.h"
#include "cuda/vendor/library.h"

namespace restride::cuda {

Runtime::Runtime(int devices) : devices_(devices), device_memory_(devices) {
  instance_ = this;
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
    for (Stage* stage : free_) std::erase_if(stages_, [&](const auto& owned) { return owned.get() == stage; });
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
    } else {
      stages_.push_back(std::make_unique<Stage>(stream.device, *counted_device_, *counted_pinned_));
      free_.reserve(stages_.size());
      stage = stages_.back().get();
    }
  }
  Status ready = stage->wait_idle();
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
  const DeviceScope scope(earlier.device);
  cudaEvent_t event = nullptr;
  RESTRIDE_TRY(check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate"));
  cudaError_t result = cudaEventRecord(event, handle(earlier));
  if (result == cudaSuccess) result = cudaStreamWaitEvent(handle(stream), event, 0);
  (void)cudaEventDestroy(event);  // released by the driver once it has passed
  return check(result, "ordering two streams");
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
    std::vector<DeviceCodec> list;
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
  static restride::cuda::Runtime* const runtime = new restride::cuda::Runtime(devices);  // lives as long as the process
  return runtime;
}
