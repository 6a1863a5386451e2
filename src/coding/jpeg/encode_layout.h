// SPDX-License-Identifier: Apache-2.0
// Where the bits of tiles go, and putting them there as bytes with FF stuffed (ITU-T T.81, B.1.1.5).
#pragma once

#include <cstdint>

#include "coding/jpeg/encode_batch.h"
#include "coding/jpeg/encode_block.h"

namespace restride::jpeg {

inline constexpr std::uint64_t kOutputAlignment = 64;

// The layout of one group of tiles, by a thread a tile. Between the calls the numbers that the threads gave are summed
// up or scanned exclusively.
class GroupLayout {
 public:
  static constexpr unsigned kThreads = kGroupTiles;

  RESTRIDE_HD GroupLayout(const EncodeBatch& batch, std::uint32_t group) noexcept
      : batch_(batch),
        picture_index_(picture_of(batch, &ForwardPicture::first_group, group)),
        picture_(batch.pictures[picture_index_]),
        group_(group),
        first_((group - picture_.first_group) * kGroupTiles) {}

  // To be summed: bits of the picture before the group.
  RESTRIDE_HD std::uint64_t bits_before(unsigned thread) const noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t g = picture_.first_group + thread; g < group_; g += kThreads) sum += batch_.groups[g].bits;
    return sum;
  }
  // To be scanned.
  RESTRIDE_HD std::uint32_t bits(unsigned thread) const noexcept { return there(thread) ? tile(thread).bits : 0; }
  // To be scanned: FF bytes of the thread's tile, which starts at bit `start` of the picture.
  RESTRIDE_HD std::uint32_t stuffed(unsigned thread, std::uint64_t start) const noexcept {
    return there(thread) ? bytes_of(thread, start).stuffed : 0;
  }
  RESTRIDE_HD void place(unsigned thread, std::uint64_t start, std::uint32_t stuffed_before) const noexcept {
    if (!there(thread)) return;
    const Owned owned = bytes_of(thread, start);
    batch_.places[picture_.first_tile + first_ + thread] = {(start + 7) / 8 + stuffed_before, owned.bytes,
                                                            static_cast<std::uint8_t>((0 - start) & 7), owned.last};
    if (first_ + thread + 1 == picture_.tiles)  // as long as it is without stuffing, and EOI
      batch_.results[picture_index_].size = (start + tile(thread).bits + 7) / 8 + 2;
  }
  // By one thread.
  RESTRIDE_HD void finish(std::uint32_t stuffed) const noexcept { batch_.groups[group_].stuffed = stuffed; }

 private:
  struct Owned {
    std::uint32_t bytes, stuffed;
    std::uint8_t last;
  };

  RESTRIDE_HD bool there(unsigned thread) const noexcept { return first_ + thread < picture_.tiles; }
  RESTRIDE_HD const EncodedTile& tile(unsigned thread) const noexcept {
    return batch_.encoded[picture_.first_tile + first_ + thread];
  }

  // The bytes that start in a tile, whose first bit is bit `start` of the picture.
  RESTRIDE_HD Owned bytes_of(unsigned thread, std::uint64_t start) const noexcept {
    const EncodedTile& here = tile(thread);
    const std::uint64_t end = start + here.bits, first_byte = (start + 7) / 8;
    Owned owned{static_cast<std::uint32_t>((end + 7) / 8 - first_byte), here.stuffed[(0 - start) & 7], here.tail};
    const unsigned left = end & 7;  // bits in the last byte, which the next tile or ones complete
    if (left && owned.bytes) {
      const unsigned next = first_ + thread + 1 < picture_.tiles ? tile(thread + 1).head : 0xffU;
      owned.last = static_cast<std::uint8_t>(here.tail << (8 - left) | next >> left);
      owned.stuffed += owned.last == 0xff;
    }
    return owned;
  }

  const EncodeBatch& batch_;
  std::uint32_t picture_index_;
  const ForwardPicture& picture_;
  std::uint32_t group_, first_;
};

// Places pictures in the output one after the other. Needs EncodeGroup::stuffed_before, that of the one behind the last
// too. Between the calls the rooms are scanned exclusively.
class OutputLayout {
 public:
  RESTRIDE_HD OutputLayout(const EncodeBatch& batch, std::uint32_t picture) noexcept
      : batch_(batch), result_(batch.results[picture]), target_(batch.targets[picture]) {
    const ForwardPicture& described = batch.pictures[picture];
    const EncodeGroup* groups = batch.groups + described.first_group;
    result_.size += groups[(described.tiles + kGroupTiles - 1) / kGroupTiles].stuffed_before - groups->stuffed_before;
  }

  RESTRIDE_HD std::uint64_t room() const noexcept {
    return (shift() + result_.size + kOutputAlignment - 1) & ~(kOutputAlignment - 1);
  }
  RESTRIDE_HD EncodedPicture place(std::uint64_t start) const noexcept {
    EncodedPicture placed = result_;
    placed.base = start + shift();
    placed.to = target_.to && placed.size <= target_.room           ? target_.to
                : placed.base + placed.size <= batch_.staging_bytes ? batch_.staging + placed.base
                                                                    : nullptr;
    return placed;
  }

