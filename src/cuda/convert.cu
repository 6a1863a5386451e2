// SPDX-License-Identifier: Apache-2.0
// Conversion of a whole batch in one launch. The arithmetic is image/convert/converter.h, compiled for the GPU.
#include "cuda/convert.cuh"

namespace restride::cuda {
namespace {

struct StridedSource {
  const std::byte* data;
  std::ptrdiff_t row_stride, pixel_stride, channel_stride;

  __device__ const std::byte* at(unsigned channel, std::int64_t x, std::int64_t y) const noexcept {
    return data + y * row_stride + x * pixel_stride + static_cast<std::ptrdiff_t>(channel) * channel_stride;
  }
  __device__ std::ptrdiff_t step(unsigned) const noexcept { return pixel_stride; }
};

// The item that owns block `block`: the last one whose first block is not behind it.
__device__ const ConversionItem& item_of(const ConversionItem* items, std::uint32_t count, std::uint32_t block) {
  std::uint32_t low = 0, high = count;
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    if (items[middle].first_block <= block)
      low = middle;
    else
      high = middle;
  }
  return items[low];
}

__device__ void convert_share(const ConversionItem& item, std::int64_t x, std::int64_t y) {
  const DeviceConversion& what = item.what;
  const std::byte* from = what.source + y * what.row_stride;
  std::byte* to = what.how.origin + y * what.how.y_step;
  switch (item.work) {
    case RowWork::copy:
      return copy_row_share(from, to, x, what.width * what.pixel_stride);
    case RowWork::swap:
      return swap_row_share(from, to, x, what.width);
    case RowWork::plain:
      break;
  }
  const conversion::Conversion how = what.how;
  const StridedSource source{what.source, what.row_stride, what.pixel_stride, what.channel_stride};
  const conversion::Converter<StridedSource, 1> converter{how, source};
  converter.run(x, y, 1);
}

__global__ void __launch_bounds__(kThreads) convert_kernel(const ConversionItem* items, std::uint32_t count) {
  const ConversionItem& item = item_of(items, count, blockIdx.x);
  const std::int64_t all = item.shares * item.what.height;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x - item.first_block) * (kThreads * kSharesPerThread);
  for (int k = 0; k < kSharesPerThread; ++k) {
    const std::int64_t i = first + k * kThreads + threadIdx.x;
    if (i >= all) return;
    const std::int64_t y = i / item.shares;
    convert_share(item, i - y * item.shares, y);
  }
}

}  // namespace

cudaError_t launch_conversions(const ConversionItem* items, std::uint32_t count, std::uint32_t blocks,
                               cudaStream_t stream) {
  if (blocks == 0) return cudaSuccess;
  convert_kernel<<<blocks, kThreads, 0, stream>>>(items, count);
  return cudaGetLastError();
}

}  // namespace restride::cuda
