// SPDX-License-Identifier: Apache-2.0
// Making and passing on errors.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <new>
#include <string>

#include "restride/error.h"

namespace restride {

// printf into an Error.
[[gnu::format(printf, 2, 3)]] Error fail(Errc code, const char* format, ...);
[[gnu::format(printf, 3, 4)]] Error fail_at(Errc code, std::uint64_t offset, const char* format, ...);

// Runs f, which gives a Status or Result. Where memory for something small inside it runs out, that is its error: the
// text is short enough to need no memory itself. Stands around every public function and every image of a call.
template <class F>
auto or_out_of_memory(F&& f) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, "out of memory", Error::kNoOffset};
  }
}

}  // namespace restride

// Returns the error of `expression` (a Status or Result) from the enclosing function, if it has one.
#define RESTRIDE_TRY(expression)                                        \
  do {                                                                  \
    if (auto restride_try_ = (expression); !restride_try_) [[unlikely]] \
      return std::move(restride_try_).error();                          \
  } while (false)

#define RESTRIDE_CONCAT_(a, b) a##b
#define RESTRIDE_CONCAT(a, b) RESTRIDE_CONCAT_(a, b)
// RESTRIDE_ASSIGN(auto x, f()): declares x with f()'s value, or returns f()'s error.
#define RESTRIDE_ASSIGN(declaration, expression)                           \
  auto RESTRIDE_CONCAT(restride_result_, __LINE__) = (expression);         \
  if (!RESTRIDE_CONCAT(restride_result_, __LINE__)) [[unlikely]]           \
    return std::move(RESTRIDE_CONCAT(restride_result_, __LINE__)).error(); \
  declaration = *std::move(RESTRIDE_CONCAT(restride_result_, __LINE__))
