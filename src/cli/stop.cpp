// SPDX-License-Identifier: Apache-2.0
#include "stop.h"

#include <atomic>
#include <csignal>

namespace restride::cli {
namespace {

std::atomic<int> caught{0};
static_assert(std::atomic<int>::is_always_lock_free);  // or it could not be set by a signal

}  // namespace

void catch_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = [](int signal) { caught.store(signal); };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

int stop_signal() noexcept { return caught.load(); }

}  // namespace restride::cli
