// SPDX-License-Identifier: Apache-2.0
// What became of each picture: progress for people, a report for programs, a summary at the end.
#pragma once

#include <restride/restride.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "settings.h"

namespace restride::cli {

struct Outcome {
  enum class Kind : std::uint8_t { done, skipped, failed };
  Kind kind = Kind::done;
  std::string source, target;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  ImageSpec spec;                  // of the pixels written
  std::vector<std::string> notes;  // what was left out
  Error error;                     // failed: why
};

// Thread-safe. Everything for people goes to standard error.
class Report {
 public:
  Report(const BatchSettings& settings, std::uint64_t pictures, std::uint64_t bytes);
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  // Opens the report file; with --resume it goes on behind what is there.
  Status open();
  void add(const Outcome& outcome);
  // Writes the summary. `stopped`: why work ended early, empty if it did not.
  void finish(const std::string& stopped);

  std::uint64_t failed() const noexcept { return failed_; }

 private:
  using Clock = std::chrono::steady_clock;

  void write_line(const Outcome& outcome);
  void show_progress(bool last);
  std::string progress_text(double seconds, int columns) const;
  void clear_bar();

  BatchSettings settings_;
  std::uint64_t pictures_, bytes_;
  std::mutex mutex_;
  std::FILE* file_ = nullptr;
  bool file_failed_ = false;
  bool terminal_;
  bool bar_shown_ = false;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
  std::uint64_t done_ = 0, skipped_ = 0, failed_ = 0, bytes_in_ = 0, bytes_out_ = 0, bytes_passed_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace restride::cli
