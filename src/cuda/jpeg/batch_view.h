// SPDX-License-Identifier: Apache-2.0
// A batch of JPEG pictures as the kernels see it, and each thread's part of each kernel. Compiled for the host as well:
// tests run the same code over plain loops.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coding/jpeg/entropy.h"
#include "coding/jpeg/reconstruct.h"

namespace restride::cuda::jpeg {

using namespace restride::jpeg;

inline constexpr unsigned kEntropyThreads = 256;  // subsequences a block
inline constexpr unsigned kUnitThreads = 128;     // data units a block
inline constexpr unsigned kTileGroups = 32;       // pixel kernel: groups of pixels in x, a thread each
inline constexpr unsigned kTileRows = 8;          // and threads in y,
inline constexpr unsigned kRowsAThread = 2;       // each for so many rows
inline constexpr unsigned kUnitPitch = 66;        // of a unit's coefficients in shared memory: no bank conflicts
inline constexpr unsigned kRepairRounds = 3;

struct EntropyBlock {
  std::uint32_t scan;
  std::uint32_t first;  // subsequence of the scan
};
struct UnitBlock {
  std::uint32_t task;
  std::uint32_t first;  // unit of the task
};
struct PixelBlock {
  std::uint32_t job;
  std::uint16_t tile_x, tile_y;
};

struct BatchView {
  std::uint32_t subsequence_bits;
  std::uint32_t entropy_block_count, unit_block_count, pixel_block_count;
  std::uint32_t most_pairs;  // of tables, in any scan
  // Uploaded.
  const std::uint32_t* words;
  const std::uint16_t* entries;
  const LookupTable* tables;
  const EntropyScan* scans;
  const Segment* segments;
  const EntropyBlock* entropy_blocks;
  const UnitTask* tasks;
  const UnitBlock* unit_blocks;
  const Step* steps;
  const std::int16_t* coefficients;
  const PixelJob* jobs;
  const PixelBlock* pixel_blocks;
  std::uint32_t* status;  // by picture; zeros at first
  std::uint8_t* changed;  // (kRepairRounds + 1) x entropy blocks; zeros at first
  // Working memory.
  State* states;  // at each subsequence's end
  UnitStart* units;
  DcSums* sums;   // of each subsequence
  DcSums* bases;  // sums of those before in its segment
  std::uint8_t* planes;
  // Pinned host memory: a copy of status, of what is not 0.
  std::uint32_t* reported;

  RESTRIDE_HD ScanReader reader(const EntropyScan& scan, const std::uint16_t* shorts) const noexcept {
    return {scan, words + scan.word, shorts, entries, tables};
  }
  RESTRIDE_HD void report(std::uint32_t picture, std::uint32_t what) const noexcept {
    status[picture] = what;
    reported[picture] = what;
  }
};

// Copies the scan's short tables; threads take turns.
RESTRIDE_HD inline void load_shorts(const BatchView& batch, const EntropyScan& scan, unsigned thread, unsigned threads,
                                    std::uint16_t* shorts) noexcept {
  constexpr unsigned kEight = kShortEntries / 8;
  struct alignas(16) Eight {
    std::uint16_t entry[8];
  };
  for (unsigned i = thread; i < 2U * scan.pairs * kEight; i += threads) {
    const std::uint16_t* from = batch.entries + batch.tables[scan.table[i / kEight]].offset;
    reinterpret_cast<Eight*>(shorts)[i] = reinterpret_cast<const Eight*>(from)[i % kEight];
  }
}

// A thread's subsequence in the entropy kernels.
struct Place {
  bool live = false;
  std::uint32_t subsequence;  // of the scan
  std::uint32_t segment;
  std::uint32_t segment_first, segment_end;  // subsequences
};
RESTRIDE_HD inline Place place_of(const BatchView& batch, const EntropyScan& scan, std::uint32_t subsequence) noexcept {
  Place place;
  place.live = subsequence < scan.subsequences;
  if (!place.live) return place;
  const Segment* segments = batch.segments + scan.segment;
  place.subsequence = subsequence;
  place.segment = segment_of(segments, scan.segments, subsequence);
  place.segment_first = segments[place.segment].first;
  place.segment_end = segment_end(scan, segments, place.segment);
  return place;
}

// Synchronisation inside a block: start() walks the thread's own subsequence; then step() until no thread's returns
// true, all threads together. states: shared, by thread.
struct Synchronizer {
  const BatchView& batch;
  const EntropyScan& scan;
  ScanReader reader;
  State* states;
  State state;
  unsigned next = 0, end = 0;  // threads' subsequences still to walk into

  RESTRIDE_HD Synchronizer(const BatchView& b, const EntropyScan& s, const std::uint16_t* shorts,
                           State* shared) noexcept
      : batch(b), scan(s), reader(b.reader(s, shorts)), states(shared) {}

