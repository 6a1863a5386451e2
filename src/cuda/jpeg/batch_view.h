// SPDX-License-Identifier: Apache-2.0
// A batch of JPEG pictures as the kernels see it, and each thread's part of each kernel. Compiled for the host as well:
// tests run the same code over plain loops.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coding/jpeg/entropy.h"
#include "coding/jpeg/reconstruct.h"
#include "coding/jpeg/tracks.h"

namespace restride::cuda::jpeg {

using namespace restride::jpeg;

inline constexpr unsigned kEntropyThreads = 256;
inline constexpr unsigned kHalo = 16;  // subsequences before a block's own that it walks as well
inline constexpr unsigned kOwnColumns = kEntropyThreads - kHalo;
inline constexpr unsigned kUnitThreads = 128;  // data units a block
inline constexpr unsigned kTileGroups = 32;    // pixel kernel: groups of pixels in x, a thread each
inline constexpr unsigned kTileRows = 8;       // and threads in y,
inline constexpr unsigned kRowsAThread = 2;    // each for so many rows
inline constexpr unsigned kUnitPitch = 66;     // of a unit's coefficients in shared memory: no bank conflicts

struct EntropyBlock {
  std::uint32_t scan;
  std::uint32_t first;  // subsequence of the scan
};
// How the true path goes through a block.
struct BlockPath {
  Links through;        // from the subsequence before its first to its last
  std::uint32_t used;   // nodes that the block has of the subsequence before its first
  std::uint32_t exits;  // and of its last
  std::uint32_t entry;  // the one of them that is true, if `from` is 0
  std::uint32_t from;   // else: the true node of the subsequence before this one of the block; those before are settled
};
struct UnitBlock {
  std::uint32_t task;
  std::uint32_t first;  // unit of the task
};
struct PixelBlock {
  std::uint32_t job;
  std::uint16_t tile_x, tile_y;
};

// Of a job, each for a block of threads.
struct PixelTiles {
  std::uint32_t across, down;
};
RESTRIDE_HD inline PixelTiles tiles_of(const PixelJob& job) noexcept {
  constexpr std::uint32_t kWide = kTileGroups, kHigh = kTileRows * kRowsAThread;
  return {((job.width + 6) / 4 + kWide - 1) / kWide, (job.height + kHigh - 1) / kHigh};
}

struct BatchView {
  std::uint32_t subsequence_bits;
  // The group's part of what follows.
  std::uint32_t scan_first, scan_count;
  std::uint32_t entropy_block_first, entropy_block_count;
  std::uint32_t unit_block_first, unit_block_count;
  std::uint32_t pixel_block_first, pixel_block_count;
  bool some_bytes, some_converted;  // kinds of storing among the jobs
  std::uint32_t most_pairs;         // of tables, in any scan
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
  const SparseBlock* sparse;
  const std::int16_t* values;
  const PixelJob* jobs;
  const PixelBlock* pixel_blocks;
  std::uint32_t* status;  // by picture; zeros at first
  // Working memory.
  State* nodes;           // kSlots by subsequence
  std::uint16_t* counts;  // likewise
  Links* links;           // by subsequence, from the one before
  std::uint8_t* used;     // nodes, by subsequence
  State* entry_nodes;     // kSlots by entropy block: of the subsequence before its first
  BlockPath* paths;       // by entropy block
  State* states;          // at each subsequence's end
  UnitStart* units;
  DcSums* sums;   // of each subsequence
  DcSums* bases;  // sums of those before in its segment
  std::uint8_t* planes;
  // Pinned host memory: a copy of status, of what is not 0.
  std::uint32_t* reported;

  RESTRIDE_HD void report(std::uint32_t picture, std::uint32_t what) const noexcept {
    status[picture] = what;
    reported[picture] = what;
  }
};

// A scan's tables in memory that a block of threads shares: short codes of all tables, strides of all if kStrides, then
// longer codes as far as there is room.
template <bool kStrides>
struct SharedTables {
  std::uint16_t* entries;  // room(batch.most_pairs) of them
  LongCodes* longs;        // 2 * kMaxPairs

