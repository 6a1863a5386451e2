// SPDX-License-Identifier: Apache-2.0
// One decode call: plan every image (threads), order by cost, run, fill what lies outside.
#include "restride/decoder.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/checked.h"
#include "base/error_util.h"
#include "engine/backends.h"
#include "engine/output_spec.h"
#include "engine/thread_pool.h"
#include "formats/table.h"

namespace restride {
namespace {

// What one image needs from plan to pixels.
struct Task {
  DecodeJob job;
  DecodeGeometry geometry;
  FormatDecoder* decoder = nullptr;
  const Region* region = nullptr;
};

// Reused vectors of one call.
struct Call {
  std::vector<Task> tasks;
  std::vector<std::uint32_t> order;
};

}  // namespace

struct Decoder::Impl {
  explicit Impl(const CodecOptions& given) : options(given), pool(given.max_threads) {
    const auto entries = codecs();
    decoders.resize(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].make_decoder && backend_allowed(entries[i], options))
        decoders[i] = entries[i].make_decoder(options);
  }

  Status prepare(const CodeStream& in, Task& task, const DecodeParams& params) const;
  Status choose_decoder(Task& task, const DecodeParams& params) const;
  Status aim(Task& task, Image& out, const DecodeParams& params, Stream stream) const;
  void run(Task& task, Context& context) const;

  CodecOptions options;
  ThreadPool pool;
  StatePool<Scratch> scratch;
  StatePool<Call> calls;
  std::vector<std::unique_ptr<FormatDecoder>> decoders;  // parallel to codecs()
};

// Headers and parameters -> geometry, request and decoder. Nothing is written yet.
Status Decoder::Impl::prepare(const CodeStream& in, Task& task, const DecodeParams& params) const {
  RESTRIDE_ASSIGN(const CodeStream::Parsed parsed, in.parsed());
  task.region = in.region();
  DecodeRequest& request = task.job.request;
  request.bytes = in.bytes();
  request.stream = parsed.stream;
  request.image = parsed.image;
  request.reduce = params.reduce;
  request.limits = params.limits;
  RESTRIDE_ASSIGN(task.geometry, plan_output(request.info(), task.region, params));
  request.window = task.geometry.window;
  request.wanted = task.geometry.output;
  task.decoder = nullptr;
  task.job.status = {};
  task.job.wrote = false;
  if (task.geometry.inside.empty()) return {};  // only fill
  return choose_decoder(task, params);
}

Status Decoder::Impl::choose_decoder(Task& task, const DecodeParams& params) const {
  const DecodeRequest& request = task.job.request;
  const auto entries = codecs();
  Status reason;  // stays empty, and allocates nothing, on the way that succeeds
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].format != request.stream->format || !decoders[i]) continue;
    auto plan = decoders[i]->plan(request);
    if (!plan) {
      if (reason) reason = std::move(plan).error();  // the preferred entry's reason is the one to tell
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
    if (plan->scratch > params.limits.max_memory)
      return fail(Errc::limit_exceeded, "decoding needs %zu bytes of working memory, more than max_memory = %llu",
                  plan->scratch, static_cast<unsigned long long>(params.limits.max_memory));
    task.job.plan = *plan;
    task.decoder = decoders[i].get();
    return {};
  }
  if (!reason) return reason;
  return fail(Errc::unsupported, "no decoder for %.*s among the backends asked for",
              static_cast<int>(request.stream->format->name.size()), request.stream->format->name.data());
}

// Makes room in `out` and points the job at it.
Status Decoder::Impl::aim(Task& task, Image& out, const DecodeParams&, Stream stream) const {
  if (out.memory() == Memory::device) return fail(Errc::device, "this build has no CUDA: give a host image");
  RESTRIDE_TRY(out.ensure(task.geometry.output, stream));
  if (task.decoder)
    task.job.sink = PixelSink(out.view().crop(task.geometry.inside), task.job.plan.native, task.geometry.orientation);
  return {};
}

