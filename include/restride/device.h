// SPDX-License-Identifier: Apache-2.0
// What there is to know about GPUs, and moving images between host and device. Everything here works, and says so, on a
// machine without a GPU.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "restride/error.h"
#include "restride/export.h"
#include "restride/image.h"
#include "restride/memory.h"

namespace restride {

// CUDA devices that can be used; 0 where librestride_cuda, a driver or a device is missing, or in a process that was
// forked after CUDA had been used. The first call looks for them.
RESTRIDE_API int device_count() noexcept;
// Why device_count() is 0; empty otherwise.
RESTRIDE_API std::string device_missing_reason_text();

// Folders in which NVIDIA's codec libraries (nvJPEG, nvJPEG2000, nvTIFF, nvCOMP) are looked for before the system's; to
// be said before anything else here is called. The environment variable RESTRIDE_CUDA_LIBRARY_PATH comes first.
RESTRIDE_API void set_library_folders(std::vector<std::string> folders);

// The calling thread's current device, or an error.
RESTRIDE_API Result<int> current_device();
// The device that owns `pointer`; -1: host memory.
RESTRIDE_API int device_of(const void* pointer) noexcept;

struct BackendInfo {
  std::string name;    // "libjpeg-turbo", "nvjpeg", ...
  std::string format;  // "jpeg", ...
  int kind = 0;        // BackendKind
  bool decodes = false, encodes = false;
  std::string version;  // of the library behind it, where it tells
};

// Every codec of this process, in order of preference within a format.
RESTRIDE_API std::vector<BackendInfo> backends();

// Makes `to` hold the pixels of `from`, in to's memory. The copy is queued on `stream` (of device -1: one of the
// library's) behind what order() waits for. Returns once `to` holds the pixels if it is host memory or `wait` is set.
// Host to host copies at once. Errors: device, out_of_memory, and the refusals of Image::ensure.
RESTRIDE_API Status transfer(const Image& from, Image& to, Stream stream, bool wait = true);

// Makes work queued on `stream` from now on wait for all work queued on `earlier` so far. Both must exist.
RESTRIDE_API Status order(Stream stream, Stream earlier);
// The same for the pixels of `image`: what this library wrote into it, and, where its stream is a default one (which
// never goes away) or was named by whoever wrapped the memory, everything queued there.
RESTRIDE_API Status order(Stream stream, const Image& image);
// Blocks until everything queued on `stream` has been done.
RESTRIDE_API Status synchronize(Stream stream);

// Gives device and pinned memory that is kept for reuse, and is not in use, back to the driver.
RESTRIDE_API void trim_memory() noexcept;

}  // namespace restride
