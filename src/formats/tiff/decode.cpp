// SPDX-License-Identifier: Apache-2.0
// Decoding: the strips or tiles that meet the window, in parallel; each is decompressed and unpacked into its place.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "base/checked.h"
#include "base/error_util.h"
#include "coding/deflate.h"
#include "coding/lzw.h"
#include "coding/packbits.h"
#include "coding/predictor.h"
#include "formats/tiff/jpeg_segment.h"
#include "formats/tiff/libtiff_segment.h"
#include "formats/tiff/scheme.h"
#include "formats/tiff/tiff.h"
#include "formats/tiff/unpack.h"
#include "image/convert/kernels.h"
#include "image/convert/pixels.h"
#include "image/convert/samples.h"

namespace restride::tiff {
namespace {

constexpr std::uint64_t kBandBytes = std::uint64_t{256} << 10;  // unpacked at a time: stays in the second cache level

// Bytes that one compressed byte can become, at most: what claims more lies about its size.
std::uint64_t most_expansion(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
      return 1;
    case Compression::packbits:
      return 64;  // 128 of 2
    case Compression::lzw:
      return 2600;  // 3837 of a 12-bit code
    case Compression::deflate:
    case Compression::old_deflate:
      return 1040;  // 258 of 2 bits
    default:
      return kSaturated;
  }
}

// The first error in the order of segments, whatever the order in which threads meet them.
class FirstError {
 public:
  // True if work on `index` can no longer change the outcome.
  bool moot(std::size_t index) const noexcept { return index > first_.load(std::memory_order_relaxed); }
  void report(std::size_t index, Status status) {
    std::lock_guard lock(mutex_);
    if (index >= first_.load(std::memory_order_relaxed)) return;
    first_.store(index, std::memory_order_relaxed);
    status_ = std::move(status);
  }
  Status take() { return std::move(status_); }

