// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "bindings.h"

namespace restride::python {
namespace {

CodecOptions options_of(int device, unsigned threads, const std::vector<std::tuple<int, float, int>>& backends,
                        const std::string& text, bool exact) {
  CodecOptions options;
  options.device = device;
  options.max_threads = threads;
  for (const auto& [kind, hint, policy] : backends)
    options.backends.push_back({static_cast<BackendKind>(kind), hint, static_cast<LoadHintPolicy>(policy)});
  options.options = text;
  options.exact = exact;
  return options;
}

// One entry an image: None, or an error as a tuple.
nb::list report(const std::vector<Status>& statuses) {
  nb::list out;
  for (const Status& status : statuses) out.append(status ? nb::none() : to_python(status.error()));
  return out;
}

// (apply_exif_orientation, color, format, allow_any_depth, reduce, max_pixels or None, max_memory or None,
// (fit_height, fit_width), color_managed)
using DecodeTuple = std::tuple<bool, int, int, bool, int, std::optional<std::uint64_t>, std::optional<std::uint64_t>,
                               std::tuple<std::uint32_t, std::uint32_t>, bool>;

DecodeParams params_of(const DecodeTuple& t) {
  DecodeParams p;
  p.apply_exif_orientation = std::get<0>(t);
  p.color = static_cast<ColorSpec>(std::get<1>(t));
  p.format = static_cast<SampleFormat>(std::get<2>(t));
  p.allow_any_depth = std::get<3>(t);
  p.reduce = static_cast<std::uint8_t>(std::get<4>(t));
  if (const auto& pixels = std::get<5>(t)) p.limits.max_pixels = *pixels;
  if (const auto& memory = std::get<6>(t)) p.limits.max_memory = *memory;
  std::tie(p.fit_height, p.fit_width) = std::get<7>(t);
  p.color_managed = std::get<8>(t);
  return p;
}

nb::list decode(Decoder& self, std::vector<const CodeStream*> in, std::vector<Image*> out, const DecodeTuple& values,
                std::uintptr_t stream, bool exact_shape) {
  std::vector<Status> statuses(in.size());
  DecodeParams params = params_of(values);
  params.exact_shape = exact_shape;
  {
    const ReleasedGil release;
    self.decode(in, out, statuses, params, stream_of(stream, self.device()));
  }
  return report(statuses);
}

// One picture without lists around it: None, or an error as a tuple. `source`: bytes, which the caller holds during the
// call, or a CodeStream.
nb::object decode_one(Decoder& self, nb::handle source, Image& out, const DecodeTuple& values, std::uintptr_t stream) {
  std::optional<CodeStream> borrowed;
  const CodeStream* in = nullptr;
  if (PyBytes_Check(source.ptr())) {
    const nb::bytes bytes = nb::borrow<nb::bytes>(source);
    borrowed.emplace(unwrap(CodeStream::borrow({static_cast<const std::byte*>(bytes.data()), bytes.size()}, nullptr)));
    in = &*borrowed;
  } else {
    in = nb::cast<const CodeStream*>(source);
  }
  const DecodeParams params = params_of(values);
  Status status;
  {
    const nb::gil_scoped_release release;
    status = self.decode(*in, out, params, stream_of(stream, self.device()));
    borrowed.reset();
  }
  return status ? nb::none() : to_python(status.error());
}

// (quality_type, quality_value, color, subsampling or None, progressive, optimized_huffman, code_block (2),
// resolutions,
//  bitstream, progression, mct, ht, tile_width, tile_height, tiff_compression, metadata)
EncodeParams encode_params_of(nb::tuple t) {
  EncodeParams p;
  p.quality_type = static_cast<QualityType>(nb::cast<int>(t[0]));
  p.quality_value = nb::cast<double>(t[1]);
  p.color = static_cast<ColorSpec>(nb::cast<int>(t[2]));
  if (!t[3].is_none()) p.subsampling = static_cast<ChromaSubsampling>(nb::cast<int>(t[3]));
  p.jpeg.progressive = nb::cast<bool>(t[4]);
  p.jpeg.optimized_huffman = nb::cast<bool>(t[5]);
  const auto block = nb::cast<std::tuple<std::uint32_t, std::uint32_t>>(t[6]);
  p.jpeg2k.code_block_size = {std::get<0>(block), std::get<1>(block)};
  p.jpeg2k.num_resolutions = nb::cast<std::uint32_t>(t[7]);
  p.jpeg2k.bitstream = static_cast<Jpeg2kBitstream>(nb::cast<int>(t[8]));
  p.jpeg2k.progression = static_cast<Jpeg2kProgression>(nb::cast<int>(t[9]));
  p.jpeg2k.mct_mode = nb::cast<std::uint8_t>(t[10]);
  p.jpeg2k.ht = nb::cast<bool>(t[11]);
  p.tile_width = nb::cast<std::uint32_t>(t[12]);
  p.tile_height = nb::cast<std::uint32_t>(t[13]);
  p.tiff_compression = static_cast<TiffCompression>(nb::cast<int>(t[14]));
  for (nb::handle block : t[15]) p.metadata.push_back(metadata_of(nb::cast<nb::tuple>(block)));
  return p;
}

nb::list encode(Encoder& self, std::vector<const Image*> in, const std::string& codec, std::vector<CodeStream*> out,
                nb::tuple params, std::uintptr_t stream) {
  const EncodeParams p = encode_params_of(params);
  std::vector<Status> statuses(in.size());
  {
    const ReleasedGil release;
    self.encode(in, codec, out, statuses, p, stream_of(stream, self.device()));
  }
  return report(statuses);
}

// The view that as_image() would make of a plain array of 8- or 16-bit samples; nothing where it takes more than this.
std::optional<ImageView> view_of(const Py_buffer& buffer) {
  const char* format = buffer.format ? buffer.format : "B";
  if (*format == '<' || *format == '=' || *format == '@') ++format;
  const bool bytes = std::strcmp(format, "B") == 0 && buffer.itemsize == 1;
  if (!bytes && !(std::strcmp(format, "H") == 0 && buffer.itemsize == 2)) return {};
  if (buffer.ndim < 2 || buffer.ndim > 3) return {};
  const Py_ssize_t channels = buffer.ndim == 3 ? buffer.shape[2] : 1;
  if (channels < 1 || channels > 4 || buffer.shape[0] < 1 || buffer.shape[1] < 2) return {};
  if (buffer.shape[0] > INT32_MAX || buffer.shape[1] > INT32_MAX) return {};
  const Py_ssize_t pixel = channels * buffer.itemsize;
  if (buffer.strides[1] != pixel || buffer.strides[0] < buffer.shape[1] * pixel) return {};
  if (channels > 1 && buffer.strides[2] != buffer.itemsize) return {};
  constexpr SampleFormat kFormats[] = {SampleFormat::i_y, SampleFormat::i_ya, SampleFormat::i_rgb,
                                       SampleFormat::i_rgba};
  ImageView view;
  view.data = static_cast<std::byte*>(buffer.buf);
  view.spec = {static_cast<std::uint32_t>(buffer.shape[1]),
               static_cast<std::uint32_t>(buffer.shape[0]),
               static_cast<std::uint32_t>(channels),
               bytes ? SampleType::u8 : SampleType::u16,
               kFormats[channels - 1],
               channels < 3 ? ColorSpec::gray : ColorSpec::srgb,
               static_cast<std::uint8_t>(8 * buffer.itemsize)};
  view.row_stride = buffer.strides[0];
  view.pixel_stride = pixel;
  view.channel_stride = buffer.itemsize;
  return view;
}

struct Buffer {
  Py_buffer view{};
  bool held = false;
  ~Buffer() {
    if (held) PyBuffer_Release(&view);
  }
};

// One picture without lists around it: None, an error as a tuple, or False, with nothing done, for a source that is
// neither an Image nor a plain array.
nb::object encode_one(Encoder& self, nb::handle source, const std::string& codec, CodeStream& out, nb::tuple params,
                      std::uintptr_t stream) {
  Buffer buffer;
  std::optional<Image> wrapped;
  const Image* in = nullptr;
  if (!nb::try_cast(source, in)) {
    buffer.held = PyObject_GetBuffer(source.ptr(), &buffer.view, PyBUF_STRIDED_RO | PyBUF_FORMAT) == 0;
    if (!buffer.held) PyErr_Clear();
    const auto view = buffer.held ? view_of(buffer.view) : std::nullopt;
    if (!view) return nb::bool_(false);
    wrapped.emplace(unwrap(Image::wrap(*view)));
    in = &*wrapped;
  }
  const EncodeParams p = encode_params_of(params);
  Status status;
  {
    const nb::gil_scoped_release release;
    status = self.encode(*in, codec, out, p, stream_of(stream, self.device()));
  }
  return status ? nb::none() : to_python(status.error());
}

nb::list write(Encoder& self, std::vector<const Image*> in, std::vector<std::string> paths, const std::string& codec,
               nb::tuple params, std::uintptr_t stream) {
  const EncodeParams p = encode_params_of(params);
  std::vector<Status> statuses(in.size());
  {
    const ReleasedGil release;
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i])
        statuses[i] = self.write(paths[i], *in[i], codec, p, stream_of(stream, self.device()));
      else
        statuses[i] = Error{Errc::invalid_argument, "no image to encode", Error::kNoOffset};
  }
  return report(statuses);
}

}  // namespace

