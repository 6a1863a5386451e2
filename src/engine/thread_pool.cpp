// SPDX-License-Identifier: Apache-2.0
#include "engine/thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <exception>

namespace restride {

ThreadPool::ThreadPool(unsigned threads)
    : threads_(threads ? threads : std::max(1U, std::thread::hardware_concurrency())),
      shared_(std::make_unique<Shared>()) {}

ThreadPool::~ThreadPool() {
  if (started_in_.load(std::memory_order_acquire) != ::getpid()) {
    // Never started here, or in a forked child: the threads of the parent cannot be joined, so their bookkeeping is
    // left.
    if (started_in_.load(std::memory_order_acquire) != 0) (void)shared_.release();
    return;
  }
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->work.notify_all();
  for (std::thread& thread : shared_->threads) thread.join();
}

void ThreadPool::start_threads() {
  const int process = ::getpid();
  if (started_in_.load(std::memory_order_acquire) == process) return;
  std::lock_guard lock(start_mutex_);
  const int before = started_in_.load(std::memory_order_relaxed);
  if (before == process) return;
  if (before != 0) {
    (void)shared_.release();  // a forked child's copy, its mutex in an unknown state
    shared_ = std::make_unique<Shared>();
  }
  Shared& shared = *shared_;
  shared.threads.reserve(threads_ - 1);
  for (unsigned i = 1; i < threads_; ++i) {
    try {
      shared.threads.emplace_back([this, &shared] { thread_main(shared); });
    } catch (const std::exception&) {
      break;  // as many as the system and its memory give; the caller's own thread always works
    }
  }
  started_in_.store(process, std::memory_order_release);
}

void ThreadPool::work_on(Range& range) noexcept {
  for (std::size_t i; (i = range.next.fetch_add(1, std::memory_order_relaxed)) < range.size;)
    range.function(range.context, i);
}

void ThreadPool::unlink(Range& range) noexcept {
  for (Range** link = &shared_->ranges; *link; link = &(*link)->below) {
    if (*link != &range) continue;
    *link = range.below;
    return;
  }
}

void ThreadPool::run(std::size_t n, void (*function)(void*, std::size_t), void* context) {
  Range range{function, context, n};
  if (threads_ == 1) {
    work_on(range);
    return;
  }
  start_threads();
  Shared& shared = *shared_;
  {
    std::lock_guard lock(shared.mutex);
    range.below = shared.ranges;
    shared.ranges = &range;
  }
  const std::size_t wanted = std::min<std::size_t>(n, threads_) - 1;
  if (wanted >= threads_ - 1)
    shared.work.notify_all();
  else
    for (std::size_t i = 0; i < wanted; ++i) shared.work.notify_one();
  work_on(range);
  std::unique_lock lock(shared.mutex);
  unlink(range);
  shared.done.wait(lock, [&] { return range.helpers == 0; });
}

void ThreadPool::thread_main(Shared& shared) noexcept {
  std::unique_lock lock(shared.mutex);
  while (true) {
    Range* range = shared.ranges;
    while (range && range->next.load(std::memory_order_relaxed) >= range->size) range = range->below;
    if (!range) {
      if (shared.stop) return;
      shared.work.wait(lock);
      continue;
    }
    ++range->helpers;
    lock.unlock();
    work_on(*range);
    lock.lock();
    if (--range->helpers == 0) shared.done.notify_all();
  }
}

}  // namespace restride
