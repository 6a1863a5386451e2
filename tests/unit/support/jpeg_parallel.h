// SPDX-License-Identifier: Apache-2.0
// One JPEG decoded by the CPU's decoder and, as plain loops, by the GPU's: for comparing them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "cuda/jpeg/batch.h"
#include "formats/jpeg/jpeg.h"
#include "unit/support/jpeg_emulation.h"

namespace restride::test {

using Bytes = std::vector<std::byte>;

struct Wish {
  std::uint8_t reduce = 0;
  Rect region{};  // of the reduced picture; empty: all
  SampleFormat format = SampleFormat::i_rgb;
  SampleType type = SampleType::u8;
  Orientation orientation = Orientation::normal;
  bool triangle = true;
  std::size_t padding = 0;  // bytes behind each row
};

inline ColorSpec color_of(SampleFormat format) {
  switch (interleaved(format)) {
    case SampleFormat::i_y:
      return ColorSpec::gray;
    case SampleFormat::i_ycc:
      return ColorSpec::sycc;
    case SampleFormat::i_cmyk:
      return ColorSpec::cmyk;
    case SampleFormat::i_unchanged:
      return ColorSpec::unchanged;
    default:
      return ColorSpec::srgb;
  }
}

// One job and its memory.
struct Work {
  Bytes memory;
  DecodeJob job;

  Work(const StreamInfo& info, const Bytes& file, const Wish& wish) {
    DecodeRequest& request = job.request;
    request.bytes = file;
    request.stream = &info;
    request.reduce = wish.reduce;
    const ImageSpec& stored = info.images[0].spec;
    const std::int64_t step = std::int64_t{1} << wish.reduce;
    request.window = {0, 0, (stored.width + step - 1) / step, (stored.height + step - 1) / step};
    if (!wish.region.empty()) request.window = intersect(request.window, wish.region);
    const bool swapped = swaps_axes(wish.orientation);
    ImageSpec& wanted = request.wanted;
    wanted.width = static_cast<std::uint32_t>(swapped ? request.window.height : request.window.width);
    wanted.height = static_cast<std::uint32_t>(swapped ? request.window.width : request.window.height);
    wanted.format = wish.format;
    wanted.channels =
        interleaved(wish.format) == SampleFormat::i_unchanged ? stored.channels : channels_of(wish.format);
    wanted.color = color_of(wish.format);
    wanted.type = wish.type;
  }
  void aim(const Wish& wish) {
    const ImageSpec& wanted = job.request.wanted;
    ImageView view = dense_view(nullptr, wanted);
    view.row_stride += static_cast<std::ptrdiff_t>(wish.padding);
    if (wanted.planar()) view.channel_stride = view.row_stride * wanted.height;
    memory.assign((wanted.bytes() + wish.padding * wanted.height * (wanted.planar() ? wanted.channels : 1)) + 3,
                  std::byte{0xa5});
    view.data = memory.data();
    job.sink = PixelSink(view, job.plan.native, wish.orientation);
  }
};

inline Status decode_on_cpu(Work& work, const Wish& wish) {
  CodecOptions options;
  if (!wish.triangle) options.options = "fancy_upsampling=0";
  const auto decoder = jpeg::make_decoder(options);
  auto plan = decoder->plan(work.job.request);
  if (!plan) return plan.error();
  work.job.plan = *plan;
  work.aim(wish);
  SerialExecutor executor;
  StatePool<Scratch> scratch;
  Context context{executor, scratch, {}};
  decoder->decode({&work.job, 1}, context);
  return work.job.status;
}

// Runs the kernels as loops, in memory that is poisoned first.
inline void run_emulated(std::span<DecodeJob> jobs, bool triangle,
                         std::size_t group_bytes = cuda::jpeg::Batch::kGroupBytes) {
  cuda::jpeg::Batch batch;
  SerialExecutor executor;
  batch.lay_out(jobs, triangle, group_bytes);
  if (batch.empty()) return;
  const std::size_t size = (batch.device_bytes() + batch.scratch_bytes(executor.concurrency()) + 255) / 256 * 256 + 256;
  auto* block = static_cast<std::byte*>(std::aligned_alloc(256, size));
  std::memset(block, 0xcc, size);
  std::vector<std::uint32_t> reported(batch.pictures(), 7);
  const std::size_t scratch = (batch.device_bytes() + 255) / 256 * 256;
  struct Sink final : cuda::jpeg::UploadSink {
    std::size_t bytes = 0;
    EmulationCounts counts;
    void ready(std::size_t, std::size_t n) override { bytes += n; }
    void decode(const cuda::jpeg::BatchView& group) override {
      decode_on_host(group, counts);
      store_on_host(group);
    }
  } sink;
  batch.fill({block, block, block + scratch, reported.data()}, executor, sink);
  if (batch.groups() == 1) {
    EXPECT_LE(sink.bytes, batch.upload_bytes());
  }
  batch.finish(jobs, reported.data());
  std::free(block);
}

}  // namespace restride::test
