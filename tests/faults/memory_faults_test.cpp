// SPDX-License-Identifier: Apache-2.0
// Every allocation fails once: each n-th malloc of a decode and of an encode, ours and the libraries', in turn. Each
// time there is a clear error or the right result, nothing is lost, and the next call works.
#include "faults/malloc_faults.h"

#include <gtest/gtest.h>

#include "unit/support/features.h"

namespace restride {
namespace {

using test::FailingMalloc;
using test::Feature;
using test::Kind;
using test::value_of;

CodecOptions one_thread() {
  CodecOptions options;
  options.max_threads = 1;
  options.device = CodecOptions::kCpuOnly;
  return options;
}

// All that a program does to decode a file once; the decoder is made in it, so that making it fails too.
Status decode_once(const std::vector<std::byte>& file, std::vector<std::byte>* pixels) {
  RESTRIDE_ASSIGN(Decoder decoder, Decoder::create(one_thread()));
  RESTRIDE_ASSIGN(const CodeStream stream, CodeStream::borrow(file));
  RESTRIDE_TRY(Result<std::vector<Metadata>>(read_metadata(stream)));
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  params.allow_any_depth = true;
  Image image;
  RESTRIDE_TRY(decoder.decode(stream, image, params));
  if (pixels) *pixels = test::pixels_of(image);
  return {};
}

Status encode_once(const Image& image, const Kind& kind, std::vector<std::byte>* file) {
  RESTRIDE_ASSIGN(Encoder encoder, Encoder::create(one_thread()));
  RESTRIDE_ASSIGN(CodeStream stream, CodeStream::create());
  const Status status = encoder.encode(image, kind.codec, stream, kind.params);
  EXPECT_TRUE(status || stream.size() == 0);
  RESTRIDE_TRY(Status(status));
  if (file) *file = test::bytes_of(stream);
  return {};
}

template <class F>
void fail_each(F&& once, long may_lose = 0) {
  std::vector<std::byte> want, got;
  for (int warm = 0; warm < 3; ++warm) ASSERT_TRUE(once(&want));
  constexpr long kMost = 20000;
  long failures = 0;
  for (long n = 1; n < kMost; ++n) {
    const long before = test::live_blocks;
    bool failed = false;
    {
      FailingMalloc failing(n);
      const Status status = once(nullptr);
      failed = FailingMalloc::failed();
      test::fails_in = 0;
      if (!status) {
        ++failures;
        // libtiff does not say why it cannot open a file or decompress.
        const bool by_libtiff = status.error().message.rfind("TIFF (", 0) == 0;
        EXPECT_TRUE(status.error().code == Errc::out_of_memory || by_libtiff)
            << "allocation " << n << ": " << status.error().describe();
        EXPECT_FALSE(status.error().message.empty());
      }
    }
    EXPECT_LE(test::live_blocks - before, may_lose) << "blocks lost after allocation " << n << " failed";
    ASSERT_TRUE(once(&got)) << "the call after allocation " << n << " failed";
    ASSERT_EQ(got, want);
    if (!failed) {
      std::printf("  %ld allocations, %ld of them end the call\n", n - 1, failures);
      return;
    }
    if (::testing::Test::HasFailure() && n % 1000 == 0) return;
  }
  FAIL() << "allocations without end";
}

class DecodeFaults : public ::testing::TestWithParam<Feature> {};
// OpenJPEG 2.5.0, OpenJPH 0.9, libwebp 1.2.4 and libtiff 4.5.0 go on with the null pointer and crash.
const bool kSpared = [] {
  for (const char* library : {"libopenjp2", "libopenjph", "libwebp.", "libtiff"}) test::spare_library(library);
  return true;
}();

TEST_P(DecodeFaults, EveryAllocationFailsOnce) {
  fail_each([&](std::vector<std::byte>* pixels) { return decode_once(GetParam().file, pixels); });
}
INSTANTIATE_TEST_SUITE_P(Features, DecodeFaults, ::testing::ValuesIn(test::features()),
                         [](const auto& p) { return p.param.name; });

class EncodeFaults : public ::testing::TestWithParam<Kind> {};
TEST_P(EncodeFaults, EveryAllocationFailsOnce) {
  const Image image = test::picture(29, 23);
  std::vector<std::byte> file;
  if (const Status tried = encode_once(image, GetParam(), &file); !tried && tried.error().code == Errc::unsupported)
    GTEST_SKIP() << tried.error().describe();
  const bool ht = GetParam().params.jpeg2k.ht;
  fail_each(
      [&](std::vector<std::byte>* written) -> Status {
        RESTRIDE_TRY(encode_once(image, GetParam(), written));
        // OpenJPH reads beside its rows, so that its bytes may differ from run to run; the pixels in them do not.
        if (ht && written) return decode_once(std::vector<std::byte>(*written), written);
        return {};
      },
      ht ? 1 : 0);  // OpenJPH's own state, where making it fails half-way
}
INSTANTIATE_TEST_SUITE_P(Kinds, EncodeFaults, ::testing::ValuesIn(test::kinds()),
                         [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace restride
