// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace restride::webp {

// Counts a call for as long as it lives. libwebp's second thread is worth its start for a picture that is worked on
// alone; pictures of a batch already use all threads.
class Active {
 public:
  explicit Active(std::atomic<int>& count) noexcept : count_(count), alone_(count.fetch_add(1) == 0) {}
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;
  ~Active() { count_.fetch_sub(1); }
  bool alone() const noexcept { return alone_; }

 private:
  std::atomic<int>& count_;
  bool alone_;
};

}  // namespace restride::webp
