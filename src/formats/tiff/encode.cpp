// SPDX-License-Identifier: Apache-2.0
// Encoding: one image, little-endian; the directory first, then strips or tiles, which are compressed in parallel.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "coding/deflate.h"
#include "coding/lzw.h"
#include "coding/predictor.h"
#include "formats/tiff/directory.h"
#include "formats/tiff/directory_writer.h"
#include "formats/tiff/tiff.h"
#include "image/convert/samples.h"

namespace restride::tiff {
namespace {

constexpr std::uint64_t kStripBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kWaveBytes = std::uint64_t{64} << 20;  // compressed data that may wait for its turn

// Everything about one file that is known before its pixels are read.
struct Plan {
  ImageSpec wanted;
  Compression compression = Compression::lzw;
  bool tiled = false;
  std::uint32_t segment_width = 0, segment_height = 0, segments_x = 0, segments_y = 0;

  std::uint64_t segments() const noexcept { return std::uint64_t{segments_x} * segments_y; }
  std::uint64_t row_bytes() const noexcept {
    return std::uint64_t{segment_width} * wanted.channels * size_of(wanted.type);
  }
  std::uint64_t segment_bytes() const noexcept { return saturating_mul(row_bytes(), segment_height); }
  // Strips are cut at the bottom, tiles are filled up.
  std::uint32_t rows_in(std::uint32_t y) const noexcept {
    return tiled ? segment_height : std::min(segment_height, wanted.height - y * segment_height);
  }
};

Result<Compression> compression_for(const EncodeParams& params) {
  switch (params.tiff_compression) {
    case TiffCompression::none:
      return Compression::none;
    case TiffCompression::lzw:
      return Compression::lzw;
    case TiffCompression::deflate:
      return Compression::deflate;
    case TiffCompression::automatic:
      break;
  }
  if (params.quality_type == QualityType::default_quality) return Compression::lzw;
  if (params.quality_type != QualityType::lossless)
    return fail(Errc::unsupported, "TIFF is written without loss: only the quality types DEFAULT and LOSSLESS apply");
  if (params.quality_value == 0) return Compression::none;
  if (params.quality_value == 1) return Compression::lzw;
  return fail(Errc::invalid_argument, "TIFF: LOSSLESS takes 0 (no compression) or 1 (LZW), not %g",
              params.quality_value);
}

Result<ImageSpec> wanted_pixels(const ImageSpec& input, ColorSpec color) {
  ImageSpec wanted = input;
  wanted.precision = 0;  // samples fill their type: few readers know other depths
  wanted.color = ColorSpec::srgb;
  const SampleFormat format = interleaved(input.format);
  if (color == ColorSpec::gray || format == SampleFormat::i_y || input.channels == 1) {
    wanted.format = SampleFormat::i_y;
    wanted.color = ColorSpec::gray;
    wanted.channels = 1;
    return wanted;
  }
  if (color != ColorSpec::unchanged && color != ColorSpec::srgb)
    return fail(Errc::unsupported, "TIFF is written as gray or RGB: color must be UNCHANGED, SRGB or GRAY");
  const bool srgb = color == ColorSpec::srgb;
  if (!srgb && (format == SampleFormat::i_ya || input.channels == 2)) {
    wanted.format = SampleFormat::i_ya;
    wanted.color = ColorSpec::gray;
    wanted.channels = 2;
  } else if (!srgb && format == SampleFormat::i_cmyk) {
    wanted.format = SampleFormat::i_cmyk;
    wanted.color = ColorSpec::cmyk;
    wanted.channels = 4;
  } else if (format == SampleFormat::i_rgba || (input.channels == 4 && channels_of(format) == 0)) {
    wanted.format = SampleFormat::i_rgba;
    wanted.channels = 4;
  } else if (srgb || channels_of(format) != 0 || input.channels == 3) {
    wanted.format = SampleFormat::i_rgb;
    wanted.channels = 3;
  } else {
    wanted.format = SampleFormat::i_unchanged;
    wanted.color = ColorSpec::unchanged;
  }
  return wanted;
}

Result<Plan> make_plan(const ImageSpec& input, const EncodeParams& params) {
  Plan plan;
  RESTRIDE_ASSIGN(plan.compression, compression_for(params));
  RESTRIDE_ASSIGN(plan.wanted, wanted_pixels(input, params.color));
  const ImageSpec& spec = plan.wanted;
  if (spec.channels > 0xffff) return fail(Errc::unsupported, "TIFF holds at most 65535 channels");
  plan.tiled = params.tile_width != 0 || params.tile_height != 0;
  if (plan.tiled) {
    // Section 15: both sides are multiples of 16.
    if (params.tile_width % 16 != 0 || params.tile_height % 16 != 0 || params.tile_width == 0 ||
        params.tile_height == 0)
      return fail(Errc::invalid_argument, "TIFF: tiles of %u x %u: both sides must be multiples of 16",
                  params.tile_width, params.tile_height);
    plan.segment_width = params.tile_width;
    plan.segment_height = params.tile_height;
  } else {
    plan.segment_width = spec.width;
    const std::uint64_t rows = ceil_div(kStripBytes, std::max<std::uint64_t>(plan.row_bytes(), 1));
    plan.segment_height = static_cast<std::uint32_t>(std::min<std::uint64_t>(rows, spec.height));
  }
  if (spec.width == 0 || spec.height == 0) return fail(Errc::invalid_argument, "TIFF: the image has no pixels");
  plan.segments_x = ceil_div(spec.width, plan.segment_width);
  plan.segments_y = ceil_div(spec.height, plan.segment_height);
  return plan;
}

std::uint64_t compressed_bound(Compression compression, std::uint64_t size) noexcept {
  switch (compression) {
    case Compression::none:
      return size;
    case Compression::lzw:
      return lzw::encode_bound(static_cast<std::size_t>(size));
    default:
      return deflate::Deflater::bound(static_cast<std::size_t>(size));
  }
}

// Shannon's bound for a histogram of bytes, in bits.
double information(const std::array<std::uint32_t, 256>& counts) {
  double total = 0, sum = 0;
  for (const std::uint32_t c : counts) {
    total += c;
    if (c) sum += c * std::log2(c);
  }
  return total > 0 ? total * std::log2(total) - sum : 0;
}

class ImageWriter {
 public:
  ImageWriter(const EncodeJob& job, const Plan& plan, bool big, StatePool<deflate::Deflater>& deflaters,
              Scratch& scratch, Context& context) noexcept
      : job_(job), plan_(plan), big_(big), deflaters_(deflaters), scratch_(scratch), context_(context) {}

