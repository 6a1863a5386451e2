// SPDX-License-Identifier: Apache-2.0
#include "stream/byte_sink.h"

#include <algorithm>

namespace restride {

bool ByteSink::grow(std::size_t bytes) noexcept {
  if (bytes > SIZE_MAX / 4 - size_) return false;
  constexpr std::size_t kFirst = std::size_t{64} << 10;
  const std::size_t wanted = std::max({kFirst, size_ + bytes, size_ + size_ / 2});
  const std::byte* old = current_->data();
  if (current_ == spill_) return spill_->ensure(wanted, {}, size_).ok();
  if (!spill_->ensure(wanted)) return false;
  if (size_) std::memcpy(spill_->data(), old, size_);
  current_ = spill_;
  return true;
}

bool ByteSink::restart(std::size_t bytes) noexcept {
  size_ = 0;
  if (!target_->ensure(bytes)) return false;
  current_ = target_;
  return true;
}

Status ByteSink::finish() {
  if (current_ == target_) return {};
  RESTRIDE_TRY(target_->ensure(size_));
  std::memcpy(target_->data(), spill_->data(), size_);
  current_ = target_;
  return {};
}

}  // namespace restride
