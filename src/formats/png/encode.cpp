// SPDX-License-Identifier: Apache-2.0
// PNG encoding. Level 0 stores, levels 1 to 9 are libdeflate's, which takes a picture in one piece; the default is
// ISA-L's fast deflate, a band of rows at a time.
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/png/filter_rows.h"
#include "formats/png/headers.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

constexpr int kFast = -1;  // beside the levels 0 to 9
constexpr std::size_t kBandBytes = std::size_t{128} << 10;

Result<int> level_of(const EncodeParams& params) {
  if (params.quality_type == QualityType::default_quality) return kFast;
  if (params.quality_type != QualityType::lossless)
    return fail(Errc::unsupported,
                "PNG is lossless: use QualityType.DEFAULT, or LOSSLESS with a level of 0 (stored) to 9 (smallest)");
  const double rounded = std::nearbyint(params.quality_value);
  if (!(rounded >= 0 && rounded <= 9))
    return fail(Errc::invalid_argument, "PNG compression level %g is outside 0 to 9", params.quality_value);
  return static_cast<int>(rounded);
}

// What of the formats that PNG has holds `input`.
Result<SampleFormat> stored_format(const ImageSpec& input, ColorSpec color) {
  SampleFormat format = interleaved(input.format);
  if (channels_of(format) == 0) {
    constexpr SampleFormat kByChannels[] = {SampleFormat::i_y, SampleFormat::i_ya, SampleFormat::i_rgb,
                                            SampleFormat::i_rgba};
    format = kByChannels[input.channels - 1];
  }
  const bool gray = format == SampleFormat::i_y || format == SampleFormat::i_ya;
  const bool alpha = format == SampleFormat::i_ya || format == SampleFormat::i_rgba;
  switch (color) {
    case ColorSpec::gray:
      return SampleFormat::i_y;
    case ColorSpec::unchanged:
      if (gray) return format;
      [[fallthrough]];
    case ColorSpec::srgb:
      return alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
    default:
      return fail(Errc::unsupported, "PNG holds gray or RGB: color_spec UNCHANGED, SRGB or GRAY");
  }
}

Error no_memory() { return fail(Errc::out_of_memory, "no memory for the encoded picture"); }

// 5.3
bool put_chunk(ByteSink& sink, std::uint32_t type, ByteSpan data) noexcept {
  std::byte* to = sink.reserve(data.size() + kChunkFrame);
  if (!to) return false;
  store(to, static_cast<std::uint32_t>(data.size()), std::endian::big);
  store(to + 4, type, std::endian::big);
  if (!data.empty()) std::memcpy(to + 8, data.data(), data.size());
  store(to + 8 + data.size(), chunk_crc({to + 4, data.size() + 4}), std::endian::big);
  sink.commit(data.size() + kChunkFrame);
  return true;
}

bool put_signature_and_header(ByteSink& sink, const ImageSpec& spec) noexcept {
  constexpr ColorType kTypes[] = {ColorType::gray, ColorType::gray_alpha, ColorType::rgb, ColorType::rgb_alpha};
  std::array<std::byte, 13> header{};  // no compression method, filter method or interlacing but 0
  store(header.data(), spec.width, std::endian::big);
  store(header.data() + 4, spec.height, std::endian::big);
  header[8] = static_cast<std::byte>(8 * size_of(spec.type));
  header[9] = static_cast<std::byte>(kTypes[spec.channels - 1]);
  return sink.append(kSignature, kSignatureSize) && put_chunk(sink, kIhdr, header);
}

// One picture's way from rows to IDAT chunks.
struct Job {
  RowFilter rows;
  std::uint32_t height = 0;
  ByteSink* sink = nullptr;
  Scratch* scratch = nullptr;

