// SPDX-License-Identifier: Apache-2.0
// The part of nvTIFF's binary interface (0.8 and later) that is used here; see nvjpeg.h.
#pragma once

#include <cstddef>
#include <cstdint>

struct CUstream_st;

namespace restride::cuda::vendor {

class Library;

namespace nvt {

enum Status : int { success = 0 };
const char* status_name(int status) noexcept;

inline constexpr int kOutputUnchangedInterleaved = 0;

struct DeviceAllocator {
  int (*allocate)(void* context, void** data, std::size_t bytes, CUstream_st* stream);
  int (*free)(void* context, void* data, std::size_t bytes, CUstream_st* stream);
  void* context;
};
using PinnedAllocator = DeviceAllocator;

struct Image {
  void** data;
  std::size_t* pitch;
  std::uint32_t planes;
};

struct Region {
  std::size_t ifd_offset;
  std::int32_t x, y;
  std::uint32_t width, height;
};

struct Decoder;
struct Stream;
struct DecodeParams;

}  // namespace nvt

// clang-format off
#define RESTRIDE_NVTIFF_FUNCTIONS(F)                                                                                  \
  F(DecoderCreate, (nvt::Decoder**, nvt::DeviceAllocator*, nvt::PinnedAllocator*, CUstream_st*))                      \
  F(DecoderDestroy, (nvt::Decoder*, CUstream_st*))                                                                    \
  F(StreamOpen, (const std::uint8_t* data, std::size_t length, nvt::Stream**))                                        \
  F(StreamClose, (nvt::Stream*))                                                                                      \
  F(DecodeParamsCreate, (nvt::DecodeParams**))                                                                        \
  F(DecodeParamsDestroy, (nvt::DecodeParams*))                                                                        \
  F(DecodeParamsSetOutputFormat, (nvt::DecodeParams*, int format))                                                    \
  F(DecodeParamsSetRegions, (nvt::DecodeParams*, const nvt::Region*, std::uint32_t count))                            \
  F(Decode, (nvt::Stream*, nvt::Decoder*, nvt::DecodeParams*, nvt::Image*, CUstream_st*))
// clang-format on

struct Nvtiff {
#define RESTRIDE_MEMBER(name, parameters) int(*name) parameters = nullptr;
  RESTRIDE_NVTIFF_FUNCTIONS(RESTRIDE_MEMBER)
#undef RESTRIDE_MEMBER
  bool load(Library& library);
};

}  // namespace restride::cuda::vendor
