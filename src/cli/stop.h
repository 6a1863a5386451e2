// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and the like: the first one asks for a clean end, the second ends at once.
#pragma once

namespace restride::cli {

// From now on SIGINT and SIGTERM only leave their number here; a closed pipe and a file size limit are errors of the
// write that met them.
void catch_signals() noexcept;
// 0: go on.
int stop_signal() noexcept;

}  // namespace restride::cli
