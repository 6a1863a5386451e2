// SPDX-License-Identifier: Apache-2.0
#include "cuda/stage.h"

#include <algorithm>
#include <cstring>

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
  if (joined_) (void)cudaEventDestroy(joined_);
  if (side_) (void)cudaStreamDestroy(side_);
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
  grown_ = true;
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

Result<cudaStream_t> Stage::side() {
  const DeviceScope scope(device_);
  if (!joined_) RESTRIDE_TRY(check(cudaEventCreateWithFlags(&joined_, cudaEventDisableTiming), "cudaEventCreate"));
  if (!side_) RESTRIDE_TRY(check(cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking), "cudaStreamCreate"));
  if (grown_) {
    RESTRIDE_TRY(check(cudaEventRecord(joined_, handle(stream_)), "cudaEventRecord"));
    RESTRIDE_TRY(check(cudaStreamWaitEvent(side_, joined_, 0), "cudaStreamWaitEvent"));
    grown_ = false;
  }
  return side_;
}

Status Stage::join() {
  const DeviceScope scope(device_);
  RESTRIDE_TRY(check(cudaEventRecord(joined_, side_), "cudaEventRecord"));
  return check(cudaStreamWaitEvent(handle(stream_), joined_, 0), "cudaStreamWaitEvent");
}

Status Stage::wait_joined() {
  const DeviceScope scope(device_);
  return check(cudaEventSynchronize(joined_), "waiting for the GPU");
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
