// SPDX-License-Identifier: Apache-2.0
// The engine's ways to and from device memory, on a runtime that only pretends to have a device.
#include <gtest/gtest.h>

#include <string>

#include "support/fake_device.h"
#include "support/pictures.h"

namespace restride {
namespace {

using test::bytes_of;
using test::picture;
using test::pixels_of;
using test::value_of;

const char* const kFormats[] = {"jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"};

class DeviceEngine : public ::testing::Test {
 protected:
  static test::FakeRuntime& runtime() {
    static test::FakeRuntime* const instance = new test::FakeRuntime;
    return *instance;
  }
  static void SetUpTestSuite() { replace_device_runtime(&runtime()); }
  static void TearDownTestSuite() { replace_device_runtime(nullptr); }

  static CodecOptions cpu_only() {
    CodecOptions options;
    options.device = CodecOptions::kCpuOnly;
    return options;
  }
  static CodecOptions threads(unsigned n) {
    CodecOptions options;
    options.max_threads = n;
    return options;
  }

  Decoder cpu_decoder = value_of(Decoder::create(cpu_only()));
  Encoder cpu_encoder = value_of(Encoder::create(cpu_only()));
  Decoder decoder = value_of(Decoder::create());
  Encoder encoder = value_of(Encoder::create());

  CodeStream encoded(const char* codec, std::uint32_t width, std::uint32_t height, unsigned seed = 1) {
    return value_of(cpu_encoder.encode(picture(width, height, seed), codec));
  }
  static Image on_device(const Image& image) {
    Image copy(Memory::device);
    EXPECT_TRUE(transfer(image, copy, {nullptr, 0}));
    return copy;
  }
};

std::vector<DecodeParams> ways() {
  std::vector<DecodeParams> all;
  for (const ColorSpec color : {ColorSpec::srgb, ColorSpec::gray, ColorSpec::unchanged, ColorSpec::sycc})
    for (const SampleFormat format : {SampleFormat::i_unchanged, SampleFormat::p_unchanged}) {
      DecodeParams params;
      params.color = color;
      params.format = format;
      all.push_back(params);
    }
  for (const SampleFormat format : {SampleFormat::i_bgr, SampleFormat::p_bgr, SampleFormat::i_rgba}) {
    DecodeParams params;
    params.format = format;
    all.push_back(params);
  }
  return all;
}

TEST_F(DeviceEngine, DevicePixelsAreHostPixels) {
  EXPECT_EQ(decoder.output_memory(), Memory::device);
  for (const char* codec : kFormats) {
    const CodeStream stream = encoded(codec, 61, 43);
    for (const DecodeParams& params : ways()) {
      const auto want = cpu_decoder.decode(stream, params);
      const auto got = decoder.decode(stream, params);
      ASSERT_EQ(got.has_value(), want.has_value()) << codec;
      if (!want) continue;
      EXPECT_EQ(got->memory(), Memory::device);
      EXPECT_EQ(got->spec(), want->spec()) << codec;
      EXPECT_EQ(pixels_of(*got), pixels_of(*want)) << codec;
    }
  }
}

TEST_F(DeviceEngine, RegionsPartlyAndWhollyOutsideAreFilled) {
  for (const char* codec : kFormats) {
    const CodeStream stream = encoded(codec, 61, 43);
    for (const Rect rect : {Rect{10, 5, 20, 30}, Rect{-7, -3, 90, 60}, Rect{50, 40, 30, 30}, Rect{100, 100, 5, 6}}) {
      CodeStreamView view;
      view.region = Region{rect, {1, 2, 3}};
      const CodeStream part = value_of(stream.sub(view));
      const auto want = pixels_of(value_of(cpu_decoder.decode(part)));
      EXPECT_EQ(pixels_of(value_of(decoder.decode(part))), want) << codec;
      Image host;
      ASSERT_TRUE(decoder.decode(part, host));
      EXPECT_EQ(pixels_of(host), want) << codec;
    }
  }
}

TEST_F(DeviceEngine, PaddedDeviceMemoryIsWrittenInsideOnly) {
  for (const char* codec : kFormats) {
    const CodeStream stream = encoded(codec, 61, 43);
    ImageSpec large = test::rgb_spec(80, 60);
    Image canvas(Memory::device);
    ASSERT_TRUE(canvas.ensure(large, {nullptr, 0}));
    std::memset(canvas.view().data, 7, large.bytes());
    ImageView slice = canvas.view().crop({9, 8, 61, 43});
    Image target = value_of(Image::wrap(slice));
    ASSERT_TRUE(decoder.decode(stream, target));
    EXPECT_EQ(pixels_of(target), pixels_of(value_of(cpu_decoder.decode(stream))));
    for (std::int64_t y = 0; y < 60; ++y)
      for (std::int64_t x = 0; x < 80; ++x)
        if (y < 8 || y >= 51 || x < 9 || x >= 70) {
          ASSERT_EQ(*canvas.view().at(x, y), std::byte{7}) << x << ' ' << y;
        }
  }
}

TEST_F(DeviceEngine, ABatchOfAllFormatsAndPlacesIsOneConversion) {
  for (const unsigned n : {1U, 2U, 5U}) {
    Decoder some = value_of(Decoder::create(threads(n)));
    std::vector<CodeStream> streams;
    std::vector<Image> images;
    for (const char* codec : kFormats)
      for (unsigned k = 0; k < 4; ++k) {
        streams.push_back(encoded(codec, 20 + 30 * k, 70 - 10 * k, k));
        images.emplace_back(k == 1 ? Memory::host : Memory::device);
      }
    std::vector<const CodeStream*> ins;
    std::vector<Image*> outs;
    for (std::size_t i = 0; i < streams.size(); ++i) ins.push_back(&streams[i]), outs.push_back(&images[i]);
    std::vector<Status> statuses(ins.size());
    const int launches = runtime().stage().launches, waits = runtime().stage().waits;
    const int calls = test::FakeBmpDecoder::calls;
    some.decode(ins, outs, statuses);
    EXPECT_EQ(runtime().stage().launches, launches + 1);
    EXPECT_EQ(runtime().stage().waits, waits + 1);  // one host image came from the device decoder
    EXPECT_EQ(test::FakeBmpDecoder::calls, calls + 1);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      ASSERT_TRUE(statuses[i]) << statuses[i].error().describe();
      EXPECT_EQ(pixels_of(images[i]), pixels_of(value_of(cpu_decoder.decode(streams[i])))) << i;
    }
  }
}

TEST_F(DeviceEngine, LargePicturesGoUpInBandsOnceTheyAreThere) {
  std::vector<CodeStream> streams;
  std::vector<Image> images;
  for (const char* codec : {"pnm", "tiff", "png", "webp", "jpeg"}) {
    streams.push_back(encoded(codec, 1800, 1000));
    streams.push_back(encoded(codec, 40, 30));
    for (int k = 0; k < 2; ++k) images.emplace_back(Memory::device);
  }
  std::vector<const CodeStream*> ins;
  std::vector<Image*> outs;
  for (std::size_t i = 0; i < streams.size(); ++i) ins.push_back(&streams[i]), outs.push_back(&images[i]);
  std::vector<Status> statuses(ins.size());
  const int uploads = runtime().stage().uploads;
  decoder.decode(ins, outs, statuses);
  // 5.4 MB in bands of 2 MiB at most, each picture; small ones together.
  EXPECT_GE(runtime().stage().uploads, uploads + 5 * 3);
  EXPECT_LE(runtime().stage().uploads, uploads + 5 * 3 + 2);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    ASSERT_TRUE(statuses[i]) << statuses[i].error().describe();
    EXPECT_TRUE(pixels_of(images[i]) == pixels_of(value_of(cpu_decoder.decode(streams[i])))) << i;
  }
}

