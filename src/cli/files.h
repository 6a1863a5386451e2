// SPDX-License-Identifier: Apache-2.0
// Which files to work on, where their results go, and writing those whole or not at all.
#pragma once

#include <restride/restride.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace restride::cli {

struct Item {
  std::uint32_t root = 0;  // index into Listing::roots
  std::string relative;    // below the root
  std::uint64_t bytes = 0;
  bool missing = false;   // named, but not there
  bool collides = false;  // an item before it has the same target
};

// Memory: the names, and nothing else that grows with their number.
struct Listing {
  std::vector<std::string> roots;
  std::vector<Item> items;    // sorted by the name of their target
  std::uint64_t ignored = 0;  // files in folders with another extension
  std::uint64_t bytes = 0;
  bool folders = false;  // some source is a folder

  std::string source(const Item& item) const;
};

// Files named, and files below folders whose extension `wanted` accepts; links to folders are not followed, and what
// lies below `except` (the target) is left out. A folder that cannot be read is io.
Result<Listing> list_files(std::span<const std::string> paths, const std::function<bool(std::string_view)>& wanted,
                           const std::string& except = {});
// Sorts by target and marks items whose target another has. With `same_extension` all get one, else each keeps its own.
void find_collisions(Listing& listing, bool same_extension);

std::string_view extension_of(std::string_view path) noexcept;  // ".jpg", as written; empty: none
std::string_view without_extension(std::string_view path) noexcept;
bool is_folder(const std::string& path) noexcept;
bool same_file(const std::string& a, const std::string& b) noexcept;
// There, and not older than `source`.
bool up_to_date(const std::string& target, const std::string& source) noexcept;
// Creates the folder that `path` lies in, and those above it.
Status make_parents(const std::string& path);
Status make_folders(const std::string& path);

// All of standard input.
Result<CodeStream> read_standard_input();
// The file, or standard input for "-".
Result<CodeStream> open_source(const std::string& path);

// `full` is set where the device or the quota is full, or the file system read-only: more of it is pointless.
struct WriteFailure {
  Error error;
  bool full = false;
};

// Writes `parts`, one after the other, beside `path` and renames; "-": to standard output. Nothing is left of a
// failure.
std::optional<WriteFailure> write_whole(const std::string& path, std::span<const std::span<const std::byte>> parts);

}  // namespace restride::cli
