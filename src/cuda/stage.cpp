// SPDX-License-Identifier: Apache-2.0
#include "cuda/stage.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cuda/cuda_util.h"

namespace restride::cuda {
namespace {

constexpr std::size_t kAlignment = 256;

// Blocks grow by half at least, so that varying batches soon stop growing them.
std::size_t grown_size(std::size_t have, std::size_t want) noexcept { return std::max(want, have + have / 2); }

}  // namespace

Stage::~Stage() {
  const DeviceScope scope(device_);
  if (recorded_) (void)cudaEventSynchronize(done_);
  stream_ = {nullptr, device_};
  free(host_, pinned_memory_);
  free(host_items_, pinned_memory_);
  free(on_device_, device_memory_);
  free(device_items_, device_memory_);
  if (own_) (void)cudaStreamDestroy(own_);
  for (const Side& side : sides_) {
    if (side.event) (void)cudaEventDestroy(side.event);
    if (side.stream) (void)cudaStreamDestroy(side.stream);
  }
}

void Stage::free(Block& block, MemoryResource& resource) noexcept {
  if (block.data) resource.deallocate(block.data, block.size, kAlignment, stream_);
  block = {};
}

Status Stage::grow(Block& block, MemoryResource& resource, std::size_t bytes) {
  if (bytes <= block.size) return {};
  const std::size_t size = grown_size(block.size, bytes);
  free(block, resource);
  block.data = static_cast<std::byte*>(resource.allocate(size, kAlignment, stream_));
  if (!block.data)
    return fail(Errc::out_of_memory, "could not allocate %zu bytes of %s memory", size,
                resource.kind() == Memory::device ? "device" : "pinned");
  block.size = size;
  grown_ = (1U << kSides) - 1;
  return {};
}

Status Stage::begin(Stream stream) {
  caller_ = stream_ = {stream.handle, device_};
  if (handle(stream) != cudaStreamPerThread) return {};
  // That handle means another stream in each thread that uses it: work on one of our own, in step with the caller's.
  if (!own_) RESTRIDE_TRY(check(cudaStreamCreateWithFlags(&own_, cudaStreamNonBlocking), "cudaStreamCreate"));
  RESTRIDE_TRY(check(cudaEventRecord(done_, cudaStreamPerThread), "cudaEventRecord"));
  RESTRIDE_TRY(check(cudaStreamWaitEvent(own_, done_, 0), "cudaStreamWaitEvent"));
  stream_.handle = reinterpret_cast<CUstream_st*>(own_);
  return {};
}

void Stage::end() noexcept {
  recorded_ = cudaEventRecord(done_, handle(stream_)) == cudaSuccess || recorded_;
  if (caller_.handle != stream_.handle) (void)cudaStreamWaitEvent(handle(caller_), done_, 0);
}

bool Stage::idle() const noexcept {
  if (!recorded_ || cudaEventQuery(done_) == cudaSuccess) return true;
  (void)cudaGetLastError();  // "not ready" is no error, but would be taken for the next launch's
  return false;
}

Status Stage::wait_idle() { return recorded_ ? check(cudaEventSynchronize(done_), "waiting for the GPU") : Status(); }

Status Stage::reserve(std::size_t host_bytes, std::size_t device_bytes) {
  const DeviceScope scope(device_);
  RESTRIDE_TRY(grow(host_, pinned_memory_, host_bytes));
  return grow(on_device_, device_memory_, device_bytes);
}

Result<cudaStream_t> Stage::side(unsigned i) {
  const DeviceScope scope(device_);
  Side& side = sides_[i];
  if (!side.event)
    RESTRIDE_TRY(check(cudaEventCreateWithFlags(&side.event, cudaEventDisableTiming), "cudaEventCreate"));
  if (!side.stream)
    RESTRIDE_TRY(check(cudaStreamCreateWithFlags(&side.stream, cudaStreamNonBlocking), "cudaStreamCreate"));
  if (grown_ >> i & 1U) {
    RESTRIDE_TRY(check(cudaEventRecord(side.event, handle(stream_)), "cudaEventRecord"));
    RESTRIDE_TRY(check(cudaStreamWaitEvent(side.stream, side.event, 0), "cudaStreamWaitEvent"));
    grown_ &= ~(1U << i);
  }
  return side.stream;
}

Status Stage::follow(unsigned side, unsigned earlier) {
  const DeviceScope scope(device_);
  const Side& first = sides_[earlier];
  RESTRIDE_TRY(check(cudaEventRecord(first.event, first.stream), "cudaEventRecord"));
  return check(cudaStreamWaitEvent(sides_[side].stream, first.event, 0), "cudaStreamWaitEvent");
}

Status Stage::join(unsigned side) {
  const DeviceScope scope(device_);
  Side& one = sides_[side];
  if (!one.stream) return {};
  RESTRIDE_TRY(check(cudaEventRecord(one.event, one.stream), "cudaEventRecord"));
  one.joined = true;
  return check(cudaStreamWaitEvent(handle(stream_), one.event, 0), "cudaStreamWaitEvent");
}

Status Stage::wait_joined() {
  const DeviceScope scope(device_);
  Status status;
  for (Side& side : sides_)
    if (std::exchange(side.joined, false) && status)
      status = check(cudaEventSynchronize(side.event), "waiting for the GPU");
  return status;
}

Status Stage::upload(std::size_t offset, std::size_t bytes) {
  const DeviceScope scope(device_);
  return check(
      cudaMemcpyAsync(on_device_.data + offset, host_.data + offset, bytes, cudaMemcpyHostToDevice, handle(stream_)),
      "copy to the device");
}

Status Stage::download(std::size_t offset, std::size_t bytes) {
  const DeviceScope scope(device_);
  return check(
      cudaMemcpyAsync(host_.data + offset, on_device_.data + offset, bytes, cudaMemcpyDeviceToHost, handle(stream_)),
      "copy from the device");
}

Status Stage::convert(std::span<const DeviceConversion> conversions) {
  if (conversions.empty()) return {};
  const DeviceScope scope(device_);
  const std::size_t bytes = conversions.size() * sizeof(ConversionItem);
  RESTRIDE_TRY(grow(host_items_, pinned_memory_, bytes));
  RESTRIDE_TRY(grow(device_items_, device_memory_, bytes));
  auto* items = reinterpret_cast<ConversionItem*>(host_items_.data);
  std::uint32_t blocks = 0;
  for (std::size_t i = 0; i < conversions.size(); ++i) {
    items[i] = item_for(conversions[i], blocks);
    blocks += blocks_of(items[i]);
  }
  RESTRIDE_TRY(check(cudaMemcpyAsync(device_items_.data, items, bytes, cudaMemcpyHostToDevice, handle(stream_)),
                     "copy of descriptors"));
  return check(launch_conversions(reinterpret_cast<const ConversionItem*>(device_items_.data),
                                  static_cast<std::uint32_t>(conversions.size()), blocks, handle(stream_)),
               "conversion kernel");
}

Status Stage::wait() {
  const DeviceScope scope(device_);
  return check(cudaStreamSynchronize(handle(stream_)), "waiting for the GPU");
}

}  // namespace restride::cuda
