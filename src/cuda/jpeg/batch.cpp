// SPDX-License-Identifier: Apache-2.0
#include "cuda/jpeg/batch.h"

#include <algorithm>
#include <cstring>

#include "base/error_util.h"
#include "coding/jpeg/progressive.h"
#include "coding/jpeg/unstuff.h"
#include "cuda/jpeg/plan.h"

namespace restride::cuda::jpeg {
namespace {

constexpr std::size_t kAlignment = 256;

template <class T>
std::size_t put(std::size_t& position, std::size_t count) noexcept {
  const std::size_t at = (position + kAlignment - 1) / kAlignment * kAlignment;
  position = at + count * sizeof(T);
  return at;
}

// What is parsed of a stream lies here and there in memory: for later jobs, it is asked for in time, step by step.
void fetch_ahead(std::span<const DecodeJob> jobs, std::size_t i) noexcept {
  if (i + 6 < jobs.size()) __builtin_prefetch(jobs[i + 6].request.stream);
  if (i + 4 < jobs.size()) {
    const auto* headers = reinterpret_cast<const char*>(jobs[i + 4].request.stream->detail.get());
    for (std::size_t at = 0; at < sizeof(Headers); at += 64) __builtin_prefetch(headers + at);
  }
  if (i + 2 < jobs.size()) {
    const Headers& headers = headers_of(*jobs[i + 2].request.stream);
    __builtin_prefetch(headers.first.list.data());
    const auto* tables = reinterpret_cast<const char*>(headers.first.huffman.data());
    for (std::size_t at = 0; at < 4 * sizeof(HuffmanTable); at += 64) __builtin_prefetch(tables + at);
  }
}

}  // namespace

// Index of the request's stream among the pictures; a new one if need be.
std::uint32_t Batch::picture_of(const DecodeRequest& request) {
  const std::size_t mask = buckets_.size() - 1;
  std::size_t slot = (reinterpret_cast<std::uintptr_t>(request.stream) >> 6) * 0x9e3779b97f4a7c15ULL >> 20 & mask;
  while (buckets_[slot] != kNone && pictures_[buckets_[slot]].stream != request.stream) slot = (slot + 1) & mask;
  if (buckets_[slot] == kNone) {
    buckets_[slot] = static_cast<std::uint32_t>(pictures_.size());
    const Headers& headers = headers_of(*request.stream);
    pictures_.push_back({request.stream, &headers, &headers.scans(request.bytes), request.bytes,
                         frame_of(headers, request.info().spec)});
  }
  return buckets_[slot];
}

Status Batch::use_table(const HuffmanTable& table, bool dc, std::uint32_t& index) {
  const std::size_t mask = table_buckets_.size() - 1;
  std::uint64_t hash = dc;
  for (std::size_t i = 0; i < sizeof table.counts; i += 8) {
    std::uint64_t part;
    std::memcpy(&part, table.counts.data() + i, 8);
    hash = (hash ^ part) * 0x9e3779b97f4a7c15ULL;
    std::memcpy(&part, table.symbols.data() + 5 * i, 8);
    hash = (hash ^ part ^ hash >> 32) * 0x9e3779b97f4a7c15ULL;
  }
  std::size_t slot = hash >> 32 & mask;
  for (; table_buckets_[slot] != kNone; slot = (slot + 1) & mask) {
    const TablePlan& known = tables_[table_buckets_[slot]];
    if (known.dc != dc || known.table->counts != table.counts || known.table->symbols != table.symbols) continue;
    index = table_buckets_[slot];
    return {};
  }
  CheckedTable checked = check_table(table.counts, table.symbols, dc);
  if (!checked.valid) return fail(Errc::unsupported, "not decoded on the GPU: a Huffman table is no prefix code");
  checked.layout.offset = static_cast<std::uint32_t>(entries_);
  entries_ += (checked.entries() + 7) / 8 * 8;
  table_buckets_[slot] = index = static_cast<std::uint32_t>(tables_.size());
  tables_.push_back({&table, checked.layout, slot, dc});
  return {};
}

Status Batch::add_scan(Picture& picture, std::uint32_t index, const Scan& header) {
  const Headers& headers = *picture.headers;
  ScanPlan plan{};
  plan.header = &header;
  plan.picture = index;
  EntropyScan& scan = plan.scan;
  scan.picture = index;
  const Mcus size = mcus_of(picture.frame, header);
  plan.mcus_per_row = size.wide;
  for (unsigned i = 0; i < header.components; ++i) {
    const unsigned c = header.component[i];
    std::uint32_t dc = 0, ac = 0;
    RESTRIDE_TRY(use_table(picture.scans->huffman[header.dc[i]], true, dc));
    RESTRIDE_TRY(use_table(picture.scans->huffman[header.ac[i]], false, ac));
    unsigned pair = 0;
    while (pair < scan.pairs && (scan.table[2 * pair] != dc || scan.table[2 * pair + 1] != ac)) ++pair;
    if (pair == scan.pairs) {
      scan.table[2 * pair] = dc;
      scan.table[2 * pair + 1] = ac;
      ++scan.pairs;
    }
    const unsigned h = headers.component[c].h, v = headers.component[c].v;
    const unsigned blocks = header.components > 1 ? h * v : 1;
    for (unsigned k = 0; k < blocks; ++k) {
      scan.pair_bits |= pair << (2 * scan.units_per_mcu);
      scan.predictor_bits |= i << (2 * scan.units_per_mcu++);
    }
  }
  const std::uint64_t mcus = std::uint64_t{size.wide} * size.high, interval = header.restart_interval;
  const std::uint64_t units = mcus * scan.units_per_mcu;
  const std::uint64_t segments = interval ? ceil_div<std::uint64_t>(mcus, interval) : 1;
  // Every unit takes two bits, every restart marker two bytes: no count is believed that the data cannot hold.
  if (header.length > 0x1f000000 || units > 4 * header.length || segments > header.length / 2 + 1)
    return fail_at(Errc::unsupported, header.offset, "not decoded on the GPU: the scan's size is implausible");
  scan.units = static_cast<std::uint32_t>(units);
  scan.segments = static_cast<std::uint32_t>(segments);
  scan.units_per_segment = static_cast<std::uint32_t>(interval ? interval * scan.units_per_mcu : units);
  plan.word_bytes = unstuffed_bound(header.length, segments, subsequence_bytes_);
  plan.word_bytes = (plan.word_bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (plan.word_bytes > 0x1ffffff0 || plan.word_bytes > 8 * header.length + 65536)
    return fail_at(Errc::unsupported, header.offset, "not decoded on the GPU: its restart segments are too many");
  if (words_ + plan.word_bytes > 0x3fffffff0ULL || units_ + units > 0xf0000000)
    return fail(Errc::unsupported, "not decoded on the GPU: the batch is too large");
  const auto most = static_cast<std::uint32_t>(plan.word_bytes / subsequence_bytes_);
  scan.word = static_cast<std::uint32_t>(words_ / 4);
  scan.subsequence = subsequences_;
  scan.segment = segments_;
  scan.unit = units_;
  words_ += plan.word_bytes;
  subsequences_ += most;
  segments_ += scan.segments;
  units_ += scan.units;
  entropy_capacity_ += most / kOwnColumns + 1;
  most_pairs_ = std::max<std::uint32_t>(most_pairs_, scan.pairs);
  scans_.push_back(plan);
  return {};
}

Status Batch::add_scans(Picture& picture, std::uint32_t index) {
  picture.first_scan = static_cast<std::uint32_t>(scans_.size());
  picture.quant = quant_tables_;
  quant_tables_ += 4;
  if (picture.headers->progressive()) return add_coefficients(picture);
  for (const Scan& scan : picture.scans->list) RESTRIDE_TRY(add_scan(picture, index, scan));
  picture.scans_used = static_cast<std::uint32_t>(scans_.size()) - picture.first_scan;
  return {};
}

// Room for a progressive picture's coefficients.
Status Batch::add_coefficients(Picture& picture) {
  const FrameSize& frame = picture.frame;
  std::uint64_t blocks = 0;
  for (unsigned c = 0; c < frame.components; ++c) {
    const Mcus size = blocks_of(frame, c);
    picture.blocks[c] = static_cast<std::uint32_t>(coefficient_blocks_ + blocks);
    blocks += std::uint64_t{size.wide} * size.high;
  }
  const std::size_t scans = picture.scans->list.size();
  std::size_t bytes = 0, scratch = scans * sizeof(ProgressiveScan) + progressive_work_bytes(scans);
  for (const Scan& scan : picture.scans->list) {
    const std::uint64_t segments = segments_of(frame, scan);
    if (scan.length > 0x1f000000 || segments > scan.length / 2 + 1)
      return fail_at(Errc::unsupported, scan.offset, "not decoded on the GPU: a scan's size is implausible");
    bytes += scan.length;
    scratch += segments * sizeof(Segment) + progressive_data_bytes(scan.length, segments);
  }
  // Memory grows with the data, whatever the header says.
  if (blocks > 2 * picture.bytes.size() || coefficient_blocks_ + blocks > 0x40000000)
    return refused(*picture.headers, "it is large for its data");
  picture.coefficient_blocks = blocks;
  picture.values_bound = progressive_values_bound(blocks, bytes);
  if (values_bound_ + picture.values_bound > 0xffffffff)
    return fail(Errc::unsupported, "not decoded on the GPU: the batch is too large");
  scratch += picture.values_bound * sizeof(std::int16_t);
  coefficient_blocks_ += blocks;
  values_bound_ += picture.values_bound;
  scratch_bytes_ = std::max(scratch_bytes_, (scratch + kAlignment - 1) / kAlignment * kAlignment);
  return {};
}

// The MCUs of each scan, or component of coefficients, that the job's window needs.
void Batch::add_tasks(const Picture& picture, std::uint32_t index, const std::array<ComponentSize, 4>& sizes) {
  UnitTask task{};
  task.job = index;
  task.picture = jobs_[index].picture;
  task.quant = picture.quant;
  task.coefficients = UnitTask::kDecoded;
  for (std::uint32_t s = picture.first_scan; s < picture.first_scan + picture.scans_used; ++s) {
    task.scan = s;
    task.mcus_per_row = scans_[s].mcus_per_row;
    add_task(picture, task, {scans_[s].header->component.data(), scans_[s].header->components}, sizes);
  }
  if (!picture.headers->progressive()) return;
  for (std::uint8_t c = 0; c < picture.frame.components; ++c) {
    task.coefficients = picture.blocks[c];
    task.mcus_per_row = blocks_of(picture.frame, c).wide;
    add_task(picture, task, {&c, 1}, sizes);
  }
}

// `components`: of the scan, in its order. Also makes their planes, for all samples of the MCUs needed.
void Batch::add_task(const Picture& picture, UnitTask task, std::span<const std::uint8_t> components,
                     const std::array<ComponentSize, 4>& sizes) {
  PixelJob& job = jobs_[task.job];
  std::uint32_t left = kNone, top = kNone, right = 0, bottom = 0;  // MCUs, right and bottom included
  bool any = false;
  for (const std::uint8_t c : components) {
    const unsigned h = components.size() > 1 ? picture.frame.h[c] : 1,
                   v = components.size() > 1 ? picture.frame.v[c] : 1;
    const bool needed = c < job.components;
    task.h[c] = static_cast<std::uint8_t>(h);
    task.v[c] = static_cast<std::uint8_t>(v);
    for (unsigned k = 0; k < h * v; ++k, ++task.units_per_mcu) {
      task.component[task.units_per_mcu] = needed ? c : UnitTask::kNotNeeded;
      task.dx[task.units_per_mcu] = static_cast<std::uint8_t>(k % h);
      task.dy[task.units_per_mcu] = static_cast<std::uint8_t>(k / h);
    }
    if (!needed) continue;
    any = true;
    const ComponentSize& size = sizes[c];
    const std::uint32_t margin = size.upsampling == Upsampling::box ? 0 : 1;
    const auto span = [&](std::uint32_t from, std::uint32_t length, unsigned expand, std::uint32_t limit,
                          unsigned blocks, std::uint32_t& low, std::uint32_t& high) {
      const std::uint32_t first = from / expand, last = (from + length - 1) / expand;
      low = std::min(low, (first - std::min(first, margin)) / size.block / blocks);
      high = std::max(high, std::min(last + margin, limit - 1) / size.block / blocks);
    };
    span(job.x, job.width, size.h_expand, size.width, h, left, right);
    span(job.y, job.height, size.v_expand, size.height, v, top, bottom);
  }
  if (!any) return;
  task.mcu_x = left;
  task.mcu_y = top;
  task.mcus_wide = right - left + 1;
  const std::uint32_t mcus_high = bottom - top + 1;
  task.units = task.mcus_wide * mcus_high * task.units_per_mcu;
  for (const std::uint8_t c : components) {
    if (c >= job.components) continue;
    const ComponentSize& size = sizes[c];
    const unsigned wide = task.h[c] * size.block, high = task.v[c] * size.block;
    job.plane[c] = {planes_,       (task.mcus_wide * wide + 7) / 8 * 8,
                    left * wide,   top * high,
                    size.width,    size.height,
                    size.block,    size.h_expand,
                    size.v_expand, size.upsampling};
    planes_ += (std::size_t{job.plane[c].stride} * mcus_high * high + kAlignment - 1) / kAlignment * kAlignment;
  }
  tasks_.push_back(task);
}

Status Batch::add_job(const DecodeJob& job, std::uint32_t index, bool triangle) {
  const Picture& picture = pictures_[index];
  const DecodeRequest& request = job.request;
  std::array<ComponentSize, 4> sizes;
  if (!component_sizes(picture.frame, request.reduce, triangle, sizes))
    return fail(Errc::internal, "a JPEG picture was planned for the GPU that cannot be decoded there");
  const Native native = native_for(request.info().spec, request.wanted);
  const ImageView& target = job.sink.target();
  PixelJob out{};
  out.picture = index;
  out.x = static_cast<std::uint32_t>(request.window.x);
  out.y = static_cast<std::uint32_t>(request.window.y);
  out.width = static_cast<std::uint32_t>(request.window.width);
  out.height = static_cast<std::uint32_t>(request.window.height);
  out.colors = native.colors;
  out.components = static_cast<std::uint8_t>(needed_components(native, picture.frame.components));
  out.channels = native.channels;
  out.reversed = native.reversed;
  out.inverted = native.format == SampleFormat::i_cmyk && !picture.headers->has_adobe;
  if (job.sink.direct()) {
    out.storing = Storing::bytes;
    out.target = target.data;
    out.row_stride = target.row_stride;
    out.pixel_stride = target.pixel_stride;
    out.channel_stride = target.channel_stride;
  } else {
    out.storing = Storing::converted;
    out.conversion =
        plan_conversion(job.plan.native, target, request.window.width, request.window.height, job.sink.orientation());
  }
  jobs_.push_back(out);
  add_tasks(picture, static_cast<std::uint32_t>(jobs_.size() - 1), sizes);
  return {};
}

// Neighbouring scans of about as many bytes a group, so that one is uploaded while the one before is decoded.
void Batch::make_groups(std::size_t group_bytes) {
  const std::size_t count = std::clamp<std::size_t>(words_ / group_bytes, 1, kMostGroups);
  groups_.assign(1, {});
  std::size_t bytes = 0;
  for (std::uint32_t s = 0; s < scans_.size(); ++s) {
    if (bytes >= words_ / count * groups_.size()) groups_.push_back({s, 0, 0, 0});
    ++groups_.back().scans;
    bytes += scans_[s].word_bytes;
  }
  job_group_.assign(jobs_.size(), 0);
  for (const UnitTask& task : tasks_) {
    const std::size_t group = group_of(task);
    groups_[group].unit_blocks += ceil_div(task.units, kUnitThreads);
    job_group_[task.job] = std::max(job_group_[task.job], static_cast<std::uint8_t>(group));
  }
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    const PixelTiles tiles = tiles_of(jobs_[j]);
    groups_[job_group_[j]].pixel_blocks += tiles.across * tiles.down;
  }
  std::uint32_t units = 0, pixels = 0;
  for (Group& group : groups_) {
    group.first_unit_block = units;
    units += group.unit_blocks;
    group.first_pixel_block = pixels;
    pixels += group.pixel_blocks;
  }
  unit_blocks_ = units;
  pixel_blocks_ = pixels;
}

// Ready coefficients go with the first one.
std::size_t Batch::group_of(const UnitTask& task) const noexcept {
  std::size_t group = 0;
  if (task.coefficients == UnitTask::kDecoded)
    while (task.scan - groups_[group].first_scan >= groups_[group].scans) ++group;
  return group;
}

void Batch::lay_out(std::span<DecodeJob> jobs, bool triangle, std::size_t group_bytes) {
  pictures_.clear();
  scans_.clear();
  for (const TablePlan& table : tables_) table_buckets_[table.slot] = kNone;
  tables_.clear();
  jobs_.clear();
  tasks_.clear();
  entries_ = words_ = planes_ = entropy_capacity_ = 0;
  coefficient_blocks_ = values_bound_ = scratch_bytes_ = 0;
  segments_ = subsequences_ = units_ = quant_tables_ = most_pairs_ = 0;
  std::size_t buckets = 16, bytes = 0;
  while (buckets < 2 * jobs.size()) buckets *= 2;
  buckets_.assign(buckets, kNone);
  if (table_buckets_.size() < 64 * buckets) table_buckets_.assign(64 * buckets, kNone);
  picture_index_.assign(jobs.size(), kNone);
  for (const DecodeJob& job : jobs) bytes += job.request.bytes.size();
  // Short subsequences for little data, so that there are threads enough.
  constexpr std::size_t kMuch = std::size_t{7} << 20;
  subsequence_bytes_ = bytes > kMuch ? 128 : 64;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    fetch_ahead(jobs, i);
    const std::size_t known = pictures_.size();
    const std::uint32_t index = picture_of(jobs[i].request);
    Status status;
    if (index == known) {
      status = add_scans(pictures_[index], index);
      pictures_[index].failed = !status;
    }
    if (status && pictures_[index].failed)
      status = fail(Errc::unsupported, "not decoded on the GPU: another job of the same stream could not be");
    if (status) status = add_job(jobs[i], index, triangle);
    if (status) picture_index_[i] = index;
    jobs[i].status = std::move(status);
  }
  make_groups(group_bytes);
  place();
}

