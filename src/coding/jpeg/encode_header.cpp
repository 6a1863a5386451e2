// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/encode_header.h"

#include <initializer_list>
#include <numeric>

#include "coding/jpeg/zigzag.h"

namespace restride::jpeg {
namespace {

struct HeaderWriter {
  std::byte* at;

  void bytes(std::initializer_list<unsigned> values) noexcept {
    for (unsigned value : values) *at++ = static_cast<std::byte>(value);
  }
  void u16(unsigned value) noexcept { bytes({value >> 8, value & 0xff}); }
  void marker(unsigned code, unsigned length) noexcept {
    bytes({0xff, code});
    u16(length);
  }

  void quantizer(int quality, unsigned table) noexcept {
    marker(0xdb, 67);
    bytes({table});
    const QuantizerSteps steps = quantizer_steps(quality, table != 0);
    for (unsigned natural : kNaturalOrder) bytes({steps[natural]});
  }
  void huffman(const HuffmanCounts& table, unsigned id) noexcept {
    const unsigned values = std::accumulate(std::begin(table.counts), std::end(table.counts), 0U);
    marker(0xc4, 19 + values);
    bytes({id});
    for (unsigned count : table.counts) bytes({count});
    for (unsigned i = 0; i < values; ++i) bytes({table.values[i]});
  }
};

}  // namespace

std::size_t write_encode_header(const EncodeFrame& frame, const HuffmanTables& tables, std::byte* to) noexcept {
  HeaderWriter out{to};
  const bool inks = frame.components == 4;
  const unsigned tables_used = frame.components == 3 ? 2 : 1;
  const auto id = [&](unsigned component) -> unsigned { return inks ? "CMYK"[component] : component + 1; };
  out.bytes({0xff, 0xd8});
  if (inks) {  // Adobe's segment: version 100, no flags, no transform
    out.marker(0xee, 14);
    out.bytes({'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0});
  } else {  // JFIF 1.01, square pixels, no thumbnail
    out.marker(0xe0, 16);
    out.bytes({'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0});
  }
  for (unsigned i = 0; i < tables_used; ++i) out.quantizer(frame.quality, i);
  out.marker(0xc0, 8 + 3 * frame.components);
  out.bytes({8});
  out.u16(frame.height);
  out.u16(frame.width);
  out.bytes({frame.components});
  for (unsigned i = 0; i < frame.components; ++i) {
    const bool luma = frame.components == 3 && i == 0;
    const unsigned factors = luma ? static_cast<unsigned>(frame.luma.h << 4 | frame.luma.v) : 0x11;
    out.bytes({id(i), factors, frame.components == 3 && i > 0 ? 1U : 0U});
  }
  for (unsigned i = 0; i < tables_used; ++i) {
    out.huffman(tables.dc[i], i);
    out.huffman(tables.ac[i], 0x10 | i);
  }
  out.marker(0xda, 6 + 2 * frame.components);
  out.bytes({frame.components});
  for (unsigned i = 0; i < frame.components; ++i) out.bytes({id(i), frame.components == 3 && i > 0 ? 0x11U : 0U});
  out.bytes({0, 63, 0});
  return static_cast<std::size_t>(out.at - to);
}

}  // namespace restride::jpeg
