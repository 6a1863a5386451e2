// SPDX-License-Identifier: Apache-2.0
// Taking byte stuffing out of entropy-coded data: the many-threaded way gives what the plain one gives.
#include "coding/jpeg/unstuff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/thread_pool.h"

namespace restride::jpeg {
namespace {

struct Result {
  bool good = false;
  std::vector<std::byte> bytes;
  std::vector<Segment> segments;
  std::uint32_t subsequences = 0;
};

template <class Run>
Result result_of(std::size_t size, std::size_t segments, std::size_t subsequence, Run&& run) {
  Result out;
  out.bytes.assign(unstuffed_bound(size, segments, subsequence) + 128, std::byte{0xee});
  out.segments.resize(segments);
  std::byte* to = out.bytes.data();
  while (reinterpret_cast<std::uintptr_t>(to) % 64) ++to;  // only there stores go past the caches
  if (size % 3 == 0) to += 16;
  out.good = run(out, to);
  std::move(to, to + (out.good ? out.subsequences * subsequence : 0), out.bytes.begin());
  out.bytes.resize(out.good ? out.subsequences * subsequence : 0);
  return out;
}

// Byte by byte, as the standard says it.
Result slow(const std::vector<std::byte>& data, std::size_t segments, std::size_t subsequence) {
  Result out;
  std::size_t at = 0;
  for (std::size_t s = 0; s < segments; ++s) {
    Segment segment{static_cast<std::uint32_t>(out.bytes.size() / subsequence), 0};
    int marker = 0;
    while (at < data.size() && !marker) {
      if (data[at] != std::byte{0xff}) {
        out.bytes.push_back(data[at++]);
        continue;
      }
      while (at < data.size() && data[at] == std::byte{0xff}) ++at;
      if (at == data.size()) break;
      marker = static_cast<int>(data[at++]);
      if (!marker) out.bytes.push_back(std::byte{0xff});
    }
    segment.end = static_cast<std::uint32_t>(8 * out.bytes.size());
    out.segments.push_back(segment);
    do {
      if (out.bytes.size() == segment.first * subsequence || out.bytes.size() % subsequence)
        out.bytes.push_back(std::byte{0});
    } while (out.bytes.size() % subsequence);
    if (s + 1 < segments && marker != static_cast<int>(0xd0 + s % 8)) return out;
  }
  out.good = true;
  out.subsequences = static_cast<std::uint32_t>(out.bytes.size() / subsequence);
  return out;
}

constexpr std::size_t kChunk = std::size_t{64} << 10;  // that threads get

TEST(JpegUnstuff, AllWaysAreOne) {
  ThreadPool pool(4);
  ParallelUnstuff parallel;
  std::uint32_t random = 1;
  const auto next = [&] { return (random = random * 1664525U + 1013904223U) >> 8; };
  for (unsigned round = 0; round < 300; ++round) {
    const std::size_t size = round % 3 == 0 ? next() % 400 : next() % 400000;
    const std::size_t segments = round % 4 == 1 ? 1 + next() % 9 : 1, subsequence = round % 2 ? 64 : 128;
    const unsigned escapes = round % 5 == 2 ? 3 : 1 + next() % 300;
    std::vector<std::byte> data;
    for (std::size_t s = 0; s < segments; ++s) {
      const std::size_t part = round % 7 == 3 && s == 1 ? 0 : size / segments;
      for (std::size_t i = 0; i < part; ++i) {
        data.push_back(static_cast<std::byte>(next() % escapes == 0 ? 0xff : next() % 256));
        if (data.back() == std::byte{0xff}) {
          if (next() % 50 == 0) data.push_back(std::byte{0xff});
          data.push_back(std::byte{0});
        }
      }
      if (s + 1 < segments || round % 2) {
        data.push_back(std::byte{0xff});
        data.push_back(static_cast<std::byte>(s + 1 < segments ? 0xd0 + s % 8 + (round == 33) : 0xd9));
      }
    }
    const std::size_t fill = round % 3 == 2 ? next() % 100000 : 0;
    data.insert(data.end(), fill, std::byte{0xff});
    const Result expected = slow(data, segments, subsequence);
    const Result one = result_of(data.size(), segments, subsequence, [&](Result& r, std::byte* to) {
      return unstuff(data, subsequence, r.segments, to, r.subsequences);
    });
    const Result many = result_of(data.size(), segments, subsequence, [&](Result& r, std::byte* to) {
      return parallel.run(data, subsequence, r.segments, to, r.subsequences, pool);
    });
    ASSERT_EQ(one.good, expected.good) << round;
    // Fill bytes over a whole chunk are unstuff()'s to judge.
    ASSERT_EQ(many.good, expected.good && (many.good || fill < kChunk)) << round;
    if (!expected.good) continue;
    ASSERT_EQ(one.bytes, expected.bytes) << round;
    if (!many.good) continue;
    ASSERT_EQ(many.bytes, expected.bytes) << round;
    for (std::size_t s = 0; s < segments; ++s) {
      ASSERT_EQ(one.segments[s].first, expected.segments[s].first) << round;
      ASSERT_EQ(one.segments[s].end, expected.segments[s].end) << round;
      ASSERT_EQ(many.segments[s].first, expected.segments[s].first) << round;
      ASSERT_EQ(many.segments[s].end, expected.segments[s].end) << round;
    }
  }
}

}  // namespace
}  // namespace restride::jpeg
