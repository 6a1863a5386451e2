// SPDX-License-Identifier: Apache-2.0
// PackBits run-length coding (TIFF 6.0, section 9), as TIFF and Macintosh files use it.
#pragma once

#include <cstddef>
#include <span>

namespace restride::packbits {

// Fills `out` as far as `in` goes and returns the bytes written; fewer than out.size() means that `in` ended too early.
std::size_t decode(std::span<const std::byte> in, std::span<std::byte> out) noexcept;

}  // namespace restride::packbits
