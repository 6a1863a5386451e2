// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <exception>

#include "command_line.h"

namespace {

int run(const restride::cli::Settings& settings, const CLI::App& app) {
  using namespace restride::cli;
  switch (settings.command) {
    case Command::info:
      return run_info(settings);
    case Command::decode:
    case Command::encode:
    case Command::transcode:
      return run_batch(settings);
    case Command::bench:
      return run_bench(settings);
    case Command::codecs:
      return run_codecs(settings);
    case Command::doctor:
      return run_doctor(settings);
    case Command::completion:
      std::fputs(completion(app, settings.shell).c_str(), stdout);
      return kDone;
    case Command::man:
      std::fputs(manual_page(app).c_str(), stdout);
      return kDone;
    case Command::none:
      break;
  }
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  // A parent may have it ignored (Python does): then `restride info ... | head` would go on for nobody.
  std::signal(SIGPIPE, SIG_DFL);
  try {
    restride::cli::Settings settings;
    const auto app = restride::cli::command_line(settings);
    try {
      app->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app->exit(error) == 0 ? restride::cli::kDone : restride::cli::kUsage;
    }
    const int code = run(settings, *app);
    if (std::fflush(stdout) != 0) {
      std::perror("restride: cannot write to standard output");
      return restride::cli::kCannotWork;
    }
    return code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "restride: %s\n", error.what());
    return restride::cli::kCannotWork;
  }
}
