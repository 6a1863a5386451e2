// SPDX-License-Identifier: Apache-2.0
// Progressive Huffman decoding, with and without special instructions, against the coefficients that libjpeg has.
#include <gtest/gtest.h>

#include "coding/jpeg/progressive.h"
#include "coding/jpeg/unstuff.h"
#include "coding/jpeg/zigzag.h"
#include "formats/jpeg/headers.h"
#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/progressive_scan.h"
#include "unit/support/jpeg_files.h"

namespace restride::jpeg {
namespace {

using Bytes = std::vector<std::byte>;
using Block = std::array<std::int16_t, 64>;  // in zig-zag order
using Planes = std::vector<std::vector<Block>>;

// By component, row by row, without blocks that only fill up MCUs.
Planes by_libjpeg(const Bytes& file) {
  jpeg_decompress_struct cinfo{};
  jpeg_error_mgr errors{};
  cinfo.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&cinfo);
  jpeg_mem_src(&cinfo, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  (void)jpeg_read_header(&cinfo, TRUE);
  jvirt_barray_ptr* arrays = jpeg_read_coefficients(&cinfo);
  Planes planes;
  for (int c = 0; c < cinfo.num_components; ++c) {
    const jpeg_component_info& info = cinfo.comp_info[c];
    planes.emplace_back();
    for (JDIMENSION y = 0; y < info.height_in_blocks; ++y) {
      JBLOCKARRAY row =
          (*cinfo.mem->access_virt_barray)(reinterpret_cast<j_common_ptr>(&cinfo), arrays[c], y, 1, FALSE);
      for (JDIMENSION x = 0; x < info.width_in_blocks; ++x) {
        Block& block = planes.back().emplace_back();
        for (unsigned k = 0; k < 64; ++k) block[k] = row[0][x][kNaturalOrder[k]];
      }
    }
  }
  jpeg_destroy_decompress(&cinfo);
  return planes;
}

// Empty: refused.
Planes by_own(const Bytes& file, Instructions instructions) {
  const auto info = std::move(*kFormat.parse(file, {}));
  const auto& headers = static_cast<const Headers&>(*info->detail);
  const ImageSpec& spec = info->images[0].spec;
  unsigned max_h = 1, max_v = 1;
  for (unsigned c = 0; c < headers.components; ++c) {
    max_h = std::max<unsigned>(max_h, headers.component[c].h);
    max_v = std::max<unsigned>(max_v, headers.component[c].v);
  }
  const auto blocks = [](unsigned pixels, unsigned factor, unsigned most) {
    return (pixels * factor + 8 * most - 1) / (8 * most);
  };
  std::vector<std::vector<SparseBlock>> sparse(headers.components);
  std::vector<SparsePlane> planes;
  std::size_t count = 0;
  for (unsigned c = 0; c < headers.components; ++c) {
    const Component& component = headers.component[c];
    const unsigned wide = blocks(spec.width, component.h, max_h), high = blocks(spec.height, component.v, max_v);
    sparse[c].resize(std::size_t{wide} * high);
    planes.push_back({sparse[c].data(), wide, high, component.h, component.v});
    count += sparse[c].size();
  }
  const Scans& all = headers.scans(file);
  std::vector<Bytes> data;
  std::vector<std::vector<Segment>> segments;
  std::vector<ProgressiveScan> scans;
  for (const Scan& header : all.list) {
    ProgressiveScan scan = progressive_scan(header, all);
    scan.mcus_wide = blocks(spec.width, 1, max_h);
    scan.mcus_high = blocks(spec.height, 1, max_v);
    const SparsePlane& first = planes[header.component[0]];
    const std::size_t mcus =
        header.components == 1 ? first.blocks_wide * first.blocks_high : std::size_t{scan.mcus_wide} * scan.mcus_high;
    const std::size_t n = header.restart_interval ? (mcus - 1) / header.restart_interval + 1 : 1;
    data.emplace_back(progressive_data_bytes(header.length, n));
    segments.emplace_back(n);
    std::uint32_t units = 0;
    const ByteSpan bytes = ByteSpan(file).subspan(header.offset, header.length);
    EXPECT_TRUE(unstuff(bytes, kProgressiveUnit, segments.back(), data.back().data(), units));
    reverse_bits(data.back().data(), units * kProgressiveUnit);
    scan.data = data.back().data();
    scan.segments = segments.back();
    scans.push_back(scan);
  }
  std::vector<std::uint64_t> work(progressive_work_bytes(scans.size()) / 8 + 1);
  std::vector<std::int16_t> values(progressive_values_bound(count, file.size()));
  if (decode_progressive(planes, scans, reinterpret_cast<std::byte*>(work.data()), values, instructions) < 0) return {};
  Planes out;
  for (const auto& plane : sparse) {
    out.emplace_back();
    for (const SparseBlock& from : plane) {
      Block& block = out.back().emplace_back();
      const std::int16_t* value = values.data() + from.first;
      for (unsigned k = 0; k < 64; ++k)
        if ((k < 32 ? from.low >> k : from.high >> (k - 32)) & 1U) block[k] = *value++;
    }
  }
  return out;
}

void expect_equal(const test::JpegRecipe& recipe) {
  const Bytes file = test::write_jpeg(recipe);
  const Planes expected = by_libjpeg(file);
  EXPECT_EQ(by_own(file, Instructions::best), expected);
  EXPECT_EQ(by_own(file, Instructions::plain), expected);
}

TEST(JpegProgressive, UsualScans) {
  const int factors[][6] = {{1, 1, 1, 1, 1, 1}, {2, 2, 1, 1, 1, 1}, {2, 1, 1, 1, 1, 1}, {1, 2, 2, 1, 1, 1}};
  for (const auto& f : factors)
    for (const unsigned restart : {0U, 3U})
      for (const unsigned size : {1U, 15U, 47U, 130U})
        for (const int quality : {20, 90, 100}) {
          test::JpegRecipe recipe;
          recipe.width = size + 9;
          recipe.height = size;
          recipe.restart = restart;
          recipe.quality = quality;
          recipe.seed = size;
          recipe.noise = quality == 100 ? 1 : 0.2;
          recipe.progressive = true;
          for (int i = 0; i < 3; ++i) {
            recipe.h[i] = f[2 * i];
            recipe.v[i] = f[2 * i + 1];
          }
          expect_equal(recipe);
        }
}

// Many refinements, of bands cut in other ways than first scans were, and long runs of blocks without anything.
TEST(JpegProgressive, UnusualScans) {
  for (const double noise : {0.0, 0.3, 1.0}) {
    test::JpegRecipe recipe;
    recipe.width = 200;
    recipe.height = 120;
    recipe.input = recipe.stored = JCS_GRAYSCALE;
    recipe.quality = 97;
    recipe.noise = noise;
    recipe.scans = {{1, {0}, 0, 0, 0, 3},   {1, {0}, 1, 63, 0, 4}, {1, {0}, 0, 0, 3, 2}, {1, {0}, 1, 20, 4, 3},
                    {1, {0}, 21, 63, 4, 3}, {1, {0}, 1, 63, 3, 2}, {1, {0}, 0, 0, 2, 1}, {1, {0}, 63, 63, 2, 1},
                    {1, {0}, 1, 62, 2, 1},  {1, {0}, 0, 0, 1, 0},  {1, {0}, 1, 63, 1, 0}};
    expect_equal(recipe);
  }
}

// Whatever is wrong with the data, both ways have the same word on it.
TEST(JpegProgressive, DamagedDataAreJudgedAlike) {
  test::JpegRecipe recipe;
  recipe.width = 60;
  recipe.height = 50;
  recipe.progressive = true;
  const Bytes whole = test::write_jpeg(recipe);
  const auto info = std::move(*kFormat.parse(whole, {}));
  const auto& headers = static_cast<const Headers&>(*info->detail);
  unsigned refused = 0;
  for (const Scan& scan : headers.scans(whole).list)
    for (std::size_t i = scan.offset; i < scan.offset + scan.length; ++i) {
      Bytes file = whole;
      file[i] ^= std::byte{static_cast<std::uint8_t>(1U << i % 8)};
      if (file[i] == std::byte{0xff} || (i > 0 && file[i - 1] == std::byte{0xff})) continue;  // no markers
      const Planes best = by_own(file, Instructions::best);
      refused += best.empty();
      ASSERT_EQ(by_own(file, Instructions::plain), best) << i;
    }
  EXPECT_GT(refused, 50U);
}

}  // namespace
}  // namespace restride::jpeg
