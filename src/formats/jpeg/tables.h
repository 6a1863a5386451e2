// SPDX-License-Identifier: Apache-2.0
// Reading table and scan segments (ITU-T T.81, B.2.3 and B.2.4). Nothing here fails: what libjpeg would refuse makes
// the scans `odd`, and libjpeg, to which such streams are left, has the word.
#pragma once

#include "base/bytes.h"
#include "formats/jpeg/headers.h"

namespace restride::jpeg {

// The tables in force while segments are read in order.
class TableState {
 public:
  // Takes in DQT, DHT or DRI; other markers are none of its business. `segment`: without marker and length.
  void read(std::uint8_t marker, ByteSpan segment, Scans& scans);
  // Appends the scan of an SOS segment; its data start at `offset` and have `length` bytes. Tables are copied into
  // `scans` when a scan first needs them.
  void read_scan(const Headers& headers, ByteSpan segment, std::uint64_t offset, std::uint64_t length, Scans& scans);
  std::uint32_t restart_interval() const noexcept { return restart_interval_; }

 private:
  struct Slot {
    HuffmanTable table;
    bool defined = false;
    std::uint16_t copy = Scan::kNoTable;  // its index in Scans::huffman, once there
  };
  void read_quant(ByteSpan segment, Scans& scans);
  void read_huffman(ByteSpan segment, Scans& scans);
  static std::uint16_t use(Slot& slot, Scans& scans);

  std::array<QuantTable, 4> quant_;
  std::array<Slot, 4> dc_, ac_;
  std::uint32_t restart_interval_ = 0;
  std::array<bool, 4> seen_{};  // components with a scan
};

// Reads the scans behind the header segments that end at the stream's first SOS.
void read_all_scans(ByteSpan bytes, const Headers& headers, Scans& scans);

}  // namespace restride::jpeg
