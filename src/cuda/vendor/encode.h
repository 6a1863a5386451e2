// SPDX-License-Identifier: Apache-2.0
// A batch through one of NVIDIA's encoders: bring the sources into the layout that is wanted (one launch), then each
// thread of the pool encodes pictures from start to end. The libraries wait for the GPU inside, so that queueing more
// than there are threads would gain nothing, and cost a state with its memory each.
#pragma once

#include <algorithm>
#include <atomic>

#include "codec/codec.h"
#include "cuda/vendor/session.h"

namespace restride::cuda::vendor {

// As many as encode at once: 32 small lossless JPEG 2000 pictures take 78 ms by 16 threads and 126 all together.
inline constexpr std::size_t kEncodeLanes = 16;

// Where each job's pixels are, in its plan's layout; kept for the next call.
using EncodeSources = std::vector<ImageView>;

// How many of the jobs to have in flight together: encoders keep several bytes a sample.
inline std::size_t chunk_of(std::span<const EncodeJob> jobs) noexcept {
  constexpr std::uint64_t kSamples = std::uint64_t{256} << 20;
  std::uint64_t samples = 0;
  std::size_t n = 0;
  while (n < jobs.size()) {
    const ImageSpec& spec = jobs[n].plan.wanted;
    samples += std::uint64_t{spec.width} * spec.height * spec.channels;
    if (n != 0 && samples > kSamples) break;
    ++n;
  }
  return n;
}

// Finds out where each job's pixels are, in staging where the source is laid out otherwise, and queues what brings them
// there.
inline Status stage_sources(std::span<EncodeJob> jobs, EncodeSources& pixels, Call& call, Stream stream) {
  pixels.clear();
  std::size_t bytes = 0;
  const auto direct = [](const EncodeJob& job) { return job.source.direct() && plain_rows(job.source.view()); };
  for (const EncodeJob& job : jobs)
    if (!direct(job)) bytes += aligned(static_cast<std::size_t>(job.plan.wanted.bytes()));
  RESTRIDE_ASSIGN(std::byte * memory, call.reserve(bytes));
  for (const EncodeJob& job : jobs) {
    if (direct(job)) {
      pixels.push_back(job.source.view());
      continue;
    }
    pixels.push_back(dense_view(memory, job.plan.wanted, Memory::device, stream.device));
    call.conversions.push_back(conversion_of(job, pixels.back()));
    memory += aligned(static_cast<std::size_t>(job.plan.wanted.bytes()));
  }
  return convert(call, stream);
}

// E, an engine of one device: Result<L*> take(), give(L*), and for a lane
//   Status queue(L&, const EncodeJob&, const ImageView& pixels)   starts encoding
//   Status size(L&, std::size_t&)                                 waits for the number of bytes
//   Status fetch(L&, std::byte* to, std::size_t&)                 starts copying them to the host
template <class E, class L>
Status encode_on(E& engine, L& lane, EncodeJob& job, const ImageView& pixels, cudaEvent_t mark) {
  std::size_t bytes = 0;
  RESTRIDE_TRY(lane.follow(mark));
  RESTRIDE_TRY(engine.queue(lane, job, pixels));
  RESTRIDE_TRY(engine.size(lane, bytes));
  std::byte* to = job.sink->reserve(bytes);
  if (!to) return fail(Errc::out_of_memory, "no memory for the encoded picture");
  RESTRIDE_TRY(engine.fetch(lane, to, bytes));
  RESTRIDE_TRY(lane.finish_on(lane.stream()));
  RESTRIDE_TRY(lane.wait());
  job.sink->commit(bytes);
  return {};
}

template <class E>
Status encode_job(E& engine, EncodeJob& job, const ImageView& pixels, const Call& call) {
  const DeviceScope scope(call.device());
  RESTRIDE_ASSIGN(auto* const lane, engine.take());
  Status status = encode_on(engine, *lane, job, pixels, call.mark());
  // After a failure something may still be under way; nothing of it may reach the sink once the call is over.
  if (!status && lane->finish_on(lane->stream())) (void)lane->wait();
  engine.give(lane);
  return status;
}

template <class E>
Status encode_batch(E& engine, std::span<EncodeJob> jobs, EncodeSources& pixels, Context& context) {
  RESTRIDE_ASSIGN(Held<Call> call, begin_call(context.stream.device));
  RESTRIDE_TRY(stage_sources(jobs, pixels, *call, context.stream));
  RESTRIDE_TRY(call->fork(handle(context.stream)));
  for (std::size_t first = 0; first < jobs.size();) {
    const std::size_t n = chunk_of(jobs.subspan(first));
    std::atomic<std::size_t> next{first};
    context.executor.for_each(std::min(n, kEncodeLanes), [&](std::size_t) {
      for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < first + n;)
        jobs[i].status = encode_job(engine, jobs[i], pixels[i], *call);
    });
    first += n;
  }
  return call->finish_on(handle(context.stream));
}

}  // namespace restride::cuda::vendor
