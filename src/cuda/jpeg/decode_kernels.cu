// SPDX-License-Identifier: Apache-2.0
// The mapping of JPEG decoding to threads; what each does is in batch_view.h.
#include "cuda/jpeg/decode_kernels.cuh"

namespace restride::cuda::jpeg {
namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kWarps = kEntropyThreads / kWarp;

extern __shared__ __align__(16) unsigned char dynamic_memory[];

struct LinksThen {
  __device__ Links operator()(Links a, Links b) const { return a.then(b); }
};
struct CountPlus {
  __device__ std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a + b; }
};
// Four 16-bit sums in two words.
struct SumsPlus {
  __device__ uint2 operator()(uint2 a, uint2 b) const { return {__vadd2(a.x, b.x), __vadd2(a.y, b.y)}; }
};
__device__ std::uint32_t shuffle_up(std::uint32_t v, unsigned by) { return __shfl_up_sync(0xffffffff, v, by); }
__device__ Links shuffle_up(Links v, unsigned by) { return Links(__shfl_up_sync(0xffffffff, v.bits(), by)); }
__device__ uint2 shuffle_up(uint2 v, unsigned by) { return {shuffle_up(v.x, by), shuffle_up(v.y, by)}; }

// Inclusive prefix over a block of kEntropyThreads, in order; `warps`: shared, kWarps elements.
template <class T, class Plus>
__device__ T prefix(T value, T before, T* warps, Plus plus) {
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  for (unsigned by = 1; by < kWarp; by *= 2) {
    const T other = shuffle_up(value, by);
    if (lane >= by) value = plus(other, value);
  }
  __syncthreads();
  if (lane == kWarp - 1) warps[warp] = value;
  __syncthreads();
  for (unsigned w = 0; w < warp; ++w) before = plus(before, warps[w]);
  return plus(before, value);
}

__device__ Place own_place(const BatchView& batch, const EntropyScan& scan, const EntropyBlock& block) {
  return threadIdx.x < kOwnColumns ? place_of(batch, scan, block.first + threadIdx.x) : Place{};
}

// Sum of the values of subsequences before the thread's in its segment. value(s): of subsequence s of the scan.
template <class T, class Plus, class Value>
__device__ T sum_before(const EntropyBlock& block, const Place& place, Plus plus, Value value) {
  __shared__ T warps[kWarps], through[kEntropyThreads], earlier;
  __shared__ std::uint32_t head;  // of the segment that reaches into the block
  if (threadIdx.x == 0) head = place.segment_first;
  __syncthreads();
  T mine{};
  for (std::uint32_t s = head + threadIdx.x; s < block.first; s += kEntropyThreads) mine = plus(mine, value(s));
  mine = prefix(mine, T{}, warps, plus);
  if (threadIdx.x == kEntropyThreads - 1) earlier = mine;
  const T own = place.live ? value(place.subsequence) : T{};
  through[threadIdx.x] = prefix(own, T{}, warps, plus);
  __syncthreads();
  T sum{};
  if (!place.live) return sum;
  const std::uint32_t first = place.segment_first;
  if (first <= block.first) sum = earlier;
  if (threadIdx.x > 0) sum = plus(sum, through[threadIdx.x - 1]);
  if (first > block.first) {  // take off what belongs to earlier segments
    T other = through[first - block.first - 1];
    if constexpr (sizeof(T) == 4)
      sum -= other;
    else
      sum = {__vsub2(sum.x, other.x), __vsub2(sum.y, other.y)};
  }
  return sum;
}

// Walks, round by round. Few threads have work left soon: they are brought together in as few warps as can be.
__global__ void __launch_bounds__(kEntropyThreads) synchronize_kernel(const __grid_constant__ BatchView batch) {
  __shared__ EntropyScan scan;
  __shared__ __align__(16) unsigned char track_memory[sizeof(BlockTracks)];
  __shared__ OpenNode queue[kEntropyThreads];
  __shared__ unsigned queued[2];
  __shared__ __align__(16) unsigned char warp_memory[kWarps * sizeof(Links)];
  auto& tracks = *reinterpret_cast<BlockTracks*>(track_memory);
  __shared__ __align__(16) unsigned char long_memory[2 * kMaxPairs * sizeof(LongCodes)];
  const SharedTables<true> tables{reinterpret_cast<std::uint16_t*>(dynamic_memory),
                                  reinterpret_cast<LongCodes*>(long_memory)};
  const unsigned thread = threadIdx.x;
  const EntropyBlock block = batch.entropy_blocks[batch.entropy_block_first + blockIdx.x];
  if (thread == 0) {
    scan = batch.scans[block.scan];
    queued[0] = 0;
  }
  __syncthreads();
  tables.load(batch, scan, thread, kEntropyThreads);
  __syncthreads();
  const ScanReader reader = tables.reader(batch, scan);
  OpenNode open{static_cast<std::uint16_t>(thread), 0};
  bool active = begin_column(batch, scan, reader, block, thread, tracks);
  __syncthreads();
  for (unsigned round = 0;; ++round) {
    if (active) active = advance_node(batch, reader, block, open, tracks);
    const auto count = static_cast<unsigned>(__syncthreads_count(active));
    if (count == 0) break;
    if (thread == 0) queued[(round + 1) % 2] = 0;
    const unsigned ballot = __ballot_sync(0xffffffff, active), lane = thread % kWarp;
    unsigned at = 0;
    if (lane == 0 && ballot) at = atomicAdd(&queued[round % 2], __popc(ballot));
    at = __shfl_sync(0xffffffff, at, 0) + __popc(ballot & ((1U << lane) - 1));
    if (active) queue[at] = open;
    __syncthreads();
    active = thread < count;
    if (active) open = queue[thread];
  }
  const std::uint32_t b = batch.entropy_block_first + blockIdx.x;
  keep_column(batch, scan, block, b, thread, tracks);
  const bool own = thread >= kHalo && block.first + thread - kHalo < scan.subsequences;
  const Links through = prefix(own ? tracks.links[thread] : Links::identity(), Links::identity(),
                               reinterpret_cast<Links*>(warp_memory), LinksThen{});
  if (thread == kEntropyThreads - 1) batch.paths[b].through = through;
}

