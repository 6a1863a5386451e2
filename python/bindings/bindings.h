// SPDX-License-Identifier: Apache-2.0
// What the binding files share. The extension is deliberately plain: handles, integers and tuples; names, defaults and
// conveniences live in the Python package.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cxxabi.h>
#include <unistd.h>

#include <memory>

#include "restride/restride.h"

namespace restride::python {

namespace nb = nanobind;

// Other Python threads run while it lives. A daemon thread that comes back when the interpreter ends is ended by Python
// through a forced unwinding, which no destructor between here and there survives: such a thread waits for the
// process's end instead, as Python itself has it from 3.14 on.
class ReleasedGil {
 public:
  ReleasedGil() noexcept : state_(PyEval_SaveThread()) {}
  ~ReleasedGil() {
    try {
      if (!Py_IsInitialized()) wait_for_the_end();
      PyEval_RestoreThread(state_);
    } catch (const abi::__forced_unwind&) {
      wait_for_the_end();
    }
  }
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  [[noreturn]] static void wait_for_the_end() noexcept {
    while (true) ::pause();
  }
  PyThreadState* state_;
};

// An Error as (code name, message, offset or None), from which the package makes its exception.
nb::object to_python(const Error& error);
// Raises restride's exception for `error`.
[[noreturn]] void raise(const Error& error);

template <class T>
T unwrap(Result<T> result) {
  if (!result) raise(result.error());
  return *std::move(result);
}

// A stream from its handle as Python passes it around: 0 and 1 the legacy default stream, 2 the per-thread one.
inline Stream stream_of(std::uintptr_t handle, int device) {
  return {handle == 1 ? nullptr : reinterpret_cast<CUstream_st*>(handle), device};
}

// Keeps a Python object alive from C++; released under the GIL, from whatever thread.
std::shared_ptr<const void> keep_alive(nb::object object);

// From (kind, format, value_type, id, value_count, bytes).
Metadata metadata_of(nb::tuple t);

void bind_code_stream(nb::module_& m);
void bind_image(nb::module_& m);
void bind_dlpack(nb::module_& m);
void bind_codecs(nb::module_& m);
void bind_device(nb::module_& m);
void bind_metadata(nb::module_& m);
void bind_extension(nb::module_& m);

}  // namespace restride::python
