// SPDX-License-Identifier: Apache-2.0
// The declarations in src/cuda/vendor against NVIDIA's own headers, where those are installed
// (-DRESTRIDE_NVIDIA_PACKAGES=.../site-packages/nvidia): layouts, values and signatures, at compile time.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <type_traits>

#include "cuda/vendor/nvjpeg.h"
#include "cuda/vendor/nvjpeg2k.h"
#include "cuda/vendor/nvtiff.h"

#if __has_include(<nvjpeg.h>)
#include <nvjpeg.h>
#define HAVE_NVJPEG 1
#endif
#if __has_include(<nvjpeg2k.h>)
#include <nvjpeg2k.h>
#define HAVE_NVJPEG2K 1
#endif
#if __has_include(<nvtiff.h>)
#include <nvtiff.h>
#define HAVE_NVTIFF 1
#endif

namespace restride::cuda::vendor {
namespace {

// What a calling convention sees of a type.
struct Abi {
  bool floating, pointer;
  std::size_t size;
  bool operator==(const Abi&) const = default;
};
template <class T>
constexpr Abi abi_of() {
  return {std::is_floating_point_v<T>, std::is_pointer_v<T>, sizeof(T)};
}
template <class F>
struct Signature;
template <class R, class... A>
struct Signature<R(A...)> {
  static constexpr std::array<Abi, sizeof...(A) + 1> abi{abi_of<R>(), abi_of<A>()...};
};
template <class Ours, class Theirs>
constexpr bool same() {
  if constexpr (Signature<Ours>::abi.size() == Signature<Theirs>::abi.size())
    return Signature<Ours>::abi == Signature<Theirs>::abi;
  return false;
}

#define SAME_SIZE(ours, theirs) static_assert(sizeof(ours) == sizeof(theirs) && alignof(ours) == alignof(theirs))
#define SAME_PLACE(ours, field, theirs, their_field)                      \
  static_assert(offsetof(ours, field) == offsetof(theirs, their_field) && \
                sizeof(ours::field) == sizeof(theirs::their_field))
#define SAME_VALUE(ours, theirs) static_assert(static_cast<long long>(ours) == static_cast<long long>(theirs))

#if defined(HAVE_NVJPEG)
#define CHECK(name, parameters) static_assert(same<int parameters, decltype(::nvjpeg##name)>(), "nvjpeg" #name);
RESTRIDE_NVJPEG_FUNCTIONS(CHECK)
#undef CHECK
SAME_SIZE(nvj::Image, nvjpegImage_t);
SAME_PLACE(nvj::Image, pitch, nvjpegImage_t, pitch);
SAME_SIZE(nvj::DeviceAllocator, nvjpegDevAllocatorV2_t);
SAME_PLACE(nvj::DeviceAllocator, allocate, nvjpegDevAllocatorV2_t, dev_malloc);
SAME_PLACE(nvj::DeviceAllocator, free, nvjpegDevAllocatorV2_t, dev_free);
SAME_PLACE(nvj::DeviceAllocator, context, nvjpegDevAllocatorV2_t, dev_ctx);
SAME_SIZE(nvj::PinnedAllocator, nvjpegPinnedAllocatorV2_t);
SAME_PLACE(nvj::PinnedAllocator, free, nvjpegPinnedAllocatorV2_t, pinned_free);
SAME_VALUE(nvj::success, NVJPEG_STATUS_SUCCESS);
SAME_VALUE(nvj::kBackendDefault, NVJPEG_BACKEND_DEFAULT);
SAME_VALUE(nvj::kBackendHybrid, NVJPEG_BACKEND_HYBRID);
SAME_VALUE(nvj::kBackendGpuHybrid, NVJPEG_BACKEND_GPU_HYBRID);
SAME_VALUE(nvj::kBackendHardware, NVJPEG_BACKEND_HARDWARE);
SAME_VALUE(nvj::kFlagInterpolate, NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION);
SAME_VALUE(nvj::kOutputY, NVJPEG_OUTPUT_Y);
SAME_VALUE(nvj::kOutputRgbInterleaved, NVJPEG_OUTPUT_RGBI);
SAME_VALUE(nvj::kInputYuv, NVJPEG_INPUT_YUV);
SAME_VALUE(nvj::kInputRgb, NVJPEG_INPUT_RGB);
SAME_VALUE(nvj::kInputBgr, NVJPEG_INPUT_BGR);
SAME_VALUE(nvj::kInputRgbInterleaved, NVJPEG_INPUT_RGBI);
SAME_VALUE(nvj::kInputBgrInterleaved, NVJPEG_INPUT_BGRI);
SAME_VALUE(nvj::kEncodingBaseline, NVJPEG_ENCODING_BASELINE_DCT);
SAME_VALUE(nvj::kEncodingProgressive, NVJPEG_ENCODING_PROGRESSIVE_DCT_HUFFMAN);
SAME_VALUE(nvj::kSampling444, NVJPEG_CSS_444);
SAME_VALUE(nvj::kSampling422, NVJPEG_CSS_422);
SAME_VALUE(nvj::kSampling420, NVJPEG_CSS_420);
SAME_VALUE(nvj::kSampling440, NVJPEG_CSS_440);
SAME_VALUE(nvj::kSampling411, NVJPEG_CSS_411);
SAME_VALUE(nvj::kSampling410, NVJPEG_CSS_410);
SAME_VALUE(nvj::kSamplingGray, NVJPEG_CSS_GRAY);
#endif

#if defined(HAVE_NVJPEG2K)
#define CHECK(name, parameters) static_assert(same<int parameters, decltype(::nvjpeg2k##name)>(), "nvjpeg2k" #name);
RESTRIDE_NVJPEG2K_FUNCTIONS(CHECK)
#undef CHECK
SAME_SIZE(nvj2k::Image, nvjpeg2kImage_t);
SAME_PLACE(nvj2k::Image, data, nvjpeg2kImage_t, pixel_data);
SAME_PLACE(nvj2k::Image, pitch, nvjpeg2kImage_t, pitch_in_bytes);
SAME_PLACE(nvj2k::Image, type, nvjpeg2kImage_t, pixel_type);
SAME_PLACE(nvj2k::Image, components, nvjpeg2kImage_t, num_components);
SAME_SIZE(nvj2k::ComponentInfo, nvjpeg2kImageComponentInfo_t);
SAME_PLACE(nvj2k::ComponentInfo, precision, nvjpeg2kImageComponentInfo_t, precision);
SAME_PLACE(nvj2k::ComponentInfo, is_signed, nvjpeg2kImageComponentInfo_t, sgn);
SAME_SIZE(nvj2k::DeviceAllocator, nvjpeg2kDeviceAllocatorV2_t);
SAME_PLACE(nvj2k::DeviceAllocator, free, nvjpeg2kDeviceAllocatorV2_t, device_free);
SAME_PLACE(nvj2k::DeviceAllocator, context, nvjpeg2kDeviceAllocatorV2_t, device_ctx);
SAME_SIZE(nvj2k::PinnedAllocator, nvjpeg2kPinnedAllocatorV2_t);
SAME_SIZE(nvj2k::EncodeConfig, nvjpeg2kEncodeConfig_t);
SAME_PLACE(nvj2k::EncodeConfig, bitstream, nvjpeg2kEncodeConfig_t, stream_type);
SAME_PLACE(nvj2k::EncodeConfig, color, nvjpeg2kEncodeConfig_t, color_space);
SAME_PLACE(nvj2k::EncodeConfig, rsiz, nvjpeg2kEncodeConfig_t, rsiz);
SAME_PLACE(nvj2k::EncodeConfig, width, nvjpeg2kEncodeConfig_t, image_width);
SAME_PLACE(nvj2k::EncodeConfig, height, nvjpeg2kEncodeConfig_t, image_height);
SAME_PLACE(nvj2k::EncodeConfig, tiled, nvjpeg2kEncodeConfig_t, enable_tiling);
SAME_PLACE(nvj2k::EncodeConfig, tile_width, nvjpeg2kEncodeConfig_t, tile_width);
SAME_PLACE(nvj2k::EncodeConfig, tile_height, nvjpeg2kEncodeConfig_t, tile_height);
SAME_PLACE(nvj2k::EncodeConfig, components, nvjpeg2kEncodeConfig_t, num_components);
SAME_PLACE(nvj2k::EncodeConfig, component, nvjpeg2kEncodeConfig_t, image_comp_info);
SAME_PLACE(nvj2k::EncodeConfig, sop, nvjpeg2kEncodeConfig_t, enable_SOP_marker);
SAME_PLACE(nvj2k::EncodeConfig, eph, nvjpeg2kEncodeConfig_t, enable_EPH_marker);
SAME_PLACE(nvj2k::EncodeConfig, progression, nvjpeg2kEncodeConfig_t, prog_order);
SAME_PLACE(nvj2k::EncodeConfig, layers, nvjpeg2kEncodeConfig_t, num_layers);
SAME_PLACE(nvj2k::EncodeConfig, mct, nvjpeg2kEncodeConfig_t, mct_mode);
SAME_PLACE(nvj2k::EncodeConfig, resolutions, nvjpeg2kEncodeConfig_t, num_resolutions);
SAME_PLACE(nvj2k::EncodeConfig, code_block_width, nvjpeg2kEncodeConfig_t, code_block_w);
SAME_PLACE(nvj2k::EncodeConfig, code_block_height, nvjpeg2kEncodeConfig_t, code_block_h);
SAME_PLACE(nvj2k::EncodeConfig, modes, nvjpeg2kEncodeConfig_t, encode_modes);
SAME_PLACE(nvj2k::EncodeConfig, irreversible, nvjpeg2kEncodeConfig_t, irreversible);
SAME_PLACE(nvj2k::EncodeConfig, precincts, nvjpeg2kEncodeConfig_t, num_precincts_init);
SAME_PLACE(nvj2k::EncodeConfig, precinct_width, nvjpeg2kEncodeConfig_t, precinct_width);
SAME_PLACE(nvj2k::EncodeConfig, precinct_height, nvjpeg2kEncodeConfig_t, precinct_height);
SAME_VALUE(nvj2k::success, NVJPEG2K_STATUS_SUCCESS);
SAME_VALUE(nvj2k::kUint8, NVJPEG2K_UINT8);
SAME_VALUE(nvj2k::kUint16, NVJPEG2K_UINT16);
SAME_VALUE(nvj2k::kInt16, NVJPEG2K_INT16);
SAME_VALUE(nvj2k::kPlanar, NVJPEG2K_FORMAT_PLANAR);
SAME_VALUE(nvj2k::kInterleaved, NVJPEG2K_FORMAT_INTERLEAVED);
SAME_VALUE(nvj2k::kColorUnknown, NVJPEG2K_COLORSPACE_UNKNOWN);
SAME_VALUE(nvj2k::kColorSrgb, NVJPEG2K_COLORSPACE_SRGB);
SAME_VALUE(nvj2k::kColorGray, NVJPEG2K_COLORSPACE_GRAY);
SAME_VALUE(nvj2k::kColorSycc, NVJPEG2K_COLORSPACE_SYCC);
SAME_VALUE(nvj2k::kQualityPsnr, NVJPEG2K_QUALITY_TYPE_TARGET_PSNR);
SAME_VALUE(nvj2k::kQualityStep, NVJPEG2K_QUALITY_TYPE_QUANTIZATION_STEP);
SAME_VALUE(nvj2k::kRsizHt, NVJPEG2K_RSIZ_HT);
SAME_VALUE(nvj2k::kModeHt, NVJPEG2K_MODE_HT);
SAME_VALUE(0, NVJPEG2K_LRCP);  // Jpeg2kProgression and Jpeg2kBitstream are passed on as they are
SAME_VALUE(4, NVJPEG2K_CPRL);
SAME_VALUE(1, NVJPEG2K_STREAM_JP2);
#endif

#if defined(HAVE_NVTIFF)
#define CHECK(name, parameters) static_assert(same<int parameters, decltype(::nvtiff##name)>(), "nvtiff" #name);
RESTRIDE_NVTIFF_FUNCTIONS(CHECK)
#undef CHECK
SAME_SIZE(nvt::Image, nvtiffImage_t);
SAME_PLACE(nvt::Image, pitch, nvtiffImage_t, plane_pitch_bytes);
SAME_PLACE(nvt::Image, planes, nvtiffImage_t, num_planes);
SAME_SIZE(nvt::Region, nvtiffDecodeRegion_t);
SAME_PLACE(nvt::Region, ifd_offset, nvtiffDecodeRegion_t, ifd_offset);
SAME_PLACE(nvt::Region, x, nvtiffDecodeRegion_t, offset_x);
SAME_PLACE(nvt::Region, y, nvtiffDecodeRegion_t, offset_y);
SAME_PLACE(nvt::Region, width, nvtiffDecodeRegion_t, width);
SAME_PLACE(nvt::Region, height, nvtiffDecodeRegion_t, height);
SAME_SIZE(nvt::DeviceAllocator, nvtiffDeviceAllocator_t);
SAME_PLACE(nvt::DeviceAllocator, free, nvtiffDeviceAllocator_t, device_free);
SAME_PLACE(nvt::DeviceAllocator, context, nvtiffDeviceAllocator_t, device_ctx);
SAME_SIZE(nvt::PinnedAllocator, nvtiffPinnedAllocator_t);
SAME_VALUE(nvt::success, NVTIFF_STATUS_SUCCESS);
SAME_VALUE(nvt::kOutputUnchangedInterleaved, NVTIFF_OUTPUT_UNCHANGED_I);
#endif

// The comparison happened when this file was compiled; these say of which headers.
TEST(VendorDeclarations, Nvjpeg) {
#if !defined(HAVE_NVJPEG)
  GTEST_SKIP() << "nvjpeg.h is not installed";
#endif
}
TEST(VendorDeclarations, Nvjpeg2000) {
#if !defined(HAVE_NVJPEG2K)
  GTEST_SKIP() << "nvjpeg2k.h is not installed";
#endif
}
TEST(VendorDeclarations, Nvtiff) {
#if !defined(HAVE_NVTIFF)
  GTEST_SKIP() << "nvtiff.h is not installed";
#endif
}

}  // namespace
}  // namespace restride::cuda::vendor
