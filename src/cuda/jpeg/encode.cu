// SPDX-License-Identifier: Apache-2.0
// The steps of coding/jpeg/encode_batch.h on the GPU's threads: four launches and one for each way of sampling in the
// batch; with optimised Huffman tables one more, and once more one for each way of sampling.
#include "coding/jpeg/encode_layout.h"
#include "coding/jpeg/encode_tile.h"
#include "cuda/jpeg/encode.cuh"

namespace restride::cuda {
namespace {

using jpeg::EncodeBatch;

constexpr unsigned kBaseThreads = 256, kByteThreads = 128, kCopyThreads = 256;
constexpr unsigned kWarp = 32, kAll = 0xffffffffU;

template <class T>
__device__ T warp_inclusive_scan(T value, unsigned lane) {
  for (unsigned d = 1; d < kWarp; d *= 2) {
    const T other = __shfl_up_sync(kAll, value, d);
    if (lane >= d) value += other;
  }
  return value;
}

// Exclusive scan over a block of kThreads; `total` is the sum in every thread.
template <unsigned kThreads>
__device__ std::uint64_t block_exclusive_scan(std::uint64_t value, std::uint64_t& total) {
  __shared__ std::uint64_t sums[kThreads / kWarp];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const std::uint64_t inclusive = warp_inclusive_scan(value, lane);
  __syncthreads();  // the sums of a call before have been read
  if (lane == kWarp - 1) sums[warp] = inclusive;
  __syncthreads();
  std::uint64_t before = 0;
  total = 0;
  for (unsigned i = 0; i < kThreads / kWarp; ++i) {
    if (i < warp) before += sums[i];
    total += sums[i];
  }
  return before + inclusive - value;
}

// Phase 4 of a tile, by one warp.
template <class Tile>
__device__ void scan_starts(const Tile& tile) {
  const unsigned lane = threadIdx.x, first = tile.first_block(), end = tile.end_block();
  std::uint32_t* starts = tile.starts();
  std::uint32_t before = 0;
  for (unsigned b = first; b < end; b += kWarp) {
    const std::uint32_t bits = b + lane < end ? starts[b + lane] : 0;
    const std::uint32_t inclusive = warp_inclusive_scan(bits, lane);
    if (b + lane < end) starts[b + lane] = before + inclusive - bits;
    before += __shfl_sync(kAll, inclusive, kWarp - 1);
  }
  if (lane == 0) starts[end] = before;
}

// Threads that registers must allow for on a multiprocessor: what shared memory allows, within what spills little.
template <class Layout>
constexpr unsigned kResidentThreads = Layout::kBlocks <= 3   ? 1280
                                      : Layout::kBlocks == 4 ? 1024
                                                             : 768;

template <class Layout>
__global__ void __launch_bounds__(jpeg::kTileThreads, kResidentThreads<Layout> / jpeg::kTileThreads)
    encode_tiles(const __grid_constant__ EncodeBatch batch, std::uint32_t first_tile) {
  extern __shared__ std::uint64_t memory[];
  const jpeg::TileEncoder<Layout> tile(batch, first_tile + blockIdx.x, reinterpret_cast<std::uint32_t*>(memory));
  tile.transform_rows(threadIdx.x);
  __syncthreads();
  tile.transform_columns(threadIdx.x);
  __syncthreads();
  tile.encode_blocks(threadIdx.x);
  __syncthreads();
  if (threadIdx.x < kWarp) scan_starts(tile);
  __syncthreads();
  std::uint64_t slot = 0;
  if (threadIdx.x == 0) slot = tile.take_room();  // takes long; what follows does not wait for it
  tile.gather_words(threadIdx.x);
  if (threadIdx.x == 0) tile.set_room(slot);
  __syncthreads();
  tile.store_words(threadIdx.x);
  __syncthreads();
  if (threadIdx.x == 0) tile.finish();
}

template <class Layout>
__global__ void __launch_bounds__(jpeg::kTileThreads, kResidentThreads<Layout> / jpeg::kTileThreads)
    count_tiles(const __grid_constant__ EncodeBatch batch, std::uint32_t first_tile) {
  extern __shared__ std::uint64_t memory[];
  const jpeg::TileEncoder<Layout> tile(batch, first_tile + blockIdx.x, reinterpret_cast<std::uint32_t*>(memory));
  if (!tile.counts_symbols()) return;
  tile.transform_rows(threadIdx.x);
  __syncthreads();
  tile.transform_columns(threadIdx.x);
  __syncthreads();
  tile.clear_counts(threadIdx.x);
  __syncthreads();
  tile.count_symbols(threadIdx.x);
  __syncthreads();
  tile.add_counts(threadIdx.x);
}

struct WarpGroup {
  unsigned lane = threadIdx.x % kWarp;
  static constexpr unsigned lanes = kWarp;

