// SPDX-License-Identifier: Apache-2.0
#include "engine/device.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error_util.h"
#include "codec/external.h"
#include "formats/table.h"
#include "image/convert/pixels.h"
#include "restride/device.h"

namespace restride {
namespace {

struct Opened {
  DeviceRuntime* runtime = nullptr;
  std::string reason;
};

// librestride_cuda lies beside the library or extension that this code is part of.
std::string beside_this_library(const char* name) {
  Dl_info info{};
  static const int anchor = 0;
  if (!::dladdr(&anchor, &info) || !info.dli_fname) return name;
  const std::string path = info.dli_fname;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

void use(DeviceRuntime* runtime) {
  set_default_resource(Memory::device, runtime ? &runtime->device_memory() : nullptr);
  set_default_resource(Memory::pinned, runtime ? &runtime->pinned_memory() : nullptr);
  if (runtime) runtime->use(*default_resource(Memory::device), *default_resource(Memory::pinned));
}

std::vector<std::string>& library_folders() {
  static std::vector<std::string> folders;
  return folders;
}

Opened open_runtime() {
  constexpr const char* kName = "librestride_cuda.so";
  void* library = ::dlopen(beside_this_library(kName).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) library = ::dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    return {nullptr, std::string("librestride_cuda could not be opened: ") + (why ? why : "unknown reason")};
  }
  const auto entry = reinterpret_cast<DeviceRuntimeEntry>(::dlsym(library, kDeviceRuntimeSymbol));
  if (!entry) return {nullptr, "librestride_cuda has no entry point: it is of another version"};
  std::array<char, 256> reason{};
  DeviceRuntime* runtime = entry(kDeviceRuntimeVersion, reason.data(), reason.size());
  if (!runtime) return {nullptr, std::string("no usable GPU: ") + reason.data()};
  use(runtime);
  std::vector<std::string_view> folders(library_folders().begin(), library_folders().end());
  runtime->set_library_folders(folders);
  return {runtime, {}};
}

// What was found, and in which process: a forked child cannot use its parent's CUDA.
struct State {
  State() { set(open_runtime()); }
  void set(Opened found) {
    opened = std::move(found);
    process = ::getpid();
  }
  Opened opened;
  int process = 0;
};

State& state() noexcept {
  static State* const instance = new State;  // never destroyed: buffers with static lifetime may outlive it
  return *instance;
}

bool forked() noexcept { return state().opened.runtime && state().process != ::getpid(); }

}  // namespace

DeviceRuntime* device_runtime() noexcept { return forked() ? nullptr : state().opened.runtime; }

const std::string& device_missing_reason() noexcept {
  static const std::string kForked =
      "this process was forked after CUDA had been used; start it with the spawn method instead";
  return forked() ? kForked : state().opened.reason;
}

namespace {

Error no_device() { return fail(Errc::device, "there is no device: %s", device_missing_reason().c_str()); }

bool default_stream(Stream stream) noexcept {
  const auto handle = reinterpret_cast<std::uintptr_t>(stream.handle);
  return handle <= 2;
}

}  // namespace

void replace_device_runtime(DeviceRuntime* runtime) {
  use(runtime);
  state().set({runtime, runtime ? "" : "the device runtime was taken away"});
}

Result<int> resolve_device(const CodecOptions& options) {
  const bool cpu_alone =
      options.device == CodecOptions::kCpuOnly ||
      (!options.backends.empty() && std::all_of(options.backends.begin(), options.backends.end(),
                                                [](const Backend& b) { return b.kind == BackendKind::cpu_only; }));
  if (cpu_alone) return -1;
  DeviceRuntime* runtime = device_runtime();
  if (!runtime) {
    if (options.device == CodecOptions::kCurrentDevice) return -1;
    return fail(Errc::device, "device %d was asked for, but %s", options.device, device_missing_reason().c_str());
  }
  if (options.device == CodecOptions::kCurrentDevice) return runtime->current_device();
  if (options.device < 0 || options.device >= runtime->device_count())
    return fail(Errc::invalid_argument, "device %d does not exist: there are %d", options.device,
                runtime->device_count());
  return options.device;
}

void set_library_folders(std::vector<std::string> folders) { library_folders() = std::move(folders); }

int device_count() noexcept { return device_runtime() ? device_runtime()->device_count() : 0; }
std::string device_missing_reason_text() { return device_runtime() ? std::string() : device_missing_reason(); }

Result<int> current_device() {
  if (!device_runtime()) return no_device();
  return device_runtime()->current_device();
}

int device_of(const void* pointer) noexcept { return device_runtime() ? device_runtime()->device_of(pointer) : -1; }

std::vector<BackendInfo> backends() {
  std::vector<BackendInfo> out;
  if (DeviceRuntime* runtime = device_runtime())
    for (const DeviceCodec& codec : runtime->codecs())
      out.push_back({std::string(codec.name), std::string(codec.format), static_cast<int>(codec.backend),
                     codec.make_decoder != nullptr, codec.make_encoder != nullptr,
                     std::string(codec.version ? codec.version() : "")});
  for (const CodecEntry& entry : codecs())
    out.push_back({std::string(entry.name), std::string(entry.format->name), static_cast<int>(entry.backend),
                   entry.make_decoder != nullptr, entry.make_encoder != nullptr,
                   entry.version ? entry.version() : std::string()});
  for_each_external_codec([&](const ExternalCodec& codec) {
    out.push_back({std::string(codec.implementation()),
                   std::string(codec.format().name),
                   static_cast<int>(BackendKind::cpu_only),
                   codec.decodes(),
                   codec.encodes(),
                   {}});
    return false;
  });
  return out;
}

std::vector<LibraryInfo> libraries() {
  std::vector<LibraryInfo> out;
  out.push_back({"librestride_cuda", {}, {}, device_runtime() ? std::string() : device_missing_reason()});
  if (DeviceRuntime* runtime = device_runtime()) {
    out.back().version = runtime->description();
    for (const DeviceLibrary& library : runtime->libraries())
      out.push_back({std::string(library.name), std::string(library.version), std::string(library.path),
                     std::string(library.missing)});
  }
  for (LibraryInfo& library : codec_libraries()) out.push_back(std::move(library));
  return out;
}

Status order(Stream stream, Stream earlier) {
  if (stream.device < 0 || earlier.device < 0) return {};
  return device_runtime() ? device_runtime()->order(stream, earlier) : no_device();
}

Status order(Stream stream, const Image& image) {
  if (stream.device < 0 || image.memory() != Memory::device) return {};
  if (!device_runtime()) return no_device();
  if (image.written()) RESTRIDE_TRY(device_runtime()->order(stream, image.written()));
  const bool named = image.borrowed() && !image.written();
  if (image.stream().device >= 0 && (named || default_stream(image.stream())))
    return device_runtime()->order(stream, image.stream());
  return {};
}

Status WriteOrder::before(Stream stream, const Image& image) {
  if (image.memory() != Memory::device) return {};
  if (image.written() && image.written() == last_ && image.stream().handle == stream.handle) return {};
  last_ = image.written();
  return order(stream, image);
}

Status synchronize(Stream stream) {
  if (stream.device < 0) return {};
  return device_runtime() ? device_runtime()->synchronize(stream) : no_device();
}

Status transfer(const Image& from, Image& to, Stream stream, bool wait) {
  if (from.empty()) return fail(Errc::invalid_argument, "the image has no pixels");
  const bool reads_device = from.memory() == Memory::device, writes_device = to.memory() == Memory::device;
  if (!reads_device && !writes_device) {
    RESTRIDE_TRY(to.ensure(from.spec()));
    convert_pixels(from.view(), to.view());
    return {};
  }
  DeviceRuntime* runtime = device_runtime();
  if (!runtime) return no_device();
  if (stream.device < 0) {
    int device = reads_device ? from.view().device : to.view().device;
    if (device < 0) {
      RESTRIDE_ASSIGN(device, runtime->current_device());
    }
    RESTRIDE_ASSIGN(stream, runtime->own_stream(device));
  }
  RESTRIDE_TRY(order(stream, from));
  RESTRIDE_TRY(order(stream, to));
  RESTRIDE_TRY(to.ensure(from.spec(), stream));
  // A stage only for its event, which says when the copy is done.
  RESTRIDE_ASSIGN(DeviceStage* const stage, runtime->acquire(stream));
  Status status = runtime->copy(from.view(), to.view(), stage->stream());
  if (writes_device) to.set_written(stage->done());
  if (status && (wait || !writes_device)) status = stage->wait();
  runtime->release(stage);
  return status;
}

void trim_memory() noexcept {
  if (DeviceRuntime* runtime = device_runtime()) runtime->trim();
}

}  // namespace restride
