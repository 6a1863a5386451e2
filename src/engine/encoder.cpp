// SPDX-License-Identifier: Apache-2.0
#include "restride/encoder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error_util.h"
#include "engine/backends.h"
#include "engine/thread_pool.h"
#include "formats/table.h"
#include "stream/code_stream_state.h"

namespace restride {
namespace {

struct Task {
  EncodeJob job;
  FormatEncoder* encoder = nullptr;
};

struct Call {
  std::vector<Task> tasks;
  std::vector<std::uint32_t> order;
};

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

}  // namespace

struct Encoder::Impl {
  explicit Impl(const CodecOptions& given) : options(given), pool(given.max_threads) {
    const auto entries = codecs();
    encoders.resize(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].make_encoder && backend_allowed(entries[i], options))
        encoders[i] = entries[i].make_encoder(options);
  }

  Status prepare(const Image& in, const Format& format, Task& task, const EncodeParams& params) const;
  Status run(Task& task, CodeStream& out, Context& context);

  CodecOptions options;
  ThreadPool pool;
  StatePool<Scratch> scratch;
  StatePool<Buffer> spill;  // grown by encoders whose output did not fit its stream
  StatePool<Call> calls;
  std::vector<std::unique_ptr<FormatEncoder>> encoders;  // parallel to codecs()
};

Status Encoder::Impl::prepare(const Image& in, const Format& format, Task& task, const EncodeParams& params) const {
  if (in.empty()) return fail(Errc::invalid_argument, "the image has no pixels");
  if (in.memory() == Memory::device) return fail(Errc::device, "this build has no CUDA: give a host image");
  if ((params.tile_width == 0) != (params.tile_height == 0))
    return fail(Errc::invalid_argument,
                "Both tile_width and tile_height must be provided together, or neither should be provided");
  const auto entries = codecs();
  Status reason;  // stays empty, and allocates nothing, on the way that succeeds
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].format != &format || !encoders[i]) continue;
    auto plan = encoders[i]->plan(in.spec(), params);
    if (!plan) {
      if (reason) reason = std::move(plan).error();
      continue;
    }
    if (!can_convert(in.spec(), plan->wanted)) {
      if (reason)
        reason = fail(Errc::unsupported, "an image of %u channels in its colour and type cannot be written as %s",
                      in.spec().channels, std::string(format.name).c_str());
      continue;
    }
    task.encoder = encoders[i].get();
    task.job.plan = *plan;
    task.job.params = &params;
    task.job.source = PixelSource(in.view(), plan->wanted);
    return {};
  }
  if (!reason) return reason;
  return fail(Errc::unsupported, "no encoder for %.*s among the backends asked for",
              static_cast<int>(format.name.size()), format.name.data());
}

Status Encoder::Impl::run(Task& task, CodeStream& out, Context& context) {
  CodeStream::State& state = *out.state();
  auto spilled = spill.lease();
  ByteSink sink(state.buffer, *spilled);
  task.job.sink = &sink;
  task.job.status = {};
  state.forget();
  state.encoded = 0;
  task.encoder->encode({&task.job, 1}, context);
  task.job.sink = nullptr;
  RESTRIDE_TRY(std::move(task.job.status));
  RESTRIDE_TRY(sink.finish());
  state.encoded = sink.size();
  return {};
}

Encoder::Encoder(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<Encoder> Encoder::create(const CodecOptions& options) {
  RESTRIDE_TRY(check_backends(options));
  return Encoder(std::make_unique<Impl>(options));
}

void Encoder::encode(std::span<const Image* const> in, std::string_view codec, std::span<CodeStream* const> out,
                     std::span<Status> statuses, const EncodeParams& params, Stream stream) {
  const std::size_t n = in.size();
  const Format* format = find_format(codec);
  auto call = impl_->calls.lease();
  if (call->tasks.size() < n) call->tasks.resize(n);
  call->order.clear();
  for (std::size_t i = 0; i < n; ++i) {
    if (!format)
      statuses[i] = fail(Errc::invalid_argument, "unknown codec \"%s\"", std::string(codec).c_str());
    else if (!in[i] || !out[i])
      statuses[i] = fail(Errc::invalid_argument, in[i] ? "no code stream to encode into" : "no image to encode");
    else if (!out[i]->writable() || out[i]->view())
      statuses[i] = fail(Errc::invalid_argument, "this code stream is an input: encode into one made with a size");
    else
      statuses[i] = impl_->prepare(*in[i], *format, call->tasks[i], params);
    if (statuses[i]) call->order.push_back(static_cast<std::uint32_t>(i));
  }
  const auto& tasks = call->tasks;
  std::sort(call->order.begin(), call->order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double x = tasks[a].job.plan.cost, y = tasks[b].job.plan.cost;
    return x != y ? x > y : a < b;
  });
  Context context{impl_->pool, impl_->scratch, stream};
  impl_->pool.for_each(call->order.size(), [&](std::size_t k) {
    const std::uint32_t i = call->order[k];
    Task& task = call->tasks[i];
    statuses[i] = impl_->run(task, *out[i], context);
    CodeStream::State& state = *out[i]->state();
    if (statuses[i]) {
      state.encoded_codec = format->name;
      state.encoded_info = describe_input(in[i]->spec(), task.job.plan);
    } else {
      state.encoded_codec = {};
      state.encoded_info.reset();
    }
  });
}

Status Encoder::encode(const Image& in, std::string_view codec, CodeStream& out, const EncodeParams& params,
                       Stream stream) {
  const Image* ins[] = {&in};
  CodeStream* outs[] = {&out};
  Status status;
  encode(ins, codec, outs, {&status, 1}, params, stream);
  return status;
}

Result<CodeStream> Encoder::encode(const Image& in, std::string_view codec, const EncodeParams& params, Stream stream) {
  RESTRIDE_ASSIGN(CodeStream out, CodeStream::create());
  RESTRIDE_TRY(encode(in, codec, out, params, stream));
  return out;
}

int Encoder::device() const noexcept { return impl_->options.device; }

namespace {

std::string_view extension_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t slash = path.rfind('/');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) return {};
  return path.substr(dot);
}

Error file_error(const char* what, const std::string& path) {
  return fail(Errc::io, "%s %s: %s", what, path.c_str(), std::strerror(errno));
}

// Writes beside the target and renames, so that a full disk or a stop leaves no half file.
Status write_file(const std::string& path, ByteSpan bytes) {
  static std::atomic<unsigned> counter{0};
  const std::string part = path + ".part" + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return file_error("cannot create", path);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      Error error = file_error("cannot write", path);
      ::close(file);
      ::unlink(part.c_str());
      return error;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::close(file) != 0 || ::rename(part.c_str(), path.c_str()) != 0) {
    Error error = file_error("cannot write", path);
    ::unlink(part.c_str());
    return error;
  }
  return {};
}

}  // namespace

Status Encoder::write(const std::string& path, const Image& in, std::string_view codec, const EncodeParams& params,
                      Stream stream) {
  if (codec.empty()) codec = extension_of(path);
  if (!find_format(codec))
    return fail(Errc::invalid_argument,
                "cannot tell a codec from the file name %s: give one, for example codec=\"jpeg\"", path.c_str());
  RESTRIDE_ASSIGN(const CodeStream encoded, encode(in, codec, params, stream));
  return write_file(path, encoded.bytes());
}

std::string_view codec_for(std::string_view name_or_extension) noexcept {
  const Format* format = find_format(name_or_extension);
  return format ? format->name : std::string_view();
}

}  // namespace restride
