// SPDX-License-Identifier: Apache-2.0
// The one description of commands and options: parsing, --help, shell completion and the manual page come from it.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "settings.h"

namespace restride::cli {

// Options write into `settings`, which must outlive the result.
std::unique_ptr<CLI::App> command_line(Settings& settings);

// Both made from the description alone. `shell`: bash, zsh or fish.
std::string completion(const CLI::App& app, const std::string& shell);
std::string manual_page(const CLI::App& app);

}  // namespace restride::cli
