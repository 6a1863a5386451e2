// SPDX-License-Identifier: Apache-2.0
#include "cuda/vendor/codecs.h"

#include "cuda/vendor/library.h"
#include "cuda/vendor/session.h"

namespace restride::cuda::vendor {
namespace {

template <Which which>
std::string_view version() noexcept {
  return library(which).version();
}

DeviceLibrary describe(Which which) {
  Library& one = library(which);
  return {one.title(), one.version(), one.path(), one.missing()};
}

}  // namespace

void add_codecs(std::vector<DeviceCodec>& to) {
  if (nvjpeg2k())
    to.push_back({"jpeg2k", BackendKind::gpu_only, "nvjpeg2k", true, make_jpeg2000_decoder, make_jpeg2000_encoder,
                  version<Which::nvjpeg2k>});
  if (nvtiff())
    to.push_back({"tiff", BackendKind::gpu_only, "nvtiff", true, make_tiff_decoder, nullptr, version<Which::nvtiff>});
  if (nvjpeg()) {
    to.push_back(
        {"jpeg", BackendKind::hw_gpu_only, "nvjpeg_hw", false, make_jpeg_hw_decoder, nullptr, version<Which::nvjpeg>});
    to.push_back({"jpeg", BackendKind::hybrid_cpu_gpu, "nvjpeg", false, make_jpeg_hybrid_decoder, make_jpeg_encoder,
                  version<Which::nvjpeg>});
    to.push_back(
        {"jpeg", BackendKind::gpu_only, "nvjpeg_gpu", false, make_jpeg_gpu_decoder, nullptr, version<Which::nvjpeg>});
  }
}

std::span<const DeviceLibrary> libraries() {
  static const std::vector<DeviceLibrary> all = [] {
    (void)nvjpeg();
    (void)nvjpeg2k();
    (void)nvtiff();
    (void)open_nvcomp();
    return std::vector<DeviceLibrary>{describe(Which::nvjpeg), describe(Which::nvjpeg2k), describe(Which::nvtiff),
                                      describe(Which::nvcomp)};
  }();
  return all;
}

void trim() {
  trim_jpeg_hw();
  trim_jpeg_hybrid();
  trim_jpeg_encoder();
  trim_jpeg2000_decoder();
  trim_jpeg2000_encoder();
  trim_tiff();
  trim_calls();
}

}  // namespace restride::cuda::vendor