void bind_codecs(nb::module_& m) {
  nb::class_<Decoder>(m, "Decoder")
      .def("__init__",
           [](Decoder* self, int device, unsigned threads, const std::vector<std::tuple<int, float, int>>& backends,
              const std::string& options, bool exact) {
             new (self) Decoder(unwrap(Decoder::create(options_of(device, threads, backends, options, exact))));
           })
      .def("decode", &decode, nb::arg("streams"), nb::arg("images"), nb::arg("params"), nb::arg("stream"),
           nb::arg("exact_shape"))
      .def("decode_one", &decode_one)
      .def_prop_ro("device", &Decoder::device)
      .def_prop_ro("output_memory", [](const Decoder& self) { return static_cast<int>(self.output_memory()); });
  nb::class_<Encoder>(m, "Encoder")
      .def("__init__",
           [](Encoder* self, int device, unsigned threads, const std::vector<std::tuple<int, float, int>>& backends,
              const std::string& options, bool exact) {
             new (self) Encoder(unwrap(Encoder::create(options_of(device, threads, backends, options, exact))));
           })
      .def("encode", &encode, nb::arg("images"), nb::arg("codec"), nb::arg("streams"), nb::arg("params"),
           nb::arg("stream"))
      .def("encode_one", &encode_one)
      .def("write", &write, nb::arg("images"), nb::arg("paths"), nb::arg("codec"), nb::arg("params"), nb::arg("stream"))
      .def_prop_ro("device", &Encoder::device);
}

}  // namespace restride::python
