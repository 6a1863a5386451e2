// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "codec/device_runtime.h"
#include "restride/image.h"
#include "restride/params.h"

namespace restride {

// The GPU runtime of this process, opened on the first call; nullptr where librestride_cuda, a driver or a device is
// missing, or in a child forked after it was opened, and then device_missing_reason() says which. Thread-safe.
DeviceRuntime* device_runtime() noexcept;
const std::string& device_missing_reason() noexcept;

// Puts `runtime` (which must outlive all that uses it) in the place of the real one; nullptr: none. For tests.
void replace_device_runtime(DeviceRuntime* runtime);

// The device that `options` mean: an ordinal, or -1 for the CPU alone. With only CPU backends asked for no GPU is
// looked for, so that the process stays free of CUDA.
Result<int> resolve_device(const CodecOptions& options);

// Lets work wait for what was last written into images; once for each event, whatever the number of images.
class WriteOrder {
 public:
  void start() noexcept { last_ = nullptr; }
  Status before(Stream stream, const Image& image);

 private:
  void* last_ = nullptr;
};

}  // namespace restride
