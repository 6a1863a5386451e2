// SPDX-License-Identifier: Apache-2.0
// From a batch's plan to its upload.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error_util.h"
#include "coding/jpeg/progressive.h"
#include "coding/jpeg/unstuff.h"
#include "cuda/jpeg/batch.h"
#include "cuda/jpeg/plan.h"
#include "formats/jpeg/progressive_scan.h"

namespace restride::cuda::jpeg {

// A picture's values go to where `used` says that there is room.
bool Batch::decode_coefficients(Picture& picture, const Memory& memory, std::byte* scratch,
                                std::atomic<std::size_t>& used) const {
  const FrameSize& frame = picture.frame;
  std::array<SparsePlane, 4> planes;
  for (unsigned c = 0; c < frame.components; ++c) {
    const Mcus size = blocks_of(frame, c);
    planes[c] = {reinterpret_cast<SparseBlock*>(memory.host + at_.sparse) + picture.blocks[c], size.wide, size.high,
                 frame.h[c], frame.v[c]};
  }
  const auto take = [&](std::size_t bytes) { return std::exchange(scratch, scratch + (bytes + 7) / 8 * 8); };
  const std::size_t count = picture.scans->list.size();
  auto* const scans = reinterpret_cast<ProgressiveScan*>(take(count * sizeof(ProgressiveScan)));
  std::byte* const work = take(progressive_work_bytes(count));
  const std::span<std::int16_t> values(reinterpret_cast<std::int16_t*>(take(picture.values_bound * 2)),
                                       picture.values_bound);
  for (std::size_t s = 0; s < count; ++s) {
    const Scan& header = picture.scans->list[s];
    ProgressiveScan& scan = *new (scans + s) ProgressiveScan(progressive_scan(header, *picture.scans));
    const Mcus mcus = mcus_of(frame, header);
    scan.mcus_wide = mcus.wide;
    scan.mcus_high = mcus.high;
    const auto n = static_cast<std::size_t>(segments_of(frame, header));
    const std::span<Segment> segments(reinterpret_cast<Segment*>(take(n * sizeof(Segment))), n);
    std::byte* const data = take(progressive_data_bytes(header.length, n));
    std::uint32_t units = 0;
    if (!unstuff(picture.bytes.subspan(header.offset, header.length), kProgressiveUnit, segments, data, units))
      return false;
    reverse_bits(data, units * kProgressiveUnit);
    scan.data = data;
    scan.segments = segments;
  }
  const std::ptrdiff_t found = decode_progressive({planes.data(), frame.components}, {scans, count}, work, values);
  if (found < 0) return false;
  const auto bytes = static_cast<std::size_t>(found) * sizeof(std::int16_t);
  picture.values = static_cast<std::uint32_t>(used.fetch_add(static_cast<std::size_t>(found)));
  std::memcpy(memory.host + at_.values + std::size_t{picture.values} * sizeof(std::int16_t), values.data(), bytes);
  return true;
}

// Coefficients of all progressive pictures, those with most data first.
void Batch::fill_coefficients(const Memory& memory, Executor& executor, UploadSink& sink) {
  order_.clear();
  for (std::uint32_t i = 0; i < pictures_.size(); ++i)
    if (!pictures_[i].failed && pictures_[i].headers->progressive()) order_.push_back(i);
  std::sort(order_.begin(), order_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return pictures_[a].bytes.size() > pictures_[b].bytes.size(); });
  std::atomic<std::size_t> used{0}, next{0};
  // Scratch memory stays a thread's own, and in its cache.
  executor.for_each(std::min<std::size_t>(executor.concurrency(), order_.size()), [&](std::size_t thread) {
    for (std::size_t i; (i = next++) < order_.size();) {
      const std::uint32_t p = order_[i];
      if (!decode_coefficients(pictures_[p], memory, memory.scratch + thread * scratch_bytes_, used))
        memory.reported[p] = kBadCode;
    }
  });
  sink.ready(at_.sparse, coefficient_blocks_ * sizeof(SparseBlock));
  sink.ready(at_.values, used * sizeof(std::int16_t));
}

