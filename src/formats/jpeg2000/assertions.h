// SPDX-License-Identifier: Apache-2.0
// OpenJPEG 2.5.0 and OpenJPH 0.9 are distributed with assert() switched on, and damaged HT code-blocks and headers
// reach some of these: the process would end. While a Survivor runs, such an assertion ends the library call instead.
#pragma once

#include <csetjmp>
#include <type_traits>

namespace restride::jpeg2000 {

// Must be called once before the first Survivor; further calls do nothing.
void catch_assertions() noexcept;

// One call into a library, on this thread alone. What the library had allocated for itself and not yet put into its
// handle is lost when an assertion ends it, so this is for damaged input only.
class Survivor {
 public:
  Survivor() noexcept : before_(current) { current = this; }
  ~Survivor() { current = before_; }
  Survivor(const Survivor&) = delete;
  Survivor& operator=(const Survivor&) = delete;

  // True if f returned, false if an assertion stopped it. f may throw; it must not hold objects with destructors of its
  // own across the library call.
  template <class F>
  bool run(F&& f) {
    if (setjmp(jump_) != 0) return false;
    f();
    return true;
  }
  const char* assertion() const noexcept { return text_; }

 private:
  friend void on_assertion(const char* expression, const char* file, unsigned line, const char* function) noexcept;

  static thread_local Survivor* current;
  Survivor* before_;
  std::jmp_buf jump_;
  char text_[160] = {};
};

}  // namespace restride::jpeg2000
