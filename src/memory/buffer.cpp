// SPDX-License-Identifier: Apache-2.0
#include "memory/buffer.h"

#include <cstring>
#include <new>

#include "base/error_util.h"
#include "memory/scratch.h"

namespace restride {

Status Buffer::ensure(std::size_t bytes, Stream stream, std::size_t keep) {
  if (bytes <= capacity_) return {};
  auto* grown = static_cast<std::byte*>(resource_->allocate(bytes, kBufferAlignment, stream));
  if (!grown) return fail(Errc::out_of_memory, "could not allocate %zu bytes", bytes);
  if (keep) std::memcpy(grown, data_, keep < capacity_ ? keep : capacity_);
  reset();
  data_ = grown;
  capacity_ = bytes;
  stream_ = stream;
  return {};
}

void Buffer::reset() noexcept {
  if (data_) resource_->deallocate(data_, capacity_, kBufferAlignment, stream_);
  data_ = nullptr;
  capacity_ = 0;
}

namespace {

// Blocks start at least this large, so that a job's many small requests share one.
constexpr std::size_t kSmallestBlock = std::size_t{64} << 10;

constexpr std::size_t aligned(std::size_t value, std::size_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace

std::byte* Scratch::allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (alignment < kBufferAlignment) alignment = kBufferAlignment;
  if (bytes > SIZE_MAX - 2 * alignment) return nullptr;
  if (!blocks_.empty()) {
    const auto base = reinterpret_cast<std::uintptr_t>(blocks_.back().data());
    const std::size_t start = aligned(base + position_, alignment) - base;
    if (start <= blocks_.back().capacity() && bytes <= blocks_.back().capacity() - start) {
      used_ += start + bytes - position_;
      position_ = start + bytes;
      return blocks_.back().data() + start;
    }
  }
  const std::size_t wanted = bytes + alignment;  // room to align whatever the resource gives
  Buffer block;
  if (!block.ensure(wanted > kSmallestBlock ? wanted : kSmallestBlock)) return nullptr;
  try {
    blocks_.push_back(std::move(block));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  position_ = 0;
  return allocate(bytes, alignment);
}

void Scratch::reset() noexcept {
  if (blocks_.size() > 1) {
    std::size_t total = 0;
    for (const Buffer& block : blocks_) total += block.capacity();
    blocks_.clear();
    Buffer merged;
    // Without memory for one block of that size the next job starts small again.
    if (merged.ensure(total)) blocks_.push_back(std::move(merged));
  }
  position_ = 0;
  used_ = 0;
}

}  // namespace restride
