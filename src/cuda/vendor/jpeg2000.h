// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error_util.h"
#include "cuda/vendor/nvjpeg2k.h"

namespace restride::cuda::vendor {

// unsupported: the next codec for the format is to try, and says what is wrong with the picture, if anything is.
inline Status check_nvjpeg2k(int status, const char* function) {
  if (status == nvj2k::success) [[likely]]
    return {};
  return fail(Errc::unsupported, "%s: %s (%d)", function, nvj2k::status_name(status), status);
}

inline int pixel_type(SampleType type) noexcept {
  return type == SampleType::u8 ? nvj2k::kUint8 : type == SampleType::u16 ? nvj2k::kUint16 : nvj2k::kInt16;
}

}  // namespace restride::cuda::vendor
