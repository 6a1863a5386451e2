// SPDX-License-Identifier: Apache-2.0
// One call's JPEG pictures, from jobs to what the kernels want: descriptors, tables and un-stuffed data in one block of
// (pinned) memory. No CUDA in here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/codec.h"
#include "coding/jpeg/unstuff.h"
#include "cuda/jpeg/batch_view.h"
#include "cuda/jpeg/plan.h"
#include "formats/jpeg/headers.h"

namespace restride::cuda::jpeg {

// Told of parts of the upload that are ready to go, in bytes from its start, and of groups that have all they need in
// what went before.
class UploadSink {
 public:
  virtual void ready(std::size_t offset, std::size_t bytes) = 0;
  virtual void decode(const BatchView& group) = 0;

 protected:
  ~UploadSink() = default;
};

// Reused from call to call: its vectors keep their capacity.
class Batch {
 public:
  static constexpr std::size_t kGroupBytes = std::size_t{5} << 19, kMostGroups = 4;

  // Lays the batch out. Jobs that cannot be done get a status and are left out. `triangle`: interpolate chroma.
  // `group_bytes`: data are decoded in groups of about so much, or a few larger ones.
  void lay_out(std::span<DecodeJob> jobs, bool triangle, std::size_t group_bytes = kGroupBytes);
  std::size_t upload_bytes() const noexcept { return upload_bytes_; }
  std::size_t device_bytes() const noexcept { return device_bytes_; }  // with the upload
  // Of host memory, for fill() with an executor of so many threads.
  std::size_t scratch_bytes(unsigned threads) const noexcept { return threads * scratch_bytes_; }
  std::size_t pictures() const noexcept { return pictures_.size(); }
  std::size_t groups() const noexcept { return groups_.size(); }
  bool empty() const noexcept { return tasks_.empty(); }

  // Memory that a batch is filled into: `host` gets the upload, which goes to the same place in `device` (of
  // device_bytes()); `reported`: pictures() words of host memory that the device can write to.
  struct Memory {
    std::byte *host, *device, *scratch;
    std::uint32_t* reported;
  };
  // Writes the upload, and all of it to `sink` in a few parts; where there is one group, the upload's start comes last.
  void fill(const Memory& memory, Executor& executor, UploadSink& sink);
  // The jobs' statuses, once the device has reported.
  void finish(std::span<DecodeJob> jobs, const std::uint32_t* reported) const;

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct Picture {
    const StreamInfo* stream;
    const Headers* headers;
    const Scans* scans;
    ByteSpan bytes;
    FrameSize frame;
    std::uint32_t first_scan = 0, scans_used = 0;  // of scans_
    std::uint32_t quant = 0;                       // its first table of steps
    bool failed = false;
    // Progressive pictures:
    std::array<std::uint32_t, 4> blocks{};  // first block of coefficients, by component
    std::size_t coefficient_blocks = 0;     // in all
    std::size_t values_bound = 0;           // of their values' number
    std::uint32_t values = 0;               // where values start
  };
  struct ScanPlan {
    EntropyScan scan;
    const Scan* header;
    std::uint32_t picture;
    std::uint32_t mcus_per_row;
    std::size_t word_bytes;  // capacity
  };
  // Neighbouring scans, and what is to be decoded of them.
  struct Group {
    std::uint32_t first_scan = 0, scans = 0;
    std::uint32_t first_unit_block = 0, unit_blocks = 0;
    std::uint32_t first_pixel_block = 0, pixel_blocks = 0;
  };
  struct TablePlan {
    const HuffmanTable* table;
    LookupTable layout;
    std::size_t slot;  // of table_buckets_
    bool dc;
  };
  struct Offsets {
    std::size_t status, entries, tables, scans, segments, entropy_blocks, tasks, unit_blocks, steps, jobs, pixel_blocks,
        sparse, values, words, nodes, counts, links, used, entry_nodes, paths, states, units, sums, bases, planes;
  };

  std::uint32_t picture_of(const DecodeRequest& request);
  Status add_scans(Picture& picture, std::uint32_t index);
  Status add_scan(Picture& picture, std::uint32_t index, const Scan& header);
  Status use_table(const HuffmanTable& table, bool dc, std::uint32_t& index);
  Status add_coefficients(Picture& picture);
  bool decode_coefficients(Picture& picture, const Memory& memory, std::byte* scratch,
                           std::atomic<std::size_t>& used) const;
  void fill_coefficients(const Memory& memory, Executor& executor, UploadSink& sink);
  Status add_job(const DecodeJob& job, std::uint32_t picture, bool triangle);
  void add_tasks(const Picture& picture, std::uint32_t job, const std::array<ComponentSize, 4>& sizes);
  void add_task(const Picture& picture, UnitTask task, std::span<const std::uint8_t> components,
                const std::array<ComponentSize, 4>& sizes);
  void fill_scan(std::size_t index, const Memory& memory, Executor* executor);
  void fill_words(const Group& group, const Memory& memory, Executor& executor, UploadSink& sink);
  void fill_group(const Group& group, const Memory& memory, BatchView& view, UploadSink& sink);
  BatchView view(const Memory& memory) const noexcept;
  void make_groups(std::size_t group_bytes);
  std::size_t group_of(const UnitTask& task) const noexcept;
  void place();
  std::size_t descriptor_parts() const noexcept;
  void fill_descriptors(std::size_t part, std::byte* host) const;
  void fill_tasks(std::byte* host) const;
  void fill_pixel_blocks(std::byte* host) const;

  std::vector<Picture> pictures_;
  std::vector<std::uint32_t> picture_index_;  // by job; kNone: left out
  std::vector<std::uint32_t> buckets_;        // open addressing: StreamInfo -> picture
  std::vector<std::uint32_t> table_buckets_;
  std::vector<ScanPlan> scans_;
  std::vector<TablePlan> tables_;
  std::vector<PixelJob> jobs_;
  std::vector<UnitTask> tasks_;
  std::vector<Group> groups_;
  std::vector<std::uint8_t> job_group_;  // by pixel job: the last one that its tasks are in
  std::vector<std::uint32_t> order_;     // of progressive pictures
  std::size_t entries_ = 0, words_ = 0, planes_ = 0, unit_blocks_ = 0, pixel_blocks_ = 0, entropy_capacity_ = 0;
  std::uint32_t segments_ = 0, subsequences_ = 0, units_ = 0, quant_tables_ = 0, most_pairs_ = 0;
  std::uint32_t subsequence_bytes_ = 128;
  std::size_t coefficient_blocks_ = 0, values_bound_ = 0, upload_bytes_ = 0, device_bytes_ = 0;
  std::size_t scratch_bytes_ = 0;  // a thread
  ParallelUnstuff parallel_unstuff_;
  Offsets at_{};
};

}  // namespace restride::cuda::jpeg
