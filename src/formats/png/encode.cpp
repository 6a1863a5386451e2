// SPDX-License-Identifier: Apache-2.0
// Filters each row by the smallest sum of absolute differences, deflates with libdeflate.
#include <libdeflate.h>

#include <array>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "coding/png_filter.h"
#include "formats/png/png.h"

namespace restride::png {
namespace {

constexpr int kDefaultLevel = 1;
constexpr std::size_t kMaxChunk = 0x7fffffff;

Result<int> level_of(const EncodeParams& params) {
  if (params.quality_type == QualityType::default_quality) return kDefaultLevel;
  if (params.quality_type != QualityType::lossless)
    return fail(
        Errc::unsupported,
        "PNG is lossless: use QualityType.LOSSLESS with a level of 0 (stored) to 9 (smallest) as quality_value");
  const double level = std::nearbyint(params.quality_value);
  if (!(level >= 0 && level <= 9))
    return fail(Errc::invalid_argument, "PNG level %g is outside 0 to 9", params.quality_value);
  return static_cast<int>(level);
}

// A compressor of one level.
struct Deflater {
  ~Deflater() {
    if (compressor) libdeflate_free_compressor(compressor);
  }
  libdeflate_compressor* compressor = nullptr;
};

bool put_chunk(ByteSink& sink, const char (&type)[5], const void* data, std::size_t size) noexcept {
  std::byte* to = sink.reserve(size + 12);
  if (!to) return false;
  store(to, static_cast<std::uint32_t>(size), std::endian::big);
  std::memcpy(to + 4, type, 4);
  if (size && data != to + 8) std::memcpy(to + 8, data, size);
  store(to + 8 + size, libdeflate_crc32(0, to + 4, size + 4), std::endian::big);
  sink.commit(size + 12);
  return true;
}

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    if (params.tile_width) return fail(Errc::unsupported, "PNG has no tiles");
    RESTRIDE_TRY(level_of(params));
    if (input.type != SampleType::u8 && input.type != SampleType::u16)
      return fail(Errc::unsupported, "PNG holds uint8 or uint16 samples");
    if (input.channels > 4) return fail(Errc::unsupported, "PNG holds 1 to 4 channels, not %u", input.channels);
    EncodePlan plan;
    plan.wanted = input;
    plan.wanted.precision = static_cast<std::uint8_t>(8 * size_of(input.type));
    const bool gray = params.color == ColorSpec::gray;
    switch (gray ? 1 : input.channels) {
      case 1:
        plan.wanted.format = SampleFormat::i_y;
        break;
      case 2:
        plan.wanted.format = SampleFormat::i_ya;
        break;
      case 3:
        plan.wanted.format = SampleFormat::i_rgb;
        break;
      default:
        plan.wanted.format = channels_of(input.format) == 3 ? SampleFormat::i_rgb : SampleFormat::i_rgba;
    }
    plan.wanted.channels = channels_of(plan.wanted.format);
    plan.wanted.color = plan.wanted.channels < 3 ? ColorSpec::gray : ColorSpec::srgb;
    plan.cost = static_cast<double>(input.width) * input.height * 10;
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context&) override {
    RESTRIDE_ASSIGN(const int level, level_of(*job.params));
    const ImageSpec& spec = job.plan.wanted;
    const std::size_t line = spec.row_bytes();
    const auto filtered = scratch.take<std::uint8_t>((line + 1) * spec.height);
    if (!filtered.data()) return fail(Errc::out_of_memory, "no memory for the filtered picture");
    RESTRIDE_TRY(filter_rows(job, level, scratch, filtered));

    auto deflater = deflaters_[static_cast<std::size_t>(level)].lease();
    if (!deflater->compressor) deflater->compressor = libdeflate_alloc_compressor(level);
    if (!deflater->compressor) return fail(Errc::out_of_memory, "no memory for a compressor");
    ByteSink& sink = *job.sink;
    static constexpr unsigned char kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    std::array<std::byte, 13> ihdr{};
    store(ihdr.data(), spec.width, std::endian::big);
    store(ihdr.data() + 4, spec.height, std::endian::big);
    static constexpr std::uint8_t kColorType[] = {0, 4, 2, 6};
    ihdr[8] = static_cast<std::byte>(8 * size_of(spec.type));
    ihdr[9] = std::byte{kColorType[spec.channels - 1]};
    bool written = sink.append(kSignature, sizeof kSignature) && put_chunk(sink, "IHDR", ihdr.data(), ihdr.size());
    if (written) RESTRIDE_TRY(put_pixels(sink, deflater->compressor, filtered));
    written = written && put_chunk(sink, "IEND", nullptr, 0);
    return written ? Status() : Status(fail(Errc::out_of_memory, "no memory for the encoded picture"));
  }

