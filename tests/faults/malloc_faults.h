// SPDX-License-Identifier: Apache-2.0
// malloc and its relatives, replaced for the whole process: the n-th call of this thread can be made to fail, and what
// is not given back is counted. To be included by one file of a program only.
#pragma once

#include <link.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace restride::test {

inline std::atomic<long> live_blocks{0};
inline thread_local long fails_in = 0;  // 0: never
inline thread_local bool has_failed = false;

// Libraries that are known to crash when their allocation fails: calls from there do not fail, nor count.
struct Spared {
  std::uintptr_t begin = 0, end = 0;
};
inline std::array<Spared, 4> spared;
inline std::size_t spared_count = 0;
inline void spare_library(const char* name) {
  struct Search {
    const char* name;
  } search{name};
  (void)::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* wanted) {
        if (!std::strstr(info->dlpi_name, static_cast<Search*>(wanted)->name)) return 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || !(part.p_flags & PF_X)) continue;
          const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
          if (spared_count < spared.size()) spared[spared_count++] = {begin, begin + part.p_memsz};
        }
        return 1;
      },
      &search);
}

inline bool fails_now(const void* caller) noexcept {
  const auto place = reinterpret_cast<std::uintptr_t>(caller);
  if (fails_in == 0) return false;
  for (const Spared& library : spared)
    if (place >= library.begin && place < library.end) return false;
  if (--fails_in != 0) return false;
  has_failed = true;
  errno = ENOMEM;
  return true;
}
inline void* counted(void* block) noexcept {
  if (block) live_blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

// While it lives, the n-th allocation of this thread fails, once.
class FailingMalloc {
 public:
  explicit FailingMalloc(long n) noexcept {
    has_failed = false;
    fails_in = n;
  }
  ~FailingMalloc() { fails_in = 0; }
  FailingMalloc(const FailingMalloc&) = delete;
  FailingMalloc& operator=(const FailingMalloc&) = delete;
  static bool failed() noexcept { return has_failed; }
};

}  // namespace restride::test

#define RESTRIDE_FAILS restride::test::fails_now(__builtin_return_address(0))
extern "C" {
[[gnu::visibility("default")]] void* malloc(std::size_t n) {
  return RESTRIDE_FAILS ? nullptr : restride::test::counted(__libc_malloc(n));
}
[[gnu::visibility("default")]] void* calloc(std::size_t a, std::size_t b) {
  return RESTRIDE_FAILS ? nullptr : restride::test::counted(__libc_calloc(a, b));
}
[[gnu::visibility("default")]] void* realloc(void* p, std::size_t n) {
  if (RESTRIDE_FAILS) return nullptr;
  void* block = __libc_realloc(p, n);
  return p ? block : restride::test::counted(block);
}
[[gnu::visibility("default")]] void* memalign(std::size_t alignment, std::size_t n) {
  return RESTRIDE_FAILS ? nullptr : restride::test::counted(__libc_memalign(alignment, n));
}
[[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment, std::size_t n) {
  return RESTRIDE_FAILS ? nullptr : restride::test::counted(__libc_memalign(alignment, n));
}
[[gnu::visibility("default")]] int posix_memalign(void** out, std::size_t alignment, std::size_t n) {
  void* block = RESTRIDE_FAILS ? nullptr : restride::test::counted(__libc_memalign(alignment, n));
  if (block) *out = block;
  return block ? 0 : ENOMEM;
}
[[gnu::visibility("default")]] void free(void* p) {
  if (p) restride::test::live_blocks.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(p);
}
}
#undef RESTRIDE_FAILS
