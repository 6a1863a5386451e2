// SPDX-License-Identifier: Apache-2.0
#include "engine/backends.h"

#include <algorithm>

#include "base/error_util.h"
#include "formats/table.h"

namespace restride {

bool backend_allowed(const CodecEntry& entry, const CodecOptions& options) noexcept {
  if (options.device == CodecOptions::kCpuOnly && entry.backend != BackendKind::cpu_only) return false;
  return options.backends.empty() || std::any_of(options.backends.begin(), options.backends.end(),
                                                 [&](const Backend& backend) { return backend.kind == entry.backend; });
}

Status check_backends(const CodecOptions& options) {
  const auto entries = codecs();
  if (std::any_of(entries.begin(), entries.end(), [&](const CodecEntry& e) { return backend_allowed(e, options); }))
    return {};
  return fail(Errc::unsupported,
              "none of the backends asked for is available: this machine has CPU_ONLY; add it to `backends` or leave "
              "`backends` out");
}

}  // namespace restride
