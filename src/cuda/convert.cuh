// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "codec/device_runtime.h"
#include "cuda/convert_rows.h"

namespace restride::cuda {

// What one launch works on: `count` items in device memory, item i owning blocks [first_block[i], first_block[i + 1]).
struct ConversionItem {
  DeviceConversion what;
  std::uint32_t first_block;
  RowWork work;
  std::int64_t shares;  // of a row, one a thread: pixels of the plain conversion, else see shares_of
};

inline constexpr int kThreads = 256;
inline constexpr int kSharesPerThread = 4;

inline ConversionItem item_for(const DeviceConversion& what, std::uint32_t first_block) noexcept {
  const RowWork work = row_work(what);
  return {what, first_block, work,
          work == RowWork::plain ? what.width : shares_of(work, what.width, what.pixel_stride)};
}
inline std::uint32_t blocks_of(const ConversionItem& item) noexcept {
  constexpr std::int64_t kShares = kThreads * kSharesPerThread;
  return static_cast<std::uint32_t>((item.shares * item.what.height + kShares - 1) / kShares);
}

cudaError_t launch_conversions(const ConversionItem* items, std::uint32_t count, std::uint32_t blocks,
                               cudaStream_t stream);

}  // namespace restride::cuda
