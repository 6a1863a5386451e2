// SPDX-License-Identifier: Apache-2.0
// The process-wide resources and their counters. This file is the only place that asks the system for memory.
#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "restride/memory.h"

namespace restride {
namespace {

constexpr std::size_t kKinds = 3;

struct Counter {
  std::atomic<std::uint64_t> allocations{0}, deallocations{0}, bytes{0}, peak{0};

  void add(std::size_t n) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t now = bytes.fetch_add(n, std::memory_order_relaxed) + n;
    std::uint64_t seen = peak.load(std::memory_order_relaxed);
    while (now > seen && !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
    }
  }
  void remove(std::size_t n) noexcept {
    deallocations.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_sub(n, std::memory_order_relaxed);
  }
  MemoryCount snapshot() const noexcept {
    return {allocations.load(std::memory_order_relaxed), deallocations.load(std::memory_order_relaxed),
            bytes.load(std::memory_order_relaxed), peak.load(std::memory_order_relaxed)};
  }
};

// Plain host memory; also stands in for pinned memory where there is no GPU to pin it for.
class HostResource final : public MemoryResource {
 public:
  explicit HostResource(Memory kind) noexcept : kind_(kind) {}
  void* allocate(std::size_t bytes, std::size_t alignment, Stream) noexcept override {
    return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
  }
  void deallocate(void* data, std::size_t, std::size_t alignment, Stream) noexcept override {
    ::operator delete (data, std::align_val_t{alignment});
  }
  Memory kind() const noexcept override { return kind_; }

 private:
  Memory kind_;
};

// Counts what goes through to the resource behind. A block remembers nothing about which resource made it, so replacing
// one while its blocks live is up to whoever replaces it (as the header says: start-up and tests).
class CountedResource final : public MemoryResource {
 public:
  explicit CountedResource(Memory kind) noexcept
      : built_in_(kind), behind_(kind == Memory::device ? nullptr : &built_in_) {}

  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    MemoryResource* resource = behind_.load(std::memory_order_acquire);
    void* data = resource ? resource->allocate(bytes, alignment, stream) : nullptr;
    if (data) counter_.add(bytes);
    return data;
  }
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    if (!data) return;
    behind_.load(std::memory_order_acquire)->deallocate(data, bytes, alignment, stream);
    counter_.remove(bytes);
  }
  Memory kind() const noexcept override { return built_in_.kind(); }

  MemoryResource* exchange(MemoryResource* resource) noexcept {
    if (!resource && kind() != Memory::device) resource = &built_in_;
    return behind_.exchange(resource, std::memory_order_acq_rel);
  }
  MemoryCount snapshot() const noexcept { return counter_.snapshot(); }

 private:
  HostResource built_in_;
  std::atomic<MemoryResource*> behind_;
  Counter counter_;
};

// Never destroyed: objects with static lifetime may free memory after this would have gone.
CountedResource& counted(Memory kind) noexcept {
  alignas(CountedResource) static std::array<std::byte, sizeof(CountedResource)> storage[kKinds];
  static CountedResource* const resources[kKinds] = {new (storage[0].data()) CountedResource(Memory::host),
                                                     new (storage[1].data()) CountedResource(Memory::pinned),
                                                     new (storage[2].data()) CountedResource(Memory::device)};
  return *resources[static_cast<std::size_t>(kind)];
}

}  // namespace

MemoryResource* default_resource(Memory kind) noexcept { return &counted(kind); }

MemoryResource* set_default_resource(Memory kind, MemoryResource* resource) noexcept {
  return counted(kind).exchange(resource);
}

MemoryStats memory_stats() noexcept {
  return {counted(Memory::host).snapshot(), counted(Memory::pinned).snapshot(), counted(Memory::device).snapshot()};
}

}  // namespace restride
