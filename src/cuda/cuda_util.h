// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include "base/error_util.h"
#include "restride/memory.h"

namespace restride::cuda {

inline Status check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) [[likely]]
    return {};
  (void)cudaGetLastError();  // a sticky error stays; others must not be seen by the next call
  const Errc code = result == cudaErrorMemoryAllocation ? Errc::out_of_memory : Errc::device;
  return fail(code, "%s: %s (%s)", what, cudaGetErrorString(result), cudaGetErrorName(result));
}

// Makes `device` current for a while. Goes through the context stack, not cudaSetDevice, which would make a context on
// whatever device was current before when putting it back: a process that uses device 1 alone keeps device 0 untouched.
class DeviceScope {
 public:
  explicit DeviceScope(int device) noexcept;
  // For calls that need some device, no matter which: one that is in use already, where the thread has none current.
  static DeviceScope any() noexcept { return DeviceScope(Any{}); }
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  struct Any {};
  explicit DeviceScope(Any) noexcept;

  bool pushed_ = false;
};

inline cudaStream_t handle(Stream stream) noexcept { return reinterpret_cast<cudaStream_t>(stream.handle); }

}  // namespace restride::cuda
