// SPDX-License-Identifier: Apache-2.0
// Steady state allocates nothing: every malloc, calloc, realloc, aligned_alloc and operator new of the whole process is
// counted, in all threads.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <lcms2.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "unit/support/pictures.h"

namespace {
std::atomic<long> allocations{0};
}

// glibc's own entry points behind the ones replaced here; operator new ends in malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(n);
}
void* calloc(std::size_t a, std::size_t b) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(a, b);
}
void* realloc(void* p, std::size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(p, n);
}
void* memalign(std::size_t alignment, std::size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, n);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  *out = __libc_memalign(alignment, n);
  return *out ? 0 : ENOMEM;
}
}

namespace restride {
namespace {

using test::picture;
using test::value_of;

CodecOptions with_threads(unsigned threads) {
  CodecOptions options;
  options.max_threads = threads;
  return options;
}

struct Batch {
  std::vector<CodeStream> streams;
  std::vector<Image> images;
  std::vector<const CodeStream*> in;
  std::vector<Image*> out;
  std::vector<Status> statuses;
};

Batch batch_of(const char* codec, std::size_t n, const EncodeParams& params) {
  Encoder encoder = value_of(Encoder::create());
  Batch b;
  for (std::size_t i = 0; i < n; ++i)
    b.streams.push_back(value_of(
        encoder.encode(picture(150 + static_cast<std::uint32_t>(i), 120, static_cast<unsigned>(i)), codec, params)));
  b.images.resize(n);
  for (std::size_t i = 0; i < n; ++i) b.in.push_back(&b.streams[i]), b.out.push_back(&b.images[i]);
  b.statuses.resize(n);
  return b;
}

// Allocations of a call in steady state: the least that five calls in a row needed, a call. Threads take images as they
// come, and each keeps its own tools, so that on a busy machine one of them may meet its first or its largest picture
// late; what a call allocates every time is in every five.
template <class F>
long steady_count(F&& call) {
  constexpr int kCalls = 5;
  long least = -1;
  for (int i = 0; i < 40 && least != 0; ++i) {
    const long before = allocations;
    for (int k = 0; k < kCalls; ++k) call();
    const long made = (allocations - before + kCalls - 1) / kCalls;
    least = least < 0 ? made : std::min(least, made);
  }
  return least;
}

long decode_count(const char* codec, std::size_t n, unsigned threads, const EncodeParams& params = {}) {
  Batch b = batch_of(codec, n, params);
  Decoder decoder = value_of(Decoder::create(with_threads(threads)));
  const long made = steady_count([&] { decoder.decode(b.in, b.out, b.statuses); });
  for (const Status& status : b.statuses) EXPECT_TRUE(status);
  return made;
}

long encode_count(const char* codec, std::size_t n, unsigned threads, const EncodeParams& params = {}) {
  std::vector<Image> images;
  std::vector<CodeStream> streams;
  for (std::size_t i = 0; i < n; ++i) {
    images.push_back(picture(150 + static_cast<std::uint32_t>(i), 120, static_cast<unsigned>(i)));
    streams.push_back(value_of(CodeStream::create()));
  }
  std::vector<const Image*> in;
  std::vector<CodeStream*> out;
  for (std::size_t i = 0; i < n; ++i) in.push_back(&images[i]), out.push_back(&streams[i]);
  std::vector<Status> statuses(n);
  Encoder encoder = value_of(Encoder::create(with_threads(threads)));
  const long made = steady_count([&] { encoder.encode(in, codec, out, statuses, params); });
  for (const Status& status : statuses) EXPECT_TRUE(status);
  return made;
}

TEST(Allocations, TheCounterCounts) {
  const long before = allocations;
  std::vector<int> some(1000);
  ASSERT_EQ(some.size(), 1000U);
  EXPECT_GE(allocations - before, 1);
}

EncodeParams uncompressed() {
  EncodeParams params;
  params.tiff_compression = TiffCompression::none;
  return params;
}

TEST(Allocations, SteadyStateDecodeMakesNone) {
  for (unsigned threads : {1U, 2U})
    for (std::size_t n : {std::size_t{1}, std::size_t{8}}) {
      for (const char* codec : {"jpeg", "png", "bmp", "pnm"})
        EXPECT_EQ(decode_count(codec, n, threads), 0) << codec << ' ' << n << ' ' << threads;
      EXPECT_EQ(decode_count("tiff", n, threads, uncompressed()), 0) << "tiff " << n << ' ' << threads;
    }
}

TEST(Allocations, ProgressiveJpegMakesNone) {
  EncodeParams params;
  params.jpeg.progressive = true;
  EXPECT_EQ(decode_count("jpeg", 8, 2, params), 0);
}

TEST(Allocations, SteadyStateEncodeMakesNone) {
  for (unsigned threads : {1U, 2U})
    for (std::size_t n : {std::size_t{1}, std::size_t{8}})
      for (const char* codec : {"jpeg", "bmp", "pnm"})
        EXPECT_EQ(encode_count(codec, n, threads), 0) << codec << ' ' << n << ' ' << threads;
}

TEST(Allocations, ExternalAndPaddedMemoryMakesNone) {
  for (const char* codec : {"jpeg", "png", "bmp", "pnm"}) {
    Batch b = batch_of(codec, 1, {});
    std::vector<std::byte> canvas(400 * 300 * 3);
    b.images[0] = value_of(Image::wrap(dense_view(canvas.data(), test::rgb_spec(400, 300)).crop({20, 20, 200, 200})));
    Decoder decoder = value_of(Decoder::create(with_threads(1)));
    EXPECT_EQ(steady_count([&] { decoder.decode(b.in, b.out, b.statuses); }), 0) << codec;
    EXPECT_TRUE(b.statuses[0]);
  }
}

std::vector<std::byte> srgb_profile() {
  cmsHPROFILE profile = cmsCreate_sRGBProfile();
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, nullptr, &size);
  std::vector<std::byte> bytes(size);
  cmsSaveProfileToMem(profile, bytes.data(), &size);
  cmsCloseProfile(profile);
  return bytes;
}

TEST(Allocations, ColorManagedDecodeMakesNone) {
  EncodeParams params;
  params.metadata.push_back(
      {MetadataKind::icc_profile, MetadataFormat::raw, MetadataType::unknown, 0, 0, srgb_profile()});
  DecodeParams managed;
  managed.color_managed = true;
  for (const char* codec : {"jpeg", "png"}) {
    Batch b = batch_of(codec, 8, params);
    Decoder decoder = value_of(Decoder::create(with_threads(2)));
    EXPECT_EQ(steady_count([&] { decoder.decode(b.in, b.out, b.statuses, managed); }), 0) << codec;
    for (const Status& status : b.statuses) EXPECT_TRUE(status);
  }
}

// Libraries that allocate inside and cannot be told not to: the figures of docs/memory.md.
TEST(Allocations, OfTheOthersArePrinted) {
  EncodeParams lzw, deflate, lossless, ht;
  lzw.tiff_compression = TiffCompression::lzw;
  deflate.tiff_compression = TiffCompression::deflate;
  lossless.quality_type = ht.quality_type = QualityType::lossless;
  ht.jpeg2k.ht = true;
  std::printf("mallocs a call in steady state, 150x120, one thread:          decode  encode\n");
  const auto line = [](const char* what, const char* codec, const EncodeParams& params) {
    std::printf("  %-56s %6ld  %6ld\n", what, decode_count(codec, 1, 1, params), encode_count(codec, 1, 1, params));
  };
  line("PNG", "png", {});
  line("TIFF, LZW", "tiff", lzw);
  line("TIFF, Deflate", "tiff", deflate);
  line("WebP", "webp", {});
  line("WebP, lossless", "webp", lossless);
  line("JPEG 2000, lossless", "jpeg2k", lossless);
  line("JPEG 2000, PSNR 50", "jpeg2k", {});
  line("HTJ2K, lossless", "jpeg2k", ht);
}

}  // namespace
}  // namespace restride