TEST_F(DeviceEngine, WhatADeviceDecoderCannotDoTheNextOneDoes) {
  const CodeStream wide = encoded("bmp", 14, 9), thirteen = encoded("bmp", 13, 9);
  for (const Memory memory : {Memory::device, Memory::host}) {
    Image a(memory), b(memory);
    const CodeStream* ins[] = {&wide, &thirteen};
    Image* outs[] = {&a, &b};
    std::array<Status, 2> statuses;
    decoder.decode(ins, outs, statuses);
    ASSERT_TRUE(statuses[0] && statuses[1]);
    EXPECT_EQ(pixels_of(a), pixels_of(value_of(cpu_decoder.decode(wide))));
    EXPECT_EQ(pixels_of(b), pixels_of(value_of(cpu_decoder.decode(thirteen))));
  }
  CodecOptions only;
  only.backends = {{BackendKind::gpu_only}};
  Decoder strict = value_of(Decoder::create(only));
  const auto refused = strict.decode(thirteen);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "not for this device");
  EXPECT_EQ(strict.decode(encoded("png", 8, 8)).error().code, Errc::unsupported);
}

TEST_F(DeviceEngine, AReluctantDecoderIsTakenOnlyWhereNobodyElseIs) {
  const CodeStream stream = encoded("bmp", 12, 9);
  CodecOptions only;
  only.backends = {{BackendKind::gpu_only}};
  Decoder strict = value_of(Decoder::create(only));
  const auto want = pixels_of(value_of(cpu_decoder.decode(stream)));
  const int calls = test::FakeBmpDecoder::calls;
  EXPECT_EQ(pixels_of(value_of(decoder.decode(stream))), want);
  EXPECT_EQ(test::FakeBmpDecoder::calls, calls);
  EXPECT_EQ(pixels_of(value_of(strict.decode(stream))), want);
  EXPECT_EQ(test::FakeBmpDecoder::calls, calls + 1);
}

