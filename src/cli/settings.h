// SPDX-License-Identifier: Apache-2.0
// What the command line says, as plain data. Filled by command_line.cpp, read by the commands.
#pragma once

#include <restride/restride.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace restride::cli {

// Exit codes; part of the interface, see docs/command-line.md.
inline constexpr int kDone = 0;
inline constexpr int kSomeFailed = 1;   // pictures that could not be read, decoded, encoded or written
inline constexpr int kUsage = 2;        // the command line makes no sense
inline constexpr int kCannotWork = 3;   // no device, no target folder, disk full: nothing more can be done
inline constexpr int kSignalled = 128;  // plus the signal's number: 130 after Ctrl-C

struct MachineSettings {
  CodecOptions options;
};

enum class ColorChoice : std::uint8_t { keep, rgb, gray };

struct DecodeSettings {
  ColorChoice color = ColorChoice::keep;
  bool eight_bits = false;
  bool ignore_orientation = false;
  std::uint8_t reduce = 0;
  std::array<std::uint32_t, 2> fit{};  // width, height; 0: not asked for
  std::optional<Rect> region;
  std::vector<double> fill;
  std::uint32_t page = 0;
};

struct EncodeSettings {
  std::string codec;  // empty: from the target's extension, or the source's own
  EncodeParams params;
  bool bitstream_given = false;
  bool keep_metadata = true;
};

// Pixels without a format: .npy says its shape and type itself, .raw does not.
struct ArraySettings {
  std::string format;                    // "npy", "raw" or empty: by extension
  std::array<std::uint32_t, 3> shape{};  // of raw input: height, width, channels
  SampleType type = SampleType::u8;
};

struct BatchSettings {
  std::vector<std::string> paths;  // sources, then the target
  std::string report;
  bool resume = false;
  bool quiet = false;
  bool verbose = false;
  std::uint32_t batch = 0;       // pictures a batch at most; 0: by the number of threads
  std::uint64_t max_memory = 0;  // bytes of pixels at a time; 0: half of the machine's memory
};

struct InfoSettings {
  std::vector<std::string> paths;
  bool json = false;
};

struct BenchSettings {
  std::vector<std::string> paths;
  double seconds = 1;
  std::uint32_t warmup = 1;
  std::uint32_t batch = 1;
  bool encode = false;
  bool json = false;
};

enum class Command : std::uint8_t { none, info, decode, encode, transcode, bench, codecs, doctor, completion, man };

struct Settings {
  Command command = Command::none;
  MachineSettings machine;
  DecodeSettings decode;
  EncodeSettings encode;
  ArraySettings array;
  BatchSettings batch;
  InfoSettings info;
  BenchSettings bench;
  bool json = false;  // codecs, doctor
  std::string shell;  // completion
};

int run_info(const Settings& settings);
int run_batch(const Settings& settings);  // decode, encode, transcode
int run_bench(const Settings& settings);
int run_codecs(const Settings& settings);
int run_doctor(const Settings& settings);

}  // namespace restride::cli
