// SPDX-License-Identifier: Apache-2.0
#include "engine/decode_call.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/error_util.h"
#include "image/convert/pixels.h"
#include "restride/device.h"

namespace restride {
namespace {

constexpr std::size_t kFillPixel = 256;  // bytes of the largest pixel

std::size_t aligned(std::size_t bytes) noexcept { return (bytes + kStageAlignment - 1) & ~(kStageAlignment - 1); }

bool on_device(Route route) noexcept { return route == Route::device || route == Route::down; }
bool uses_device(const DecodeTask& task) noexcept {
  return task.out->memory() == Memory::device || task.route == Route::down;
}

// The decoder delivers the profile's pixels to working memory, and sRGB comes out.
void manage_colors(DecodePlan& plan, DecodeTask& task) {
  task.decoded = plan.native;
  plan.native = task.color->to();
  plan.native.width = task.decoded.width;
  plan.native.height = task.decoded.height;
  const std::uint64_t pixels = saturating_mul(task.decoded.width, task.decoded.height);
  const std::uint64_t channels = task.color->from().channels + task.color->to().channels;
  plan.scratch += static_cast<std::size_t>(saturating_mul(pixels, channels, size_of(plan.native.type)));
}

// The colours of a picture are to be managed: by its profile, if it has one.
Status find_colors(const DecodeEnvironment& environment, std::uint32_t image, DecodeTask& task) {
  DecodeRequest& request = task.job.request;
  const ImageSpec& output = task.geometry.output;
  if (output.color == ColorSpec::cmyk || output.color == ColorSpec::ycck)
    return fail(Errc::unsupported,
                "color_managed gives sRGB, or gray or SYCC made of it, not CMYK: say color_spec SRGB");
  RESTRIDE_ASSIGN(task.color, environment.colors->find(*request.stream, image, request.bytes, request.info().spec));
  if (!task.color) return {};
  if (!can_convert(task.color->to(), output))
    return fail(Errc::unsupported, "color_managed: sRGB cannot be given in the colour or format asked for");
  request.wanted = task.color->from();
  request.wanted.width = static_cast<std::uint32_t>(request.window.width);
  request.wanted.height = static_cast<std::uint32_t>(request.window.height);
  return {};
}

// Takes the first candidate from `from` on that accepts the request. The preferred one's reason is the one to tell.
Status choose_decoder(const DecodeEnvironment& environment, std::size_t from, const DecodeParams& params,
                      bool onto_device, DecodeTask& task) {
  DecodeRequest& request = task.job.request;
  Status reason;  // stays empty, and allocates nothing, on the way that succeeds
  bool found = false;
  for (std::size_t i = from; i < environment.candidates.size(); ++i) {
    const Candidate& candidate = environment.candidates[i];
    if (candidate.format != request.stream->format || !environment.decoders[i]) continue;
    if (candidate.on_device && !device_runtime()) continue;  // a forked child
    if (candidate.on_device && task.color) continue;         // profiles are applied by the CPU
    request.converted_later = onto_device && !candidate.on_device && !task.color;
    auto plan = environment.decoders[i]->plan(request);
    if (!plan) {
      if (reason) reason = std::move(plan).error();
      continue;
    }
    if (!can_convert(plan->native, request.wanted)) {
      if (reason)
        reason = fail(Errc::unsupported,
                      "this picture (%u channels) cannot be given in the colour or format asked for; "
                      "ColorSpec.UNCHANGED keeps its own",
                      plan->native.channels);
      continue;
    }
    if (task.color) manage_colors(*plan, task);
    if (saturating_add(plan->scratch, request.wanted.bytes()) > params.limits.max_memory)
      return fail(Errc::limit_exceeded,
                  "decoding needs %zu bytes of working memory and %llu for the picture, more than max_memory = %llu",
                  plan->scratch, static_cast<unsigned long long>(request.wanted.bytes()),
                  static_cast<unsigned long long>(params.limits.max_memory));
    if (found && plan->reluctant) continue;
    task.job.plan = *plan;
    task.candidate = i;
    if (candidate.on_device)
      task.route = onto_device ? Route::device : Route::down;
    else
      task.route = onto_device ? Route::up : Route::host;
    if (!plan->reluctant) return {};
    found = true;
  }
  if (found) {
    request.converted_later = false;  // it was asked of others since
    return {};
  }
  if (!reason) return reason;
  return no_codec("decoder", *request.stream->format);
}

// Calls f(band) for the up to four bands of the output that lie outside the picture.
template <class F>
void for_each_band_outside(const DecodeGeometry& geometry, F&& f) {
  const auto width = static_cast<std::int64_t>(geometry.output.width);
  const auto height = static_cast<std::int64_t>(geometry.output.height);
  const Rect& in = geometry.inside;
  const Rect bands[] = {in.empty() ? Rect{0, 0, width, height} : Rect{0, 0, width, in.y},
                        {0, in.bottom(), width, in.empty() ? 0 : height - in.bottom()},
                        {0, in.y, in.x, in.height},
                        {in.right(), in.y, in.empty() ? 0 : width - in.right(), in.height}};
  for (const Rect& band : bands)
    if (!band.empty()) f(band);
}

// A picture that is stored smaller too is read from there. Returns the orientation of the picture asked for.
Result<Orientation> use_overview(DecodeRequest& request, DecodeParams& params) {
  const ImageInfo& info = request.info();
  if (params.reduce == 0 || info.overviews.empty()) return info.orientation;
  const std::uint32_t found = params.reduce <= info.overviews.size() ? info.overviews[params.reduce - 1U] : 0;
  if (found == 0) return fail(Errc::unsupported, "reduce=%u: the file holds no overview of that size", params.reduce);
  params.reduce = 0;
  request.image = found - 1;
  return info.orientation;
}

// Every picture of a batch in one array is of the array's shape.
Status check_shape(const ImageSpec& picture, const ImageSpec& place) {
  if (picture.width == place.width && picture.height == place.height && picture.channels == place.channels &&
      picture.type == place.type && picture.planar() == place.planar())
    return {};
  return fail(Errc::unsupported,
              "the picture has %u rows, %u columns, %u channels of %zu bytes; its place has %u, %u, %u of %zu%s",
              picture.height, picture.width, picture.channels, size_of(picture.type), place.height, place.width,
              place.channels, size_of(place.type),
              picture.planar() != place.planar() ? ", and is laid out otherwise (planar and interleaved)" : "");
}

}  // namespace

Status prepare_task(const DecodeEnvironment& environment, const CodeStream& in, const DecodeParams& params,
                    bool onto_device, DecodeTask& task) {
  RESTRIDE_ASSIGN(const CodeStream::Parsed parsed, in.parsed());
  task.region = in.region();
  DecodeRequest& request = task.job.request;
  request.bytes = in.bytes();
  request.stream = parsed.stream;
  request.image = parsed.image;
  request.limits = params.limits;
  DecodeParams reduced = params;
  RESTRIDE_ASSIGN(reduced.reduce, halvings(request.info(), params));
  RESTRIDE_ASSIGN(const Orientation orientation, use_overview(request, reduced));
  request.reduce = reduced.reduce;
  RESTRIDE_ASSIGN(task.geometry, plan_output(request.info(), task.region, reduced, orientation));
  request.window = task.geometry.window;
  request.wanted = task.geometry.output;
  task.route = Route::none;
  task.job.status = {};
  task.job.wrote = false;
  task.color.reset();
  if (task.geometry.inside.empty()) return {};
  if (params.color_managed) RESTRIDE_TRY(find_colors(environment, parsed.image, task));
  return choose_decoder(environment, 0, params, onto_device, task);
}

void DecodeCall::run(const DecodeEnvironment& environment, std::span<const CodeStream* const> in,
                     std::span<Image* const> out, std::span<Status> statuses, ParamsOf<DecodeParams> params,
                     Stream stream) {
  environment_ = &environment;
  stream_ = {stream.handle, environment.device};
  const Status whole = or_out_of_memory([&] {
    run_all(in, out, statuses, params);
    return Status();
  });
  if (whole) return;
  if (stage_) device_runtime()->release(stage_);
  stage_ = nullptr;
  for (Status& status : statuses) status = whole;
}

void DecodeCall::run_all(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
                         ParamsOf<DecodeParams> params) {
  const std::size_t n = in.size();
  writes_.start();
  // A decoder without a device serves images that are on one.
  for (std::size_t i = 0; stream_.device < 0 && i < n; ++i)
    if (out[i] && out[i]->memory() == Memory::device && !out[i]->empty()) stream_.device = out[i]->view().device;
  if (tasks_.size() < n) tasks_.resize(n);
  order_.clear();

  const auto rounds = static_cast<std::uint32_t>(ceil_div<std::size_t>(n, environment_->executor->concurrency()));
  environment_->executor->for_each(n, [&](std::size_t i) {
    if (!in[i] || !out[i]) {
      statuses[i] = fail(Errc::invalid_argument, in[i] ? "no image to decode into" : "no code stream to decode");
      return;
    }
    tasks_[i].out = out[i];
    tasks_[i].job.request.rounds = rounds;
    statuses[i] = or_out_of_memory([&]() -> Status {
      RESTRIDE_TRY(prepare_task(*environment_, *in[i], params[i], out[i]->memory() == Memory::device, tasks_[i]));
      return params[i].exact_shape ? check_shape(tasks_[i].geometry.output, out[i]->spec()) : Status();
    });
  });
  for (std::size_t i = 0; i < n; ++i)
    if (statuses[i]) order_.push_back(static_cast<std::uint32_t>(i));
  for (const Backend& backend : environment_->shares) share_out(backend, params);
  while (!order_.empty()) {
    attempt(statuses);
    // A device decoder may find out too late that a picture is not for it, or stumble over a damaged one: the next
    // candidate gets it. Each round moves on to a later candidate, so this ends.
    std::erase_if(order_, [&](std::uint32_t i) { return !next_candidate(i, statuses, params[i]); });
  }
}

// Leaves `backend` its share of the pictures that chose it, the first ones, and finds another for the rest.
void DecodeCall::share_out(const Backend& backend, ParamsOf<DecodeParams> params) {
  const auto chose = [&](std::uint32_t i) {
    return tasks_[i].route != Route::none && environment_->candidates[tasks_[i].candidate].backend == backend.kind;
  };
  const auto all = static_cast<double>(std::count_if(order_.begin(), order_.end(), chose));
  auto left = static_cast<std::size_t>(std::round(all * std::clamp(static_cast<double>(backend.load_hint), 0.0, 1.0)));
  for (const std::uint32_t i : order_) {
    if (!chose(i) || (left != 0 && left--)) continue;
    DecodeTask& task = tasks_[i];
    const DecodeTask before = task;
    const bool onto_device = task.out->memory() == Memory::device;
    if (!choose_decoder(*environment_, task.candidate + 1, params[i], onto_device, task) || chose(i)) task = before;
  }
}

bool DecodeCall::next_candidate(std::uint32_t index, std::span<Status> statuses, const DecodeParams& params) {
  DecodeTask& task = tasks_[index];
  if (statuses[index] || !on_device(task.route)) return false;
  if (statuses[index].error().code == Errc::invalid_argument) return false;
  const bool onto_device = task.out->memory() == Memory::device;
  if (!choose_decoder(*environment_, task.candidate + 1, params, onto_device, task)) return false;
  statuses[index] = {};
  task.job.wrote = false;
  return true;
}

// Runs the tasks of `order_` once and leaves their statuses.
void DecodeCall::attempt(std::span<Status> statuses) {
  bool device = false;
  std::erase_if(order_, [&](std::uint32_t i) {
    statuses[i] = aim(tasks_[i]);
    device |= statuses[i] && uses_device(tasks_[i]);
    return !statuses[i];
  });
  sort_by_cost();
  cpu_.clear();
  for (const std::uint32_t i : order_)
    if (!on_device(tasks_[i].route)) cpu_.push_back(i);
  groups_.clear();
  if (device) {
    if (Status ready = open_stage(); !ready) {
      for (const std::uint32_t i : order_) statuses[i] = ready;
      return;
    }
    point_sinks();
    gather_device_jobs();
  }

  Context context{*environment_->executor, *environment_->scratch, stage_ ? stage_->stream() : stream_, order_.size()};
  const std::size_t groups = groups_.empty() ? 0 : groups_.size() - 1;
  environment_->executor->for_each(groups + cpu_.size(), [&](std::size_t k) {
    if (k < groups)
      run_device_jobs(k, context);
    else
      run_cpu_task(cpu_[k - groups], statuses, context);
  });
  if (!device) return;
  for (const std::uint32_t i : order_) {
    if (tasks_[i].out->memory() == Memory::device) tasks_[i].out->set_written(stage_->done());
    if (!on_device(tasks_[i].route)) continue;
    DecodeJob& job = jobs_[tasks_[i].job_index];
    settle(i, std::move(job.status), job.wrote, statuses);
  }
  if (Status done = finish_on_device(statuses); !done)
    for (const std::uint32_t i : order_)
      if (statuses[i] && uses_device(tasks_[i])) statuses[i] = done;
  device_runtime()->release(stage_);
  stage_ = nullptr;
}

// Makes room in the image, or refuses. Staging offsets come later, all at once.
Status DecodeCall::aim(DecodeTask& task) {
  Image& out = *task.out;
  if (out.memory() == Memory::device) {
    if (!device_runtime())
      return fail(Errc::device, "the image is to be in device memory, but %s", device_missing_reason().c_str());
    if (stream_.device < 0)
      return fail(Errc::invalid_argument, "a decoder for the CPU alone needs an image that already has device memory");
    if (!out.empty() && out.view().device != stream_.device)
      return fail(Errc::invalid_argument, "the image is on device %d, this decoder works on device %d",
                  out.view().device, stream_.device);
    RESTRIDE_TRY(writes_.before(stream_, out));
  }
  RESTRIDE_TRY(out.ensure(task.geometry.output, stream_));
  if (task.route == Route::host || task.route == Route::device)
    task.job.sink = PixelSink(out.view().crop(task.geometry.inside), task.job.plan.native, task.geometry.orientation);
  return {};
}

// Largest first, so that no thread is left alone with a large picture at the end.
void DecodeCall::sort_by_cost() {
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double x = tasks_[a].route == Route::none ? 0 : tasks_[a].job.plan.cost;
    const double y = tasks_[b].route == Route::none ? 0 : tasks_[b].job.plan.cost;
    return x != y ? x > y : a < b;
  });
}