constexpr unsigned kPathThreads = 128;

// A block of threads a scan.
__global__ void __launch_bounds__(kPathThreads) path_kernel(const __grid_constant__ BatchView batch) {
  constexpr unsigned kKept = 2048;
  __shared__ std::uint64_t kept[kKept];
  const EntropyScan& scan = batch.scans[batch.scan_first + blockIdx.x];
  __shared__ __align__(16) unsigned char long_memory[2 * kMaxPairs * sizeof(LongCodes)];
  const SharedTables<true> tables{reinterpret_cast<std::uint16_t*>(dynamic_memory),
                                  reinterpret_cast<LongCodes*>(long_memory)};
  for (unsigned i = threadIdx.x; i < scan.blocks && i < kKept; i += kPathThreads)
    kept[i] = block_links(batch, scan, scan.block + i).bits();
  tables.load(batch, scan, threadIdx.x, kPathThreads);
  __syncthreads();
  if (threadIdx.x) return;
  const std::uint32_t first = scan.block;
  find_path(batch, tables.reader(batch, scan),
            [&](std::uint32_t b) { return b - first < kKept ? Links(kept[b - first]) : block_links(batch, scan, b); });
}

__global__ void __launch_bounds__(kEntropyThreads) settle_kernel(const __grid_constant__ BatchView batch) {
  __shared__ __align__(16) unsigned char warp_memory[kWarps * sizeof(Links)];
  __shared__ std::uint64_t through[kEntropyThreads];
  const EntropyBlock block = batch.entropy_blocks[batch.entropy_block_first + blockIdx.x];
  const EntropyScan& scan = batch.scans[block.scan];
  const BlockPath& path = batch.paths[batch.entropy_block_first + blockIdx.x];
  const std::uint32_t entry = path.entry, from = path.from;
  const std::uint32_t s = block.first + threadIdx.x;
  const bool own = threadIdx.x >= from && threadIdx.x < kOwnColumns && s < scan.subsequences;
  const Links links = own ? batch.links[scan.subsequence + s] : Links::identity();
  through[threadIdx.x] = prefix(links, Links::identity(), reinterpret_cast<Links*>(warp_memory), LinksThen{}).bits();
  __syncthreads();
  if (own) settle_column(batch, scan, s, threadIdx.x ? Links(through[threadIdx.x - 1]).of(entry) : entry);
}

__global__ void __launch_bounds__(kEntropyThreads) index_kernel(const __grid_constant__ BatchView batch) {
  __shared__ EntropyScan scan;
  __shared__ __align__(16) unsigned char long_memory[2 * kMaxPairs * sizeof(LongCodes)];
  const SharedTables<true> tables{reinterpret_cast<std::uint16_t*>(dynamic_memory),
                                  reinterpret_cast<LongCodes*>(long_memory)};
  const EntropyBlock block = batch.entropy_blocks[batch.entropy_block_first + blockIdx.x];
  __shared__ bool good;
  __shared__ DcSums sums[kEntropyThreads];
  if (threadIdx.x == 0) {
    scan = batch.scans[block.scan];
    good = batch.status[scan.picture] == kGood;
  }
  __syncthreads();
  if (!good) return;
  tables.load(batch, scan, threadIdx.x, kEntropyThreads);
  const Place place = own_place(batch, scan, block);
  const State* states = batch.states + scan.subsequence;
  const std::uint32_t before = sum_before<std::uint32_t>(
      block, place, CountPlus{}, [&](std::uint32_t s) -> std::uint32_t { return states[s].count; });
  __syncthreads();
  if (place.live) index_subsequence(batch, tables.reader(batch, scan), place, before, sums[threadIdx.x]);
}

