// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/sequential.h"

#include <algorithm>
#include <cstring>

namespace restride::jpeg {
namespace {

constexpr std::uint64_t kCheckpointPixels = 1U << 18;  // smaller pictures are walked through faster than it is worth
constexpr std::uint32_t kCheckpointSpacing = 32;       // MCUs from one to the next, at least

const Headers& headers_of(const DecodeJob& job) noexcept {
  return static_cast<const Headers&>(*job.request.stream->detail);
}

// An entropy decoder that finds its way: to any MCU ahead by the shortest path, taking note of states as it goes.
class Walker {
 public:
  Walker(DecodeHandle& handle, const DecodeJob& job) noexcept;

  // Goes to an MCU at or behind the present one. Decoder::error() says why if it fails.
  bool go_to(std::uint32_t line, std::uint32_t column);
  // Takes note of the present state, where one is wanted.
  void note() noexcept;
  EntropyDecoder& decoder() noexcept { return decoder_; }

 private:
  std::uint32_t index_at(std::uint32_t mcu) const noexcept {
    return mcu / scan_->mcus_per_line * a_line_ + mcu % scan_->mcus_per_line / spacing_;
  }
  std::uint32_t mcu_of(std::uint32_t index) const noexcept {
    return index / a_line_ * scan_->mcus_per_line + index % a_line_ * spacing_;
  }
  void follow_restarts(std::uint32_t last) noexcept;

  ScanCoder* scan_;
  ByteSpan bytes_;
  Checkpoints* checkpoints_;
  bool kept_;
  std::uint32_t spacing_, a_line_;  // MCUs from one checkpoint to the next; checkpoints in a line of MCUs
  EntropyDecoder decoder_;
};

Walker::Walker(DecodeHandle& handle, const DecodeJob& job) noexcept
    : scan_(&handle.scan),
      bytes_(job.request.bytes),
      checkpoints_(&headers_of(job).checkpoints),
      kept_(std::uint64_t{handle.setup.width} * handle.setup.height >= kCheckpointPixels),
      decoder_(handle.scan, job.request.bytes, {handle.scan.offset, 0, 0, {}}) {
  const std::uint32_t columns = scan_->mcus_per_line;
  const std::uint32_t most = std::clamp(Checkpoints::kMost / scan_->lines, 1U, columns);
  const std::uint32_t steps = (columns + most - 1) / most;
  spacing_ = (steps + kCheckpointSpacing - 1) / kCheckpointSpacing * kCheckpointSpacing;
  a_line_ = (columns + spacing_ - 1) / spacing_;
  if (kept_) checkpoints_->prepare(scan_->lines * a_line_, decoder_.state());
}

// Finds where restart intervals start, without decoding them (B.2.1: one RSTn behind each interval), for the
// checkpoints up to `last`. Stops where the order is broken: decoding will say so.
void Walker::follow_restarts(std::uint32_t last) noexcept {
  const std::uint32_t interval = scan_->restart_interval;
  std::uint32_t index = checkpoints_->known();
  EntropyState state = checkpoints_->at(index - 1);
  const std::byte* const end = bytes_.data() + bytes_.size();
  // A state within an interval lies before the marker that ends it; one at its start may be the marker itself.
  const std::byte* at = bytes_.data() + state.offset;
  std::uint32_t passed = state.mcu / interval;  // markers before `at`
  if (passed != 0 && state.mcu % interval == 0) --passed;
  for (; index <= last; ++index) {
    for (const std::uint32_t wanted = mcu_of(index) / interval; passed < wanted; ++passed) {
      do {
        if (at < end) at = static_cast<const std::byte*>(std::memchr(at, 0xff, static_cast<std::size_t>(end - at)));
        if (!at || at >= end) return;
        while (at + 1 < end && at[1] == std::byte{0xff}) ++at;
        if (at + 1 >= end) return;
        at += 2;
      } while (at[-1] == std::byte{0});
      if (static_cast<std::uint32_t>(at[-1]) != 0xd0 + passed % 8) return;
      state = {static_cast<std::uint64_t>(at - 2 - bytes_.data()), (passed + 1) * interval, 0, {}};
    }
    checkpoints_->record(index, state);
  }
}

bool Walker::go_to(std::uint32_t line, std::uint32_t column) {
  const std::uint32_t target = line * scan_->mcus_per_line + column;
  if (decoder_.next_mcu() == target) return true;
  const std::uint32_t index = index_at(target);
  std::unique_lock<std::mutex> walking;
  if (kept_ && checkpoints_->known() <= index) {
    walking = std::unique_lock(checkpoints_->walking());
    if (scan_->restart_interval != 0 && checkpoints_->known() != 0) follow_restarts(index);
  }
  if (const std::uint32_t known = checkpoints_->known(); known != 0) {
    const EntropyState& nearest = checkpoints_->at(std::min(index, known - 1));
    if (nearest.mcu > decoder_.next_mcu()) decoder_ = EntropyDecoder(*scan_, bytes_, nearest);
  }
  if (decoder_.next_mcu() < target) scan_->prepare_walk();
  while (decoder_.next_mcu() < target) {
    const std::uint32_t now = decoder_.next_mcu();
    const std::uint32_t stop = std::min(target, mcu_of(index_at(now) + 1));
    if (!decoder_.walk(stop - now)) return false;
    note();
  }
  return true;
}

void Walker::note() noexcept {
  const std::uint32_t mcu = decoder_.next_mcu(), index = index_at(mcu);
  if (kept_ && index == checkpoints_->known() && mcu == mcu_of(index)) checkpoints_->record(index, decoder_.state());
}

// Where finished rows of pixels go: the caller's memory, or a band that is handed on when it is full.
class RowTarget {
 public:
  static constexpr std::uint32_t kBandRows = 16;

