// SPDX-License-Identifier: Apache-2.0
// The part of nvJPEG2000's binary interface (0.9 and later) that is used here; see nvjpeg.h.
#pragma once

#include <cstddef>
#include <cstdint>

struct CUstream_st;

namespace restride::cuda::vendor {

class Library;

namespace nvj2k {

enum Status : int { success = 0 };
const char* status_name(int status) noexcept;

inline constexpr int kUint8 = 0, kUint16 = 1, kInt16 = 2;
inline constexpr int kPlanar = 0, kInterleaved = 1;
inline constexpr int kColorUnknown = 0, kColorSrgb = 1, kColorGray = 2, kColorSycc = 3;
inline constexpr int kQualityPsnr = 0, kQualityStep = 1;
inline constexpr std::uint16_t kRsizHt = 0x4000;
inline constexpr std::uint32_t kModeHt = 0x40;

struct DeviceAllocator {
  int (*allocate)(void* context, void** data, std::size_t bytes, CUstream_st* stream);
  int (*free)(void* context, void* data, std::size_t bytes, CUstream_st* stream);
  void* context;
};
using PinnedAllocator = DeviceAllocator;

struct ComponentInfo {
  std::uint32_t width, height;
  std::uint8_t precision;
  std::uint8_t is_signed;
};

// A plane each component, or one for all; device memory.
struct Image {
  void** data;
  std::size_t* pitch;
  int type;
  std::uint32_t components;
};

struct EncodeConfig {
  int bitstream;  // 0: codestream, 1: JP2
  int color;
  std::uint16_t rsiz;
  std::uint32_t width, height;
  std::uint32_t tiled, tile_width, tile_height;
  std::uint32_t components;
  ComponentInfo* component;
  std::uint32_t sop, eph;
  int progression;
  std::uint32_t layers;
  std::uint32_t mct;
  std::uint32_t resolutions;
  std::uint32_t code_block_width, code_block_height;
  std::uint32_t modes;
  std::uint32_t irreversible;
  std::uint32_t precincts;
  std::uint32_t precinct_width[33], precinct_height[33];
};

struct Handle;
struct DecodeState;
struct Stream;
struct DecodeParams;
struct Encoder;
struct EncodeState;
struct EncodeParams;

}  // namespace nvj2k

// clang-format off
#define RESTRIDE_NVJPEG2K_FUNCTIONS(F)                                                                                \
  F(CreateV2, (int backend, nvj2k::DeviceAllocator*, nvj2k::PinnedAllocator*, nvj2k::Handle**))                       \
  F(Destroy, (nvj2k::Handle*))                                                                                        \
  F(DecodeStateCreate, (nvj2k::Handle*, nvj2k::DecodeState**))                                                        \
  F(DecodeStateDestroy, (nvj2k::DecodeState*))                                                                        \
  F(StreamCreate, (nvj2k::Stream**))                                                                                  \
  F(StreamDestroy, (nvj2k::Stream*))                                                                                  \
  F(StreamParse, (nvj2k::Handle*, const unsigned char* data, std::size_t length, int save_metadata, int save_stream,  \
                  nvj2k::Stream*))                                                                                    \
  F(StreamGetResolutionsInTile, (nvj2k::Stream*, std::uint32_t tile, std::uint32_t* resolutions))                     \
  F(DecodeParamsCreate, (nvj2k::DecodeParams**))                                                                      \
  F(DecodeParamsDestroy, (nvj2k::DecodeParams*))                                                                      \
  F(DecodeParamsSetDecodeArea, (nvj2k::DecodeParams*, std::uint32_t x0, std::uint32_t x1, std::uint32_t y0,           \
                                std::uint32_t y1))                                                                    \
  F(DecodeParamsSetRGBOutput, (nvj2k::DecodeParams*, std::int32_t rgb))                                               \
  F(DecodeParamsSetOutputFormat, (nvj2k::DecodeParams*, int format))                                                  \
  F(DecodeImage, (nvj2k::Handle*, nvj2k::DecodeState*, nvj2k::Stream*, nvj2k::DecodeParams*, nvj2k::Image*,           \
                  CUstream_st*))                                                                                      \
  F(DecodeTile, (nvj2k::Handle*, nvj2k::DecodeState*, nvj2k::Stream*, nvj2k::DecodeParams*, std::uint32_t tile,       \
                 std::uint32_t resolutions, nvj2k::Image*, CUstream_st*))                                             \
  F(EncoderCreateSimple, (nvj2k::Encoder**))                                                                          \
  F(EncoderDestroy, (nvj2k::Encoder*))                                                                                \
  F(EncodeStateCreate, (nvj2k::Encoder*, nvj2k::EncodeState**))                                                       \
  F(EncodeStateDestroy, (nvj2k::EncodeState*))                                                                        \
  F(EncodeParamsCreate, (nvj2k::EncodeParams**))                                                                      \
  F(EncodeParamsDestroy, (nvj2k::EncodeParams*))                                                                      \
  F(EncodeParamsSetEncodeConfig, (nvj2k::EncodeParams*, nvj2k::EncodeConfig*))                                        \
  F(EncodeParamsSpecifyQuality, (nvj2k::EncodeParams*, int type, double value))                                       \
  F(EncodeParamsSetInputFormat, (nvj2k::EncodeParams*, int format))                                                   \
  F(Encode, (nvj2k::Encoder*, nvj2k::EncodeState*, nvj2k::EncodeParams*, const nvj2k::Image*, CUstream_st*))          \
  F(EncodeRetrieveBitstream, (nvj2k::Encoder*, nvj2k::EncodeState*, unsigned char* data, std::size_t* length,         \
                              CUstream_st*))
// clang-format on

struct Nvjpeg2k {
#define RESTRIDE_MEMBER(name, parameters) int(*name) parameters = nullptr;
  RESTRIDE_NVJPEG2K_FUNCTIONS(RESTRIDE_MEMBER)
#undef RESTRIDE_MEMBER
  bool load(Library& library);
};

}  // namespace restride::cuda::vendor
