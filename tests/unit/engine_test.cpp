// SPDX-License-Identifier: Apache-2.0
// Thread pool, scratch, byte sink, code streams, geometry: the parts below any codec.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include "engine/output_spec.h"
#include "engine/thread_pool.h"
#include "memory/scratch.h"
#include "restride/code_stream.h"
#include "restride/decoder.h"
#include "stream/byte_sink.h"

namespace restride {
namespace {

TEST(ThreadPool, RunsEachIndexOnce) {
  for (unsigned threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> hits(1000);
    for (int round = 0; round < 20; ++round) pool.for_each(hits.size(), [&](std::size_t i) { ++hits[i]; });
    for (const auto& hit : hits) ASSERT_EQ(hit, 20);
    pool.for_each(0, [](std::size_t) { FAIL(); });
  }
}

TEST(ThreadPool, CallsMayNestAndComeFromManyThreads) {
  ThreadPool pool(3);
  std::atomic<int> total{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round)
        pool.for_each(7, [&](std::size_t) { pool.for_each(5, [&](std::size_t) { ++total; }); });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 50 * 35);
}

TEST(ThreadPool, WorksInAForkedChild) {
  ThreadPool pool(3);
  std::atomic<int> total{0};
  pool.for_each(10, [&](std::size_t) { ++total; });
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    total = 0;
    for (int round = 0; round < 10; ++round) pool.for_each(10, [&](std::size_t) { ++total; });
    ::_exit(total == 100 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Scratch, ASecondRoundOfTheSameSizeAllocatesNothing) {
  Scratch scratch;
  const auto round = [&] {
    for (int i = 1; i <= 40; ++i) {
      auto part = scratch.take<std::uint32_t>(static_cast<std::size_t>(i) * 1000);
      ASSERT_TRUE(part.data());
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(part.data()) % kBufferAlignment, 0U);
      std::memset(part.data(), i, part.size_bytes());
    }
    scratch.reset();
  };
  round();
  const auto before = memory_stats().host.allocations;
  round();
  round();
  EXPECT_EQ(memory_stats().host.allocations, before);
}

TEST(ByteSink, StaysInATargetThatIsLargeEnough) {
  Buffer target, spill;
  ASSERT_TRUE(target.ensure(100));
  ByteSink sink(target, spill);
  ASSERT_TRUE(sink.append("0123456789", 10));
  ASSERT_TRUE(sink.finish());
  EXPECT_EQ(target.capacity(), 100U);
  EXPECT_EQ(spill.capacity(), 0U);
  EXPECT_EQ(std::memcmp(target.data(), "0123456789", 10), 0);
}

TEST(ByteSink, GivesTheTargetExactlyWhatItNeeds) {
  Buffer target, spill;
  ASSERT_TRUE(target.ensure(16));
  std::vector<std::byte> all;
  ByteSink sink(target, spill);
  for (int i = 0; i < 5000; ++i) {
    const char text[] = "the quick brown fox jumps over it";
    ASSERT_TRUE(sink.append(text, sizeof text));
    const ByteSpan part = as_bytes(text, sizeof text);
    all.insert(all.end(), part.begin(), part.end());
  }
  ASSERT_TRUE(sink.finish());
  EXPECT_EQ(target.capacity(), all.size());
  EXPECT_EQ(std::memcmp(target.data(), all.data(), all.size()), 0);
}

TEST(ByteSink, RestartedWithItsSizeWritesInPlace) {
  for (const std::size_t capacity : {0, 16, 100}) {
    Buffer target, spill;
    ASSERT_TRUE(target.ensure(capacity));
    ByteSink sink(target, spill);
    ASSERT_TRUE(sink.append("something that may have spilled", 31));
    ASSERT_TRUE(sink.restart(20));
    const std::byte* place = target.data();
    ASSERT_TRUE(sink.append("0123456789", 10));
    ASSERT_TRUE(sink.append("abcdefghij", 10));
    ASSERT_TRUE(sink.finish());
    EXPECT_EQ(sink.size(), 20U);
    EXPECT_EQ(target.data(), place);
    EXPECT_EQ(target.capacity(), std::max<std::size_t>(capacity, 20));
    EXPECT_EQ(std::memcmp(target.data(), "0123456789abcdefghij", 20), 0);
  }
}

TEST(CodeStream, MissingFilesAndFoldersSayWhich) {
  const auto missing = CodeStream::open("no/such/file.png");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find("no/such/file.png"), std::string::npos);
  const auto folder = CodeStream::open("/");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Errc::io);
}

