// SPDX-License-Identifier: Apache-2.0
// DLPack 0.8's exchange structures (its public ABI), host and CUDA memory both ways.
#include <array>
#include <cstdint>

#include "bindings.h"

namespace restride::python {
namespace {

struct DLDevice {
  std::int32_t device_type, device_id;
};
struct DLDataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);
};

constexpr const char* kFresh = "dltensor";
constexpr const char* kUsed = "used_dltensor";
enum : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2 };

DLDataType dtype_of(SampleType type) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(type));
  return {static_cast<std::uint8_t>(is_float(type) ? kFloat : is_signed(type) ? kInt : kUInt), bits, 1};
}

// What an exported tensor keeps: the Image object and the arrays that DLTensor points to.
struct Exported {
  DLManagedTensor managed{};
  std::array<std::int64_t, 3> shape{}, strides{};
  std::shared_ptr<const void> owner;
};

nb::object export_image(nb::object image) {
  const auto& self = nb::cast<const Image&>(image);
  const ImageView& v = self.view();
  auto exported = std::make_unique<Exported>();
  const auto sample = static_cast<std::int64_t>(size_of(v.spec.type));
  const std::int64_t h = v.spec.height, w = v.spec.width, c = v.spec.channels;
  if (v.spec.planar()) {
    exported->shape = {c, h, w};
    exported->strides = {v.channel_stride / sample, v.row_stride / sample, v.pixel_stride / sample};
  } else {
    exported->shape = {h, w, c};
    exported->strides = {v.row_stride / sample, v.pixel_stride / sample, c == 1 ? 1 : v.channel_stride / sample};
  }
  if (v.row_stride % sample)
    raise({Errc::unsupported, "DLPack counts strides in samples; these rows are not a whole number of them apart",
           Error::kNoOffset});
  constexpr std::int32_t kCpu = 1, kCuda = 2;
  const DLDevice where = v.memory == Memory::device ? DLDevice{kCuda, v.device} : DLDevice{kCpu, 0};
  exported->managed.tensor = {v.data, where, 3, dtype_of(v.spec.type), exported->shape.data(), exported->strides.data(),
                              0};
  exported->managed.manager_ctx = exported.get();
  exported->managed.deleter = [](DLManagedTensor* t) { delete static_cast<Exported*>(t->manager_ctx); };
  exported->owner = keep_alive(std::move(image));
  PyObject* capsule = PyCapsule_New(&exported->managed, kFresh, [](PyObject* object) {
    if (!PyCapsule_IsValid(object, kFresh)) return;  // consumed: the consumer calls the deleter
    auto* t = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(object, kFresh));
    if (t && t->deleter) t->deleter(t);
  });
  if (!capsule) throw nb::python_error();
  (void)exported.release();
  return nb::steal(capsule);
}

// Takes a capsule over; once. Gives (address, shape, strides in bytes, kind 'i'|'u'|'f'|..., bytes a sample, device
// type, device, owner).
nb::tuple import_capsule(nb::object capsule) {
  if (!PyCapsule_IsValid(capsule.ptr(), kFresh))
    throw nb::value_error("this DLPack capsule was consumed already, or is none");
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), kFresh));
  PyCapsule_SetName(capsule.ptr(), kUsed);
  PyObject* owner = PyCapsule_New(managed, "restride.dlpack", [](PyObject* object) {
    auto* t = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(object, "restride.dlpack"));
    if (t && t->deleter) t->deleter(t);
  });
  if (!owner) throw nb::python_error();
  const nb::object kept = nb::steal(owner);
  const DLTensor& t = managed->tensor;
  const std::int64_t sample = t.dtype.bits / 8;
  nb::list shape, strides;
  std::int64_t dense = sample;
  std::vector<std::int64_t> bytes(static_cast<std::size_t>(t.ndim));
  for (int i = t.ndim - 1; i >= 0; --i) {
    bytes[static_cast<std::size_t>(i)] = t.strides ? t.strides[i] * sample : dense;
    dense *= t.shape[i];
  }
  for (int i = 0; i < t.ndim; ++i) {
    shape.append(t.shape[i]);
    strides.append(bytes[static_cast<std::size_t>(i)]);
  }
  const char* kind = t.dtype.lanes != 1       ? "?"
                     : t.dtype.code == kInt   ? "i"
                     : t.dtype.code == kUInt  ? "u"
                     : t.dtype.code == kFloat ? "f"
                                              : "?";
  return nb::make_tuple(reinterpret_cast<std::uintptr_t>(t.data) + t.byte_offset, shape, strides, kind, sample,
                        t.device.device_type, t.device.device_id, kept);
}

}  // namespace

void bind_dlpack(nb::module_& m) {
  m.def("_dlpack_export", &export_image);
  m.def("_dlpack_import", &import_capsule);
}

}  // namespace restride::python
