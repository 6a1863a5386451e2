// SPDX-License-Identifier: Apache-2.0
// A device runtime without a device: its "device memory" is host memory that only it and its codecs may touch, and what
// is queued runs late, when somebody waits or the stage is given back. So the engine's device routes, and their order,
// are tested on any machine.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "codec/device_runtime.h"
#include "engine/device.h"
#include "formats/table.h"
#include "image/convert/pixels.h"

namespace restride::test {

class FakeMemory final : public MemoryResource {
 public:
  explicit FakeMemory(Memory kind) : kind_(kind) {}
  void* allocate(std::size_t bytes, std::size_t, Stream) noexcept override {
    auto* data = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{256}));
    std::memset(data, 0xA5, bytes);
    std::lock_guard lock(mutex_);
    blocks_.insert({data, data + bytes});
    return data;
  }
  void deallocate(void* data, std::size_t bytes, std::size_t, Stream) noexcept override {
    {
      std::lock_guard lock(mutex_);
      blocks_.erase({static_cast<std::byte*>(data), static_cast<std::byte*>(data) + bytes});
    }
    ::operator delete (data, std::align_val_t{256});
  }
  Memory kind() const noexcept override { return kind_; }
  bool owns(const void* pointer) const noexcept {
    std::lock_guard lock(mutex_);
    for (const auto& [begin, end] : blocks_)
      if (pointer >= begin && pointer < end) return true;
    return false;
  }

 private:
  Memory kind_;
  mutable std::mutex mutex_;
  std::set<std::pair<std::byte*, std::byte*>> blocks_;
};

class FakeStage final : public DeviceStage {
 public:
  FakeStage(MemoryResource& device, MemoryResource& pinned) : device_(&device), host_(&pinned) { current = this; }
  static inline FakeStage* current = nullptr;

  Status reserve(std::size_t bytes) override {
    flush();
    if (auto status = host_.ensure(bytes); !status) return status;
    return device_.ensure(bytes);
  }
  std::byte* host() const noexcept override { return host_.data(); }
  std::byte* device() const noexcept override { return device_.data(); }
  // A real copy reads the host's bytes at any time from now until the stage is waited for: they must be there already,
  // and stay.
  Status upload(std::size_t offset, std::size_t bytes) override {
    ++uploads;
    std::vector<std::byte> now(host() + offset, host() + offset + bytes);
    return queue([=, this, early = std::move(now)] {
      const bool same = std::memcmp(early.data(), host() + offset, bytes) == 0;
      if (same)
        std::memcpy(device() + offset, host() + offset, bytes);
      else
        std::memset(device() + offset, 0xEE, bytes);
    });
  }
  Status download(std::size_t offset, std::size_t bytes) override {
    return queue([=, this] { std::memcpy(host() + offset, device() + offset, bytes); });
  }
  Status convert(std::span<const DeviceConversion> conversions) override {
    ++launches;
    for (const DeviceConversion& c : conversions) (void)queue([c] { run(c); });
    return {};
  }
  Status wait() override {
    ++waits;
    flush();
    return {};
  }
  Stream stream() const noexcept override { return {nullptr, 0}; }
  void* done() const noexcept override { return const_cast<FakeStage*>(this); }

  void flush() {
    std::lock_guard lock(mutex_);
    for (const auto& work : queue_) work();
    queue_.clear();
  }
  int waits = 0, launches = 0;
  std::atomic<int> uploads{0};

 private:
  struct Source {
    const DeviceConversion& c;
    const std::byte* at(unsigned channel, std::int64_t x, std::int64_t y) const noexcept {
      return c.source + y * c.row_stride + x * c.pixel_stride + static_cast<std::ptrdiff_t>(channel) * c.channel_stride;
    }
    std::ptrdiff_t step(unsigned) const noexcept { return c.pixel_stride; }
  };
  static void run(const DeviceConversion& c) {
    const conversion::Converter<Source, 1> converter{c.how, Source{c}};
    for (std::int64_t y = 0; y < c.height; ++y)
      for (std::int64_t x = 0; x < c.width; ++x) converter.run(x, y, 1);
  }
  Status queue(std::function<void()> work) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    return {};
  }

  Buffer device_, host_;
  std::mutex mutex_;
  std::vector<std::function<void()>> queue_;
};

