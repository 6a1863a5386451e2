// SPDX-License-Identifier: Apache-2.0
#include "formats/ifd.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error_util.h"

namespace restride::ifd {
namespace {

// Bytes of the units whose order is the file's: a rational is two of 4.
std::size_t unit_of(MetadataType type) noexcept {
  return type == MetadataType::rational || type == MetadataType::srational ? 4 : size_of(type);
}

// Copies values from one byte order to another.
void copy_values(std::byte* to, ByteSpan from, MetadataType type, bool swap) noexcept {
  const std::size_t unit = unit_of(type);
  if (!swap || unit == 1) {
    std::copy(from.begin(), from.end(), to);
    return;
  }
  for (std::size_t at = 0; at + unit <= from.size(); at += unit)
    std::reverse_copy(from.begin() + static_cast<std::ptrdiff_t>(at),
                      from.begin() + static_cast<std::ptrdiff_t>(at + unit), to + at);
}

}  // namespace

Result<std::vector<Entry>> read(ByteSpan bytes, Layout layout, std::uint64_t offset) {
  ByteReader reader(bytes, layout.order);
  reader.seek(static_cast<std::size_t>(std::min<std::uint64_t>(offset, bytes.size())));
  const std::uint64_t count = layout.big ? reader.u64() : reader.u16();
  const std::size_t entry_size = layout.big ? 20 : 12, inline_size = layout.big ? 8 : 4;
  if (reader.overran() || offset > bytes.size() || count > reader.remaining() / entry_size)
    return fail_at(Errc::truncated, std::min<std::uint64_t>(offset, bytes.size()),
                   "the directory of tags at byte %llu ends past the end of the data",
                   static_cast<unsigned long long>(offset));
  std::vector<Entry> entries;
  entries.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    entry.offset = reader.position();
    entry.tag = reader.u16();
    const std::uint16_t type = reader.u16();
    entry.type = static_cast<MetadataType>(std::min<std::uint16_t>(type, 255));
    entry.count = layout.big ? reader.u64() : reader.u32();
    const ByteSpan field = reader.take(inline_size);
    if (size_of(entry.type) == 0) continue;
    const std::uint64_t size = saturating_mul(entry.count, size_of(entry.type));
    if (size <= inline_size) {
      entry.values = field.first(static_cast<std::size_t>(size));
    } else {
      const std::uint64_t at = layout.big ? load<std::uint64_t>(field.data(), layout.order)
                                          : load<std::uint32_t>(field.data(), layout.order);
      if (at < bytes.size())
        entry.values = bytes.subspan(static_cast<std::size_t>(at),
                                     static_cast<std::size_t>(std::min<std::uint64_t>(size, bytes.size() - at)));
    }
    entries.push_back(entry);
  }
  return entries;
}

const Entry* find(std::span<const Entry> entries, std::uint16_t tag) noexcept {
  const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.tag == tag; });
  return it == entries.end() ? nullptr : &*it;
}

std::uint64_t integer(const Entry& entry, std::endian order) noexcept {
  if (entry.values.size() < size_of(entry.type)) return 0;
  switch (entry.type) {
    case MetadataType::byte:
      return u8_at(entry.values, 0);
    case MetadataType::u16:
      return load<std::uint16_t>(entry.values.data(), order);
    case MetadataType::u32:
    case MetadataType::ifd:
      return load<std::uint32_t>(entry.values.data(), order);
    case MetadataType::u64:
    case MetadataType::ifd8:
      return load<std::uint64_t>(entry.values.data(), order);
    default:
      return 0;
  }
}

Result<Metadata> to_metadata(const Entry& entry, std::endian order) {
  if (entry.values.size() != saturating_mul(entry.count, size_of(entry.type)))
    return fail_at(Errc::truncated, entry.offset, "the %llu values of tag %u end past the end of the data",
                   static_cast<unsigned long long>(entry.count), unsigned{entry.tag});
  Metadata tag;
  tag.kind = MetadataKind::tiff_tag;
  tag.format = MetadataFormat::raw;
  tag.type = entry.type;
  tag.id = entry.tag;
  tag.count = entry.count;
  tag.bytes.resize(entry.values.size());
  copy_values(tag.bytes.data(), entry.values, entry.type, order != std::endian::native);
  return tag;
}

std::uint64_t total_bytes(std::span<const Entry> entries) noexcept {
  std::uint64_t total = 0;
  for (const Entry& e : entries) total = saturating_add(total, e.values.size());
  return total;
}

std::uint64_t append(std::vector<std::byte>& out, std::uint64_t base, std::span<const Entry> entries, std::endian from,
                     bool big) {
  const std::size_t entry_size = big ? 20 : 12, inline_size = big ? 8 : 4, head = big ? 8 : 2;
  const auto writable = [&](const Entry& e) {
    return e.values.size() == e.bytes() && e.count != 0 && (big || e.type <= MetadataType::ifd) &&
           (big || e.count <= 0xffffffffU);
  };
  const auto count = static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), writable));
  out.resize(out.size() + (base + out.size()) % 2);  // directories and values start at even places
  const std::size_t start = out.size();
  out.resize(start + head + count * entry_size + inline_size);
  const auto put = [&](std::size_t at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) out[at + i] = static_cast<std::byte>(value >> 8 * i);
  };
  put(start, count, head);
  std::size_t at = start + head;
  for (const Entry& entry : entries) {
    if (!writable(entry)) continue;
    put(at, entry.tag, 2);
    put(at + 2, static_cast<std::uint64_t>(entry.type), 2);
    put(at + 4, entry.count, big ? 8 : 4);
    std::size_t to = at + entry_size - inline_size;
    if (entry.values.size() > inline_size) {
      const auto place = static_cast<std::size_t>(out.size() + (base + out.size()) % 2);
      put(to, base + place, inline_size);
      out.resize(place + entry.values.size());
      to = place;
    }
    copy_values(out.data() + to, entry.values, entry.type, from != std::endian::little);
    at += entry_size;
  }
  return base + start;
}

}  // namespace restride::ifd
