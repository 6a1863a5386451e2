// SPDX-License-Identifier: Apache-2.0
#include "formats/png/idat.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error_util.h"

namespace restride::png {

Status IdatReader::open(ByteSpan file, const Headers& headers) {
  file_ = file;
  position_ = static_cast<std::size_t>(headers.data_offset);
  chunk_left_ = 0;
  in_chunk_ = ended_ = false;
  isal_inflate_init(&inflate_);
  inflate_.crc_flag = ISAL_ZLIB_NO_HDR_VER;
  inflate_.avail_in = 0;

  // RFC 1950, 2.2; both bytes may come from chunks of their own.
  RESTRIDE_ASSIGN(const unsigned method, header_byte());
  RESTRIDE_ASSIGN(const unsigned flags, header_byte());
  if ((method << 8 | flags) % 31 != 0 || (method & 15) != 8 || method >> 4 > 7)
    return fail_at(Errc::corrupt, headers.data_offset, "IDAT: not the start of a zlib stream (0x%02x%02x)", method,
                   flags);
  if (flags & 0x20)
    return fail_at(Errc::corrupt, headers.data_offset, "IDAT: the zlib stream needs a preset dictionary");
  return {};
}

Result<std::uint8_t> IdatReader::header_byte() {
  while (inflate_.avail_in == 0) {
    RESTRIDE_ASSIGN(const bool more, refill());
    if (!more) return missing_data();
  }
  --inflate_.avail_in;
  return *inflate_.next_in++;
}

Error IdatReader::missing_data() const {
  return fail_at(Errc::truncated, position_, "IDAT: the picture data ends before the picture does");
}

Error IdatReader::inflate_error(int code) const {
  const char* what = "is damaged";
  switch (code) {
    case ISAL_INVALID_BLOCK:
      what = "has an invalid block";
      break;
    case ISAL_INVALID_SYMBOL:
      what = "has an invalid symbol";
      break;
    case ISAL_INVALID_LOOKBACK:
      what = "refers to data before its start";
      break;
    case ISAL_INCORRECT_CHECKSUM:
      what = "does not match its Adler-32 checksum";
      break;
    default:
      break;
  }
  return fail_at(Errc::corrupt, position_, "IDAT: the zlib stream %s", what);
}

Result<bool> IdatReader::next_chunk() {
  ByteReader reader(file_);
  reader.seek(position_);
  if (in_chunk_) reader.skip(4);  // the CRC of the chunk before
  const std::uint64_t offset = reader.position();
  const std::uint32_t length = reader.u32(), type = reader.u32();
  in_chunk_ = false;
  if (reader.overran() || type != kIdat) {
    ended_ = true;
    return false;
  }
  if (length > kLongestChunk) return fail_at(Errc::corrupt, offset, "IDAT: chunk length %u", length);
  position_ = reader.position();
  chunk_left_ = length;
  crc_ = libdeflate_crc32(0, file_.data() + position_ - 4, 4);
  in_chunk_ = true;
  return true;
}

Result<bool> IdatReader::refill() {
  if (ended_) return false;
  if (!in_chunk_ || chunk_left_ == 0) {
    RESTRIDE_ASSIGN(const bool more, next_chunk());
    if (!more) return false;
  }
  const std::size_t size = std::min({kPiece, std::size_t{chunk_left_}, file_.size() - position_});
  const std::byte* data = file_.data() + position_;
  crc_ = libdeflate_crc32(crc_, data, size);
  position_ += size;
  chunk_left_ -= static_cast<std::uint32_t>(size);
  inflate_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(data));
  inflate_.avail_in = static_cast<std::uint32_t>(size);
  if (chunk_left_ != 0) {
    if (position_ == file_.size()) ended_ = true;
  } else if (file_.size() - position_ >= 4) {
    if (load<std::uint32_t>(file_.data() + position_, std::endian::big) != crc_)
      return fail_at(Errc::corrupt, position_, "IDAT: the CRC is wrong");
  } else {
    ended_ = true;
  }
  return true;
}

Status IdatReader::read(std::span<std::byte> out) {
  inflate_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  std::size_t left = out.size();
  while (left != 0) {
    if (inflate_.block_state == ISAL_BLOCK_FINISH) return missing_data();
    const auto room = static_cast<std::uint32_t>(std::min<std::size_t>(left, std::numeric_limits<std::int32_t>::max()));
    inflate_.avail_out = room;
    const std::uint32_t input = inflate_.avail_in;
    const int code = isal_inflate(&inflate_);
    if (code != ISAL_DECOMP_OK) return inflate_error(code);
    left -= room - inflate_.avail_out;
    if (input != 0 && inflate_.avail_in == input && inflate_.avail_out == room) return inflate_error(code);
    // Output is still pending inside the inflater while it fills what it is given.
    if (inflate_.avail_out == 0 || inflate_.avail_in != 0 || inflate_.block_state == ISAL_BLOCK_FINISH) continue;
    RESTRIDE_ASSIGN(const bool more, refill());
    if (!more) return missing_data();
  }
  return {};
}

Status IdatReader::finish() {
  std::array<std::byte, 1> beyond;
  while (inflate_.block_state != ISAL_BLOCK_FINISH) {
    inflate_.next_out = reinterpret_cast<std::uint8_t*>(beyond.data());
    inflate_.avail_out = 1;
    const std::uint32_t input = inflate_.avail_in;
    const int code = isal_inflate(&inflate_);
    if (inflate_.avail_out == 0) break;  // more data than pixels
    if (code != ISAL_DECOMP_OK || (input != 0 && inflate_.avail_in == input)) return inflate_error(code);
    if (inflate_.avail_in != 0 || inflate_.block_state == ISAL_BLOCK_FINISH) continue;
    RESTRIDE_ASSIGN(const bool more, refill());
    if (!more) return missing_data();
  }
  while (true) {
    RESTRIDE_ASSIGN(const bool more, refill());
    if (!more) return {};
  }
}

}  // namespace restride::png
