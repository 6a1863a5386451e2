// SPDX-License-Identifier: Apache-2.0
#include "cuda/jpeg/encode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "coding/jpeg/encode_picture.h"
#include "cuda/cuda_util.h"
#include "cuda/jpeg/encode.cuh"
#include "cuda/runtime.h"
#include "image/convert/pixels.h"

namespace restride::cuda {
namespace {

constexpr std::size_t kAlignment = 256;

constexpr std::size_t aligned(std::size_t bytes) noexcept { return (bytes + kAlignment - 1) & ~(kAlignment - 1); }

// Memory of one kind that grows and stays.
class Block {
 public:
  explicit Block(Memory kind) noexcept : kind_(kind) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { release({nullptr, device_}); }

  // Contents are lost on growth. Nothing may be using the block.
  Status reserve(std::size_t bytes, Stream stream) {
    if (bytes == 0 || (bytes <= size_ && device_ == stream.device)) return {};
    const std::size_t grown = aligned(std::max(bytes, size_ + size_ / 2));
    release(stream);
    resource_ = &runtime().counted(kind_);
    data_ = static_cast<std::byte*>(resource_->allocate(grown, kAlignment, stream));
    if (!data_)
      return fail(Errc::out_of_memory, "could not allocate %zu bytes of %s memory", grown,
                  kind_ == Memory::device ? "device" : "pinned");
    size_ = grown;
    device_ = stream.device;
    return {};
  }
  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 private:
  void release(Stream stream) noexcept {
    if (data_)
      resource_->deallocate(data_, size_, kAlignment, device_ == stream.device ? stream : Stream{nullptr, device_});
    data_ = nullptr;
    size_ = 0;
  }

  Memory kind_;
  MemoryResource* resource_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int device_ = -1;
};

struct Header {
  std::array<std::byte, jpeg::kMaxHeaderBytes> data;
  std::size_t bytes = 0;

  void write(const jpeg::EncodeFrame& frame, const jpeg::HuffmanTables& tables) noexcept {
    bytes = jpeg::write_encode_header(frame, tables, data.data());
  }
  Status append_to(ByteSink& sink) const {
    return sink.append(data.data(), bytes) ? Status() : fail(Errc::out_of_memory, "no memory for the code stream");
  }
};

// What one call works with, kept for the next. A call ends with the GPU's work done, so that nothing is in use between.
class EncodeCall {
 public:
  Status run(std::span<EncodeJob> jobs, Context& context);
  // After a failure: waits for what was queued all the same.
  void settle() const noexcept {
    const DeviceScope scope(stream_.device);
    (void)cudaStreamSynchronize(handle(stream_));
    (void)cudaGetLastError();
  }

 private:
  Status describe(std::span<EncodeJob> jobs);
  std::uint32_t tables_for(const jpeg::EncodeFrame& frame);
  Status convert();
  Status place_descriptors();
  Status reserve_output(std::size_t arena_bytes, std::size_t output_bytes);
  Status launch(std::span<EncodeJob> jobs, bool first);
  void write_headers(std::span<EncodeJob> jobs);
  Status restart(ByteSink& sink, std::size_t i, std::size_t bytes) const;
  void deliver(std::span<EncodeJob> jobs, Executor& executor);