Status DecodeCall::open_stage() {
  lay_out_stage();
  RESTRIDE_ASSIGN(stage_, device_runtime()->acquire(stream_));
  Status ready = stage_->reserve(stage_bytes_);
  if (!ready) {
    device_runtime()->release(stage_);
    stage_ = nullptr;
  }
  return ready;
}

// Staged pictures lie in the order in which they are worked on, so that a chunk of them is one copy.
void DecodeCall::lay_out_stage() {
  upload_.start(0);
  for (const std::uint32_t i : cpu_) {
    DecodeTask& task = tasks_[i];
    if (task.route != Route::up) continue;
    const ImageSpec& native = task.job.plan.native;
    task.piece = upload_.pieces();
    task.banded = BandUpload::pays(native);
    task.staged =
        task.banded ? task.bands.start(upload_, native) : upload_.add(static_cast<std::size_t>(native.bytes()));
  }
  std::size_t at = aligned(upload_.end());
  for (const std::uint32_t i : order_) {
    DecodeTask& task = tasks_[i];
    if (task.route != Route::down) continue;
    task.staged = at;
    at += aligned(static_cast<std::size_t>(task.geometry.output.bytes()));
  }
  fills_begin_ = at;
  for (const std::uint32_t i : order_)
    if (tasks_[i].geometry.out_of_bounds && tasks_[i].out->memory() == Memory::device) at += kFillPixel;
  stage_bytes_ = at;
}

