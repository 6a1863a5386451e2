// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "codec/codec.h"

namespace restride::jpeg {

extern const Format kFormat;
Status read_metadata(const MetadataQuery& query, std::vector<Metadata>& found);
Status embed_metadata(std::span<const Metadata> metadata, ByteSink& sink);
std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions& options);
std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions& options);
std::string library_version();  // of the library behind it, as it is at run time where it tells

}  // namespace restride::jpeg
