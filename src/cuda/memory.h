// SPDX-License-Identifier: Apache-2.0
// Device and pinned memory. Device blocks come from a pool of the driver's per device, ordered by the stream they are
// asked for on; pinned blocks, which cost milliseconds to make, are kept in size classes and handed out again.
#pragma once

#include <cuda_runtime_api.h>

#include <mutex>
#include <vector>

#include "restride/memory.h"

namespace restride::cuda {

class DeviceMemory final : public MemoryResource {
 public:
  explicit DeviceMemory(int devices);
  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  Memory kind() const noexcept override { return Memory::device; }
  void trim() noexcept;

 private:
  cudaMemPool_t pool(int device) noexcept;

  std::mutex mutex_;
  std::vector<cudaMemPool_t> pools_;  // by device; made when first needed, so that no context appears on others
};

class PinnedMemory final : public MemoryResource {
 public:
  PinnedMemory() noexcept;
  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  Memory kind() const noexcept override { return Memory::pinned; }
  void trim() noexcept;

 private:
  static constexpr unsigned kClasses = 64;
  static unsigned class_of(std::size_t bytes) noexcept;
  bool forked() const noexcept;
  void* allocate_in_child(std::size_t bytes) noexcept;
  void deallocate_in_child(void* data) noexcept;

  std::mutex mutex_;
  std::vector<void*> free_[kClasses];
  // A forked child has neither CUDA nor its parent's pinned pages: it gets ordinary memory.
  const int process_;
  std::mutex child_mutex_;  // the other one may have been held when the process was forked
  std::vector<void*> in_child_;
};

}  // namespace restride::cuda
