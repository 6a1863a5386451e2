// SPDX-License-Identifier: Apache-2.0
#include "engine/backends.h"

#include <algorithm>
#include <string>

#include "base/error_util.h"
#include "engine/device.h"
#include "formats/table.h"

namespace restride {
namespace {

bool asks_for(const CodecOptions& options, BackendKind kind) noexcept {
  return std::any_of(options.backends.begin(), options.backends.end(),
                     [&](const Backend& b) { return b.kind == kind; });
}

bool allowed(BackendKind kind, const CodecOptions& options) noexcept {
  if (options.device == CodecOptions::kCpuOnly && kind != BackendKind::cpu_only) return false;
  return options.backends.empty() || asks_for(options, kind);
}

}  // namespace

Error no_codec(const char* what, const Format& format) {
  return fail(Errc::unsupported, "no %s for %.*s among the backends asked for%s", what,
              static_cast<int>(format.name.size()), format.name.data(),
              format.probe ? "" : ", or its codec was registered after this object was made");
}

Result<std::vector<Candidate>> candidates(const CodecOptions& options, int device) {
  std::vector<Candidate> out;
  const auto add_device_codecs = [&](bool exact) {
    for (const DeviceCodec& codec : device_runtime()->codecs()) {
      const Format* format = find_format(codec.format);
      if (format && codec.exact == exact && allowed(codec.backend, options))
        out.push_back({format, codec.backend, codec.name, true, codec.make_decoder, codec.make_encoder});
    }
  };
  const bool inexact_first = !options.exact || asks_for(options, BackendKind::hw_gpu_only);
  if (device >= 0 && inexact_first) add_device_codecs(false);
  if (device >= 0) add_device_codecs(true);
  for (const CodecEntry& entry : codecs())
    if (allowed(entry.backend, options))
      out.push_back({entry.format, entry.backend, entry.name, false, entry.make_decoder, entry.make_encoder});
  if (device >= 0 && !inexact_first) add_device_codecs(false);
  if (allowed(BackendKind::cpu_only, options))
    for_each_external_codec([&](const ExternalCodec& codec) {
      out.push_back({&codec.format(), BackendKind::cpu_only, codec.implementation(), false, nullptr, nullptr, &codec});
      return false;
    });
  if (!out.empty()) return out;
  return fail(Errc::unsupported, "none of the backends asked for is available%s%s",
              device < 0 ? ": this machine has CPU_ONLY; add it to `backends` or leave `backends` out" : "",
              device < 0 && options.device != CodecOptions::kCpuOnly && !device_missing_reason().empty()
                  ? (" (" + device_missing_reason() + ")").c_str()
                  : "");
}

}  // namespace restride
