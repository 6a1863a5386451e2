// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/executor.h"

namespace restride {

// Threads shared by all calls of one Decoder or Encoder. A call puts a range of work on a list that lives on its own
// stack, works on it itself, and is helped by whatever threads are idle; nothing is allocated, and a nested call can
// always finish alone, so that no order of calls can deadlock.
//
// Threads start on the first call that can use them. After fork the child has none of them: the first call there
// starts new ones.
class ThreadPool final : public Executor {
 public:
  // `threads` in all, the calling one included; 0: one a logical core.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned concurrency() const noexcept override { return threads_; }

 protected:
  void run(std::size_t n, void (*function)(void*, std::size_t), void* context) override;

 private:
  // One for_each in progress; lives on its caller's stack.
  struct Range {
    void (*function)(void*, std::size_t);
    void* context;
    std::size_t size;
    std::atomic<std::size_t> next{0};
    std::size_t helpers = 0;  // pool threads inside; guarded by the mutex
    std::atomic<bool> short_of_memory{false};
    Range* below = nullptr;  // list of ranges with work left, newest first
  };

  // What fork must not copy half-way: everything that threads touch.
  struct Shared {
    std::mutex mutex;
    std::condition_variable work, done;
    Range* ranges = nullptr;
    bool stop = false;
    std::vector<std::thread> threads;
    int process = 0;
  };

  static void work_on(Range& range) noexcept;
  void unlink(Range& range) noexcept;
  void start_threads();
  void thread_main(Shared& shared) noexcept;

  unsigned threads_;
  std::unique_ptr<Shared> shared_;
  std::mutex start_mutex_;
  std::atomic<int> started_in_{0};  // process id in which the threads run
};

}  // namespace restride