void DecodeCall::point_sinks() {
  for (const std::uint32_t i : order_) {
    DecodeTask& task = tasks_[i];
    const ImageSpec& native = task.job.plan.native;
    if (task.route == Route::up) {
      task.job.sink =
          PixelSink(dense_view(stage_->host() + task.staged, native, Memory::pinned), native, Orientation::normal);
      if (task.banded) {
        task.bands.aim(*stage_);
        task.job.sink.report_to(&task.bands);
      }
    }
    if (task.route == Route::down) {
      const ImageView whole =
          dense_view(stage_->device() + task.staged, task.geometry.output, Memory::device, stream_.device);
      task.job.sink = PixelSink(whole.crop(task.geometry.inside), native, task.geometry.orientation);
    }
  }
}

// Jobs of each device decoder one after the other, so that it gets them as one span.
void DecodeCall::gather_device_jobs() {
  jobs_.clear();
  jobs_tasks_.clear();
  for (std::size_t c = 0; c < environment_->candidates.size(); ++c) {
    const std::size_t first = jobs_.size();
    for (const std::uint32_t i : order_) {
      if (!on_device(tasks_[i].route) || tasks_[i].candidate != c) continue;
      tasks_[i].job_index = static_cast<std::uint32_t>(jobs_.size());
      jobs_.push_back(tasks_[i].job);
      jobs_tasks_.push_back(i);
    }
    if (jobs_.size() > first) groups_.push_back(first);
  }
  if (!groups_.empty()) groups_.push_back(jobs_.size());
}