__global__ void __launch_bounds__(kEntropyThreads) dc_kernel(const __grid_constant__ BatchView batch) {
  const EntropyBlock block = batch.entropy_blocks[batch.entropy_block_first + blockIdx.x];
  const EntropyScan& scan = batch.scans[block.scan];
  const Place place = own_place(batch, scan, block);
  const auto* sums = reinterpret_cast<const uint2*>(batch.sums + scan.subsequence);
  const uint2 sum = sum_before<uint2>(block, place, SumsPlus{}, [&](std::uint32_t s) { return sums[s]; });
  if (place.live) reinterpret_cast<uint2*>(batch.bases + scan.subsequence)[place.subsequence] = sum;
}

__global__ void __launch_bounds__(kUnitThreads) unit_kernel(const __grid_constant__ BatchView batch) {
  __shared__ EntropyScan scan;
  __shared__ UnitTask task;
  __shared__ Step steps[4 * 64];
  __shared__ std::uint32_t work[kUnitThreads * kUnitPitch / 2];
  __shared__ __align__(16) unsigned char long_memory[2 * kMaxPairs * sizeof(LongCodes)];
  const SharedTables<false> tables{reinterpret_cast<std::uint16_t*>(dynamic_memory),
                                   reinterpret_cast<LongCodes*>(long_memory)};
  const UnitBlock block = batch.unit_blocks[batch.unit_block_first + blockIdx.x];
  if (threadIdx.x == 0) {
    task = batch.tasks[block.task];
    if (task.coefficients == UnitTask::kDecoded) scan = batch.scans[task.scan];
  }
  __syncthreads();
  if (batch.status[task.picture] != kGood) return;
  for (unsigned i = threadIdx.x; i < 4 * 64; i += kUnitThreads) steps[i] = batch.steps[64 * task.quant + i];
  if (task.coefficients == UnitTask::kDecoded) tables.load(batch, scan, threadIdx.x, kUnitThreads);
  __syncthreads();
  reconstruct_unit(batch, task, tables.reader(batch, scan), block.first + threadIdx.x, steps,
                   reinterpret_cast<std::int16_t*>(work) + threadIdx.x * kUnitPitch);
}

template <Storing kStoring>
__global__ void __launch_bounds__(kTileGroups* kTileRows, kStoring == Storing::bytes ? 4 : 1)
    pixel_kernel(const __grid_constant__ BatchView batch) {
  __shared__ PixelJob job;
  constexpr unsigned kJobWords = sizeof(PixelJob) / 4;
  static_assert(sizeof(PixelJob) % 4 == 0);
  const PixelBlock block = batch.pixel_blocks[batch.pixel_block_first + blockIdx.x];
  const unsigned thread = threadIdx.y * kTileGroups + threadIdx.x;
  if (thread < kJobWords)
    reinterpret_cast<std::uint32_t*>(&job)[thread] =
        reinterpret_cast<const std::uint32_t*>(batch.jobs + block.job)[thread];
  static_assert(kJobWords <= kTileGroups * kTileRows);
  __syncthreads();
  store_pixels<kStoring>(batch, job, block, threadIdx.x, threadIdx.y);
}

}  // namespace

cudaError_t launch_decoding(const BatchView& batch, cudaStream_t stream) {
  const std::size_t with_strides = SharedTables<true>::room(batch.most_pairs) * sizeof(std::uint16_t);
  const std::size_t plain = SharedTables<false>::room(batch.most_pairs) * sizeof(std::uint16_t);
  if (batch.most_pairs > 2) {  // more shared memory than kernels get unasked
    const auto bytes = static_cast<int>(with_strides);
    cudaError_t result = cudaSuccess;
    for (auto* kernel : {synchronize_kernel, path_kernel, index_kernel, unit_kernel})
      if (result == cudaSuccess)
        result = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (result != cudaSuccess) return result;
  }
  const unsigned blocks = batch.entropy_block_count;
  if (blocks) synchronize_kernel<<<blocks, kEntropyThreads, with_strides, stream>>>(batch);
  if (batch.scan_count) path_kernel<<<batch.scan_count, kPathThreads, with_strides, stream>>>(batch);
  if (blocks) {
    settle_kernel<<<blocks, kEntropyThreads, 0, stream>>>(batch);
    index_kernel<<<blocks, kEntropyThreads, with_strides, stream>>>(batch);
    dc_kernel<<<blocks, kEntropyThreads, 0, stream>>>(batch);
  }
  if (batch.unit_block_count) unit_kernel<<<batch.unit_block_count, kUnitThreads, plain, stream>>>(batch);
  return cudaGetLastError();
}

cudaError_t launch_storing(const BatchView& batch, cudaStream_t stream) {
  const dim3 threads(kTileGroups, kTileRows);
  if (batch.pixel_block_count == 0) return cudaSuccess;
  if (batch.some_bytes) pixel_kernel<Storing::bytes><<<batch.pixel_block_count, threads, 0, stream>>>(batch);
  if (batch.some_converted) pixel_kernel<Storing::converted><<<batch.pixel_block_count, threads, 0, stream>>>(batch);
  return cudaGetLastError();
}

}  // namespace restride::cuda::jpeg
