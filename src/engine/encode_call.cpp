// SPDX-License-Identifier: Apache-2.0
#include "engine/encode_call.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error_util.h"
#include "image/convert/pixels.h"
#include "restride/device.h"
#include "stream/code_stream_state.h"

namespace restride {
namespace {

std::size_t aligned(std::uint64_t bytes) noexcept {
  return (static_cast<std::size_t>(bytes) + kStageAlignment - 1) & ~(kStageAlignment - 1);
}

// What an encoder's output says of itself before anybody parses it: its input.
ImageInfo describe_input(const ImageSpec& input, const EncodePlan& plan) {
  ImageInfo info;
  info.spec = input;
  if (plan.wanted.color == ColorSpec::gray && input.color != ColorSpec::gray) {
    info.spec.channels = 1;
    info.spec.color = ColorSpec::gray;
    info.spec.format = SampleFormat::i_y;
  }
  return info;
}

// Before an encoder writes: the stream's old content is gone.
void clear(CodeStream::State& state) noexcept {
  state.forget();
  state.encoded = 0;
  state.encoded_codec = {};
  state.encoded_info.reset();
}

// After it: the stream says what is in it, or is empty.
Status settle(CodeStream::State& state, ByteSink& sink, Status status, const EncodeTask& task, const Format& format) {
  if (status && !task.job.params->metadata.empty()) status = format.embed(task.job.params->metadata, sink);
  if (status) status = sink.finish();
  if (!status) return status;
  state.encoded = sink.size();
  state.encoded_codec = format.name;
  state.encoded_info = describe_input(task.in->spec(), task.job.plan);
  return status;
}

}  // namespace

Status check_parameters(const Format& format, const EncodeParams& params) {
  if ((params.tile_width == 0) != (params.tile_height == 0))
    return fail(Errc::invalid_argument,
                "Both tile_width and tile_height must be provided together, or neither should be provided");
  if (!params.metadata.empty() && !format.embed)
    return fail(Errc::unsupported, "%.*s files hold no metadata that can be written",
                static_cast<int>(format.name.size()), format.name.data());
  return {};
}

Result<EncodeChoice> choose_encoder(const EncodeEnvironment& environment, std::size_t from, const ImageSpec& spec,
                                    const Format& format, const EncodeParams& params) {
  Status reason;  // stays empty, and allocates nothing, on the way that succeeds
  for (std::size_t i = from; i < environment.candidates.size(); ++i) {
    const Candidate& candidate = environment.candidates[i];
    if (candidate.format != &format || !environment.encoders[i]) continue;
    if (candidate.on_device && !device_runtime()) continue;  // a forked child
    auto plan = environment.encoders[i]->plan(spec, params);
    if (!plan) {
      if (reason) reason = std::move(plan).error();
      continue;
    }
    if (can_convert(spec, plan->wanted)) return EncodeChoice{i, *plan};
    if (reason)
      reason = fail(Errc::unsupported, "an image of %u channels in its colour and type cannot be written as %s",
                    spec.channels, std::string(format.name).c_str());
  }
  if (!reason) return std::move(reason).error();
  return no_codec("encoder", format);
}

Status EncodeCall::prepare(EncodeTask& task, const Format& format, const EncodeParams& params) {
  const Image& in = *task.in;
  if (in.empty()) return fail(Errc::invalid_argument, "the image has no pixels");
  RESTRIDE_TRY(check_parameters(format, params));
  task.from_device = in.memory() == Memory::device;
  task.job.params = &params;
  if (task.from_device) {
    if (!device_runtime())
      return fail(Errc::device, "the image is in device memory, but %s", device_missing_reason().c_str());
    if (in.view().device != stream_.device)
      return fail(Errc::invalid_argument, "the image is on device %d, this encoder works on device %d",
                  in.view().device, stream_.device);
    RESTRIDE_TRY(writes_.before(stream_, in));
  }
  return choose(task, 0, format, params);
}

Status EncodeCall::choose(EncodeTask& task, std::size_t from, const Format& format, const EncodeParams& params) const {
  RESTRIDE_ASSIGN(const EncodeChoice choice, choose_encoder(*environment_, from, task.in->spec(), format, params));
  task.candidate = choice.candidate;
  task.on_device = environment_->candidates[choice.candidate].on_device;
  task.job.plan = choice.plan;
  if (task.from_device == task.on_device) task.job.source = PixelSource(task.in->view(), choice.plan.wanted);
  return {};
}

void EncodeCall::run(const EncodeEnvironment& environment, std::span<const Image* const> in, const Format& format,
                     std::span<CodeStream* const> out, std::span<Status> statuses, ParamsOf<EncodeParams> params,
                     Stream stream) {
  environment_ = &environment;
  stream_ = {stream.handle, environment.device};
  const Status whole = or_out_of_memory([&] {
    run_all(in, format, out, statuses, params);
    return Status();
  });
  if (whole) return;
  spills_.clear();
  if (stage_) device_runtime()->release(stage_);
  stage_ = nullptr;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (out[i] && out[i]->writable()) clear(*out[i]->state());
    statuses[i] = whole;
  }
}

