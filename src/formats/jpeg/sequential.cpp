// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/sequential.h"

#include <algorithm>
#include <cstring>

namespace restride::jpeg {
namespace {

constexpr std::uint64_t kCheckpointPixels = 1U << 18;  // smaller pictures are walked through faster than it is worth
constexpr std::uint64_t kBandPixels = 1U << 19;        // smaller windows are not divided
constexpr std::uint32_t kRowsABand = 12;               // of MCUs, at least; a band decodes up to two more for context

const Headers& headers_of(const DecodeJob& job) noexcept {
  return static_cast<const Headers&>(*job.request.stream->detail);
}

// Finds where the restart intervals start, without decoding them, as far as row `row` needs it (B.2.1: one RSTn behind
// each interval). Notes every row's last restart before it. Stops where the order is broken: decoding will say so.
EntropyState index_restarts(const ScanCoder& scan, Checkpoints& checkpoints, ByteSpan bytes, std::uint32_t mcus_a_row,
                            std::uint32_t known_row, std::uint32_t row, EntropyState state) noexcept {
  const std::byte* const end = bytes.data() + bytes.size();
  const std::byte* at = bytes.data() + state.offset + (state.mcu == 0 ? 0 : 2);
  for (std::uint32_t r = known_row + 1; r <= row; ++r) {
    const std::uint32_t wanted = r * mcus_a_row / scan.restart_interval;
    for (std::uint32_t index = state.mcu / scan.restart_interval + 1; index <= wanted; ++index) {
      do {
        at = at < end ? static_cast<const std::byte*>(std::memchr(at, 0xff, static_cast<std::size_t>(end - at)))
                      : nullptr;
        while (at && at + 1 < end && at[1] == std::byte{0xff}) ++at;
        if (!at || at + 1 >= end) return state;
        at += 2;
      } while (at[-1] == std::byte{0});
      if (static_cast<std::uint32_t>(at[-1]) != 0xd0 + (index - 1) % 8) return state;
      state = {static_cast<std::uint64_t>(at - 2 - bytes.data()), index * scan.restart_interval, 0, {}};
    }
    checkpoints.record(r, state);
  }
  return state;
}

// The entropy decoder's state at the start of row `row`, from the nearest row that is known; what lies between is
// walked through and noted.
Status seek(DecodeHandle& handle, const StageGeometry& geometry, const DecodeJob& job, std::uint32_t row,
            EntropyState& state) {
  ScanCoder& scan = handle.scan;
  const StageSetup& setup = handle.setup;
  Checkpoints& checkpoints = headers_of(job).checkpoints;
  const std::uint32_t mcus_a_row = scan.mcus_per_line * geometry.lines_a_row;
  state = {scan.offset, 0, 0, {}};
  const bool kept = std::uint64_t{setup.width} * setup.height >= kCheckpointPixels;
  if (kept) checkpoints.prepare(geometry.rows, state);
  if (row == 0) return {};
  std::unique_lock<std::mutex> walking;
  if (kept && checkpoints.known() <= row) walking = std::unique_lock(checkpoints.walking());
  const std::uint32_t known = checkpoints.known();
  std::uint32_t at = known == 0 ? 0 : std::min(known - 1, row);
  if (known != 0) state = checkpoints.at(at);
  if (scan.restart_interval != 0 && at < row)
    state = index_restarts(scan, checkpoints, job.request.bytes, mcus_a_row, at, row, state);
  if (state.mcu == row * mcus_a_row) return {};
  scan.prepare_walk();
  EntropyDecoder entropy(scan, job.request.bytes, state);
  for (at = state.mcu / mcus_a_row + 1; at <= row; ++at) {
    if (!entropy.walk(at * mcus_a_row - state.mcu)) return entropy.error();
    state = entropy.state();
    checkpoints.record(at, state);
  }
  return {};
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

// Decodes one row of MCUs into samples. Columns beside those needed are only walked through, in the last row not even
// that. False: see entropy.error().
bool decode_row(EntropyDecoder& entropy, Stages& stages, const ScanCoder& scan, const StageGeometry& g, const Needed& n,
                std::uint32_t row, CoefficientBlock* blocks) noexcept {
  const bool context_only = row * g.groups_a_row > n.last_group || (row + 1) * g.groups_a_row <= n.first_group;
  const std::uint32_t lines = std::min(g.lines_a_row, scan.lines - row * g.lines_a_row);
  for (std::uint32_t line = 0; line < lines; ++line) {
    if (n.first_column != 0 && !entropy.walk(n.first_column)) return false;
    for (std::uint32_t column = n.first_column; column < n.end_column; ++column) {
      const int more = entropy.decode(blocks);
      if (more < 0) return false;
      stages.transform(row, line, column, blocks, more, context_only);
    }
    const std::uint32_t rest = scan.mcus_per_line - n.end_column;
    const bool last = row == n.last_row && line + 1 == lines;
    if (rest != 0 && !last && !entropy.walk(rest)) return false;
  }
  return true;
}

}  // namespace

Status decode_rows(DecodeHandle& handle, DecodeJob& job, PixelRows rows, bool invert, Scratch& scratch) {
  ScanCoder& scan = handle.scan;
  const StageGeometry g = stage_geometry(handle.libjpeg.cinfo, scan);
  const Needed n = needed_for(g, scan, job.request.window, rows);
  EntropyState start;
  RESTRIDE_TRY(seek(handle, g, job, n.first_row, start));
  const bool narrow = n.first_column != 0 || n.end_column != scan.mcus_per_line;
  if (narrow) scan.prepare_walk();
  Stages stages(handle.libjpeg.cinfo, scan, g);
  RowTarget target(job, rows, invert);
  const std::int64_t left = std::int64_t{n.first_column} * g.mcu_width;
  const std::int64_t width = std::min<std::int64_t>(g.width, std::int64_t{n.end_column} * g.mcu_width) - left;
  if (!stages.begin(n.first_column, n.end_column, scratch) || !target.begin(left, width, scratch))
    return fail(Errc::out_of_memory, "no memory for rows of samples");
  EntropyDecoder entropy(scan, job.request.bytes, start);
  std::array<CoefficientBlock, ScanCoder::kMaxBlocks> blocks{};
  Checkpoints& checkpoints = headers_of(job).checkpoints;
  std::uint32_t group = n.first_group;
  for (std::uint32_t row = n.first_row; row <= n.last_row; ++row) {
    if (!decode_row(entropy, stages, scan, g, n, row, blocks.data())) return entropy.error();
    if (row + 1 == checkpoints.known() && !(narrow && row == n.last_row)) checkpoints.record(row + 1, entropy.state());
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
  return {};
}

std::size_t band_count(const DecodeHandle& handle, const DecodeJob& job, const Context& context) noexcept {
  const std::size_t threads = context.executor.concurrency();
  const Rect& window = job.request.window;
  if (threads == 1 ||
      static_cast<std::uint64_t>(window.width) * static_cast<std::uint64_t>(window.height) < kBandPixels)
    return 1;
  const StageGeometry g = stage_geometry(handle.libjpeg.cinfo, handle.scan);
  // Threads that have other pictures to do would only lose time with walking ahead in this one.
  if (context.jobs >= threads && headers_of(job).checkpoints.known() < g.rows) return 1;
  const auto rows = static_cast<std::uint32_t>(window.height) / g.row_height();
  return std::clamp<std::size_t>(rows / kRowsABand, 1, std::min(threads * 4, kMaxBands));
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
