// SPDX-License-Identifier: Apache-2.0
#include "cuda/memory.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <new>

#include "cuda/cuda_util.h"

namespace restride::cuda {
namespace {

constexpr std::size_t kSmallest = 4096;

}  // namespace

unsigned SizeClass::index(std::size_t bytes) noexcept {
  const std::size_t last = (bytes < kSmallest ? kSmallest : bytes) - 1;
  const auto power = static_cast<unsigned>(std::bit_width(last)) - 1;  // 2^power <= last
  return power * kSteps + static_cast<unsigned>(last >> (power - 3) & (kSteps - 1));
}

std::size_t SizeClass::size(unsigned index) noexcept {
  const unsigned power = index / kSteps;
  return (std::size_t{kSteps} + index % kSteps + 1) << (power - 3);
}

void* DeviceMemory::take(Device& device, unsigned index, CUstream_st* stream) noexcept {
  auto& free = device.free[index];
  for (std::size_t i = free.size(); i-- > 0;) {
    if (free[i].stream != stream) continue;
    void* data = free[i].data;
    free.erase(free.begin() + static_cast<std::ptrdiff_t>(i));
    device.kept -= SizeClass::size(index);
    return data;
  }
  return nullptr;
}

// cudaFree waits until the device has done with a block.
void DeviceMemory::release_all(int ordinal, Device& device) noexcept {
  if (device.kept == 0) return;  // nor make a context on a device that nobody uses
  const DeviceScope scope(ordinal);
  for (auto& free : device.free) {
    for (const Block& block : free) (void)cudaFree(block.data);
    free.clear();
  }
  device.kept = 0;
  (void)cudaGetLastError();
}

void* DeviceMemory::allocate(std::size_t bytes, std::size_t, Stream stream) noexcept {
  if (stream.device < 0 || static_cast<std::size_t>(stream.device) >= devices_.size()) return nullptr;
  if (bytes > SIZE_MAX / 4) return nullptr;
  const unsigned index = SizeClass::index(bytes);
  const std::size_t size = SizeClass::size(index);
  Device& device = devices_[static_cast<std::size_t>(stream.device)];
  // What lies unused, for other sizes or streams, may be as much as what is used and this on top.
  constexpr std::size_t kIdle = std::size_t{256} << 20;
  std::lock_guard lock(mutex_);
  void* data = take(device, index, stream.handle);
  if (!data) {
    if (device.kept > device.in_use + kIdle) release_all(stream.device, device);
    const DeviceScope scope(stream.device);
    if (cudaMalloc(&data, size) != cudaSuccess) {
      (void)cudaGetLastError();
      release_all(stream.device, device);
      if (cudaMalloc(&data, size) != cudaSuccess) {
        (void)cudaGetLastError();
        return nullptr;
      }
    }
  }
  device.in_use += size;
  return data;
}

void DeviceMemory::deallocate(void* data, std::size_t bytes, std::size_t, Stream stream) noexcept {
  const unsigned index = SizeClass::index(bytes);
  Device& device = devices_[static_cast<std::size_t>(stream.device)];
  std::lock_guard lock(mutex_);
  device.in_use -= SizeClass::size(index);
  try {
    device.free[index].push_back({data, stream.handle});
    device.kept += SizeClass::size(index);
  } catch (...) {  // no memory to remember the block with
    const DeviceScope scope(stream.device);
    (void)cudaFree(data);
    (void)cudaGetLastError();
  }
}

void DeviceMemory::trim() noexcept {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < devices_.size(); ++i) release_all(static_cast<int>(i), devices_[i]);
}

PinnedMemory::PinnedMemory() noexcept : process_(::getpid()) {}

bool PinnedMemory::forked() const noexcept { return process_ != ::getpid(); }

void* PinnedMemory::allocate_plain(std::size_t bytes) noexcept {
  void* data = ::operator new (bytes ? bytes : 1, std::align_val_t{64}, std::nothrow);
  std::lock_guard lock(plain_mutex_);
  try {
    if (data) plain_.push_back(data);
    has_plain_.store(true, std::memory_order_relaxed);
  } catch (...) {
    ::operator delete (data, std::align_val_t{64});
    return nullptr;
  }
  return data;
}

bool PinnedMemory::deallocate_plain(void* data) noexcept {
  std::lock_guard lock(plain_mutex_);
  const auto found = std::find(plain_.begin(), plain_.end(), data);
  if (found == plain_.end()) return false;
  plain_.erase(found);
  ::operator delete (data, std::align_val_t{64});
  return true;
}

void* PinnedMemory::allocate(std::size_t bytes, std::size_t, Stream) noexcept {
  if (forked()) return allocate_plain(bytes);
  if (bytes > SIZE_MAX / 4) return nullptr;
  const unsigned k = SizeClass::index(bytes);
  {
    std::lock_guard lock(mutex_);
    if (!free_[k].empty()) {
      void* data = free_[k].back();
      free_[k].pop_back();
      return data;
    }
  }
  const auto scope = DeviceScope::any();
  void* data = nullptr;
  const cudaError_t result = cudaHostAlloc(&data, SizeClass::size(k), cudaHostAllocPortable);
  if (result == cudaSuccess) return data;
  (void)cudaGetLastError();
  // Where CUDA is lost for good, say by a kernel that trapped, the CPU's work goes on in ordinary memory.
  return result == cudaErrorMemoryAllocation ? nullptr : allocate_plain(bytes);
}

void PinnedMemory::deallocate(void* data, std::size_t bytes, std::size_t, Stream) noexcept {
  if (has_plain_.load(std::memory_order_relaxed) && deallocate_plain(data)) return;
  if (forked()) return;  // a block of the parent's is not mapped here
  const unsigned k = SizeClass::index(bytes);
  try {
    std::lock_guard lock(mutex_);
    free_[k].push_back(data);
  } catch (...) {
    const auto scope = DeviceScope::any();
    (void)cudaFreeHost(data);  // no memory to remember the block with
  }
}

void PinnedMemory::trim() noexcept {
  if (forked()) return;
  const auto scope = DeviceScope::any();
  std::lock_guard lock(mutex_);
  for (auto& blocks : free_) {
    for (void* data : blocks) (void)cudaFreeHost(data);
    blocks.clear();
  }
}

}  // namespace restride::cuda
