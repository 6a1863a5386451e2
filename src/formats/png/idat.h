// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <isa-l/igzip_lib.h>

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "formats/png/headers.h"
#include "restride/error.h"

namespace restride::png {

// Inflates the picture data as far as it is asked to, straight from the IDAT chunks (10.1: one zlib stream, cut
// anywhere). Made once and kept; allocates nothing. Not thread-safe.
class IdatReader {
 public:
  // Starts at the first IDAT chunk of `file`, which must outlive the reading.
  Status open(ByteSpan file, const Headers& headers);

  // The next out.size() bytes.
  Status read(std::span<std::byte> out);

  // Reads on to the end: checks the Adler-32 value and the CRC of the chunks that are left. Data beyond the picture is
  // tolerated, as libpng does, and then not checked.
  Status finish();

 private:
  // Gives the inflater more input; false at the end of the picture data.
  Result<bool> refill();
  Result<bool> next_chunk();
  Result<std::uint8_t> header_byte();
  Error missing_data() const;
  Error inflate_error(int code) const;

  // Input is handed over in pieces of this size, so that it is still cached when it is inflated after its CRC.
  static constexpr std::size_t kPiece = std::size_t{128} << 10;

  ByteSpan file_;
  std::size_t position_ = 0;      // of the first byte not handed over
  std::uint32_t chunk_left_ = 0;  // bytes of the current chunk behind position_
  std::uint32_t crc_ = 0;         // of the current chunk so far
  bool in_chunk_ = false;
  bool ended_ = false;  // no IDAT chunk is left
  inflate_state inflate_;
};

}  // namespace restride::png
