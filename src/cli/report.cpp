// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "text.h"

namespace restride::cli {
namespace {

constexpr std::size_t kListedFailures = 50;        // in the summary; the report has them all
constexpr double kBarEvery = 0.1, kLineEvery = 5;  // seconds

unsigned long long number(std::uint64_t n) { return n; }

int columns_of_terminal() noexcept {
  winsize size{};
  constexpr int kUsual = 80;
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

Report::Report(const BatchSettings& settings, std::uint64_t pictures, std::uint64_t bytes)
    : settings_(settings), pictures_(pictures), bytes_(bytes), terminal_(::isatty(STDERR_FILENO) == 1) {}

Report::~Report() {
  if (file_) std::fclose(file_);
}

Status Report::open() {
  if (settings_.report.empty()) return {};
  file_ = std::fopen(settings_.report.c_str(), settings_.resume ? "ae" : "we");
  if (file_) return {};
  return Error{Errc::io, "cannot write the report " + settings_.report + ": " + std::strerror(errno)};
}

void Report::add(const Outcome& outcome) {
  std::lock_guard lock(mutex_);
  bytes_passed_ += outcome.bytes_in;
  switch (outcome.kind) {
    case Outcome::Kind::done:
      ++done_;
      bytes_in_ += outcome.bytes_in;
      bytes_out_ += outcome.bytes_out;
      break;
    case Outcome::Kind::skipped:
      ++skipped_;
      break;
    case Outcome::Kind::failed:
      ++failed_;
      if (failures_.size() < kListedFailures)
        failures_.push_back(printable(outcome.source + ": " + outcome.error.describe()));
  }
  write_line(outcome);
  if (settings_.verbose) {
    clear_bar();
    const char* const what = outcome.kind == Outcome::Kind::done      ? "done"
                             : outcome.kind == Outcome::Kind::skipped ? "skipped"
                                                                      : "FAILED";
    std::string notes;
    for (const std::string& note : outcome.notes) notes += "; " + note;
    const bool failed = outcome.kind == Outcome::Kind::failed;
    const std::string line = std::string(what) + " " + outcome.source + " -> " + outcome.target + notes +
                             (failed ? ": " + outcome.error.describe() : "");
    std::fprintf(stderr, "%s\n", printable(line).c_str());
  }
  show_progress(false);
}

void Report::write_line(const Outcome& outcome) {
  if (!file_) return;
  Json json;
  json.open('{').add("source", outcome.source).add("target", outcome.target);
  switch (outcome.kind) {
    case Outcome::Kind::done:
      json.add("status", "done").add("bytes_in", outcome.bytes_in).add("bytes_out", outcome.bytes_out);
      json.add("width", outcome.spec.width).add("height", outcome.spec.height).add("channels", outcome.spec.channels);
      break;
    case Outcome::Kind::skipped:
      json.add("status", "skipped");
      break;
    case Outcome::Kind::failed:
      json.add("status", "failed");
      add_error(json, outcome.error);
  }
  if (!outcome.notes.empty()) {
    json.open("notes", '[');
    for (const std::string& note : outcome.notes) json.item(note);
    json.close(']');
  }
  json.close('}');
  // A line at a time, so that a stop leaves whole lines.
  if (std::fputs((json.text() + "\n").c_str(), file_) < 0 || std::fflush(file_) != 0) file_failed_ = true;
}

std::string Report::progress_text(double seconds, int columns) const {
  const std::uint64_t passed = done_ + skipped_ + failed_;
  // By bytes, since pictures differ in size; what was skipped took no time.
  const double share = bytes_
                           ? static_cast<double>(bytes_passed_) / static_cast<double>(bytes_)
                           : static_cast<double>(passed) / static_cast<double>(std::max<std::uint64_t>(pictures_, 1));
  std::string text = format(" %llu/%llu  %.0f%%", number(passed), number(pictures_), 100 * std::min(1.0, share));
  const double worked = static_cast<double>(done_ + failed_);
  if (seconds > 0 && worked > 0)
    text += format("  %.1f images/s  %s/s", worked / seconds,
                   human_bytes(static_cast<std::uint64_t>(static_cast<double>(bytes_in_) / seconds)).c_str());
  if (share > 0 && passed < pictures_ && worked > 0)
    text += "  " + human_seconds(seconds / share * (1 - share)) + " left";
  if (failed_) text += format("  %llu failed", number(failed_));
  if (columns == 0) return text.substr(1);
  constexpr int kLeastBar = 10, kMostBar = 40;
  const int bar = std::min(kMostBar, columns - static_cast<int>(text.size()) - 3);
  if (bar < kLeastBar) return text.substr(0, static_cast<std::size_t>(std::max(1, columns - 1)));
  const auto filled = static_cast<std::size_t>(std::min(1.0, share) * bar);
  return "[" + std::string(filled, '#') + std::string(static_cast<std::size_t>(bar) - filled, '.') + "]" + text;
}

void Report::show_progress(bool last) {
  if (settings_.quiet) return;
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - shown_).count();
  if (!last && since < (terminal_ ? kBarEvery : kLineEvery)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", progress_text(seconds, columns_of_terminal()).c_str());
    bar_shown_ = true;
    std::fflush(stderr);
  } else if (!last) {
    std::fprintf(stderr, "%s\n", progress_text(seconds, 0).c_str());
  }
}

void Report::clear_bar() {
  if (!bar_shown_) return;
  std::fputs("\r\033[K", stderr);
  bar_shown_ = false;
}

void Report::finish(const std::string& stopped) {
  std::lock_guard lock(mutex_);
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const std::uint64_t left = pictures_ - done_ - skipped_ - failed_;
  if (file_) {
    Json json;
    json.open('{').open("summary", '{').add("done", done_).add("skipped", skipped_).add("failed", failed_);
    json.add("not_reached", left).add("bytes_in", bytes_in_).add("bytes_out", bytes_out_).add("seconds", seconds);
    if (!stopped.empty()) json.add("stopped", stopped);
    json.close('}').close('}');
    if (std::fputs((json.text() + "\n").c_str(), file_) < 0 || std::fflush(file_) != 0) file_failed_ = true;
  }
  if (terminal_ && !settings_.quiet) show_progress(true);
  clear_bar();
  for (const std::string& failure : failures_) std::fprintf(stderr, "failed: %s\n", failure.c_str());
  if (failed_ > failures_.size())
    std::fprintf(stderr, "failed: and %llu more%s\n", number(failed_ - failures_.size()),
                 file_ ? "; all are in the report" : "; --report FILE keeps all");
  if (file_failed_) std::fprintf(stderr, "restride: the report %s is not complete\n", settings_.report.c_str());
  if (!stopped.empty()) std::fprintf(stderr, "restride: stopped: %s; --resume goes on from here\n", stopped.c_str());
  if (settings_.quiet) return;
  std::string text = format("%llu done", number(done_));
  if (skipped_) text += format(", %llu skipped", number(skipped_));
  if (failed_) text += format(", %llu failed", number(failed_));
  if (left) text += format(", %llu not reached", number(left));
  std::fprintf(stderr, "%s in %.1f s: %.1f images/s, %s read, %s written\n", text.c_str(), seconds,
               seconds > 0 ? static_cast<double>(done_) / seconds : 0, human_bytes(bytes_in_).c_str(),
               human_bytes(bytes_out_).c_str());
}

}  // namespace restride::cli
