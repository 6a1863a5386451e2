// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"

namespace restride::python {
namespace {

// Runs `work`, which may wait for the GPU, without the GIL.
template <class F>
void run(F&& work) {
  Status status;
  {
    const ReleasedGil release;
    status = work();
  }
  if (!status) raise(status.error());
}

}  // namespace

void bind_device(nb::module_& m) {
  m.def("set_library_folders", &set_library_folders);
  m.def("device_count", &device_count, nb::call_guard<ReleasedGil>());
  m.def("device_missing_reason", &device_missing_reason_text);
  m.def("current_device", [] { return unwrap(current_device()); });
  m.def("device_of", [](std::uintptr_t address) { return device_of(reinterpret_cast<const void*>(address)); });
  m.def("order", [](std::uintptr_t later, int later_device, std::uintptr_t earlier, int earlier_device) {
    run([&] { return order(stream_of(later, later_device), stream_of(earlier, earlier_device)); });
  });
  m.def("synchronize",
        [](std::uintptr_t stream, int device) { run([&] { return synchronize(stream_of(stream, device)); }); });
  m.def("trim_memory", &trim_memory, nb::call_guard<ReleasedGil>());
  m.def("backends", [] {
    nb::list out;
    for (const BackendInfo& b : backends())
      out.append(nb::make_tuple(b.name, b.format, b.kind, b.decodes, b.encodes, b.version));
    return out;
  });
}

}  // namespace restride::python