namespace {
constexpr std::size_t kTablesAPart = 8, kPicturesAPart = 64;
}  // namespace

void Batch::fill_tasks(std::byte* host) const {
  auto* tasks = reinterpret_cast<UnitTask*>(host + at_.tasks);
  for (const UnitTask& task : tasks_) {
    *tasks = task;
    tasks++->values = pictures_[task.picture].values;
  }
  std::array<UnitBlock*, kMostGroups> next;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    next[g] = reinterpret_cast<UnitBlock*>(host + at_.unit_blocks) + groups_[g].first_unit_block;
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    UnitBlock*& to = next[group_of(tasks_[t])];
    for (std::uint32_t first = 0; first < tasks_[t].units; first += kUnitThreads) *to++ = {t, first};
  }
}

void Batch::fill_pixel_blocks(std::byte* host) const {
  std::array<PixelBlock*, kMostGroups> next;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    next[g] = reinterpret_cast<PixelBlock*>(host + at_.pixel_blocks) + groups_[g].first_pixel_block;
  for (std::uint32_t j = 0; j < jobs_.size(); ++j) {
    PixelBlock*& to = next[job_group_[j]];
    const PixelTiles tiles = tiles_of(jobs_[j]);
    for (std::uint32_t y = 0; y < tiles.down; ++y)
      for (std::uint32_t x = 0; x < tiles.across; ++x)
        *to++ = {j, static_cast<std::uint16_t>(x), static_cast<std::uint16_t>(y)};
  }
}

// Descriptors are written in parts, by several threads.
std::size_t Batch::descriptor_parts() const noexcept {
  return 2 + ceil_div(tables_.size(), kTablesAPart) + ceil_div(pictures_.size(), kPicturesAPart);
}

void Batch::fill_descriptors(std::size_t part, std::byte* host) const {
  if (part == 0) return fill_tasks(host);
  if (part == 1) {
    if (!jobs_.empty()) std::memcpy(host + at_.jobs, jobs_.data(), jobs_.size() * sizeof(PixelJob));
    fill_pixel_blocks(host);
    return;
  }
  part -= 2;
  const std::size_t table_parts = ceil_div(tables_.size(), kTablesAPart);
  if (part < table_parts) {
    auto* entries = reinterpret_cast<std::uint16_t*>(host + at_.entries);
    for (std::size_t t = part * kTablesAPart; t < std::min((part + 1) * kTablesAPart, tables_.size()); ++t) {
      const TablePlan& plan = tables_[t];
      reinterpret_cast<LookupTable*>(host + at_.tables)[t] = plan.layout;
      fill_table(plan.table->counts, plan.table->symbols, plan.dc, plan.layout, entries + plan.layout.offset);
    }
    return;
  }
  part -= table_parts;
  auto* steps = reinterpret_cast<Step*>(host + at_.steps);
  for (std::size_t p = part * kPicturesAPart; p < std::min((part + 1) * kPicturesAPart, pictures_.size()); ++p) {
    const Picture& picture = pictures_[p];
    if (picture.failed) continue;
    for (unsigned c = 0; c < picture.frame.components; ++c)
      for (unsigned k = 0; k < 64; ++k) {
        const std::uint8_t natural = kNaturalOrder[k];
        steps[64 * (picture.quant + c) + k] = {transposed(natural), picture.scans->quant[c].values[natural]};
      }
  }
}

// Un-stuffs one scan; by all threads where there is an executor.
void Batch::fill_scan(std::size_t index, const Memory& memory, Executor* executor) {
  ScanPlan& plan = scans_[index];
  EntropyScan& scan = plan.scan;
  const std::span<Segment> segments(reinterpret_cast<Segment*>(memory.host + at_.segments) + scan.segment,
                                    scan.segments);
  const ByteSpan data = pictures_[plan.picture].bytes.subspan(plan.header->offset, plan.header->length);
  std::byte* to = memory.host + at_.words + std::size_t{4} * scan.word;
  const bool good =
      (executor && parallel_unstuff_.run(data, subsequence_bytes_, segments, to, scan.subsequences, *executor)) ||
      unstuff(data, subsequence_bytes_, segments, to, scan.subsequences);
  if (good) return;
  scan.subsequences = 0;
  memory.reported[plan.picture] = kTooShort;
}

