// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "codec/device_runtime.h"
#include "restride/params.h"

namespace restride {

// The GPU runtime of this process, opened on the first call; nullptr where librestride_cuda, a driver or a device is
// missing, and then device_missing_reason() says which. Thread-safe.
DeviceRuntime* device_runtime() noexcept;
const std::string& device_missing_reason() noexcept;

// The device that `options` mean: an ordinal, or -1 for the CPU alone.
Result<int> resolve_device(const CodecOptions& options);

// True if results belong in device memory: a device is there and not only CPU backends were asked for.
bool wants_device_output(const CodecOptions& options, int device) noexcept;

}  // namespace restride
