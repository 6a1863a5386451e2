// SPDX-License-Identifier: Apache-2.0
// Directories of tags (TIFF 6.0, section 2; BigTIFF; EXIF 2.32, 4.6.2) taken as data: for metadata, not for decoding.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "restride/error.h"
#include "restride/metadata.h"

namespace restride::ifd {

struct Layout {
  std::endian order = std::endian::little;
  bool big = false;  // BigTIFF
};

struct Entry {
  std::uint16_t tag = 0;
  MetadataType type = MetadataType::unknown;
  std::uint64_t count = 0;
  ByteSpan values;           // in the file's byte order; shorter than count values where they end past the file's end
  std::uint64_t offset = 0;  // of the entry itself

  std::uint64_t bytes() const noexcept { return count * size_of(type); }
};

// The entries of the directory at `offset`. Those of unknown types are left out, as section 2 asks.
Result<std::vector<Entry>> read(ByteSpan bytes, Layout layout, std::uint64_t offset);

const Entry* find(std::span<const Entry> entries, std::uint16_t tag) noexcept;

// The entry's first value as an integer; 0 where it is none.
std::uint64_t integer(const Entry& entry, std::endian order) noexcept;

// The entry's values in the machine's byte order. truncated where the file ends before they do.
Result<Metadata> to_metadata(const Entry& entry, std::endian order);

// Bytes of all values, which a sound file has room for: entries that share their values make a small file look large.
std::uint64_t total_bytes(std::span<const Entry> entries) noexcept;

// Appends a directory to `out`, little-endian; the byte out[0] will lie at `base` in the file. Returns where the
// directory starts in the file. Entries come in increasing order of their tags. What cannot be written (64-bit values
// in a classic directory, values that are cut off) is left out.
std::uint64_t append(std::vector<std::byte>& out, std::uint64_t base, std::span<const Entry> entries, std::endian from,
                     bool big);

}  // namespace restride::ifd
