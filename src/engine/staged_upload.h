// SPDX-License-Identifier: Apache-2.0
// Pieces of pixels that threads put into a stage and that go to the device as they become ready: small neighbours
// together, large ones in bands, so that the number of copies follows the bytes, not the pictures.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/device_runtime.h"
#include "image/convert/pixel_sink.h"

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
    closed_ = true;
    failed_.store(false, std::memory_order_relaxed);
  }
  // A piece of `bytes` bytes behind the last one. Its number is that of pieces before it.
  std::size_t add(std::size_t bytes, std::size_t alignment = kStageAlignment) {
    const std::size_t at = (end_ + alignment - 1) / alignment * alignment;
    if (closed_ || end_ - chunks_.back().begin >= kUploadBytes) chunks_.emplace_back().begin = at;
    closed_ = false;
    end_ = chunks_.back().end = at + bytes;
    chunks_.back().left.fetch_add(1, std::memory_order_relaxed);
    chunk_of_.push_back(static_cast<std::uint32_t>(chunks_.size() - 1));
    return at;
  }
  // A picture of `spec` (interleaved, dense) that goes up in chunks of its own of `rows` rows. Gives its place, and the
  // number of its first chunk in `first`.
  std::size_t add_bands(const ImageSpec& spec, std::int64_t rows, std::size_t& first) {
    const std::size_t at = (end_ + kStageAlignment - 1) / kStageAlignment * kStageAlignment;
    first = chunks_.size();
    end_ = at;
    for (std::int64_t y = 0; y < spec.height; y += rows) {
      const std::int64_t n = std::min<std::int64_t>(rows, spec.height - y);
      Chunk& chunk = chunks_.emplace_back();
      chunk.begin = end_;
      end_ = chunk.end = end_ + static_cast<std::size_t>(n) * static_cast<std::size_t>(spec.row_bytes());
      chunk.left.store(static_cast<std::uint64_t>(n) * spec.width, std::memory_order_relaxed);
    }
    closed_ = true;
    return at;
  }
  std::size_t pieces() const noexcept { return chunk_of_.size(); }
  std::size_t end() const noexcept { return end_; }

  // Piece `piece` is in the stage: the last one of its chunk sends it. Thread-safe.
  void ready(std::size_t piece, DeviceStage& stage) { subtract(chunks_[chunk_of_[piece]], 1, stage); }
  // `pixels` pixels of a band's chunk are in the stage. Thread-safe.
  void ready_in(std::size_t chunk, std::uint64_t pixels, DeviceStage& stage) {
    subtract(chunks_[chunk], pixels, stage);
  }
  // A band's chunk is complete, whatever was said of it before.
  void complete(std::size_t chunk, DeviceStage& stage) {
    subtract(chunks_[chunk], chunks_[chunk].left.load(std::memory_order_acquire), stage);
  }
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    std::size_t begin = 0, end = 0;
    std::atomic<std::uint64_t> left{0};  // pieces, or a band's pixels, that are still missing
    Chunk() = default;
    Chunk(const Chunk& other) noexcept : begin(other.begin), end(other.end), left(other.left.load()) {}
  };
  void subtract(Chunk& chunk, std::uint64_t amount, DeviceStage& stage) {
    if (amount == 0 || chunk.left.fetch_sub(amount, std::memory_order_acq_rel) != amount) return;
    if (!stage.upload(chunk.begin, chunk.end - chunk.begin)) failed_.store(true, std::memory_order_relaxed);
  }
  std::size_t end_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<std::uint32_t> chunk_of_;  // by piece
  bool closed_ = true;                   // the next piece begins a chunk
  std::atomic<bool> failed_{false};
};

// Sends the bands of one picture as a decoder delivers them.
class BandUpload final : public DeliveryListener {
 public:
  // True if `spec` is large enough to go up in bands, and laid out for it.
  static bool pays(const ImageSpec& spec) noexcept {
    return spec.bytes() >= 2 * kUploadBytes && (spec.channels == 1 || !spec.planar());
  }
  // Gives the picture's place.
  std::size_t start(StagedUpload& upload, const ImageSpec& spec) {
    upload_ = &upload;
    rows_ = std::max<std::int64_t>(static_cast<std::int64_t>(kUploadBytes / spec.row_bytes()), 1);
    bands_ = (spec.height + rows_ - 1) / rows_;
    return upload.add_bands(spec, rows_, first_);
  }
  void aim(DeviceStage& stage) noexcept { stage_ = &stage; }
  void delivered(const Rect& where) noexcept override {
    for (std::int64_t y = where.y; y < where.bottom();) {
      const std::int64_t band = y / rows_, end = std::min(where.bottom(), (band + 1) * rows_);
      upload_->ready_in(first_ + static_cast<std::size_t>(band), static_cast<std::uint64_t>((end - y) * where.width),
                        *stage_);
      y = end;
    }
  }
  // The picture is decoded: sends what was written without a word.
  void finish() {
    for (std::int64_t k = 0; k < bands_; ++k) upload_->complete(first_ + static_cast<std::size_t>(k), *stage_);
  }

 private:
  StagedUpload* upload_ = nullptr;
  DeviceStage* stage_ = nullptr;
  std::size_t first_ = 0;  // chunk
  std::int64_t rows_ = 1, bands_ = 0;
};

}  // namespace restride
