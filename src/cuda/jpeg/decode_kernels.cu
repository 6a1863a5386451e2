// SPDX-License-Identifier: Apache-2.0
// The mapping of JPEG decoding to threads; what each does is in batch_view.h.
#include "cuda/jpeg/decode_kernels.cuh"

namespace restride::cuda::jpeg {
namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kWarps = kEntropyThreads / kWarp;

extern __shared__ __align__(16) unsigned char dynamic_memory[];

struct CountPlus {
  __device__ std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a + b; }
};
// Four 16-bit sums in two words.
struct SumsPlus {
  __device__ uint2 operator()(uint2 a, uint2 b) const { return {__vadd2(a.x, b.x), __vadd2(a.y, b.y)}; }
};
__device__ std::uint32_t shuffle_up(std::uint32_t v, unsigned by) { return __shfl_up_sync(0xffffffff, v, by); }
__device__ uint2 shuffle_up(uint2 v, unsigned by) { return {shuffle_up(v.x, by), shuffle_up(v.y, by)}; }

// Inclusive prefix over a block of kEntropyThreads; `warps`: shared, kWarps elements.
template <class T, class Plus>
__device__ T prefix(T value, T* warps, Plus plus) {
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  for (unsigned by = 1; by < kWarp; by *= 2) {
    const T other = shuffle_up(value, by);
    if (lane >= by) value = plus(other, value);
  }
  __syncthreads();
  if (lane == kWarp - 1) warps[warp] = value;
  __syncthreads();
  T before{};
  for (unsigned w = 0; w < warp; ++w) before = plus(before, warps[w]);
  return plus(before, value);
}

