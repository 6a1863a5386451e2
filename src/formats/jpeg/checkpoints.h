// SPDX-License-Identifier: Apache-2.0
// What a first pass over a sequential scan's entropy-coded data learned, kept with the stream's headers: where every
// row of MCUs starts. A later region starts at the nearest of them instead of at the scan's start.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>

namespace restride::jpeg {

// Where an entropy decoder stands between two MCUs. All that is needed to go on from there.
struct EntropyState {
  std::uint64_t offset = 0;          // of the byte with the next bit, or of the restart marker that is due
  std::uint32_t mcu = 0;             // the next MCU's index in the scan
  std::uint8_t bit = 0;              // bits of that byte already used
  std::array<std::int32_t, 4> dc{};  // predictors, by component of the scan
};

// States at the starts of rows 0, 1, ... of MCUs, a prefix of which is known: at most 8,192 rows, 256 KB. Thread-safe.
class Checkpoints {
 public:
  // Makes room for `rows` rows, the first of which starts at `start`. Later calls do nothing; neither does one that
  // finds no memory: then nothing is kept.
  void prepare(std::uint32_t rows, const EntropyState& start) noexcept {
    if (known() != 0) return;
    std::lock_guard lock(mutex_);
    if (states_ || rows == 0) return;
    states_.reset(new (std::nothrow) EntropyState[rows]);
    if (!states_) return;
    rows_ = rows;
    states_[0] = start;
    known_.store(1, std::memory_order_release);
  }
  // Rows 0 to known() - 1 have their state.
  std::uint32_t known() const noexcept { return known_.load(std::memory_order_acquire); }
  // Needs row < known().
  const EntropyState& at(std::uint32_t row) const noexcept { return states_[row]; }
  // Takes note of row `row`'s start, if it is the first that is not known.
  void record(std::uint32_t row, const EntropyState& state) noexcept {
    if (row != known()) return;
    std::lock_guard lock(mutex_);
    if (!states_ || row >= rows_ || row != known_.load(std::memory_order_relaxed)) return;
    states_[row] = state;
    known_.store(row + 1, std::memory_order_release);
  }
  // Held by whoever walks ahead to learn more rows, so that no two walk the same way.
  std::mutex& walking() noexcept { return walking_; }

 private:
  std::mutex mutex_, walking_;
  std::unique_ptr<EntropyState[]> states_;
  std::uint32_t rows_ = 0;
  std::atomic<std::uint32_t> known_{0};
};

}  // namespace restride::jpeg
