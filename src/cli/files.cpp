// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "text.h"

namespace restride::cli {

namespace fs = std::filesystem;

namespace {

Error file_error(const char* what, const std::string& path, int code) {
  return {code == ENOENT ? Errc::not_found : Errc::io, format("%s %s: %s", what, path.c_str(), std::strerror(code))};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : slash == 0 ? "/" : path.substr(0, slash);
}

Status list_folder(const std::string& root, const std::function<bool(std::string_view)>& wanted, const fs::path& except,
                   Listing& to) {
  std::error_code error;
  const fs::path base(root);
  fs::recursive_directory_iterator at(base, error), end;
  const auto index = static_cast<std::uint32_t>(to.roots.size());
  to.roots.push_back(root);
  for (; !error && at != end; at.increment(error)) {
    std::error_code unknown;
    if (at->is_directory(unknown)) {
      if (!except.empty() && fs::equivalent(at->path(), except, unknown)) at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file(unknown)) continue;
    std::string relative = at->path().lexically_relative(base).string();
    if (!wanted(extension_of(relative))) {
      ++to.ignored;
      continue;
    }
    const std::uint64_t bytes = at->file_size(unknown);
    to.items.push_back({index, std::move(relative), unknown ? 0 : bytes});
  }
  if (error) return Error{Errc::io, "cannot list " + root + ": " + error.message()};
  return {};
}

}  // namespace

std::string Listing::source(const Item& item) const {
  const std::string& root = roots[item.root];
  if (root.empty()) return item.relative;
  return root.back() == '/' ? root + item.relative : root + "/" + item.relative;
}

Result<Listing> list_files(std::span<const std::string> paths, const std::function<bool(std::string_view)>& wanted,
                           const std::string& except) {
  Listing out;
  std::error_code unknown;
  const fs::path left_out = except.empty() || !fs::exists(except, unknown) ? fs::path() : fs::path(except);
  for (const std::string& path : paths) {
    if (is_folder(path)) {
      out.folders = true;
      if (Status listed = list_folder(path, wanted, left_out, out); !listed) return listed.error();
      continue;
    }
    struct stat status {};
    const bool there = path == "-" || ::stat(path.c_str(), &status) == 0;
    const std::string root = parent_of(path);
    out.roots.push_back(root);
    out.items.push_back({static_cast<std::uint32_t>(out.roots.size() - 1),
                         root.empty() ? path : path.substr(root == "/" ? 1 : root.size() + 1),
                         static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0)), !there});
  }
  for (const Item& item : out.items) out.bytes += item.bytes;
  return out;
}

void find_collisions(Listing& listing, bool same_extension) {
  const auto target = [&](const Item& item) {
    return same_extension ? without_extension(item.relative) : std::string_view(item.relative);
  };
  std::stable_sort(listing.items.begin(), listing.items.end(),
                   [&](const Item& a, const Item& b) { return target(a) < target(b); });
  for (std::size_t i = 1; i < listing.items.size(); ++i)
    listing.items[i].collides = target(listing.items[i]) == target(listing.items[i - 1]);
}

std::string_view extension_of(std::string_view path) noexcept {
  const std::size_t dot = path.rfind('.');
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  if (dot == std::string_view::npos || dot <= name) return {};
  return path.substr(dot);
}

std::string_view without_extension(std::string_view path) noexcept {
  return path.substr(0, path.size() - extension_of(path).size());
}

bool is_folder(const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool same_file(const std::string& a, const std::string& b) noexcept {
  struct stat x {
  }, y{};
  return ::stat(a.c_str(), &x) == 0 && ::stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool up_to_date(const std::string& target, const std::string& source) noexcept {
  struct stat to {
  }, from{};
  if (::stat(target.c_str(), &to) != 0 || !S_ISREG(to.st_mode) || ::stat(source.c_str(), &from) != 0) return false;
  return to.st_mtim.tv_sec != from.st_mtim.tv_sec ? to.st_mtim.tv_sec > from.st_mtim.tv_sec
                                                  : to.st_mtim.tv_nsec >= from.st_mtim.tv_nsec;
}

Status make_folders(const std::string& path) {
  std::error_code error;
  if (!path.empty()) fs::create_directories(path, error);
  if (error) return Error{Errc::io, "cannot make the folder " + path + ": " + error.message()};
  return {};
}

Status make_parents(const std::string& path) { return make_folders(parent_of(path)); }

Result<CodeStream> read_standard_input() {
  auto bytes = std::make_shared<std::vector<std::byte>>();
  constexpr std::size_t kStep = std::size_t{1} << 16;
  std::size_t size = 0;
  while (true) {
    bytes->resize(std::max(size * 2, size + kStep));
    const ssize_t n = ::read(STDIN_FILENO, bytes->data() + size, bytes->size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("cannot read", "standard input", errno);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  return CodeStream::borrow({bytes->data(), size}, bytes);
}

Result<CodeStream> open_source(const std::string& path) {
  return path == "-" ? read_standard_input() : CodeStream::open(path);
}

namespace {

WriteFailure failure(const std::string& path, int code) {
  return {file_error("cannot write", path, code), code == ENOSPC || code == EDQUOT || code == EROFS};
}

// 0, or the error.
int write_all(int file, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

std::optional<WriteFailure> write_whole(const std::string& path, std::span<const std::span<const std::byte>> parts) {
  if (path == "-") {
    for (const auto part : parts)
      if (const int code = write_all(STDOUT_FILENO, part)) return failure("standard output", code);
    return std::nullopt;
  }
  static std::atomic<unsigned> counter{0};
  const std::string part_path = path + format(".part%d.%u", static_cast<int>(::getpid()), counter.fetch_add(1));
  const int file = ::open(part_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return failure(path, errno);
  int code = 0;
  for (const auto part : parts)
    if (code == 0) code = write_all(file, part);
  if (::close(file) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(part_path.c_str(), path.c_str()) != 0) code = errno;
  if (code == 0) return std::nullopt;
  ::unlink(part_path.c_str());
  return failure(path, code);
}

}  // namespace restride::cli
