// SPDX-License-Identifier: Apache-2.0
#include "formats/exif_block.h"

#include <algorithm>
#include <array>

#include "base/error_util.h"

namespace restride::exif {
namespace {

// Takes the entry that points at a sub-directory out of `parent`, and reads that directory.
Status follow(ByteSpan bytes, ifd::Layout layout, std::uint16_t tag, std::vector<ifd::Entry>& parent,
              std::vector<ifd::Entry>& child) {
  const auto it = std::find_if(parent.begin(), parent.end(), [&](const ifd::Entry& e) { return e.tag == tag; });
  if (it == parent.end()) return {};
  const std::uint64_t offset = ifd::integer(*it, layout.order);
  parent.erase(it);
  RESTRIDE_ASSIGN(child, ifd::read(bytes, layout, offset));
  return {};
}

void sort(std::vector<ifd::Entry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const ifd::Entry& a, const ifd::Entry& b) { return a.tag < b.tag; });
}

// An entry that points at a directory; its value lives in `storage`, in the tree's byte order.
ifd::Entry pointer(std::uint16_t tag, std::uint64_t offset, std::endian order, bool big,
                   std::array<std::byte, 8>& storage) {
  ifd::Entry entry;
  entry.tag = tag;
  entry.count = 1;
  entry.type = big ? MetadataType::ifd8 : MetadataType::u32;
  if (big)
    store(storage.data(), offset, order);
  else
    store(storage.data(), static_cast<std::uint32_t>(offset), order);
  entry.values = ByteSpan(storage).first(big ? 8 : 4);
  return entry;
}

}  // namespace

ByteSpan without_prefix(ByteSpan block) noexcept {
  return starts_with(block, "Exif\0", 5) && block.size() > 6 ? block.subspan(6) : block;
}

Result<Tree> read_file(ByteSpan file, ifd::Layout layout, std::uint64_t offset) {
  Tree tree;
  tree.order = layout.order;
  RESTRIDE_ASSIGN(tree.main, ifd::read(file, layout, offset));
  RESTRIDE_TRY(follow(file, layout, kExifTag, tree.main, tree.exif));
  RESTRIDE_TRY(follow(file, layout, kGpsTag, tree.main, tree.gps));
  RESTRIDE_TRY(follow(file, layout, kInteropTag, tree.exif, tree.interop));
  std::uint64_t total = 0;
  for (auto* entries : {&tree.main, &tree.exif, &tree.gps, &tree.interop}) {
    sort(*entries);
    total += ifd::total_bytes(*entries);
  }
  if (total > file.size()) return fail_at(Errc::corrupt, offset, "EXIF: the values of its tags overlap");
  return tree;
}

Result<Tree> read_block(ByteSpan block) {
  ByteReader reader(block);
  const std::uint16_t mark = reader.u16();
  if (mark != 0x4949 && mark != 0x4d4d)
    return fail_at(Errc::corrupt, 0, "EXIF: the block does not start with a byte order (II or MM)");
  const ifd::Layout layout{mark == 0x4949 ? std::endian::little : std::endian::big, false};
  reader.set_order(layout.order);
  if (reader.u16() != 42) return fail_at(Errc::corrupt, 2, "EXIF: the block has no TIFF header");
  return read_file(block, layout, reader.u32());
}

Placed append(std::vector<std::byte>& out, std::uint64_t base, const Tree& tree, bool big) {
  Placed placed;
  std::array<std::byte, 8> storage;
  std::vector<ifd::Entry> entries = tree.exif;
  if (!tree.interop.empty()) {
    const std::uint64_t interop = ifd::append(out, base, tree.interop, tree.order, big);
    entries.push_back(pointer(kInteropTag, interop, tree.order, big, storage));
    sort(entries);
  }
  if (!entries.empty()) placed.exif = ifd::append(out, base, entries, tree.order, big);
  if (!tree.gps.empty()) placed.gps = ifd::append(out, base, tree.gps, tree.order, big);
  return placed;
}

std::vector<std::byte> to_block(const Tree& tree) {
  std::vector<std::byte> out(8);
  const Placed placed = append(out, 0, tree, false);
  std::array<std::byte, 8> exif, gps;
  std::vector<ifd::Entry> entries = tree.main;
  if (placed.exif) entries.push_back(pointer(kExifTag, placed.exif, tree.order, false, exif));
  if (placed.gps) entries.push_back(pointer(kGpsTag, placed.gps, tree.order, false, gps));
  sort(entries);
  const std::uint64_t main = ifd::append(out, 0, entries, tree.order, false);
  out[0] = out[1] = std::byte{'I'};
  store(out.data() + 2, std::uint16_t{42}, std::endian::little);
  store(out.data() + 4, static_cast<std::uint32_t>(main), std::endian::little);
  return out;
}

}  // namespace restride::exif