  __device__ std::uint64_t least(std::uint64_t v) const {
    for (unsigned d = kWarp / 2; d > 0; d /= 2) {
      const std::uint64_t other = __shfl_xor_sync(kAll, v, d);
      if (other < v) v = other;
    }
    return v;
  }
  __device__ void wait() const { __syncwarp(); }
};

// A warp a table.
__global__ void __launch_bounds__(4 * kWarp)
    make_tables(const __grid_constant__ EncodeBatch batch, const __grid_constant__ EncodeOutcome outcome) {
  __shared__ jpeg::HuffmanMaker makers[4];
  const unsigned which = threadIdx.x / kWarp;
  jpeg::make_optimal_table(batch, blockIdx.x, which, WarpGroup(), makers[which], outcome.tables[blockIdx.x]);
}

__global__ void __launch_bounds__(jpeg::GroupLayout::kThreads)
    lay_out_groups(const __grid_constant__ EncodeBatch batch) {
  constexpr unsigned kThreads = jpeg::GroupLayout::kThreads;
  const jpeg::GroupLayout layout(batch, blockIdx.x);
  std::uint64_t before = 0, total = 0;
  (void)block_exclusive_scan<kThreads>(layout.bits_before(threadIdx.x), before);
  const std::uint64_t start = before + block_exclusive_scan<kThreads>(layout.bits(threadIdx.x), total);
  const std::uint64_t stuffed = block_exclusive_scan<kThreads>(layout.stuffed(threadIdx.x, start), total);
  layout.place(threadIdx.x, start, static_cast<std::uint32_t>(stuffed));
  if (threadIdx.x == 0) layout.finish(static_cast<std::uint32_t>(total));
}

// Where every picture's data starts in the output; and the outcome for the host.
__global__ void __launch_bounds__(kBaseThreads)
    lay_out_output(const __grid_constant__ EncodeBatch batch, const __grid_constant__ EncodeOutcome outcome) {
  std::uint64_t before = 0, total = 0;
  for (std::uint32_t first = 0; first <= batch.group_count; first += kBaseThreads) {
    const std::uint32_t g = first + threadIdx.x;
    const std::uint64_t stuffed = g < batch.group_count ? batch.groups[g].stuffed : 0;
    const std::uint64_t stuffed_before = before + block_exclusive_scan<kBaseThreads>(stuffed, total);
    before += total;
    if (g <= batch.group_count) batch.groups[g].stuffed_before = stuffed_before;
  }
  __syncthreads();
  before = 0;
  for (std::uint32_t first = 0; first < batch.picture_count; first += kBaseThreads) {
    const std::uint32_t i = first + threadIdx.x;
    const bool there = i < batch.picture_count;
    const jpeg::OutputLayout layout(batch, there ? i : 0);
    const std::uint64_t start = before + block_exclusive_scan<kBaseThreads>(there ? layout.room() : 0, total);
    before += total;
    if (there) batch.results[i] = outcome.results[i] = layout.place(start);
  }
  if (threadIdx.x != 0) return;
  batch.totals->output_bytes = before;
  *outcome.totals = {batch.totals->arena_words, before};
}

// A warp a tile.
__global__ void __launch_bounds__(kByteThreads) write_bytes(const __grid_constant__ EncodeBatch batch) {
  const unsigned lane = threadIdx.x % kWarp;
  const std::uint32_t tile = (blockIdx.x * kByteThreads + threadIdx.x) / kWarp;
  if (tile >= batch.tile_count) return;
  const jpeg::TileBytes bytes(batch, tile);
  std::uint64_t offset = 0;
  for (std::uint32_t first = 0; first < bytes.size(); first += 4 * kWarp) {
    const auto piece = bytes.piece(first + 4 * lane);
    const unsigned length = piece.count + piece.stuffed;
    const unsigned inclusive = warp_inclusive_scan(length, lane);
    bytes.store(piece, offset + inclusive - length);
    offset += __shfl_sync(kAll, inclusive, kWarp - 1);
  }
  if (lane == 0) bytes.finish();
}

// To the host, without its having to know sizes first; `blocks` of them a picture.
__global__ void __launch_bounds__(kCopyThreads)
    copy_out(const __grid_constant__ EncodeBatch batch, std::uint32_t blocks) {
  const std::uint32_t picture = blockIdx.x / blocks;
  jpeg::copy_out_picture(batch, picture, (blockIdx.x - picture * blocks) * kCopyThreads + threadIdx.x,
                         blocks * kCopyThreads);
}

using TileKernel = void (*)(EncodeBatch, std::uint32_t);

// Runs kernel(layout) over the tiles of every layout.
template <class Kernel>
cudaError_t launch_by_layout(const EncodeBatch& batch, cudaStream_t stream, const Kernel& kernel) {
  cudaError_t result = cudaSuccess;
  for (unsigned i = 0; i < jpeg::kMcuLayouts && result == cudaSuccess; ++i) {
    const std::uint32_t first = i ? batch.layout_end[i - 1] : 0, end = batch.layout_end[i];
    if (first == end) continue;
    result = jpeg::with_mcu_layout(i, [&](auto layout) {
      constexpr unsigned kShared = jpeg::TileMemory::bytes(jpeg::TileEncoder<decltype(layout)>::kBlocks);
      constexpr unsigned kSharedWithoutAsking = 48 << 10;
      const TileKernel run = kernel(layout);
      if (kShared > kSharedWithoutAsking) {
        const cudaError_t asked =
            cudaFuncSetAttribute(run, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kShared));
        if (asked != cudaSuccess) return asked;
      }
      run<<<end - first, jpeg::kTileThreads, kShared, stream>>>(batch, first);
      return cudaGetLastError();
    });
  }
  return result;
}

}  // namespace