 private:
  std::atomic<std::size_t> first_{SIZE_MAX};
  std::mutex mutex_;
  Status status_;
};

// Kept from call to call.
struct Tools {
  StatePool<deflate::Inflater> inflaters;
  bool fancy_upsampling = true;
};

// Decompressed rows of a segment, or of one plane of it.
struct Stored {
  const std::byte* rows = nullptr;  // where row 0 is or would be
  std::size_t row_bytes = 0;
  bool swapped = false;  // not in the machine's byte order
};

// The strips or tiles of one picture that meet the window, cut into units of work.
class Picture {
 public:
  Picture(const DecodeJob& job, const Directory& directory, const Scheme& scheme, Tools& tools,
          Context& context) noexcept
      : request_(job.request),
        sink_(job.sink),
        directory_(directory),
        scheme_(scheme),
        tools_(tools),
        context_(context),
        unpacker_(directory, scheme),
        compressed_(directory.compression != Compression::none || directory.predictor != 1) {
    const Rect& window = request_.window;
    const std::int64_t sw = directory.segment_width, sh = directory.segment_height;
    first_x_ = static_cast<std::uint32_t>(window.x / sw);
    first_y_ = static_cast<std::uint32_t>(window.y / sh);
    across_ = static_cast<std::uint32_t>((window.right() - 1) / sw) - first_x_ + 1;
    down_ = static_cast<std::uint32_t>((window.bottom() - 1) / sh) - first_y_ + 1;
    row_bytes_ = scheme.row_bytes(directory);
    // What is only copied is cut into bands of rows, so that one large strip keeps all threads busy.
    band_rows_ = directory.segment_height;
    if (!compressed_ && !scheme.data_units)
      band_rows_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
          2 * kBandBytes / std::max<std::uint64_t>(row_bytes_, 1), 1, directory.segment_height));
    bands_ = ceil_div(directory.segment_height, band_rows_);
  }

  std::size_t units() const noexcept { return std::size_t{across_} * down_ * bands_; }

  Status decode(Scratch& scratch, bool& wrote) {
    RESTRIDE_TRY(unpacker_.prepare(request_.bytes, scratch));
    FirstError errors;
    context_.executor.for_each(units(), [&](std::size_t i) {
      if (errors.moot(i)) return;
      Status status = run(i);
      if (!status) errors.report(i, std::move(status));
    });
    wrote = wrote_.load(std::memory_order_relaxed);
    return errors.take();
  }

 private:
  // Where a unit is: a part of a segment that lies in the window, in coordinates of the picture.
  struct Place {
    std::uint32_t x = 0, y = 0;  // of the segment in the grid
    Rect where;
    std::uint64_t first_row = 0, end_row = 0;  // of the segment
    std::uint32_t first_column = 0;

    std::uint32_t columns() const noexcept { return static_cast<std::uint32_t>(where.width); }
  };

  Status run(std::size_t unit) {
    Place place;
    const std::size_t cell = unit / bands_, band = unit % bands_;
    place.x = first_x_ + static_cast<std::uint32_t>(cell % across_);
    place.y = first_y_ + static_cast<std::uint32_t>(cell / across_);
    const Rect segment{std::int64_t{place.x} * directory_.segment_width,
                       std::int64_t{place.y} * directory_.segment_height, directory_.segment_width,
                       directory_.segment_height};
    const Rect rows{segment.x, segment.y + static_cast<std::int64_t>(band * band_rows_), segment.width, band_rows_};
    place.where = intersect(intersect(rows, segment), request_.window);
    if (place.where.empty()) return {};
    place.first_row = static_cast<std::uint64_t>(place.where.y - segment.y);
    place.end_row = static_cast<std::uint64_t>(place.where.bottom() - segment.y);
    place.first_column = static_cast<std::uint32_t>(place.where.x - segment.x);

    // Plain pixels that lie in the file as they are wanted need no working memory, nor the lock that giving it out
    // takes.
    const bool swapped = in_other_order();
    if (!compressed_ && !directory_.sparse && !directory_.reversed_bits && !directory_.planar &&
        unpacker_.whole_bytes() && !scheme_.data_units && (sink_.direct() || (unpacker_.plain() && !swapped)))
      return run_plain(place);
    auto scratch = context_.scratch.lease();
    Status status = run_planes(place, *scratch);
    scratch->reset();
    return status;
  }

  bool in_other_order() const noexcept {
    return scheme_.route == Route::own && directory_.order != std::endian::native && scheme_.stored_bits > 8 &&
           scheme_.stored_bits % 8 == 0;
  }

  std::uint64_t segment_index(const Place& place, unsigned plane) const noexcept {
    return (std::uint64_t{plane} * directory_.segments_y + place.y) * directory_.segments_x + place.x;
  }
  // The bytes of a segment, of which at least `needed` must exist.
  Result<ByteSpan> bytes_of(const Segment& segment, std::uint64_t index, std::uint64_t needed) const {
    const std::uint64_t size = request_.bytes.size(), at = std::min(segment.offset, size);
    if (directory_.compression != Compression::none && saturating_add(segment.offset, segment.size) > size)
      return fail_at(Errc::truncated, at, "TIFF: %s %llu ends at byte %llu of a file of %llu", noun(),
                     static_cast<unsigned long long>(index),
                     static_cast<unsigned long long>(saturating_add(segment.offset, segment.size)),
                     static_cast<unsigned long long>(size));
    if (segment.size < needed || saturating_add(segment.offset, needed) > size)
      return fail_at(
          Errc::truncated, at, "TIFF: %s %llu has %llu bytes, %llu are needed", noun(),
          static_cast<unsigned long long>(index),
          static_cast<unsigned long long>(segment.offset < size ? std::min(segment.size, size - segment.offset) : 0),
          static_cast<unsigned long long>(needed));
    return request_.bytes.subspan(segment.offset,
                                  segment.size < size - segment.offset ? segment.size : size - segment.offset);
  }
  const char* noun() const noexcept { return directory_.tiled ? "tile" : "strip"; }

  Status run_plain(const Place& place) {
    const std::uint64_t index = segment_index(place, 0);
    RESTRIDE_ASSIGN(const ByteSpan bytes, bytes_of(directory_.segment(request_.bytes, index), index,
                                                   saturating_mul(place.end_row, row_bytes_)));
    const Stored stored{bytes.data(), row_bytes_, in_other_order()};
    if (sink_.direct()) {
      unpack(place, stored, 0, target(place), nullptr);
      return {};
    }
    wrote_.store(true, std::memory_order_relaxed);
    const std::size_t pixel = std::size_t{scheme_.stored_channels} * unpacker_.whole_bytes();
    sink_.put_interleaved(relative(place.where),
                          stored.rows + place.first_row * row_bytes_ + place.first_column * pixel,
                          static_cast<std::ptrdiff_t>(row_bytes_));
    return {};
  }

  Status run_planes(const Place& place, Scratch& scratch) {
    const unsigned planes = directory_.planes();
    std::byte* space = scratch.allocate(unpacker_.space(std::uint64_t{place.first_column} + place.columns()));
    if (!space) return no_memory();
    std::array<Stored, kMaxChannels> stored;
    std::byte* buffer = nullptr;
    for (unsigned plane = 0; plane < planes; ++plane) {
      if (!wanted(plane)) continue;
      bool done = false;
      // Planes that go straight to their place take turns in one buffer.
      if (!sink_.direct()) buffer = nullptr;
      RESTRIDE_ASSIGN(stored[plane], segment(place, plane, scratch, buffer, done));
      if (sink_.direct() && !done) unpack(place, stored[plane], plane, target(place), space);
    }
    if (sink_.direct()) return {};
    return put_bands(place, stored, space, scratch);
  }

  // False for a plane that no native channel is made of.
  bool wanted(unsigned plane) const noexcept {
    if (!directory_.planar) return true;
    const auto sources = std::span(scheme_.source).first(scheme_.native.channels);
    return scheme_.palette ? plane == 0 : std::find(sources.begin(), sources.end(), plane) != sources.end();
  }

  Status put_bands(const Place& place, std::span<const Stored> stored, std::byte* space, Scratch& scratch) {
    ImageSpec spec = scheme_.native;
    spec.width = place.columns();
    spec.height = 1;
    const auto rows = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(kBandBytes / spec.bytes(), 1, static_cast<std::uint64_t>(place.where.height)));
    spec.height = rows;
    std::byte* pixels = scratch.allocate(static_cast<std::size_t>(spec.bytes()));
    if (!pixels) return no_memory();
    const ImageView view = dense_view(pixels, spec);
    std::array<PlaneView, kMaxChannels> channels;
    for (unsigned k = 0; k < spec.channels; ++k) channels[k] = {view.at(0, 0, k), view.row_stride, view.pixel_stride};
    for (std::uint64_t y = place.first_row; y < place.end_row; y += rows) {
      Place band = place;
      band.first_row = y;
      band.end_row = std::min<std::uint64_t>(place.end_row, y + rows);
      band.where.y += static_cast<std::int64_t>(y - place.first_row);
      band.where.height = static_cast<std::int64_t>(band.end_row - y);
      for (unsigned plane = 0; plane < directory_.planes(); ++plane)
        if (wanted(plane)) unpack(band, stored[plane], plane, view, space);
      sink_.put(relative(band.where), {channels.data(), spec.channels});
    }
    return {};
  }

  Rect relative(const Rect& where) const noexcept {
    return {where.x - request_.window.x, where.y - request_.window.y, where.width, where.height};
  }
  ImageView target(const Place& place) const noexcept { return sink_.direct_view().crop(relative(place.where)); }

  void unpack(const Place& place, const Stored& stored, unsigned plane, const ImageView& to, std::byte* space) {
    wrote_.store(true, std::memory_order_relaxed);
    if (!stored.swapped && unpacker_.same_layout(to)) {
      const std::size_t pixel = std::size_t{scheme_.stored_channels} * unpacker_.whole_bytes();
      return copy_rows(stored.rows + place.first_row * stored.row_bytes + place.first_column * pixel,
                       static_cast<std::ptrdiff_t>(stored.row_bytes), to.data, to.row_stride, place.columns() * pixel,
                       place.where.height);
    }
    for (std::uint64_t y = place.first_row; y < place.end_row; ++y)
      unpacker_.row(stored.rows, stored.row_bytes, y, place.first_column, place.columns(), plane, stored.swapped, to,
                    static_cast<std::int64_t>(y - place.first_row), space);
  }

  // The rows of one plane of a segment, from its first to the last that is needed. `buffer` is memory to decompress
  // into, allocated when null. `done`: the pixels went straight to their place.
  Result<Stored> segment(const Place& place, unsigned plane, Scratch& scratch, std::byte*& buffer, bool& done) {
    const std::uint64_t index = segment_index(place, plane);
    const Segment segment = directory_.segment(request_.bytes, index);
    if (segment.absent) return absent_rows(scratch);
    std::uint64_t needed = scheme_.bytes(directory_, place.end_row);
    if (needed / most_expansion(directory_.compression) > segment.size)
      return fail_at(Errc::truncated, std::min<std::uint64_t>(segment.offset, request_.bytes.size()),
                     "TIFF: the %llu bytes of %s %llu cannot hold %llu", static_cast<unsigned long long>(segment.size),
                     noun(), static_cast<unsigned long long>(index), static_cast<unsigned long long>(needed));
    const bool coded = directory_.compression != Compression::none;
    RESTRIDE_ASSIGN(ByteSpan bytes, bytes_of(segment, index, coded ? 0 : needed));
    if (directory_.reversed_bits && scheme_.route == Route::own) {
      RESTRIDE_ASSIGN(bytes, reversed(coded ? bytes : bytes.first(needed), scratch));
    }
    if (!compressed_) return Stored{bytes.data(), row_bytes_, in_other_order()};

    Stored stored{nullptr, row_bytes_, in_other_order()};
    ImageView to;
    if (sink_.direct()) to = target(place);
    const bool in_place = sink_.direct() && unpacker_.same_layout(to) && place.first_row == 0 &&
                          place.first_column == 0 && place.columns() == directory_.segment_width &&
                          (scheme_.route == Route::jpeg || to.row_stride == static_cast<std::ptrdiff_t>(row_bytes_));
    // libdeflate is faster than what can stop early, unless much is left out.
    const std::uint64_t whole = whole_bytes(place);
    if (deflated() && !in_place && needed > whole / 4 * 3) needed = whole;
    if (in_place) {
      buffer = to.data;
      stored.row_bytes = static_cast<std::size_t>(to.row_stride);
      wrote_.store(true, std::memory_order_relaxed);
      done = true;
    } else if (!buffer) {
      buffer = scratch.allocate(static_cast<std::size_t>(needed));
    }
    if (!buffer) return no_memory();
    stored.rows = buffer;
    RESTRIDE_TRY(
        decompress(place, index, segment, bytes, {buffer, static_cast<std::size_t>(needed)}, stored.row_bytes));
    RESTRIDE_TRY(finish_rows(place, stored, buffer, in_place, scratch));
    return stored;
  }

  bool deflated() const noexcept {
    return directory_.compression == Compression::deflate || directory_.compression == Compression::old_deflate;
  }
  // What a segment holds in all: tiles are whole, strips cut at the bottom.
  std::uint64_t whole_bytes(const Place& place) const noexcept {
    return scheme_.bytes(directory_, directory_.tiled ? directory_.segment_height : directory_.rows_in(place.y));
  }

  // Rows of a segment that the file leaves out: one row that stands for all of them.
  Result<Stored> absent_rows(Scratch& scratch) const {
    const std::uint64_t size = scheme_.bytes(directory_, scheme_.data_units ? directory_.subsample_y : 1U);
    std::byte* row = scratch.allocate(static_cast<std::size_t>(size));
    if (!row) return no_memory();
    std::memset(row, 0, static_cast<std::size_t>(size));
    if (const unsigned sample = unpacker_.whole_bytes(); sample != 0 && directory_.nodata != 0 && !scheme_.data_units)
      for (std::uint64_t i = 0; i + sample <= size; i += sample)
        samples::store_double(directory_.type(), directory_.nodata, row + i);
    return Stored{row, 0, false};
  }

  // FillOrder 2: the bits of every byte the other way round.
  static Result<ByteSpan> reversed(ByteSpan bytes, Scratch& scratch) {
    const std::span<std::byte> copy = scratch.take<std::byte>(bytes.size());
    if (!copy.data()) return no_memory();
    std::transform(bytes.begin(), bytes.end(), copy.begin(), [](std::byte b) {
      const auto v = static_cast<std::uint64_t>(b);
      return static_cast<std::byte>((v * 0x0202020202ULL & 0x010884422010ULL) % 1023);
    });
    return ByteSpan(copy);
  }

  Status decompress(const Place& place, std::uint64_t index, const Segment& segment, ByteSpan bytes,
                    std::span<std::byte> out, std::size_t row_stride) {
    if (scheme_.route == Route::jpeg) return decompress_jpeg(place, segment, bytes, out.data(), row_stride);
    if (scheme_.route == Route::libtiff) {
      auto reader = libtiff_.lease();
      RESTRIDE_TRY(reader->open(request_.bytes, directory_));
      return reader->read(index, out);
    }
    const auto short_of = [&](Errc code, std::size_t written, std::uint64_t read) {
      return fail_at(code, segment.offset + read, "TIFF (%s): %s %llu %s after %zu of %zu bytes",
                     name(directory_.compression), noun(), static_cast<unsigned long long>(index),
                     code == Errc::corrupt ? "is corrupt" : "ends", written, out.size());
    };
    switch (directory_.compression) {
      case Compression::none:
        std::memcpy(out.data(), bytes.data(), out.size());
        return {};
      case Compression::packbits: {
        const std::size_t written = packbits::decode(bytes, out);
        return written == out.size() ? Status() : short_of(Errc::truncated, written, bytes.size());
      }
      case Compression::lzw: {
        const lzw::Decoded result = lzw::decode(bytes, out);
        if (result.end == lzw::End::filled) return {};
        return short_of(result.end == lzw::End::corrupt ? Errc::corrupt : Errc::truncated, result.written, result.read);
      }
      default:
        break;
    }
    const bool only_start = out.size() < whole_bytes(place);
    const deflate::Inflated result = tools_.inflaters.lease()->zlib(bytes, out, only_start);
    if (result.end == deflate::End::no_memory) return no_memory();
    if (result.end == deflate::End::corrupt) return short_of(Errc::corrupt, result.written, 0);
    return result.written == out.size() ? Status() : short_of(Errc::truncated, result.written, bytes.size());
  }

  Status decompress_jpeg(const Place& place, const Segment& segment, ByteSpan bytes, std::byte* out,
                         std::size_t row_stride) const {
    JpegSegment jpeg;
    const Values& tables = directory_.jpeg_tables;
    if (tables.present()) jpeg.tables = request_.bytes.subspan(tables.offset, tables.count);
    jpeg.data = bytes;
    jpeg.offset = segment.offset;
    jpeg.width = directory_.segment_width;
    jpeg.height = directory_.segment_height;
    jpeg.columns = place.first_column + place.columns();
    jpeg.rows = static_cast<std::uint32_t>(place.end_row);
    jpeg.components = directory_.samples_in_plane();
    jpeg.ycbcr = directory_.photometric == Photometric::ycbcr && jpeg.components == 3;
    jpeg.colors = scheme_.jpeg_colors;
    jpeg.fancy_upsampling = tools_.fancy_upsampling;
    jpeg.out = out;
    jpeg.row_stride = static_cast<std::ptrdiff_t>(row_stride);
    return decode_jpeg_segment(jpeg);
  }

  // Undoes prediction in the rows that are needed, as far to the right as needed. In place of the final pixels the byte
  // order is made right too; otherwise unpacking does that.
  Status finish_rows(const Place& place, Stored& stored, std::byte* rows, bool in_place, Scratch& scratch) const {
    if (scheme_.route != Route::own || scheme_.data_units) return {};
    const std::size_t sample = directory_.bits / 8U, channels = scheme_.stored_channels;
    const bool horizontal = directory_.predictor == 2 && unpacker_.whole_bytes() != 0;
    const bool floating = directory_.predictor == 3;
    const bool swap = stored.swapped && (horizontal || (in_place && !floating));
    if (!horizontal && !floating && !swap) return {};
    std::byte* space = nullptr;
    if (floating && !(space = scratch.allocate(row_bytes_))) return no_memory();
    const std::size_t needed = (std::size_t{place.first_column} + place.columns()) * channels;
    for (std::uint64_t y = place.first_row; y < place.end_row; ++y) {
      std::byte* row = rows + y * stored.row_bytes;
      if (swap) swap_samples(row, needed, sample);
      if (horizontal) predictor::undo_horizontal(row, needed, channels, sample);
      if (floating)
        predictor::undo_floating_point(row, std::size_t{directory_.segment_width} * channels, channels, sample, space);
    }
    stored.swapped = stored.swapped && !swap && !floating;
    return {};
  }

  static void swap_samples(std::byte* row, std::size_t n, std::size_t sample) noexcept {
    kernels::best().permute(kernels::byte_swap(static_cast<unsigned>(sample)), row, row, n);
  }

  static Error no_memory() { return fail(Errc::out_of_memory, "TIFF: no working memory"); }

  const DecodeRequest& request_;
  const PixelSink& sink_;
  const Directory& directory_;
  const Scheme& scheme_;
  Tools& tools_;
  Context& context_;
  Unpacker unpacker_;
  bool compressed_;  // or predicted: stored rows are not those of the file
  std::uint32_t first_x_ = 0, first_y_ = 0, across_ = 0, down_ = 0;  // segments that meet the window
  std::uint64_t row_bytes_ = 0;
  std::uint32_t band_rows_ = 0, bands_ = 1;
  StatePool<LibtiffReader> libtiff_;
  std::atomic<bool> wrote_{false};
};

