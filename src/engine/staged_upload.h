// SPDX-License-Identifier: Apache-2.0
// Pieces of pixels that threads put into a stage and that go to the device as they become ready: small neighbours
// together, so that the number of copies follows the bytes, not the pictures.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/device_runtime.h"

namespace restride {

inline constexpr std::size_t kStageAlignment = 256;
inline constexpr std::size_t kUploadBytes = std::size_t{2} << 20;  // a copy of that size runs at full speed

class StagedUpload {
 public:
  // Forgets all pieces; the next one starts at `begin`.
  void start(std::size_t begin) noexcept {
    end_ = begin;
    chunks_.clear();
    chunk_of_.clear();
    failed_.store(false, std::memory_order_relaxed);
  }
  // A piece of `bytes` bytes behind the last one. Its number is that of pieces before it.
  std::size_t add(std::size_t bytes, std::size_t alignment = kStageAlignment) {
    const std::size_t at = (end_ + alignment - 1) / alignment * alignment;
    if (chunks_.empty() || end_ - chunks_.back().begin >= kUploadBytes) chunks_.emplace_back().begin = at;
    end_ = chunks_.back().end = at + bytes;
    chunks_.back().left.fetch_add(1, std::memory_order_relaxed);
    chunk_of_.push_back(static_cast<std::uint32_t>(chunks_.size() - 1));
    return at;
  }
  std::size_t pieces() const noexcept { return chunk_of_.size(); }
  std::size_t end() const noexcept { return end_; }

  // Piece `piece` is in the stage: the last one of its chunk sends it. Thread-safe.
  void ready(std::size_t piece, DeviceStage& stage) {
    Chunk& chunk = chunks_[chunk_of_[piece]];
    if (chunk.left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!stage.upload(chunk.begin, chunk.end - chunk.begin)) failed_.store(true, std::memory_order_relaxed);
  }
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    std::size_t begin = 0, end = 0;
    std::atomic<std::uint32_t> left{0};
    Chunk() = default;
    Chunk(const Chunk& other) noexcept : begin(other.begin), end(other.end), left(other.left.load()) {}
  };
  std::size_t end_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<std::uint32_t> chunk_of_;  // by piece
  std::atomic<bool> failed_{false};
};

}  // namespace restride
