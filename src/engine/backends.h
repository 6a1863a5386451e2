// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "codec/codec.h"
#include "restride/params.h"

namespace restride {

// A codec that may be used: an entry of the table, or a device codec of the GPU runtime.
struct Candidate {
  const Format* format;
  BackendKind backend;
  std::string_view name;
  bool on_device;  // works on device memory, a whole batch at once
  std::unique_ptr<FormatDecoder> (*make_decoder)(const CodecOptions& options);
  std::unique_ptr<FormatEncoder> (*make_encoder)(const CodecOptions& options);
};

// What `options` allow on `device` (-1: the CPU alone), the preferred first: device codecs with the CPU's pixels, the
// table, other device codecs; the last come first where `options` ask for them. unsupported if there is none.
Result<std::vector<Candidate>> candidates(const CodecOptions& options, int device);

}  // namespace restride
