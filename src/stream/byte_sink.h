// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "base/bytes.h"
#include "base/error_util.h"
#include "memory/buffer.h"

namespace restride {

// Where an encoder writes. Bytes go straight into the code stream's buffer while they fit; when they do not, into a
// spill buffer that is kept for the next call, and at the end the code stream gets one buffer of exactly the right
// size. The code stream's old content is lost once the first byte is written.
class ByteSink {
 public:
  ByteSink(Buffer& target, Buffer& spill) noexcept : target_(&target), current_(&target), spill_(&spill) {}

  // Room for `bytes` more bytes at the returned place, which stays valid until the next call of reserve or append;
  // nullptr when memory is short. Follow by commit.
  std::byte* reserve(std::size_t bytes) noexcept {
    if (bytes > current_->capacity() - size_ && !grow(bytes)) return nullptr;
    return current_->data() + size_;
  }
  // Capacity left at the place that reserve(0) gives.
  std::size_t room() const noexcept { return current_->capacity() - size_; }
  void commit(std::size_t bytes) noexcept { size_ += bytes; }

  // Appends a copy; false when memory is short.
  bool append(const void* data, std::size_t bytes) noexcept {
    std::byte* to = reserve(bytes);
    if (!to) return false;
    if (bytes) std::memcpy(to, data, bytes);
    commit(bytes);
    return true;
  }
  bool append(ByteSpan bytes) noexcept { return append(bytes.data(), bytes.size()); }

  // What was written so far, for going back and filling in lengths.
  std::byte* data() const noexcept { return current_->data(); }
  std::size_t size() const noexcept { return size_; }
  void truncate(std::size_t size) noexcept { size_ = size < size_ ? size : size_; }

  // Starts over with an encoder that knows by now what it will write: the code stream gets room for `bytes` bytes at
  // once, which saves the copy at the end. False when memory is short.
  bool restart(std::size_t bytes) noexcept;

  // Brings everything into the target. Called by the engine once the encoder has succeeded.
  Status finish();

 private:
  bool grow(std::size_t bytes) noexcept;

  Buffer* target_;
  Buffer* current_;
  Buffer* spill_;
  std::size_t size_ = 0;
};

}  // namespace restride
