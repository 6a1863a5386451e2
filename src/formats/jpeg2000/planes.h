// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codec/codec.h"
#include "formats/jpeg2000/headers.h"

namespace restride::jpeg2000 {

// What OpenJPEG delivers: 32-bit integers, one plane a channel.
inline ImageSpec native_spec(const DecodeRequest& request) noexcept {
  ImageSpec spec = request.info().spec;
  spec.width = static_cast<std::uint32_t>(request.window.width);
  spec.height = static_cast<std::uint32_t>(request.window.height);
  const bool is_signed = restride::is_signed(spec.type);
  spec.type = is_signed ? SampleType::i32 : SampleType::u32;
  const auto& headers = static_cast<const Headers&>(*request.stream->detail);
  // Chroma that is subsampled is chroma, whatever the colour box says: writers leave it at sRGB.
  const bool chroma = spec.channels == 3 && headers.component[0].dx == 1 && headers.component[0].dy == 1 &&
                      (headers.component[1].dx != 1 || headers.component[1].dy != 1);
  if (chroma) {
    spec.format = SampleFormat::p_ycc;
    spec.color = ColorSpec::sycc;
  }
  return spec;
}

// OpenJPEG: Part 1 and, from 2.5 on, HT.
Result<DecodePlan> plan_openjpeg(const DecodeRequest& request);
Status decode_openjpeg(DecodeJob& job, const TileParts& parts, Scratch& scratch, Context& context);

// HT encoding by OpenJPH; `levels` decompositions, PSNR in dB or lossless.
Status encode_openjph(EncodeJob& job, Scratch& scratch, unsigned levels);

// Wraps raw codestreams of OpenJPH.
bool write_jp2_boxes(ByteSink& sink, const ImageSpec& spec, std::uint64_t codestream_bytes);
std::size_t jp2_boxes_size(const ImageSpec& spec) noexcept;

}  // namespace restride::jpeg2000
