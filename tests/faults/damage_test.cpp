// SPDX-License-Identifier: Apache-2.0
// One file of each format and feature, cut off at every place and with bits flipped, is decoded twice with different
// bytes in fresh memory: no crash, no access past the file's or the picture's end, no long run, the same outcome twice.
// RESTRIDE_FULL=1: every length and 1,000 flips; otherwise some. RESTRIDE_FILES=FOLDER: all files below it, too.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "unit/support/features.h"
#include "unit/support/filled_memory.h"
#include "unit/support/guarded_bytes.h"
#include "unit/support/openjpeg_leaks.h"

namespace restride {
namespace {

using test::Feature;
using test::FilledMemory;
using test::GuardedBytes;
using test::value_of;
using Bytes = std::span<const std::byte>;

bool full() { return std::getenv("RESTRIDE_FULL") != nullptr; }

struct Outcome {
  bool good = false;
  Errc code = Errc::internal;
  std::string message;
  ImageSpec spec;
  std::vector<std::byte> pixels;
};

DecodeParams as_stored() {
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  params.allow_any_depth = true;
  params.limits.max_pixels = 1 << 22;
  params.limits.max_memory = 1 << 26;
  return params;
}

// With tools and memory of its own, so that nothing of an earlier picture helps.
Outcome decode(Bytes file, bool ones) {
  const FilledMemory filled(ones);
  CodecOptions options;
  options.max_threads = 1;
  options.device = CodecOptions::kCpuOnly;
  Decoder decoder = value_of(Decoder::create(options));
  const CodeStream stream = value_of(CodeStream::borrow(file));
  Outcome outcome;
  const auto spec = decoder.output_spec(stream, as_stored());
  Status status;
  if (!spec) {
    status = spec.error();
  } else {
    const auto bytes = static_cast<std::size_t>(spec->bytes());
    GuardedBytes memory(bytes);
    std::memset(memory.data(), ones ? 0xff : 0, bytes);
    Image image = value_of(Image::wrap(dense_view(memory.data(), *spec)));
    status = decoder.decode(stream, image, as_stored());
    outcome.spec = *spec;
    if (status) outcome.pixels = test::pixels_of(image);
  }
  outcome.good = status.ok();
  if (!status) outcome.code = status.error().code, outcome.message = status.error().describe();
  return outcome;
}

class Damage : public ::testing::TestWithParam<Feature> {
 protected:
  // What is decoded is at the end of readable memory.
  void check(Bytes damaged, const std::string& how) {
    const GuardedBytes file(damaged);
    const auto start = std::chrono::steady_clock::now();
    const Outcome one = decode(file.bytes(), false), other = decode(file.bytes(), true);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took.count(), 5) << how;
    EXPECT_EQ(one.good, other.good) << how << ": " << one.message << " / " << other.message;
    EXPECT_EQ(one.code, other.code) << how << ": " << one.message << " / " << other.message;
    EXPECT_TRUE(one.pixels == other.pixels) << how << ": pixels depend on uninitialised memory";
    if (one.good) return;
    EXPECT_NE(one.code, Errc::internal) << how << ": " << one.message;
    EXPECT_FALSE(one.message.empty()) << how;
  }
};

TEST_P(Damage, EveryTruncation) {
  const Bytes file = GetParam().file;
  check(file, "whole");
  const std::size_t step = full() ? 1 + file.size() / 20000 : 1 + file.size() / 50;
  for (std::size_t n = 1; n < file.size(); n += n < 64 && full() ? 1 : step)
    check(file.first(n), std::to_string(n) + " bytes");
}

TEST_P(Damage, FlippedBits) {
  std::vector<std::byte> file = GetParam().file;
  std::mt19937 random(5);
  const int rounds = full() ? 1000 : 60;
  for (int round = 0; round < rounds; ++round) {
    const std::size_t at = random() % file.size();
    // Headers are small and matter most: every other flip goes there.
    const std::size_t place = round % 2 ? at : at % std::min<std::size_t>(file.size(), 256);
    const auto bit = static_cast<std::byte>(1U << random() % 8);
    file[place] ^= bit;
    check(file, "byte " + std::to_string(place) + " ^ " + std::to_string(static_cast<int>(bit)));
    if (round % 3) file[place] ^= bit;  // some damage adds up
    if (round % 30 == 29) file = GetParam().file;
  }
}

void add_folder(std::vector<Feature>& files, const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.file_size() > 0 && entry.file_size() <= 4000 &&
        entry.path().extension() != ".md")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    files.push_back(
        {"file_" + std::to_string(files.size()), path.filename().string(), test::features_detail::text(all)});
  }
}

std::vector<Feature> all_files() {
  std::vector<Feature> files = test::features();
  add_folder(files, RESTRIDE_BAD_FILES);
  if (const char* folder = std::getenv("RESTRIDE_FILES")) add_folder(files, folder);
  return files;
}

INSTANTIATE_TEST_SUITE_P(Features, Damage, ::testing::ValuesIn(all_files()),
                         [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace restride