 private:
  static Status filter_rows(const EncodeJob& job, int level, Scratch& scratch, std::span<std::uint8_t> filtered) {
    const ImageSpec& spec = job.plan.wanted;
    const std::size_t line = spec.row_bytes(), pixel = spec.channels * size_of(spec.type);
    const auto space = scratch.take<std::uint8_t>(line * 4);
    if (!space.data()) return fail(Errc::out_of_memory, "no memory for rows");
    std::uint8_t *current = space.data(), *above = current + line, *best = above + line, *trial = best + line;
    std::memset(above, 0, line);
    for (std::int64_t y = 0; y < spec.height; ++y) {
      const auto* row = reinterpret_cast<const std::uint8_t*>(job.source.row(y, reinterpret_cast<std::byte*>(current)));
      if (spec.type == SampleType::u16) {
        for (std::size_t i = 0; i < line; i += 2)
          store(reinterpret_cast<std::byte*>(current) + i,
                load<std::uint16_t>(reinterpret_cast<const std::byte*>(row) + i, std::endian::native),
                std::endian::big);
      } else if (row != current) {
        std::memcpy(current, row, line);
      }
      std::uint8_t* out = filtered.data() + static_cast<std::size_t>(y) * (line + 1);
      unsigned chosen = 0;
      if (level == 0) {
        std::memcpy(best, current, line);
      } else {
        std::uint64_t least = kSaturated;
        for (unsigned type = level == 1 ? 1 : 0; type < png_filter::kTypes; ++type) {
          png_filter::apply(static_cast<png_filter::Type>(type), static_cast<unsigned>(pixel),
                            reinterpret_cast<const std::byte*>(current), reinterpret_cast<const std::byte*>(above),
                            reinterpret_cast<std::byte*>(trial), line);
          const std::uint64_t sum = png_filter::sum_of_distances(reinterpret_cast<const std::byte*>(trial), line);
          if (sum >= least) continue;
          least = sum;
          chosen = type;
          std::swap(best, trial);
        }
      }
      out[0] = static_cast<std::uint8_t>(chosen);
      std::memcpy(out + 1, best, line);
      std::swap(current, above);
    }
    return {};
  }

  // Deflated straight into the sink; one IDAT chunk, or several where one could not hold it.
  static Status put_pixels(ByteSink& sink, libdeflate_compressor* compressor, std::span<const std::uint8_t> filtered) {
    const std::size_t bound = libdeflate_zlib_compress_bound(compressor, filtered.size());
    std::byte* room = sink.reserve(bound + 12);
    if (!room) return fail(Errc::out_of_memory, "no memory for the encoded picture");
    const std::size_t size = libdeflate_zlib_compress(compressor, filtered.data(), filtered.size(), room + 8, bound);
    if (size == 0) return fail(Errc::internal, "libdeflate failed");
    if (size > kMaxChunk) return fail(Errc::unsupported, "the compressed picture is larger than 2 GiB");
    return put_chunk(sink, "IDAT", room + 8, size)
               ? Status()
               : Status(fail(Errc::out_of_memory, "no memory for the encoded picture"));
  }

  std::array<StatePool<Deflater>, 10> deflaters_;
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::png
