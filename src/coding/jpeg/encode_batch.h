// SPDX-License-Identifier: Apache-2.0
// Encoding many pictures at once, as steps that are the same for a GPU's threads and for a loop over them.
//
//   tiles     some dozen consecutive MCUs are coded to a string of bits each, wherever there is room for it
//             (encode_tile.h); nothing of another tile is needed, since a tile computes the DC levels before it anew
//   layout    where every tile's bits start, how many FF bytes that makes and so where its bytes go; by groups of
//             tiles, whose bits the first step adds up (encode_layout.h)
//   bytes     bits are shifted to their place, FF bytes stuffed (encode_layout.h)
//
// With optimised Huffman tables the tiles are gone through once more before, to count symbols, and tables are made.
#pragma once

#include <cstdint>

#include "coding/jpeg/encode_histogram.h"
#include "coding/jpeg/encode_tables.h"
#include "coding/jpeg/forward_picture.h"

namespace restride::jpeg {

// A tile with the MCU before it fills a thread block in the first pass: eight row groups an MCU. Large blocks would
// leave too many threads waiting in the later passes.
inline constexpr unsigned kTileMcus = 15;
inline constexpr unsigned kTileThreads = 8 * (kTileMcus + 1);

// Tiles of a picture that are laid out together.
inline constexpr unsigned kGroupTiles = 256;

struct EncodeTables {
  Quantizers quantizers;
  CodeTables codes;
  std::uint32_t optimized;  // how many pairs of Huffman tables are to be made: 0, 1 or 2
};

// The bits of one tile, in the arena from word `slot` on.
struct EncodedTile {
  std::uint32_t bits;
  std::uint32_t slot;
  std::uint16_t stuffed[8];  // how many whole bytes are FF when bytes start at bit 0, 1, ... 7
  std::uint8_t head, tail;   // the first eight bits, ones where there are fewer; the last eight
};

// Where a tile's bytes go. A tile owns the bytes that start in it.
struct TilePlace {
  std::uint64_t position;  // in the picture's entropy-coded data; stuffing is counted from the group's first byte on
  std::uint32_t bytes;     // without stuffing
  std::uint8_t first_bit;  // in the tile, of its first byte
  std::uint8_t last_byte;  // the last byte where it is shared with the next tile or padded
};

struct EncodeGroup {
  std::uint64_t bits;            // 0 at the start
  std::uint64_t stuffed;         // FF bytes
  std::uint64_t stuffed_before;  // in all groups before
};

// Where a caller wants a picture's data: memory that the encoder can write to. `to` may be null.
struct EncodeTarget {
  std::uint8_t* to;
  std::uint64_t room;
};

struct EncodedPicture {
  std::uint64_t base;  // of its data in the output; as far from a multiple of 16 as `to`
  std::uint64_t size;  // bytes of entropy-coded data and EOI
  std::uint8_t* to;    // where the data is in the end: the target if it fits there, else in the staging memory
};

// What the whole batch needed: when more than there was, the bytes are not valid and the batch is run again.
struct EncodeTotals {
  std::uint64_t arena_words;
  std::uint64_t output_bytes;
};

// Everything a batch works on. Trivially copyable.
struct EncodeBatch {
  const ForwardPicture* pictures;  // by layout, so that tiles of one layout follow each other
  EncodeTables* tables;
  std::uint32_t table_count;
  EncodeHistogram* histograms;  // by tables; zeros at the start. Null: none is optimised
  std::uint32_t picture_count, tile_count, group_count;
  std::uint32_t layout_end[kMcuLayouts];  // one behind the last tile of each layout
  EncodedTile* encoded;                   // by tile
  TilePlace* places;                      // by tile
  EncodeGroup* groups;                    // one more than there are
  EncodedPicture* results;
  EncodeTotals* totals;  // arena_words is 0 at the start
  std::uint32_t* arena;
  std::uint64_t arena_words;
  std::uint8_t* output;
  std::uint64_t output_bytes;
  const EncodeTarget* targets;  // by picture
  std::uint8_t* staging;        // for what does not fit its target, laid out as the output
  std::uint64_t staging_bytes;
};

// Makes table `which` (DC and AC of luma, DC and AC of chroma) of tables[index]; `maker` is the group's working memory.
template <class Group>
RESTRIDE_HD inline void make_optimal_table(const EncodeBatch& batch, std::uint32_t index, unsigned which,
                                           const Group& group, HuffmanMaker& maker, HuffmanTables& made) noexcept {
  EncodeTables& tables = batch.tables[index];
  const unsigned chroma = which / 2;
  const bool ac = which % 2 != 0;
  if (chroma >= tables.optimized) return;
  const EncodeHistogram& histogram = batch.histograms[index];
  maker.make(group, ac ? histogram.ac[chroma] : histogram.dc[chroma], ac ? 256 : 16);
  if (group.lane != 0) return;
  (ac ? made.ac : made.dc)[chroma] = maker.table();
  assign_codes(maker.table(), ac ? kAcSizeMask : kDcSizeMask, ac ? tables.codes.ac[chroma] : tables.codes.dc[chroma]);
}

// The picture that owns tile or group `index`: the last whose first one is not behind it. On a GPU all lanes of a warp
// ask together.
RESTRIDE_HD inline std::uint32_t picture_of(const EncodeBatch& batch, std::uint32_t ForwardPicture::*first,
                                            std::uint32_t index) noexcept {
  std::uint32_t low = 0, high = batch.picture_count;
#if defined(__CUDA_ARCH__)
  while (high - low > 1) {  // each lane looks at one of 32 parts
    const std::uint32_t step = (high - low + 31) / 32, lane = threadIdx.x % 32, at = low + lane * step;
    const unsigned before = __ballot_sync(0xffffffffU, at < high && batch.pictures[at].*first <= index);
    low += (31 - static_cast<std::uint32_t>(__clz(static_cast<int>(before)))) * step;
    high = low + step < high ? low + step : high;
  }
#else
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    (batch.pictures[middle].*first <= index ? low : high) = middle;
  }
#endif
  return low;
}

}  // namespace restride::jpeg
