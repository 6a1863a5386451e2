// SPDX-License-Identifier: Apache-2.0
// The GPU's way of decoding JPEG, run as plain loops, against the CPU decoder: the same pixels, byte for byte.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "unit/support/jpeg_files.h"
#include "unit/support/jpeg_parallel.h"

namespace restride {
namespace {

using test::Bytes;
using test::decode_on_cpu;
using test::run_emulated;
using test::Wish;
using test::Work;

// Both decoders' results for one file and wish; the parallel one must take it.
void expect_equal(const Bytes& file, const Wish& wish, const std::string& what) {
  auto info = jpeg::kFormat.parse(file, {});
  ASSERT_TRUE(info.has_value()) << what;
  Work expected(**info, file, wish), got(**info, file, wish);
  const Status status = decode_on_cpu(expected, wish);
  ASSERT_TRUE(status) << what << ": " << status.error().message;
  auto plan = cuda::jpeg::plan_decode(got.job.request, wish.triangle);
  ASSERT_TRUE(plan) << what << ": " << plan.error().message;
  EXPECT_EQ(plan->native, expected.job.plan.native) << what;
  got.job.plan = *plan;
  got.aim(wish);
  run_emulated({&got.job, 1}, wish.triangle);
  ASSERT_TRUE(got.job.status) << what << ": " << got.job.status.error().message;
  if (got.memory == expected.memory) return;
  const auto at = std::mismatch(got.memory.begin(), got.memory.end(), expected.memory.begin());
  const auto stride = static_cast<std::size_t>(got.job.sink.target().row_stride);
  const auto offset = static_cast<std::size_t>(at.first - got.memory.begin());
  ADD_FAILURE() << what << ": differs in row " << offset / stride << ", byte " << offset % stride << " of " << stride
                << ": " << static_cast<int>(*at.first) << ", not " << static_cast<int>(*at.second);
}

struct Sampling {
  const char* name;
  int h[3], v[3];
};
constexpr Sampling kSamplings[] = {
    {"444", {1, 1, 1}, {1, 1, 1}},    {"422", {2, 1, 1}, {1, 1, 1}},        {"420", {2, 1, 1}, {2, 1, 1}},
    {"440", {1, 1, 1}, {2, 1, 1}},    {"411", {4, 1, 1}, {1, 1, 1}},        {"410", {4, 1, 1}, {2, 1, 1}},
    {"310", {3, 1, 1}, {1, 1, 1}},    {"441", {1, 1, 1}, {4, 1, 1}},        {"mixed", {2, 1, 2}, {2, 2, 1}},
    {"chroma", {1, 2, 2}, {1, 2, 1}}, {"422 as 2x2", {2, 1, 1}, {2, 2, 2}}, {"14", {1, 1, 1}, {4, 2, 1}},
};

test::JpegRecipe recipe_for(const Sampling& sampling, unsigned width, unsigned height) {
  test::JpegRecipe recipe;
  recipe.width = width;
  recipe.height = height;
  std::copy_n(sampling.h, 3, recipe.h);
  std::copy_n(sampling.v, 3, recipe.v);
  recipe.seed = width * 100 + height;
  return recipe;
}

TEST(JpegParallel, EverySamplingAndSize) {
  for (const Sampling& sampling : kSamplings)
    for (unsigned width = 1; width <= 65; width += width < 20 ? 1 : 5)
      for (unsigned height = 1; height <= 65; height += height < 20 ? 3 : 7) {
        const Bytes file = test::write_jpeg(recipe_for(sampling, width, height));
        expect_equal(file, {}, std::string(sampling.name) + " " + std::to_string(width) + "x" + std::to_string(height));
        if (HasFailure()) return;
      }
}

TEST(JpegParallel, PlainUpsampling) {
  Wish wish;
  wish.triangle = false;
  for (const Sampling& sampling : kSamplings)
    for (unsigned size : {1U, 2U, 3U, 16U, 33U, 50U})
      expect_equal(test::write_jpeg(recipe_for(sampling, size, size + 1)), wish, sampling.name);
}

TEST(JpegParallel, ReducedSizes) {
  for (const Sampling& sampling : kSamplings)
    for (std::uint8_t reduce = 1; reduce <= 3; ++reduce)
      for (unsigned width : {1U, 2U, 5U, 16U, 17U, 33U, 47U, 64U, 100U})
        for (unsigned height : {1U, 3U, 16U, 31U, 50U}) {
          Wish wish;
          wish.reduce = reduce;
          for (const bool triangle : {true, false}) {
            wish.triangle = triangle;
            expect_equal(test::write_jpeg(recipe_for(sampling, width, height)), wish,
                         std::string(sampling.name) + " reduced by " + std::to_string(reduce) + " " +
                             std::to_string(width) + "x" + std::to_string(height));
          }
          if (HasFailure()) return;
        }
}

TEST(JpegParallel, Regions) {
  for (const Sampling& sampling : kSamplings)
    for (std::uint8_t reduce = 0; reduce <= 3; ++reduce) {
      const unsigned size = 150;
      const Bytes file = test::write_jpeg(recipe_for(sampling, size + 7, size));
      for (const Rect& region : {Rect{0, 0, 5, 5}, Rect{9, 7, 3, 10}, Rect{8, 8, 8, 8}, Rect{15, 1, 2, 17},
                                 Rect{12, 13, 1, 1}, Rect{17, 16, 200, 200}}) {
        Wish wish;
        wish.reduce = reduce;
        wish.region = region;
        expect_equal(file, wish, std::string(sampling.name) + " region");
      }
    }
}

TEST(JpegParallel, QualitiesAndRestartIntervals) {
  for (const int quality : {1, 5, 25, 50, 75, 90, 96, 100})
    for (const unsigned restart : {0U, 1U, 2U, 7U, 1000U})
      for (const double noise : {0.0, 0.3, 1.0}) {
        test::JpegRecipe recipe = recipe_for(kSamplings[quality % 3], 203, 150);
        recipe.quality = quality;
        recipe.restart = restart;
        recipe.noise = noise;
        recipe.optimized = quality % 2;
        expect_equal(test::write_jpeg(recipe), {},
                     "quality " + std::to_string(quality) + " restart " + std::to_string(restart));
      }
}

TEST(JpegParallel, LayoutsTypesAndOrientations) {
  const Bytes color = test::write_jpeg(recipe_for(kSamplings[2], 61, 43));
  test::JpegRecipe recipe = recipe_for(kSamplings[0], 61, 43);
  recipe.input = recipe.stored = JCS_GRAYSCALE;
  const Bytes gray = test::write_jpeg(recipe);
  recipe.input = recipe.stored = JCS_RGB;
  const Bytes rgb = test::write_jpeg(recipe);
  for (const SampleFormat format :
       {SampleFormat::i_rgb, SampleFormat::i_bgr, SampleFormat::i_rgba, SampleFormat::i_y, SampleFormat::i_ycc,
        SampleFormat::p_rgb, SampleFormat::p_bgr, SampleFormat::p_y, SampleFormat::p_ycc})
    for (const SampleType type : {SampleType::u8, SampleType::u16, SampleType::f32})
      for (int orientation = 1; orientation <= 8; ++orientation)
        for (const std::size_t padding : {std::size_t{0}, std::size_t{1}, std::size_t{20}}) {
          Wish wish;
          wish.format = format;
          wish.type = type;
          wish.orientation = static_cast<Orientation>(orientation);
          wish.padding = padding * size_of(type);
          wish.region = {3, 2, 50, 40};
          for (const Bytes* file : {&color, &gray, &rgb})
            expect_equal(*file, wish, "format " + std::to_string(static_cast<int>(format)));
        }
}

TEST(JpegParallel, Inks) {
  for (const J_COLOR_SPACE stored : {JCS_CMYK, JCS_YCCK})
    for (const SampleFormat format :
         {SampleFormat::i_cmyk, SampleFormat::i_rgb, SampleFormat::p_cmyk, SampleFormat::i_y}) {
      test::JpegRecipe recipe = recipe_for(kSamplings[0], 51, 40);
      recipe.input = JCS_CMYK;
      recipe.stored = stored;
      recipe.h[0] = recipe.h[3] = recipe.v[0] = recipe.v[3] = stored == JCS_YCCK ? 2 : 1;
      Wish wish;
      wish.format = format;
      Bytes file = test::write_jpeg(recipe);
      expect_equal(file, wish, "inks");
      if (stored == JCS_YCCK) continue;
      // The same without Adobe's marker: inks are not stored inverted.
      for (std::size_t i = 2; i + 6 < file.size(); ++i)
        if (std::memcmp(file.data() + i, "Adobe", 5) == 0) file[i] = std::byte{'B'};
      expect_equal(file, wish, "inks without Adobe marker");
    }
}

// With a table of its own for each component wrong guesses of the component stay wrong for long: such files may be left
// to the CPU.
TEST(JpegParallel, TablesOfEachComponent) {
  unsigned taken = 0;
  for (const J_COLOR_SPACE stored : {JCS_YCbCr, JCS_YCCK})
    for (const double noise : {0.0, 0.2, 0.5, 1.0})
      for (const int quality : {50, 90}) {
        test::JpegRecipe recipe = recipe_for(kSamplings[2], 200, 100);
        recipe.input = stored == JCS_YCCK ? JCS_CMYK : JCS_RGB;
        recipe.stored = stored;
        recipe.own_tables = true;
        recipe.noise = noise;
        recipe.quality = quality;
        const Bytes file = test::write_jpeg(recipe);
        const auto info = std::move(*jpeg::kFormat.parse(file, {}));
        Work expected(*info, file, {}), got(*info, file, {});
        got.job.plan = *cuda::jpeg::plan_decode(got.job.request, true);
        got.aim({});
        run_emulated({&got.job, 1}, true);
        if (!got.job.status) continue;
        ++taken;
        ASSERT_TRUE(decode_on_cpu(expected, {}));
        EXPECT_EQ(got.memory, expected.memory);
      }
  EXPECT_GE(taken, 4U);
}

TEST(JpegParallel, SeveralScans) {
  for (const Sampling& sampling : kSamplings)
    for (const unsigned restart : {0U, 3U}) {
      test::JpegRecipe recipe = recipe_for(sampling, 77, 59);
      recipe.restart = restart;
      recipe.scans = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
      expect_equal(test::write_jpeg(recipe), {}, std::string(sampling.name) + " in three scans");
      Wish wish;
      wish.format = SampleFormat::i_y;
      wish.region = {30, 20, 20, 20};
      expect_equal(test::write_jpeg(recipe), wish, std::string(sampling.name) + " gray of three scans");
      recipe.scans = {{2, {1, 2}, 0, 63, 0, 0}, {1, {0}, 0, 63, 0, 0}};
      expect_equal(test::write_jpeg(recipe), {}, std::string(sampling.name) + " in two scans");
    }
}

TEST(JpegParallel, Progressive) {
  for (const Sampling& sampling : kSamplings)
    for (const unsigned restart : {0U, 5U})
      for (const unsigned size : {1U, 8U, 33U, 90U}) {
        test::JpegRecipe recipe = recipe_for(sampling, size + 7, size);
        recipe.restart = restart;
        recipe.progressive = true;
        recipe.quality = size == 33 ? 99 : 80;
        const Bytes file = test::write_jpeg(recipe);
        Wish wish;
        for (wish.reduce = 0; wish.reduce <= 3; ++wish.reduce) {
          wish.region = {};
          expect_equal(file, wish, std::string(sampling.name) + " progressive");
          wish.region = {2, 1, 20, 9};
          expect_equal(file, wish, std::string(sampling.name) + " progressive region");
        }
      }
  // A progression without its last refinements, which libjpeg smooths, is left to it.
  test::JpegRecipe recipe = recipe_for(kSamplings[0], 40, 40);
  recipe.scans = {{3, {0, 1, 2}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}, {1, {1}, 1, 63, 0, 2}, {1, {2}, 1, 63, 0, 0}};
  const Bytes file = test::write_jpeg(recipe);
  const auto info = std::move(*jpeg::kFormat.parse(file, {}));
  EXPECT_FALSE(cuda::jpeg::plan_decode(Work(*info, file, {}).job.request, true));
}

TEST(JpegParallel, LargeEnoughForManyBlocks) {
  for (const unsigned restart : {0U, 50U}) {
    test::JpegRecipe recipe = recipe_for(kSamplings[2], 1500, 1100);
    recipe.restart = restart;
    recipe.noise = 0.7;
    expect_equal(test::write_jpeg(recipe), {}, "large");
  }
}

// Many jobs at once: streams shared by regions, streams that cannot be decoded among them.
TEST(JpegParallel, Batches) {
  std::vector<Bytes> files;
  std::vector<std::unique_ptr<StreamInfo>> infos;
  for (unsigned i = 0; i < 12; ++i) {
    test::JpegRecipe recipe = recipe_for(kSamplings[i], 100 + 9 * i, 80 + 5 * i);
    recipe.optimized = i % 2;
    files.push_back(test::write_jpeg(recipe));
    if (i == 5) files.back().resize(files.back().size() / 2);
    infos.push_back(std::move(*jpeg::kFormat.parse(files.back(), {})));
  }
  std::vector<Work> got, expected;
  std::vector<Wish> wishes;
  for (unsigned k = 0; k < 40; ++k) {
    Wish wish;
    wish.reduce = static_cast<std::uint8_t>(k % 5 == 4 ? 1 : 0);
    if (k % 3) wish.region = {k, 2 * k, 10 + k, 12};
    if (k % 4 == 2) wish.format = SampleFormat::p_rgb;
    wishes.push_back(wish);
  }
  got.reserve(wishes.size());
  for (unsigned k = 0; k < wishes.size(); ++k) {
    got.emplace_back(*infos[k % 12], files[k % 12], wishes[k]);
    expected.emplace_back(*infos[k % 12], files[k % 12], wishes[k]);
    got[k].job.plan = *cuda::jpeg::plan_decode(got[k].job.request, true);
    got[k].aim(wishes[k]);
  }
  std::vector<DecodeJob> jobs;
  for (Work& work : got) jobs.push_back(work.job);
  run_emulated(jobs, true, 20000);  // several groups, with tasks of the same ones apart
  for (unsigned k = 0; k < wishes.size(); ++k) {
    if (k % 12 == 5) {
      ASSERT_FALSE(jobs[k].status);
      EXPECT_EQ(jobs[k].status.error().code, Errc::unsupported);
      EXPECT_TRUE(
          std::all_of(got[k].memory.begin(), got[k].memory.end(), [](std::byte b) { return b == std::byte{0xa5}; }));
      continue;
    }
    ASSERT_TRUE(decode_on_cpu(expected[k], wishes[k]));
    EXPECT_TRUE(jobs[k].status) << k;
    EXPECT_EQ(got[k].memory, expected[k].memory) << k;
  }
}

// Whatever is damaged: the parallel decoder takes only what the CPU's takes, and then gives the same pixels.
TEST(JpegParallel, DamagedStreams) {
  unsigned taken = 0, refused = 0;
  for (unsigned kind = 0; kind < 5; ++kind) {
    test::JpegRecipe recipe = recipe_for(kSamplings[kind == 3 ? 0 : 2], 50, 40);
    recipe.restart = kind == 1 ? 4 : 0;
    if (kind == 2) recipe.scans = {{1, {0}, 0, 63, 0, 0}, {2, {1, 2}, 0, 63, 0, 0}};
    recipe.progressive = kind == 4;
    const Bytes whole = test::write_jpeg(recipe);
    for (std::size_t i = 2; i < whole.size() + 150; ++i) {
      Bytes file = whole;
      if (i < whole.size())
        file[i] ^= std::byte{static_cast<std::uint8_t>(1U << (i * 7 + kind) % 8)};
      else
        file.resize(whole.size() - 1 - (i - whole.size()) * 5);
      auto info = jpeg::kFormat.parse(file, {});
      if (!info || (*info)->images[0].spec.width > 1000 || (*info)->images[0].spec.height > 1000) continue;
      Wish wish;
      Work expected(**info, file, wish), got(**info, file, wish);
      auto plan = cuda::jpeg::plan_decode(got.job.request, true);
      if (!plan) continue;
      got.job.plan = *plan;
      got.aim(wish);
      run_emulated({&got.job, 1}, true);
      if (!got.job.status) {
        ++refused;
        continue;
      }
      ++taken;
      const Status status = decode_on_cpu(expected, wish);
      ASSERT_TRUE(status) << "kind " << kind << " byte " << i << ": " << status.error().message;
      ASSERT_EQ(got.memory, expected.memory) << "kind " << kind << " byte " << i;
    }
  }
  EXPECT_GT(taken, 500U);
  EXPECT_GT(refused, 100U);
}

// Every JPEG file below the folder that RESTRIDE_JPEG_FILES names: taken or refused, never another picture.
TEST(JpegParallel, RealFiles) {
  const char* folder = std::getenv("RESTRIDE_JPEG_FILES");
  if (!folder) GTEST_SKIP() << "RESTRIDE_JPEG_FILES names no folder";
  unsigned taken = 0, refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".jpg" && extension != ".jpeg" && extension != ".JPG") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    const Bytes file(first, first + text.size());
    auto info = jpeg::kFormat.probe(file) ? jpeg::kFormat.parse(file, {}) : fail(Errc::unsupported, "no JPEG");
    if (!info || (*info)->images[0].spec.bytes() > 100'000'000) continue;
    for (const std::uint8_t reduce : {0, 1}) {
      Wish wish;
      wish.reduce = reduce;
      wish.format = SampleFormat::i_unchanged;
      Work expected(**info, file, wish), got(**info, file, wish);
      auto plan = cuda::jpeg::plan_decode(got.job.request, true);
      if (plan) {
        got.job.plan = *plan;
        got.aim(wish);
        run_emulated({&got.job, 1}, true);
      }
      if (!plan || !got.job.status) {
        if (!(*info)->images[0].spec.planar() || decode_on_cpu(expected, wish))
          std::printf("  refused: %s: %s\n", entry.path().c_str(),
                      (plan ? got.job.status.error() : plan.error()).message.c_str());
        ++refused;
        continue;
      }
      ++taken;
      const Status status = decode_on_cpu(expected, wish);
      EXPECT_TRUE(status) << entry.path() << ": " << status.error().message;
      EXPECT_TRUE(got.memory == expected.memory) << entry.path();
    }
  }
  std::printf("  %u taken, %u refused\n", taken, refused);
}

}  // namespace
}  // namespace restride