  Stream stream_;
  std::vector<jpeg::EncodeFrame> frames_;
  std::vector<jpeg::ForwardPicture> pictures_;
  std::vector<std::uint32_t> position_;  // of each job's picture in the batch
  struct Tables {
    int quality;
    unsigned optimized;  // pairs of Huffman tables to make
  };
  std::vector<Tables> tables_;
  std::vector<DeviceConversion> conversions_;
  struct Piece {
    std::byte* to;
    const std::uint8_t* from;
    std::size_t bytes;
  };
  std::vector<Piece> pieces_;  // to copy at the end
  jpeg::EncodeTarget* targets_ = nullptr;
  std::uint32_t tiles_ = 0;
  std::size_t converted_bytes_ = 0, expected_bytes_ = 0;
  jpeg::EncodeBatch batch_{};
  EncodeOutcome outcome_{};
  std::size_t upload_bytes_ = 0;
  Block upload_{Memory::pinned}, descriptors_{Memory::device}, converted_{Memory::device};
  Block arena_{Memory::device}, output_{Memory::device}, outcome_block_{Memory::pinned}, staging_{Memory::pinned};
};

// Frames, pictures and tables of all jobs; pixels that must be converted first are counted.
Status EncodeCall::describe(std::span<EncodeJob> jobs) {
  frames_.clear();
  pictures_.clear();
  tables_.clear();
  conversions_.clear();
  tiles_ = 0;
  converted_bytes_ = expected_bytes_ = 0;
  for (const EncodeJob& job : jobs) {
    const ImageSpec& wanted = job.plan.wanted;
    RESTRIDE_ASSIGN(const jpeg::EncodeFrame frame, jpeg::encode_frame(wanted, *job.params));
    if (!jpeg::reads_directly(job.source.view().spec, wanted)) converted_bytes_ += aligned(wanted.bytes());
    frames_.push_back(frame);
  }
  RESTRIDE_TRY(converted_.reserve(converted_bytes_, stream_));
  std::byte* converted = converted_.data();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const ImageSpec& wanted = jobs[i].plan.wanted;
    ImageView view = jobs[i].source.view();
    if (!jpeg::reads_directly(view.spec, wanted)) {
      const ImageView to = dense_view(converted, wanted, Memory::device, stream_.device);
      converted += aligned(wanted.bytes());
      conversions_.push_back({plan_conversion(view.spec, to, wanted.width, wanted.height, Orientation::normal),
                              view.data, view.row_stride, view.pixel_stride, view.channel_stride, wanted.width,
                              wanted.height});
      view = to;
    }
    jpeg::ForwardPicture picture = jpeg::forward_picture(view, wanted, frames_[i]);
    picture.tables = tables_for(frames_[i]);
    if (picture.tiles > UINT32_MAX / 2 - tiles_) return fail(Errc::limit_exceeded, "a batch of too many pixels");
    tiles_ += picture.tiles;
    expected_bytes_ += wanted.bytes() / 4 + 1024;
    pictures_.push_back(picture);
  }
  return {};
}

// Index of a picture's tables: shared by all of one quality, unless Huffman tables are made for it.
std::uint32_t EncodeCall::tables_for(const jpeg::EncodeFrame& frame) {
  const auto same = [&](const Tables& t) { return !frame.optimized && !t.optimized && t.quality == frame.quality; };
  const auto known = std::find_if(tables_.begin(), tables_.end(), same);
  const auto index = static_cast<std::uint32_t>(known - tables_.begin());
  if (known == tables_.end())
    tables_.push_back({frame.quality, !frame.optimized ? 0U : frame.components == 3 ? 2U : 1U});
  return index;
}

Status EncodeCall::convert() {
  if (conversions_.empty()) return {};
  RESTRIDE_ASSIGN(DeviceStage* const stage, runtime().acquire(stream_));
  Status status = stage->convert(conversions_);
  runtime().release(stage);
  return status;
}

// Lays out what goes up (totals and groups, all 0; tables; pictures) and what stays on the device behind it.
Status EncodeCall::place_descriptors() {
  std::size_t at = 0;
  const auto take = [&](std::size_t bytes) { return std::exchange(at, at + aligned(bytes)); };
  std::size_t groups_at_most = 1;
  for (const jpeg::ForwardPicture& picture : pictures_) groups_at_most += picture.tiles / jpeg::kGroupTiles + 1;
  const std::size_t totals = take(sizeof(jpeg::EncodeTotals));
  const std::size_t groups = take(groups_at_most * sizeof(jpeg::EncodeGroup));
  const std::size_t tables = take(tables_.size() * sizeof(jpeg::EncodeTables));
  const std::size_t pictures = take(pictures_.size() * sizeof(jpeg::ForwardPicture));
  upload_bytes_ = at;
  const std::size_t encoded = take(tiles_ * sizeof(jpeg::EncodedTile));
  const std::size_t places = take(tiles_ * sizeof(jpeg::TilePlace));
  const std::size_t results = take(pictures_.size() * sizeof(jpeg::EncodedPicture));
  const bool optimized = std::any_of(tables_.begin(), tables_.end(), [](const Tables& t) { return t.optimized != 0; });
  const std::size_t histograms = optimized ? take(tables_.size() * sizeof(jpeg::EncodeHistogram)) : 0;
  RESTRIDE_TRY(upload_.reserve(upload_bytes_, stream_));
  RESTRIDE_TRY(descriptors_.reserve(at, stream_));
  const std::size_t outcome = aligned(sizeof(jpeg::EncodeTotals));
  const std::size_t targets = outcome + aligned(pictures_.size() * sizeof(jpeg::EncodedPicture));
  const std::size_t made = targets + aligned(pictures_.size() * sizeof(jpeg::EncodeTarget));
  RESTRIDE_TRY(outcome_block_.reserve(made + tables_.size() * sizeof(jpeg::HuffmanTables), stream_));

  std::memset(upload_.data(), 0, tables);
  auto* const to = reinterpret_cast<jpeg::EncodeTables*>(upload_.data() + tables);
  const jpeg::CodeTables codes = jpeg::code_tables(jpeg::standard_huffman_tables());
  for (std::size_t i = 0; i < tables_.size(); ++i)
    new (to + i) jpeg::EncodeTables{jpeg::quantizers(tables_[i].quality),
                                    tables_[i].optimized ? jpeg::CodeTables{} : codes, tables_[i].optimized};
  position_.resize(pictures_.size());
  jpeg::order_by_layout(pictures_, reinterpret_cast<jpeg::ForwardPicture*>(upload_.data() + pictures), position_.data(),
                        batch_);

  std::byte* const device = descriptors_.data();
  batch_.pictures = reinterpret_cast<const jpeg::ForwardPicture*>(device + pictures);
  batch_.tables = reinterpret_cast<jpeg::EncodeTables*>(device + tables);
  batch_.table_count = static_cast<std::uint32_t>(tables_.size());
  batch_.histograms = optimized ? reinterpret_cast<jpeg::EncodeHistogram*>(device + histograms) : nullptr;
  batch_.encoded = reinterpret_cast<jpeg::EncodedTile*>(device + encoded);
  batch_.places = reinterpret_cast<jpeg::TilePlace*>(device + places);
  batch_.groups = reinterpret_cast<jpeg::EncodeGroup*>(device + groups);
  batch_.results = reinterpret_cast<jpeg::EncodedPicture*>(device + results);
  batch_.totals = reinterpret_cast<jpeg::EncodeTotals*>(device + totals);
  outcome_.totals = reinterpret_cast<jpeg::EncodeTotals*>(outcome_block_.data());
  outcome_.results = reinterpret_cast<jpeg::EncodedPicture*>(outcome_block_.data() + outcome);
  outcome_.tables = reinterpret_cast<jpeg::HuffmanTables*>(outcome_block_.data() + made);
  batch_.targets = targets_ = reinterpret_cast<jpeg::EncodeTarget*>(outcome_block_.data() + targets);
  return {};
}

Status EncodeCall::reserve_output(std::size_t arena_bytes, std::size_t output_bytes) {
  RESTRIDE_TRY(arena_.reserve(arena_bytes, stream_));
  RESTRIDE_TRY(output_.reserve(output_bytes, stream_));
  RESTRIDE_TRY(staging_.reserve(output_bytes, stream_));
  batch_.arena = reinterpret_cast<std::uint32_t*>(arena_.data());
  batch_.arena_words = arena_.size() / sizeof(std::uint32_t);
  batch_.output = reinterpret_cast<std::uint8_t*>(output_.data());
  batch_.output_bytes = output_.size();
  batch_.staging = reinterpret_cast<std::uint8_t*>(staging_.data());
  batch_.staging_bytes = staging_.size();
  return {};
}

Status EncodeCall::launch(std::span<EncodeJob> jobs, bool first) {
  RESTRIDE_TRY(check(
      cudaMemcpyAsync(descriptors_.data(), upload_.data(), upload_bytes_, cudaMemcpyHostToDevice, handle(stream_)),
      "copy of descriptors"));
  RESTRIDE_TRY(check(launch_encode_tiles(batch_, outcome_, handle(stream_)), "JPEG encoding kernels"));
  if (first) write_headers(jobs);  // while the GPU works
  return check(launch_encode_output(batch_, outcome_, handle(stream_)), "JPEG encoding kernels");
}

// Headers, and then where the data goes: behind them where the device can write there, which saves a copy. Headers with
// tables that are still to be made come later.
void EncodeCall::write_headers(std::span<EncodeJob> jobs) {
  Header header;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    ByteSink& sink = *jobs[i].sink;
    jpeg::EncodeTarget& target = targets_[position_[i]] = {nullptr, 0};
    jobs[i].status = {};
    if (frames_[i].optimized) continue;
    if (i == 0 || header.bytes == 0 || frames_[i] != frames_[i - 1])  // often all are the same
      header.write(frames_[i], jpeg::standard_huffman_tables());
    jobs[i].status = header.append_to(sink);
    if (!jobs[i].status) continue;
    cudaPointerAttributes attributes{};
    if (sink.room() > 0 && cudaPointerGetAttributes(&attributes, sink.data()) == cudaSuccess &&
        attributes.type == cudaMemoryTypeHost && attributes.devicePointer == sink.data())
      target = {reinterpret_cast<std::uint8_t*>(sink.data()) + sink.size(), sink.room()};
  }
  (void)cudaGetLastError();
}

