// SPDX-License-Identifier: Apache-2.0
// What the marker segments of a JPEG stream say (ITU-T T.81, annex B).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "formats/jpeg/checkpoints.h"
#include "stream/stream_info.h"

namespace restride::jpeg {

struct Component {
  std::uint8_t id = 0;
  std::uint8_t h = 1, v = 1;  // sampling factors
  std::uint8_t quant = 0;     // destination of its quantisation table
  bool operator==(const Component&) const = default;
};

// B.2.4.1, in natural order; elements of 8 or 16 bits.
struct QuantTable {
  std::array<std::uint16_t, 64> values{};
  bool defined = false;
  bool operator==(const QuantTable&) const = default;
};

// B.2.4.2. At most 256 codes in all; that the counts make a prefix code has not been checked.
struct HuffmanTable {
  std::array<std::uint8_t, 16> counts{};    // BITS: codes of 1 to 16 bits
  std::array<std::uint8_t, 256> symbols{};  // HUFFVAL
};

// One scan header (B.2.3) with what is in force at its start.
struct Scan {
  static constexpr std::uint16_t kNoTable = 0xffff;

  std::uint8_t components = 0;
  std::array<std::uint8_t, 4> component{};  // indices into Headers::component, in the scan's order
  std::array<std::uint16_t, 4> dc{},
      ac{};  // their tables: indices into Scans::huffman; kNoTable: none needed, or missing
  std::uint8_t ss = 0, se = 63, ah = 0, al = 0;
  std::uint32_t restart_interval = 0;  // MCUs; 0: none
  std::uint64_t offset = 0;            // of the entropy-coded data
  std::uint64_t length = 0;            // up to the marker behind it that is no RSTn; see Scans::ends_known
};

// The scans of a picture, and every table that one of them uses.
struct Scans {
  std::vector<Scan> list;
  std::vector<HuffmanTable> huffman;
  std::array<QuantTable, 4> quant;  // by component: in force at the start of its first scan, as libjpeg has it
  bool ends_known = false;          // false: the only scan's length reaches to the end of the stream
  bool ended = false;               // an EOI marker was seen behind the last scan
  bool odd = false;                 // something that libjpeg refuses or repairs: leave the stream to it
};

struct Headers final : FormatDetail {
  std::uint8_t sof = 0;  // low byte of the frame header's marker: 0xc0 baseline, 0xc2 progressive, 0xc3 lossless ...
  std::uint8_t precision = 8;
  std::uint8_t components = 0;
  std::array<Component, 4> component{};
  bool has_jfif = false;
  bool has_adobe = false;
  std::uint8_t adobe_transform = 0;
  std::uint32_t restart_interval = 0;
  std::uint64_t frame_offset = 0;   // of the frame header, for messages
  Scans first;                      // the first scan alone
  mutable Checkpoints checkpoints;  // into the only scan of a sequential picture, as far as it was decoded

  bool progressive() const noexcept { return sof == 0xc2 || sof == 0xca; }
  bool arithmetic() const noexcept { return sof >= 0xc9; }
  // Huffman or arithmetic, sequential or progressive DCT; not lossless, not hierarchical.
  bool dct() const noexcept { return sof == 0xc0 || sof == 0xc1 || sof == 0xc2 || sof == 0xc9 || sof == 0xca; }
  // All components in one sequential scan: the picture is complete with it, whatever follows.
  bool single_scan() const noexcept {
    return !progressive() && !first.list.empty() && first.list[0].components == components;
  }

  // All scans of the picture. Those behind the first are looked for when first asked (one pass over the stream, which
  // must be the one parsed), unless single_scan(). At most kMaxScans, more are odd. Thread-safe; valid as long as this.
  const Scans& scans(ByteSpan bytes) const;
  static constexpr std::size_t kMaxScans = 500;

  // Blocks of 8x8 coefficients that a picture of this size is coded in (A.2.4), without those that fill up MCUs.
  std::uint64_t blocks(std::uint64_t width, std::uint64_t height) const noexcept {
    std::uint64_t h_max = 1, v_max = 1, sum = 0;
    for (unsigned i = 0; i < components; ++i) {
      h_max = std::max<std::uint64_t>(h_max, component[i].h);
      v_max = std::max<std::uint64_t>(v_max, component[i].v);
    }
    for (unsigned i = 0; i < components; ++i)
      sum += (width * component[i].h + 8 * h_max - 1) / (8 * h_max) *
             ((height * component[i].v + 8 * v_max - 1) / (8 * v_max));
    return sum;
  }
  // Fewer bytes cannot hold such a picture: each block needs a code for DC, and one for AC where blocks are not passed
  // over in runs. Arithmetic coding has no such bound.
  std::uint64_t fewest_bytes(std::uint64_t width, std::uint64_t height) const noexcept {
    if (!dct() || arithmetic()) return 0;
    return blocks(width, height) * (progressive() ? 1 : 2) / 8;
  }

 private:
  mutable std::once_flag looked_;
  mutable std::unique_ptr<Scans> all_;
};

}  // namespace restride::jpeg