// Un-stuffs a group's scans and hands them to the sink in a few parts, so that the upload of one goes on beside the
// next. The descriptors of the batch are written by the way.
void Batch::fill_words(const Group& group, const Memory& memory, Executor& executor, UploadSink& sink) {
  constexpr std::size_t kLarge = std::size_t{192} << 10, kPart = std::size_t{6} << 20;
  const bool few = scans_.size() < executor.concurrency();
  const std::size_t last = group.first_scan + group.scans;
  std::size_t first = group.first_scan, more = first == 0 ? descriptor_parts() : 0;
  while (first < last) {
    if (few && scans_[first].header->length >= kLarge) {
      fill_scan(first, memory, &executor);
      sink.ready(at_.words + std::size_t{4} * scans_[first].scan.word, scans_[first].word_bytes);
      ++first;
      continue;
    }
    std::size_t end = first, bytes = 0;
    while (end < last && bytes < kPart && !(few && scans_[end].header->length >= kLarge))
      bytes += scans_[end++].word_bytes;
    executor.for_each(end - first + more, [&](std::size_t i) {
      if (i < more)
        fill_descriptors(i, memory.host);
      else
        fill_scan(first + i - more, memory, nullptr);
    });
    more = 0;
    sink.ready(at_.words + std::size_t{4} * scans_[first].scan.word, bytes);
    first = end;
  }
  if (more) executor.for_each(more, [&](std::size_t i) { fill_descriptors(i, memory.host); });
}

// What could only be said once the group's data were there. `view`: what it begins with, then the whole of it.
void Batch::fill_group(const Group& group, const Memory& memory, BatchView& view, UploadSink& sink) {
  auto* scans = reinterpret_cast<EntropyScan*>(memory.host + at_.scans);
  auto* blocks = reinterpret_cast<EntropyBlock*>(memory.host + at_.entropy_blocks);
  const std::uint32_t start = view.entropy_block_first, end_scan = group.first_scan + group.scans;
  std::uint32_t count = start;
  for (std::uint32_t s = group.first_scan; s < end_scan; ++s) {
    EntropyScan& scan = scans_[s].scan;
    scan.block = count;
    for (std::uint32_t first = 0; first < scan.subsequences; first += kOwnColumns) blocks[count++] = {s, first};
    scan.blocks = count - scan.block;
    scans[s] = scan;
  }
  view.entropy_block_count = count - start;
  view.scan_first = group.first_scan;
  view.scan_count = group.scans;
  view.unit_block_first = group.first_unit_block;
  view.unit_block_count = group.unit_blocks;
  view.pixel_block_first = group.first_pixel_block;
  view.pixel_block_count = group.pixel_blocks;
  if (group.first_scan == 0) {
    sink.ready(0, at_.sparse);
  } else {
    const std::uint32_t segment = scans_[group.first_scan].scan.segment;
    const std::uint32_t segments = end_scan < scans_.size() ? scans_[end_scan].scan.segment : segments_;
    sink.ready(at_.scans + group.first_scan * sizeof(EntropyScan), group.scans * sizeof(EntropyScan));
    sink.ready(at_.segments + segment * sizeof(Segment), (segments - segment) * sizeof(Segment));
    sink.ready(at_.entropy_blocks + start * sizeof(EntropyBlock), view.entropy_block_count * sizeof(EntropyBlock));
  }
  sink.decode(view);
}

