// SPDX-License-Identifier: Apache-2.0
// Device and pinned memory, kept in size classes and handed out again: making a block costs up to milliseconds.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "restride/memory.h"

namespace restride::cuda {

// Sizes are rounded up to one of eight steps between powers of two, so that a little more is not another block.
struct SizeClass {
  static constexpr unsigned kSteps = 8;
  static constexpr unsigned kCount = 64 * kSteps;
  static unsigned index(std::size_t bytes) noexcept;
  static std::size_t size(unsigned index) noexcept;
};

// Blocks that were given back are remembered with the stream they were last used on, and go to the same stream again:
// what is still queued there comes first. The stream is only compared, never touched: it may be gone. A block goes to
// another stream only by way of the driver, which waits for the device.
class DeviceMemory final : public MemoryResource {
 public:
  explicit DeviceMemory(int devices) : devices_(static_cast<std::size_t>(devices)) {}
  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  Memory kind() const noexcept override { return Memory::device; }
  void trim() noexcept;

 private:
  struct Block {
    void* data;
    CUstream_st* stream;
  };
  struct Device {
    std::array<std::vector<Block>, SizeClass::kCount> free;
    std::size_t kept = 0, in_use = 0;  // bytes
  };
  static void* take(Device& device, unsigned index, CUstream_st* stream) noexcept;
  void release_all(int ordinal, Device& device) noexcept;

  std::mutex mutex_;
  std::vector<Device> devices_;
};

class PinnedMemory final : public MemoryResource {
 public:
  PinnedMemory() noexcept;
  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override;
  Memory kind() const noexcept override { return Memory::pinned; }
  void trim() noexcept;

 private:
  bool forked() const noexcept;
  void* allocate_plain(std::size_t bytes) noexcept;
  bool deallocate_plain(void* data) noexcept;  // false: it is no such block

  std::mutex mutex_;
  std::array<std::vector<void*>, SizeClass::kCount> free_;
  // A forked child has neither CUDA nor its parent's pinned pages: it gets ordinary memory, as does a process that has
  // lost CUDA.
  const int process_;
  std::mutex plain_mutex_;  // the other one may have been held when the process was forked
  std::vector<void*> plain_;
  std::atomic<bool> has_plain_{false};
};

}  // namespace restride::cuda
