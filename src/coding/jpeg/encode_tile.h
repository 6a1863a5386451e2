// SPDX-License-Identifier: Apache-2.0
// Coding one tile by the threads of one thread block. Between two phases all threads must have finished the first.
#pragma once

#include <cstdint>

#include "coding/jpeg/encode_batch.h"
#include "coding/jpeg/encode_block.h"

namespace restride::jpeg {

// A tile's working memory: shared memory on a GPU. Strides are odd in words, so that threads that work on one block
// each hit different banks.
struct TileMemory {
  static constexpr unsigned kRowWords = kMaxBlockWords | 1;  // first the row-transformed samples, then a block's bits
  static constexpr unsigned kLevelWords = 33;
  static constexpr unsigned kBlockWords = kRowWords + kLevelWords + 2 + 1;
  static constexpr unsigned kFixedWords = 8 + 2 + 1;  // stuffed counts, slot, the end of the last block

  std::uint32_t* rows;
  std::int16_t* levels;    // zig-zag order
  std::uint32_t* nonzero;  // two words a block, bit k % 32 of word k / 32 for levels[k]
  std::uint32_t* starts;   // first the number of bits of every block, then where they start in the tile; and the end
  std::uint32_t* stuffed;  // EncodedTile::stuffed
  std::uint64_t* slot;

  RESTRIDE_HD static constexpr unsigned bytes(unsigned blocks) noexcept {
    return 4 * (blocks * kBlockWords + kFixedWords);
  }
  RESTRIDE_HD TileMemory(std::uint32_t* words, unsigned blocks) noexcept {  // words: aligned to 8 bytes
    slot = reinterpret_cast<std::uint64_t*>(words);
    stuffed = words + 2;
    nonzero = words + 10;
    rows = nonzero + 2 * blocks;
    levels = reinterpret_cast<std::int16_t*>(rows + kRowWords * blocks);
    starts = rows + (kRowWords + kLevelWords) * blocks;
  }
  RESTRIDE_HD std::int16_t* block_levels(unsigned block) const noexcept { return levels + 2 * kLevelWords * block; }
  RESTRIDE_HD std::uint32_t* block_bits(unsigned block) const noexcept { return rows + kRowWords * block; }
};

// Adds bits to a word that other threads change too.
RESTRIDE_HD inline void merge_bits(std::uint32_t* word, std::uint32_t bits) noexcept {
#if defined(__CUDA_ARCH__)
  atomicOr(word, bits);
#else
  *word |= bits;
#endif
}
// Returns what was there before.
RESTRIDE_HD inline std::uint64_t add_long(std::uint64_t* sum, std::uint64_t value) noexcept {
#if defined(__CUDA_ARCH__)
  return atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(value));
#else
  const std::uint64_t before = *sum;
  *sum += value;
  return before;
#endif
}
RESTRIDE_HD inline void add_count(std::uint32_t* word, std::uint32_t count) noexcept {
#if defined(__CUDA_ARCH__)
  atomicAdd(word, count);
#else
  *word += count;
#endif
}

RESTRIDE_HD inline Quantizer load_quantizer(const Quantizer* from) noexcept {
#if defined(__CUDA_ARCH__)
  const uint4 words = __ldg(reinterpret_cast<const uint4*>(from));
  return {static_cast<std::int32_t>(words.x), words.y, {words.z, words.w}};
#else
  return *from;
#endif
}

// Blocks of the tile are counted from the MCU before it on, which is there for its DC levels.
template <class Layout>
class TileEncoder {
 public:
  static constexpr unsigned kMcus = kTileMcus, kThreads = kTileThreads;
  static constexpr unsigned kBlocks = Layout::kBlocks * (kMcus + 1);

  RESTRIDE_HD TileEncoder(const EncodeBatch& batch, std::uint32_t tile, std::uint32_t* memory) noexcept
      : batch_(batch),
        tile_(tile),
        picture_(batch.pictures[picture_of(batch, &ForwardPicture::first_tile, tile)]),
        tables_(batch.tables[picture_.tables]),
        memory_(memory, kBlocks),
        first_mcu_((tile - picture_.first_tile) * kMcus),
        mcus_(picture_.mcu_count - first_mcu_ < kMcus ? picture_.mcu_count - first_mcu_ : kMcus),
        end_block_(Layout::kBlocks * (mcus_ + 1)) {}

