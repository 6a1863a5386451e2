// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "coding/jpeg/progressive.h"
#include "formats/jpeg/headers.h"

namespace restride::jpeg {

// What the headers say of a scan of `all`, for decode_progressive(); its MCUs and data are left to the caller. Refers
// to the tables of `all`.
inline ProgressiveScan progressive_scan(const Scan& header, const Scans& all) noexcept {
  ProgressiveScan scan;
  scan.components = header.components;
  scan.component = header.component;
  scan.ss = header.ss;
  scan.se = header.se;
  scan.ah = header.ah;
  scan.al = header.al;
  scan.restart_interval = header.restart_interval;
  for (unsigned i = 0; i < header.components; ++i) {
    const std::uint16_t table = header.ss == 0 ? header.dc[i] : header.ac[i];
    if (table == Scan::kNoTable) continue;
    scan.counts[i] = all.huffman[table].counts.data();
    scan.symbols[i] = all.huffman[table].symbols.data();
  }
  return scan;
}

}  // namespace restride::jpeg
