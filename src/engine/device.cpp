// SPDX-License-Identifier: Apache-2.0
#include "engine/device.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

#include "base/error_util.h"

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
  set_default_resource(Memory::device, &runtime->device_memory());
  set_default_resource(Memory::pinned, &runtime->pinned_memory());
  runtime->use(*default_resource(Memory::device), *default_resource(Memory::pinned));
  return {runtime, {}};
}

const Opened& opened() noexcept {
  static const Opened instance = open_runtime();
  return instance;
}

}  // namespace

DeviceRuntime* device_runtime() noexcept { return opened().runtime; }
const std::string& device_missing_reason() noexcept { return opened().reason; }

Result<int> resolve_device(const CodecOptions& options) {
  if (options.device == CodecOptions::kCpuOnly) return -1;
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

bool wants_device_output(const CodecOptions& options, int device) noexcept {
  if (device < 0) return false;
  return options.backends.empty() || std::any_of(options.backends.begin(), options.backends.end(),
                                                 [](const Backend& b) { return b.kind != BackendKind::cpu_only; });
}

}  // namespace restride