cudaError_t launch_encode_tiles(const EncodeBatch& batch, const EncodeOutcome& outcome, cudaStream_t stream) {
  if (batch.histograms) {
    cudaError_t result =
        cudaMemsetAsync(batch.histograms, 0, batch.table_count * sizeof(jpeg::EncodeHistogram), stream);
    if (result == cudaSuccess)
      result = launch_by_layout(batch, stream, [](auto layout) -> TileKernel { return count_tiles<decltype(layout)>; });
    if (result != cudaSuccess) return result;
    make_tables<<<batch.table_count, 4 * kWarp, 0, stream>>>(batch, outcome);
  }
  const cudaError_t result =
      launch_by_layout(batch, stream, [](auto layout) -> TileKernel { return encode_tiles<decltype(layout)>; });
  if (result != cudaSuccess) return result;
  lay_out_groups<<<batch.group_count, jpeg::GroupLayout::kThreads, 0, stream>>>(batch);
  return cudaGetLastError();
}

cudaError_t launch_encode_output(const EncodeBatch& batch, const EncodeOutcome& outcome, cudaStream_t stream) {
  lay_out_output<<<1, kBaseThreads, 0, stream>>>(batch, outcome);
  constexpr unsigned kTilesABlock = kByteThreads / kWarp;
  write_bytes<<<(batch.tile_count + kTilesABlock - 1) / kTilesABlock, kByteThreads, 0, stream>>>(batch);
  // Enough blocks to keep the bus busy with one picture, and few in all.
  constexpr std::uint32_t kMostBlocks = 64, kMostInAll = 1 << 16;
  const std::uint32_t share = kMostInAll / batch.picture_count;
  const std::uint32_t blocks = share > kMostBlocks ? kMostBlocks : share > 0 ? share : 1;
  copy_out<<<batch.picture_count * blocks, kCopyThreads, 0, stream>>>(batch, blocks);
  return cudaGetLastError();
}

}  // namespace restride::cuda
