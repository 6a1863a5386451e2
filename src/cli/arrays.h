// SPDX-License-Identifier: Apache-2.0
// Pixels in .npy files (format 1.0 to 3.0 of NumPy's NEP 1) and in files of bare samples.
#pragma once

#include <restride/restride.h>

#include <string>

#include "settings.h"

namespace restride::cli {

// The header of a .npy file of shape (height, width, channels), or (height, width) for one channel; C order.
std::string npy_header(const ImageSpec& spec);

// An image over the file's bytes, without a copy; the image keeps `file`. Shapes (H, W) and (H, W, C); native byte
// order, C order. corrupt, truncated; unsupported for other arrays.
Result<Image> image_of_npy(const CodeStream& file);
// The same of bare samples of `settings`' shape and type: there must be exactly as many.
Result<Image> image_of_raw(const CodeStream& file, const ArraySettings& settings);

}  // namespace restride::cli