  // Longer codes usually take a few hundred entries a table; those of tables that have many stay where they are.
  static constexpr std::uint32_t room(std::uint32_t pairs) noexcept {
    return pairs * 2 * ((kStrides ? 2 : 1) * kShortEntries + 512);
  }
  // Copies the tables; threads take turns, and none may read before all have come to the end.
  RESTRIDE_HD void load(const BatchView& batch, const EntropyScan& scan, unsigned thread,
                        unsigned threads) const noexcept {
    constexpr unsigned kEight = kShortEntries / 8;
    struct alignas(16) Eight {
      std::uint16_t entry[8];
    };
    auto* to = reinterpret_cast<Eight*>(entries);
    const unsigned tables = 2U * scan.pairs, strides = tables * kEight;
    for (unsigned i = thread; i < strides; i += threads) {
      const auto* from = reinterpret_cast<const Eight*>(batch.entries + batch.tables[scan.table[i / kEight]].offset);
      to[i] = from[kEight + i % kEight];
      if constexpr (kStrides) to[strides + i] = from[i % kEight];
    }
    unsigned at = (kStrides ? 2 : 1) * strides;
    for (unsigned t = 0; t < tables; ++t) {
      const LookupTable table = batch.tables[scan.table[t]];
      const std::uint16_t* from = batch.entries + table.offset + 2 * kShortEntries;
      const unsigned eights = (table.long_count + 7) / 8;
      const bool fits = 8 * (at + eights) <= room(scan.pairs);
      if (thread == 0) longs[t] = {fits ? entries + 8 * at : from, table.long_first, table.long_count};
      if (!fits) continue;
      for (unsigned i = thread; i < eights; i += threads) to[at + i] = reinterpret_cast<const Eight*>(from)[i];
      at += eights;
    }
  }
  RESTRIDE_HD ScanReader reader(const BatchView& batch, const EntropyScan& scan) const noexcept {
    return {scan, batch.words + scan.word, entries, kStrides ? entries + 2U * scan.pairs * kShortEntries : nullptr,
            longs};
  }
};

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

using BlockTracks = Tracks<kEntropyThreads>;

// First walk of a thread's column: its subsequence is block.first + thread - kHalo.
RESTRIDE_HD inline bool begin_column(const BatchView& batch, const EntropyScan& scan, const ScanReader& reader,
                                     const EntropyBlock& block, unsigned thread, BlockTracks& tracks) noexcept {
  const Place own = place_of(batch, scan, block.first);
  const std::int64_t s = std::int64_t{block.first} + thread - kHalo;
  const bool halo = thread < kHalo;
  const Place place = halo ? own : place_of(batch, scan, static_cast<std::uint32_t>(s));
  if (!place.live || (halo && (s < own.segment_first || own.segment_first == block.first))) {
    tracks.leave_out(thread);
    return false;
  }
  const std::uint32_t bits = batch.subsequence_bits;
  State state;
  state.bit = static_cast<std::uint32_t>(s) * bits;
  tracks.begin(reader, thread, state.bit + bits, state, s == place.segment_first);
  return true;
}

// One round: goes on from an open node; true if another one takes its place.
RESTRIDE_HD inline bool advance_node(const BatchView& batch, const ScanReader& reader, const EntropyBlock& block,
                                     OpenNode& open, BlockTracks& tracks) noexcept {
  const std::uint32_t end = (block.first + open.column + 2 - kHalo) * batch.subsequence_bits;
  return tracks.advance(reader, open, end);
}

// Writes a column's nodes to where later kernels find them.
RESTRIDE_HD inline void keep_column(const BatchView& batch, const EntropyScan& scan, const EntropyBlock& block,
                                    std::uint32_t b, unsigned thread, const BlockTracks& tracks) noexcept {
  const unsigned used = tracks.used[thread];
  if (thread == kHalo - 1) {
    batch.paths[b].used = used;
    for (unsigned slot = 0; slot < used; ++slot) batch.entry_nodes[kSlots * b + slot] = tracks.node[slot][thread];
  }
  const std::uint32_t s = block.first + thread - kHalo;
  if (thread < kHalo || s >= scan.subsequences) return;
  if (thread + 1 == kEntropyThreads || s + 1 == scan.subsequences) batch.paths[b].exits = used;
  const std::size_t at = scan.subsequence + s;
  const unsigned before = tracks.closed[thread] ? kSlots : tracks.used[thread - 1];
  batch.links[at] = tracks.links[thread];
  batch.used[at] = static_cast<std::uint8_t>(used);
  for (unsigned slot = 0; slot < used; ++slot) batch.nodes[kSlots * at + slot] = tracks.node[slot][thread];
  for (unsigned slot = 0; slot < before; ++slot) batch.counts[kSlots * at + slot] = tracks.count[slot][thread];
}

// The node before block b + 1 that is the given one of block b's last subsequence, or kLost.
RESTRIDE_HD inline unsigned matching_entry(const BatchView& batch, const EntropyScan& scan, std::uint32_t b,
                                           unsigned slot) noexcept {
  const BlockPath& next = batch.paths[b + 1];
  if (next.used == 0) return 0;  // a segment starts there
  if (slot >= kSlots) return kLost;
  const std::size_t last = scan.subsequence + batch.entropy_blocks[b + 1].first - 1;
  const State state = batch.nodes[kSlots * last + slot];
  for (unsigned k = 0; k < next.used; ++k)
    if (batch.entry_nodes[kSlots * (b + 1) + k].same_place(state)) return k;
  return kLost;
}

// From the nodes before block b to those before block b + 1.
RESTRIDE_HD inline Links block_links(const BatchView& batch, const EntropyScan& scan, std::uint32_t b) noexcept {
  const BlockPath path = batch.paths[b];
  Links same = Links::unknown();
  if (b + 1 == scan.block + scan.blocks) return same;
  for (unsigned slot = 0; slot < path.exits; ++slot) same.set(slot, matching_entry(batch, scan, b, slot));
  same.set(kLost, matching_entry(batch, scan, b, kLost));
  return path.through.then(same);
}

// Goes on from a state at block b's start until it meets a node, settling the subsequences on the way. Returns the node
// of the block's last subsequence that the path leads to, or kLost.
RESTRIDE_HD inline unsigned walk_into(const BatchView& batch, const ScanReader& reader, std::uint32_t b,
                                      State state) noexcept {
  const EntropyScan& scan = reader.scan;
  constexpr unsigned kMost = 64;
  const EntropyBlock block = batch.entropy_blocks[b];
  const std::uint32_t last = block.first + kOwnColumns, end = last < scan.subsequences ? last : scan.subsequences;
  std::uint32_t s = block.first;
  unsigned found = kLost;
  for (; found == kLost && s < end && s < block.first + kMost; ++s) {
    const std::size_t at = scan.subsequence + s;
    const Links links = batch.links[at];
    if (links.of(kLost) != kLost) break;  // a segment starts here
    walk(reader, (s + 1) * batch.subsequence_bits, state);
    batch.states[at] = state;
    const unsigned used = batch.used[at];
    for (unsigned slot = 0; slot < used; ++slot)
      if (batch.nodes[kSlots * at + slot].same_place(state)) found = slot;
  }
  batch.paths[b].from = s - block.first;
  batch.paths[b].entry = found;
  for (; s < end; ++s) found = batch.links[scan.subsequence + s].of(found);
  return found;
}

// Finds the true path through a scan's blocks; one thread. links(b): block_links of block b.
template <class LinksOf>
RESTRIDE_HD inline void find_path(const BatchView& batch, const ScanReader& reader, LinksOf&& links) noexcept {
  const EntropyScan& scan = reader.scan;
  if (scan.blocks == 0) batch.report(scan.picture, kTooShort);  // its data could not be used
  unsigned walks_left = 16;                                     // these are slow: what needs more is left to the CPU
  unsigned entry = 0;
  for (std::uint32_t b = scan.block; b < scan.block + scan.blocks; ++b) {
    BlockPath& path = batch.paths[b];
    path.entry = entry;
    path.from = 0;
    const unsigned before = entry;
    entry = links(b).of(entry);
    if (entry < kSlots || b + 1 == scan.block + scan.blocks || before >= kSlots) continue;
    unsigned exit = path.through.of(before);
    while (exit < kSlots && entry >= kSlots && walks_left--) {
      // Walk across the boundary, and perhaps the next ones, as far as no node is met.
      const std::size_t last = scan.subsequence + batch.entropy_blocks[b + 1].first - 1;
      exit = walk_into(batch, reader, ++b, batch.nodes[kSlots * last + exit]);
      if (b + 1 == scan.block + scan.blocks) return;
      entry = matching_entry(batch, scan, b, exit);
    }
  }
}

// Writes the true state at the end of a subsequence. `before`: the true node of the one before.
RESTRIDE_HD inline void settle_column(const BatchView& batch, const EntropyScan& scan, std::uint32_t s,
                                      unsigned before) noexcept {
  const std::size_t at = scan.subsequence + s;
  const unsigned slot = batch.links[at].of(before);
  if (slot >= kSlots) {
    batch.report(scan.picture, kNotSynchronised);
    batch.states[at] = {};
    return;
  }
  State state = batch.nodes[kSlots * at + slot];
  state.count = batch.counts[kSlots * at + (before < kSlots ? before : 0)];
  batch.states[at] = state;
}

// The last walk of a thread's subsequence. `before`: data units that started before it in its segment. `sums`: working
// memory.
RESTRIDE_HD inline void index_subsequence(const BatchView& batch, const ScanReader& reader, const Place& place,
                                          std::uint32_t before, DcSums& sums) noexcept {
  const EntropyScan& scan = reader.scan;
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
  const std::uint32_t status = index_units(reader, (s + 1) * bits, work, batch.units + scan.unit + units_before, sums);
  batch.sums[scan.subsequence + s] = sums;
  if (status != kGood) batch.report(scan.picture, status);
}

// A thread's data unit: `c` is its working memory, 64 elements. `reader`: of the task's scan, where it has one.
RESTRIDE_HD inline void reconstruct_unit(const BatchView& batch, const UnitTask& task, const ScanReader& reader,
                                         std::uint32_t i, const Step* steps, std::int16_t* c) noexcept {
  const EntropyScan& scan = reader.scan;
  if (i >= task.units) return;
  const UnitPlace place = unit_place(task, i);
  const unsigned component = task.component[place.in_mcu];
  if (component == UnitTask::kNotNeeded) return;
  const Plane& plane = batch.jobs[task.job].plane[component];
  if (place.block_x * plane.block >= plane.width || place.block_y * plane.block >= plane.height) return;
  steps += 64 * component;
  for (int k = 0; k < 32; ++k) reinterpret_cast<std::uint32_t*>(c)[k] = 0;
  if (task.coefficients != UnitTask::kDecoded) {
    const SparseBlock block = batch.sparse[std::size_t{task.coefficients} + place.unit];
    unit_to_plane(load_unit(block, batch.values + task.values, steps, c), plane, place, batch.planes);
    return;
  }
  const UnitStart start = batch.units[scan.unit + place.unit];
  const DcSums& base = batch.bases[scan.subsequence + start.bit / batch.subsequence_bits];
  const Unit unit = decode_unit(reader, start, base.of[scan.predictor(place.in_mcu)], place.in_mcu, steps, c);
  unit_to_plane(unit, plane, place, batch.planes);
}

// A thread's pixels, of jobs of one kind. `job`: the block's, in fast memory.
template <Storing kStoring>
RESTRIDE_HD inline void store_pixels(const BatchView& batch, const PixelJob& job, const PixelBlock& block, unsigned x,
                                     unsigned y) noexcept {
  if (job.storing != kStoring || batch.status[job.picture] != kGood) return;
  const std::uint32_t group = block.tile_x * kTileGroups + x;
#if defined(__CUDACC__)
#pragma unroll 1  // registers
#endif
  for (unsigned i = 0; i < kRowsAThread; ++i) {
    const std::uint32_t row = (block.tile_y * kTileRows + y) * kRowsAThread + i;
    if (row >= job.height) return;
    if constexpr (kStoring == Storing::bytes)
      store_group(job, batch.planes, group, row);
    else
      convert_group(job, batch.planes, group, row);
  }
}

}  // namespace restride::cuda::jpeg
