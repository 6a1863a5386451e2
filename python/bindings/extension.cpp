// SPDX-License-Identifier: Apache-2.0
// Codecs that are Python functions, as tables of C functions. What they are called with and give is checked by the
// package (_extension.py); here is the way through the GIL.
#include <algorithm>
#include <cstring>
#include <mutex>

#include "bindings.h"

namespace restride::python {
namespace {

// The functions of one codec, as the package wraps them. Never freed: streams and decoders may refer to it.
struct PythonCodec {
  nb::object probe, info, decode, encode;
  std::vector<std::uint32_t> channels;  // that encode takes
  std::vector<int> types;
};

struct AllCodecs {
  std::mutex mutex;
  std::vector<PythonCodec*> codecs;
};
AllCodecs& all_codecs() {
  static AllCodecs* const all = new AllCodecs;
  return *all;
}

std::int32_t report(restride_error* error, std::int32_t code, std::string_view message) {
  const std::size_t n = std::min(message.size(), sizeof error->message - 1);
  std::memcpy(error->message, message.data(), n);
  error->message[n] = 0;
  return code;
}

// The exception that a function raised, as (code, message, offset or None) by the package.
std::int32_t report(restride_error* error, nb::python_error& raised) {
  try {
    const nb::object describe = nb::module_::import_("restride._extension").attr("describe");
    const auto [code, message, offset] =
        nb::cast<std::tuple<std::int32_t, std::string, std::optional<std::uint64_t>>>(describe(raised.value()));
    if (offset) error->offset = *offset;
    return report(error, code, message);
  } catch (const nb::python_error&) {
    return report(error, RESTRIDE_EXTENSION, "it raised an exception that cannot be described");
  }
}

// Calls f(function) with the GIL; exceptions become an error.
template <class F>
std::int32_t with_python(const nb::object& function, restride_error* error, F&& f) {
  if (!Py_IsInitialized()) return report(error, RESTRIDE_EXTENSION, "Python has ended");
  const nb::gil_scoped_acquire gil;
  try {
    if (!function.is_valid()) return report(error, RESTRIDE_EXTENSION, "Python is ending");
    return f(function);
  } catch (nb::python_error& raised) {
    return report(error, raised);
  } catch (const nb::cast_error&) {
    return report(error, RESTRIDE_EXTENSION, "the result is of the wrong type");
  }
}

// The function may keep what it is given, and the stream may go away: a copy.
nb::bytes copied(const std::uint8_t* bytes, std::size_t size) { return nb::bytes(bytes, size); }

int probe(void* self, const std::uint8_t* bytes, std::size_t size) {
  constexpr std::size_t kEnough = 4096;
  restride_error ignored{};
  int found = 0;
  with_python(static_cast<PythonCodec*>(self)->probe, &ignored, [&](const nb::object& f) {
    found = nb::cast<bool>(f(copied(bytes, std::min(size, kEnough))));
    return RESTRIDE_OK;
  });
  return found;
}

std::int32_t info(void* self, const std::uint8_t* bytes, std::size_t size, restride_picture* picture,
                  restride_error* error) {
  return with_python(static_cast<PythonCodec*>(self)->info, error, [&](const nb::object& f) {
    using Values = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, int, std::uint32_t, int, int>;
    restride_spec& spec = picture->spec;
    std::tie(spec.height, spec.width, spec.channels, spec.sample_type, spec.precision, spec.color,
             picture->orientation) = nb::cast<Values>(f(copied(bytes, size)));
    return RESTRIDE_OK;
  });
}

// Bytes from the first pixel to the last of `rows` rows.
Py_ssize_t span_of(const restride_spec& spec, std::ptrdiff_t stride, std::size_t row_bytes) {
  return static_cast<Py_ssize_t>(spec.height - 1) * stride + static_cast<Py_ssize_t>(row_bytes);
}
std::size_t row_bytes_of(const restride_spec& spec) {
  return std::size_t{spec.width} * spec.channels * size_of(static_cast<SampleType>(spec.sample_type));
}

std::int32_t decode(void* self, restride_decode_job* job, restride_error* error) {
  return with_python(static_cast<PythonCodec*>(self)->decode, error, [&](const nb::object& f) {
    const restride_spec& spec = job->picture;
    // Seen by the package alone, which copies the function's array there.
    const nb::object place = nb::steal(PyMemoryView_FromMemory(
        static_cast<char*>(job->pixels), span_of(spec, job->row_stride, row_bytes_of(spec)), PyBUF_WRITE));
    f(copied(job->bytes, job->size), nb::make_tuple(spec.height, spec.width, spec.channels), spec.sample_type, place,
      job->row_stride);
    job->rows_done = spec.height;
    return RESTRIDE_OK;
  });
}

std::int32_t accepts(void* self, const restride_spec* offered, restride_spec* wanted, restride_error* error) {
  const auto* codec = static_cast<PythonCodec*>(self);
  const auto takes = [&](std::uint32_t n) {
    return std::find(codec->channels.begin(), codec->channels.end(), n) != codec->channels.end();
  };
  if (std::find(codec->types.begin(), codec->types.end(), offered->sample_type) == codec->types.end())
    return report(error, RESTRIDE_UNSUPPORTED, "it does not take samples of this type");
  if (takes(offered->channels)) return RESTRIDE_OK;
  const bool gray = offered->format == RESTRIDE_I_Y || offered->format == RESTRIDE_I_YA;
  if (!gray || !takes(offered->channels + 2))
    return report(error, RESTRIDE_UNSUPPORTED,
                  "it does not take pictures of " + std::to_string(offered->channels) + " channels");
  wanted->channels = offered->channels + 2;
  wanted->format = offered->channels == 1 ? RESTRIDE_I_RGB : RESTRIDE_I_RGBA;
  wanted->color = RESTRIDE_COLOR_SRGB;
  return RESTRIDE_OK;
}

std::int32_t encode(void* self, restride_encode_job* job, restride_error* error) {
  return with_python(static_cast<PythonCodec*>(self)->encode, error, [&](const nb::object& f) {
    const restride_spec& spec = job->picture;
    const nb::object pixels =
        nb::steal(PyMemoryView_FromMemory(const_cast<char*>(static_cast<const char*>(job->pixels)),
                                          span_of(spec, job->row_stride, row_bytes_of(spec)), PyBUF_READ));
    const auto encoded =
        nb::cast<nb::bytes>(f(pixels, nb::make_tuple(spec.height, spec.width, spec.channels), spec.sample_type,
                              job->row_stride, job->quality_type, job->quality_value));
    if (encoded.size() == 0) return std::int32_t{RESTRIDE_OK};  // which the engine refuses
    void* room = job->reserve(job->host, encoded.size());
    if (!room) return report(error, RESTRIDE_OUT_OF_MEMORY, "no memory for the encoded picture");
    std::memcpy(room, encoded.data(), encoded.size());
    job->commit(job->host, encoded.size());
    return std::int32_t{RESTRIDE_OK};
  });
}

void register_python_codec(const std::string& name, const std::vector<std::string>& extensions, nb::object on_probe,
                           nb::object on_info, nb::object on_decode, nb::object on_encode,
                           std::vector<std::uint32_t> channels, std::vector<int> types) {
  auto codec = std::make_unique<PythonCodec>(
      PythonCodec{on_probe, on_info, on_decode, on_encode, std::move(channels), std::move(types)});
  std::vector<const char*> texts;
  for (const std::string& extension : extensions) texts.push_back(extension.c_str());
  texts.push_back(nullptr);
  const bool decodes = !on_decode.is_none(), encodes = !on_encode.is_none();
  const restride_codec table{sizeof table,
                             RESTRIDE_CODEC_ABI,
                             0,
                             name.c_str(),
                             nullptr,
                             texts.data(),
                             codec.get(),
                             decodes ? probe : nullptr,
                             decodes ? info : nullptr,
                             decodes ? decode : nullptr,
                             encodes ? accepts : nullptr,
                             encodes ? encode : nullptr};
  if (Status status = register_codec(table); !status) raise(status.error());
  const std::lock_guard lock(all_codecs().mutex);
  all_codecs().codecs.push_back(codec.release());
}

// At the end of Python: what the functions hold goes while that is still possible.
void forget_python_codecs() {
  std::vector<PythonCodec*> codecs;
  {
    const std::lock_guard lock(all_codecs().mutex);
    codecs.swap(all_codecs().codecs);
  }
  for (PythonCodec* codec : codecs) {
    codec->probe.reset();
    codec->info.reset();
    codec->decode.reset();
    codec->encode.reset();
  }
}

}  // namespace

void bind_extension(nb::module_& m) {
  m.def("register_codec", &register_python_codec, nb::arg("name"), nb::arg("extensions"), nb::arg("probe").none(),
        nb::arg("info").none(), nb::arg("decode").none(), nb::arg("encode").none(), nb::arg("channels"),
        nb::arg("types"));
  m.def("forget_codecs", &forget_python_codecs);
  m.def("unregister_codec", [](const std::string& name) {
    if (Status status = unregister_codec(name); !status) raise(status.error());
  });
  m.def("load_codec_library", [](const std::string& path) {
    if (Status status = load_codec_library(path); !status) raise(status.error());
  });
  m.def("libraries", [] {
    nb::list out;
    for (const LibraryInfo& l : libraries()) out.append(nb::make_tuple(l.name, l.version, l.path, l.missing));
    return out;
  });
}

}  // namespace restride::python