void Batch::place() {
  std::size_t position = 0;
  at_.status = put<std::uint32_t>(position, pictures_.size());
  at_.entries = put<std::uint16_t>(position, entries_);
  at_.tables = put<LookupTable>(position, tables_.size());
  at_.tasks = put<UnitTask>(position, tasks_.size());
  at_.unit_blocks = put<UnitBlock>(position, unit_blocks_);
  at_.steps = put<Step>(position, 64 * std::size_t{quant_tables_});
  at_.jobs = put<PixelJob>(position, jobs_.size());
  at_.pixel_blocks = put<PixelBlock>(position, pixel_blocks_);
  at_.scans = put<EntropyScan>(position, scans_.size());
  at_.segments = put<Segment>(position, segments_);
  at_.entropy_blocks = put<EntropyBlock>(position, entropy_capacity_);
  at_.sparse = put<SparseBlock>(position, coefficient_blocks_);
  at_.values = put<std::int16_t>(position, values_bound_);
  at_.words = put<std::byte>(position, words_ + 64);
  upload_bytes_ = position;
  at_.nodes = put<State>(position, kSlots * std::size_t{subsequences_});
  at_.counts = put<std::uint16_t>(position, kSlots * std::size_t{subsequences_});
  at_.links = put<Links>(position, subsequences_);
  at_.used = put<std::uint8_t>(position, subsequences_);
  at_.entry_nodes = put<State>(position, kSlots * entropy_capacity_);
  at_.paths = put<BlockPath>(position, entropy_capacity_);
  at_.states = put<State>(position, subsequences_);
  at_.units = put<UnitStart>(position, units_);
  at_.sums = put<DcSums>(position, subsequences_);
  at_.bases = put<DcSums>(position, subsequences_);
  at_.planes = put<std::byte>(position, planes_ + 16);  // loads of words look a little further
  device_bytes_ = position;
}

}  // namespace restride::cuda::jpeg
