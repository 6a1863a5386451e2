// SPDX-License-Identifier: Apache-2.0
// One decode call: plan every image, make room, run, convert and send what has to be, settle.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "codec/codec.h"
#include "codec/device_runtime.h"
#include "engine/backends.h"
#include "engine/color_transform.h"
#include "engine/device.h"
#include "engine/output_spec.h"
#include "engine/params_of.h"
#include "engine/staged_upload.h"
#include "restride/code_stream.h"

namespace restride {

// What calls of one Decoder share.
struct DecodeEnvironment {
  std::vector<Candidate> candidates;
  std::vector<std::unique_ptr<FormatDecoder>> decoders;  // parallel to candidates; null: cannot decode
  Executor* executor = nullptr;
  StatePool<Scratch>* scratch = nullptr;
  ColorTransforms* colors = nullptr;
  int device = -1;
  std::vector<Backend> shares;  // backends that are to get a part of a batch only
};

// How a picture gets from its decoder into its image.
enum class Route : std::uint8_t {
  none,    // nothing of the picture is in the region: only fill
  host,    // CPU decoder, host image: straight
  up,      // CPU decoder, device image: native pixels are staged and sent; one conversion a call puts them in place
  device,  // device decoder, device image: straight
  down,    // device decoder, host image: through staging
};

struct DecodeTask {
  DecodeJob job;
  DecodeGeometry geometry;
  std::shared_ptr<const ColorTransform> color;  // null: colours stay as they are stored
  ImageSpec decoded;                            // with `color`: what the decoder promised; the plan says what comes out
  const Region* region = nullptr;
  Image* out = nullptr;
  std::size_t candidate = 0;
  Route route = Route::none;
  std::size_t staged = 0;  // where in the stage
  std::size_t piece = 0;   // Route::up: which piece of the upload, unless it goes up in bands
  bool banded = false;
  BandUpload bands;
  std::uint32_t job_index = 0;  // among the jobs of device decoders
};

// Headers and parameters -> geometry, request and the decoder that takes it. Nothing is written.
Status prepare_task(const DecodeEnvironment& environment, const CodeStream& in, const DecodeParams& params,
                    bool onto_device, DecodeTask& task);

// Holds the vectors of a call, so that the next one allocates nothing.
class DecodeCall {
 public:
  void run(const DecodeEnvironment& environment, std::span<const CodeStream* const> in, std::span<Image* const> out,
           std::span<Status> statuses, ParamsOf<DecodeParams> params, Stream stream);

 private:
  void run_all(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
               ParamsOf<DecodeParams> params);
  void share_out(const Backend& backend, ParamsOf<DecodeParams> params);
  void attempt(std::span<Status> statuses);
  Status aim(DecodeTask& task);
  void sort_by_cost();
  Status open_stage();
  void lay_out_stage();
  void point_sinks();
  void gather_device_jobs();
  void run_device_jobs(std::size_t group, Context& context);
  void run_cpu_task(std::uint32_t index, std::span<Status> statuses, Context& context);
  void settle(std::uint32_t index, Status status, bool wrote, std::span<Status> statuses) const;
  void collect_conversions(std::span<const Status> statuses);
  void add_fill(const DecodeTask& task, std::size_t at);
  Status finish_on_device(std::span<const Status> statuses);
  void bring_down(std::span<const Status> statuses);
  bool next_candidate(std::uint32_t index, std::span<Status> statuses, const DecodeParams& params);

  const DecodeEnvironment* environment_ = nullptr;
  Stream stream_;
  DeviceStage* stage_ = nullptr;
  StagedUpload upload_;
  WriteOrder writes_;
  std::size_t stage_bytes_ = 0;
  std::size_t fills_begin_ = 0;  // in the stage: one pixel for each image with something to fill
  std::vector<DecodeTask> tasks_;
  std::vector<std::uint32_t> order_;       // tasks of this attempt, largest first
  std::vector<std::uint32_t> cpu_;         // those for CPU decoders
  std::vector<DecodeJob> jobs_;            // of device decoders, by decoder
  std::vector<std::uint32_t> jobs_tasks_;  // parallel to jobs_: the task behind
  std::vector<std::size_t> groups_;        // first job of each device decoder, and the end
  std::vector<DeviceConversion> conversions_;
};

}  // namespace restride