class TiffDecoder final : public ImageDecoder {
 public:
  explicit TiffDecoder(const CodecOptions& options) {
    tools_.fancy_upsampling = option_value(options.options, "tiff", "fancy_upsampling", 1) != 0;
  }

  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    const Directory& directory = directory_of(request);
    if (request.reduce != 0) return fail(Errc::unsupported, "TIFF: pictures cannot be reduced while decoding");
    RESTRIDE_ASSIGN(Scheme scheme, make_scheme(directory, request.wanted));
    RESTRIDE_TRY(check_size(directory, scheme));
    scheme.native.width = static_cast<std::uint32_t>(request.window.width);
    scheme.native.height = static_cast<std::uint32_t>(request.window.height);
    DecodePlan plan;
    plan.native = scheme.native;
    plan.scratch = scratch_bound(directory, scheme, request.window);
    const double pixels = static_cast<double>(request.window.width) * static_cast<double>(request.window.height);
    plan.cost = pixels * (directory.compression == Compression::none ? 1 : 16);
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override {
    const Directory& directory = directory_of(job.request);
    RESTRIDE_ASSIGN(Scheme scheme, make_scheme(directory, job.request.wanted));
    scheme.native = job.plan.native;
    Picture picture(job, directory, scheme, tools_, context);
    return picture.decode(scratch, job.wrote);
  }