  // Calls consume(band, last) for bands of filtered rows.
  template <class F>
  Status for_each_band(F&& consume) {
    const std::size_t row_bytes = rows.row_bytes();
    const auto at_once = static_cast<std::uint32_t>(std::clamp<std::size_t>(kBandBytes / row_bytes, 1, height));
    const auto band = scratch->take<std::byte>(row_bytes * at_once);
    if (!band.data()) return no_memory();
    for (std::uint32_t y = 0; y < height;) {
      const std::uint32_t n = std::min(at_once, height - y);
      rows.filter(n, band.data());
      y += n;
      RESTRIDE_TRY(consume(ByteSpan(band.data(), n * row_bytes), y == height));
    }
    return {};
  }
};

// RFC 1950 with RFC 1951's stored blocks (3.2.4).
Status put_stored(Job& job) {
  constexpr std::size_t kBlock = 65535, kBlockHeader = 5;
  const auto chunk = job.scratch->take<std::byte>(kBlock + kBlockHeader + 6);
  if (!chunk.data()) return no_memory();
  std::uint32_t adler = 1;
  bool first = true;
  return job.for_each_band([&](ByteSpan band, bool last) -> Status {
    adler = libdeflate_adler32(adler, band.data(), band.size());
    while (!band.empty()) {
      const ByteSpan block = band.first(std::min(kBlock, band.size()));
      band = band.subspan(block.size());
      const bool final = last && band.empty();
      std::byte* to = chunk.data();
      if (first) store(to, std::uint16_t{0x7801}, std::endian::big), to += 2;
      first = false;
      *to++ = static_cast<std::byte>(final);
      store(to, static_cast<std::uint16_t>(block.size()), std::endian::little);
      store(to + 2, static_cast<std::uint16_t>(~block.size()), std::endian::little);
      std::memcpy(to + 4, block.data(), block.size());
      to += 4 + block.size();
      if (final) store(to, adler, std::endian::big), to += 4;
      if (!put_chunk(*job.sink, kIdat, {chunk.data(), to})) return no_memory();
    }
    return {};
  });
}

// ISA-L's deflate and its memory, kept.
class FastDeflater {
 public:
  Status put(Job& job) {
    constexpr std::size_t kChunk = std::size_t{256} << 10;
    const auto chunk = job.scratch->take<std::byte>(kChunk);
    if (!chunk.data()) return no_memory();
    isal_deflate_init(&stream_);
    stream_.level = 1;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_.gzip_flag = IGZIP_ZLIB;
    start(chunk);
    return job.for_each_band([&](ByteSpan band, bool last) -> Status {
      constexpr std::size_t kPiece = std::size_t{1} << 30;  // its counters have 32 bits
      while (!band.empty()) {
        const ByteSpan piece = band.first(std::min(kPiece, band.size()));
        band = band.subspan(piece.size());
        RESTRIDE_TRY(deflate(piece, last && band.empty(), chunk, *job.sink));
      }
      return {};
    });
  }

 private:
  void start(std::span<std::byte> chunk) noexcept {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(chunk.data());
    stream_.avail_out = static_cast<std::uint32_t>(chunk.size());
  }

  Status deflate(ByteSpan piece, bool last, std::span<std::byte> chunk, ByteSink& sink) {
    stream_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(piece.data()));
    stream_.avail_in = static_cast<std::uint32_t>(piece.size());
    stream_.end_of_stream = last;
    while (true) {
      const std::uint32_t room = stream_.avail_out, input = stream_.avail_in;
      if (isal_deflate(&stream_) != COMP_OK) return fail(Errc::internal, "ISA-L cannot deflate");
      const bool ended = stream_.internal_state.state == ZSTATE_END;
      const bool stuck = room == stream_.avail_out && input == stream_.avail_in;  // a few bytes of room are not used
      const std::size_t size = chunk.size() - stream_.avail_out;
      if (stuck && !ended && size == 0) return fail(Errc::internal, "ISA-L does not deflate on");
      if (size != 0 && (ended || stuck || stream_.avail_out == 0)) {
        if (!put_chunk(sink, kIdat, ByteSpan(chunk.data(), size))) return no_memory();
        start(chunk);
      }
      if (last ? ended : stream_.avail_in == 0) return {};
    }
  }

  isal_zstream stream_;
  std::array<std::uint8_t, ISAL_DEF_LVL1_DEFAULT> level_buffer_;
};

