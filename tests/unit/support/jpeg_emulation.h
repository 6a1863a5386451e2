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

inline void synchronize_on_host(const cuda::jpeg::BatchView& batch, const cuda::jpeg::SharedTables<true>& tables,
                                EmulationCounts& counts) {
  using namespace cuda::jpeg;
  const auto tracks = std::make_unique<BlockTracks>();
  for (std::uint32_t b = batch.entropy_block_first; b < batch.entropy_block_first + batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    tables.load(batch, scan, 0, 1);
    const ScanReader reader = tables.reader(batch, scan);
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
  for (std::uint32_t s = batch.scan_first; s < batch.scan_first + batch.scan_count; ++s) {
    const EntropyScan& scan = batch.scans[s];
    tables.load(batch, scan, 0, 1);
    find_path(batch, tables.reader(batch, scan), [&](std::uint32_t b) { return block_links(batch, scan, b); });
  }
  for (std::uint32_t b = batch.entropy_block_first; b < batch.entropy_block_first + batch.entropy_block_count; ++b) {
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

// A group, from un-stuffed data to component planes.
inline void decode_on_host(const cuda::jpeg::BatchView& batch, EmulationCounts& counts) {
  using namespace cuda::jpeg;
  const auto entries = std::make_unique<std::uint16_t[]>(SharedTables<true>::room(kMaxPairs) + 8);
  LongCodes longs[2 * kMaxPairs];
  auto* aligned = entries.get() + (8 - reinterpret_cast<std::uintptr_t>(entries.get()) / 2 % 8) % 8;
  const SharedTables<true> tables{aligned, longs};
  const SharedTables<false> unit_tables{aligned, longs};
  synchronize_on_host(batch, tables, counts);
  for (std::uint32_t b = batch.entropy_block_first; b < batch.entropy_block_first + batch.entropy_block_count; ++b) {
    const EntropyBlock block = batch.entropy_blocks[b];
    const EntropyScan& scan = batch.scans[block.scan];
    tables.load(batch, scan, 0, 1);
    if (batch.status[scan.picture] != kGood) continue;
    for (unsigned t = 0; t < kOwnColumns; ++t) {
      const Place place = place_of(batch, scan, block.first + t);
      if (!place.live) continue;
      std::uint32_t before = 0;
      for (std::uint32_t s = place.segment_first; s < place.subsequence; ++s)
        before += batch.states[scan.subsequence + s].count;
      DcSums sums;
      index_subsequence(batch, tables.reader(batch, scan), place, before, sums);
    }
  }
  for (std::uint32_t b = batch.entropy_block_first; b < batch.entropy_block_first + batch.entropy_block_count; ++b) {
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
  for (std::uint32_t b = batch.unit_block_first; b < batch.unit_block_first + batch.unit_block_count; ++b) {
    const UnitTask& task = batch.tasks[batch.unit_blocks[b].task];
    if (batch.status[task.picture] != kGood) continue;
    if (task.coefficients == UnitTask::kDecoded) unit_tables.load(batch, batch.scans[task.scan], 0, 1);
    for (unsigned t = 0; t < kUnitThreads; ++t)
      reconstruct_unit(batch, task, unit_tables.reader(batch, batch.scans[task.scan]), batch.unit_blocks[b].first + t,
                       batch.steps + 64 * task.quant, work.data());
  }
}

// A group, from planes to targets.
inline void store_on_host(const cuda::jpeg::BatchView& batch) {
  using namespace cuda::jpeg;
  for (std::uint32_t b = batch.pixel_block_first; b < batch.pixel_block_first + batch.pixel_block_count; ++b)
    for (unsigned y = 0; y < kTileRows; ++y)
      for (unsigned x = 0; x < kTileGroups; ++x) {
        const PixelBlock& block = batch.pixel_blocks[b];
        if (batch.some_bytes) store_pixels<Storing::bytes>(batch, batch.jobs[block.job], block, x, y);
        if (batch.some_converted) store_pixels<Storing::converted>(batch, batch.jobs[block.job], block, x, y);
      }
}

}  // namespace restride::test