 private:
  static const Directory& directory_of(const DecodeRequest& request) {
    return static_cast<const TiffDetail&>(*request.stream->detail).directories[request.image];
  }

  // A size that the data cannot fill is refused before anybody takes memory for it.
  static Status check_size(const Directory& directory, const Scheme& scheme) {
    if (directory.sparse) return {};
    const std::uint64_t bits = saturating_mul(directory.width, directory.height, directory.samples, directory.bits);
    std::uint64_t most = saturating_mul(directory.coded_bytes, most_expansion(directory.compression));
    if (scheme.route == Route::jpeg) most = kSaturated;
    if (scheme.data_units) most = saturating_mul(most, 2);
    if (bits / 8 > most)
      return fail_at(Errc::truncated, directory.offset, "TIFF: %u x %u pixels cannot be held by %llu bytes of data",
                     directory.width, directory.height, static_cast<unsigned long long>(directory.coded_bytes));
    // The codecs behind libtiff have no such bound; absurd tiles are what remains to be refused.
    const std::uint64_t segment = scheme.bytes(directory, directory.segment_height);
    if (scheme.route == Route::libtiff && segment > (std::uint64_t{64} << 20) && segment / 16 > bits / 8)
      return fail_at(Errc::limit_exceeded, directory.offset, "TIFF: tiles of %u x %u for a picture of %u x %u",
                     directory.segment_width, directory.segment_height, directory.width, directory.height);
    return {};
  }

