// SPDX-License-Identifier: Apache-2.0
#include "coding/deflate.h"

#include <isa-l.h>
#include <libdeflate.h>

#include <algorithm>
#include <limits>
#include <new>

namespace restride::deflate {

Inflater::Inflater() noexcept : whole_(libdeflate_alloc_decompressor()) {}
Inflater::~Inflater() {
  if (whole_) libdeflate_free_decompressor(whole_);
}

Inflated Inflater::zlib(std::span<const std::byte> in, std::span<std::byte> out, bool only_start) noexcept {
  if (!whole_) return {0, End::no_memory};
  if (only_start) return start(in, out);
  std::size_t written = 0;
  switch (libdeflate_zlib_decompress(whole_, in.data(), in.size(), out.data(), out.size(), &written)) {
    case LIBDEFLATE_SUCCESS:
      return {written, End::finished};
    case LIBDEFLATE_INSUFFICIENT_SPACE:
      return start(in, out);  // writers that append to their last strip
    default:
      break;
  }
  // libdeflate does not say whether the data ends too early or is wrong.
  const Inflated seen = start(in, out);
  return {seen.written, seen.end == End::exhausted || seen.end == End::no_memory ? seen.end : End::corrupt};
}

Inflated Inflater::start(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  if (!partial_) partial_.reset(new (std::nothrow) inflate_state);
  if (!partial_) return {0, End::no_memory};
  inflate_state& state = *partial_;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_ZLIB;
  constexpr std::size_t kChunk = std::numeric_limits<std::uint32_t>::max() / 2;  // its counters have 32 bits
  std::size_t read = 0, written = 0;
  state.avail_in = state.avail_out = 0;
  while (state.block_state != ISAL_BLOCK_FINISH) {
    if (state.avail_in == 0) {
      state.avail_in = static_cast<std::uint32_t>(std::min(kChunk, in.size() - read));
      state.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(in.data() + read));
      read += state.avail_in;
    }
    if (state.avail_out == 0) {
      if (written == out.size()) return {written, End::filled};
      state.avail_out = static_cast<std::uint32_t>(std::min(kChunk, out.size() - written));
      state.next_out = reinterpret_cast<std::uint8_t*>(out.data() + written);
    }
    const std::uint32_t room = state.avail_out, input = state.avail_in;
    const int code = isal_inflate(&state);
    written += room - state.avail_out;
    if (code < 0) return {written, End::corrupt};
    if (code == ISAL_NEED_DICT) return {written, End::corrupt};  // zlib's preset dictionaries: no image format has them
    const bool moved = room != state.avail_out || input != state.avail_in;
    if (state.avail_in == 0 && read == in.size() && state.avail_out != 0 && state.block_state != ISAL_BLOCK_FINISH)
      return {written, End::exhausted};
    if (!moved && state.block_state != ISAL_BLOCK_FINISH && state.avail_out != 0) return {written, End::exhausted};
  }
  return {written, End::finished};
}

Deflater::Deflater() noexcept : compressor_(libdeflate_alloc_compressor(kLevel)) {}
Deflater::~Deflater() {
  if (compressor_) libdeflate_free_compressor(compressor_);
}

std::size_t Deflater::bound(std::size_t size) noexcept { return libdeflate_zlib_compress_bound(nullptr, size); }

std::size_t Deflater::zlib(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  if (!compressor_) return 0;
  return libdeflate_zlib_compress(compressor_, in.data(), in.size(), out.data(), out.size());
}

std::string library_versions() {
  return "libdeflate " + std::string(LIBDEFLATE_VERSION_STRING) + ", ISA-L " + std::to_string(ISAL_MAJOR_VERSION) +
         "." + std::to_string(ISAL_MINOR_VERSION) + "." + std::to_string(ISAL_PATCH_VERSION);
}

}  // namespace restride::deflate