  Status write() {
    RESTRIDE_TRY(choose_predictor());
    DirectoryWriter directory(big_);
    describe(directory);
    head_ = directory.layout();
    std::byte* head = job_.sink->reserve(static_cast<std::size_t>(head_.size));
    if (!head) return no_memory();
    directory.write(head);
    job_.sink->commit(static_cast<std::size_t>(head_.size));
    return plan_.compression == Compression::none ? write_plain() : write_compressed();
  }

 private:
  static Error no_memory() { return fail(Errc::out_of_memory, "TIFF: no memory to encode into"); }

  unsigned sample_bits() const noexcept { return static_cast<unsigned>(8 * size_of(plan_.wanted.type)); }

  void describe(DirectoryWriter& directory) const {
    const ImageSpec& spec = plan_.wanted;
    const unsigned n = spec.channels;
    const bool cmyk = spec.format == SampleFormat::i_cmyk;
    const unsigned colors = spec.format == SampleFormat::i_rgb || spec.format == SampleFormat::i_rgba ? 3
                            : cmyk                                                                    ? 4
                                                                                                      : 1;
    const auto photometric = colors == 3 ? Photometric::rgb : cmyk ? Photometric::separated : Photometric::min_is_black;
    const unsigned format = is_float(spec.type) ? 3 : is_signed(spec.type) ? 2 : 1;
    using Type = DirectoryWriter::Type;
    const Type offset_type = big_ ? Type::long8 : Type::long4;
    directory.add(Tag::image_width, Type::long4, 1, spec.width);
    directory.add(Tag::image_length, Type::long4, 1, spec.height);
    directory.add(Tag::bits_per_sample, Type::short2, n, sample_bits());
    directory.add(Tag::compression, Type::short2, 1, static_cast<std::uint64_t>(plan_.compression));
    directory.add(Tag::photometric, Type::short2, 1, static_cast<std::uint64_t>(photometric));
    if (!plan_.tiled) directory.add(Tag::strip_offsets, offset_type, plan_.segments(), 0);
    directory.add(Tag::samples_per_pixel, Type::short2, 1, n);
    if (!plan_.tiled) {
      directory.add(Tag::rows_per_strip, Type::long4, 1, plan_.segment_height);
      directory.add(Tag::strip_byte_counts, offset_type, plan_.segments(), 0);
    }
    directory.add(Tag::x_resolution, Type::rational, 1, std::uint64_t{1} << 32 | 1);  // 1/1, without a unit
    directory.add(Tag::y_resolution, Type::rational, 1, std::uint64_t{1} << 32 | 1);
    directory.add(Tag::planar_configuration, Type::short2, 1, 1);
    directory.add(Tag::resolution_unit, Type::short2, 1, 1);
    if (predict_) directory.add(Tag::predictor, Type::short2, 1, 2);
    if (plan_.tiled) {
      directory.add(Tag::tile_width, Type::long4, 1, plan_.segment_width);
      directory.add(Tag::tile_length, Type::long4, 1, plan_.segment_height);
      directory.add(Tag::tile_offsets, offset_type, plan_.segments(), 0);
      directory.add(Tag::tile_byte_counts, offset_type, plan_.segments(), 0);
    }
    // One channel beside gray or RGB is alpha, not premultiplied; of more nothing is known.
    if (n > colors) directory.add(Tag::extra_samples, Type::short2, n - colors, n - colors == 1 ? 2 : 0);
    directory.add(Tag::sample_format, Type::short2, n, format);
  }

