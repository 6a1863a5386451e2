// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace restride {

// Runs a function over a range of indices, on the calling thread and whatever others are free. Calls may be nested and
// may come from several threads; neither allocates.
class Executor {
 public:
  virtual ~Executor() = default;
  // Threads that may work at once, the caller's included.
  virtual unsigned concurrency() const noexcept = 0;

  // Calls f(i) once for each i in [0, n), in increasing order of start, and returns when all have returned. f may throw
  // std::bad_alloc only: then so does this, when all have returned, and some i may have been left out.
  template <class F>
  void for_each(std::size_t n, F&& f) {
    using Plain = std::remove_reference_t<F>;
    if (n == 1) {
      f(std::size_t{0});
      return;
    }
    if (n)
      run(
          n, [](void* context, std::size_t i) { (*static_cast<Plain*>(context))(i); },
          const_cast<void*>(static_cast<const void*>(std::addressof(f))));
  }

 protected:
  virtual void run(std::size_t n, void (*function)(void*, std::size_t), void* context) = 0;
};

// The calling thread alone.
class SerialExecutor final : public Executor {
 public:
  unsigned concurrency() const noexcept override { return 1; }

 protected:
  void run(std::size_t n, void (*function)(void*, std::size_t), void* context) override {
    for (std::size_t i = 0; i < n; ++i) function(context, i);
  }
};

}  // namespace restride
