// SPDX-License-Identifier: Apache-2.0
// libjpeg's error handling and data managers in terms of ours. libjpeg leaves by longjmp, so guarded code must not hold
// objects with destructors.
#pragma once

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include "base/bytes.h"
#include "base/error_util.h"
#include "formats/jpeg/arena.h"
#include "stream/byte_sink.h"

namespace restride::jpeg {

struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg sees only this
  std::jmp_buf jump;
  Errc code;
  std::uint64_t offset;
  char message[JMSG_LENGTH_MAX];

  void install(j_common_ptr cinfo) noexcept;
  Error error() const { return {code, message, offset}; }
};

// Reads from memory. At the end it hands out an EOI marker, as libjpeg's contract asks for, and remembers that.
struct SourceManager {
  jpeg_source_mgr base;  // first
  ByteSpan bytes;
  bool hit_end;

  void install(j_decompress_ptr cinfo, ByteSpan from) noexcept;
  std::uint64_t position() const noexcept { return hit_end ? bytes.size() : bytes.size() - base.bytes_in_buffer; }
};

// Writes into a ByteSink.
struct DestinationManager {
  jpeg_destination_mgr base;  // first
  ByteSink* sink;

  void install(j_compress_ptr cinfo, ByteSink& to) noexcept;
};

// Where libjpeg reports progress: counts the scans.
struct ScanLimit {
  jpeg_progress_mgr base;  // first
  int scans;
};

// A decompressor kept from picture to picture.
struct Decompressor {
  Decompressor();  // throws std::bad_alloc
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Ready for another file. libjpeg would use the tables of the last one where this one lacks them.
  void begin(ByteSpan bytes) noexcept;

  jpeg_decompress_struct cinfo{};
  ErrorManager errors{};
  SourceManager source{};
  ScanLimit limit{};
  Arena arena;
};

// A compressor kept from picture to picture.
struct Compressor {
  Compressor();  // throws std::bad_alloc
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  jpeg_compress_struct cinfo{};
  ErrorManager errors{};
  DestinationManager destination{};
  Arena arena;
  // What cinfo is set up for but for the picture's size; nothing after a picture with tables of its own.
  struct Setup {
    J_COLOR_SPACE space = JCS_UNKNOWN;
    int channels = 0, quality = 0, h = 0, v = 0;
    bool operator==(const Setup&) const noexcept = default;
  };
  Setup setup;
};

// Runs f(), which may leave by libjpeg's error exit; then the error is given.
template <class F>
Status guarded(ErrorManager& errors, F&& f) {
  if (setjmp(errors.jump)) return errors.error();
  f();
  return {};
}

}  // namespace restride::jpeg
