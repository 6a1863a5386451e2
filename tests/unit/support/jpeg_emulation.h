// SPDX-License-Identifier: Apache-2.0
// The kernels of src/cuda/jpeg as plain loops over blocks and threads.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "cuda/jpeg/batch_view.h"

namespace restride::test {

struct EmulationCounts {
  std::size_t rounds = 0;  // most synchronisation rounds of a block
};

inline void synchronize_on_host(const cuda::jpeg::BatchView& batch, std::vector<std::uint16_t>& shorts,
                                EmulationCounts& counts) {
  using namespace cuda::jpeg;
  const auto tracks = std::make_unique<BlockTracks>();
  for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    load_shorts(batch, scan, 0, 1, shorts.data());
    const ScanReader reader = batch.reader(scan, shorts.data());
    std::vector<OpenNode> open;
    for (unsigned t = 0; t < kEntropyThreads; ++t)
      if (begin_column(batch, scan, reader, block, t, *tracks)) open.push_back({static_cast<std::uint16_t>(t), 0});
    std::size_t rounds = 0;
    for (; !open.empty(); ++rounds)
      std::erase_if(open, [&](OpenNode& node) { return !advance_node(batch, reader, block, node, *tracks); });
    counts.rounds = std::max(counts.rounds, rounds);
    Links through = Links::identity();
    for (unsigned t = 0; t < kEntropyThreads; ++t) {
      keep_column(batch, scan, block, b, t, *tracks);
      if (t >= kHalo && block.first + t - kHalo < scan.subsequences) through = through.then(tracks->links[t]);
    }
    batch.paths[b].through = through;
  }
  for (std::uint32_t s = 0; s < batch.scan_count; ++s) {
    const EntropyScan& scan = batch.scans[s];
    find_path(batch, scan, [&](std::uint32_t b) { return block_links(batch, scan, b); });
  }
  for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    unsigned slot = batch.paths[b].entry;
    for (std::uint32_t s = block.first + batch.paths[b].from; s < block.first + kOwnColumns && s < scan.subsequences;
         ++s) {
      settle_column(batch, scan, s, slot);
      slot = batch.links[scan.subsequence + s].of(slot);
    }
  }
}

inline void run_on_host(const cuda::jpeg::BatchView& batch, EmulationCounts& counts) {
  using namespace cuda::jpeg;
  std::vector<std::uint16_t> shorts(2 * kMaxPairs * kShortEntries + 8);
  synchronize_on_host(batch, shorts, counts);
  for (std::uint32_t b = 0; b < batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    load_shorts(batch, scan, 0, 1, shorts.data());
    if (batch.status[scan.picture] != kGood) continue;
    for (unsigned t = 0; t < kOwnColumns; ++t) {
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
    for (unsigned t = 0; t < kOwnColumns; ++t) {
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
      reconstruct_unit(batch, task, batch.scans[task.scan], batch.unit_blocks[b].first + t, shorts.data(),
                       batch.steps + 64 * task.quant, work.data());
  }
  for (std::uint32_t b = 0; b < batch.pixel_block_count; ++b)
    for (unsigned y = 0; y < kTileRows; ++y)
      for (unsigned x = 0; x < kTileGroups; ++x)
        store_pixels(batch, batch.jobs[batch.pixel_blocks[b].job], batch.pixel_blocks[b], x, y);
}

}  // namespace restride::test
