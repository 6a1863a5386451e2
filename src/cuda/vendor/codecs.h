// SPDX-License-Identifier: Apache-2.0
// The codecs over NVIDIA's libraries.
#pragma once

#include <vector>

#include "codec/device_runtime.h"

namespace restride::cuda::vendor {

// Appends those whose library is there, in order of preference.
void add_codecs(std::vector<DeviceCodec>& to);
// The libraries behind them, found or not.
std::span<const DeviceLibrary> libraries();
// Gives up what is kept from call to call and not in use.
void trim();

std::unique_ptr<FormatDecoder> make_jpeg_hw_decoder(const CodecOptions& options);      // the GPU's decoding engines
std::unique_ptr<FormatDecoder> make_jpeg_hybrid_decoder(const CodecOptions& options);  // entropy decoding on CPU or GPU
std::unique_ptr<FormatDecoder> make_jpeg_gpu_decoder(const CodecOptions& options);     // entropy decoding on the GPU
std::unique_ptr<FormatEncoder> make_jpeg_encoder(const CodecOptions& options);
std::unique_ptr<FormatDecoder> make_jpeg2000_decoder(const CodecOptions& options);
std::unique_ptr<FormatEncoder> make_jpeg2000_encoder(const CodecOptions& options);
std::unique_ptr<FormatDecoder> make_tiff_decoder(const CodecOptions& options);

void trim_jpeg_hw();
void trim_jpeg_hybrid();
void trim_jpeg_encoder();
void trim_jpeg2000_decoder();
void trim_jpeg2000_encoder();
void trim_tiff();

}  // namespace restride::cuda::vendor