TEST_F(DeviceEngine, ABackendGetsItsShareOfABatch) {
  const auto pictures_on_device = [&](const char* codec, std::vector<Backend> backends) {
    CodecOptions options;
    options.backends = std::move(backends);
    Decoder some = value_of(Decoder::create(options));
    const CodeStream stream = encoded(codec, 31, 17);
    std::vector<const CodeStream*> ins(10, &stream);
    std::vector<Image> images;
    for (int k = 0; k < 10; ++k) images.emplace_back(Memory::device);
    std::vector<Image*> outs;
    for (Image& image : images) outs.push_back(&image);
    std::vector<Status> statuses(10);
    const int before = test::FakeBmpDecoder::pictures;
    some.decode(ins, outs, statuses);
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_TRUE(statuses[i]) << statuses[i].error().describe();
      EXPECT_EQ(pixels_of(images[i]), pixels_of(value_of(cpu_decoder.decode(stream)))) << i;
    }
    return test::FakeBmpDecoder::pictures - before;
  };
  const Backend cpu{BackendKind::cpu_only};
  EXPECT_EQ(pictures_on_device("bmp", {{BackendKind::gpu_only, 1.0F}, cpu}), 10);
  EXPECT_EQ(pictures_on_device("bmp", {{BackendKind::gpu_only, 0.3F}, cpu}), 3);
  EXPECT_EQ(pictures_on_device("bmp", {{BackendKind::gpu_only, 0.0F}, cpu}), 0);
  EXPECT_EQ(pictures_on_device("bmp", {{BackendKind::gpu_only, 0.3F, LoadHintPolicy::ignore}, cpu}), 10);
  EXPECT_EQ(pictures_on_device("bmp", {{BackendKind::gpu_only, 0.3F}}), 10) << "nobody else could take them";
  EXPECT_EQ(pictures_on_device("png", {{BackendKind::gpu_only, 0.3F}, cpu}), 0);
}

TEST_F(DeviceEngine, OneBadPictureSpoilsNoOther) {
  CodeStream good = encoded("png", 30, 30), bad = encoded("png", 31, 31);
  const auto bytes = bytes_of(bad);
  const CodeStream half = value_of(CodeStream::borrow(std::span(bytes).first(bytes.size() / 2)));
  Image a(Memory::device), b = on_device(picture(31, 31, 5));
  const auto before = pixels_of(b);
  const CodeStream* ins[] = {&good, &half};
  Image* outs[] = {&a, &b};
  std::array<Status, 2> statuses;
  decoder.decode(ins, outs, statuses);
  ASSERT_TRUE(statuses[0]);
  ASSERT_FALSE(statuses[1]);
  EXPECT_EQ(statuses[1].error().code, Errc::truncated);
  EXPECT_EQ(pixels_of(a), pixels_of(value_of(cpu_decoder.decode(good))));
  EXPECT_EQ(pixels_of(b), before);  // what was decoded before the damage stayed in the stage
}

