// SPDX-License-Identifier: Apache-2.0
// decode, encode and transcode: what goes where, and who works on it.
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "lane.h"
#include "stop.h"
#include "text.h"

namespace restride::cli {
namespace {

int complain(int code, const std::string& text) {
  std::fprintf(stderr, "restride: %s\n", text.c_str());
  return code;
}

bool is_array_extension(std::string_view extension) noexcept { return extension == ".npy" || extension == ".raw"; }

// One source that is a file, and a target that does not look like a folder.
bool targets_file(const std::vector<std::string>& sources, const std::string& target) {
  return target == "-" || (sources.size() == 1 && !is_folder(sources[0]) && !is_folder(target) && target.back() != '/');
}

// Fills in what the command line leaves to the names. Empty: all is well.
std::string settle_formats(const Settings& settings, Work& work) {
  const std::string_view extension = extension_of(work.target);
  if (settings.command == Command::decode) {
    work.array_format = settings.array.format;
    if (work.array_format.empty())
      work.array_format = work.target_is_file && is_array_extension(extension) ? extension.substr(1) : "npy";
    return {};
  }
  work.codec = settings.encode.codec;
  if (!work.codec.empty()) return {};
  if (work.target_is_file && work.target != "-") {
    work.codec = codec_for(extension);
    return work.codec.empty() ? "cannot tell a codec from " + work.target + ": give --codec" : "";
  }
  if (settings.command == Command::encode) return "encoding into a folder or to standard output needs --codec";
  return {};
}

Status prepare_target(const Work& work) {
  if (work.target == "-") return {};
  if (work.target_is_file) return make_parents(work.target);
  if (Status made = make_folders(work.target); !made) return made;
  if (::access(work.target.c_str(), W_OK | X_OK) == 0) return {};
  return Error{Errc::io, "cannot write into " + work.target + ": " + std::strerror(errno)};
}

Result<Listing> list_sources(const Settings& settings, const Work& work, std::span<const std::string> sources) {
  const bool arrays = settings.command == Command::encode;
  const auto wanted = [&](std::string_view extension) {
    if (!arrays) return !codec_for(extension).empty();
    return settings.array.format.empty() ? is_array_extension(extension) : extension == "." + settings.array.format;
  };
  auto listing = list_files(sources, wanted, work.target_is_file ? std::string() : work.target);
  if (listing) find_collisions(*listing, !work.codec.empty() || !work.array_format.empty());
  return listing;
}

std::uint64_t half_of_memory() noexcept {
  const auto pages = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_PHYS_PAGES)));
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 2;
}

// Enough for the threads, and for a GPU, whose calls have a price of their own; more would only take memory.
unsigned batch_size(const Settings& settings, bool device) {
  if (settings.batch.batch) return settings.batch.batch;
  constexpr unsigned kDevice = 64, kAThread = 2;
  if (device) return kDevice;
  const unsigned threads = settings.machine.options.max_threads;
  return kAThread * (threads ? threads : std::max(1U, std::thread::hardware_concurrency()));
}

// Two lanes: while one reads or writes files, or waits for its last picture, the other keeps the threads busy.
void run_lanes(Work& work) {
  const auto run = [&work] {
    try {
      Lane(work).run();
    } catch (const std::exception& e) {
      work.give_up(std::string("out of memory (") + e.what() + ")");
    }
  };
  std::thread second;
  if (work.listing.items.size() > 1) second = std::thread(run);
  run();
  if (second.joinable()) second.join();
}

int exit_code(const Work& work, const Report& report) {
  if (const int signal = stop_signal()) return kSignalled + signal;
  if (work.gave_up()) return kCannotWork;
  return report.failed() ? kSomeFailed : kDone;
}

}  // namespace

int run_batch(const Settings& settings) {
  catch_signals();
#if defined(__GLIBC__)
  // A large buffer that is given back goes back to the system; glibc would keep the next ones in its heaps.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
  std::vector<std::string> sources = settings.batch.paths;
  Work work(settings);
  work.target = sources.back();
  sources.pop_back();
  if (work.target.empty()) return complain(kUsage, "the target is an empty name");
  work.target_is_file = targets_file(sources, work.target);
  if (const std::string why = settle_formats(settings, work); !why.empty()) return complain(kUsage, why);

  auto listing = list_sources(settings, work, sources);
  if (!listing) return complain(kCannotWork, listing.error().describe());
  work.listing = *std::move(listing);
  if (work.target == "-" && work.listing.items.size() > 1)
    return complain(kUsage, "standard output takes one picture, not a folder of them");

  work.max_memory = settings.batch.max_memory ? settings.batch.max_memory : half_of_memory();
  auto decoder = Decoder::create(settings.machine.options);
  if (!decoder) return complain(kCannotWork, decoder.error().describe());
  auto encoder = Encoder::create(settings.machine.options);
  if (!encoder) return complain(kCannotWork, encoder.error().describe());
  work.batch = batch_size(settings, decoder->device() >= 0);
  work.decoder = &*decoder;
  work.encoder = &*encoder;
  if (Status ready = prepare_target(work); !ready) return complain(kCannotWork, ready.error().describe());

  Report report(settings.batch, work.listing.items.size(), work.listing.bytes);
  if (Status opened = report.open(); !opened) return complain(kCannotWork, opened.error().describe());
  work.report = &report;
  run_lanes(work);
  const int signal = stop_signal();
  report.finish(signal ? (signal == SIGINT ? "interrupted" : "terminated") : work.why_gave_up());
  if (work.listing.ignored && !settings.batch.quiet)
    std::fprintf(stderr, "%llu other files were left alone\n", static_cast<unsigned long long>(work.listing.ignored));
  return exit_code(work, report);
}

}  // namespace restride::cli
