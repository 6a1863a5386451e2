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

// Describes the pixels of `view`, which are as reads_directly asks. What follows from the other pictures of a batch is
// left to the caller.
ForwardPicture forward_picture(const ImageView& view, const ImageSpec& wanted, const EncodeFrame& frame) noexcept;

// Copies pictures, ordered by layout, with their tiles and groups numbered; position[i] is where picture i went. Fills
// in the batch's numbers. There must be fewer than 2^32 tiles.
void order_by_layout(std::span<const ForwardPicture> pictures, ForwardPicture* to, std::uint32_t* position,
                     EncodeBatch& batch) noexcept;

}  // namespace restride::jpeg
