// SPDX-License-Identifier: Apache-2.0
// One call's JPEG pictures, from jobs to what the kernels want: descriptors, tables and un-stuffed data in one block of
// (pinned) memory. No CUDA in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/codec.h"
#include "cuda/jpeg/batch_view.h"
#include "formats/jpeg/headers.h"

namespace restride::cuda::jpeg {

// Whether this decoder takes a request, and as what. Pure.
Result<DecodePlan> plan_decode(const DecodeRequest& request, bool triangle);

// Reused from call to call: its vectors keep their capacity.
class Batch {
 public:
  // Lays the batch out. Jobs that cannot be done get a status and are left out. `triangle`: interpolate chroma.
  void lay_out(std::span<DecodeJob> jobs, bool triangle);
  std::size_t upload_bytes() const noexcept { return upload_bytes_; }
  std::size_t device_bytes() const noexcept { return device_bytes_; }  // with the upload
  std::size_t pictures() const noexcept { return pictures_.size(); }
  bool empty() const noexcept { return tasks_.empty(); }

  // Writes the upload to `host` and gives the view for a device block (of device_bytes()) that it will be copied to.
  // `reported`: pictures() words of host memory that the device can write to; they are cleared.
  BatchView fill(std::span<DecodeJob> jobs, std::byte* host, std::byte* device, std::uint32_t* reported,
                 Executor& executor);
  // The jobs' statuses, once the device has reported.
  void finish(std::span<DecodeJob> jobs, const std::uint32_t* reported) const;

 private:
  struct Picture {
    const StreamInfo* stream;
    const Headers* headers;
    const Scans* scans;
    ByteSpan bytes;
    FrameSize frame;
    std::uint32_t first_scan, scans_used;  // of scans_
    std::uint32_t quant;                   // its first table of steps
    bool failed;
  };
  struct ScanPlan {
    EntropyScan scan;
    const Scan* header;
    std::uint32_t picture;
    std::uint32_t mcus_per_row;
    std::size_t word_bytes;  // capacity
  };
  struct TablePlan {
    const HuffmanTable* table;
    LookupTable layout;
    bool dc;
  };
  struct Offsets {
    std::size_t status, entries, tables, scans, segments, entropy_blocks, tasks, unit_blocks, steps, jobs, pixel_blocks,
        words, nodes, counts, links, used, entry_nodes, paths, states, units, sums, bases, planes;
  };

  std::uint32_t picture_of(const DecodeRequest& request);
  Status add_scans(Picture& picture, std::uint32_t index);
  Status add_scan(Picture& picture, std::uint32_t index, const Scan& header);
  Status use_table(const HuffmanTable& table, bool dc, std::uint32_t& index);
  Status add_job(const DecodeJob& job, std::uint32_t picture, bool triangle);
  void add_tasks(const Picture& picture, std::uint32_t job, const std::array<ComponentSize, 4>& sizes);
  void place();
  void fill_descriptors(std::byte* host) const;
  static void fill_pixel_blocks(const PixelJob& job, std::uint32_t index, PixelBlock*& to) noexcept;

  std::vector<Picture> pictures_;
  std::vector<std::uint32_t> picture_index_;  // by job; kNone: left out
  std::vector<std::uint32_t> buckets_;        // open addressing: StreamInfo -> picture
  std::vector<std::uint32_t> table_buckets_;
  std::vector<ScanPlan> scans_;
  std::vector<TablePlan> tables_;
  std::vector<PixelJob> jobs_;
  std::vector<UnitTask> tasks_;
  std::size_t entries_ = 0, words_ = 0, planes_ = 0, unit_blocks_ = 0, pixel_blocks_ = 0, entropy_capacity_ = 0;
  std::uint32_t segments_ = 0, subsequences_ = 0, units_ = 0, quant_tables_ = 0, most_pairs_ = 0;
  std::uint32_t subsequence_bytes_ = 128;
  std::size_t upload_bytes_ = 0, device_bytes_ = 0;
  Offsets at_{};
};

}  // namespace restride::cuda::jpeg
