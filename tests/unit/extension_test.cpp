// SPDX-License-Identifier: Apache-2.0
// Codecs from outside: what the engine gives them, and what becomes of those that fail or lie.
#include "restride/extension.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "restride/code_stream.h"
#include "restride/decoder.h"
#include "restride/device.h"
#include "restride/encoder.h"

namespace restride {
namespace {

// "RAW!", width, height, channels, bytes a sample, then the pixels.
struct Raw {
  std::function<std::int32_t(restride_picture&, restride_error&)> on_info;
  std::function<std::int32_t(restride_decode_job&, restride_error&)> on_decode;
  std::function<std::int32_t(restride_spec&, restride_error&)> on_accepts;
  std::function<std::int32_t(restride_encode_job&, restride_error&)> on_encode;
  std::atomic<int> decodes{0};
  restride_rect last_window{};
  const void* last_pixels = nullptr;
};

constexpr std::size_t kHeader = 8;

int raw_probe(void*, const std::uint8_t* bytes, std::size_t size) {
  return size >= 4 && !std::memcmp(bytes, "RAW!", 4);
}

std::int32_t raw_info(void* self, const std::uint8_t* bytes, std::size_t size, restride_picture* p, restride_error* e) {
  if (size < kHeader) return RESTRIDE_TRUNCATED;
  p->spec.width = bytes[4];
  p->spec.height = bytes[5];
  p->spec.channels = bytes[6];
  p->spec.sample_type = bytes[7] == 2 ? RESTRIDE_U16 : RESTRIDE_U8;
  const auto& hook = static_cast<Raw*>(self)->on_info;
  return hook ? hook(*p, *e) : RESTRIDE_OK;
}

std::int32_t raw_decode(void* self, restride_decode_job* job, restride_error* e) {
  Raw& raw = *static_cast<Raw*>(self);
  ++raw.decodes;
  raw.last_window = job->window;
  raw.last_pixels = job->pixels;
  if (raw.on_decode) return raw.on_decode(*job, *e);
  const std::size_t pixel = job->picture.channels * (job->picture.sample_type == RESTRIDE_U16 ? 2 : 1);
  const std::size_t line = job->picture.width * pixel;
  const auto bytes = static_cast<std::size_t>(job->window.width) * pixel;
  // By way of working memory, so that that is used too.
  auto* space = static_cast<std::uint8_t*>(job->allocate(job->host, bytes));
  if (!space) return RESTRIDE_OUT_OF_MEMORY;
  for (std::int64_t y = 0; y < job->window.height; ++y) {
    const std::size_t at =
        kHeader + static_cast<std::size_t>(job->window.y + y) * line + static_cast<std::size_t>(job->window.x) * pixel;
    if (at + bytes > job->size) {
      std::strcpy(e->message, "the pixels end early");
      e->offset = job->size;
      return RESTRIDE_TRUNCATED;
    }
    std::memcpy(space, job->bytes + at, bytes);
    std::memcpy(static_cast<std::uint8_t*>(job->pixels) + y * job->row_stride, space, bytes);
    job->rows_done = static_cast<std::uint32_t>(y + 1);
  }
  return RESTRIDE_OK;
}

std::int32_t raw_accepts(void* self, const restride_spec*, restride_spec* wanted, restride_error* e) {
  const auto& hook = static_cast<Raw*>(self)->on_accepts;
  return hook ? hook(*wanted, *e) : RESTRIDE_OK;
}

std::int32_t raw_encode(void* self, restride_encode_job* job, restride_error* e) {
  const auto& hook = static_cast<Raw*>(self)->on_encode;
  if (hook) return hook(*job, *e);
  const restride_spec& s = job->picture;
  const std::size_t sample = s.sample_type == RESTRIDE_U16 ? 2 : 1, line = std::size_t{s.width} * s.channels * sample;
  auto* to = static_cast<std::uint8_t*>(job->reserve(job->host, kHeader + line * s.height));
  if (!to) return RESTRIDE_OUT_OF_MEMORY;
  std::memcpy(to, "RAW!", 4);
  to[4] = static_cast<std::uint8_t>(s.width);
  to[5] = static_cast<std::uint8_t>(s.height);
  to[6] = static_cast<std::uint8_t>(s.channels);
  to[7] = static_cast<std::uint8_t>(sample);
  for (std::uint32_t y = 0; y < s.height; ++y)
    std::memcpy(to + kHeader + y * line, static_cast<const char*>(job->pixels) + y * job->row_stride, line);
  job->commit(job->host, kHeader + line * s.height);
  return RESTRIDE_OK;
}

constexpr const char* kExtensions[] = {".raw", nullptr};

restride_codec table_of(Raw& raw, std::uint32_t flags = 0) {
  return {sizeof(restride_codec),
          RESTRIDE_CODEC_ABI,
          flags,
          "raw",
          "raw-test",
          kExtensions,
          &raw,
          raw_probe,
          raw_info,
          raw_decode,
          raw_accepts,
          raw_encode};
}

class Extension : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { use(table_of(*raw, GetParam())); }
  void TearDown() override { EXPECT_TRUE(unregister_codec("raw")); }

