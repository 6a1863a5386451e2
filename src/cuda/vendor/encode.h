// SPDX-License-Identifier: Apache-2.0
// A batch through one of NVIDIA's encoders: bring the sources into the layout that is wanted (one launch), queue all
// encodes side by side, then ask for the sizes, then fetch the bytes.
#pragma once

#include "codec/codec.h"
#include "cuda/vendor/session.h"

namespace restride::cuda::vendor {

inline constexpr std::size_t kEncodeLanes = 32;

// Arrays of a call, kept for the next.
template <class L>
struct EncodeWork {
  std::vector<ImageView> pixels;  // where each job's are, in its plan's layout
  std::vector<L*> lanes;
  std::vector<std::size_t> sizes;
};

// How many of the jobs to have in flight together: encoders keep several bytes a sample.
inline std::size_t chunk_of(std::span<const EncodeJob> jobs) noexcept {
  constexpr std::uint64_t kSamples = std::uint64_t{256} << 20;
  std::uint64_t samples = 0;
  std::size_t n = 0;
  while (n < jobs.size() && n < kEncodeLanes) {
    const ImageSpec& spec = jobs[n].plan.wanted;
    samples += std::uint64_t{spec.width} * spec.height * spec.channels;
    if (n != 0 && samples > kSamples) break;
    ++n;
  }
  return n;
}

// Finds out where each job's pixels are, in staging where the source is laid out otherwise, and queues what brings them
// there.
template <class L>
Status stage_sources(std::span<EncodeJob> jobs, EncodeWork<L>& work, Call& call, Stream stream) {
  work.pixels.clear();
  std::size_t bytes = 0;
  const auto direct = [](const EncodeJob& job) { return job.source.direct() && plain_rows(job.source.view()); };
  for (const EncodeJob& job : jobs)
    if (!direct(job)) bytes += aligned(static_cast<std::size_t>(job.plan.wanted.bytes()));
  RESTRIDE_ASSIGN(std::byte * memory, call.reserve(bytes));
  for (const EncodeJob& job : jobs) {
    if (direct(job)) {
      work.pixels.push_back(job.source.view());
      continue;
    }
    work.pixels.push_back(dense_view(memory, job.plan.wanted, Memory::device, stream.device));
    call.conversions.push_back(conversion_of(job, work.pixels.back()));
    memory += aligned(static_cast<std::size_t>(job.plan.wanted.bytes()));
  }
  return convert(call, stream);
}

// E, an engine of one device: Result<L*> take(), give(L*), and for a lane
//   Status queue(L&, const EncodeJob&, const ImageView& pixels)   starts encoding
//   Status size(L&, std::size_t&)                                 waits for the number of bytes
//   Status fetch(L&, std::byte* to, std::size_t&)                 starts copying them to the host
template <class L, class E>
void encode_chunk(E& engine, std::span<EncodeJob> jobs, EncodeWork<L>& work, std::size_t first, Call& call,
                  Context& context) {
  const int device = context.stream.device;
  context.executor.for_each(jobs.size(), [&](std::size_t i) {
    const DeviceScope scope(device);
    auto lane = engine.take();
    if (!lane) {
      jobs[i].status = lane.error();
      return;
    }
    work.lanes[i] = *lane;
    jobs[i].status = work.lanes[i]->follow(call.mark());
    if (jobs[i].status) jobs[i].status = engine.queue(*work.lanes[i], jobs[i], work.pixels[first + i]);
  });
  context.executor.for_each(jobs.size(), [&](std::size_t i) {
    if (!jobs[i].status) return;
    const DeviceScope scope(device);
    L& lane = *work.lanes[i];
    jobs[i].status = engine.size(lane, work.sizes[i]);
    if (!jobs[i].status) return;
    std::byte* to = jobs[i].sink->reserve(work.sizes[i]);
    jobs[i].status = to ? engine.fetch(lane, to, work.sizes[i])
                        : Status(fail(Errc::out_of_memory, "no memory for the encoded picture"));
  });
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    L* lane = work.lanes[i];
    if (!lane) continue;
    Status done = lane->finish_on(lane->stream());
    if (done) done = lane->wait();
    if (jobs[i].status) jobs[i].status = std::move(done);
    if (jobs[i].status) jobs[i].sink->commit(work.sizes[i]);
    engine.give(lane);
  }
}

template <class L, class E>
Status encode_batch(E& engine, std::span<EncodeJob> jobs, EncodeWork<L>& work, Context& context) {
  RESTRIDE_ASSIGN(Held<Call> call, begin_call(context.stream.device));
  RESTRIDE_TRY(stage_sources(jobs, work, *call, context.stream));
  RESTRIDE_TRY(call->fork(handle(context.stream)));
  for (std::size_t first = 0; first < jobs.size();) {
    const std::size_t n = chunk_of(jobs.subspan(first));
    work.lanes.assign(n, nullptr);
    work.sizes.assign(n, 0);
    encode_chunk(engine, jobs.subspan(first, n), work, first, *call, context);
    first += n;
  }
  return call->finish_on(handle(context.stream));
}

}  // namespace restride::cuda::vendor
