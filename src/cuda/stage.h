// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <mutex>

#include "codec/device_runtime.h"
#include "cuda/convert.cuh"

namespace restride::cuda {

// Staging of one call; see DeviceStage. Belongs to one device for life.
class Stage final : public DeviceStage {
 public:
  // `done` lives longer than the stage.
  Stage(int device, MemoryResource& device_memory, MemoryResource& pinned_memory, cudaEvent_t done) noexcept
      : device_(device), device_memory_(device_memory), pinned_memory_(pinned_memory), done_(done) {}
  ~Stage() override;

  // Takes the stage into use on `stream`.
  Status begin(Stream stream);
  // Marks the end of the call's work.
  void end() noexcept;
  // True once the GPU has passed the last end().
  bool idle() const noexcept;
  Status wait_idle();
  int device_ordinal() const noexcept { return device_; }
  cudaEvent_t event() const noexcept { return done_; }

  Status reserve(std::size_t bytes) override { return reserve(bytes, bytes); }
  // The same with blocks of different sizes.
  Status reserve(std::size_t host_bytes, std::size_t device_bytes);
  // Streams of the stage's own, for work on its blocks that need not wait for what the caller queued before; to be
  // asked for after the last reserve(). follow() makes one of them wait for all queued on another so far. join() makes
  // the caller's stream wait for one, and is needed before end() for all that work was queued on; wait_joined() blocks
  // until what was queued on them before their join() has been done.
  static constexpr unsigned kSides = 3;
  Result<cudaStream_t> side(unsigned i);
  Status follow(unsigned side, unsigned earlier);
  Status join(unsigned side);
  Status wait_joined();
  std::byte* host() const noexcept override { return host_.data; }
  std::byte* device() const noexcept override { return on_device_.data; }
  Status upload(std::size_t offset, std::size_t bytes) override;
  Status download(std::size_t offset, std::size_t bytes) override;
  Status convert(std::span<const DeviceConversion> conversions) override;
  Status wait() override;
  Stream stream() const noexcept override { return stream_; }
  void* done() const noexcept override { return done_; }

 private:
  struct Block {
    std::byte* data = nullptr;
    std::size_t size = 0;
  };
  Status grow(Block& block, MemoryResource& resource, std::size_t bytes);
  void free(Block& block, MemoryResource& resource) noexcept;

  int device_;
  MemoryResource& device_memory_;
  MemoryResource& pinned_memory_;
  Block host_, on_device_;           // the caller's part
  Block host_items_, device_items_;  // descriptors
  Stream caller_, stream_;
  cudaStream_t own_ = nullptr;  // for callers on the per-thread default stream
  cudaEvent_t done_;
  bool recorded_ = false;
  struct Side {
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    bool joined = false;  // and not waited for
  };
  std::array<Side, kSides> sides_;
  unsigned grown_ = 0;  // mask of sides that do not know of blocks allocated in the order of stream_
};

}  // namespace restride::cuda