// Sum of the values of subsequences before the thread's in its segment. value(s): of subsequence s of the scan.
template <class T, class Plus, class Value>
__device__ T sum_before(const EntropyBlock& block, const Place& place, Plus plus, Value value) {
  __shared__ T warps[kWarps], through[kEntropyThreads], earlier;
  __shared__ std::uint32_t head;  // of the segment that reaches into the block
  if (threadIdx.x == 0) head = place.segment_first < block.first ? place.segment_first : block.first;
  __syncthreads();
  T mine{};
  for (std::uint32_t s = head + threadIdx.x; s < block.first; s += kEntropyThreads) mine = plus(mine, value(s));
  mine = prefix(mine, warps, plus);
  if (threadIdx.x == kEntropyThreads - 1) earlier = mine;
  const T own = place.live ? value(place.subsequence) : T{};
  through[threadIdx.x] = prefix(own, warps, plus);
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

__global__ void __launch_bounds__(kEntropyThreads) synchronize_kernel(const __grid_constant__ BatchView batch) {
  __shared__ EntropyScan scan;
  __shared__ State states[kEntropyThreads];
  auto* shorts = reinterpret_cast<std::uint16_t*>(dynamic_memory);
  const EntropyBlock block = batch.entropy_blocks[blockIdx.x];
  if (threadIdx.x == 0) scan = batch.scans[block.scan];
  __syncthreads();
  load_shorts(batch, scan, threadIdx.x, kEntropyThreads, shorts);
  __syncthreads();
  Synchronizer mine(batch, scan, shorts, states);
  mine.start(block, threadIdx.x);
  bool more = true;
  while (__syncthreads_or(more)) more = mine.step(block);
  const std::uint32_t s = block.first + threadIdx.x;
  if (s < scan.subsequences) batch.states[scan.subsequence + s] = states[threadIdx.x];
}

__global__ void repair_kernel(const __grid_constant__ BatchView batch, unsigned round) {
  const unsigned b = blockIdx.x * blockDim.x + threadIdx.x;
  if (b < batch.entropy_block_count) repair(batch, b, round);
}

__global__ void __launch_bounds__(kEntropyThreads) index_kernel(const __grid_constant__ BatchView batch) {
  __shared__ EntropyScan scan;
  auto* shorts = reinterpret_cast<std::uint16_t*>(dynamic_memory);
  const EntropyBlock block = batch.entropy_blocks[blockIdx.x];
  if (threadIdx.x == 0) {
    scan = batch.scans[block.scan];
    if (batch.changed[std::size_t{kRepairRounds} * batch.entropy_block_count + blockIdx.x])
      batch.report(scan.picture, kNotSynchronised);
  }
  __syncthreads();
  load_shorts(batch, scan, threadIdx.x, kEntropyThreads, shorts);
  const Place place = place_of(batch, scan, block.first + threadIdx.x);
  const State* states = batch.states + scan.subsequence;
  const std::uint32_t before = sum_before<std::uint32_t>(
      block, place, CountPlus{}, [&](std::uint32_t s) -> std::uint32_t { return states[s].count; });
  __syncthreads();
  if (place.live) index_subsequence(batch, scan, place, shorts, before);
}

__global__ void __launch_bounds__(kEntropyThreads) dc_kernel(const __grid_constant__ BatchView batch) {
  const EntropyBlock block = batch.entropy_blocks[blockIdx.x];
  const EntropyScan& scan = batch.scans[block.scan];
  const Place place = place_of(batch, scan, block.first + threadIdx.x);
  const auto* sums = reinterpret_cast<const uint2*>(batch.sums + scan.subsequence);
  const uint2 sum = sum_before<uint2>(block, place, SumsPlus{}, [&](std::uint32_t s) { return sums[s]; });
  if (place.live) reinterpret_cast<uint2*>(batch.bases + scan.subsequence)[place.subsequence] = sum;
}

__global__ void __launch_bounds__(kUnitThreads) unit_kernel(const __grid_constant__ BatchView batch) {
  __shared__ EntropyScan scan;
  __shared__ UnitTask task;
  __shared__ Step steps[4 * 64];
  __shared__ std::uint32_t work[kUnitThreads * kUnitPitch / 2];
  auto* shorts = reinterpret_cast<std::uint16_t*>(dynamic_memory);
  const UnitBlock block = batch.unit_blocks[blockIdx.x];
  if (threadIdx.x == 0) {
    task = batch.tasks[block.task];
    if (task.coefficients == UnitTask::kDecoded) scan = batch.scans[task.scan];
  }
  __syncthreads();
  if (batch.status[task.picture] != kGood) return;
  for (unsigned i = threadIdx.x; i < 4 * 64; i += kUnitThreads) steps[i] = batch.steps[64 * task.quant + i];
  if (task.coefficients == UnitTask::kDecoded) load_shorts(batch, scan, threadIdx.x, kUnitThreads, shorts);
  __syncthreads();
  reconstruct_unit(batch, task, scan, block.first + threadIdx.x, shorts, steps,
                   reinterpret_cast<std::int16_t*>(work) + threadIdx.x * kUnitPitch);
}

__global__ void __launch_bounds__(kTileGroups* kTileRows) pixel_kernel(const __grid_constant__ BatchView batch) {
  store_pixels(batch, batch.pixel_blocks[blockIdx.x], threadIdx.x, threadIdx.y);
}

}  // namespace

cudaError_t launch_decoding(const BatchView& batch, cudaStream_t stream) {
  const std::size_t shorts = 2 * batch.most_pairs * kShortEntries * sizeof(std::uint16_t);
  if (batch.entropy_block_count) {
    constexpr unsigned kRepairThreads = 32;
    const unsigned blocks = batch.entropy_block_count;
    synchronize_kernel<<<blocks, kEntropyThreads, shorts, stream>>>(batch);
    for (unsigned round = 0; round < kRepairRounds; ++round)
      repair_kernel<<<(blocks + kRepairThreads - 1) / kRepairThreads, kRepairThreads, 0, stream>>>(batch, round);
    index_kernel<<<blocks, kEntropyThreads, shorts, stream>>>(batch);
    dc_kernel<<<blocks, kEntropyThreads, 0, stream>>>(batch);
  }
  if (batch.unit_block_count) unit_kernel<<<batch.unit_block_count, kUnitThreads, shorts, stream>>>(batch);
  return cudaGetLastError();
}

cudaError_t launch_storing(const BatchView& batch, cudaStream_t stream) {
  if (batch.pixel_block_count)
    pixel_kernel<<<batch.pixel_block_count, dim3(kTileGroups, kTileRows), 0, stream>>>(batch);
  return cudaGetLastError();
}

}  // namespace restride::cuda::jpeg