  // Phase 1: pixels to rows, transformed in the first dimension; a thread takes a row group of an MCU.
  RESTRIDE_HD void transform_rows(unsigned thread) const noexcept {
    const unsigned place = thread % (kMcus + 1), group = thread / (kMcus + 1);
    for (unsigned i = 0; i < 2 * kBlocks; i += kThreads)
      if (i + thread < 2 * kBlocks) memory_.nonzero[i + thread] = 0;
    if (thread < 8) memory_.stuffed[thread] = 0;
    if (place > mcus_ || first_mcu_ + place == 0) return;
    std::uint32_t mx = 0, my = 0;
    locate(first_mcu_ + place - 1, mx, my);
    const RowTarget to{reinterpret_cast<std::int16_t*>(memory_.block_bits(place * Layout::kBlocks)),
                       2 * TileMemory::kRowWords};
    forward_rows<Layout>(picture_, mx, my, group, to);
  }

  // Phase 2: columns, quantised; a thread takes columns one at a time.
  RESTRIDE_HD void transform_columns(unsigned thread) const noexcept {
    const unsigned column = thread % 8;
    for (unsigned b = thread / 8 + (first_mcu_ ? 0 : kFirstBlock); b < end_block_; b += kThreads / 8) {
      const auto* from = reinterpret_cast<const std::int16_t*>(memory_.block_bits(b)) + column;
      std::int32_t v[8];
      for (int i = 0; i < 8; ++i) v[i] = from[8 * i];
      forward_dct<true>(v);
      const Quantizer* quantizer = tables_.quantizers.table[table_of(index_in_mcu(b))] + column;
      std::int16_t* levels = memory_.block_levels(b);
      std::uint32_t nonzero[2] = {0, 0};
      for (int i = 0; i < 8; ++i) {
        const Quantizer q = load_quantizer(quantizer + 8 * i);
        const std::int32_t level = quantize(v[i], q);
        levels[q.more_and_place >> 16] = static_cast<std::int16_t>(level);
        if (level) {
          nonzero[0] |= q.bit[0];
          nonzero[1] |= q.bit[1];
        }
      }
      if (nonzero[0]) merge_bits(memory_.nonzero + 2 * b, nonzero[0]);
      if (nonzero[1]) merge_bits(memory_.nonzero + 2 * b + 1, nonzero[1]);
    }
  }

  // Phase 3: every block's bits by one thread. Luma first: its blocks take longer, and threads of a warp should take
  // equally long.
  RESTRIDE_HD void encode_blocks(unsigned thread) const noexcept {
    for (unsigned i = thread; i < end_block_ - kFirstBlock; i += kThreads) {
      const BlockInTurn block = block_in_turn(i);
      memory_.starts[block.index] =
          encode_block(memory_.block_levels(block.index), block.low, block.high, block.difference,
                       tables_.codes.dc[block.table], tables_.codes.ac[block.table], memory_.block_bits(block.index));
    }
  }

  // In the place of phases 3 to 7 where tables are to be made: symbols are counted, in three phases.
  RESTRIDE_HD bool counts_symbols() const noexcept { return tables_.optimized != 0; }
  RESTRIDE_HD void clear_counts(unsigned thread) const noexcept {
    for (unsigned i = thread; i < kCounts; i += kThreads) memory_.rows[i] = 0;
  }
  RESTRIDE_HD void count_symbols(unsigned thread) const noexcept {
    for (unsigned i = thread; i < end_block_ - kFirstBlock; i += kThreads) {
      const BlockInTurn block = block_in_turn(i);
      auto& counts = *reinterpret_cast<EncodeHistogram*>(memory_.rows);
      for_each_symbol(memory_.block_levels(block.index), block.low, block.high, block.difference,
                      [&](bool is_dc, unsigned symbol, std::int32_t, unsigned) {
                        add_count((is_dc ? counts.dc[block.table] : counts.ac[block.table]) + symbol, 1);
                      });
    }
  }
  RESTRIDE_HD void add_counts(unsigned thread) const noexcept {
    auto* to = reinterpret_cast<std::uint32_t*>(batch_.histograms + picture_.tables);
    for (unsigned i = thread; i < kCounts; i += kThreads)
      if (memory_.rows[i]) add_count(to + i, memory_.rows[i]);
  }

