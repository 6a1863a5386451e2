// SPDX-License-Identifier: Apache-2.0
// The process-wide resources and their counters. This file is the only place that asks the system for memory.
#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "restride/memory.h"

namespace restride {
namespace {

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

// Counts what goes through to the resource behind it, for good: whoever holds a CountedResource gives a block back to
// the resource that made it, also when another one has become the default since.
class CountedResource final : public MemoryResource {
 public:
  CountedResource(MemoryResource* behind, Memory kind, Counter& counter) noexcept
      : behind_(behind), kind_(kind), counter_(counter) {}

  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    void* data = behind_ ? behind_->allocate(bytes, alignment, stream) : nullptr;
    if (data) counter_.add(bytes);
    return data;
  }
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    if (!data) return;
    behind_->deallocate(data, bytes, alignment, stream);
    counter_.remove(bytes);
  }
  Memory kind() const noexcept override { return kind_; }
  MemoryResource* behind() const noexcept { return behind_; }

 private:
  MemoryResource* behind_;
  Memory kind_;
  Counter& counter_;
};

// One kind of memory: its counter, and a wrapper for each resource that ever was its default.
struct Kind {
  explicit Kind(Memory kind) : memory(kind), built_in(kind) {
    current = wrapper(kind == Memory::device ? nullptr : &built_in);
  }

  CountedResource* wrapper(MemoryResource* behind) {
    for (const auto& known : wrappers)
      if (known->behind() == behind) return known.get();
    return wrappers.emplace_back(std::make_unique<CountedResource>(behind, memory, counter)).get();
  }

  Memory memory;
  HostResource built_in;
  Counter counter;
  std::mutex mutex;
  std::vector<std::unique_ptr<CountedResource>> wrappers;  // never shrinks: buffers point to them
  std::atomic<CountedResource*> current{nullptr};
};

// Never destroyed: objects with static lifetime may free memory after this would have gone.
Kind& kind_of(Memory kind) noexcept {
  static Kind* const kinds[] = {new Kind(Memory::host), new Kind(Memory::pinned), new Kind(Memory::device)};
  return *kinds[static_cast<std::size_t>(kind)];
}

}  // namespace

MemoryResource* default_resource(Memory kind) noexcept { return kind_of(kind).current.load(std::memory_order_acquire); }

MemoryResource* set_default_resource(Memory memory, MemoryResource* resource) noexcept {
  Kind& kind = kind_of(memory);
  std::lock_guard lock(kind.mutex);
  if (!resource && memory != Memory::device) resource = &kind.built_in;
  MemoryResource* before = kind.current.load(std::memory_order_relaxed)->behind();
  kind.current.store(kind.wrapper(resource), std::memory_order_release);
  return before;
}

MemoryStats memory_stats() noexcept {
  return {kind_of(Memory::host).counter.snapshot(), kind_of(Memory::pinned).counter.snapshot(),
          kind_of(Memory::device).counter.snapshot()};
}

}  // namespace restride
