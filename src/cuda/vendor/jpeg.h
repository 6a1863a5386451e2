// SPDX-License-Identifier: Apache-2.0
// What the two nvJPEG decoders share. nvJPEG rounds differently from libjpeg (by up to 3 in our tests), so that these
// are never used unless they are asked for.
#pragma once

#include "base/error_util.h"
#include "codec/codec.h"
#include "cuda/vendor/nvjpeg.h"
#include "cuda/vendor/session.h"

namespace restride::cuda::vendor {

// unsupported: the next codec for the format is to try, and says what is wrong with the picture, if anything is.
inline Status check_nvjpeg(int status, const char* function) {
  if (status == nvj::success) [[likely]]
    return {};
  return fail(Errc::unsupported, "%s: %s (%d)", function, nvj::status_name(status), status);
}

// What a decoder does not take whatever the device: unsupported, with the reason.
struct JpegLimits {
  bool progressive = false;     // and extended sequential
  bool rare_samplings = false;  // 4:1:1, 4:1:0
};
Result<DecodePlan> plan_jpeg(const DecodeRequest& request, const JpegLimits& limits);

// nvJPEG's name for the layout of `plan`.
inline int output_format(const DecodePlan& plan) noexcept {
  return plan.native.channels == 1 ? nvj::kOutputY : nvj::kOutputRgbInterleaved;
}

// nvJPEG may take a picture that was cut off for a whole one: true if there is an end marker (EOI) near the end.
bool has_end(const DecodeRequest& request) noexcept;
inline Error no_end() { return fail(Errc::unsupported, "nvJPEG: the picture has no end marker"); }

// nvJPEG's flags for "fancy_upsampling" in the options of `module`.
unsigned flags_of(const CodecOptions& options, const char* module) noexcept;

// Handles on one device, one for each way of upsampling.
inline constexpr unsigned kHandles = 2;
inline constexpr unsigned index_of(unsigned flags) noexcept { return flags != 0; }

// Sets the status of all jobs.
void fail_all(std::span<DecodeJob> jobs, const Error& error);
void fail_all(std::span<EncodeJob> jobs, const Error& error);

}  // namespace restride::cuda::vendor
