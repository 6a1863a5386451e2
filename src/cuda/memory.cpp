// SPDX-License-Identifier: Apache-2.0
#include "cuda/memory.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <new>

#include "cuda/cuda_util.h"

namespace restride::cuda {

DeviceMemory::DeviceMemory(int devices) : pools_(static_cast<std::size_t>(devices)) {}

cudaMemPool_t DeviceMemory::pool(int device) noexcept {
  std::lock_guard lock(mutex_);
  cudaMemPool_t& pool = pools_[static_cast<std::size_t>(device)];
  if (pool) return pool;
  cudaMemPoolProps props{};
  props.allocType = cudaMemAllocationTypePinned;
  props.location = {cudaMemLocationTypeDevice, device};
  if (cudaMemPoolCreate(&pool, &props) != cudaSuccess) {
    (void)cudaGetLastError();
    return pool = nullptr;
  }
  // Keep what was freed until trim(): giving it back at every synchronisation would cost more than decoding.
  std::uint64_t threshold = UINT64_MAX;
  (void)cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold);
  return pool;
}

void* DeviceMemory::allocate(std::size_t bytes, std::size_t, Stream stream) noexcept {
  if (stream.device < 0 || static_cast<std::size_t>(stream.device) >= pools_.size()) return nullptr;
  const DeviceScope scope(stream.device);
  const cudaMemPool_t source = pool(stream.device);
  void* data = nullptr;
  if (!source || cudaMallocFromPoolAsync(&data, bytes ? bytes : 1, source, handle(stream)) != cudaSuccess) {
    (void)cudaGetLastError();
    return nullptr;
  }
  return data;
}

void DeviceMemory::deallocate(void* data, std::size_t, std::size_t, Stream stream) noexcept {
  const DeviceScope scope(stream.device);
  if (cudaFreeAsync(data, handle(stream)) == cudaSuccess) return;
  (void)cudaGetLastError();
  // The stream is gone: wait for everything that may still use the block, then free it on the default one.
  (void)cudaDeviceSynchronize();
  (void)cudaFreeAsync(data, nullptr);
  (void)cudaGetLastError();
}

void DeviceMemory::trim() noexcept {
  std::lock_guard lock(mutex_);
  for (cudaMemPool_t pool : pools_)
    if (pool) (void)cudaMemPoolTrimTo(pool, 0);
}

// Class k holds blocks of 2^k bytes.
unsigned PinnedMemory::class_of(std::size_t bytes) noexcept {
  constexpr std::size_t kPage = 4096;
  return static_cast<unsigned>(std::bit_width((bytes < kPage ? kPage : bytes) - 1));
}

PinnedMemory::PinnedMemory() noexcept : process_(::getpid()) {}

bool PinnedMemory::forked() const noexcept { return process_ != ::getpid(); }

void* PinnedMemory::allocate_in_child(std::size_t bytes) noexcept {
  void* data = ::operator new (bytes ? bytes : 1, std::align_val_t{64}, std::nothrow);
  std::lock_guard lock(child_mutex_);
  try {
    if (data) in_child_.push_back(data);
  } catch (...) {
    ::operator delete (data, std::align_val_t{64});
    return nullptr;
  }
  return data;
}

// Blocks of the parent's are not mapped here: they are left alone.
void PinnedMemory::deallocate_in_child(void* data) noexcept {
  std::lock_guard lock(child_mutex_);
  const auto found = std::find(in_child_.begin(), in_child_.end(), data);
  if (found == in_child_.end()) return;
  in_child_.erase(found);
  ::operator delete (data, std::align_val_t{64});
}

void* PinnedMemory::allocate(std::size_t bytes, std::size_t, Stream) noexcept {
  if (forked()) return allocate_in_child(bytes);
  const unsigned k = class_of(bytes);
  if (k >= kClasses) return nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!free_[k].empty()) {
      void* data = free_[k].back();
      free_[k].pop_back();
      return data;
    }
  }
  void* data = nullptr;
  if (cudaHostAlloc(&data, std::size_t{1} << k, cudaHostAllocPortable) != cudaSuccess) {
    (void)cudaGetLastError();
    return nullptr;
  }
  return data;
}

void PinnedMemory::deallocate(void* data, std::size_t bytes, std::size_t, Stream) noexcept {
  if (forked()) return deallocate_in_child(data);
  const unsigned k = class_of(bytes);
  try {
    std::lock_guard lock(mutex_);
    free_[k].push_back(data);
  } catch (...) {
    (void)cudaFreeHost(data);  // no memory to remember the block with
  }
}

void PinnedMemory::trim() noexcept {
  if (forked()) return;
  std::lock_guard lock(mutex_);
  for (auto& blocks : free_) {
    for (void* data : blocks) (void)cudaFreeHost(data);
    blocks.clear();
  }
}

}  // namespace restride::cuda