// A "device" decoder and encoder of BMP around the CPU's. Pictures 13 pixels wide turn out not to be for it, which it
// finds out late.
class FakeBmpDecoder final : public FormatDecoder {
 public:
  // Pictures 12 pixels wide it would rather leave to others.
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    auto plan = behind_->plan(request);
    if (plan) plan->reluctant = request.info().spec.width == 12;
    return plan;
  }
  void decode(std::span<DecodeJob> jobs, Context& context) override {
    ++calls;
    pictures += static_cast<int>(jobs.size());
    for (DecodeJob& job : jobs) {
      if (job.request.info().spec.width == 13)
        job.status = Error{Errc::unsupported, "not for this device", Error::kNoOffset};
      else
        behind_->decode({&job, 1}, context);
    }
  }
  static inline int calls = 0, pictures = 0;

 private:
  std::unique_ptr<FormatDecoder> behind_ = make();
  static std::unique_ptr<FormatDecoder> make() {
    for (const CodecEntry& e : codecs())
      if (e.format->name == "bmp") return e.make_decoder({});
    return nullptr;
  }
};

class FakeBmpEncoder final : public FormatEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    return behind_->plan(input, params);
  }
  void encode(std::span<EncodeJob> jobs, Context& context) override {
    ++calls;
    FakeStage::current->flush();  // a real one would be queued behind
    for (EncodeJob& job : jobs) {
      if (job.source.view().spec.width == 13)
        job.status = Error{Errc::unsupported, "not for this device", Error::kNoOffset};
      else
        behind_->encode({&job, 1}, context);
    }
  }
  static inline int calls = 0;

 private:
  std::unique_ptr<FormatEncoder> behind_ = make();
  static std::unique_ptr<FormatEncoder> make() {
    for (const CodecEntry& e : codecs())
      if (e.format->name == "bmp") return e.make_encoder({});
    return nullptr;
  }
};

class FakeRuntime final : public DeviceRuntime {
 public:
  int device_count() const noexcept override { return 2; }
  Result<int> current_device() const override { return 0; }
  int device_of(const void* pointer) const noexcept override { return device_.owns(pointer) ? 0 : -1; }
  MemoryResource& device_memory() noexcept override { return device_; }
  MemoryResource& pinned_memory() noexcept override { return pinned_; }
  void use(MemoryResource& device, MemoryResource& pinned) noexcept override {
    stage_ = std::make_unique<FakeStage>(device, pinned);
  }
  void trim() noexcept override {}
  Result<DeviceStage*> acquire(Stream) override { return stage_.get(); }
  void release(DeviceStage*) noexcept override { stage_->flush(); }
  Status order(Stream, Stream) override { return {}; }
  Status order(Stream, void*) override { return {}; }
  Result<Stream> own_stream(int device) override { return Stream{nullptr, device}; }
  Status synchronize(Stream) override { return {}; }
  Status copy(const ImageView& from, const ImageView& to, Stream) override {
    convert_pixels(from, to);
    return {};
  }
  void set_library_folders(std::span<const std::string_view>) override {}
  std::span<const DeviceLibrary> libraries() const override { return {}; }
  std::span<const DeviceCodec> codecs() const override { return kCodecs; }
  std::string_view description() const noexcept override { return "no device"; }
  FakeStage& stage() { return *stage_; }

 private:
  static constexpr DeviceCodec kCodecs[] = {
      {"bmp", BackendKind::gpu_only, "fake-bmp", true,
       [](const CodecOptions&) -> std::unique_ptr<FormatDecoder> { return std::make_unique<FakeBmpDecoder>(); },
       [](const CodecOptions&) -> std::unique_ptr<FormatEncoder> { return std::make_unique<FakeBmpEncoder>(); }}};
  FakeMemory device_{Memory::device}, pinned_{Memory::pinned};
  std::unique_ptr<FakeStage> stage_;
};

}  // namespace restride::test
