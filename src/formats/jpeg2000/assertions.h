// SPDX-License-Identifier: Apache-2.0
// OpenJPEG is distributed with assert() switched on, and damaged HT code-blocks reach one of these in version 2.5.0:
// the process would end. While a Survivor runs, an assertion ends the library call instead. For that, the library's
// import of __assert_fail is redirected; there is no other way into a shared library that was built so.
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