  void use(const restride_codec& table) {
    ASSERT_TRUE(register_codec(table));
    CodecOptions options;
    options.device = CodecOptions::kCpuOnly;
    options.max_threads = 3;
    decoder.emplace(*Decoder::create(options));
    encoder.emplace(*Encoder::create(options));
  }

  static ImageSpec spec(std::uint32_t width, std::uint32_t height, std::uint32_t channels, SampleType type) {
    const SampleFormat formats[] = {SampleFormat::i_y, SampleFormat::i_ya, SampleFormat::i_rgb, SampleFormat::i_rgba};
    return {width,
            height,
            channels,
            type,
            formats[channels - 1],
            channels < 3 ? ColorSpec::gray : ColorSpec::srgb,
            static_cast<std::uint8_t>(8 * size_of(type))};
  }

  static Image picture(const ImageSpec& s, unsigned seed = 1) {
    Image image;
    EXPECT_TRUE(image.ensure(s));
    for (std::uint64_t i = 0; i < s.bytes(); ++i)
      image.view().data[i] = static_cast<std::byte>((i * 37 + i / 11 * seed) & 255);
    return image;
  }

  CodeStream encoded(const Image& image) {
    auto stream = encoder->encode(image, "raw");
    EXPECT_TRUE(stream) << (stream ? "" : stream.error().describe());
    const auto bytes = stream->bytes();
    auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    return *CodeStream::borrow(*copy, copy);
  }

  std::string decode_error(const CodeStream& stream) {
    auto image = decoder->decode(stream);
    return image ? "" : image.error().describe();
  }
  std::string encode_error(const Image& image) {
    auto stream = encoder->encode(image, "raw");
    return stream ? "" : stream.error().describe();
  }

