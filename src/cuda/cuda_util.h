// SPDX-License-Identifier: Apache-2.0
#pragma once

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

// Makes `device` current and puts the caller's back, so that nobody notices.
class DeviceScope {
 public:
  explicit DeviceScope(int device) noexcept {
    if (cudaGetDevice(&before_) != cudaSuccess) before_ = -1;
    if (before_ != device) changed_ = cudaSetDevice(device) == cudaSuccess;
  }
  ~DeviceScope() {
    if (changed_ && before_ >= 0) (void)cudaSetDevice(before_);
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int before_ = -1;
  bool changed_ = false;
};

inline cudaStream_t handle(Stream stream) noexcept { return reinterpret_cast<cudaStream_t>(stream.handle); }

}  // namespace restride::cuda
