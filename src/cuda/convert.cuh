// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "codec/device_runtime.h"

namespace restride::cuda {

// What one launch works on: `count` items in device memory, item i owning blocks [first_block[i], first_block[i + 1]).
struct ConversionItem {
  DeviceConversion what;
  std::uint32_t first_block;
};

inline constexpr int kThreads = 256;
inline constexpr int kPixelsPerThread = 4;

// Blocks that `width` x `height` pixels need.
inline std::uint32_t blocks_for(std::int64_t width, std::int64_t height) noexcept {
  constexpr std::int64_t kPixels = kThreads * kPixelsPerThread;
  return static_cast<std::uint32_t>((width * height + kPixels - 1) / kPixels);
}

cudaError_t launch_conversions(const ConversionItem* items, std::uint32_t count, std::uint32_t blocks,
                               cudaStream_t stream);

}  // namespace restride::cuda