  // Leaked with the registration: a table's functions may be called as long as a stream remembers its format.
  Raw* raw = new Raw;
  std::optional<Decoder> decoder;
  std::optional<Encoder> encoder;
};

INSTANTIATE_TEST_SUITE_P(WholePicturesAndRegions, Extension,
                         testing::Values(0U, std::uint32_t{RESTRIDE_CODEC_REGIONS}));

bool same(const ImageView& a, const ImageView& b) {
  if (a.spec.width != b.spec.width || a.spec.height != b.spec.height || a.spec.channels != b.spec.channels)
    return false;
  for (std::int64_t y = 0; y < a.spec.height; ++y)
    if (std::memcmp(a.at(0, y), b.at(0, y), a.spec.row_bytes()) != 0) return false;
  return true;
}

TEST_P(Extension, RoundTripsEveryLayoutAndType) {
  for (std::uint32_t channels = 1; channels <= 4; ++channels)
    for (SampleType type : {SampleType::u8, SampleType::u16}) {
      const Image image = picture(spec(13, 7, channels, type));
      const CodeStream stream = encoded(image);
      EXPECT_EQ(*stream.codec(), "raw");
      EXPECT_EQ((*stream.info())->spec, image.spec());
      DecodeParams params;
      params.color = ColorSpec::unchanged;
      params.allow_any_depth = true;
      const auto back = decoder->decode(stream, params);
      ASSERT_TRUE(back) << back.error().describe();
      EXPECT_TRUE(same(back->view(), image.view()));
    }
}

TEST_P(Extension, RegionsEqualTheCropOfTheWhole) {
  const Image image = picture(spec(40, 30, 3, SampleType::u8));
  const CodeStream stream = encoded(image);
  const Rect rect{7, 5, 20, 11};
  const auto region = decoder->decode(*stream.sub({0, Region{rect, {}}, {}, 0}));
  ASSERT_TRUE(region) << region.error().describe();
  EXPECT_TRUE(same(region->view(), image.view().crop(rect)));
  const restride_rect whole{0, 0, 40, 30}, part{7, 5, 20, 11};
  EXPECT_EQ(std::memcmp(&raw->last_window, GetParam() ? &part : &whole, sizeof whole), 0);
  // Reaching outside: the rest is filled.
  const auto outside = decoder->decode(*stream.sub({0, Region{{-3, -2, 50, 40}, {9, 9, 9, 9, 9}}, {}, 0}));
  ASSERT_TRUE(outside);
  EXPECT_TRUE(same(outside->view().crop({3, 2, 40, 30}), image.view()));
  EXPECT_EQ(*outside->view().at(0, 0), std::byte{9});
}

TEST_P(Extension, WritesStraightIntoTheCallersRows) {
  const Image image = picture(spec(16, 9, 3, SampleType::u8));
  const CodeStream stream = encoded(image);
  std::vector<std::byte> memory(9 * 64, std::byte{0xaa});
  ImageView view = dense_view(memory.data(), image.spec());
  view.row_stride = 64;
  Image padded = *Image::wrap(view);
  ASSERT_TRUE(decoder->decode(stream, padded));
  EXPECT_TRUE(same(padded.view(), image.view()));
  EXPECT_EQ(raw->last_pixels, memory.data());
  for (std::size_t y = 0; y < 9; ++y) EXPECT_EQ(memory[y * 64 + 48], std::byte{0xaa});
}

TEST_P(Extension, BatchesReportEachImage) {
  std::vector<CodeStream> streams;
  std::vector<Image> images;
  for (unsigned i = 0; i < 12; ++i) streams.push_back(encoded(picture(spec(20 + i, 10, 3, SampleType::u8), i)));
  const CodeStream half = *CodeStream::borrow(streams[5].bytes().first(100));
  std::vector<const CodeStream*> in;
  std::vector<Image> out(12);
  std::vector<Image*> to;
  for (unsigned i = 0; i < 12; ++i) in.push_back(i == 5 ? &half : &streams[i]), to.push_back(&out[i]);
  std::vector<Status> statuses(12);
  decoder->decode(in, to, statuses);
  for (unsigned i = 0; i < 12; ++i) {
    ASSERT_EQ(statuses[i].ok(), i != 5) << i;
    if (i != 5) {
      EXPECT_TRUE(same(out[i].view(), picture(spec(20 + i, 10, 3, SampleType::u8), i).view()));
    }
  }
  EXPECT_EQ(statuses[5].error().code, Errc::truncated);
  EXPECT_EQ(statuses[5].error().offset, 100U);
  EXPECT_NE(statuses[5].error().message.find("codec raw, decoding: the pixels end early; part of the picture"),
            std::string::npos);
}

TEST_P(Extension, ConvertsAndTurns) {
  raw->on_info = [](restride_picture& p, restride_error&) {
    p.orientation = 6;
    return std::int32_t{RESTRIDE_OK};
  };
  const Image image = picture(spec(5, 3, 1, SampleType::u8));
  const auto turned = decoder->decode(encoded(image));
  ASSERT_TRUE(turned);
  EXPECT_EQ(turned->spec().width, 3U);
  EXPECT_EQ(turned->spec().channels, 3U);
  EXPECT_EQ(*turned->view().at(0, 0, 1), *image.view().at(0, 2));
}

TEST_P(Extension, LimitsHold) {
  const CodeStream stream = encoded(picture(spec(100, 100, 3, SampleType::u8)));
  DecodeParams params;
  params.limits.max_pixels = 100 * 100 - 1;
  EXPECT_EQ(decoder->decode(stream, params).error().code, Errc::limit_exceeded);
  params.limits = {};
  params.limits.max_memory = 29'999;
  EXPECT_EQ(decoder->decode(stream, params).error().code, Errc::limit_exceeded);
  // A codec without regions decodes the whole picture for one.
  const auto region = decoder->decode(*stream.sub({0, Region{{0, 0, 10, 10}, {}}, {}, 0}), params);
  EXPECT_EQ(region.has_value(), GetParam() != 0);
}

TEST_P(Extension, LiesAboutHeadersAreTold) {
  const Image image = picture(spec(5, 3, 3, SampleType::u8));
  const std::pair<std::function<void(restride_picture&)>, const char*> lies[] = {
      {[](restride_picture& p) { p.spec.width = 0; }, "the width cannot be 0"},
      {[](restride_picture& p) { p.spec.height = 0x80000000U; }, "the height cannot be 2147483648"},
      {[](restride_picture& p) { p.spec.channels = 33; }, "the number of channels cannot be 33"},
      {[](restride_picture& p) { p.spec.sample_type = 9; }, "the sample type cannot be 9"},
      {[](restride_picture& p) { p.spec.precision = 9; }, "the precision cannot be 9"},
      {[](restride_picture& p) { p.spec.format = RESTRIDE_P_RGB; }, "the format cannot be 7"},
      {[](restride_picture& p) { p.spec.format = RESTRIDE_I_RGBA; },
       "the number of channels of this format cannot be 3"},
      {[](restride_picture& p) { p.spec.color = 77; }, "the colour cannot be 77"},
      {[](restride_picture& p) { p.orientation = 9; }, "the orientation cannot be 9"},
  };
  for (const auto& [lie, text] : lies) {
    raw->on_info = [&lie = lie](restride_picture& p, restride_error&) {
      lie(p);
      return std::int32_t{RESTRIDE_OK};
    };
    const std::string error = decode_error(encoded(image));
    EXPECT_EQ(error.rfind("extension: codec raw, reading headers: ", 0), 0U) << error;
    EXPECT_NE(error.find(text), std::string::npos) << error;
  }
}

TEST_P(Extension, FailuresAndLiesOfDecodingAreTold) {
  const CodeStream stream = encoded(picture(spec(5, 3, 3, SampleType::u8)));
  raw->on_decode = [](restride_decode_job&, restride_error&) -> std::int32_t { throw std::runtime_error("oh no"); };
  EXPECT_EQ(decode_error(stream).rfind("extension: codec raw, decoding: it threw \"oh no\"", 0), 0U);
  raw->on_decode = [](restride_decode_job&, restride_error&) -> std::int32_t { throw 1; };
  EXPECT_NE(decode_error(stream).find("it threw something"), std::string::npos);
  raw->on_decode = [](restride_decode_job&, restride_error&) -> std::int32_t { return 99; };
  EXPECT_NE(decode_error(stream).find("gave 99, which is no code"), std::string::npos);
  raw->on_decode = [](restride_decode_job&, restride_error&) -> std::int32_t { return RESTRIDE_CORRUPT; };
  EXPECT_EQ(decode_error(stream), "corrupt: codec raw, decoding: it gave no reason (at byte 0)");
  raw->on_decode = [](restride_decode_job& job, restride_error&) -> std::int32_t {
    job.rows_done = 2;
    return RESTRIDE_OK;
  };
  EXPECT_NE(decode_error(stream).find("it said success after 2 of 3 rows"), std::string::npos);
  raw->on_decode = [](restride_decode_job& job, restride_error& e) -> std::int32_t {
    std::memset(e.message, 'x', sizeof e.message);  // not even terminated
    return job.size ? RESTRIDE_UNSUPPORTED : RESTRIDE_OK;
  };
  EXPECT_LT(decode_error(stream).size(), 600U);
}

TEST_P(Extension, FailuresAndLiesOfEncodingAreTold) {
  const Image image = picture(spec(5, 3, 3, SampleType::u8));
  raw->on_encode = [](restride_encode_job&, restride_error&) -> std::int32_t { throw std::runtime_error("oh no"); };
  EXPECT_NE(encode_error(image).find("codec raw, encoding: it threw \"oh no\""), std::string::npos);
  raw->on_encode = [](restride_encode_job&, restride_error&) -> std::int32_t { return RESTRIDE_OK; };
  EXPECT_NE(encode_error(image).find("wrote nothing"), std::string::npos);
  raw->on_encode = [](restride_encode_job& job, restride_error&) -> std::int32_t {
    if (job.reserve(job.host, 10)) job.commit(job.host, 11);
    return RESTRIDE_OK;
  };
  EXPECT_NE(encode_error(image).find("committed more bytes than it had reserved"), std::string::npos);
  raw->on_encode = [](restride_encode_job& job, restride_error&) -> std::int32_t {
    if (job.reserve(job.host, 10)) job.commit(job.host, 6), job.commit(job.host, 6);
    return RESTRIDE_OK;
  };
  EXPECT_NE(encode_error(image).find("committed more bytes than it had reserved"), std::string::npos);
  raw->on_accepts = [](restride_spec& wanted, restride_error&) -> std::int32_t {
    wanted.height = 4;
    return RESTRIDE_OK;
  };
  EXPECT_NE(encode_error(image).find("it asked for another size"), std::string::npos);
  raw->on_accepts = [](restride_spec&, restride_error& e) -> std::int32_t {
    std::strcpy(e.message, "no");
    return RESTRIDE_UNSUPPORTED;
  };
  EXPECT_EQ(encode_error(image), "unsupported: codec raw, choosing pixels to encode: no");
}

TEST_P(Extension, EncodersGetThePixelsTheyAskFor) {
  raw->on_accepts = [](restride_spec& wanted, restride_error&) -> std::int32_t {
    wanted.channels = 1;
    wanted.format = RESTRIDE_I_Y;
    wanted.color = RESTRIDE_COLOR_GRAY;
    return RESTRIDE_OK;
  };
  ImageSpec planar = spec(9, 8, 3, SampleType::u8);
  planar.format = SampleFormat::p_rgb;
  EXPECT_EQ((*encoded(picture(planar)).info())->spec.channels, 1U);
}

TEST_P(Extension, IsListedAndFoundByItsNames) {
  EXPECT_EQ(codec_for(".RAW"), "raw");
  EXPECT_EQ(codec_for("raw"), "raw");
  const auto all = backends();
  EXPECT_EQ(all.back().name, "raw-test");
  EXPECT_TRUE(all.back().decodes && all.back().encodes);
}

TEST(ExtensionRegistry, RefusesWhatCannotWork) {
  Raw raw;
  restride_codec table = table_of(raw);
  const auto refused = [&](const char* why) {
    const Status status = register_codec(table);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::invalid_argument);
    EXPECT_NE(status.error().message.find(why), std::string::npos) << status.error().message;
    table = table_of(raw);
  };
  table.abi = RESTRIDE_CODEC_ABI + 1;
  refused("another version of restride/codec.h");
  table.struct_size = 16;
  refused("another version of restride/codec.h");
  table.name = "Raw";
  refused("a name of 1 to 32 lower case letters");
  table.name = nullptr;
  refused("a name of 1 to 32 lower case letters");
  table.decode = nullptr;
  table.encode = nullptr;
  refused("neither decodes nor encodes");
  table.probe = nullptr;
  refused("no probe");
  table.name = "png";
  refused("taken by the codec png");
  const char* const taken[] = {".jpeg", nullptr};
  table.extensions = taken;
  refused("\".jpeg\" is taken by the codec jpeg");
  const char* const odd[] = {"raw", nullptr};
  table.extensions = odd;
  refused("an extension is a dot and");
  ASSERT_TRUE(register_codec(table));
  refused("\"raw\" is taken by the codec raw");
  EXPECT_TRUE(unregister_codec("raw"));
  EXPECT_FALSE(unregister_codec("raw"));
  EXPECT_FALSE(unregister_codec("png"));
  EXPECT_EQ(codec_for("raw"), "");
}

