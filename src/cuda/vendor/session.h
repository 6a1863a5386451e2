// SPDX-License-Identifier: Apache-2.0
// What a call of one of NVIDIA's libraries needs around it: its memory callbacks, CUDA streams of our own to work on,
// and order with the caller's stream.
//
// A call is a fork and a join. Lanes (a stream and a library state each) start behind a mark on the caller's stream and
// work side by side; at the end the caller's stream waits for them. A lane's state may be touched again by the host
// only when the GPU has passed the lane's last command, so lanes are reused in the order in which they come free.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/error_util.h"
#include "codec/device_runtime.h"
#include "cuda/cuda_util.h"

namespace restride::cuda::vendor {

// Memory callbacks of one device, over the process's counted resources. Thread-safe; lives as long as the process.
class Allocators {
 public:
  explicit Allocators(int device) noexcept : device_(device) {}
  Allocators(const Allocators&) = delete;
  Allocators& operator=(const Allocators&) = delete;

  // A is the library's structure: allocate, free, context.
  template <class A>
  A device() noexcept {
    return {allocate_device, free_device, this};
  }
  template <class A>
  A pinned() noexcept {
    return {allocate_pinned, free_pinned, this};
  }

 private:
  static int allocate_device(void* self, void** data, std::size_t bytes, CUstream_st* stream) noexcept;
  static int free_device(void* self, void* data, std::size_t bytes, CUstream_st* stream) noexcept;
  static int allocate_pinned(void* self, void** data, std::size_t bytes, CUstream_st* stream) noexcept;
  static int free_pinned(void* self, void* data, std::size_t bytes, CUstream_st* stream) noexcept;
  bool remember(void* data, std::size_t bytes) noexcept;
  std::size_t forget(void* data) noexcept;

  int device_;
  std::mutex mutex_;
  std::unordered_map<void*, std::size_t> sizes_;
};

// Something with a stream that the GPU may still be busy with.
class Lane {
 public:
  explicit Lane(int device) noexcept : device_(device) {}
  virtual ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  Status open();  // makes the stream and its event; needs the device to be current, as all members do
  bool idle() const noexcept { return !recorded_ || cudaEventQuery(done_) != cudaErrorNotReady; }
  Status wait() const { return recorded_ ? check(cudaEventSynchronize(done_), "waiting for the GPU") : Status(); }
  // Work queued on the lane from now on starts behind `mark`.
  Status follow(cudaEvent_t mark) { return check(cudaStreamWaitEvent(stream_, mark, 0), "ordering two streams"); }
  // Marks the end of the lane's work; what is queued on `joined` from now on waits for it.
  Status finish(cudaStream_t joined);
  // Marks the end of work that was queued on `other`.
  Status finish_on(cudaStream_t other);

  cudaStream_t stream() const noexcept { return stream_; }
  int device() const noexcept { return device_; }

 protected:
  int device_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t done_ = nullptr;
  bool recorded_ = false;
};

// Lanes kept for reuse. Thread-safe.
template <class L>
class LanePool {
 public:
  // newest_first: the lane that came back last is taken first, so that few lanes are in use and have grown; for work
  // that the host waits for. Otherwise the one that has had the longest time to finish.
  explicit LanePool(std::size_t most, bool newest_first = false) noexcept : most_(most), newest_first_(newest_first) {}

  // A lane for the caller alone, which the GPU has finished with. Beyond `most` lanes the oldest is waited for.
  // make() returns Result<std::unique_ptr<L>>.
  template <class Make>
  Result<L*> take(Make&& make) {
    L* lane = nullptr;
    {
      std::lock_guard lock(mutex_);
      const auto idle = [](const L* l) { return l->idle(); };
      auto found = std::find_if(free_.begin(), free_.end(), idle);
      if (newest_first_)
        if (const auto newest = std::find_if(free_.rbegin(), free_.rend(), idle); newest != free_.rend())
          found = std::prev(newest.base());
      if (found == free_.end() && lanes_.size() >= most_) found = free_.begin();
      if (found != free_.end()) {
        lane = *found;
        free_.erase(found);
      }
    }
    if (lane) {
      if (Status ready = lane->wait(); !ready) {
        give(lane);
        return std::move(ready).error();
      }
      return lane;
    }
    RESTRIDE_ASSIGN(std::unique_ptr<L> made, make());
    std::lock_guard lock(mutex_);
    lanes_.push_back(std::move(made));
    free_.reserve(lanes_.size());
    return lanes_.back().get();
  }
  void give(L* lane) noexcept {
    std::lock_guard lock(mutex_);
    free_.push_back(lane);
  }
  // Destroys the lanes that nobody holds.
  void trim() {
    std::lock_guard lock(mutex_);
    for (L* lane : free_) std::erase_if(lanes_, [&](const auto& owned) { return owned.get() == lane; });
    free_.clear();
  }