  // Phase 4: the bits of the blocks are scanned (starts[first_block() ... end_block()], exclusively, and the total in
  // starts[end_block()]).
  RESTRIDE_HD unsigned first_block() const noexcept { return kFirstBlock; }
  RESTRIDE_HD unsigned end_block() const noexcept { return end_block_; }
  RESTRIDE_HD std::uint32_t* starts() const noexcept { return memory_.starts; }

  // Phase 5: one thread takes room in the arena and makes it known; meanwhile all gather the tile's words from its
  // blocks, if they fit where the levels were, a thread a word at a time.
  RESTRIDE_HD std::uint64_t take_room() const noexcept { return add_long(&batch_.totals->arena_words, total_words()); }
  RESTRIDE_HD void set_room(std::uint64_t slot) const noexcept { *memory_.slot = slot; }
  RESTRIDE_HD void gather_words(unsigned thread) const noexcept {
    if (!gathered()) return;
    for (unsigned w = thread; w < total_words(); w += kThreads) gathered_words()[w] = gathered_word(w);
  }

  // Phase 6: the words to their room, and how many FF bytes they make at each of the eight alignments.
  RESTRIDE_HD void store_words(unsigned thread) const noexcept {
    const unsigned words = total_words();
    const bool fits = *memory_.slot + words <= batch_.arena_words;
    for (unsigned w = thread; w < words; w += kThreads) {
      const std::uint32_t here = word(w), next = w + 1 < words ? word(w + 1) : 0;
      if (fits) batch_.arena[*memory_.slot + w] = here;
      std::uint64_t ones = std::uint64_t{here} << 32 | next;
      ones &= ones << 1;
      ones &= ones << 2;
      ones &= ones << 4;  // bits where eight ones start
      const auto starts = static_cast<std::uint32_t>(ones >> 32);
      for (unsigned i = 0; starts && i < 8; ++i)
        if (const int count = bit_count(starts & (0x80808080U >> i)))
          add_count(memory_.stuffed + i, static_cast<std::uint32_t>(count));
    }
  }

  // Phase 7, by one thread.
  RESTRIDE_HD void finish() const noexcept {
    EncodedTile done{};
    done.bits = memory_.starts[end_block_];
    done.slot = static_cast<std::uint32_t>(*memory_.slot);
    for (int i = 0; i < 8; ++i) done.stuffed[i] = static_cast<std::uint16_t>(memory_.stuffed[i]);
    const unsigned words = total_words(), used = done.bits - 32 * (words - 1);  // 1 to 32 bits of the last word
    done.head = static_cast<std::uint8_t>(word(0) >> 24 | (done.bits < 8 ? 0xffU >> done.bits : 0));
    const std::uint64_t end = (words > 1 ? std::uint64_t{word(words - 2)} << 32 : 0) | word(words - 1);
    done.tail = static_cast<std::uint8_t>(end >> (32 - used));
    batch_.encoded[tile_] = done;
    add_long(&batch_.groups[picture_.first_group + (tile_ - picture_.first_tile) / kGroupTiles].bits, done.bits);
  }

 private:
  static constexpr unsigned kFirstBlock = Layout::kBlocks;  // of those to code
  static constexpr unsigned kCounts = sizeof(EncodeHistogram) / sizeof(std::uint32_t);
  static_assert(kCounts <= TileMemory::kRowWords * kBlocks);

  RESTRIDE_HD void locate(std::uint32_t mcu, std::uint32_t& mx, std::uint32_t& my) const noexcept {
    my = high_product(mcu, picture_.mcus_x_reciprocal);  // at most one too few
    mx = mcu - my * picture_.mcus_x;
    if (mx < picture_.mcus_x) return;
    mx -= picture_.mcus_x;
    ++my;
  }

