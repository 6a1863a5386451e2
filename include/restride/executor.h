// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace restride {

// Runs a function over a range of indices, on the calling thread and whatever others are free. A Decoder or Encoder has
// one of its own, unless CodecOptions::executor names the caller's.
class Executor {
 public:
  virtual ~Executor() = default;
  // Threads that may work at once, the caller's included; at least 1. Constant.
  virtual unsigned concurrency() const noexcept = 0;

  // Calls f(i) once for each i in [0, n), in increasing order of start, and returns when all have returned. f may throw
  // std::bad_alloc only: then so does this, when all have returned.
  template <class F>
  void for_each(std::size_t n, F&& f) {
    if (n == 1) {
      f(std::size_t{0});
      return;
    }
    if (n == 0) return;
    // run() may be the caller's code, or C: no exception may pass through it.
    struct Guarded {
      std::remove_reference_t<F>* f;
      std::atomic<bool> short_of_memory;
    } guarded{std::addressof(f), false};
    run(
        n,
        [](void* context, std::size_t i) {
          auto& self = *static_cast<Guarded*>(context);
          try {
            (*self.f)(i);
          } catch (const std::bad_alloc&) {
            self.short_of_memory.store(true, std::memory_order_relaxed);
          }
        },
        &guarded);
    if (guarded.short_of_memory.load(std::memory_order_relaxed)) throw std::bad_alloc();
  }

 protected:
  // Calls function(context, i) for every i in [0, n), n >= 2, as for_each() says. Calls may be nested (from within
  // `function`) and come from several threads: one that has no thread to spare does the work itself. It must not throw.
  virtual void run(std::size_t n, void (*function)(void*, std::size_t), void* context) = 0;
};

}  // namespace restride
