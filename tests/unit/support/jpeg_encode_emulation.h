// SPDX-License-Identifier: Apache-2.0
// The GPU's JPEG encoder run on the CPU: the same steps, with plain loops in the place of blocks and threads.
#pragma once

#include <numeric>
#include <utility>
#include <vector>

#include "coding/jpeg/encode_layout.h"
#include "coding/jpeg/encode_picture.h"
#include "coding/jpeg/encode_tile.h"

namespace restride::test {

struct EmulatedPicture {
  ImageView view;
  ImageSpec wanted;
  EncodeParams params;
};

// Encodes all pictures as one batch; whole files.
class EmulatedEncoder {
 public:
  explicit EmulatedEncoder(std::uint64_t arena_words = 0) : arena_(arena_words) {}

  std::vector<std::vector<std::byte>> encode(const std::vector<EmulatedPicture>& pictures) {
    describe(pictures);
    for (runs = 1;; ++runs) {
      totals_ = {};
      run();
      if (totals_.arena_words > arena_.size())
        arena_.resize(totals_.arena_words);
      else if (totals_.output_bytes > 16 * output_.size())
        grow_output();
      else
        break;
    }
    std::vector<std::vector<std::byte>> files;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      std::vector<std::byte> file(jpeg::kMaxHeaderBytes);
      file.resize(jpeg::write_encode_header(
          frames_[i], frames_[i].optimized ? made_[i] : jpeg::standard_huffman_tables(), file.data()));
      const auto* data = reinterpret_cast<const std::byte*>(results_[position_[i]].to);
      file.insert(file.end(), data, data + results_[position_[i]].size);
      files.push_back(std::move(file));
    }
    return files;
  }

  int runs = 0;

 private:
  void describe(const std::vector<EmulatedPicture>& pictures) {
    frames_.clear();
    descriptors_.clear();
    tables_.clear();
    std::vector<jpeg::ForwardPicture> described;
    for (const EmulatedPicture& picture : pictures) {
      frames_.push_back(*jpeg::encode_frame(picture.wanted, picture.params));
      described.push_back(jpeg::forward_picture(picture.view, picture.wanted, frames_.back()));
      described.back().tables = static_cast<std::uint32_t>(tables_.size());
      const bool optimized = frames_.back().optimized;
      tables_.push_back({jpeg::quantizers(frames_.back().quality),
                         optimized ? jpeg::CodeTables{} : jpeg::code_tables(jpeg::standard_huffman_tables()),
                         optimized ? frames_.back().components == 3 ? 2U : 1U : 0U});
    }
    descriptors_.resize(pictures.size());
    position_.resize(pictures.size());
    jpeg::order_by_layout(described, descriptors_.data(), position_.data(), batch_);
    encoded_.resize(batch_.tile_count);
    places_.resize(batch_.tile_count);
    results_.resize(pictures.size());
    targets_.resize(pictures.size());
  }

