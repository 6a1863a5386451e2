// SPDX-License-Identifier: Apache-2.0
// The lossless process with Huffman coding (ITU-T T.81, annex H; SOF3), 2 to 16 bits, which libjpeg-turbo 2 lacks.
#pragma once

#include <memory>

#include "codec/codec.h"

namespace restride::jpeg {

// Takes pictures of 1 to 3 components that are sampled alike. A region is decoded from the picture's first row on.
std::unique_ptr<FormatDecoder> make_lossless_decoder(const CodecOptions& options);

}  // namespace restride::jpeg
