// SPDX-License-Identifier: Apache-2.0
#include "restride/decoder.h"

#include <vector>

#include "base/error_util.h"
#include "engine/backends.h"
#include "engine/decode_call.h"
#include "engine/device.h"
#include "engine/thread_pool.h"

namespace restride {

struct Decoder::Impl {
  Impl(const CodecOptions& given, int device, std::vector<Candidate> candidates)
      : options(given), pool(given.max_threads) {
    environment.candidates = std::move(candidates);
    environment.executor = &pool;
    environment.scratch = &scratch;
    environment.device = device;
    for (const Candidate& candidate : environment.candidates)
      environment.decoders.push_back(candidate.make_decoder ? candidate.make_decoder(options) : nullptr);
  }

  CodecOptions options;
  ThreadPool pool;
  StatePool<Scratch> scratch;
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
  const Status begun = or_out_of_memory([&] {
    impl_->calls.lease()->run(impl_->environment, in, out, statuses, params, stream);
    return Status();
  });
  if (begun) return;
  for (Status& status : statuses) status = begun;
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
