// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include "restride/error.h"
#include "restride/memory.h"

namespace restride {

inline constexpr std::size_t kBufferAlignment = 64;

// Owning bytes from a MemoryResource. Move-only; grows on request, never shrinks by itself.
class Buffer {
 public:
  explicit Buffer(Memory kind = Memory::host) noexcept : resource_(default_resource(kind)) {}
  explicit Buffer(MemoryResource* resource) noexcept : resource_(resource) {}
  Buffer(Buffer&& other) noexcept
      : resource_(other.resource_),
        data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        stream_(other.stream_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      resource_ = other.resource_;
      data_ = std::exchange(other.data_, nullptr);
      capacity_ = std::exchange(other.capacity_, 0);
      stream_ = other.stream_;
    }
    return *this;
  }
  ~Buffer() { reset(); }

  // At least `bytes` of capacity, exactly that many when it has to grow. Contents are lost on growth, or moved when
  // `keep` bytes are asked for (host memory only). On failure nothing changes. out_of_memory.
  Status ensure(std::size_t bytes, Stream stream = {}, std::size_t keep = 0);
  void reset() noexcept;

  std::byte* data() const noexcept { return data_; }
  std::size_t capacity() const noexcept { return capacity_; }
  Memory kind() const noexcept { return resource_ ? resource_->kind() : Memory::host; }
  MemoryResource* resource() const noexcept { return resource_; }

 private:
  MemoryResource* resource_;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  Stream stream_;
};

}  // namespace restride
