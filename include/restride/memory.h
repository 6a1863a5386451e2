// SPDX-License-Identifier: Apache-2.0
// Memory resources, and the count of everything allocated through them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "restride/export.h"
#include "restride/types.h"

struct CUstream_st;

namespace restride {

// A view of a CUDA stream; owns nothing. device == -1 means the CPU, and then handle is null.
struct Stream {
  CUstream_st* handle = nullptr;
  int device = -1;
};

// Where buffers come from. A caller may pass an own one; it must outlive every object that uses it and be safe to
// call from several threads. allocate returns nullptr when there is no memory; it never throws.
class RESTRIDE_API MemoryResource {
 public:
  virtual ~MemoryResource() = default;
  virtual void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept = 0;
  virtual void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept = 0;
  virtual Memory kind() const noexcept = 0;
};

// The process-wide resource for `kind`, counted by memory_stats(). Pinned memory is ordinary page-aligned host memory
// where no GPU is in use; device memory is nullptr then.
RESTRIDE_API MemoryResource* default_resource(Memory kind) noexcept;

// Replaces the resource behind default_resource(kind) (nullptr: the built-in one again) and returns the one before.
// Buffers and images keep the resource that was the default when they were made. Meant for start-up and for tests.
RESTRIDE_API MemoryResource* set_default_resource(Memory kind, MemoryResource* resource) noexcept;

struct MemoryCount {
  std::uint64_t allocations = 0;  // since the process started
  std::uint64_t deallocations = 0;
  std::uint64_t bytes_in_use = 0;
  std::uint64_t peak_bytes = 0;
};

struct MemoryStats {
  MemoryCount host, pinned, device;
};

// Counts of every allocation made through this library's memory resources. Thread-safe; a snapshot, not a fence.
RESTRIDE_API MemoryStats memory_stats() noexcept;

}  // namespace restride
