// SPDX-License-Identifier: Apache-2.0
// What the CPU library needs of a GPU. Implemented in librestride_cuda, a separate shared library that is opened at run
// time; nothing here includes or links CUDA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "codec/codec.h"
#include "image/convert/converter.h"
#include "restride/memory.h"

namespace restride {

// One conversion on the device; width and height are those of the source. A fill is a conversion whose source has
// strides of 0.
struct DeviceConversion {
  conversion::Conversion how;
  const std::byte* source = nullptr;
  std::ptrdiff_t row_stride = 0, pixel_stride = 0, channel_stride = 0;
  std::int64_t width = 0, height = 0;
};

// The staging memory of one call: a pinned host block and a device block of the same size, on one stream. Everything is
// queued; only wait() blocks. A stage may be used by the next call while the GPU still works for this one only after
// the GPU has passed this call's last command; the runtime keeps several and sees to that.
class DeviceStage {
 public:
  virtual ~DeviceStage() = default;
  // Makes both blocks at least `bytes` long; contents are lost.
  virtual Status reserve(std::size_t bytes) = 0;
  virtual std::byte* host() const noexcept = 0;
  virtual std::byte* device() const noexcept = 0;
  // Queues a copy of a part of one block to the same place in the other. Thread-safe.
  virtual Status upload(std::size_t offset, std::size_t bytes) = 0;
  virtual Status download(std::size_t offset, std::size_t bytes) = 0;
  // Queues all conversions: one upload of descriptors and one launch, whatever their number.
  virtual Status convert(std::span<const DeviceConversion> conversions) = 0;
  // Blocks until everything queued so far has been done.
  virtual Status wait() = 0;
  // Where the call's work is to be queued: the caller's stream, or one in step with it.
  virtual Stream stream() const noexcept = 0;
  // The event that release() will record behind the call's work. It lives as long as the process, and is recorded
  // again only when that work is done: waiting for it later can only wait for too much.
  virtual void* done() const noexcept = 0;
};

// A codec that runs on the device. Those with the CPU's pixels (or, for encoders, a result as good) are asked before
// the CPU's; the others behind it, unless CodecOptions ask for them.
struct DeviceCodec {
  std::string_view format;  // Format::name
  BackendKind backend;
  std::string_view name;
  bool exact;
  std::unique_ptr<FormatDecoder> (*make_decoder)(const CodecOptions& options);
  std::unique_ptr<FormatEncoder> (*make_encoder)(const CodecOptions& options);
  std::string_view (*version)() noexcept = nullptr;  // of the library behind it; null: none but ours
};

// A library behind device codecs, opened at run time or missing.
struct DeviceLibrary {
  std::string_view name;     // "nvJPEG"
  std::string_view version;  // "13.3.2"
  std::string_view path;
  std::string_view missing;  // why it cannot be used; empty where it can
};

// One process has at most one. All members are thread-safe and leave the caller's current device as it was.
class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;
  virtual int device_count() const noexcept = 0;
  // The calling thread's current device.
  virtual Result<int> current_device() const = 0;
  // The device that owns `pointer`, or -1 for host memory.
  virtual int device_of(const void* pointer) const noexcept = 0;

  virtual MemoryResource& device_memory() noexcept = 0;
  virtual MemoryResource& pinned_memory() noexcept = 0;
  // Says which resources staging is to be taken from: the process's counted ones, with the two above behind them.
  virtual void use(MemoryResource& device, MemoryResource& pinned) noexcept = 0;
  // Gives memory that the pools keep back to the driver.
  virtual void trim() noexcept = 0;

  virtual Result<DeviceStage*> acquire(Stream stream) = 0;
  virtual void release(DeviceStage* stage) noexcept = 0;

  // Makes later work on `stream` wait for all work queued on `earlier` so far, or for an event of a stage.
  virtual Status order(Stream stream, Stream earlier) = 0;
  virtual Status order(Stream stream, void* event) = 0;
  // A stream of the library's own on `device`, for what no caller's stream is named for.
  virtual Result<Stream> own_stream(int device) = 0;
  virtual Status synchronize(Stream stream) = 0;
  // Queues rows of `to` <- `from` (one spec, either in any memory) on `stream`.
  virtual Status copy(const ImageView& from, const ImageView& to, Stream stream) = 0;

  // Folders to look for vendor libraries in, before the system's; to be said before the first call of the next two.
  virtual void set_library_folders(std::span<const std::string_view> folders) = 0;
  virtual std::span<const DeviceLibrary> libraries() const = 0;
  // Those whose libraries are there.
  virtual std::span<const DeviceCodec> codecs() const = 0;
  virtual std::string_view description() const noexcept = 0;  // "CUDA 13.0, driver 580.65, NVIDIA H100"
};

// What librestride_cuda exports, as extern "C" under kDeviceRuntimeSymbol. The version changes with any change of this
// header; both libraries come from one build.
inline constexpr int kDeviceRuntimeVersion = 2;
inline constexpr const char* kDeviceRuntimeSymbol = "restride_device_runtime";
using DeviceRuntimeEntry = DeviceRuntime* (*)(int version, char* reason, std::size_t reason_size);

}  // namespace restride
