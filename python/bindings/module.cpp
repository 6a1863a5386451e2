// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"

namespace restride::python {

nb::object to_python(const Error& error) {
  nb::object offset = error.offset == Error::kNoOffset ? nb::none() : nb::object(nb::int_(error.offset));
  return nb::make_tuple(name(error.code), error.message, offset);
}

void raise(const Error& error) {
  const nb::object make = nb::module_::import_("restride._errors").attr("make_error");
  const nb::object exception = make(*nb::tuple(to_python(error)));
  PyErr_SetObject(exception.type().ptr(), exception.ptr());
  throw nb::python_error();
}

std::shared_ptr<const void> keep_alive(nb::object object) {
  PyObject* raw = object.release().ptr();
  return {raw, [](const void* p) {
            if (!Py_IsInitialized()) return;
            const nb::gil_scoped_acquire gil;
            Py_DECREF(static_cast<PyObject*>(const_cast<void*>(p)));
          }};
}

namespace {

nb::dict counts(const MemoryCount& count) {
  nb::dict d;
  d["allocations"] = count.allocations;
  d["deallocations"] = count.deallocations;
  d["bytes_in_use"] = count.bytes_in_use;
  d["peak_bytes"] = count.peak_bytes;
  return d;
}

}  // namespace
}  // namespace restride::python

NB_MODULE(_core, m) {
  using namespace restride::python;
#ifdef NDEBUG
  nb::set_leak_warnings(false);  // what is alive when the interpreter ends is no business of a user's terminal
#endif
  m.doc() = "Native part of restride; use the restride package.";
  m.attr("version") = RESTRIDE_PYTHON_VERSION;
  m.attr("cuda_version") = RESTRIDE_CUDA_VERSION;
  bind_code_stream(m);
  bind_image(m);
  bind_dlpack(m);
  bind_codecs(m);
  bind_device(m);
  bind_metadata(m);
  bind_extension(m);
  m.def("memory_stats", [] {
    const restride::MemoryStats stats = restride::memory_stats();
    nb::dict d;
    d["host"] = counts(stats.host);
    d["pinned"] = counts(stats.pinned);
    d["device"] = counts(stats.device);
    return d;
  });
  m.def("codec_for", [](std::string_view text) { return std::string(restride::codec_for(text)); });
}
