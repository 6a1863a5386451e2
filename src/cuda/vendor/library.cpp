// SPDX-License-Identifier: Apache-2.0
#include "cuda/vendor/library.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <vector>

namespace restride::cuda::vendor {
namespace {

constexpr const char* kNvjpegFiles[] = {"libnvjpeg.so.13", "libnvjpeg.so.12"};
constexpr const char* kNvjpeg2kFiles[] = {"libnvjpeg2k.so.0"};
constexpr const char* kNvtiffFiles[] = {"libnvtiff.so.0"};
constexpr const char* kNvcompFiles[] = {"libnvcomp.so.5"};  // the one that nvTIFF 0.8 asks for

struct Folders {
  std::mutex mutex;
  std::vector<std::string> list;
};

Folders& folders() {
  static Folders* const instance = new Folders;  // never destroyed: libraries may be opened while the process ends
  return *instance;
}

std::vector<std::string> search_path() {
  std::vector<std::string> path;
  if (const char* variable = std::getenv("RESTRIDE_CUDA_LIBRARY_PATH")) {
    std::string_view rest = variable;
    while (!rest.empty()) {
      const std::size_t end = rest.find(':');
      if (end != 0) path.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
  std::lock_guard lock(folders().mutex);
  path.insert(path.end(), folders().list.begin(), folders().list.end());
  return path;
}

// nvJPEG and its relatives: major, minor and patch by a function of the same form.
template <const char* Function>
std::string properties_version(void* handle) {
  const auto property = reinterpret_cast<int (*)(int, int*)>(::dlsym(handle, Function));
  std::string version;
  for (int part = 0; property && part < 3; ++part) {
    int value = 0;
    if (property(part, &value) != 0) return {};
    version += (part ? "." : "") + std::to_string(value);
  }
  return version;
}
constexpr char kNvjpegVersion[] = "nvjpegGetProperty", kNvjpeg2kVersion[] = "nvjpeg2kGetProperty",
               kNvtiffVersion[] = "nvtiffGetProperty";

// nvCOMP: one number, 1000 x major + 100 x minor + patch, with the CUDA version behind it.
std::string nvcomp_version(void* handle) {
  const auto property = reinterpret_cast<int (*)(unsigned*)>(::dlsym(handle, "nvcompGetProperties"));
  unsigned values[2] = {};
  if (!property || property(values) != 0) return {};
  return std::to_string(values[0] / 1000) + "." + std::to_string(values[0] / 100 % 10) + "." +
         std::to_string(values[0] % 100);
}

// Fills `table` from `library`; nullptr where a function is missing.
template <class Table>
const Table* load(Library& library) {
  static Table table;
  static const bool complete = library.open() && table.load(library);
  return complete ? &table : nullptr;
}

}  // namespace

void set_folders(std::span<const std::string_view> list) {
  std::lock_guard lock(folders().mutex);
  folders().list.assign(list.begin(), list.end());
}

bool Library::open() {
  std::call_once(once_, [this] { find(); });
  return handle_ != nullptr && missing_.empty();
}

bool Library::try_open(const std::string& file) {
  handle_ = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) return false;
  const link_map* map = nullptr;
  path_ = ::dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 && map->l_name ? map->l_name : file;
  version_ = read_version_(handle_);
  return true;
}

void Library::find() {
  const std::vector<std::string> path = search_path();
  for (const char* file : files_) {
    for (const std::string& folder : path)
      if (try_open(folder + "/" + file)) return;
    if (try_open(file)) return;
  }
  missing_ = std::string(files_[0]) +
             " was found neither in RESTRIDE_CUDA_LIBRARY_PATH, nor among the installed packages, nor by the system";
}

void* Library::symbol(const char* prefix, const char* name) {
  const std::string whole = std::string(prefix) + name;
  void* address = ::dlsym(handle_, whole.c_str());
  if (!address && missing_.empty()) missing_ = path_ + " has no " + whole + ": another version of it is needed";
  return address;
}

Library& library(Which which) {
  // Never destroyed, as above.
  static auto* const all = new std::array<Library, 4>{
      Library{"nvJPEG", kNvjpegFiles, properties_version<kNvjpegVersion>},
      Library{"nvJPEG2000", kNvjpeg2kFiles, properties_version<kNvjpeg2kVersion>},
      Library{"nvTIFF", kNvtiffFiles, properties_version<kNvtiffVersion>},
      Library{"nvCOMP", kNvcompFiles, nvcomp_version},
  };
  return (*all)[static_cast<std::size_t>(which)];
}

const Nvjpeg* nvjpeg() { return load<Nvjpeg>(library(Which::nvjpeg)); }
const Nvjpeg2k* nvjpeg2k() { return load<Nvjpeg2k>(library(Which::nvjpeg2k)); }
const Nvtiff* nvtiff() { return load<Nvtiff>(library(Which::nvtiff)); }
bool open_nvcomp() { return library(Which::nvcomp).open(); }

}  // namespace restride::cuda::vendor
