// SPDX-License-Identifier: Apache-2.0
// A main() for fuzz bodies where there is no libFuzzer: runs files as they are, then damages them at random for a
// while. usage: fuzz_X [-max_total_time=SECONDS] [-seed=N] [FILE | FOLDER]...
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

Input read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(in), {});
}

// Bits, bytes, lengths, and pieces of another input.
void damage(Input& input, const Input& other, std::mt19937& random) {
  for (unsigned n = 1 + random() % 4; n-- > 0 && !input.empty();) {
    const std::size_t at = random() % input.size();
    switch (random() % 6) {
      case 0:
        input[at] ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 1:
        input[at] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        input[at] = random() % 2 ? 0xff : 0;
        break;
      case 3:
        input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                    input.begin() + static_cast<std::ptrdiff_t>(std::min(input.size(), at + 1 + random() % 16)));
        break;
      case 4:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), 1 + random() % 8,
                     static_cast<std::uint8_t>(random()));
        break;
      default:
        for (std::size_t i = at; i < std::min({input.size(), other.size(), at + random() % 64}); ++i)
          input[i] = other[i];
    }
  }
}

// What is run stays readable when the process dies of it.
void run(const Input& input) {
  std::ofstream("fuzz-last-input", std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
  const Input exact(input);  // its capacity is its size: a sanitizer sees the end
  (void)LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 0;
  std::mt19937 random(1);
  std::vector<Input> seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("-max_total_time=", 0) == 0)
      seconds = std::stod(argument.substr(16));
    else if (argument.rfind("-seed=", 0) == 0)
      random.seed(static_cast<unsigned>(std::stoul(argument.substr(6))));
    else if (std::filesystem::is_directory(argument))
      for (const auto& entry : std::filesystem::recursive_directory_iterator(argument)) {
        if (entry.is_regular_file()) seeds.push_back(read(entry.path()));
      }
    else
      seeds.push_back(read(argument));
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "no inputs\n");
    return 1;
  }
  for (const Input& seed : seeds) run(seed);
  std::size_t runs = seeds.size();
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    Input input = seeds[random() % seeds.size()];
    damage(input, seeds[random() % seeds.size()], random);
    run(input);
  }
  std::remove("fuzz-last-input");
  std::printf("%zu inputs, %zu runs, nothing found\n", seeds.size(), runs);
  return 0;
}