 private:
  std::mutex mutex_;
  std::size_t most_;
  bool newest_first_;
  std::vector<std::unique_ptr<L>> lanes_;
  std::vector<L*> free_;  // the longest unused first
};

// Holds a lane and gives it back.
template <class L>
class Held {
 public:
  Held(LanePool<L>& pool, L* lane) noexcept : pool_(&pool), lane_(lane) {}
  Held(Held&& other) noexcept : pool_(other.pool_), lane_(std::exchange(other.lane_, nullptr)) {}
  ~Held() {
    if (lane_) pool_->give(lane_);
  }
  L* operator->() const noexcept { return lane_; }
  L& operator*() const noexcept { return *lane_; }

 private:
  LanePool<L>* pool_;
  L* lane_;
};

// One library handle a device, with whatever hangs on it: made when first used, never destroyed, since making one costs
// as much as decoding a thousand pictures. T(int device), Status T::open(), void T::trim().
template <class T>
class PerDevice {
 public:
  Result<T*> get(int device) {
    std::lock_guard lock(mutex_);
    if (device < 0) return fail(Errc::device, "no device was chosen");
    const auto i = static_cast<std::size_t>(device);
    if (i >= entries_.size()) entries_.resize(i + 1);
    Entry& entry = entries_[i];
    if (!entry.object) {
      entry.object = std::make_unique<T>(device);
      const DeviceScope scope(device);
      entry.failure = entry.object->open();
    }
    if (!entry.failure) return entry.failure.error();
    return entry.object.get();
  }
  void trim() {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].object) {
        const DeviceScope scope(static_cast<int>(i));
        entries_[i].object->trim();
      }
  }

 private:
  struct Entry {
    std::unique_ptr<T> object;
    Status failure;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

// The part of a call that all its lanes share: the mark they start behind, and device memory for pixels on their way.
class Call final : public Lane {
 public:
  using Lane::Lane;
  ~Call() override;

  // Device memory of at least `bytes`, usable by any stream at once, also by engines that keep no stream order.
  Result<std::byte*> reserve(std::size_t bytes);
  // Pinned host memory of at least `bytes`.
  Result<std::byte*> reserve_pinned(std::size_t bytes);
  // Marks the present end of the caller's stream.
  Status fork(cudaStream_t caller);
  cudaEvent_t mark() const noexcept { return mark_; }

  std::vector<DeviceConversion> conversions;  // for convert(), reused

 private:
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  std::byte* pinned_ = nullptr;
  std::size_t pinned_size_ = 0;
  cudaEvent_t mark_ = nullptr;
};

// A Call that the GPU has finished with.
Result<Held<Call>> begin_call(int device);
// Queues all conversions of `call` on `stream`, in one launch.
Status convert(Call& call, Stream stream);
// The same, and ends the call there; `wait`: returns only when the GPU has passed that point.
Status end_call(Call& call, Stream stream, bool wait);
void trim_calls();

// What turns pixels at `data` (as job.plan.native, the window's first pixel at `data`) into the job's target.
DeviceConversion conversion_of(const DecodeJob& job, const std::byte* data, std::ptrdiff_t row_stride,
                               std::ptrdiff_t pixel_stride, std::ptrdiff_t channel_stride) noexcept;
// What turns an encoder's source into `to`, a view of the layout that was asked for.
DeviceConversion conversion_of(const EncodeJob& job, const ImageView& to) noexcept;

// True if `view` has interleaved, dense pixels (or is one plane of them) and rows downwards: what libraries can take.
bool plain_rows(const ImageView& view) noexcept;
// True if the GPU reads a job's bytes directly: then copies from them may still run when all is queued, and the bytes
// are the caller's again when the call returns.
bool pinned(const DecodeJob& job) noexcept;
bool any_pinned(std::span<const DecodeJob> jobs) noexcept;

constexpr std::size_t aligned(std::size_t bytes) noexcept { return (bytes + 255) & ~std::size_t{255}; }

}  // namespace restride::cuda::vendor