  // Horizontal differencing pays where it lowers the entropy of the bytes, which a few rows tell: it does for
  // photographs, and does not for masks and drawings.
  Status choose_predictor() {
    if (plan_.compression == Compression::none || is_float(plan_.wanted.type)) return {};
    constexpr std::uint32_t kRows = 16;
    const ImageSpec& spec = plan_.wanted;
    ImageSpec line = spec;
    line.height = 1;
    const auto bytes = static_cast<std::size_t>(line.bytes());
    std::byte* row = scratch_.allocate(bytes);
    if (!row) return no_memory();
    std::array<std::uint32_t, 256> plain{}, differences{};
    const std::uint32_t rows = std::min(kRows, spec.height);
    for (std::uint32_t i = 0; i < rows; ++i) {
      const auto y = static_cast<std::int64_t>((std::uint64_t{i} * 2 + 1) * spec.height / (2 * std::uint64_t{rows}));
      job_.source.get({0, y, spec.width, 1}, dense_view(row, line));
      for (std::size_t k = 0; k < bytes; ++k) ++plain[static_cast<std::uint8_t>(row[k])];
      predictor::apply_horizontal(row, bytes / size_of(spec.type), spec.channels, size_of(spec.type));
      for (std::size_t k = 0; k < bytes; ++k) ++differences[static_cast<std::uint8_t>(row[k])];
    }
    predict_ = information(differences) < information(plain);
    return {};
  }

  // The pixels of segment `index`, as they are stored; what a tile has beyond the picture is 0.
  void fetch(std::uint64_t index, std::byte* to) const {
    const ImageSpec& spec = plan_.wanted;
    const auto x = static_cast<std::uint32_t>(index % plan_.segments_x),
               y = static_cast<std::uint32_t>(index / plan_.segments_x);
    const Rect segment{std::int64_t{x} * plan_.segment_width, std::int64_t{y} * plan_.segment_height,
                       plan_.segment_width, plan_.rows_in(y)};
    const Rect where = intersect(segment, {0, 0, spec.width, spec.height});
    ImageSpec whole = spec;
    whole.width = plan_.segment_width;
    whole.height = plan_.rows_in(y);
    if (where != segment) std::memset(to, 0, static_cast<std::size_t>(whole.bytes()));
    const ImageView view = dense_view(to, whole).crop({0, 0, where.width, where.height});
    job_.source.get(where, view);
    if (spec.format == SampleFormat::i_cmyk) invert(view);
  }

  // Light to ink: the opposite of what decoding does.
  static void invert(const ImageView& view) {
    const std::size_t row = static_cast<std::size_t>(view.spec.row_bytes()), sample = size_of(view.spec.type);
    for (std::int64_t y = 0; y < view.spec.height; ++y) {
      std::byte* at = view.at(0, y);
      if (is_float(view.spec.type)) {
        for (std::size_t i = 0; i < row; i += sample)
          samples::store_double(view.spec.type, 1 - samples::load_double(view.spec.type, at + i), at + i);
      } else {
        for (std::size_t i = 0; i < row; ++i) at[i] = ~at[i];
      }
    }
  }

  void record(std::uint64_t index, std::uint64_t offset, std::uint64_t size) {
    std::byte* head = job_.sink->data();
    if (big_) {
      store(head + head_.offsets + 8 * index, offset, std::endian::little);
      store(head + head_.byte_counts + 8 * index, size, std::endian::little);
    } else {
      store(head + head_.offsets + 4 * index, static_cast<std::uint32_t>(offset), std::endian::little);
      store(head + head_.byte_counts + 4 * index, static_cast<std::uint32_t>(size), std::endian::little);
    }
  }

  std::uint64_t bytes_in(std::uint64_t index) const noexcept {
    return plan_.row_bytes() * plan_.rows_in(static_cast<std::uint32_t>(index / plan_.segments_x));
  }

