// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"

namespace restride::python {
namespace {

nb::tuple spec_tuple(const ImageSpec& s) {
  return nb::make_tuple(s.height, s.width, s.channels, static_cast<int>(s.type), static_cast<int>(s.precision),
                        static_cast<int>(s.format), static_cast<int>(s.color));
}

// Memory that somebody else owns, as (address, spec..., strides in bytes); device -1: host memory.
void wrap(Image& self, std::uintptr_t data, std::uint32_t height, std::uint32_t width, std::uint32_t channels, int type,
          int precision, int format, int color, std::ptrdiff_t row_stride, std::ptrdiff_t pixel_stride,
          std::ptrdiff_t channel_stride, int device, std::uintptr_t stream, nb::object owner) {
  ImageView view;
  view.data = reinterpret_cast<std::byte*>(data);
  view.spec = {width,
               height,
               channels,
               static_cast<SampleType>(type),
               static_cast<SampleFormat>(format),
               static_cast<ColorSpec>(color),
               static_cast<std::uint8_t>(precision)};
  view.row_stride = row_stride;
  view.pixel_stride = pixel_stride;
  view.channel_stride = channel_stride;
  view.memory = device < 0 ? Memory::host : Memory::device;
  view.device = device;
  self = unwrap(Image::wrap(view, keep_alive(std::move(owner))));
  if (device >= 0) self.set_stream(stream_of(stream, device));
}

// A copy in other memory, done when this returns, or queued on `stream`; device -1: on a stream of the library's.
void transfer_to(const Image& self, Image& to, std::uintptr_t stream, int device, bool wait) {
  Status status;
  {
    const ReleasedGil release;
    status = transfer(self, to, stream_of(stream, device), wait);
  }
  if (!status) raise(status.error());
}

}  // namespace

void bind_image(nb::module_& m) {
  nb::class_<Image>(m, "Image", nb::dynamic_attr())
      .def(
          "__init__", [](Image* self, int memory) { new (self) Image(static_cast<Memory>(memory)); },
          nb::arg("memory") = 0)
      .def("_transfer", &transfer_to)
      .def("_wait_on",
           [](const Image& self, std::uintptr_t stream) {
             if (Status status = order(stream_of(stream, self.view().device), self); !status) raise(status.error());
           })
      .def_prop_ro("_memory", [](const Image& self) { return static_cast<int>(self.memory()); })
      .def_prop_ro(
          "device_id", [](const Image& self) { return self.view().device; },
          "Ordinal of the device that holds the pixels; -1: host memory.")
      .def_prop_ro(
          "cuda_stream", [](const Image& self) { return reinterpret_cast<std::uintptr_t>(self.stream().handle); },
          "Handle of the stream on which the pixels were last written; 0: the default stream.")
      .def("_wrap", &wrap)
      .def_prop_ro("_spec", [](const Image& self) { return spec_tuple(self.spec()); })
      .def_prop_ro("_strides",
                   [](const Image& self) {
                     const ImageView& v = self.view();
                     return nb::make_tuple(v.row_stride, v.pixel_stride, v.channel_stride);
                   })
      .def_prop_ro("_address", [](const Image& self) { return reinterpret_cast<std::uintptr_t>(self.view().data); })
      .def_prop_ro("_contiguous", [](const Image& self) { return self.view().contiguous(); })
      .def_prop_ro("_borrowed", &Image::borrowed)
      .def_prop_ro("size", &Image::size, "Bytes of the current picture, without padding.")
      .def_prop_ro("capacity", &Image::capacity, "Bytes that the buffer can hold.");
}

}  // namespace restride::python
