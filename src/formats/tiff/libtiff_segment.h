// SPDX-License-Identifier: Apache-2.0
// Segments with one of the rare compressions, through libtiff.
#pragma once

#include <memory>

#include "formats/tiff/directory.h"
#include "restride/error.h"

namespace restride::tiff {

// True if the libtiff at hand was built with `compression`.
bool libtiff_decodes(Compression compression) noexcept;

struct LibtiffHandle;

// libtiff's view of one directory of a file in memory. Opened once a thread and image, then asked for segments. Not
// thread-safe.
class LibtiffReader {
 public:
  LibtiffReader() noexcept;
  ~LibtiffReader();
  LibtiffReader(const LibtiffReader&) = delete;
  LibtiffReader& operator=(const LibtiffReader&) = delete;

  // Opens on the first call; further ones do nothing. `bytes` outlive the reader.
  Status open(ByteSpan bytes, const Directory& directory);

  // Decompresses segment `index` into `out`, which takes the rows wanted from its top: samples in the machine's byte
  // order, without prediction. Needs open().
  Status read(std::uint64_t index, std::span<std::byte> out);

 private:
  std::unique_ptr<LibtiffHandle> handle_;
};

}  // namespace restride::tiff
