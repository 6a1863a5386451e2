// SPDX-License-Identifier: Apache-2.0
// GeoTIFF (OGC 19-008r4): the keys of a directory as one line of JSON, with nvImageCodec's names.
#pragma once

#include <bit>
#include <span>
#include <string>

#include "formats/ifd.h"

namespace restride::tiff {

// Empty where the directory has no geographic tags. Numbers keep all their digits. corrupt, truncated.
Result<std::string> geo_json(std::span<const ifd::Entry> entries, std::endian order);

}  // namespace restride::tiff
