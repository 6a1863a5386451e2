// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "restride/memory.h"

namespace restride::test {

// A resource whose n-th allocation from now on fails.
class FailingResource final : public MemoryResource {
 public:
  void fail_at(long n) {
    failed_ = false;
    left_ = n;
  }
  bool failed() const { return failed_; }
  void* allocate(std::size_t bytes, std::size_t alignment, Stream) noexcept override {
    if (--left_ == 0) {
      failed_ = true;
      return nullptr;
    }
    return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
  }
  void deallocate(void* data, std::size_t, std::size_t alignment, Stream) noexcept override {
    ::operator delete (data, std::align_val_t{alignment});
  }
  Memory kind() const noexcept override { return Memory::host; }

 private:
  std::atomic<long> left_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace restride::test
