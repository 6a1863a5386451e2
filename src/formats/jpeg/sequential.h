// SPDX-License-Identifier: Apache-2.0
// Decoding of sequential Huffman-coded pictures in one scan: own entropy decoding in front of libjpeg's other stages,
// from the nearest checkpoint on, in bands that may run on several threads.
#pragma once

#include "codec/codec.h"
#include "formats/jpeg/bands.h"
#include "formats/jpeg/headers.h"
#include "formats/jpeg/stages.h"

namespace restride::jpeg {

// All that decides how libjpeg's stages are set up. A handle that was set up for the same may be used as it is.
struct StageSetup {
  std::uint32_t width = 0, height = 0;
  std::uint8_t components = 0;
  std::array<Component, 4> component{};
  std::array<QuantTable, 4> quant{};
  ColorSpec stored = ColorSpec::unchanged;
  int output = -1;  // J_COLOR_SPACE
  std::uint8_t reduce = 0;
  bool operator==(const StageSetup&) const = default;
};

// What decoding keeps from picture to picture.
struct DecodeHandle {
  Decompressor libjpeg;
  ScanCoder scan;
  StageSetup setup;
  bool started = false;  // libjpeg's stages are ready for `setup`
};

// Rows [first, end) of pixels of a picture as reduced.
struct PixelRows {
  std::int64_t first, end;
};

// Decodes the part `rows` of the job's window. The handle is started and its scan prepared. Thread-safe for different
// rows of one job, each with its own handle and scratch. `invert`: samples are stored upside down (CMYK without Adobe).
Status decode_rows(DecodeHandle& handle, DecodeJob& job, PixelRows rows, bool invert, Scratch& scratch);

// Into how many bands the job's window is best divided.
std::size_t band_count(const DecodeHandle& handle, const DecodeJob& job, const Context& context) noexcept;
// Band `index` of `count`, cut at rows of MCUs.
PixelRows band_rows(const DecodeHandle& handle, const DecodeJob& job, std::size_t index, std::size_t count) noexcept;

}  // namespace restride::jpeg
