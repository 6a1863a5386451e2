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

// States at evenly spaced places of a scan, a prefix of which is known: at most kMost, 256 KB. Thread-safe.
class Checkpoints {
 public:
  static constexpr std::uint32_t kMost = 8192;

  // Makes room for `count` states, the first of which is `start`. Later calls do nothing; neither does one that finds
  // no memory: then nothing is kept.
  void prepare(std::uint32_t count, const EntropyState& start) noexcept {
    if (known() != 0) return;
    std::lock_guard lock(mutex_);
    if (states_ || count == 0 || count > kMost) return;
    states_.reset(new (std::nothrow) EntropyState[count]);
    if (!states_) return;
    count_ = count;
    states_[0] = start;
    known_.store(1, std::memory_order_release);
  }
  // States 0 to known() - 1 are there.
  std::uint32_t known() const noexcept { return known_.load(std::memory_order_acquire); }
  // Needs index < known().
  const EntropyState& at(std::uint32_t index) const noexcept { return states_[index]; }
  // Takes note of a state, if it is the first that is not known.
  void record(std::uint32_t index, const EntropyState& state) noexcept {
    std::lock_guard lock(mutex_);
    if (!states_ || index >= count_ || index != known_.load(std::memory_order_relaxed)) return;
    states_[index] = state;
    known_.store(index + 1, std::memory_order_release);
  }
  // Held by whoever walks ahead to learn more, so that no two walk the same way.
  std::mutex& walking() noexcept { return walking_; }

 private:
  std::mutex mutex_, walking_;
  std::unique_ptr<EntropyState[]> states_;
  std::uint32_t count_ = 0;
  std::atomic<std::uint32_t> known_{0};
};

}  // namespace restride::jpeg
