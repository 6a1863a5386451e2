// SPDX-License-Identifier: Apache-2.0
// EXIF (CIPA DC-008) between containers: as one block in JPEG, PNG, WebP and JP2, spread over directories in TIFF.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/ifd.h"

namespace restride::exif {

inline constexpr std::uint16_t kExifTag = 34665, kGpsTag = 34853, kInteropTag = 40965;

// Four directories; the thumbnail's is left out. Refers to the bytes it was read from.
struct Tree {
  std::endian order = std::endian::little;
  std::vector<ifd::Entry> main, exif, gps, interop;  // without the tags that point at each other
};

// The block without the "Exif\0\0" that JPEG puts before it, and that some writers keep elsewhere.
ByteSpan without_prefix(ByteSpan block) noexcept;

// Of a block that starts at its TIFF header. corrupt, truncated; a sub-directory that is damaged is an error too.
Result<Tree> read_block(ByteSpan block);
// Of the image whose directory is at `offset` of a TIFF file.
Result<Tree> read_file(ByteSpan file, ifd::Layout layout, std::uint64_t offset);

// The block for containers other than TIFF.
std::vector<std::byte> to_block(const Tree& tree);

// The EXIF and GPS directories for a TIFF file in which out[0] will lie at `base`; 0: that one is empty.
struct Placed {
  std::uint64_t exif = 0, gps = 0;
};
Placed append(std::vector<std::byte>& out, std::uint64_t base, const Tree& tree, bool big);

}  // namespace restride::exif