TEST(ExtensionRegistry, AnOlderDecoderSaysThatItIsOlder) {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  Decoder decoder = *Decoder::create(options);
  Raw* raw = new Raw;
  ASSERT_TRUE(register_codec(table_of(*raw)));
  const char bytes[] = {'R', 'A', 'W', '!', 1, 1, 1, 1, 7};
  const CodeStream stream = *CodeStream::borrow(std::as_bytes(std::span(bytes)));
  EXPECT_NE(decoder.decode(stream).error().message.find("registered after this object was made"), std::string::npos);
  EXPECT_TRUE(unregister_codec("raw"));
}

TEST(ExtensionLibrary, IsLoadedOnceAndRoundTrips) {
  ASSERT_TRUE(load_codec_library(RESTRIDE_QOI_PLUGIN));
  ASSERT_TRUE(load_codec_library(RESTRIDE_QOI_PLUGIN));
  int listed = 0;
  for (const LibraryInfo& library : libraries())
    listed += library.path == std::filesystem::canonical(RESTRIDE_QOI_PLUGIN) && library.missing.empty();
  EXPECT_EQ(listed, 1);
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  Decoder decoder = *Decoder::create(options);
  Encoder encoder = *Encoder::create(options);
  Image image;
  ASSERT_TRUE(image.ensure({64, 40, 3, SampleType::u8, SampleFormat::i_rgb, ColorSpec::srgb, 8}));
  for (std::uint64_t i = 0; i < image.size(); ++i) image.view().data[i] = static_cast<std::byte>(i * i / 97);
  const CodeStream written = *encoder.encode(image, ".qoi");
  const CodeStream stream = *CodeStream::borrow(written.bytes());
  EXPECT_EQ(*stream.codec(), "qoi");
  const Image back = *decoder.decode(stream);
  EXPECT_TRUE(same(back.view(), image.view()));
  for (std::size_t n = 0; n + 8 < stream.size(); n += 7) {
    const auto part = decoder.decode(*CodeStream::borrow(written.bytes().first(n)));
    ASSERT_FALSE(part) << n;
    EXPECT_NE(part.error().code, Errc::extension) << n;
  }
  EXPECT_TRUE(unregister_codec("qoi"));
}

TEST(ExtensionLibrary, SaysWhyItCannotBeLoaded) {
  EXPECT_EQ(load_codec_library("/nowhere/at/all.so").error().code, Errc::not_found);
  const Status text = load_codec_library("/proc/self/status");
  EXPECT_EQ(text.error().code, Errc::io);
  const Status stranger = load_codec_library("/lib/x86_64-linux-gnu/libm.so.6");
  if (stranger.error().code != Errc::not_found) {
    EXPECT_NE(stranger.error().message.find("exports no \"restride_codecs\""), std::string::npos);
  }
}

}  // namespace
}  // namespace restride
