// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/directory_writer.h"

#include <cstring>

namespace restride::tiff {
namespace {

constexpr std::uint64_t size_of_type(DirectoryWriter::Type type) noexcept {
  switch (type) {
    case DirectoryWriter::Type::short2:
      return 2;
    case DirectoryWriter::Type::long4:
      return 4;
    default:
      return 8;
  }
}

void store_value(std::byte* to, DirectoryWriter::Type type, std::uint64_t value) noexcept {
  switch (type) {
    case DirectoryWriter::Type::short2:
      return store(to, static_cast<std::uint16_t>(value), std::endian::little);
    case DirectoryWriter::Type::long4:
      return store(to, static_cast<std::uint32_t>(value), std::endian::little);
    default:
      return store(to, value, std::endian::little);  // a rational is its numerator, then its denominator
  }
}

constexpr std::uint64_t aligned(std::uint64_t at) noexcept { return (at + 15) / 16 * 16; }

}  // namespace

std::uint64_t DirectoryWriter::Entry::bytes() const noexcept { return count * size_of_type(type); }

void DirectoryWriter::add(Tag tag, Type type, std::uint64_t count, std::uint64_t value) noexcept {
  if (used_ < entries_.size()) entries_[used_++] = {tag, type, count, value};
}

// Visits every entry with its own place and that of its values; returns the end. Sizes and writing share this walk.
template <class Visit>
std::uint64_t DirectoryWriter::walk(Visit&& visit) const noexcept {
  const std::uint64_t header = big_ ? 16 : 8, count = big_ ? 8 : 2, entry = big_ ? 20 : 12, offset = big_ ? 8 : 4;
  std::uint64_t next = aligned(header + count + entry * used_ + offset);
  for (std::size_t i = 0; i < used_; ++i) {
    const std::uint64_t at = header + count + entry * i;
    const bool fits = entries_[i].bytes() <= offset;
    visit(entries_[i], at, fits ? at + (big_ ? 12 : 8) : next);
    if (!fits) next = aligned(next + entries_[i].bytes());
  }
  return next;
}

DirectoryWriter::Layout DirectoryWriter::layout() const noexcept {
  Layout layout;
  layout.size = walk([&](const Entry& entry, std::uint64_t, std::uint64_t values) {
    if (entry.tag == Tag::strip_offsets || entry.tag == Tag::tile_offsets) layout.offsets = values;
    if (entry.tag == Tag::strip_byte_counts || entry.tag == Tag::tile_byte_counts) layout.byte_counts = values;
  });
  return layout;
}

void DirectoryWriter::write(std::byte* to) const noexcept {
  std::memset(to, 0, static_cast<std::size_t>(layout().size));
  to[0] = to[1] = std::byte{'I'};
  store(to + 2, static_cast<std::uint16_t>(big_ ? 43 : 42), std::endian::little);
  if (big_) {
    store(to + 4, std::uint16_t{8}, std::endian::little);
    store(to + 8, std::uint64_t{16}, std::endian::little);
    store(to + 16, std::uint64_t{used_}, std::endian::little);
  } else {
    store(to + 4, std::uint32_t{8}, std::endian::little);
    store(to + 8, static_cast<std::uint16_t>(used_), std::endian::little);
  }
  walk([&](const Entry& entry, std::uint64_t at, std::uint64_t values) {
    const std::uint64_t in_entry = at + (big_ ? 12 : 8);
    store(to + at, static_cast<std::uint16_t>(entry.tag), std::endian::little);
    store(to + at + 2, static_cast<std::uint16_t>(entry.type), std::endian::little);
    if (big_) {
      store(to + at + 4, entry.count, std::endian::little);
      if (values != in_entry) store(to + in_entry, values, std::endian::little);
    } else {
      store(to + at + 4, static_cast<std::uint32_t>(entry.count), std::endian::little);
      if (values != in_entry) store(to + in_entry, static_cast<std::uint32_t>(values), std::endian::little);
    }
    if (entry.value == 0) return;
    for (std::uint64_t i = 0; i < entry.count; ++i)
      store_value(to + values + i * size_of_type(entry.type), entry.type, entry.value);
  });
}

}  // namespace restride::tiff
