// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codec/codec.h"

namespace restride::tiff {

extern const Format kFormat;
Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found);
Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink);
std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions& options);
std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions& options);
// The same, writing BigTIFF where a file may become `big_from` bytes or more.
std::unique_ptr<FormatEncoder> make_encoder_from(std::uint64_t big_from);

}  // namespace restride::tiff