// A libdeflate compressor of one level, made when first needed and kept.
class LevelDeflater {
 public:
  LevelDeflater() noexcept = default;
  LevelDeflater(const LevelDeflater&) = delete;
  LevelDeflater& operator=(const LevelDeflater&) = delete;
  ~LevelDeflater() { libdeflate_free_compressor(compressor_); }

  Status put(Job& job, int level) {
    if (!compressor_) compressor_ = libdeflate_alloc_compressor(level);
    if (!compressor_) return no_memory();
    const std::uint64_t size = saturating_mul(job.rows.row_bytes(), job.height);
    const auto filtered = job.scratch->take<std::byte>(size);
    const auto deflated =
        job.scratch->take<std::byte>(filtered.data() ? libdeflate_zlib_compress_bound(compressor_, size) : 0);
    if (!filtered.data() || !deflated.data()) return no_memory();
    job.rows.filter(job.height, filtered.data());
    const std::size_t used =
        libdeflate_zlib_compress(compressor_, filtered.data(), size, deflated.data(), deflated.size());
    if (used == 0) return fail(Errc::internal, "libdeflate cannot deflate");
    for (ByteSpan rest = deflated.first(used); !rest.empty();) {
      const ByteSpan part = rest.first(std::min<std::size_t>(rest.size(), kLongestChunk));
      if (!put_chunk(*job.sink, kIdat, part)) return no_memory();
      rest = rest.subspan(part.size());
    }
    return {};
  }

 private:
  libdeflate_compressor* compressor_ = nullptr;
};

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    if (params.tile_width) return fail(Errc::unsupported, "PNG has no tiles");
    RESTRIDE_ASSIGN(const int level, level_of(params));
    if (input.type != SampleType::u8 && input.type != SampleType::u16)
      return fail(Errc::unsupported, "PNG holds unsigned samples of 8 or 16 bits");
    if (input.channels < 1 || input.channels > 4)
      return fail(Errc::unsupported, "PNG holds 1 to 4 channels, not %u", input.channels);
    constexpr std::uint32_t kLargest = 0x7fffffff;
    if (input.width > kLargest || input.height > kLargest)
      return fail(Errc::unsupported, "%u x %u is larger than PNG's 2147483647 in one dimension", input.width,
                  input.height);
    EncodePlan plan;
    plan.wanted = input;
    RESTRIDE_ASSIGN(plan.wanted.format, stored_format(input, params.color));
    plan.wanted.channels = channels_of(plan.wanted.format);
    plan.wanted.color = plan.wanted.channels < 3 ? ColorSpec::gray : ColorSpec::srgb;
    plan.wanted.precision = static_cast<std::uint8_t>(8 * size_of(input.type));  // 12.4: scaled to the depth stored
    constexpr double kCosts[] = {0.3, 7, 12, 12, 14, 18, 25, 40, 80, 130};       // by level, in time a pixel
    plan.cost = static_cast<double>(input.width) * input.height * (level == kFast ? 3 : kCosts[level]);
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context&) override {
    RESTRIDE_ASSIGN(const int level, level_of(*job.params));
    Job work;
    work.height = job.plan.wanted.height;
    work.sink = job.sink;
    work.scratch = &scratch;
    const FilterChoice choice = level == 0   ? FilterChoice::none
                                : level <= 1 ? FilterChoice::paeth
                                             : FilterChoice::smallest;
    RESTRIDE_TRY(work.rows.open(job.source, choice, scratch));
    if (!put_signature_and_header(*job.sink, job.plan.wanted)) return no_memory();
    if (level == kFast)
      RESTRIDE_TRY(fast_.lease()->put(work));
    else if (level == 0)
      RESTRIDE_TRY(put_stored(work));
    else
      RESTRIDE_TRY(levels_[static_cast<std::size_t>(level)].lease()->put(work, level));
    return put_chunk(*job.sink, kIend, {}) ? Status() : Status(no_memory());
  }

 private:
  StatePool<FastDeflater> fast_;
  std::array<StatePool<LevelDeflater>, 10> levels_;
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::png