void EncodeCall::run_all(std::span<const Image* const> in, const Format& format, std::span<CodeStream* const> out,
                         std::span<Status> statuses, ParamsOf<EncodeParams> params) {
  const std::size_t n = in.size();
  // An encoder without a device serves images that are on one.
  for (std::size_t i = 0; stream_.device < 0 && i < n; ++i)
    if (in[i] && in[i]->memory() == Memory::device) stream_.device = in[i]->view().device;
  if (tasks_.size() < n) tasks_.resize(n);
  order_.clear();
  for (std::size_t i = 0; i < n; ++i) {
    if (!in[i] || !out[i]) {
      statuses[i] = fail(Errc::invalid_argument, in[i] ? "no code stream to encode into" : "no image to encode");
      continue;
    }
    if (!out[i]->writable() || out[i]->view()) {
      statuses[i] = fail(Errc::invalid_argument, "this code stream is an input: encode into one made with a size");
      continue;
    }
    tasks_[i].in = in[i];
    tasks_[i].out = out[i];
    statuses[i] = or_out_of_memory([&] { return prepare(tasks_[i], format, params[i]); });
    if (statuses[i]) order_.push_back(static_cast<std::uint32_t>(i));
  }
  while (!order_.empty()) {
    attempt(statuses);
    // What a device encoder found out too late goes to the next candidate; each round moves on, so this ends.
    std::erase_if(order_, [&](std::uint32_t i) { return !next_candidate(i, statuses, format, params[i]); });
  }
}

bool EncodeCall::next_candidate(std::uint32_t index, std::span<Status> statuses, const Format& format,
                                const EncodeParams& params) {
  EncodeTask& task = tasks_[index];
  if (statuses[index] || !task.on_device) return false;
  if (!choose(task, task.candidate + 1, format, params)) return false;
  statuses[index] = {};
  return true;
}

void EncodeCall::attempt(std::span<Status> statuses) {
  // Largest first, so that no thread is left alone with a large image at the end.
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double x = tasks_[a].job.plan.cost, y = tasks_[b].job.plan.cost;
    return x != y ? x > y : a < b;
  });
  cpu_.clear();
  bool device = false;
  for (const std::uint32_t i : order_) {
    if (!tasks_[i].on_device) cpu_.push_back(i);
    device |= tasks_[i].on_device || tasks_[i].from_device;
  }
  if (device) {
    if (Status ready = stage_pixels(); !ready) {
      for (const std::uint32_t i : order_) statuses[i] = ready;
      if (stage_) device_runtime()->release(stage_);
      stage_ = nullptr;
      return;
    }
  }
  Context context{*environment_->executor, *environment_->scratch, stage_ ? stage_->stream() : stream_, order_.size()};
  const bool jobs = cpu_.size() < order_.size();
  environment_->executor->for_each(cpu_.size() + jobs, [&](std::size_t k) {
    if (jobs && k == 0)
      run_device_jobs(statuses, context);
    else
      run_cpu_task(cpu_[k - jobs], statuses, context);
  });
  if (!device) return;
  device_runtime()->release(stage_);
  stage_ = nullptr;
}

// Pixels of device images come down for CPU encoders, as those want them; pixels of host images go up for device ones.
Status EncodeCall::stage_pixels() {
  std::size_t at = 0;
  for (const std::uint32_t i : order_) {
    EncodeTask& task = tasks_[i];
    if (!task.from_device || task.on_device) continue;
    task.staged = at;
    at += aligned(task.job.plan.wanted.bytes());
  }
  down_bytes_ = at;
  divide_into_bands();
  RESTRIDE_ASSIGN(stage_, device_runtime()->acquire(stream_));
  RESTRIDE_TRY(stage_->reserve(upload_.end()));
  RESTRIDE_TRY(bring_pixels_down());
  return send_pixels_up();
}

