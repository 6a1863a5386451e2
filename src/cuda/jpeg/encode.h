// SPDX-License-Identifier: Apache-2.0
// The JPEG encoder on the device: baseline, the CPU encoder's bytes for the same settings.
#pragma once

#include <memory>

#include "codec/codec.h"

namespace restride::cuda {

std::unique_ptr<FormatEncoder> make_jpeg_encoder(const CodecOptions& options);

}  // namespace restride::cuda
