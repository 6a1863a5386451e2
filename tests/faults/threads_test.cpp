// SPDX-License-Identifier: Apache-2.0
// Threads: that cannot be made, of a process that forks, that come and go, that share everything.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "unit/support/kinds.h"
#include "unit/support/pictures.h"

namespace {
std::atomic<long> threads_left{-1};  // so many can be made still; negative: any number
}

// Ours is found before the library's. Under ThreadSanitizer it is left alone.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
extern "C" [[gnu::visibility("default")]] int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                             void* (*start)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  long left = threads_left;
  while (left >= 0) {
    if (left == 0) return EAGAIN;
    if (threads_left.compare_exchange_weak(left, left - 1)) break;
  }
  return real(thread, attributes, start, argument);
}
constexpr bool kWithoutSanitizer = true;
#else
constexpr bool kWithoutSanitizer = false;
#endif

namespace restride {
namespace {

using test::Kind;
using test::picture;
using test::pixels_of;
using test::value_of;

CodecOptions with_threads(unsigned threads) {
  CodecOptions options;
  options.max_threads = threads;
  options.device = CodecOptions::kCpuOnly;
  return options;
}

// Streams of every kind that this build writes, and their pictures.
struct Work {
  std::vector<Kind> kinds;
  std::vector<CodeStream> streams;
  std::vector<std::vector<std::byte>> want;
  Work() {
    Encoder encoder = value_of(Encoder::create(with_threads(1)));
    Decoder decoder = value_of(Decoder::create(with_threads(1)));
    for (const Kind& kind : test::kinds()) {
      auto stream = encoder.encode(picture(97, 61), kind.codec, kind.params);
      if (!stream) continue;
      want.push_back(pixels_of(value_of(decoder.decode(*stream))));
      streams.push_back(*stream);
      kinds.push_back(kind);
    }
  }
  // All of them in one call.
  bool decode_batch(Decoder& decoder) const {
    std::vector<Image> images(streams.size());
    std::vector<const CodeStream*> in;
    std::vector<Image*> out;
    for (std::size_t i = 0; i < streams.size(); ++i) in.push_back(&streams[i]), out.push_back(&images[i]);
    std::vector<Status> statuses(streams.size());
    decoder.decode(in, out, statuses);
    for (std::size_t i = 0; i < streams.size(); ++i)
      if (!statuses[i] || pixels_of(images[i]) != want[i]) return false;
    return true;
  }
};
const Work& work() {
  static const Work all;
  return all;
}

TEST(Threads, ThatCannotBeMadeAreDoneWithout) {
  if (!kWithoutSanitizer) GTEST_SKIP() << "a sanitizer makes the threads";
  ASSERT_FALSE(work().streams.empty());
  for (long n = 0; n < 8; ++n) {
    Decoder decoder = value_of(Decoder::create(with_threads(6)));
    Encoder encoder = value_of(Encoder::create(with_threads(6)));
    threads_left = n;
    EXPECT_TRUE(work().decode_batch(decoder)) << n;
    const auto large = encoder.encode(picture(1200, 900), "jpeg");
    const auto webp = encoder.encode(picture(400, 300), "webp");
    threads_left = -1;
    EXPECT_TRUE(large) << n;
    EXPECT_TRUE(webp) << n << ": " << webp.error().describe();
    EXPECT_TRUE(work().decode_batch(decoder)) << n;
  }
}

TEST(Threads, EightShareOneDecoderAndEncoder) {
  Decoder decoder = value_of(Decoder::create(with_threads(3)));
  Encoder encoder = value_of(Encoder::create(with_threads(3)));
  (void)work();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Image image;
      CodeStream out = value_of(CodeStream::create());
      for (unsigned round = 0; round < 12; ++round) {
        const std::size_t i = (t * 5 + round) % work().streams.size();
        if (!decoder.decode(work().streams[i], image) || pixels_of(image) != work().want[i]) ++wrong;
        if (!encoder.encode(picture(60, 40, t), work().kinds[i].codec, out, work().kinds[i].params)) ++wrong;
        if (!read_metadata(work().streams[i])) ++wrong;
        if (round % 6 == t % 6 && !work().decode_batch(decoder)) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, AThousandDecodersAndEncodersComeAndGo) {
  const CodeStream& stream = work().streams[0];
  const auto before = memory_stats().host.bytes_in_use;
  for (int i = 0; i < 1000; ++i) {
    Decoder decoder = value_of(Decoder::create(with_threads(3)));
    Encoder encoder = value_of(Encoder::create(with_threads(3)));
    if (i % 3 == 0) continue;  // never used
    Image images[3];
    Image* out[] = {&images[0], &images[1], &images[2]};
    const CodeStream* in[] = {&stream, &stream, &stream};
    Status statuses[3];
    decoder.decode(in, out, statuses);
    for (const Status& status : statuses) ASSERT_TRUE(status);
    if (i % 5 == 0) {
      ASSERT_TRUE(encoder.encode(images[0], "png"));
    }
  }
  EXPECT_EQ(memory_stats().host.bytes_in_use, before);
}

// Children of a process whose other threads are in the middle of decoding.
TEST(Threads, ForkWhileDecoding) {
  // gcc's sanitizers do not release their allocator's locks in a child, which then waits for ever.
  if (!kWithoutSanitizer) GTEST_SKIP() << "a sanitizer's allocator may be locked when the process forks";
  Decoder decoder = value_of(Decoder::create(with_threads(3)));
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  (void)work();
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      Image image;
      for (std::size_t i = 0; !stop; ++i) (void)decoder.decode(work().streams[i % work().streams.size()], image);
    });
  for (int i = 0; i < 10; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {  // a decoder of the child's own: the shared one may have been in use by a thread that is gone
      Decoder own = value_of(Decoder::create(with_threads(2)));
      ::_exit(work().decode_batch(own) ? 0 : 1);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// A decode from inside another one: from its own memory resource, on its own thread.
class Reentrant final : public MemoryResource {
 public:
  explicit Reentrant(Decoder& decoder) : decoder_(&decoder) {}
  void* allocate(std::size_t bytes, std::size_t alignment, Stream) noexcept override {
    static thread_local bool inside = false;
    if (!inside) {
      inside = true;
      Image image(Memory::host, &plain());
      if (!decoder_->decode(work().streams[0], image) || pixels_of(image) != work().want[0]) ++wrong;
      ++calls;
      inside = false;
    }
    return plain().allocate(bytes, alignment, {});
  }
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream) noexcept override {
    plain().deallocate(data, bytes, alignment, {});
  }
  Memory kind() const noexcept override { return Memory::host; }
  std::atomic<int> wrong{0}, calls{0};

 private:
  static MemoryResource& plain() {
    static MemoryResource* const resource = default_resource(Memory::host);
    return *resource;
  }
  Decoder* decoder_;
};

TEST(Threads, CallsFromInsideACall) {
  Decoder decoder = value_of(Decoder::create(with_threads(2)));
  (void)work();
  static Reentrant* const resource = new Reentrant(decoder);
  resource->deallocate(resource->allocate(1, 64, {}), 1, 64, {});  // makes the plain one known before it is replaced
  MemoryResource* before = set_default_resource(Memory::host, resource);
  for (std::size_t i = 0; i < work().streams.size(); ++i) {
    Image image;
    EXPECT_TRUE(decoder.decode(work().streams[i], image)) << work().kinds[i].name;
    EXPECT_EQ(pixels_of(image), work().want[i]);
  }
  set_default_resource(Memory::host, before);
  EXPECT_GT(resource->calls, 2);
  EXPECT_EQ(resource->wrong, 0);
}

}  // namespace
}  // namespace restride
