// SPDX-License-Identifier: Apache-2.0
// NVIDIA's codec libraries, found at run time: none of them is linked, and each may be missing. They lie where pip puts
// them (site-packages/nvidia/*/lib), in a CUDA toolkit, or in the system's search path.
//
// Searched, in this order: the folders of the environment variable RESTRIDE_CUDA_LIBRARY_PATH (separated by ':'), those
// given to set_folders(), the system's search path. Nothing here needs CUDA or a GPU.
#pragma once

#include <array>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "cuda/vendor/nvjpeg.h"
#include "cuda/vendor/nvjpeg2k.h"
#include "cuda/vendor/nvtiff.h"

namespace restride::cuda::vendor {

// Where to look. Libraries that were opened before stay. Thread-safe.
void set_folders(std::span<const std::string_view> folders);

// One library: opened when first asked for, for the life of the process. All members are thread-safe.
class Library {
 public:
  // `files`: names to try, newest first. `read_version`: what the opened library says of itself.
  Library(const char* title, std::span<const char* const> files, std::string (*read_version)(void* handle)) noexcept
      : title_(title), files_(files), read_version_(read_version) {}

  bool open();
  // The address of an exported function; the first one that is missing makes the library count as missing.
  void* symbol(const char* prefix, const char* name);

  const char* title() const noexcept { return title_; }  // "nvJPEG"
  // These need open(). Empty where there is nothing to say.
  const std::string& version() const noexcept { return version_; }  // "13.3.2"
  const std::string& path() const noexcept { return path_; }
  const std::string& missing() const noexcept { return missing_; }  // why it cannot be used

 private:
  void find();
  bool try_open(const std::string& file);

  const char* title_;
  std::span<const char* const> files_;
  std::string (*read_version_)(void* handle);
  std::once_flag once_;
  void* handle_ = nullptr;
  std::string version_, path_, missing_;
};

// The functions of each library, or nullptr where it is missing or too old; then library.missing() says why.
const Nvjpeg* nvjpeg();
const Nvjpeg2k* nvjpeg2k();
const Nvtiff* nvtiff();
// nvTIFF opens nvCOMP by itself when it meets Deflate, and finds it if it is in the process already.
bool open_nvcomp();

enum class Which { nvjpeg, nvjpeg2k, nvtiff, nvcomp };
Library& library(Which which);

}  // namespace restride::cuda::vendor