 private:
  // Data keeps its distance from 16-byte boundaries on its way, so that it can be copied in words of 16 bytes.
  RESTRIDE_HD unsigned shift() const noexcept { return reinterpret_cast<std::uintptr_t>(target_.to) & 15; }

  const EncodeBatch& batch_;
  EncodedPicture result_;
  EncodeTarget target_;
};

struct alignas(16) Word16 {
  std::uint32_t part[4];
};

// Copies a picture's data from the output to where it is wanted, by `threads` threads.
RESTRIDE_HD inline void copy_out_picture(const EncodeBatch& batch, std::uint32_t picture, std::uint32_t thread,
                                         std::uint32_t threads) noexcept {
  const EncodedPicture& result = batch.results[picture];
  if (!result.to || result.base + result.size > batch.output_bytes) return;
  const std::uint8_t* from = batch.output + result.base;
  const std::uint64_t before = (16 - (result.base & 15)) & 15, head = before < result.size ? before : result.size;
  const std::uint64_t words = (result.size - head) / 16, tail = head + 16 * words;
  const auto* from_words = reinterpret_cast<const Word16*>(from + head);
  auto* to_words = reinterpret_cast<Word16*>(result.to + head);
  for (std::uint64_t i = thread; i < words; i += threads) to_words[i] = from_words[i];
  if (thread < head) result.to[thread] = from[thread];
  if (thread < result.size - tail) result.to[tail + thread] = from[tail + thread];
}

// The bytes of one tile by the 32 lanes of a warp, 128 bytes at a time.
class TileBytes {
 public:
  RESTRIDE_HD TileBytes(const EncodeBatch& batch, std::uint32_t tile) noexcept
      : place_(batch.places[tile]), from_(batch.arena), to_(batch.output) {
    const EncodedTile& encoded = batch.encoded[tile];
    const std::uint32_t p = picture_of(batch, &ForwardPicture::first_tile, tile);
    const EncodedPicture& result = batch.results[p];
    const ForwardPicture& picture = batch.pictures[p];
    from_ += encoded.slot;
    bits_ = encoded.bits;
    const EncodeGroup* groups = batch.groups + picture.first_group;
    to_ += result.base + place_.position + groups[(tile - picture.first_tile) / kGroupTiles].stuffed_before -
           groups->stuffed_before;
    ends_ = tile + 1 == picture.first_tile + picture.tiles;
    fits_ = result.base + result.size <= batch.output_bytes && batch.totals->arena_words <= batch.arena_words;
    end_of_image_ = batch.output + result.base + result.size - 2;
  }

  // Up to four bytes, the first in the highest place, how many, and with how many stuffed.
  struct Piece {
    std::uint32_t bytes;
    unsigned count, stuffed;
  };
  RESTRIDE_HD std::uint32_t size() const noexcept { return fits_ ? place_.bytes : 0; }
  RESTRIDE_HD Piece piece(std::uint32_t first) const noexcept {
    Piece piece{0, 0, 0};
    if (first >= place_.bytes) return piece;
    piece.count = place_.bytes - first < 4 ? place_.bytes - first : 4;
    const std::uint32_t bit = place_.first_bit + 8 * first, words = (bits_ + 31) / 32, w = bit / 32;
    const std::uint64_t pair = std::uint64_t{w < words ? from_[w] : 0} << 32 | (w + 1 < words ? from_[w + 1] : 0);
    piece.bytes = static_cast<std::uint32_t>(pair >> (32 - bit % 32));
    if (first + piece.count == place_.bytes) {
      const unsigned shift = 8 * (4 - piece.count);
      piece.bytes = (piece.bytes & ~(0xffU << shift)) | std::uint32_t{place_.last_byte} << shift;
    }
    for (unsigned i = 0; i < piece.count; ++i) piece.stuffed += (piece.bytes >> (24 - 8 * i) & 0xff) == 0xff;
    return piece;
  }
  // Writes a piece `offset` bytes, stuffing counted, behind the tile's first.
  RESTRIDE_HD void store(const Piece& piece, std::uint64_t offset) const noexcept {
    std::uint8_t* to = to_ + offset;
    for (unsigned i = 0; i < piece.count; ++i) {
      const auto byte = static_cast<std::uint8_t>(piece.bytes >> (24 - 8 * i));
      *to++ = byte;
      if (byte == 0xff) *to++ = 0;
    }
  }
  // By one lane.
  RESTRIDE_HD void finish() const noexcept {
    if (!ends_ || !fits_) return;
    end_of_image_[0] = 0xff;
    end_of_image_[1] = 0xd9;
  }

 private:
  TilePlace place_;
  const std::uint32_t* from_;
  std::uint8_t* to_;
  std::uint8_t* end_of_image_ = nullptr;
  std::uint32_t bits_ = 0;
  bool ends_ = false, fits_ = false;
};

}  // namespace restride::jpeg