  // Sizes are known: every segment goes straight to its place.
  Status write_plain() {
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < plan_.segments(); ++i) {
      record(i, head_.size + total, bytes_in(i));
      total += bytes_in(i);
    }
    std::byte* data = job_.sink->reserve(static_cast<std::size_t>(total));
    if (!data) return no_memory();
    const std::uint64_t whole = plan_.segment_bytes();
    context_.executor.for_each(static_cast<std::size_t>(plan_.segments()),
                               [&](std::size_t i) { fetch(i, data + i * whole); });
    job_.sink->commit(static_cast<std::size_t>(total));
    return {};
  }

  // A wave of segments is compressed at once, each into a slot of its own, and then appended in order.
  Status write_compressed() {
    const std::uint64_t n = plan_.segments();
    const auto bound = static_cast<std::size_t>(compressed_bound(plan_.compression, plan_.segment_bytes()));
    const std::uint64_t threads = context_.executor.concurrency();
    const auto slots = static_cast<std::size_t>(std::min(n, std::clamp(kWaveBytes / bound, threads, 16 * threads)));
    std::byte* space = scratch_.allocate(static_cast<std::size_t>(saturating_mul(slots, bound)));
    const std::span<std::size_t> sizes = scratch_.take<std::size_t>(slots);
    if (!space || !sizes.data()) return no_memory();
    for (std::uint64_t first = 0; first < n; first += slots) {
      const auto wave = static_cast<std::size_t>(std::min<std::uint64_t>(slots, n - first));
      std::atomic<bool> failed{false};
      context_.executor.for_each(wave, [&](std::size_t i) {
        sizes[i] = compress(first + i, {space + i * bound, bound});
        if (sizes[i] == 0) failed.store(true, std::memory_order_relaxed);
      });
      if (failed.load(std::memory_order_relaxed)) return no_memory();
      for (std::size_t i = 0; i < wave; ++i) {
        record(first + i, job_.sink->size(), sizes[i]);
        if (!job_.sink->append(space + i * bound, sizes[i])) return no_memory();
      }
    }
    return {};
  }

  // The bytes written, 0 when memory is short.
  std::size_t compress(std::uint64_t index, std::span<std::byte> out) {
    auto scratch = context_.scratch.lease();
    const std::size_t size = compress(index, out, *scratch);
    scratch->reset();
    return size;
  }

  std::size_t compress(std::uint64_t index, std::span<std::byte> out, Scratch& scratch) {
    const auto size = static_cast<std::size_t>(bytes_in(index));
    const auto row = static_cast<std::size_t>(plan_.row_bytes());
    const std::span<std::byte> pixels = scratch.take<std::byte>(size);
    if (!pixels.data()) return 0;
    fetch(index, pixels.data());
    if (predict_) {
      const std::size_t sample = size_of(plan_.wanted.type);
      for (std::size_t at = 0; at < size; at += row)
        predictor::apply_horizontal(pixels.data() + at, row / sample, plan_.wanted.channels, sample);
    }
    if (plan_.compression != Compression::lzw) return deflaters_.lease()->zlib(pixels, out);
    const auto table = scratch.take<lzw::EncoderTable>(1);
    return table.data() ? lzw::encode(pixels, out, table[0]) : 0;
  }

  const EncodeJob& job_;
  const Plan& plan_;
  bool big_;
  StatePool<deflate::Deflater>& deflaters_;
  Scratch& scratch_;
  Context& context_;
  DirectoryWriter::Layout head_;
  bool predict_ = false;
};

class TiffEncoder final : public ImageEncoder {
 public:
  explicit TiffEncoder(std::uint64_t big_from) noexcept : big_from_(big_from) {}

  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    RESTRIDE_ASSIGN(const Plan made, make_plan(input, params));
    EncodePlan plan;
    plan.wanted = made.wanted;
    plan.cost =
        static_cast<double>(made.wanted.width) * made.wanted.height * (made.compression == Compression::none ? 1 : 32);
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override {
    RESTRIDE_ASSIGN(const Plan plan, make_plan(job.source.view().spec, *job.params));
    // Offsets of 32 bits suffice if they do for the worst that compression can make of the pixels.
    const std::uint64_t most =
        saturating_mul(plan.segments(), saturating_add(compressed_bound(plan.compression, plan.segment_bytes()), 16));
    return ImageWriter(job, plan, most >= big_from_, deflaters_, scratch, context).write();
  }

 private:
  std::uint64_t big_from_;
  StatePool<deflate::Deflater> deflaters_;
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder_from(std::uint64_t big_from) {
  return std::make_unique<TiffEncoder>(big_from);
}

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) {
  constexpr std::uint64_t kMargin = std::uint64_t{1} << 20;  // the directory and its arrays of other values
  return make_encoder_from((std::uint64_t{1} << 32) - kMargin);
}

}  // namespace restride::tiff