  RowTarget(DecodeJob& job, PixelRows rows, bool invert) noexcept
      : job_(&job), rows_(rows), next_(rows.first), invert_(invert) {}

  // Pixels come in columns [first, first + width) of the picture.
  bool begin(std::int64_t first, std::int64_t width, Scratch& scratch) {
    const Rect& window = job_->request.window;
    row_bytes_ = static_cast<std::size_t>(width) * job_->plan.native.channels;
    offset_ = static_cast<std::size_t>(window.x - first) * job_->plan.native.channels;
    straight_ = job_->sink.direct() && !invert_ && offset_ == 0 && window.width == width;
    const std::size_t rows = MAX_SAMP_FACTOR + (straight_ ? 0 : kBandRows);
    const auto memory = scratch.take<JSAMPLE>(rows * row_bytes_);
    spare_ = memory.data();
    return spare_ != nullptr;
  }
  // Where row `y` is to be written, called in order; rows outside of the band have a place too.
  JSAMPROW row(std::int64_t y) noexcept {
    const std::size_t below = static_cast<std::size_t>(y) % MAX_SAMP_FACTOR;
    if (y < rows_.first || y >= rows_.end) return spare_ + below * row_bytes_;
    if (straight_) return reinterpret_cast<JSAMPROW>(job_->sink.direct_view().at(0, y - job_->request.window.y));
    return band_row(y);
  }
  // Rows before `y` are complete; up to MAX_SAMP_FACTOR more will follow before the next call.
  void complete(std::int64_t y) noexcept {
    y = std::min(y, rows_.end);
    if (straight_ || y <= next_) return;
    if (y < rows_.end && y - next_ + MAX_SAMP_FACTOR <= kBandRows) return;
    JSAMPLE* first = band_row(next_);
    const auto count = y - next_;
    if (invert_)
      for (JSAMPLE& sample : std::span(first, row_bytes_ * static_cast<std::size_t>(count)))
        sample = static_cast<JSAMPLE>(MAXJSAMPLE - sample);
    const Rect& window = job_->request.window;
    job_->sink.put_interleaved({0, next_ - window.y, window.width, count},
                               reinterpret_cast<const std::byte*>(first + offset_),
                               static_cast<std::ptrdiff_t>(row_bytes_));
    next_ = y;
  }

 private:
  JSAMPLE* band_row(std::int64_t y) const noexcept {
    return spare_ + (MAX_SAMP_FACTOR + static_cast<std::size_t>(y - next_)) * row_bytes_;
  }

