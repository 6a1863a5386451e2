// SPDX-License-Identifier: Apache-2.0
// Writes the inputs that fuzzing starts from: OUT/<format>/ for the decoders, OUT/all/ for the other targets. Made by
// our own encoders and the test suite's writers, and every small picture of the folders named.
// usage: fuzz_seeds OUT [FOLDER]...
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "formats/table.h"
#include "fuzz/fuzz.h"
#include "unit/support/features.h"

namespace {

using namespace restride;
namespace fs = std::filesystem;

constexpr std::uintmax_t kLargest = 20000;  // bytes: a fuzzer gets nowhere with large files

class Seeds {
 public:
  explicit Seeds(fs::path out) : out_(std::move(out)) {}

  // The file with parameters behind it: those that are all zeros, and some drawn at random.
  void add(const std::string& codec, const std::string& name, const std::vector<std::byte>& file) {
    for (int k = 0; k < 2; ++k) {
      std::vector<std::byte> input = file;
      for (std::size_t i = 0; i < fuzz::kChoices; ++i)
        input.push_back(k ? static_cast<std::byte>(random_()) : std::byte{0});
      for (const std::string& folder : {codec, std::string("all")}) {
        fs::create_directories(out_ / folder);
        std::ofstream(out_ / folder / (name + "-" + std::to_string(k)), std::ios::binary)
            .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
      }
    }
    ++count;
  }
  std::size_t count = 0;

 private:
  fs::path out_;
  std::mt19937 random_{7};
};

void add_folder(Seeds& seeds, const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.file_size() > kLargest || entry.file_size() == 0) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    const std::vector<std::byte> file = test::features_detail::text(all);
    for (const CodecEntry& codec : codecs()) {
      if (!codec.format->probe(file)) continue;
      seeds.add(std::string(codec.format->name), "file" + std::to_string(seeds.count), file);
      break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  Seeds seeds(argv[1]);
  for (const test::Feature& feature : test::features()) seeds.add(feature.codec, feature.name, feature.file);
  for (int i = 2; i < argc; ++i)
    if (fs::is_directory(argv[i])) add_folder(seeds, argv[i]);
  std::printf("%zu files\n", seeds.count);
  return 0;
}
