// SPDX-License-Identifier: Apache-2.0
// TIFF's predictors (TIFF 6.0, section 14; TIFF Technical Note 3), a row at a time and in place.
#pragma once

#include <cstddef>

namespace restride::predictor {

// Predictor 2: each sample was replaced by its difference from the sample `channels` before it, modulo 2^bits.
// `samples` counts samples of the row (all channels); sample_bytes is 1, 2, 4 or 8, in the machine's byte order.
void undo_horizontal(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes) noexcept;
void apply_horizontal(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes) noexcept;

// Predictor 3: the bytes of a row of floats were sorted by significance, highest first, and then differenced as bytes.
// `space` holds as many bytes as the row; the result is in the machine's byte order. sample_bytes is 2, 3, 4 or 8.
void undo_floating_point(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes,
                         std::byte* space) noexcept;
void apply_floating_point(std::byte* row, std::size_t samples, std::size_t channels, std::size_t sample_bytes,
                          std::byte* space) noexcept;

}  // namespace restride::predictor
