// SPDX-License-Identifier: Apache-2.0
// The part of nvJPEG's binary interface (12.3 and later) that is used here. Enumerations are plain int, as in C;
// tests/gpu/vendor_declarations_test.cpp compares all of this with NVIDIA's header where that is installed.
#pragma once

#include <cstddef>

struct CUstream_st;

namespace restride::cuda::vendor {

class Library;

namespace nvj {

enum Status : int { success = 0 };
const char* status_name(int status) noexcept;  // "BAD_JPEG"

inline constexpr int kBackendDefault = 0, kBackendHybrid = 1, kBackendGpuHybrid = 2, kBackendHardware = 3;
inline constexpr unsigned kFlagInterpolate = 1U << 5;  // chroma is upsampled by interpolation instead of repetition
inline constexpr int kOutputY = 2, kOutputRgbInterleaved = 5;
inline constexpr int kInputYuv = 1, kInputRgb = 3, kInputBgr = 4, kInputRgbInterleaved = 5, kInputBgrInterleaved = 6;
inline constexpr int kEncodingBaseline = 0xc0, kEncodingProgressive = 0xc2;
inline constexpr int kSampling444 = 0, kSampling422 = 1, kSampling420 = 2, kSampling440 = 3, kSampling411 = 4,
                     kSampling410 = 5, kSamplingGray = 6, kSampling410v = 7;

// Planes in device memory; interleaved formats use the first.
struct Image {
  unsigned char* channel[4];
  std::size_t pitch[4];
};

// Callbacks return 0 for success.
struct DeviceAllocator {
  int (*allocate)(void* context, void** data, std::size_t bytes, CUstream_st* stream);
  int (*free)(void* context, void* data, std::size_t bytes, CUstream_st* stream);
  void* context;
};
using PinnedAllocator = DeviceAllocator;  // laid out alike

struct Handle;
struct State;
struct Stream;
struct Params;
struct Decoder;
struct PinnedBuffer;
struct DeviceBuffer;
struct EncoderState;
struct EncoderParams;

}  // namespace nvj

// F(name without its prefix, parameters): all return a status.
// clang-format off
#define RESTRIDE_NVJPEG_FUNCTIONS(F)                                                                                  \
  F(CreateExV2, (int backend, nvj::DeviceAllocator*, nvj::PinnedAllocator*, unsigned flags, nvj::Handle**))           \
  F(Destroy, (nvj::Handle*))                                                                                          \
  F(GetHardwareDecoderInfo, (nvj::Handle*, unsigned* engines, unsigned* cores))                                       \
  F(JpegStateCreate, (nvj::Handle*, nvj::State**))                                                                    \
  F(JpegStateDestroy, (nvj::State*))                                                                                  \
  F(DecodeBatchedInitialize, (nvj::Handle*, nvj::State*, int images, int threads, int output))                        \
  F(DecodeBatched, (nvj::Handle*, nvj::State*, const unsigned char* const* data, const std::size_t* lengths,          \
                    nvj::Image*, CUstream_st*))                                                                       \
  F(DecodeBatchedSupported, (nvj::Handle*, nvj::Stream*, int* unsupported))                                           \
  F(JpegStreamCreate, (nvj::Handle*, nvj::Stream**))                                                                  \
  F(JpegStreamDestroy, (nvj::Stream*))                                                                                \
  F(JpegStreamParse, (nvj::Handle*, const unsigned char* data, std::size_t length, int save_metadata,                 \
                      int save_stream, nvj::Stream*))                                                                 \
  F(JpegStreamParseHeader, (nvj::Handle*, const unsigned char* data, std::size_t length, nvj::Stream*))               \
  F(DecodeParamsCreate, (nvj::Handle*, nvj::Params**))                                                                \
  F(DecodeParamsDestroy, (nvj::Params*))                                                                              \
  F(DecodeParamsSetOutputFormat, (nvj::Params*, int output))                                                          \
  F(DecodeParamsSetROI, (nvj::Params*, int x, int y, int width, int height))                                          \
  F(DecoderCreate, (nvj::Handle*, int backend, nvj::Decoder**))                                                       \
  F(DecoderDestroy, (nvj::Decoder*))                                                                                  \
  F(DecoderJpegSupported, (nvj::Decoder*, nvj::Stream*, nvj::Params*, int* unsupported))                              \
  F(DecoderStateCreate, (nvj::Handle*, nvj::Decoder*, nvj::State**))                                                  \
  F(BufferPinnedCreateV2, (nvj::Handle*, nvj::PinnedAllocator*, nvj::PinnedBuffer**))                                 \
  F(BufferPinnedDestroy, (nvj::PinnedBuffer*))                                                                        \
  F(BufferDeviceCreateV2, (nvj::Handle*, nvj::DeviceAllocator*, nvj::DeviceBuffer**))                                 \
  F(BufferDeviceDestroy, (nvj::DeviceBuffer*))                                                                        \
  F(StateAttachPinnedBuffer, (nvj::State*, nvj::PinnedBuffer*))                                                       \
  F(StateAttachDeviceBuffer, (nvj::State*, nvj::DeviceBuffer*))                                                       \
  F(DecodeJpegHost, (nvj::Handle*, nvj::Decoder*, nvj::State*, nvj::Params*, nvj::Stream*))                           \
  F(DecodeJpegTransferToDevice, (nvj::Handle*, nvj::Decoder*, nvj::State*, nvj::Stream*, CUstream_st*))               \
  F(DecodeJpegDevice, (nvj::Handle*, nvj::Decoder*, nvj::State*, nvj::Image*, CUstream_st*))                          \
  F(EncoderStateCreate, (nvj::Handle*, nvj::EncoderState**, CUstream_st*))                                            \
  F(EncoderStateDestroy, (nvj::EncoderState*))                                                                        \
  F(EncoderParamsCreate, (nvj::Handle*, nvj::EncoderParams**, CUstream_st*))                                          \
  F(EncoderParamsDestroy, (nvj::EncoderParams*))                                                                      \
  F(EncoderParamsSetQuality, (nvj::EncoderParams*, int quality, CUstream_st*))                                        \
  F(EncoderParamsSetEncoding, (nvj::EncoderParams*, int encoding, CUstream_st*))                                      \
  F(EncoderParamsSetOptimizedHuffman, (nvj::EncoderParams*, int optimized, CUstream_st*))                             \
  F(EncoderParamsSetSamplingFactors, (nvj::EncoderParams*, int sampling, CUstream_st*))                               \
  F(EncodeImage, (nvj::Handle*, nvj::EncoderState*, nvj::EncoderParams*, const nvj::Image*, int input, int width,     \
                  int height, CUstream_st*))                                                                          \
  F(EncodeYUV, (nvj::Handle*, nvj::EncoderState*, nvj::EncoderParams*, const nvj::Image*, int sampling, int width,    \
                int height, CUstream_st*))                                                                            \
  F(EncodeRetrieveBitstream, (nvj::Handle*, nvj::EncoderState*, unsigned char* data, std::size_t* length,             \
                              CUstream_st*))
// clang-format on

struct Nvjpeg {
#define RESTRIDE_MEMBER(name, parameters) int(*name) parameters = nullptr;
  RESTRIDE_NVJPEG_FUNCTIONS(RESTRIDE_MEMBER)
#undef RESTRIDE_MEMBER
  bool load(Library& library);
};

}  // namespace restride::cuda::vendor
