// SPDX-License-Identifier: Apache-2.0
// A file's header and its one directory, little-endian, laid out before any pixel is known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "formats/tiff/directory.h"

namespace restride::tiff {

class DirectoryWriter {
 public:
  explicit DirectoryWriter(bool big) noexcept : big_(big) {}

  enum class Type : std::uint16_t { short2 = 3, long4 = 4, rational = 5, long8 = 16 };

  // An entry of `count` values that all are `value`; tags come in increasing order.
  void add(Tag tag, Type type, std::uint64_t count, std::uint64_t value) noexcept;

  // Where things are; final once every entry has been added.
  struct Layout {
    std::uint64_t size = 0;         // of everything: where the first strip or tile may start
    std::uint64_t offsets = 0;      // of the values of the strips' or tiles' offsets ...
    std::uint64_t byte_counts = 0;  // ... and byte counts
  };
  Layout layout() const noexcept;

  // Writes layout().size bytes.
  void write(std::byte* to) const noexcept;

 private:
  struct Entry {
    Tag tag{};
    Type type{};
    std::uint64_t count = 0;
    std::uint64_t value = 0;
    std::uint64_t bytes() const noexcept;
  };
  template <class Visit>
  std::uint64_t walk(Visit&& visit) const noexcept;

  bool big_;
  std::array<Entry, 24> entries_{};
  std::size_t used_ = 0;
};

}  // namespace restride::tiff
