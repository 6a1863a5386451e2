// SPDX-License-Identifier: Apache-2.0
// Driving a device codec as the engine does, from a test: parse, plan, jobs with targets in device memory.
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "codec/device_runtime.h"
#include "engine/device.h"
#include "engine/output_spec.h"
#include "engine/thread_pool.h"
#include "restride/restride.h"
#include "unit/support/pictures.h"

namespace restride::test {

// Device memory of one picture.
class OnDevice {
 public:
  // `pad`: extra bytes a row.
  explicit OnDevice(const ImageSpec& spec, std::size_t pad = 0) {
    const unsigned planes = spec.planar() ? spec.channels : 1;
    const std::size_t row = spec.row_bytes() + pad;
    bytes_ = row * spec.height * planes;
    EXPECT_EQ(cudaMalloc(reinterpret_cast<void**>(&data_), bytes_), cudaSuccess);
    view_ = dense_view(data_, spec, Memory::device, 0);
    view_.row_stride = static_cast<std::ptrdiff_t>(row);
    if (spec.planar()) view_.channel_stride = view_.row_stride * static_cast<std::ptrdiff_t>(spec.height);
    fill(0xa5);
  }
  OnDevice(OnDevice&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_), view_(other.view_) {}
  ~OnDevice() { (void)cudaFree(data_); }

  const ImageView& view() const noexcept { return view_; }
  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }
  void fill(int value) {
    EXPECT_EQ(cudaMemset(data_, value, bytes_), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
  void upload(const ImageView& from) {
    const unsigned planes = from.spec.planar() ? from.spec.channels : 1;
    for (unsigned k = 0; k < planes; ++k)
      EXPECT_EQ(cudaMemcpy2D(view_.at(0, 0, k), static_cast<std::size_t>(view_.row_stride), from.at(0, 0, k),
                             static_cast<std::size_t>(from.row_stride), from.spec.row_bytes(), from.spec.height,
                             cudaMemcpyHostToDevice),
                cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
  // Everything, padding included.
  std::vector<std::byte> raw() const {
    std::vector<std::byte> out(bytes_);
    EXPECT_EQ(cudaMemcpy(out.data(), data_, bytes_, cudaMemcpyDeviceToHost), cudaSuccess);
    return out;
  }
  // Packed pixels; false in `clean` where bytes between rows have changed from fill().
  std::vector<std::byte> pixels(bool* clean = nullptr) const {
    std::vector<std::byte> all = raw();
    ImageView host = view_;
    host.data = all.data();
    std::vector<std::byte> out = pixels_of(host);
    if (clean) {
      *clean = true;
      const std::size_t row = static_cast<std::size_t>(view_.row_stride), used = view_.spec.row_bytes();
      for (std::size_t i = 0; i < all.size(); ++i)
        if (i % row >= used && all[i] != std::byte{0xa5}) *clean = false;
    }
    return out;
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  ImageView view_;
};

inline const DeviceCodec* device_codec(std::string_view name) {
  DeviceRuntime* runtime = device_runtime();
  if (!runtime) return nullptr;
  for (const DeviceCodec& codec : runtime->codecs())
    if (codec.name == name) return &codec;
  return nullptr;
}

// Everything around calls of device codecs.
struct Driver {
  ThreadPool pool{0};
  StatePool<Scratch> scratch;

  Context context(cudaStream_t stream = nullptr) { return {pool, scratch, {stream, 0}}; }
};

// A job for `stream` (its region, if it has one) into device memory laid out as the CPU decoder lays out its result.
struct Prepared {
  DecodeJob job;
  std::unique_ptr<OnDevice> target;
  DecodeGeometry geometry;
};
inline Status prepare(const FormatDecoder& decoder, const CodeStream& stream, const DecodeParams& params, Prepared& out,
                      std::size_t pad = 0) {
  auto parsed = stream.parsed();
  if (!parsed) return parsed.error();
  DecodeRequest& request = out.job.request;
  request.bytes = stream.bytes();
  request.stream = parsed->stream;
  request.image = parsed->image;
  request.reduce = params.reduce;
  auto geometry = plan_output(request.info(), stream.region(), params);
  if (!geometry) return geometry.error();
  out.geometry = *geometry;
  request.window = geometry->window;
  request.wanted = geometry->output;
  auto plan = decoder.plan(request);
  if (!plan) return plan.error();
  out.job.plan = *plan;
  if (!can_convert(plan->native, geometry->output)) return Error{Errc::unsupported, "cannot be converted"};
  out.target = std::make_unique<OnDevice>(geometry->output, pad);
  out.job.sink = PixelSink(out.target->view().crop(geometry->inside), plan->native, geometry->orientation);
  return {};
}

struct Difference {
  int largest = 0;
  double mean = 0;
};
template <class T>
Difference difference_of(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  Difference d;
  if (a.size() != b.size()) return {1 << 30, 1e30};
  double sum = 0;
  for (std::size_t i = 0; i + sizeof(T) <= a.size(); i += sizeof(T)) {
    T x, y;
    std::memcpy(&x, &a[i], sizeof x);
    std::memcpy(&y, &b[i], sizeof y);
    const int v = std::abs(static_cast<int>(x) - static_cast<int>(y));
    d.largest = std::max(d.largest, v);
    sum += v;
  }
  d.mean = a.empty() ? 0 : sum / static_cast<double>(a.size() / sizeof(T));
  return d;
}
inline Difference difference_of(SampleType type, const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  switch (type) {
    case SampleType::u8:
      return difference_of<std::uint8_t>(a, b);
    case SampleType::i16:
      return difference_of<std::int16_t>(a, b);
    case SampleType::u16:
      return difference_of<std::uint16_t>(a, b);
    default:
      return a == b ? Difference{} : Difference{1 << 30, 1e30};
  }
}

}  // namespace restride::test
