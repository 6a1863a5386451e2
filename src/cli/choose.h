// SPDX-License-Identifier: Apache-2.0
// How a picture is to be decoded so that its target can hold it, and what of its metadata goes along.
#pragma once

#include <restride/restride.h>

#include <string>
#include <string_view>
#include <vector>

#include "settings.h"

namespace restride::cli {

// The parameters that the command line asks for, whatever the picture. `max_memory`: bytes of one picture.
DecodeParams decode_params(const DecodeSettings& settings, std::uint64_t max_memory);
// The page and the region asked for.
Result<CodeStream> part_of(const CodeStream& stream, const DecodeSettings& settings);

// Sets colour and depth of `params` to the first that the target takes: the source's own, then 8 bits, then RGB, then
// gray, as far as `settings` leaves the choice. An empty codec takes everything. Gives the pixels' shape.
Result<ImageSpec> choose_pixels(const Decoder& decoder, const Encoder* encoder, const CodeStream& stream,
                                std::string_view codec, const Settings& settings, const EncodeParams& encode,
                                DecodeParams& params);

// Puts EXIF (upright if the pixels are), XMP and an ICC profile that fits the colours into `encode`, and from TIFF to
// TIFF the georeference if no pixel moved. What is left out is said in `notes`.
void choose_metadata(const Encoder& encoder, const CodeStream& stream, std::string_view codec, const ImageSpec& spec,
                     const DecodeSettings& settings, EncodeParams& encode, std::vector<std::string>& notes);

}  // namespace restride::cli