  void grow_output() {
    output_.resize((totals_.output_bytes + 15) / 16);
    staging_.resize(output_.size());
    // Every third picture has a target that is large enough, every other third one that is not.
    target_memory_.resize(results_.size());
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const std::size_t room = i % 3 == 0 ? results_[i].size : i % 3 == 1 ? results_[i].size - 1 : 0;
      target_memory_[i].assign(room + i % 17, 0xee);
      targets_[i] = {i % 3 < 2 ? target_memory_[i].data() + i % 17 : nullptr, room};
    }
  }

  void run() {
    jpeg::EncodeBatch& batch = batch_;
    batch.pictures = descriptors_.data();
    batch.tables = tables_.data();
    groups_.assign(batch.group_count + 1, {});
    batch.groups = groups_.data();
    batch.encoded = encoded_.data();
    batch.places = places_.data();
    batch.results = results_.data();
    batch.totals = &totals_;
    batch.arena = arena_.data();
    batch.arena_words = arena_.size();
    batch.output = reinterpret_cast<std::uint8_t*>(output_.data());
    batch.output_bytes = 16 * output_.size();
    batch.targets = targets_.data();
    batch.staging = reinterpret_cast<std::uint8_t*>(staging_.data());
    batch.staging_bytes = 16 * staging_.size();
    histograms_.assign(tables_.size(), {});
    made_.assign(tables_.size(), {});
    batch.table_count = static_cast<std::uint32_t>(tables_.size());
    batch.histograms = histograms_.data();
    for (unsigned layout = 0; layout < jpeg::kMcuLayouts; ++layout)
      for (std::uint32_t tile = layout ? batch.layout_end[layout - 1] : 0; tile < batch.layout_end[layout]; ++tile)
        jpeg::with_mcu_layout(layout, [&](auto kind) { count_tile<decltype(kind)>(batch, tile); });
    for (std::uint32_t i = 0; i < batch.table_count; ++i)
      for (unsigned which = 0; which < 4; ++which) {
        jpeg::HuffmanMaker maker;
        jpeg::make_optimal_table(batch, i, which, jpeg::LoneThread(), maker, made_[i]);
      }
    for (unsigned layout = 0; layout < jpeg::kMcuLayouts; ++layout)
      for (std::uint32_t tile = layout ? batch.layout_end[layout - 1] : 0; tile < batch.layout_end[layout]; ++tile)
        jpeg::with_mcu_layout(layout, [&](auto kind) { encode_tile<decltype(kind)>(batch, tile); });
    for (std::uint32_t group = 0; group < batch.group_count; ++group) lay_out(batch, group);
    for (std::uint32_t group = 0; group < batch.group_count; ++group)
      groups_[group + 1].stuffed_before = groups_[group].stuffed_before + groups_[group].stuffed;
    for (std::uint32_t i = 0; i < batch.picture_count; ++i) {
      const jpeg::OutputLayout layout(batch, i);
      const std::uint64_t start = std::exchange(totals_.output_bytes, totals_.output_bytes + layout.room());
      results_[i] = layout.place(start);
    }
    for (std::uint32_t tile = 0; tile < batch.tile_count; ++tile) write_tile(batch, tile);
    constexpr std::uint32_t kCopyThreads = 48;
    for (std::uint32_t i = 0; i < batch.picture_count; ++i)
      for (std::uint32_t thread = 0; thread < kCopyThreads; ++thread)
        jpeg::copy_out_picture(batch, i, thread, kCopyThreads);
  }

  template <class Layout>
  static void count_tile(const jpeg::EncodeBatch& batch, std::uint32_t tile) {
    std::vector<std::uint64_t> memory((jpeg::TileMemory::bytes(jpeg::TileEncoder<Layout>::kBlocks) + 7) / 8, ~0ULL / 3);
    const jpeg::TileEncoder<Layout> encoder(batch, tile, reinterpret_cast<std::uint32_t*>(memory.data()));
    if (!encoder.counts_symbols()) return;
    for (unsigned thread = 0; thread < jpeg::kTileThreads; ++thread) encoder.transform_rows(thread);
    for (unsigned thread = 0; thread < jpeg::kTileThreads; ++thread) encoder.transform_columns(thread);
    for (unsigned thread = 0; thread < jpeg::kTileThreads; ++thread) encoder.clear_counts(thread);
    for (unsigned thread = 0; thread < jpeg::kTileThreads; ++thread) encoder.count_symbols(thread);
    for (unsigned thread = 0; thread < jpeg::kTileThreads; ++thread) encoder.add_counts(thread);
  }

  template <class Layout>
  static void encode_tile(const jpeg::EncodeBatch& batch, std::uint32_t tile) {
    // 64-bit elements for alignment, and exactly as long as shared memory is, so that sanitizers see an overrun.
    std::vector<std::uint64_t> memory((jpeg::TileMemory::bytes(jpeg::TileEncoder<Layout>::kBlocks) + 7) / 8, ~0ULL / 3);
    const jpeg::TileEncoder<Layout> encoder(batch, tile, reinterpret_cast<std::uint32_t*>(memory.data()));
    const auto all = [](auto&& phase) {
      for (unsigned thread = jpeg::kTileThreads; thread-- > 0;) phase(thread);
    };
    all([&](unsigned thread) { encoder.transform_rows(thread); });
    all([&](unsigned thread) { encoder.transform_columns(thread); });
    all([&](unsigned thread) { encoder.encode_blocks(thread); });
    std::uint32_t* starts = encoder.starts();
    std::exclusive_scan(starts + encoder.first_block(), starts + encoder.end_block() + 1,
                        starts + encoder.first_block(), std::uint32_t{0});
    encoder.set_room(encoder.take_room());
    all([&](unsigned thread) { encoder.gather_words(thread); });
    all([&](unsigned thread) { encoder.store_words(thread); });
    encoder.finish();
  }

  static void lay_out(const jpeg::EncodeBatch& batch, std::uint32_t group) {
    constexpr unsigned kThreads = jpeg::GroupLayout::kThreads;
    const jpeg::GroupLayout layout(batch, group);
    std::uint64_t starts[kThreads], before = 0;
    std::uint32_t stuffed[kThreads], total = 0;
    for (unsigned i = 0; i < kThreads; ++i) before += layout.bits_before(i);
    for (unsigned i = 0; i < kThreads; ++i) starts[i] = layout.bits(i);
    std::exclusive_scan(starts, starts + kThreads, starts, before);
    for (unsigned i = 0; i < kThreads; ++i) total += stuffed[i] = layout.stuffed(i, starts[i]);
    std::exclusive_scan(stuffed, stuffed + kThreads, stuffed, std::uint32_t{0});
    for (unsigned i = 0; i < kThreads; ++i) layout.place(i, starts[i], stuffed[i]);
    layout.finish(total);
  }

  static void write_tile(const jpeg::EncodeBatch& batch, std::uint32_t tile) {
    const jpeg::TileBytes bytes(batch, tile);
    std::uint64_t offset = 0;
    for (std::uint32_t first = 0; first < bytes.size(); first += 4) {
      const auto piece = bytes.piece(first);
      bytes.store(piece, offset);
      offset += piece.count + piece.stuffed;
    }
    bytes.finish();
  }

  std::vector<jpeg::EncodeFrame> frames_;
  std::vector<jpeg::ForwardPicture> descriptors_;
  std::vector<jpeg::EncodeTables> tables_;
  std::vector<jpeg::EncodeHistogram> histograms_;
  std::vector<jpeg::HuffmanTables> made_;
  std::vector<jpeg::EncodedTile> encoded_;
  std::vector<jpeg::TilePlace> places_;
  std::vector<jpeg::EncodeGroup> groups_;
  std::vector<jpeg::EncodedPicture> results_;
  std::vector<std::uint32_t> position_;
  jpeg::EncodeBatch batch_{};
  jpeg::EncodeTotals totals_{};
  std::vector<std::uint32_t> arena_;
  std::vector<jpeg::Word16> output_, staging_;
  std::vector<jpeg::EncodeTarget> targets_;
  std::vector<std::vector<std::uint8_t>> target_memory_;
};

}  // namespace restride::test