  RESTRIDE_HD void start(const EntropyBlock& block, unsigned thread) noexcept {
    const Place place = place_of(batch, scan, block.first + thread);
    if (!place.live) return;
    const std::uint32_t s = place.subsequence, bits = batch.subsequence_bits;
    state.bit = s * bits;
    walk(reader, (s + 1) * bits, state);
    states[thread] = state;
    next = thread + 1;
    const std::uint32_t last = block.first + kEntropyThreads;
    end = (place.segment_end < last ? place.segment_end : last) - block.first;
  }
  RESTRIDE_HD bool step(const EntropyBlock& block) noexcept {
    if (next >= end) return false;
    walk(reader, (block.first + next + 1) * batch.subsequence_bits, state);
    // Also where both end at the same place: the data units counted on the way there may differ.
    const bool same = states[next].same_place(state);
    states[next] = state;
    next = same ? end : next + 1;
    return next < end;
  }
};

// Synchronisation across the boundary before block `b`, in round `round`; one thread a block.
RESTRIDE_HD inline void repair(const BatchView& batch, std::uint32_t b, unsigned round) noexcept {
  const EntropyBlock block = batch.entropy_blocks[b];
  if (block.first == 0) return;
  std::uint8_t* changed = batch.changed + std::size_t{round} * batch.entropy_block_count;
  if (round && !changed[b]) return;
  const EntropyScan& scan = batch.scans[block.scan];
  const Place place = place_of(batch, scan, block.first);
  if (place.segment_first == block.first) return;
  // Tables are read where they are: few threads do little here.
  State* states = batch.states + scan.subsequence;
  State state = states[block.first - 1];
  const std::uint32_t last = block.first + kEntropyThreads;
  const std::uint32_t end = place.segment_end < last ? place.segment_end : last;
  for (std::uint32_t s = block.first; s < end; ++s) {
    walk(batch.reader(scan, nullptr), (s + 1) * batch.subsequence_bits, state);
    const bool same = states[s].same_place(state);
    states[s] = state;
    if (same) return;
  }
  if (place.segment_end > last) changed[batch.entropy_block_count + b + 1] = 1;
}

// The last walk of a thread's subsequence. `before`: data units that started before it in its segment.
RESTRIDE_HD inline void index_subsequence(const BatchView& batch, const EntropyScan& scan, const Place& place,
                                          const std::uint16_t* shorts, std::uint32_t before) noexcept {
  const std::uint32_t s = place.subsequence, bits = batch.subsequence_bits;
  const bool first = s == place.segment_first, last_segment = place.segment + 1 == scan.segments;
  IndexWalk work;
  work.start = {};
  if (first)
    work.start.bit = s * bits;
  else
    work.start = batch.states[scan.subsequence + s - 1];
  const std::uint32_t units_before = place.segment * scan.units_per_segment;
  work.first_unit = before;
  work.segment_units = last_segment ? scan.units - units_before : scan.units_per_segment;
  work.segment_end = batch.segments[scan.segment + place.segment].end;
  work.last_of_segment = s + 1 == place.segment_end;
  work.last_segment = last_segment;
  DcSums sums;
  const std::uint32_t status =
      index_units(batch.reader(scan, shorts), (s + 1) * bits, work, batch.units + scan.unit + units_before, sums);
  batch.sums[scan.subsequence + s] = sums;
  if (status != kGood) batch.report(scan.picture, status);
}

// A thread's data unit: `c` is its working memory, 64 elements. `scan`: the task's, where it has one.
RESTRIDE_HD inline void reconstruct_unit(const BatchView& batch, const UnitTask& task, const EntropyScan& scan,
                                         std::uint32_t i, const std::uint16_t* shorts, const Step* steps,
                                         std::int16_t* c) noexcept {
  if (i >= task.units) return;
  const UnitPlace place = unit_place(task, i);
  const unsigned component = task.component[place.in_mcu];
  if (component == UnitTask::kNotNeeded) return;
  const Plane& plane = batch.jobs[task.job].plane[component];
  if (place.block_x * plane.block >= plane.width || place.block_y * plane.block >= plane.height) return;
  steps += 64 * component;
  if (task.coefficients != UnitTask::kDecoded) {
    const std::int16_t* from = batch.coefficients + 64 * (std::size_t{task.coefficients} + place.unit);
    unit_to_plane(load_unit(from, steps, c), plane, place, batch.planes);
    return;
  }
  for (int k = 0; k < 32; ++k) reinterpret_cast<std::uint32_t*>(c)[k] = 0;
  const UnitStart start = batch.units[scan.unit + place.unit];
  const DcSums& base = batch.bases[scan.subsequence + start.bit / batch.subsequence_bits];
  const Unit unit =
      decode_unit(batch.reader(scan, shorts), start, base.of[scan.predictor[place.in_mcu]], place.in_mcu, steps, c);
  unit_to_plane(unit, plane, place, batch.planes);
}

// A thread's pixels.
RESTRIDE_HD inline void store_pixels(const BatchView& batch, const PixelBlock& block, unsigned x, unsigned y) noexcept {
  const PixelJob& job = batch.jobs[block.job];
  if (batch.status[job.picture] != kGood) return;
  const std::uint32_t group = block.tile_x * kTileGroups + x;
  for (unsigned i = 0; i < kRowsAThread; ++i) {
    const std::uint32_t row = (block.tile_y * kTileRows + y) * kRowsAThread + i;
    if (row < job.height) store_group(job, batch.planes, group, row);
  }
}

}  // namespace restride::cuda::jpeg
