// SPDX-License-Identifier: Apache-2.0
// One encode call: plan every image, bring pixels to where their encoder wants them, run, settle.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "codec/codec.h"
#include "codec/device_runtime.h"
#include "engine/backends.h"
#include "engine/device.h"
#include "engine/params_of.h"
#include "engine/staged_upload.h"
#include "restride/code_stream.h"

namespace restride {

// What calls of one Encoder share.
struct EncodeEnvironment {
  std::vector<Candidate> candidates;
  std::vector<std::unique_ptr<FormatEncoder>> encoders;  // parallel to candidates; null: cannot encode
  Executor* executor = nullptr;
  StatePool<Scratch>* scratch = nullptr;
  StatePool<Buffer>* spill = nullptr;  // grown by encoders whose output did not fit its stream
  int device = -1;
};

struct EncodeTask {
  EncodeJob job;
  const Image* in = nullptr;
  CodeStream* out = nullptr;
  std::size_t candidate = 0;
  bool from_device = false;     // where the pixels are
  bool on_device = false;       // where the encoder works
  std::size_t staged = 0;       // where in the stage, if the two differ
  std::uint32_t job_index = 0;  // among the jobs of device encoders
};

// What is wrong with parameters whatever the picture.
Status check_parameters(const Format& format, const EncodeParams& params);

struct EncodeChoice {
  std::size_t candidate = 0;
  EncodePlan plan;
};
// The first encoder from `from` on that takes an image of `spec`; the preferred one's reason if none does. Pure.
Result<EncodeChoice> choose_encoder(const EncodeEnvironment& environment, std::size_t from, const ImageSpec& spec,
                                    const Format& format, const EncodeParams& params);

// Holds the vectors of a call, so that the next one allocates nothing.
class EncodeCall {
 public:
  void run(const EncodeEnvironment& environment, std::span<const Image* const> in, const Format& format,
           std::span<CodeStream* const> out, std::span<Status> statuses, ParamsOf<EncodeParams> params, Stream stream);

 private:
  void run_all(std::span<const Image* const> in, const Format& format, std::span<CodeStream* const> out,
               std::span<Status> statuses, ParamsOf<EncodeParams> params);
  Status prepare(EncodeTask& task, const Format& format, const EncodeParams& params);
  Status choose(EncodeTask& task, std::size_t from, const Format& format, const EncodeParams& params) const;
  void attempt(std::span<Status> statuses);
  Status stage_pixels();
  Status bring_pixels_down();
  void divide_into_bands();
  Status send_pixels_up();
  void run_device_jobs(std::span<Status> statuses, Context& context);
  void run_cpu_task(std::uint32_t index, std::span<Status> statuses, Context& context);
  bool next_candidate(std::uint32_t index, std::span<Status> statuses, const Format& format,
                      const EncodeParams& params);

  const EncodeEnvironment* environment_ = nullptr;
  Stream stream_;
  DeviceStage* stage_ = nullptr;
  std::size_t down_bytes_ = 0;  // of the stage; what goes up lies behind
  std::vector<EncodeTask> tasks_;
  std::vector<std::uint32_t> order_;  // tasks of this attempt, largest first
  std::vector<std::uint32_t> cpu_;    // those for CPU encoders
  std::vector<EncodeJob> jobs_;       // of device encoders, by encoder
  std::vector<std::uint32_t> jobs_tasks_;
  std::vector<StatePool<Buffer>::Lease> spills_;  // parallel to jobs_
  std::vector<ByteSink> sinks_;
  std::vector<DeviceConversion> conversions_;
  // Rows of host images on their way up, one piece each.
  struct Band {
    std::uint32_t task;
    std::int64_t first, rows;
  };
  std::vector<Band> bands_;
  StagedUpload upload_;
  WriteOrder writes_;
};

}  // namespace restride
