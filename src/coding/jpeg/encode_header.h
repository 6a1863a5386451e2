// SPDX-License-Identifier: Apache-2.0
// Everything of a baseline file before its entropy-coded data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coding/jpeg/encode_settings.h"
#include "coding/jpeg/encode_tables.h"

namespace restride::jpeg {

// What the headers say of a picture.
struct EncodeFrame {
  std::uint32_t width = 0, height = 0;
  unsigned components = 3;  // 1 gray, 3 YCbCr, 4 CMYK
  SamplingFactors luma{1, 1};
  int quality = 75;
  bool optimized = false;  // Huffman tables of its own

  bool operator==(const EncodeFrame&) const noexcept = default;
};

inline constexpr std::size_t kMaxHeaderBytes = 1536;

// Writes SOI to SOS as libjpeg orders them: APP0 (or Adobe's APP14 for CMYK), DQT, SOF0, DHT, SOS. Returns the number
// of bytes, at most kMaxHeaderBytes.
std::size_t write_encode_header(const EncodeFrame& frame, const HuffmanTables& tables, std::byte* to) noexcept;

}  // namespace restride::jpeg