void Batch::fill(const Memory& memory, Executor& threads, UploadSink& sink) {
  // For so little, waking threads takes longer.
  constexpr std::size_t kSmall = std::size_t{96} << 10;
  SerialExecutor alone;
  Executor& executor = upload_bytes_ < kSmall ? alone : threads;
  std::memset(memory.reported, 0, pictures_.size() * sizeof *memory.reported);
  if (coefficient_blocks_) fill_coefficients(memory, executor, sink);
  std::memcpy(memory.host + at_.status, memory.reported, pictures_.size() * sizeof *memory.reported);
  BatchView group_view = view(memory);
  for (const Group& group : groups_) {
    fill_words(group, memory, executor, sink);
    fill_group(group, memory, group_view, sink);
    group_view.entropy_block_first += group_view.entropy_block_count;
  }
}

BatchView Batch::view(const Memory& memory) const noexcept {
  const auto in = [&](std::size_t offset) { return memory.device + offset; };
  BatchView view{};
  view.subsequence_bits = 8 * subsequence_bytes_;
  for (const PixelJob& job : jobs_) (job.storing == Storing::bytes ? view.some_bytes : view.some_converted) = true;
  view.most_pairs = most_pairs_;
  view.words = reinterpret_cast<const std::uint32_t*>(in(at_.words));
  view.entries = reinterpret_cast<const std::uint16_t*>(in(at_.entries));
  view.tables = reinterpret_cast<const LookupTable*>(in(at_.tables));
  view.scans = reinterpret_cast<const EntropyScan*>(in(at_.scans));
  view.segments = reinterpret_cast<const Segment*>(in(at_.segments));
  view.entropy_blocks = reinterpret_cast<const EntropyBlock*>(in(at_.entropy_blocks));
  view.tasks = reinterpret_cast<const UnitTask*>(in(at_.tasks));
  view.unit_blocks = reinterpret_cast<const UnitBlock*>(in(at_.unit_blocks));
  view.sparse = reinterpret_cast<const SparseBlock*>(in(at_.sparse));
  view.values = reinterpret_cast<const std::int16_t*>(in(at_.values));
  view.steps = reinterpret_cast<const Step*>(in(at_.steps));
  view.jobs = reinterpret_cast<const PixelJob*>(in(at_.jobs));
  view.pixel_blocks = reinterpret_cast<const PixelBlock*>(in(at_.pixel_blocks));
  view.status = reinterpret_cast<std::uint32_t*>(in(at_.status));
  view.nodes = reinterpret_cast<State*>(in(at_.nodes));
  view.counts = reinterpret_cast<std::uint16_t*>(in(at_.counts));
  view.links = reinterpret_cast<Links*>(in(at_.links));
  view.used = reinterpret_cast<std::uint8_t*>(in(at_.used));
  view.entry_nodes = reinterpret_cast<State*>(in(at_.entry_nodes));
  view.paths = reinterpret_cast<BlockPath*>(in(at_.paths));
  view.states = reinterpret_cast<State*>(in(at_.states));
  view.units = reinterpret_cast<UnitStart*>(in(at_.units));
  view.sums = reinterpret_cast<DcSums*>(in(at_.sums));
  view.bases = reinterpret_cast<DcSums*>(in(at_.bases));
  view.planes = reinterpret_cast<std::uint8_t*>(in(at_.planes));
  view.reported = memory.reported;
  return view;
}

void Batch::finish(std::span<DecodeJob> jobs, const std::uint32_t* reported) const {
  static constexpr const char* kReasons[] = {"",
                                             "it does not synchronise",
                                             "there is a code that is none",
                                             "a data unit has too many coefficients",
                                             "data are missing",
                                             "there are surplus data before a restart marker"};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (picture_index_[i] == kNone) continue;
    const std::uint32_t what = reported[picture_index_[i]];
    if (what == kGood)
      jobs[i].wrote = true;
    else
      jobs[i].status = fail_at(Errc::unsupported, pictures_[picture_index_[i]].scans->list[0].offset,
                               "not decoded on the GPU: %s", kReasons[what]);
  }
}

}  // namespace restride::cuda::jpeg
