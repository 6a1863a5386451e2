// SPDX-License-Identifier: Apache-2.0
#include "restride/decoder.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/error_util.h"
#include "engine/backends.h"
#include "engine/decode_call.h"
#include "engine/device.h"
#include "engine/thread_pool.h"

namespace restride {

struct Decoder::Impl {
  Impl(const CodecOptions& given, int device, std::vector<Candidate> candidates)
      : options(given), pool(given.executor ? nullptr : std::make_unique<ThreadPool>(given.max_threads)) {
    environment.candidates = std::move(candidates);
    environment.executor = pool ? pool.get() : options.executor;
    environment.scratch = &scratch;
    environment.colors = &colors;
    environment.device = device;
    std::copy_if(options.backends.begin(), options.backends.end(), std::back_inserter(environment.shares),
                 [](const Backend& b) { return b.policy != LoadHintPolicy::ignore && b.load_hint < 1; });
    for (const Candidate& candidate : environment.candidates)
      environment.decoders.push_back(candidate.decoder(options));
  }

  void decode(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
              ParamsOf<DecodeParams> params, Stream stream) {
    const Status begun = or_out_of_memory([&] {
      calls.lease()->run(environment, in, out, statuses, params, stream);
      return Status();
    });
    if (!begun) std::fill(statuses.begin(), statuses.end(), begun);
  }

  CodecOptions options;
  std::unique_ptr<ThreadPool> pool;  // null: the caller's executor
  StatePool<Scratch> scratch;
  ColorTransforms colors;
  StatePool<DecodeCall> calls;
  DecodeEnvironment environment;
};

Decoder::Decoder(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::create(const CodecOptions& options) {
  return or_out_of_memory([&]() -> Result<Decoder> {
    RESTRIDE_ASSIGN(const int device, resolve_device(options));
    RESTRIDE_ASSIGN(auto usable, candidates(options, device));
    return Decoder(std::make_unique<Impl>(options, device, std::move(usable)));
  });
}

void Decoder::decode(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
                     const DecodeParams& params, Stream stream) {
  impl_->decode(in, out, statuses, params, stream);
}

void Decoder::decode_each(std::span<const CodeStream* const> in, std::span<Image* const> out,
                          std::span<Status> statuses, std::span<const DecodeParams> params, Stream stream) {
  impl_->decode(in, out, statuses, ParamsOf<DecodeParams>(params), stream);
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
  return or_out_of_memory([&]() -> Result<ImageSpec> {
    DecodeTask task;
    RESTRIDE_TRY(prepare_task(impl_->environment, in, params, output_memory() == Memory::device, task));
    return task.geometry.output;
  });
}

Memory Decoder::output_memory() const noexcept { return impl_->environment.device < 0 ? Memory::host : Memory::device; }
int Decoder::device() const noexcept { return impl_->environment.device; }

}  // namespace restride
