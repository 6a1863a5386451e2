// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "memory/buffer.h"

namespace restride {

// A bump allocator for one job's working memory. reset() forgets everything and merges what had to be added into one
// block, so that a repeated job of the same size allocates nothing. Not thread-safe.
class Scratch {
 public:
  // `bytes` bytes, uninitialised, valid until reset(); nullptr when memory is short.
  std::byte* allocate(std::size_t bytes, std::size_t alignment = kBufferAlignment) noexcept;

  // `count` elements of a trivial type, or an empty span (data() == nullptr) when memory is short.
  template <class T>
  std::span<T> take(std::size_t count) noexcept {
    if (count > SIZE_MAX / sizeof(T)) return {};
    auto* data = reinterpret_cast<T*>(
        allocate(count * sizeof(T), alignof(T) > kBufferAlignment ? alignof(T) : kBufferAlignment));
    return data ? std::span<T>(data, count) : std::span<T>();
  }

  void reset() noexcept;
  std::size_t used() const noexcept { return used_; }

 private:
  std::vector<Buffer> blocks_;
  std::size_t position_ = 0;  // in the last block
  std::size_t used_ = 0;      // in all blocks, alignment included
};

// Objects kept for reuse: lease() gives one that is free, or a new one. The pool must outlive its leases. Thread-safe.
template <class T>
class StatePool {
 public:
  class Lease {
   public:
    Lease(StatePool* pool, std::unique_ptr<T> object) noexcept : pool_(pool), object_(std::move(object)) {}
    Lease(Lease&&) noexcept = default;
    ~Lease() {
      if (object_) pool_->give_back(std::move(object_));
    }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_.get(); }

   private:
    StatePool* pool_;
    std::unique_ptr<T> object_;
  };

  Lease lease() {
    {
      std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto object = std::move(free_.back());
        free_.pop_back();
        return {this, std::move(object)};
      }
      ++made_;
      free_.reserve(made_);  // so that giving back never allocates
    }
    return {this, std::make_unique<T>()};
  }

 private:
  void give_back(std::unique_ptr<T> object) noexcept {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(object));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
  std::size_t made_ = 0;
};

}  // namespace restride