TEST(CodeStream, GarbageIsRefusedWhenAsked) {
  const std::string text = "this is no picture at all";
  const auto stream = CodeStream::borrow(as_bytes(text.data(), text.size()));
  ASSERT_TRUE(stream);
  const auto info = stream->info();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::unsupported);
  EXPECT_FALSE(stream->info());  // and again
  EXPECT_FALSE(CodeStream().info());
}

TEST(CodeStream, PreallocatedCapacityIsExact) {
  auto stream = CodeStream::create(24 * 1024 * 1024, true);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->capacity(), 25165824U);
  EXPECT_EQ(stream->size(), 0U);
  EXPECT_TRUE(stream->pinned());
}

ImageInfo info_of(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                  Orientation orientation = Orientation::normal) {
  ImageInfo info;
  info.spec = {width, height, channels, SampleType::u16, SampleFormat::p_rgb, ColorSpec::srgb, 12};
  info.orientation = orientation;
  info.max_reduce = 3;
  return info;
}

TEST(Geometry, ParametersDecideTheOutput) {
  DecodeParams params;
  auto plan = plan_output(info_of(40, 30, 4), nullptr, params);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->output, (ImageSpec{40, 30, 3, SampleType::u8, SampleFormat::i_rgb, ColorSpec::srgb, 8}));
  params.color = ColorSpec::unchanged;
  params.allow_any_depth = true;
  params.format = SampleFormat::p_unchanged;
  plan = plan_output(info_of(40, 30, 4), nullptr, params);
  EXPECT_EQ(plan->output, (ImageSpec{40, 30, 4, SampleType::u16, SampleFormat::p_rgba, ColorSpec::srgb, 12}));
  params.format = SampleFormat::i_bgr;
  params.color = ColorSpec::gray;
  EXPECT_FALSE(plan_output(info_of(40, 30, 3), nullptr, params));
}

TEST(Geometry, RegionsAreInDisplayCoordinates) {
  const Region region{{-5, 10, 20, 40}, {}};
  const auto plan = plan_output(info_of(40, 30, 3, Orientation::rotate_90), &region, {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->output.width, 20U);
  EXPECT_EQ(plan->output.height, 40U);
  EXPECT_TRUE(plan->out_of_bounds);
  EXPECT_EQ(plan->inside, (Rect{5, 0, 15, 30}));  // shown size is 30 x 40
  EXPECT_EQ(plan->window, (Rect{10, 15, 30, 15}));
}

TEST(Geometry, ReducedSizesRoundUp) {
  DecodeParams params;
  params.reduce = 2;
  const auto plan = plan_output(info_of(41, 30, 3), nullptr, params);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->output.width, 11U);
  EXPECT_EQ(plan->output.height, 8U);
  params.reduce = 4;
  EXPECT_EQ(plan_output(info_of(41, 30, 3), nullptr, params).error().code, Errc::unsupported);
}

TEST(Geometry, LimitsComeBeforeMemory) {
  DecodeParams params;
  params.limits.max_pixels = 1000;
  const auto plan = plan_output(info_of(40, 30, 3), nullptr, params);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::limit_exceeded);
}

TEST(Decoder, RefusesBackendsThatAreNotThere) {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.backends = {Backend{BackendKind::hw_gpu_only, 1.0F, LoadHintPolicy::fixed}};
  EXPECT_FALSE(Decoder::create(options));
}

TEST(Options, LastMatchingValueWins) {
  EXPECT_EQ(option_value(":fancy_upsampling=0", "x", "fancy_upsampling", 1), 0);
  EXPECT_EQ(option_value("x:fancy_upsampling=0 :fancy_upsampling=1", "x", "fancy_upsampling", 5), 1);
  EXPECT_EQ(option_value("y:fancy_upsampling=0", "x", "fancy_upsampling", 5), 5);
  EXPECT_EQ(option_value("", "x", "fancy_upsampling", 5), 5);
}

}  // namespace
}  // namespace restride