// The header once more, in a code stream with room for the `bytes` bytes behind it.
Status EncodeCall::restart(ByteSink& sink, std::size_t i, std::size_t bytes) const {
  Header header;
  header.write(frames_[i],
               frames_[i].optimized ? outcome_.tables[pictures_[i].tables] : jpeg::standard_huffman_tables());
  if (!sink.restart(header.bytes + bytes))
    return fail(Errc::out_of_memory, "no memory for a code stream of %zu bytes", header.bytes + bytes);
  return header.append_to(sink);
}

// Ends the code streams; data that is still in the staging memory is copied by all threads.
void EncodeCall::deliver(std::span<EncodeJob> jobs, Executor& executor) {
  constexpr std::size_t kPiece = 256 << 10;  // waking a thread costs about as much as copying these
  pieces_.clear();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].status) continue;
    const jpeg::EncodedPicture& result = outcome_.results[position_[i]];
    if (result.to != targets_[position_[i]].to) {
      jobs[i].status = restart(*jobs[i].sink, i, result.size);
      if (!jobs[i].status) continue;
      std::byte* to = jobs[i].sink->reserve(result.size);
      for (std::size_t at = 0; at < result.size; at += kPiece)
        pieces_.push_back({to + at, result.to + at, std::min<std::size_t>(kPiece, result.size - at)});
    }
    jobs[i].sink->commit(result.size);
  }
  const auto copy = [&](std::size_t k) { std::memcpy(pieces_[k].to, pieces_[k].from, pieces_[k].bytes); };
  if (outcome_.totals->output_bytes >= kPiece) return executor.for_each(pieces_.size(), copy);
  for (std::size_t k = 0; k < pieces_.size(); ++k) copy(k);
}