  struct BlockInTurn {
    unsigned index, table;
    std::uint32_t low, high;  // which levels are not 0
    std::int32_t difference;
  };
  // The i-th block to code, luma's of all MCUs before the others.
  RESTRIDE_HD BlockInTurn block_in_turn(unsigned i) const noexcept {
    const unsigned b = index_in_turn(i);
    BlockInTurn block{b, table_of(index_in_mcu(b)), 0, 0, 0};
    if (is_padding(b)) return block;
    block.low = memory_.nonzero[2 * b];
    block.high = memory_.nonzero[2 * b + 1];
    block.difference = memory_.block_levels(b)[0] - level_before(b);
    return block;
  }
  RESTRIDE_HD unsigned index_in_turn(unsigned i) const noexcept {
    constexpr unsigned kLuma = Layout::kLumaBlocks, kOthers = Layout::kBlocks - kLuma;
    if constexpr (kOthers == 0) {
      return kFirstBlock + i;
    } else {
      const unsigned j = i - mcus_ * kLuma;
      return kFirstBlock + (i < mcus_ * kLuma ? i / kLuma * Layout::kBlocks + i % kLuma
                                              : j / kOthers * Layout::kBlocks + kLuma + j % kOthers);
    }
  }

  RESTRIDE_HD static unsigned index_in_mcu(unsigned block) noexcept { return block % Layout::kBlocks; }
  RESTRIDE_HD static unsigned table_of(unsigned index) noexcept {
    return Layout::kComponents == 3 && index >= Layout::kLumaBlocks;
  }

  // True for a block that only fills the MCU: it repeats the DC level before it.
  RESTRIDE_HD bool is_padding(unsigned block) const noexcept {
    if (Layout::kLumaBlocks == 1 || !picture_.padded) return false;
    const unsigned index = index_in_mcu(block);
    if (index >= Layout::kLumaBlocks) return false;
    std::uint32_t mx = 0, my = 0;
    locate(first_mcu_ + block / Layout::kBlocks - 1, mx, my);
    return mx * Layout::kH + index % Layout::kH >= picture_.blocks_x ||
           my * Layout::kV + index / Layout::kH >= picture_.blocks_y;
  }

  // The DC level that `block`, which is no padding, is coded against.
  RESTRIDE_HD std::int32_t level_before(unsigned block) const noexcept {
    constexpr unsigned kPerMcu = Layout::kBlocks;
    const unsigned start = first_mcu_ ? 0 : kFirstBlock;  // the first block that is there
    if (index_in_mcu(block) >= Layout::kLumaBlocks)
      return block - start >= kPerMcu ? memory_.block_levels(block - kPerMcu)[0] : 0;
    unsigned before = block;
    do {
      const bool in_this = index_in_mcu(before) > 0;
      if (!in_this && before - start < kPerMcu) return 0;
      before -= in_this ? 1 : kPerMcu - Layout::kLumaBlocks + 1;
    } while (is_padding(before));
    return memory_.block_levels(before)[0];
  }

  RESTRIDE_HD unsigned total_words() const noexcept { return (memory_.starts[end_block_] + 31) / 32; }
  RESTRIDE_HD std::uint32_t* gathered_words() const noexcept {
    return reinterpret_cast<std::uint32_t*>(memory_.levels);
  }
  RESTRIDE_HD bool gathered() const noexcept { return total_words() <= TileMemory::kLevelWords * kBlocks; }
  RESTRIDE_HD std::uint32_t word(unsigned w) const noexcept {
    return gathered() ? gathered_words()[w] : gathered_word(w);
  }

  RESTRIDE_HD std::uint32_t gathered_word(unsigned w) const noexcept {
    const std::uint32_t* starts = memory_.starts;
    const std::uint32_t bit = 32 * w;
    unsigned block = kFirstBlock;
    for (unsigned high = end_block_; high - block > 1;) {
      const unsigned middle = (block + high) / 2;
      (starts[middle] <= bit ? block : high) = middle;
    }
    std::uint32_t word = 0;
    for (unsigned filled = 0; filled < 32 && block < end_block_; ++block) {
      const std::uint32_t at = bit + filled - starts[block], have = starts[block + 1] - starts[block] - at;
      const std::uint32_t* from = memory_.block_bits(block) + at / 32;
      const std::uint64_t pair = std::uint64_t{from[0]} << 32 | from[1];
      auto bits = static_cast<std::uint32_t>(pair >> (32 - at % 32));
      if (have < 32) bits &= ~(0xffffffffU >> have);
      word |= bits >> filled;
      filled += have < 32 ? have : 32;
    }
    return word;
  }

  const EncodeBatch& batch_;
  std::uint32_t tile_;
  const ForwardPicture& picture_;
  const EncodeTables& tables_;
  TileMemory memory_;
  std::uint32_t first_mcu_, mcus_;
  unsigned end_block_;
};

}  // namespace restride::jpeg
