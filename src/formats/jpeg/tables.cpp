// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/tables.h"

#include <algorithm>
#include <cstring>

#include "coding/jpeg/zigzag.h"

namespace restride::jpeg {

// B.2.4.1
void TableState::read_quant(ByteSpan segment, Scans& scans) {
  ByteReader reader(segment);
  while (reader.remaining()) {
    const std::uint8_t head = reader.u8();
    const bool wide = (head >> 4) != 0;
    // libjpeg takes short tables for smaller blocks; nobody writes them.
    if ((head >> 4) > 1 || (head & 15) > 3 || reader.remaining() < (wide ? 128U : 64U)) {
      scans.odd = true;
      return;
    }
    QuantTable& table = quant_[head & 15];
    table.defined = true;
    for (const std::uint8_t at : kNaturalOrder) table.values[at] = wide ? reader.u16() : reader.u8();
  }
}

// B.2.4.2
void TableState::read_huffman(ByteSpan segment, Scans& scans) {
  ByteReader reader(segment);
  while (reader.remaining()) {
    const std::uint8_t head = reader.u8();
    const ByteSpan counts = reader.take(16);
    unsigned codes = 0;
    for (const std::byte count : counts) codes += static_cast<unsigned>(count);
    if ((head & ~0x13U) != 0 || reader.overran() || codes > 256 || reader.remaining() < codes) {
      scans.odd = true;
      return;
    }
    Slot& slot = (head & 0x10 ? ac_ : dc_)[head & 3];
    slot = {};
    slot.defined = true;
    std::memcpy(slot.table.counts.data(), counts.data(), 16);
    if (codes) std::memcpy(slot.table.symbols.data(), reader.take(codes).data(), codes);
  }
}

void TableState::read(std::uint8_t marker, ByteSpan segment, Scans& scans) {
  const bool tables = marker == 0xc4 || marker == 0xcc || (marker >= 0xdb && marker <= 0xdd);  // DHT DAC DQT DNL DRI
  const bool text = (marker >= 0xe0 && marker <= 0xef) || marker == 0xfe;                      // APPn COM
  scans.odd |= !tables && !text;
  if (marker == 0xdb) read_quant(segment, scans);
  if (marker == 0xc4) read_huffman(segment, scans);
  if (marker == 0xdd) {
    scans.odd |= segment.size() != 2;
    if (segment.size() >= 2) restart_interval_ = ByteReader(segment).u16();
  }
}

std::uint16_t TableState::use(Slot& slot, Scans& scans) {
  if (slot.defined && slot.copy == Scan::kNoTable) {
    slot.copy = static_cast<std::uint16_t>(scans.huffman.size());
    scans.huffman.push_back(slot.table);
  }
  return slot.copy;
}

// B.2.3
void TableState::read_scan(const Headers& headers, ByteSpan segment, std::uint64_t offset, std::uint64_t length,
                           Scans& scans) {
  ByteReader reader(segment);
  Scan scan;
  scan.components = reader.u8();
  scan.restart_interval = restart_interval_;
  scan.offset = offset;
  scan.length = length;
  if (scan.components < 1 || scan.components > 4 || segment.size() != 4U + 2U * scan.components) {
    scans.odd = true;
    return;
  }
  const ByteSpan rest = segment.last(3);
  scan.ss = u8_at(rest, 0);
  scan.se = u8_at(rest, 1);
  scan.ah = u8_at(rest, 2) >> 4;
  scan.al = u8_at(rest, 2) & 15;
  std::array<bool, 4> used{};
  for (unsigned i = 0; i < scan.components; ++i) {
    const std::uint8_t id = reader.u8(), tables = reader.u8();
    const auto* end = headers.component.begin() + headers.components;
    const auto* found = std::find_if(headers.component.begin(), end, [&](const Component& c) { return c.id == id; });
    const auto index = static_cast<std::size_t>(found - headers.component.begin());
    if (found == end || used[index] || (tables & ~0x33U) != 0) {
      scans.odd = true;
      return;
    }
    used[index] = true;
    scan.component[i] = static_cast<std::uint8_t>(index);
    const bool lossless = headers.sof == 0xc3;  // "Ss" is the predictor there (H.1.1)
    scan.dc[i] = lossless || (scan.ss == 0 && scan.ah == 0) ? use(dc_[tables >> 4], scans) : Scan::kNoTable;
    scan.ac[i] = scan.se > 0 ? use(ac_[tables & 3], scans) : Scan::kNoTable;
    if (!seen_[index] && found->quant < 4) scans.quant[index] = quant_[found->quant];
    seen_[index] = true;
  }
  scans.list.push_back(scan);
}

namespace {

// The position of the next marker at or behind `from` that ends entropy-coded data: FF and no 00, FF or RSTn behind it.
std::size_t end_of_scan(ByteSpan bytes, std::size_t from) noexcept {
  while (from + 1 < bytes.size()) {
    const void* found = std::memchr(bytes.data() + from, 0xff, bytes.size() - 1 - from);
    if (!found) break;
    from = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    const std::uint8_t next = u8_at(bytes, from + 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return from;
    from += next == 0xff ? 1 : 2;
  }
  return bytes.size();
}

}  // namespace

void read_all_scans(ByteSpan bytes, const Headers& headers, Scans& scans) {
  TableState state;
  ByteReader reader(bytes);
  reader.skip(2);
  scans.ends_known = true;
  while (true) {
    // Garbage between segments is skipped, as when the first of them were read; only fill bytes are not odd.
    while (reader.remaining() && reader.u8() != 0xff) scans.odd = true;
    std::uint8_t marker = 0xff;
    while (reader.remaining() && marker == 0xff) marker = reader.u8();
    if (!reader.remaining() && marker != 0xd9) return;
    if (marker == 0xd9) {
      scans.ended = true;
      return;
    }
    if (marker == 0 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      scans.odd = true;
      continue;
    }
    const std::uint16_t length = reader.u16();
    const ByteSpan segment = reader.take(length < 2 ? 0 : length - 2U);
    if (length < 2 || reader.overran()) {
      scans.odd = true;
      return;
    }
    if (marker != 0xda) {
      const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      scans.odd |= frame && !scans.list.empty();
      if (!frame) state.read(marker, segment, scans);
      continue;
    }
    const std::size_t start = reader.position(), end = end_of_scan(bytes, start);
    if (scans.list.size() == Headers::kMaxScans) {
      scans.odd = true;
      return;
    }
    state.read_scan(headers, segment, start, end - start, scans);
    if (scans.odd) return;
    reader.seek(end);
  }
}

const Scans& Headers::scans(ByteSpan bytes) const {
  if (single_scan()) return first;
  std::call_once(looked_, [&] {
    auto all = std::make_unique<Scans>();
    read_all_scans(bytes, *this, *all);
    all_ = std::move(all);
  });
  return *all_;
}

}  // namespace restride::jpeg