Status EncodeCall::run(std::span<EncodeJob> jobs, Context& context) {
  const DeviceScope scope(context.stream.device);
  stream_ = context.stream;
  RESTRIDE_TRY(describe(jobs));
  RESTRIDE_TRY(convert());
  RESTRIDE_TRY(place_descriptors());
  RESTRIDE_TRY(reserve_output(std::max(arena_.size(), expected_bytes_), std::max(output_.size(), expected_bytes_)));
  for (bool first = true;; first = false) {
    RESTRIDE_TRY(launch(jobs, first));
    RESTRIDE_TRY(check(cudaStreamSynchronize(handle(stream_)), "waiting for the GPU"));
    const jpeg::EncodeTotals needed = *outcome_.totals;
    const std::size_t arena_bytes = needed.arena_words * sizeof(std::uint32_t);
    if (arena_bytes <= arena_.size() && needed.output_bytes <= std::min(output_.size(), staging_.size())) break;
    // Rare: pictures that compress worse than any before. What is needed is known now; the same again with that.
    RESTRIDE_TRY(reserve_output(arena_bytes, needed.output_bytes));
  }
  deliver(jobs, context.executor);
  return {};
}

class Encoder final : public FormatEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    RESTRIDE_ASSIGN(const EncodePlan plan, jpeg::plan_encode(input, params));
    if (params.jpeg.progressive) return fail(Errc::unsupported, "progressive JPEG is encoded on the CPU");
    return plan;
  }
  void encode(std::span<EncodeJob> jobs, Context& context) override {
    if (jobs.empty()) return;
    auto call = calls_.lease();
    const Status status = call->run(jobs, context);
    if (status) return;
    call->settle();
    for (EncodeJob& job : jobs) {
      job.sink->truncate(0);
      job.status = status;
    }
  }

 private:
  StatePool<EncodeCall> calls_;
};

}  // namespace

std::unique_ptr<FormatEncoder> make_jpeg_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::cuda
