// SPDX-License-Identifier: Apache-2.0
// The kernels of src/cuda/jpeg as plain loops over blocks and threads.
#pragma once

#include <algorithm>
#include <vector>

#include "cuda/jpeg/batch_view.h"

namespace restride::test {

struct EmulationCounts {
  std::size_t rounds = 0;  // most synchronisation rounds of a block
};

inline void synchronize_on_host(const cuda::jpeg::BatchView& batch, std::vector<std::uint16_t>& shorts,
                                EmulationCounts& counts) {
  using namespace cuda::jpeg;
  for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    std::vector<State> states(kEntropyThreads);
    std::vector<Synchronizer> threads;
    load_shorts(batch, scan, 0, 1, shorts.data());
    for (unsigned t = 0; t < kEntropyThreads; ++t) {
      threads.emplace_back(batch, scan, shorts.data(), states.data());
      threads.back().start(block, t);
    }
    std::size_t rounds = 0;
    for (bool more = true; more; ++rounds) {
      more = false;
      for (Synchronizer& thread : threads) more |= thread.step(block);
    }
    counts.rounds = std::max(counts.rounds, rounds);
    for (unsigned t = 0; t < kEntropyThreads && block.first + t < scan.subsequences; ++t)
      batch.states[scan.subsequence + block.first + t] = states[t];
  }
  for (unsigned round = 0; round < kRepairRounds; ++round)
    for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) repair(batch, b, round);
}

inline void run_on_host(const cuda::jpeg::BatchView& batch, EmulationCounts& counts) {
  using namespace cuda::jpeg;
  std::vector<std::uint16_t> shorts(2 * kMaxPairs * kShortEntries + 8);
  synchronize_on_host(batch, shorts, counts);
  for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    load_shorts(batch, scan, 0, 1, shorts.data());
    if (batch.changed[std::size_t{kRepairRounds} * batch.entropy_block_count + b])
      batch.report(scan.picture, kNotSynchronised);
    for (unsigned t = 0; t < kEntropyThreads; ++t) {
      const Place place = place_of(batch, scan, block.first + t);
      if (!place.live) continue;
      std::uint32_t before = 0;
      for (std::uint32_t s = place.segment_first; s < place.subsequence; ++s)
        before += batch.states[scan.subsequence + s].count;
      index_subsequence(batch, scan, place, shorts.data(), before);
    }
  }
  for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    for (unsigned t = 0; t < kEntropyThreads; ++t) {
      const Place place = place_of(batch, scan, block.first + t);
      if (!place.live) continue;
      DcSums sum{};
      for (std::uint32_t s = place.segment_first; s < place.subsequence; ++s)
        sum = sum.plus(batch.sums[scan.subsequence + s]);
      batch.bases[scan.subsequence + place.subsequence] = sum;
    }
  }
  std::vector<std::int16_t> work(kUnitPitch);
  for (std::uint32_t b = 0; b < batch.unit_block_count; ++b) {
    const UnitTask& task = batch.tasks[batch.unit_blocks[b].task];
    if (batch.status[task.picture] != kGood) continue;
    load_shorts(batch, batch.scans[task.scan], 0, 1, shorts.data());
    for (unsigned t = 0; t < kUnitThreads; ++t)
      reconstruct_unit(batch, task, batch.scans[task.scan], batch.unit_blocks[b].first + t, shorts.data(), batch.steps + 64 * task.quant,
                       work.data());
  }
  for (std::uint32_t b = 0; b < batch.pixel_block_count; ++b)
    for (unsigned y = 0; y < kTileRows; ++y)
      for (unsigned x = 0; x < kTileGroups; ++x) store_pixels(batch, batch.pixel_blocks[b], x, y);
}

}  // namespace restride::test
