// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"

namespace restride::python {
namespace {

// Owns a Python buffer view for as long as a code stream refers to its bytes.
struct HeldBuffer {
  Py_buffer view{};
  ~HeldBuffer() {
    if (!Py_IsInitialized()) return;
    const nb::gil_scoped_acquire gil;
    PyBuffer_Release(&view);
  }
};

CodeStream borrow(nb::object object) {
  auto held = std::make_shared<HeldBuffer>();
  if (PyObject_GetBuffer(object.ptr(), &held->view, PyBUF_C_CONTIGUOUS) != 0) throw nb::python_error();
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(held->view.buf),
                                         static_cast<std::size_t>(held->view.len));
  return unwrap(CodeStream::borrow(bytes, std::move(held)));
}

// (codec, num_images, height, width, channels, type, precision, format, color, subsampling, orientation, tiles,
// ifd_offset,
//  next_ifd_offset, subifd_offsets, max_reduce)
nb::tuple describe(const CodeStream& self) {
  const ImageInfo* info = nullptr;
  std::uint32_t images = 0;
  std::string codec;
  std::optional<Error> error;
  {
    const ReleasedGil release;
    auto found = self.info();
    auto count = found ? self.num_images() : Result<std::uint32_t>(std::uint32_t{0});
    auto name = found ? self.codec() : Result<std::string_view>(std::string_view());
    if (!found)
      error = found.error();
    else if (!count)
      error = count.error();
    else if (!name)
      error = name.error();
    else
      info = *found, images = *count, codec = *name;
  }
  if (error) raise(*error);
  nb::object tiles = nb::none();
  if (info->tiles) {
    const TileGeometry& t = *info->tiles;
    tiles = nb::make_tuple(t.tiles_y, t.tiles_x, t.tile_height, t.tile_width, t.offset_y, t.offset_x);
  }
  const ImageSpec& s = info->spec;
  return nb::make_tuple(codec, images, s.height, s.width, s.channels, static_cast<int>(s.type),
                        static_cast<int>(s.precision), static_cast<int>(s.format), static_cast<int>(s.color),
                        static_cast<int>(info->subsampling), static_cast<int>(info->orientation), tiles,
                        info->ifd_offset, info->next_ifd_offset, info->subifd_offsets, info->max_reduce);
}

int get_buffer(PyObject* object, Py_buffer* view, int flags) {
  const auto* self = nb::inst_ptr<CodeStream>(nb::handle(object));
  const auto bytes = self->bytes();
  if (self->from_file() || bytes.data() == nullptr) {
    PyErr_SetString(PyExc_BufferError, "Error getting buffer");
    return -1;
  }
  return PyBuffer_FillInfo(view, object, const_cast<std::byte*>(bytes.data()), static_cast<Py_ssize_t>(bytes.size()), 1,
                           flags);
}

PyType_Slot kSlots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)}, {0, nullptr}};

CodeStream sub(const CodeStream& self, std::uint32_t image,
               std::optional<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>> region,
               std::vector<double> fill, std::optional<std::uint64_t> offset, std::uint32_t limit) {
  CodeStreamView view;
  view.image_idx = image;
  if (region) {
    const auto& [y0, x0, y1, x1] = *region;
    view.region = Region{{x0, y0, x1 - x0, y1 - y0}, {}};
    for (std::size_t i = 0; i < fill.size() && i < kMaxFillSamples; ++i) view.region->fill[i] = fill[i];
  }
  view.bitstream_offset = offset;
  view.limit_images = limit;
  auto found = [&] {
    const nb::gil_scoped_release release;  // headers may be read, by a codec that is Python
    return self.sub(view);
  }();
  return unwrap(std::move(found));
}

}  // namespace

void bind_code_stream(nb::module_& m) {
  nb::class_<CodeStream>(m, "CodeStream", nb::type_slots(kSlots))
      .def(nb::init<const CodeStream&>())
      .def_static("_open", [](const std::string& path) { return unwrap(CodeStream::open(path)); })
      .def_static("_borrow", &borrow)
      .def_static("_create",
                  [](std::size_t capacity, bool pinned) {
                    if (pinned && capacity) (void)device_count();  // pinned memory is the GPU runtime's to give
                    return unwrap(CodeStream::create(capacity, pinned));
                  })
      .def("_describe", &describe)
      .def("_sub", &sub, nb::arg("image"), nb::arg("region").none(), nb::arg("fill"), nb::arg("offset").none(),
           nb::arg("limit"))
      .def("_bytes", [](const CodeStream& self) { return nb::bytes(self.bytes().data(), self.bytes().size()); })
      .def_prop_ro("_is_view", [](const CodeStream& self) { return self.view().has_value(); })
      .def_prop_ro("size", &CodeStream::size, "Bytes of the encoded stream.")
      .def_prop_ro("capacity", &CodeStream::capacity, "Bytes that the buffer can hold.")
      .def_prop_ro("pin_memory", &CodeStream::pinned, "True if the buffer is pinned, where a GPU is in use.")
      .def_prop_ro("_writable", &CodeStream::writable);
}

}  // namespace restride::python
