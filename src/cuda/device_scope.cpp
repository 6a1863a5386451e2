// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>

#include "cuda/cuda_util.h"

namespace restride::cuda {
namespace {

// The driver's functions, asked of the runtime, so that libcuda need not be there to load this library.
struct Driver {
  decltype(&cuDevicePrimaryCtxRetain) retain = nullptr;
  decltype(&cuCtxGetCurrent) current = nullptr;
  decltype(&cuCtxPushCurrent) push = nullptr;
  decltype(&cuCtxPopCurrent) pop = nullptr;
  decltype(&cuDeviceGet) device = nullptr;

  Driver() noexcept {
    find("cuDevicePrimaryCtxRetain", retain);
    find("cuCtxGetCurrent", current);
    find("cuCtxPushCurrent", push);
    find("cuCtxPopCurrent", pop);
    find("cuDeviceGet", device);
  }
  bool complete() const noexcept { return retain && current && push && pop && device; }

 private:
  template <class F>
  static void find(const char* name, F& function) noexcept {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    constexpr unsigned kVersion = 12000;
    if (cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &result) == cudaSuccess &&
        result == cudaDriverEntryPointSuccess)
      function = reinterpret_cast<F>(found);
    else
      (void)cudaGetLastError();
  }
};

const Driver& driver() noexcept {
  static const Driver instance;
  return instance;
}

constexpr int kMostDevices = 64;
std::array<std::atomic<CUcontext>, kMostDevices> contexts{};

// The primary context of `device`, retained once for the life of the process.
CUcontext primary_context(int device) noexcept {
  if (device < 0 || device >= kMostDevices || !driver().complete()) return nullptr;
  auto& slot = contexts[static_cast<std::size_t>(device)];
  CUcontext context = slot.load(std::memory_order_acquire);
  if (context) return context;
  CUdevice ordinal = 0;
  if (driver().device(&ordinal, device) != CUDA_SUCCESS || driver().retain(&context, ordinal) != CUDA_SUCCESS)
    return nullptr;
  slot.store(context, std::memory_order_release);
  return context;
}

}  // namespace

DeviceScope::DeviceScope(int device) noexcept {
  const CUcontext wanted = primary_context(device);
  CUcontext now = nullptr;
  if (!wanted) return;
  if (driver().current(&now) == CUDA_SUCCESS && now == wanted) return;
  pushed_ = driver().push(wanted) == CUDA_SUCCESS;
}

DeviceScope::DeviceScope(Any) noexcept {
  CUcontext now = nullptr;
  if (!driver().complete() || driver().current(&now) != CUDA_SUCCESS || now) return;
  for (const auto& slot : contexts)
    if (const CUcontext context = slot.load(std::memory_order_acquire)) {
      pushed_ = driver().push(context) == CUDA_SUCCESS;
      return;
    }
}

DeviceScope::~DeviceScope() {
  CUcontext popped = nullptr;
  if (pushed_) (void)driver().pop(&popped);
}

}  // namespace restride::cuda