TEST_F(DeviceEngine, EncodingFromTheDeviceGivesTheCpusBytes) {
  for (const char* codec : kFormats) {
    std::vector<Image> host, device;
    for (unsigned k = 0; k < 3; ++k) {
      host.push_back(picture(13 + 20 * k, 40, k));
      device.push_back(on_device(host.back()));
    }
    std::vector<CodeStream> streams;
    std::vector<const Image*> ins;
    std::vector<CodeStream*> outs;
    for (unsigned k = 0; k < 6; ++k) streams.push_back(value_of(CodeStream::create()));
    for (unsigned k = 0; k < 6; ++k) {
      ins.push_back(k < 3 ? &device[k] : &host[k - 3]);
      outs.push_back(&streams[k]);
    }
    std::vector<Status> statuses(6);
    encoder.encode(ins, codec, outs, statuses);
    for (unsigned k = 0; k < 6; ++k) {
      ASSERT_TRUE(statuses[k]) << codec << ": " << statuses[k].error().describe();
      EXPECT_EQ(bytes_of(streams[k]), bytes_of(value_of(cpu_encoder.encode(host[k % 3], codec)))) << codec << ' ' << k;
    }
    // An encoder without a device serves device images too.
    EXPECT_EQ(bytes_of(value_of(cpu_encoder.encode(device[1], codec))), bytes_of(streams[1]));
  }
}

TEST_F(DeviceEngine, ReusedCallsAllocateNothing) {
  std::vector<CodeStream> streams;
  std::vector<Image> images;
  std::vector<CodeStream> outputs;
  for (const char* codec : kFormats) {
    streams.push_back(encoded(codec, 61, 43));
    images.emplace_back(Memory::device);
    outputs.push_back(value_of(CodeStream::create(1 << 16)));
  }
  std::vector<const CodeStream*> ins;
  std::vector<Image*> outs;
  std::vector<const Image*> sources;
  std::vector<CodeStream*> sinks;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    ins.push_back(&streams[i]), outs.push_back(&images[i]), sources.push_back(&images[i]), sinks.push_back(&outputs[i]);
  }
  std::vector<Status> statuses(ins.size());
  const auto round = [&] {
    decoder.decode(ins, outs, statuses);
    for (const Status& status : statuses) ASSERT_TRUE(status);
    encoder.encode(sources, "jpeg", sinks, statuses);
    for (const Status& status : statuses) ASSERT_TRUE(status);
  };
  // Threads take images as they come; it takes some rounds until each has met the largest. What a round allocates every
  // time is in every five of them.
  MemoryStats before, after;
  const auto quiet = [&] {
    return after.device.allocations == before.device.allocations &&
           after.pinned.allocations == before.pinned.allocations && after.host.allocations == before.host.allocations;
  };
  for (int i = 0; i < 40 && (i < 2 || !quiet()); ++i) {
    before = memory_stats();
    for (int k = 0; k < 5; ++k) round();
    after = memory_stats();
  }
  EXPECT_EQ(after.device.allocations, before.device.allocations);
  EXPECT_EQ(after.pinned.allocations, before.pinned.allocations);
  EXPECT_EQ(after.host.allocations, before.host.allocations);
}

TEST_F(DeviceEngine, TheWrongDeviceIsRefused) {
  CodecOptions second;
  second.device = 1;
  Decoder other = value_of(Decoder::create(second));
  Image image = on_device(picture(20, 20));
  EXPECT_EQ(other.decode(encoded("png", 8, 8), image).error().code, Errc::invalid_argument);
  second.device = 5;
  EXPECT_FALSE(Decoder::create(second));
  // A decoder without a device writes into memory that is there, but makes none.
  EXPECT_TRUE(cpu_decoder.decode(encoded("png", 8, 8), image));
  Image none(Memory::device);
  EXPECT_FALSE(cpu_decoder.decode(encoded("png", 8, 8), none));
}

TEST_F(DeviceEngine, TransferKeepsPixelsAndSpec) {
  const Image host = picture(33, 21);
  const Image device = on_device(host);
  EXPECT_EQ(device.memory(), Memory::device);
  Image back;
  ASSERT_TRUE(transfer(device, back, {nullptr, 0}));
  EXPECT_EQ(pixels_of(back), pixels_of(host));
  EXPECT_EQ(back.spec(), host.spec());
}

TEST(WithoutADevice, DeviceImagesAreRefusedWithTheReason) {
  replace_device_runtime(nullptr);
  Decoder decoder = value_of(Decoder::create());
  EXPECT_EQ(decoder.output_memory(), Memory::host);
  EXPECT_EQ(device_count(), 0);
  EXPECT_FALSE(device_missing_reason_text().empty());
  CodecOptions options;
  options.device = 0;
  const auto refused = Decoder::create(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::device);
}

}  // namespace
}  // namespace restride