void DecodeCall::run_device_jobs(std::size_t group, Context& context) {
  const std::span<DecodeJob> jobs(jobs_.data() + groups_[group], groups_[group + 1] - groups_[group]);
  environment_->decoders[tasks_[jobs_tasks_[groups_[group]]].candidate]->decode(jobs, context);
}

void DecodeCall::run_cpu_task(std::uint32_t index, std::span<Status> statuses, Context& context) {
  DecodeTask& task = tasks_[index];
  if (task.route != Route::none) {
    FormatDecoder& decoder = *environment_->decoders[task.candidate];
    if (task.color)
      decode_in_srgb(decoder, *task.color, task.decoded, task.job, context);
    else
      decoder.decode({&task.job, 1}, context);
    // What a failed decoder wrote into the stage never reaches the image.
    settle(index, std::move(task.job.status), task.job.wrote && task.route == Route::host, statuses);
    task.job.status = {};
    if (task.route == Route::up && task.banded) task.bands.finish();
    if (task.route == Route::up && !task.banded) upload_.ready(task.piece, *stage_);
  }
  if (statuses[index] && task.geometry.out_of_bounds && task.out->memory() != Memory::device)
    for_each_band_outside(task.geometry,
                          [&](const Rect& band) { fill_pixels(task.out->view().crop(band), task.region->fill); });
}