  // Of all threads together, for the engine's limit.
  static std::size_t scratch_bound(const Directory& directory, const Scheme& scheme, const Rect& window) {
    const std::uint64_t threads = std::max(1U, std::thread::hardware_concurrency());
    const std::uint64_t rows =
        std::min<std::uint64_t>(directory.segment_height, static_cast<std::uint64_t>(window.bottom()));
    const std::uint64_t row = scheme.row_bytes(directory);
    const bool compressed = directory.compression != Compression::none || directory.predictor != 1;
    std::uint64_t unit = compressed ? saturating_mul(scheme.bytes(directory, rows), directory.planes()) : 0;
    if (directory.reversed_bits) unit = saturating_add(unit, directory.coded_bytes);
    unit = saturating_add(unit, saturating_add(saturating_mul(row, 8), 2 * kBandBytes));
    const std::uint64_t segments = saturating_mul(directory.segments_x, directory.segments_y);
    const std::uint64_t at_once = compressed ? std::min(threads, segments) : threads;
    const std::uint64_t map = scheme.palette ? std::uint64_t{6} << directory.bits : 0;
    return static_cast<std::size_t>(saturating_add(map, saturating_mul(unit, at_once)));
  }

  Tools tools_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions& options) {
  return std::make_unique<TiffDecoder>(options);
}

}  // namespace restride::tiff
