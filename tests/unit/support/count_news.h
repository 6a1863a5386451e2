// SPDX-License-Identifier: Apache-2.0
// Replaces operator new by one that counts. Include it in the one source file of a test.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace restride::test {
inline std::atomic<std::uint64_t> news{0};  // calls of operator new in this process
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++restride::test::news;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++restride::test::news;
  return std::malloc(size ? size : 1);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
