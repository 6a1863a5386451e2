// SPDX-License-Identifier: Apache-2.0
// What the GPU decoder makes of a request, before there is a batch.
#pragma once

#include "codec/codec.h"
#include "coding/jpeg/geometry.h"
#include "coding/jpeg/reconstruct.h"
#include "formats/jpeg/headers.h"

namespace restride::cuda::jpeg {

using namespace restride::jpeg;

// Whether this decoder takes a request, and as what. Pure. `triangle`: interpolate chroma.
Result<DecodePlan> plan_decode(const DecodeRequest& request, bool triangle);

const Headers& headers_of(const StreamInfo& stream) noexcept;
FrameSize frame_of(const Headers& headers, const ImageSpec& stored) noexcept;

// What is delivered for a request.
struct Native {
  SampleFormat format;
  ColorSpec color;
  std::uint8_t channels;
  Colors colors;
  bool reversed;
};
Native native_for(const ImageSpec& stored, const ImageSpec& wanted) noexcept;
// Components that its colours are made of.
unsigned needed_components(const Native& native, unsigned components) noexcept;

// MCUs of a scan, in a row and a column (A.2).
struct Mcus {
  std::uint32_t wide, high;
};
Mcus mcus_of(const FrameSize& frame, const Scan& scan) noexcept;
// Blocks of a component, in a row and a column, without those that only fill up MCUs.
Mcus blocks_of(const FrameSize& frame, unsigned component) noexcept;
// Runs between restart markers that a scan has.
std::uint64_t segments_of(const FrameSize& frame, const Scan& scan) noexcept;

// `unsupported`, with the reason: the next decoder is asked.
Error refused(const Headers& headers, const char* why);

}  // namespace restride::cuda::jpeg
