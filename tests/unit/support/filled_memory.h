// SPDX-License-Identifier: Apache-2.0
// Fresh memory that holds a known byte, so that what depends on uninitialised memory comes out different.
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstring>
#include <new>

#include "restride/memory.h"

namespace restride::test {

class FilledResource final : public MemoryResource {
 public:
  explicit FilledResource(unsigned char fill) : fill_(fill) {}
  void* allocate(std::size_t bytes, std::size_t alignment, Stream) noexcept override {
    void* data = ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
    if (data) std::memset(data, fill_, bytes);
    return data;
  }
  void deallocate(void* data, std::size_t, std::size_t alignment, Stream) noexcept override {
    ::operator delete (data, std::align_val_t{alignment});
  }
  Memory kind() const noexcept override { return Memory::host; }

 private:
  int fill_;
};

// All memory taken while it lives, ours and (with glibc's malloc) the libraries', is filled.
class FilledMemory {
 public:
  explicit FilledMemory(bool ones) {
    static FilledResource low(0x11), high(0xee);
    before_ = set_default_resource(Memory::host, ones ? &high : &low);
    (void)::mallopt(M_PERTURB, ones ? 0x11 : 0xee);  // what comes from malloc is filled with the complement
  }
  ~FilledMemory() {
    set_default_resource(Memory::host, before_);
    (void)::mallopt(M_PERTURB, 0);
  }
  FilledMemory(const FilledMemory&) = delete;
  FilledMemory& operator=(const FilledMemory&) = delete;

 private:
  MemoryResource* before_;
};

}  // namespace restride::test
