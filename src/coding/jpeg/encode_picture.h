// SPDX-License-Identifier: Apache-2.0
// From an encode job to what the batch encoder works on.
#pragma once

#include <span>

#include "coding/jpeg/encode_batch.h"
#include "coding/jpeg/encode_header.h"

namespace restride::jpeg {

// What the headers will say of a job whose plan came from plan_encode.
Result<EncodeFrame> encode_frame(const ImageSpec& wanted, const EncodeParams& params);

// True if the pixels of `from` can be read as they are: then no conversion to `wanted` comes first.
bool reads_directly(const ImageSpec& from, const ImageSpec& wanted) noexcept;

// Describes the pixels of `view`, which are as reads_directly asks. first_tile and tables are left to the caller.
ForwardPicture forward_picture(const ImageView& view, const ImageSpec& wanted, const EncodeFrame& frame) noexcept;

// Copies pictures, ordered by layout, and numbers their tiles. position[i] is where picture i went; returns the number of
// tiles, which must be below 2^32.
std::uint32_t order_by_layout(std::span<const ForwardPicture> pictures, ForwardPicture* to, std::uint32_t* position,
                              std::uint32_t (&layout_end)[kMcuLayouts]) noexcept;

}  // namespace restride::jpeg
