// SPDX-License-Identifier: Apache-2.0
// Filling the function tables, and the names of status codes.
#include <iterator>

#include "cuda/vendor/library.h"

namespace restride::cuda::vendor {
namespace {

constexpr const char* kNames[] = {"SUCCESS",
                                  "NOT_INITIALIZED",
                                  "INVALID_PARAMETER",
                                  "BAD_JPEG",
                                  "JPEG_NOT_SUPPORTED",
                                  "ALLOCATOR_FAILURE",
                                  "EXECUTION_FAILED",
                                  "ARCH_MISMATCH",
                                  "INTERNAL_ERROR",
                                  "IMPLEMENTATION_NOT_SUPPORTED",
                                  "INCOMPLETE_BITSTREAM"};
constexpr const char* kTiffNames[] = {
    "SUCCESS",           "NOT_INITIALIZED",  "INVALID_PARAMETER",       "BAD_TIFF",           "TIFF_NOT_SUPPORTED",
    "ALLOCATOR_FAILURE", "EXECUTION_FAILED", "ARCH_MISMATCH",           "INTERNAL_ERROR",     "NVCOMP_NOT_FOUND",
    "NVJPEG_NOT_FOUND",  "TAG_NOT_FOUND",    "PARAMETER_OUT_OF_BOUNDS", "NVJPEG2K_NOT_FOUND", "BATCH_INCOMPATIBLE"};

template <std::size_t N>
const char* name_of(const char* const (&names)[N], int status) noexcept {
  return status >= 0 && static_cast<std::size_t>(status) < N ? names[status] : "unknown status";
}

}  // namespace

const char* nvj::status_name(int status) noexcept { return name_of(kNames, status); }
const char* nvj2k::status_name(int status) noexcept { return name_of(kNames, status); }
const char* nvt::status_name(int status) noexcept { return name_of(kTiffNames, status); }

// Every function is asked for, so that `missing` names the first that is not there.
#define RESTRIDE_LOAD(name, parameters)                                   \
  name = reinterpret_cast<decltype(name)>(library.symbol(prefix, #name)); \
  complete = complete && name;

bool Nvjpeg::load(Library& library) {
  constexpr const char* prefix = "nvjpeg";
  bool complete = true;
  RESTRIDE_NVJPEG_FUNCTIONS(RESTRIDE_LOAD)
  return complete;
}

bool Nvjpeg2k::load(Library& library) {
  constexpr const char* prefix = "nvjpeg2k";
  bool complete = true;
  RESTRIDE_NVJPEG2K_FUNCTIONS(RESTRIDE_LOAD)
  return complete;
}

bool Nvtiff::load(Library& library) {
  constexpr const char* prefix = "nvtiff";
  bool complete = true;
  RESTRIDE_NVTIFF_FUNCTIONS(RESTRIDE_LOAD)
  return complete;
}

#undef RESTRIDE_LOAD

}  // namespace restride::cuda::vendor
