// SPDX-License-Identifier: Apache-2.0
// Calls with parameters for each image, and questions that need no pixels.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/count_news.h"
#include "support/pictures.h"

namespace restride {
namespace {

using test::picture;
using test::pixels_of;
using test::value_of;

// A TIFF header and a directory of one tag, orientation, in either byte order.
Metadata exif(bool little, std::uint8_t orientation) {
  const unsigned char le[] = {'I', 'I', 42, 0, 8, 0,           0, 0, 1, 0, 0x12, 1, 3,
                              0,   1,   0,  0, 0, orientation, 0, 0, 0, 0, 0,    0, 0};
  const unsigned char be[] = {'M', 'M', 0, 42, 0, 0, 0,           8, 0, 1, 1, 0x12, 0,
                              3,   0,   0, 0,  1, 0, orientation, 0, 0, 0, 0, 0,    0};
  Metadata block;
  block.kind = MetadataKind::exif;
  const auto bytes = std::as_bytes(std::span(little ? le : be));
  block.bytes.assign(bytes.begin(), bytes.end());
  return block;
}

TEST(EncodeEach, EveryImageHasItsOwnParameters) {
  Encoder encoder = value_of(Encoder::create());
  const Image image = picture(64, 48);
  std::vector<EncodeParams> params(3);
  params[0].metadata = {exif(true, 6)};
  params[1].quality_type = QualityType::quality;
  params[1].quality_value = 10;
  params[2].tile_width = params[2].tile_height = 16;
  std::vector<CodeStream> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(value_of(CodeStream::create()));
  const Image* const in[] = {&image, &image, &image};
  CodeStream* const out[] = {&streams[0], &streams[1], &streams[2]};
  std::vector<Status> statuses(3);
  encoder.encode_each(in, "jpeg", out, statuses, params);
  ASSERT_TRUE(statuses[0] && statuses[1]);
  EXPECT_EQ(statuses[2].error().code, Errc::unsupported);  // JPEG has no tiles
  EXPECT_LT(streams[1].size(), streams[0].size());
  EXPECT_EQ(value_of(value_of(CodeStream::borrow(streams[0].bytes())).info())->orientation, Orientation::rotate_90);
  EXPECT_EQ(value_of(value_of(CodeStream::borrow(streams[1].bytes())).info())->orientation, Orientation::normal);

  encoder.encode_each(in, "gif", out, statuses, params);
  for (const Status& status : statuses) EXPECT_EQ(status.error().code, Errc::invalid_argument);
}

TEST(DecodeEach, IsWhatSingleCallsGive) {
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  const CodeStream stream = value_of(encoder.encode(picture(64, 48), "jpeg"));
  const CodeStream in_stream = value_of(CodeStream::borrow(stream.bytes()));
  std::vector<DecodeParams> params(3);
  params[1].color = ColorSpec::gray;
  params[2].reduce = 2;
  std::vector<Image> images(3);
  const CodeStream* const in[] = {&in_stream, &in_stream, &in_stream};
  Image* const out[] = {&images[0], &images[1], &images[2]};
  std::vector<Status> statuses(3);
  decoder.decode_each(in, out, statuses, params);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(statuses[i]);
    const Image alone = value_of(decoder.decode(in_stream, params[i]));
    EXPECT_EQ(images[i].spec(), alone.spec());
    EXPECT_EQ(pixels_of(images[i]), pixels_of(alone));
  }
  EXPECT_EQ(images[1].spec().channels, 1U);
  EXPECT_EQ(images[2].spec().width, 16U);
}

TEST(DecodeEach, AllocatesNothingInSteadyState) {
  CodecOptions options;
  options.max_threads = 1;
  Encoder encoder = value_of(Encoder::create(options));
  Decoder decoder = value_of(Decoder::create(options));
  const CodeStream png = value_of(encoder.encode(picture(64, 48), "png"));
  const CodeStream stream = value_of(CodeStream::borrow(png.bytes()));
  std::vector<DecodeParams> params(4);
  std::vector<EncodeParams> encode(4);
  std::vector<Image> images(4);
  std::vector<CodeStream> streams;
  std::vector<const CodeStream*> in(4, &stream);
  std::vector<Image*> out;
  std::vector<const Image*> pixels;
  std::vector<CodeStream*> encoded;
  for (int i = 0; i < 4; ++i) streams.push_back(value_of(CodeStream::create()));
  for (std::size_t i = 0; i < 4; ++i) {
    out.push_back(&images[i]);
    pixels.push_back(&images[i]);
    encoded.push_back(&streams[i]);
  }
  std::vector<Status> statuses(4);
  const auto round = [&] {
    decoder.decode_each(in, out, statuses, params);
    encoder.encode_each(pixels, "png", encoded, statuses, encode);
  };
  for (int i = 0; i < 3; ++i) round();
  const auto before = test::news.load();
  round();
  EXPECT_EQ(test::news.load(), before);
  for (const Status& status : statuses) EXPECT_TRUE(status);
}

TEST(EncoderCheck, SaysWhatEncodingWould) {
  const Encoder encoder = value_of(Encoder::create());
  ImageSpec spec = test::rgb_spec(64, 48);
  EXPECT_TRUE(encoder.check(spec, "jpeg"));
  EncodeParams params;
  params.tile_width = 16;
  EXPECT_EQ(encoder.check(spec, "jpeg2k", params).error().code, Errc::invalid_argument);
  params.tile_height = 16;
  EXPECT_TRUE(encoder.check(spec, "jpeg2k", params));
  EXPECT_EQ(encoder.check(spec, "jpeg", params).error().code, Errc::unsupported);
  spec.type = SampleType::u16;
  spec.precision = 16;
  EXPECT_EQ(encoder.check(spec, "jpeg").error().code, Errc::unsupported);
  EXPECT_TRUE(encoder.check(spec, ".png"));
  params = {};
  params.metadata = {exif(true, 1)};
  EXPECT_TRUE(encoder.check(spec, "png", params));
  spec = test::rgb_spec(64, 48);
  EXPECT_EQ(encoder.check(spec, "bmp", params).error().code, Errc::unsupported);
  EXPECT_EQ(encoder.check(spec, "gif").error().code, Errc::invalid_argument);
}

TEST(SetOrientation, ChangesTheTagAlone) {
  for (const bool little : {true, false}) {
    Metadata block = exif(little, 6);
    ASSERT_TRUE(set_orientation(block, Orientation::normal));
    EXPECT_EQ(block.bytes, exif(little, 1).bytes);
  }
}

TEST(SetOrientation, RefusesWhatIsNoExifAndLeavesDamageAlone) {
  Metadata block = exif(true, 6);
  EXPECT_EQ(set_orientation(block, static_cast<Orientation>(9)).error().code, Errc::invalid_argument);
  for (std::size_t size = 0; size < 22; ++size) {
    Metadata cut = block;
    cut.bytes.resize(size);
    const auto before = cut.bytes;
    EXPECT_EQ(set_orientation(cut, Orientation::normal).error().code, Errc::corrupt) << size;
    EXPECT_EQ(cut.bytes, before);
  }
  Metadata without = block;
  without.bytes[10] = std::byte{0x13};  // another tag
  EXPECT_TRUE(set_orientation(without, Orientation::normal));
  block.kind = MetadataKind::xmp;
  EXPECT_EQ(set_orientation(block, Orientation::normal).error().code, Errc::invalid_argument);
}

TEST(Formats, AreListedOnceWithTheirExtensions) {
  std::vector<std::string> names;
  for (const FormatInfo& format : formats()) {
    names.push_back(format.name);
    ASSERT_FALSE(format.extensions.empty());
    for (const std::string& extension : format.extensions) EXPECT_EQ(codec_for(extension), format.name);
  }
  std::vector<std::string> once = names;
  std::sort(once.begin(), once.end());
  EXPECT_EQ(std::unique(once.begin(), once.end()), once.end());
  EXPECT_GE(names.size(), 7U);
}

TEST(Backends, LibrariesTellTheirVersion) {
  for (const BackendInfo& backend : backends()) {
    const bool tells = backend.name == "openjpeg" || backend.name == "libjpeg-turbo" || backend.name == "libwebp";
    EXPECT_TRUE(!tells || backend.version.find('.') != std::string::npos) << backend.name;
  }
}

}  // namespace
}  // namespace restride