// Large images go up in bands, so that copying into the stage and sending overlap.
void EncodeCall::divide_into_bands() {
  upload_.start(down_bytes_);
  bands_.clear();
  for (const std::uint32_t i : order_) {
    EncodeTask& task = tasks_[i];
    if (task.from_device || !task.on_device) continue;
    const ImageSpec& spec = task.in->spec();
    const std::uint64_t row = spec.row_bytes();
    const std::int64_t height = spec.height;
    const std::int64_t rows =
        spec.planar() ? height : std::clamp<std::int64_t>(static_cast<std::int64_t>(kUploadBytes / row), 1, height);
    for (std::int64_t y = 0; y < height; y += rows) {
      const std::int64_t n = std::min(rows, height - y);
      const bool whole = n == height;
      const std::size_t bytes = static_cast<std::size_t>(whole ? spec.bytes() : row * static_cast<std::uint64_t>(n));
      const std::size_t place = upload_.add(bytes, y == 0 ? kStageAlignment : 1);
      if (y == 0) task.staged = place;
      bands_.push_back({i, y, n});
    }
  }
}

Status EncodeCall::bring_pixels_down() {
  if (down_bytes_ == 0) return {};
  conversions_.clear();
  for (const std::uint32_t i : order_) {
    EncodeTask& task = tasks_[i];
    if (!task.from_device || task.on_device) continue;
    const ImageView& from = task.in->view();
    ImageSpec wanted = task.job.plan.wanted;
    wanted.width = from.spec.width;
    wanted.height = from.spec.height;
    const ImageView to = dense_view(stage_->device() + task.staged, wanted, Memory::device, stream_.device);
    conversions_.push_back({plan_conversion(from.spec, to, from.spec.width, from.spec.height, Orientation::normal),
                            from.data, from.row_stride, from.pixel_stride, from.channel_stride, from.spec.width,
                            from.spec.height});
    task.job.source = PixelSource(dense_view(stage_->host() + task.staged, wanted, Memory::pinned), wanted);
  }
  RESTRIDE_TRY(stage_->convert(conversions_));
  RESTRIDE_TRY(stage_->download(0, down_bytes_));
  return stage_->wait();
}

Status EncodeCall::send_pixels_up() {
  for (const std::uint32_t i : order_) {
    EncodeTask& task = tasks_[i];
    if (task.from_device || !task.on_device) continue;
    task.job.source =
        PixelSource(dense_view(stage_->device() + task.staged, task.in->spec(), Memory::device, stream_.device),
                    task.job.plan.wanted);
  }
  environment_->executor->for_each(bands_.size(), [&](std::size_t k) {
    const Band& band = bands_[k];
    const Image& in = *tasks_[band.task].in;
    const Rect rect{0, band.first, in.spec().width, band.rows};
    const ImageView staged = dense_view(stage_->host() + tasks_[band.task].staged, in.spec(), Memory::pinned);
    convert_pixels(in.view().crop(rect), staged.crop(rect));
    upload_.ready(k, *stage_);
  });
  return upload_.failed() ? Status(fail(Errc::device, "copying pixels to the device failed")) : Status();
}

// Each device encoder gets its jobs as one span.
void EncodeCall::run_device_jobs(std::span<Status> statuses, Context& context) {
  for (std::size_t c = 0; c < environment_->candidates.size(); ++c) {
    jobs_.clear();
    jobs_tasks_.clear();
    spills_.clear();
    sinks_.clear();
    for (const std::uint32_t i : order_) {
      EncodeTask& task = tasks_[i];
      if (!task.on_device || task.candidate != c) continue;
      jobs_tasks_.push_back(i);
      jobs_.push_back(task.job);
      spills_.push_back(environment_->spill->lease());
      clear(*task.out->state());
      sinks_.emplace_back(task.out->state()->buffer, *spills_.back());
    }
    if (jobs_.empty()) continue;
    for (std::size_t k = 0; k < jobs_.size(); ++k) jobs_[k].sink = &sinks_[k];
    environment_->encoders[c]->encode(jobs_, context);
    // New code streams get buffers of their size here, and a copy.
    context.executor.for_each(jobs_.size(), [&](std::size_t k) {
      const std::uint32_t i = jobs_tasks_[k];
      statuses[i] = settle(*tasks_[i].out->state(), sinks_[k], std::move(jobs_[k].status), tasks_[i],
                           *environment_->candidates[c].format);
    });
  }
  spills_.clear();
}

void EncodeCall::run_cpu_task(std::uint32_t index, std::span<Status> statuses, Context& context) {
  EncodeTask& task = tasks_[index];
  CodeStream::State& state = *task.out->state();
  auto spilled = environment_->spill->lease();
  ByteSink sink(state.buffer, *spilled);
  task.job.sink = &sink;
  task.job.status = {};
  clear(state);
  environment_->encoders[task.candidate]->encode({&task.job, 1}, context);
  task.job.sink = nullptr;
  statuses[index] = or_out_of_memory([&] {
    return settle(state, sink, std::move(task.job.status), task, *environment_->candidates[task.candidate].format);
  });
  task.job.status = {};
}

}  // namespace restride
