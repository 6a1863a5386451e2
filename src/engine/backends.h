// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "codec/codec.h"
#include "codec/external.h"
#include "restride/params.h"

namespace restride {

// A codec that may be used: an entry of the table, a device codec of the GPU runtime, or one from outside.
struct Candidate {
  const Format* format;
  BackendKind backend;
  std::string_view name;
  bool on_device;  // works on device memory, a whole batch at once
  std::unique_ptr<FormatDecoder> (*make_decoder)(const CodecOptions& options);
  std::unique_ptr<FormatEncoder> (*make_encoder)(const CodecOptions& options);
  const ExternalCodec* external = nullptr;  // makes them instead

  // Null: cannot decode, or encode.
  std::unique_ptr<FormatDecoder> decoder(const CodecOptions& options) const {
    if (external) return external->make_decoder();
    return make_decoder ? make_decoder(options) : nullptr;
  }
  std::unique_ptr<FormatEncoder> encoder(const CodecOptions& options) const {
    if (external) return external->make_encoder();
    return make_encoder ? make_encoder(options) : nullptr;
  }
};

// "no decoder for jpeg among the backends asked for"
Error no_codec(const char* what, const Format& format);

// What `options` allow on `device` (-1: the CPU alone), the preferred first: device codecs with the CPU's pixels, the
// table, other device codecs; the last come first where `options` ask for them. unsupported if there is none.
Result<std::vector<Candidate>> candidates(const CodecOptions& options, int device);

}  // namespace restride
