// SPDX-License-Identifier: Apache-2.0
// What is kept of a JPEG stream's headers for decoders that do not go through libjpeg.
#include "formats/jpeg/headers.h"

#include <gtest/gtest.h>

#include "formats/jpeg/jpeg.h"
#include "unit/support/jpeg_files.h"

namespace restride {
namespace {

std::unique_ptr<StreamInfo> parsed(std::span<const std::byte> file) {
  auto info = jpeg::kFormat.parse(file, {});
  EXPECT_TRUE(info.has_value());
  return std::move(*info);
}
const jpeg::Headers& headers_of(const StreamInfo& info) { return static_cast<const jpeg::Headers&>(*info.detail); }

TEST(JpegHeaders, BaselineTables) {
  test::JpegRecipe recipe;
  recipe.restart = 3;
  recipe.quality = 50;
  const auto file = test::write_jpeg(recipe);
  const auto info = parsed(file);
  const jpeg::Headers& headers = headers_of(*info);
  const jpeg::Scans& scans = headers.scans(file);
  EXPECT_TRUE(headers.single_scan());
  EXPECT_EQ(&scans, &headers.first);
  EXPECT_FALSE(scans.odd);
  ASSERT_EQ(scans.list.size(), 1U);
  const jpeg::Scan& scan = scans.list[0];
  EXPECT_EQ(scan.components, 3);
  EXPECT_EQ(scan.restart_interval, 3U);
  EXPECT_EQ(scan.offset + scan.length, file.size());
  EXPECT_EQ(scans.huffman.size(), 4U);
  EXPECT_EQ(scan.dc[1], scan.dc[2]);
  EXPECT_NE(scan.dc[0], scan.ac[0]);
  // Annex K: the first elements of the tables at quality 50, and of the luminance DC table.
  EXPECT_EQ(scans.quant[0].values[1], 11);
  EXPECT_EQ(scans.quant[0].values[8], 12);
  EXPECT_EQ(scans.quant[2].values[0], 17);
  const jpeg::HuffmanTable& dc = scans.huffman[scan.dc[0]];
  EXPECT_EQ(dc.counts[1], 1);
  EXPECT_EQ(dc.counts[2], 5);
  EXPECT_EQ(dc.symbols[11], 11);
}

TEST(JpegHeaders, EveryScanWithTheTablesInForce) {
  test::JpegRecipe recipe;
  recipe.width = 50;
  recipe.height = 40;
  recipe.scans = {{1, {0}, 0, 63, 0, 0}, {2, {1, 2}, 0, 63, 0, 0}};
  const auto file = test::write_jpeg(recipe);
  const auto info = parsed(file);
  const jpeg::Headers& headers = headers_of(*info);
  EXPECT_FALSE(headers.single_scan());
  const jpeg::Scans& scans = headers.scans(file);
  EXPECT_EQ(&scans, &headers.scans(file));
  EXPECT_FALSE(scans.odd);
  EXPECT_TRUE(scans.ends_known);
  EXPECT_TRUE(scans.ended);
  ASSERT_EQ(scans.list.size(), 2U);
  EXPECT_EQ(scans.list[1].component[1], 2);
  EXPECT_EQ(file[scans.list[0].offset + scans.list[0].length], std::byte{0xff});
  EXPECT_EQ(scans.list[1].offset + scans.list[1].length, file.size() - 2);
  EXPECT_TRUE(scans.quant[0].defined && scans.quant[1].defined && scans.quant[2].defined);
}

TEST(JpegHeaders, ProgressiveScans) {
  test::JpegRecipe recipe;
  recipe.progressive = true;
  const auto file = test::write_jpeg(recipe);
  const auto info = parsed(file);
  const jpeg::Scans& scans = headers_of(*info).scans(file);
  ASSERT_EQ(scans.list.size(), 10U);  // jpeg_simple_progression of YCbCr
  EXPECT_EQ(scans.list[0].al, 1);
  EXPECT_EQ(scans.list[9].ah, 1);
  EXPECT_EQ(scans.list[9].dc[0], jpeg::Scan::kNoTable);
  EXPECT_FALSE(scans.odd);
}

// Any prefix, and any byte changed: nothing is read out of bounds and nothing hangs.
TEST(JpegHeaders, DamagedStreams) {
  test::JpegRecipe recipe;
  recipe.progressive = true;
  const auto file = test::write_jpeg(recipe);
  for (std::size_t n = 3; n < file.size(); ++n) {
    const std::span<const std::byte> part(file.data(), n);
    if (auto info = jpeg::kFormat.parse(part, {})) {
      EXPECT_FALSE(headers_of(**info).scans(part).ended);
    }
  }
  for (std::size_t i = 3; i < file.size(); ++i)
    for (const std::uint8_t change : {0x01, 0x80, 0xff}) {
      auto other = file;
      other[i] ^= std::byte{change};
      if (auto info = jpeg::kFormat.parse(other, {})) {
        const jpeg::Scans& scans = headers_of(**info).scans(other);
        for (const jpeg::Scan& scan : scans.list) EXPECT_LE(scan.offset + scan.length, other.size());
      }
    }
}

}  // namespace
}  // namespace restride