  DecodeJob* job_;
  PixelRows rows_;
  std::int64_t next_;  // first row not handed on
  bool invert_, straight_ = false;
  std::size_t row_bytes_ = 0, offset_ = 0;
  JSAMPLE* spare_ = nullptr;  // rows that nobody wants, then the band
};

// Rows of MCUs and columns of them that some pixels need.
struct Needed {
  std::uint32_t first_group, last_group;  // of row groups with wanted pixels
  std::uint32_t first_row, last_row;      // of rows of MCUs, context included
  std::uint32_t first_column, end_column;
};

Needed needed_for(const StageGeometry& g, const ScanCoder& scan, const Rect& window, PixelRows rows) noexcept {
  Needed n{};
  n.first_group = static_cast<std::uint32_t>(rows.first) / g.group_height;
  n.last_group = static_cast<std::uint32_t>(rows.end - 1) / g.group_height;
  const std::uint32_t around = g.context ? 1 : 0;
  n.first_row = (n.first_group - std::min(n.first_group, around)) / g.groups_a_row;
  n.last_row = std::min(n.last_group + around, g.groups - 1) / g.groups_a_row;
  // One MCU more on each side: upsampling looks at a sample's neighbours.
  const auto first = static_cast<std::uint32_t>(window.x) / g.mcu_width;
  const auto last = static_cast<std::uint32_t>(window.right() - 1) / g.mcu_width;
  n.first_column = first - std::min(first, 1U);
  n.end_column = std::min(last + 2, scan.mcus_per_line);
  return n;
}

// Decodes the columns that are needed of one row of MCUs into samples. False: see the decoder's error().
bool decode_row(Walker& walker, Stages& stages, const ScanCoder& scan, const StageGeometry& g, const Needed& n,
                std::uint32_t row, CoefficientBlock* blocks) {
  const bool context_only = row * g.groups_a_row > n.last_group || (row + 1) * g.groups_a_row <= n.first_group;
  const std::uint32_t lines = std::min(g.lines_a_row, scan.lines - row * g.lines_a_row);
  for (std::uint32_t line = 0; line < lines; ++line) {
    if (!walker.go_to(row * g.lines_a_row + line, n.first_column)) return false;
    for (std::uint32_t column = n.first_column; column < n.end_column; ++column) {
      if (column % kCheckpointSpacing == 0) walker.note();
      const int more = walker.decoder().decode(blocks);
      if (more < 0) return false;
      stages.transform(row, line, column, blocks, more, context_only);
    }
  }
  return true;
}

}  // namespace

Status decode_rows(DecodeHandle& handle, DecodeJob& job, PixelRows rows, bool invert, Scratch& scratch) {
  const ScanCoder& scan = handle.scan;
  const StageGeometry g = stage_geometry(handle.libjpeg.cinfo, scan);
  const Needed n = needed_for(g, scan, job.request.window, rows);
  Stages stages(handle.libjpeg.cinfo, scan, g);
  RowTarget target(job, rows, invert);
  const std::int64_t left = std::int64_t{n.first_column} * g.mcu_width;
  const std::int64_t width = std::min<std::int64_t>(g.width, std::int64_t{n.end_column} * g.mcu_width) - left;
  if (!stages.begin(n.first_column, n.end_column, scratch) || !target.begin(left, width, scratch))
    return fail(Errc::out_of_memory, "no memory for rows of samples");
  Walker walker(handle, job);
  std::array<CoefficientBlock, ScanCoder::kMaxBlocks> blocks{};
  std::uint32_t group = n.first_group;
  for (std::uint32_t row = n.first_row; row <= n.last_row; ++row) {
    if (!decode_row(walker, stages, scan, g, n, row, blocks.data())) return walker.decoder().error();
    // The last row group of a row waits for the next row, if upsampling looks at that.
    const std::uint32_t wait = g.context && row + 1 < g.rows ? 1 : 0;
    const std::uint32_t ready = std::min((row + 1) * g.groups_a_row - wait, n.last_group + 1);
    for (; group < ready; ++group) {
      std::array<JSAMPROW, MAX_SAMP_FACTOR> pixels{};
      const std::int64_t y = std::int64_t{group} * g.group_height;
      for (std::uint32_t i = 0; i < g.group_height; ++i) pixels[i] = target.row(y + i);
      stages.output(group, pixels.data());
      target.complete(y + g.group_height);
    }
  }
  walker.note();
  return {};
}

std::size_t band_count(const DecodeHandle& handle, const DecodeJob& job, const Context& context) noexcept {
  const StageGeometry g = stage_geometry(handle.libjpeg.cinfo, handle.scan);
  const auto width = static_cast<std::uint64_t>(job.request.window.width);
  const auto height = static_cast<std::uint64_t>(job.request.window.height);
  return band_count(width * height, height / g.row_height(), context);
}

PixelRows band_rows(const DecodeHandle& handle, const DecodeJob& job, std::size_t index, std::size_t count) noexcept {
  const StageGeometry g = stage_geometry(handle.libjpeg.cinfo, handle.scan);
  const Rect& window = job.request.window;
  const auto cut = [&](std::size_t i) {
    if (i == 0) return window.y;
    if (i == count) return window.bottom();
    const std::int64_t y = window.y + window.height * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(count);
    return y / g.row_height() * g.row_height();
  };
  return {cut(index), cut(index + 1)};
}

}  // namespace restride::jpeg
