// SPDX-License-Identifier: Apache-2.0
#include "cuda/jpeg/decode.h"

#include "cuda/cuda_util.h"
#include "cuda/jpeg/batch.h"
#include "cuda/jpeg/decode_kernels.cuh"
#include "cuda/runtime.h"

namespace restride::cuda::jpeg {
namespace {

class Decoder final : public FormatDecoder {
 public:
  explicit Decoder(bool triangle) : triangle_(triangle) {}

  Result<DecodePlan> plan(const DecodeRequest& request) const override { return plan_decode(request, triangle_); }
  void decode(std::span<DecodeJob> jobs, Context& context) override;

 private:
  Status run(Batch& batch, std::span<DecodeJob> jobs, Stage& stage, Context& context) const;

  bool triangle_;
  StatePool<Batch> batches_;
};

// Queues parts of the upload as they become ready, or a small one as a whole, with its last part; and each group's
// kernels behind what they need, the last of them on the caller's stream. With several groups one is uploaded while
// others are decoded, on streams in turn.
class Uploader final : public UploadSink {
 public:
  Uploader(Stage& stage, const Batch& batch) noexcept
      : stage_(stage),
        whole_(batch.upload_bytes() < kSmall ? batch.upload_bytes() : 0),
        turns_(batch.groups() > 1 ? Stage::kSides - 1 : 0) {}
  Status begin() {
    for (unsigned i = 0; i <= turns_; ++i) {
      RESTRIDE_ASSIGN(streams_[i], stage_.side(i));
    }
    return {};
  }
  void ready(std::size_t offset, std::size_t bytes) override {
    if (!status_ || bytes == 0 || (whole_ && offset != 0)) return;
    if (whole_) bytes = whole_;
    status_ = check(
        cudaMemcpyAsync(stage_.device() + offset, stage_.host() + offset, bytes, cudaMemcpyHostToDevice, streams_[0]),
        "JPEG upload");
  }
  void decode(const BatchView& group) override {
    unsigned side = 0;
    if (turns_) {
      side = 1 + done_++ % turns_;
      if (status_) status_ = stage_.follow(side, 0);
    }
    if (status_) status_ = check(launch_decoding(group, streams_[side]), "JPEG decoding kernels");
    if (status_) status_ = stage_.join(side);
    if (status_) status_ = check(launch_storing(group, handle(stage_.stream())), "JPEG pixel kernel");
  }
  Status take_status() noexcept { return std::move(status_); }

 private:
  static constexpr std::size_t kSmall = std::size_t{1} << 20;

  Stage& stage_;
  std::size_t whole_;
  unsigned turns_, done_ = 0;  // streams for kernels beside the one for copies, if any; groups
  std::array<cudaStream_t, Stage::kSides> streams_{};
  Status status_;
};

// Everything but the last kernel runs on the stage's own streams, which do not wait for what the caller queued before:
// it touches no target. The one wait is for the statuses.
Status Decoder::run(Batch& batch, std::span<DecodeJob> jobs, Stage& stage, Context& context) const {
  const auto aligned = [](std::size_t bytes) { return (bytes + 255) / 256 * 256; };
  const std::size_t upload = aligned(batch.upload_bytes());
  const std::size_t reported = aligned(batch.pictures() * sizeof(std::uint32_t));
  RESTRIDE_TRY(
      stage.reserve(upload + reported + batch.scratch_bytes(context.executor.concurrency()), batch.device_bytes()));
  const Batch::Memory memory{stage.host(), stage.device(), stage.host() + upload + reported,
                             reinterpret_cast<std::uint32_t*>(stage.host() + upload)};
  Uploader uploader(stage, batch);
  RESTRIDE_TRY(uploader.begin());
  batch.fill(memory, context.executor, uploader);
  Status status = uploader.take_status();
  for (unsigned i = 0; !status && i < Stage::kSides; ++i) (void)stage.join(i);  // what was queued needs the stage
  RESTRIDE_TRY(std::move(status));
  RESTRIDE_TRY(stage.wait_joined());
  batch.finish(jobs, memory.reported);
  return {};
}

void Decoder::decode(std::span<DecodeJob> jobs, Context& context) {
  const DeviceScope scope(context.stream.device);
  auto batch = batches_.lease();
  batch->lay_out(jobs, triangle_);
  if (batch->empty()) return;
  auto stage = runtime().acquire(context.stream);
  Status status;
  if (stage) {
    status = run(*batch, jobs, static_cast<Stage&>(**stage), context);
    runtime().release(*stage);
  } else {
    status = std::move(stage).error();
  }
  if (status) return;
  // The CPU may have the memory that the GPU has not.
  if (status.error().code == Errc::out_of_memory)
    status = fail(Errc::unsupported, "%s", status.error().message.c_str());
  for (DecodeJob& job : jobs)
    if (job.status) job.status = status;
}

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions& options) {
  return std::make_unique<Decoder>(option_value(options.options, "libjpeg_turbo_decoder", "fancy_upsampling", 1) != 0);
}

}  // namespace restride::cuda::jpeg