void DecodeCall::settle(std::uint32_t index, Status status, bool wrote, std::span<Status> statuses) const {
  if (!status && wrote) status.error().message += "; part of the picture was already written into the image";
  statuses[index] = std::move(status);
}

void DecodeCall::collect_conversions(std::span<const Status> statuses) {
  conversions_.clear();
  std::size_t fill = fills_begin_;
  for (const std::uint32_t i : order_) {
    const DecodeTask& task = tasks_[i];
    const bool fills = task.geometry.out_of_bounds && task.out->memory() == Memory::device;
    const std::size_t at = fill;
    if (fills) fill += kFillPixel;
    if (!statuses[i]) continue;
    if (task.route == Route::up) {
      const ImageView from =
          dense_view(stage_->device() + task.staged, task.job.plan.native, Memory::device, stream_.device);
      const std::int64_t width = from.spec.width, height = from.spec.height;
      conversions_.push_back({plan_conversion(from.spec, task.out->view().crop(task.geometry.inside), width, height,
                                              task.geometry.orientation),
                              from.data, from.row_stride, from.pixel_stride, from.channel_stride, width, height});
    }
    if (fills) add_fill(task, at);
  }
}

void DecodeCall::add_fill(const DecodeTask& task, std::size_t at) {
  ImageSpec pixel = task.geometry.output;
  pixel.width = pixel.height = 1;
  const ImageView host = dense_view(stage_->host() + at, pixel);
  fill_pixels(host, task.region->fill);
  for_each_band_outside(task.geometry, [&](const Rect& band) {
    conversions_.push_back(
        {plan_conversion(pixel, task.out->view().crop(band), band.width, band.height, Orientation::normal),
         stage_->device() + at, 0, 0, host.channel_stride, band.width, band.height});
  });
}

// Everything that is queued once for the whole call, and the one wait where host memory is to be filled.
Status DecodeCall::finish_on_device(std::span<const Status> statuses) {
  if (upload_.failed()) return fail(Errc::device, "copying pixels to the device failed");
  collect_conversions(statuses);
  if (stage_bytes_ > fills_begin_) RESTRIDE_TRY(stage_->upload(fills_begin_, stage_bytes_ - fills_begin_));
  RESTRIDE_TRY(stage_->convert(conversions_));
  std::size_t begin = SIZE_MAX, end = 0;
  for (const std::uint32_t i : order_) {
    const DecodeTask& task = tasks_[i];
    if (task.route != Route::down || !statuses[i]) continue;
    begin = std::min(begin, task.staged);
    end = std::max(end, task.staged + static_cast<std::size_t>(task.geometry.output.bytes()));
  }
  if (end == 0) return {};
  RESTRIDE_TRY(stage_->download(begin, end - begin));
  RESTRIDE_TRY(stage_->wait());
  bring_down(statuses);
  return {};
}

void DecodeCall::bring_down(std::span<const Status> statuses) {
  environment_->executor->for_each(order_.size(), [&](std::size_t k) {
    const DecodeTask& task = tasks_[order_[k]];
    if (task.route != Route::down || !statuses[order_[k]]) return;
    const ImageView whole = dense_view(stage_->host() + task.staged, task.geometry.output, Memory::pinned);
    convert_pixels(whole.crop(task.geometry.inside), task.out->view().crop(task.geometry.inside));
    if (task.geometry.out_of_bounds)
      for_each_band_outside(task.geometry,
                            [&](const Rect& band) { fill_pixels(task.out->view().crop(band), task.region->fill); });
  });
}

}  // namespace restride
