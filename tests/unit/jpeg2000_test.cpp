// SPDX-License-Identifier: Apache-2.0
// JPEG 2000: what decoding must make of incomplete and damaged streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "unit/support/openjpeg_leaks.h"
#include "unit/support/pictures.h"
#include "unit/support/random.h"

namespace restride {
namespace {

using Data = std::vector<std::byte>;
using test::picture;
using test::pixels_of;
using test::value_of;

// A raw codestream; empty where this build cannot encode HT.
Data encoded(std::uint32_t width, std::uint32_t height, bool ht, bool lossless, std::uint32_t tile = 0) {
  EncodeParams params;
  params.jpeg2k.bitstream = Jpeg2kBitstream::j2k;
  params.jpeg2k.ht = ht;
  params.quality_type = lossless ? QualityType::lossless : QualityType::psnr;
  params.quality_value = 40;
  params.tile_width = params.tile_height = tile;
  Encoder encoder = value_of(Encoder::create());
  auto stream = encoder.encode(picture(width, height), "jpeg2k", params);
  if (!stream && ht && stream.error().code == Errc::unsupported) return {};
  return test::bytes_of(value_of(std::move(stream)));
}

Status decode(const Data& file, Image& image) {
  static Decoder decoder = value_of(Decoder::create());
  DecodeParams params;
  params.limits.max_pixels = 1 << 20;
  params.limits.max_memory = 1 << 26;
  return decoder.decode(value_of(CodeStream::borrow(file)), image, params);
}

std::size_t find_marker(const Data& file, int marker) {
  const std::byte wanted[] = {std::byte{0xff}, static_cast<std::byte>(marker)};
  return static_cast<std::size_t>(std::search(file.begin(), file.end(), wanted, wanted + 2) - file.begin());
}
constexpr int kSot = 0x90, kSod = 0x93;

TEST(Jpeg2000, AMissingEndMarkerIsNoDamage) {
  for (const bool ht : {false, true})
    for (const std::uint32_t tile : {0U, 16U}) {
      const Data file = encoded(61, 43, ht, true, tile);
      if (file.empty()) GTEST_SKIP() << "this build does not encode HT";
      Image image;
      ASSERT_TRUE(decode(file, image));
      for (std::size_t missing : {1U, 2U}) {
        Image other;
        const Status status = decode(Data(file.begin(), file.end() - static_cast<std::ptrdiff_t>(missing)), other);
        ASSERT_TRUE(status) << status.error().describe();
        EXPECT_EQ(pixels_of(other), pixels_of(image));
      }
    }
}

TEST(Jpeg2000, AMissingTileIsTruncation) {
  const Data file = encoded(61, 43, false, true, 32);
  std::size_t last = 0;
  for (std::size_t i = 0; i + 1 < file.size(); ++i)
    if (file[i] == std::byte{0xff} && file[i + 1] == std::byte{kSot}) last = i;
  for (std::size_t end : {last, last + 1, last + 5, last + 12, file.size() - 3}) {
    Image image;
    const Status status = decode(Data(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(end)), image);
    ASSERT_FALSE(status) << end;
    EXPECT_EQ(status.error().code, Errc::truncated) << status.error().describe();
    EXPECT_LE(status.error().offset, end);
  }
}

// OpenJPH 0.9 transforms 1 and 2 rows wrongly; tiles at the bottom edge can have so few.
TEST(Jpeg2000, LossyHtIsNearThePictureAtEverySize) {
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  for (const std::uint32_t tile : {0U, 8U, 12U, 16U})
    for (std::uint32_t height = std::max(1U, tile); height <= 36; ++height)
      for (const std::uint32_t width : {1U, 2U, 5U, 16U, 37U}) {
        if (width < tile) continue;
        EncodeParams params;
        params.jpeg2k.ht = true;
        params.tile_width = params.tile_height = tile;
        const Image image = picture(width, height);
        const auto stream = encoder.encode(image, "jpeg2k", params);
        if (!stream && stream.error().code == Errc::unsupported) GTEST_SKIP() << stream.error().describe();
        const auto got = pixels_of(value_of(decoder.decode(value_of(stream))));
        const auto want = pixels_of(image);
        int worst = 0;
        for (std::size_t i = 0; i < want.size(); ++i)
          worst = std::max(worst, std::abs(static_cast<int>(got[i]) - static_cast<int>(want[i])));
        EXPECT_LE(worst, 6) << width << " x " << height << ", tiles of " << tile;
      }
}

// A code-block segment of HT may not hold 0xff followed by more than 0x8f (ISO/IEC 15444-15, 7.1); a decoder that takes
// that for granted stops the process.
TEST(Jpeg2000, MarkersInsideHtCodeBlocksNeverCrash) {
  for (const bool lossless : {true, false}) {
    const Data file = encoded(61, 43, true, lossless);
    if (file.empty()) GTEST_SKIP() << "this build does not encode HT";
    const std::size_t body = find_marker(file, kSod) + 2;
    ASSERT_LT(body, file.size());
    std::size_t refused = 0;
    for (std::size_t at = body; at + 6 < file.size(); ++at) {
      Data damaged = file;
      std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(at), 4, std::byte{0xff});
      Image image;
      const Status status = decode(damaged, image);
      refused += !status;
      if (!status) {
        EXPECT_NE(status.error().offset, Error::kNoOffset) << status.error().describe();
      }
    }
    EXPECT_GT(refused, 0U);
  }
}

TEST(Jpeg2000, DamageNeverCrashesOrHangs) {
  for (const bool ht : {false, true})
    for (const bool lossless : {true, false}) {
      const Data file = encoded(61, 43, ht, lossless);
      if (file.empty()) GTEST_SKIP() << "this build does not encode HT";
      for (int round = 0; round < 1500; ++round) {
        Data damaged = file;
        for (int k = 0; k <= round % 4; ++k)
          damaged[test::random_below(static_cast<unsigned>(file.size()))] ^=
              static_cast<std::byte>(1U << test::random_below(8));
        Image image;
        const Status status = decode(damaged, image);
        EXPECT_TRUE(status || !status.error().message.empty());
      }
    }
}

// Tiles of one column or row at the edge: OpenJPEG would end the process.
TEST(Jpeg2000, LossyTilesOfOneSampleAreEncoded) {
  for (const auto& [width, height, tile] :
       {std::array<std::uint32_t, 3>{9, 9, 8}, {17, 9, 8}, {33, 40, 16}, {7, 13, 3}}) {
    const Data file = encoded(width, height, false, false, tile);
    Image image;
    const Status status = decode(file, image);
    ASSERT_TRUE(status) << width << ' ' << height << ' ' << tile << ": " << status.error().describe();
    EXPECT_EQ(image.spec().width, width);
  }
}

}  // namespace
}  // namespace restride