void Decoder::Impl::run(Task& task, Context& context) const {
  if (task.decoder) task.decoder->decode({&task.job, 1}, context);
}

namespace {

// Fills what of `out` lies outside the picture: up to four bands around `inside`.
void fill_outside(const ImageView& out, const DecodeGeometry& geometry, const Region& region) {
  const auto width = static_cast<std::int64_t>(out.spec.width), height = static_cast<std::int64_t>(out.spec.height);
  const Rect& in = geometry.inside;
  const Rect bands[] = {in.empty() ? Rect{0, 0, width, height} : Rect{0, 0, width, in.y},
                        {0, in.bottom(), width, in.empty() ? 0 : height - in.bottom()},
                        {0, in.y, in.x, in.height},
                        {in.right(), in.y, in.empty() ? 0 : width - in.right(), in.height}};
  for (const Rect& band : bands)
    if (!band.empty()) fill_pixels(out.crop(band), region.fill);
}

}  // namespace

Decoder::Decoder(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::create(const CodecOptions& options) {
  RESTRIDE_TRY(check_backends(options));
  return Decoder(std::make_unique<Impl>(options));
}

void Decoder::decode(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
                     const DecodeParams& params, Stream stream) {
  const std::size_t n = in.size();
  auto call = impl_->calls.lease();
  if (call->tasks.size() < n) call->tasks.resize(n);
  call->order.clear();

  impl_->pool.for_each(n, [&](std::size_t i) {
    if (!in[i] || !out[i])
      statuses[i] = fail(Errc::invalid_argument, in[i] ? "no image to decode into" : "no code stream to decode");
    else
      statuses[i] = impl_->prepare(*in[i], call->tasks[i], params);
  });
  for (std::size_t i = 0; i < n; ++i) {
    if (!statuses[i]) continue;
    statuses[i] = impl_->aim(call->tasks[i], *out[i], params, stream);
    if (statuses[i]) call->order.push_back(static_cast<std::uint32_t>(i));
  }
  // Largest first, so that no thread is left alone with a large image at the end.
  const auto& tasks = call->tasks;
  std::sort(call->order.begin(), call->order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double x = tasks[a].decoder ? tasks[a].job.plan.cost : 0, y = tasks[b].decoder ? tasks[b].job.plan.cost : 0;
    return x != y ? x > y : a < b;
  });

  Context context{impl_->pool, impl_->scratch, stream, call->order.size()};
  impl_->pool.for_each(call->order.size(), [&](std::size_t k) {
    const std::uint32_t i = call->order[k];
    Task& task = call->tasks[i];
    impl_->run(task, context);
    if (!task.job.status) {
      Error error = std::move(task.job.status).error();
      if (task.job.wrote) error.message += "; part of the picture was already written into the image";
      statuses[i] = std::move(error);
    } else if (task.geometry.out_of_bounds) {
      fill_outside(out[i]->view(), task.geometry, *task.region);
    }
    task.job.status = {};
  });
}

Status Decoder::decode(const CodeStream& in, Image& out, const DecodeParams& params, Stream stream) {
  const CodeStream* ins[] = {&in};
  Image* outs[] = {&out};
  Status status;
  decode(ins, outs, {&status, 1}, params, stream);
  return status;
}

Result<Image> Decoder::decode(const CodeStream& in, const DecodeParams& params, Stream stream) {
  Image image(output_memory());
  RESTRIDE_TRY(decode(in, image, params, stream));
  return image;
}

Result<Image> Decoder::read(const std::string& path, const DecodeParams& params, Stream stream) {
  RESTRIDE_ASSIGN(const CodeStream in, CodeStream::open(path));
  return decode(in, params, stream);
}

Result<ImageSpec> Decoder::output_spec(const CodeStream& in, const DecodeParams& params) const {
  Task task;
  RESTRIDE_TRY(impl_->prepare(in, task, params));
  return task.geometry.output;
}

Memory Decoder::output_memory() const noexcept { return Memory::host; }
int Decoder::device() const noexcept { return impl_->options.device; }

}  // namespace restride
