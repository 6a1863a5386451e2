// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "codec/device_runtime.h"
#include "cuda/memory.h"
#include "cuda/stage.h"

namespace restride::cuda {

class Runtime final : public DeviceRuntime {
 public:
  explicit Runtime(int devices);
  // The resource that use() named for `kind`, which is device or pinned.
  MemoryResource& counted(Memory kind) const noexcept {
    return kind == Memory::device ? *counted_device_ : *counted_pinned_;
  }

  int device_count() const noexcept override { return devices_; }
  Result<int> current_device() const override;
  int device_of(const void* pointer) const noexcept override;
  MemoryResource& device_memory() noexcept override { return device_memory_; }
  MemoryResource& pinned_memory() noexcept override { return pinned_memory_; }
  void use(MemoryResource& device, MemoryResource& pinned) noexcept override {
    counted_device_ = &device;
    counted_pinned_ = &pinned;
  }
  void trim() noexcept override;
  Result<DeviceStage*> acquire(Stream stream) override;
  void release(DeviceStage* stage) noexcept override;
  Status order(Stream stream, Stream earlier) override;
  Status order(Stream stream, void* event) override;
  Result<Stream> own_stream(int device) override;
  Status synchronize(Stream stream) override;
  Status copy(const ImageView& from, const ImageView& to, Stream stream) override;
  void set_library_folders(std::span<const std::string_view> folders) override;
  std::span<const DeviceLibrary> libraries() const override;
  std::span<const DeviceCodec> codecs() const override;
  std::string_view description() const noexcept override { return description_.data(); }

 private:
  Result<cudaEvent_t> take_event(int device);
  void give_event(int device, cudaEvent_t event) noexcept;

  int devices_;
  DeviceMemory device_memory_;
  PinnedMemory pinned_memory_;
  MemoryResource* counted_device_ = &device_memory_;
  MemoryResource* counted_pinned_ = &pinned_memory_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Stage>> stages_;    // all that exist
  std::vector<Stage*> free_;                      // those not in a call, the longest unused first
  std::vector<std::vector<cudaEvent_t>> events_;  // by device: free ones; none is ever destroyed
  std::vector<cudaStream_t> own_streams_;         // by device; made when first needed
  std::array<char, 384> description_{};
};

// The process's runtime, which must have been opened; codecs' way to it.
Runtime& runtime() noexcept;

}  // namespace restride::cuda
