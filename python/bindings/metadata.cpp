// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"

namespace restride::python {
namespace {

// (kind, format, value_type, id, value_count, bytes)
nb::tuple to_tuple(const Metadata& m) {
  return nb::make_tuple(static_cast<int>(m.kind), static_cast<int>(m.format), static_cast<int>(m.type), m.id, m.count,
                        nb::bytes(m.bytes.data(), m.bytes.size()));
}

nb::list read(const CodeStream& stream, std::optional<int> kind) {
  auto found = [&] {
    const ReleasedGil release;
    return read_metadata(stream, kind ? std::optional(static_cast<MetadataKind>(*kind)) : std::nullopt);
  }();
  nb::list out;
  for (const Metadata& m : unwrap(std::move(found))) out.append(to_tuple(m));
  return out;
}

nb::object read_tag(const CodeStream& stream, std::uint16_t id) {
  auto found = [&] {
    const ReleasedGil release;
    return read_tiff_tag(stream, id);
  }();
  const std::optional<Metadata> tag = unwrap(std::move(found));
  return tag ? nb::object(to_tuple(*tag)) : nb::none();
}

}  // namespace

Metadata metadata_of(nb::tuple t) {
  Metadata m;
  m.kind = static_cast<MetadataKind>(nb::cast<int>(t[0]));
  m.format = static_cast<MetadataFormat>(nb::cast<int>(t[1]));
  m.type = static_cast<MetadataType>(nb::cast<int>(t[2]));
  m.id = nb::cast<std::uint32_t>(t[3]);
  m.count = nb::cast<std::uint64_t>(t[4]);
  const auto bytes = nb::cast<nb::bytes>(t[5]);
  const auto* data = static_cast<const std::byte*>(bytes.data());
  m.bytes.assign(data, data + bytes.size());
  return m;
}

void bind_metadata(nb::module_& m) {
  m.def("read_metadata", &read, nb::arg("stream"), nb::arg("kind").none());
  m.def("read_tiff_tag", &read_tag, nb::arg("stream"), nb::arg("id"));
}

}  // namespace restride::python
