// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "codec/codec.h"

namespace restride::cuda::jpeg {

// Huffman-coded JPEG of 8 bits on the GPU: the CPU decoder's pixels, bit for bit. What it does not take, or finds
// damaged, is `unsupported`: the CPU decoder, the next to be asked, has the word on it. Options: fancy_upsampling, as
// the CPU's.
std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions& options);

}  // namespace restride::cuda::jpeg
