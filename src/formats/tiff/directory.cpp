// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/directory.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/checked.h"
#include "base/error_util.h"

namespace restride::tiff {

const char* name(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::ccitt_rle:
      return "CCITT modified Huffman";
    case Compression::ccitt_g3:
      return "CCITT group 3";
    case Compression::ccitt_g4:
      return "CCITT group 4";
    case Compression::lzw:
      return "LZW";
    case Compression::old_jpeg:
      return "old-style JPEG";
    case Compression::jpeg:
      return "JPEG";
    case Compression::deflate:
      return "Deflate";
    case Compression::jbig_t85:
      return "JBIG (T.85)";
    case Compression::jbig_t43:
      return "JBIG (T.43)";
    case Compression::next:
      return "NeXT";
    case Compression::ccitt_rle_word:
      return "CCITT modified Huffman, word aligned";
    case Compression::packbits:
      return "PackBits";
    case Compression::thunderscan:
      return "ThunderScan";
    case Compression::pixarlog:
      return "PixarLog";
    case Compression::old_deflate:
      return "Deflate (32946)";
    case Compression::jbig:
      return "JBIG";
    case Compression::sgi_log:
      return "SGI LogLuv";
    case Compression::sgi_log24:
      return "SGI LogLuv 24";
    case Compression::lzma:
      return "LZMA";
    case Compression::jpeg2000_ycc:
      return "JPEG 2000 (YCbCr, Aperio)";
    case Compression::jpeg2000_rgb:
      return "JPEG 2000 (RGB, Aperio)";
    case Compression::jpeg2000:
      return "JPEG 2000";
    case Compression::lerc:
      return "LERC";
    case Compression::zstd:
      return "Zstandard";
    case Compression::webp:
      return "WebP";
    case Compression::jpeg_xl:
      return "JPEG XL";
  }
  return nullptr;
}

std::uint64_t Directory::stored_bytes(std::uint64_t rows) const noexcept {
  if (in_data_units()) {
    const std::uint64_t across = ceil_div<std::uint64_t>(segment_width, subsample_x);
    return saturating_mul(across, ceil_div<std::uint64_t>(rows, subsample_y), subsample_x * subsample_y + 2U);
  }
  const std::uint64_t row_bits = saturating_mul(segment_width, samples_in_plane(), bits);
  return saturating_mul(ceil_div<std::uint64_t>(row_bits, 8), rows);
}

Segment Directory::segment(ByteSpan bytes, std::uint64_t index) const noexcept {
  Segment found{offsets.at(bytes, order, index), 0, false};
  if (byte_counts.present()) {
    found.size = byte_counts.at(bytes, order, index);
    found.absent = found.offset == 0 && found.size == 0;
    return found;
  }
  // Early writers left StripByteCounts out.
  if (compression == Compression::none) {
    const auto y = static_cast<std::uint32_t>(index / segments_x % segments_y);
    found.size = stored_bytes(tiled ? segment_height : rows_in(y));
  } else {
    found.size = found.offset < bytes.size() ? bytes.size() - found.offset : 0;
  }
  return found;
}

SampleType Directory::type() const noexcept {
  if (compression == Compression::sgi_log || compression == Compression::sgi_log24) return SampleType::u8;
  const bool is_signed = sample_format == 2;
  if (sample_format == 3) {
    if (bits <= 16) return SampleType::f16;
    return bits <= 32 ? SampleType::f32 : SampleType::f64;
  }
  if (bits <= 8) return is_signed ? SampleType::i8 : SampleType::u8;
  if (bits <= 16) return is_signed ? SampleType::i16 : SampleType::u16;
  return is_signed ? SampleType::i32 : SampleType::u32;
}

std::uint8_t Directory::precision() const noexcept {
  const auto whole = static_cast<unsigned>(8 * size_of(type()));
  if (is_float(type()) || compression == Compression::sgi_log || compression == Compression::sgi_log24)
    return static_cast<std::uint8_t>(whole);
  return static_cast<std::uint8_t>(std::min<unsigned>(bits, whole));
}

Result<Header> read_header(ByteSpan bytes) {
  Header header;
  if (starts_with(bytes, "MM", 2)) header.order = std::endian::big;
  ByteReader reader(bytes, header.order);
  reader.skip(2);
  header.big = reader.u16() == 43;
  if (header.big) {
    // BigTIFF: the size of offsets, which is 8, and a zero.
    if (reader.u16() != 8 || reader.u16() != 0) {
      if (reader.overran()) return fail_at(Errc::truncated, bytes.size(), "TIFF: the header ends too early");
      return fail_at(Errc::unsupported, 4, "BigTIFF: offsets are not of 8 bytes");
    }
    header.first = reader.u64();
  } else {
    header.first = reader.u32();
  }
  if (reader.overran()) return fail_at(Errc::truncated, bytes.size(), "TIFF: the header ends too early");
  return header;
}

namespace {

// Section 2, "Types"; BigTIFF's are 16 to 18. 0: no such type.
constexpr std::array<std::uint8_t, 19> kTypeSizes{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
constexpr std::uint16_t kAscii = 2, kRational = 5, kFloat = 11;

constexpr bool is_integer(std::uint16_t type) noexcept {
  return type == 1 || type == 3 || type == 4 || type == 6 || type == 7 || type == 8 || type == 9 || type == 13 ||
         (type >= 16 && type <= 18);
}

// The entries of one directory, each at its place.
class Entries {
 public:
  Entries(ByteSpan bytes, const Header& header, std::uint64_t start, std::uint64_t count) noexcept
      : bytes_(bytes), header_(header), start_(start), count_(count) {}

  struct Found {
    Values values;
    std::uint16_t type = 0;
    std::uint64_t entry = 0;  // offset of the entry itself
  };

  // The first entry with `tag`; absent: no values. An array past the end of the file is an error.
  Result<Found> find(Tag tag) const {
    // Section 2 wants the entries sorted, but not all writers comply: look at all of them.
    for (std::uint64_t i = 0; i < count_; ++i) {
      const std::uint64_t at = start_ + i * header_.entry_size();
      const std::byte* entry = bytes_.data() + at;
      if (load<std::uint16_t>(entry, header_.order) != static_cast<std::uint16_t>(tag)) continue;
      return resolve(entry, at, tag);
    }
    return Found{};
  }

  // An integer array, absent where the tag is.
  Result<Values> integers(Tag tag) const {
    RESTRIDE_ASSIGN(const Found found, find(tag));
    if (found.values.present() && !is_integer(found.type))
      return fail_at(Errc::corrupt, found.entry, "TIFF: tag %u has type %u where integers belong",
                     unsigned{number(tag)}, unsigned{found.type});
    return found.values;
  }

  Result<std::uint64_t> integer(Tag tag, std::uint64_t fallback) const {
    RESTRIDE_ASSIGN(const Values values, integers(tag));
    return values.present() ? values.at(bytes_, header_.order, 0) : fallback;
  }

  static constexpr std::uint16_t number(Tag tag) noexcept { return static_cast<std::uint16_t>(tag); }

 private:
  Result<Found> resolve(const std::byte* entry, std::uint64_t at, Tag tag) const {
    Found found;
    found.entry = at;
    found.type = load<std::uint16_t>(entry + 2, header_.order);
    found.values.count =
        header_.big ? load<std::uint64_t>(entry + 4, header_.order) : load<std::uint32_t>(entry + 4, header_.order);
    found.values.size = found.type < kTypeSizes.size() ? kTypeSizes[found.type] : 0;
    if (found.values.size == 0 || found.values.count == 0) return Found{};  // "readers should skip over" unknown types
    const std::uint64_t size = saturating_mul(found.values.count, found.values.size);
    const std::uint64_t inline_at = at + (header_.big ? 12 : 8);
    if (size <= header_.offset_size()) {
      found.values.offset = inline_at;
      return found;
    }
    const std::byte* value = bytes_.data() + inline_at;
    found.values.offset =
        header_.big ? load<std::uint64_t>(value, header_.order) : load<std::uint32_t>(value, header_.order);
    if (saturating_add(found.values.offset, size) > bytes_.size())
      return fail_at(Errc::truncated, at, "TIFF: the %llu values of tag %u end past the end of the file",
                     static_cast<unsigned long long>(found.values.count), unsigned{number(tag)});
    return found;
  }

  ByteSpan bytes_;
  const Header& header_;
  std::uint64_t start_, count_;
};

// Reads one directory; members are the steps.
class DirectoryReader {
 public:
  DirectoryReader(ByteSpan bytes, const Header& header, const Entries& entries, Directory& directory) noexcept
      : bytes_(bytes), order_(header.order), entries_(entries), d_(directory) {}

  Status read() {
    RESTRIDE_TRY(size());
    RESTRIDE_TRY(samples());
    RESTRIDE_TRY(colors());
    RESTRIDE_TRY(segments());
    return {};
  }

 private:
  Error corrupt(const char* what) const { return fail_at(Errc::corrupt, d_.offset, "TIFF: %s", what); }
  Result<std::uint16_t> u16(Tag tag, std::uint16_t fallback) const {
    RESTRIDE_ASSIGN(const std::uint64_t value, entries_.integer(tag, fallback));
    if (value > 0xffff)
      return fail_at(Errc::corrupt, d_.offset, "TIFF: tag %u is %llu, more than 16 bits",
                     unsigned{Entries::number(tag)}, static_cast<unsigned long long>(value));
    return static_cast<std::uint16_t>(value);
  }

  Status size() {
    RESTRIDE_ASSIGN(const std::uint64_t width, entries_.integer(Tag::image_width, 0));
    RESTRIDE_ASSIGN(const std::uint64_t height, entries_.integer(Tag::image_length, 0));
    if (width == 0 || height == 0) return corrupt("the directory gives no width or no height");
    constexpr std::uint64_t kLargest = 0x7fffffff;
    if (width > kLargest || height > kLargest)
      return fail_at(Errc::unsupported, d_.offset, "TIFF: %llu x %llu pixels: sides above 2147483647 are not supported",
                     static_cast<unsigned long long>(width), static_cast<unsigned long long>(height));
    d_.width = static_cast<std::uint32_t>(width);
    d_.height = static_cast<std::uint32_t>(height);
    return {};
  }

  // The value that all samples share; differing ones are remembered, and refused when it comes to decoding.
  Result<std::uint16_t> of_all_samples(Tag tag, std::uint16_t fallback) {
    RESTRIDE_ASSIGN(const Values values, entries_.integers(tag));
    if (!values.present()) return fallback;
    const std::uint64_t first = values.at(bytes_, order_, 0);
    for (std::uint64_t i = 1; i < std::min<std::uint64_t>(values.count, d_.samples); ++i)
      if (values.at(bytes_, order_, i) != first) d_.mixed_samples = true;
    return static_cast<std::uint16_t>(std::min<std::uint64_t>(first, 0xffff));
  }

  Status samples() {
    RESTRIDE_ASSIGN(d_.samples, u16(Tag::samples_per_pixel, 1));
    RESTRIDE_ASSIGN(d_.bits, of_all_samples(Tag::bits_per_sample, 1));
    RESTRIDE_ASSIGN(d_.sample_format, of_all_samples(Tag::sample_format, 1));
    if (d_.samples == 0 || d_.bits == 0) return corrupt("a pixel has no samples, or a sample no bits");
    if (d_.sample_format == 4) d_.sample_format = 1;  // "undefined": taken as integers
    RESTRIDE_ASSIGN(const std::uint16_t compression, u16(Tag::compression, 1));
    d_.compression = static_cast<Compression>(compression == 0 ? 1 : compression);
    RESTRIDE_ASSIGN(const std::uint16_t planar, u16(Tag::planar_configuration, 1));
    d_.planar = planar == 2 && d_.samples > 1;
    RESTRIDE_ASSIGN(const std::uint16_t fill_order, u16(Tag::fill_order, 1));
    d_.reversed_bits = fill_order == 2;
    RESTRIDE_ASSIGN(d_.predictor, u16(Tag::predictor, 1));
    return {};
  }

  Status colors() {
    const std::uint16_t assumed = d_.samples >= 3 ? 2 : 1;
    RESTRIDE_ASSIGN(const std::uint16_t photometric, u16(Tag::photometric, assumed));
    d_.photometric = static_cast<Photometric>(photometric);
    RESTRIDE_ASSIGN(const Values extra, entries_.integers(Tag::extra_samples));
    d_.extra_samples = static_cast<std::uint16_t>(std::min<std::uint64_t>(extra.count, d_.samples - 1U));
    switch (d_.photometric) {
      case Photometric::rgb:
        d_.model = d_.samples >= 3 ? Model::rgb : Model::gray;
        break;
      case Photometric::palette:
        d_.model = Model::palette;
        break;
      case Photometric::ycbcr:
        d_.model = d_.samples >= 3 ? Model::ycc : Model::gray;
        break;
      case Photometric::separated:
        d_.model = d_.samples >= 4 ? Model::cmyk : Model::other;
        break;
      case Photometric::log_luv:
        d_.model = Model::rgb;
        break;
      case Photometric::min_is_white:
      case Photometric::min_is_black:
      case Photometric::mask:
      case Photometric::color_filter_array:
      case Photometric::log_l:
      case Photometric::linear_raw:
        // Bands without a stated meaning beside a gray one are just that: bands.
        if (d_.samples > 2) d_.model = d_.samples - d_.extra_samples == 3 ? Model::rgb : Model::other;
        break;
      default:
        d_.model = Model::other;
    }
    if (d_.model == Model::palette) {
      RESTRIDE_ASSIGN(d_.color_map, entries_.integers(Tag::color_map));
    }
    if (d_.model == Model::cmyk) {
      RESTRIDE_ASSIGN(d_.ink_set, u16(Tag::ink_set, 1));
    }
    return d_.photometric == Photometric::ycbcr ? ycbcr() : Status();
  }

  // Sections 20 and 21.
  Status ycbcr() {
    RESTRIDE_ASSIGN(const Values factors, entries_.integers(Tag::ycbcr_subsampling));
    std::uint64_t x = 2, y = 2;
    if (factors.count >= 2) {
      x = factors.at(bytes_, order_, 0);
      y = factors.at(bytes_, order_, 1);
    }
    const auto valid = [](std::uint64_t f) { return f == 1 || f == 2 || f == 4; };
    if (!valid(x) || !valid(y)) return corrupt("YCbCrSubSampling is not made of 1, 2 and 4");
    d_.subsample_x = static_cast<std::uint8_t>(x);
    d_.subsample_y = static_cast<std::uint8_t>(y);
    const auto coefficients = d_.ycc_coefficients;
    const auto levels = d_.reference_levels;
    RESTRIDE_TRY(numbers(Tag::ycbcr_coefficients, d_.ycc_coefficients));
    RESTRIDE_TRY(numbers(Tag::reference_black_white, d_.reference_levels));
    d_.standard_ycc = close(coefficients, d_.ycc_coefficients, 0.001F) && close(levels, d_.reference_levels, 0.5F);
    return {};
  }

  static bool close(std::span<const float> a, std::span<const float> b, float tolerance) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(),
                      [&](float x, float y) { return x - y > -tolerance && x - y < tolerance; });
  }

  // Fractions; `to` stays as it is where the tag is absent.
  Status numbers(Tag tag, std::span<float> to) const {
    RESTRIDE_ASSIGN(const Entries::Found found, entries_.find(tag));
    if (found.values.count < to.size()) return {};
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::byte* at = bytes_.data() + found.values.offset + i * found.values.size;
      if (found.type == kRational) {
        const auto denominator = load<std::uint32_t>(at + 4, order_);
        to[i] = denominator ? static_cast<float>(load<std::uint32_t>(at, order_)) / static_cast<float>(denominator) : 0;
      } else if (found.type == kFloat) {
        to[i] = std::bit_cast<float>(load<std::uint32_t>(at, order_));
      } else {
        to[i] = static_cast<float>(found.values.at(bytes_, order_, i));
      }
    }
    return {};
  }

  Status segments() {
    RESTRIDE_ASSIGN(const std::uint64_t tile_width, entries_.integer(Tag::tile_width, 0));
    RESTRIDE_ASSIGN(const std::uint64_t tile_height, entries_.integer(Tag::tile_length, 0));
    RESTRIDE_ASSIGN(d_.offsets, entries_.integers(Tag::tile_offsets));
    d_.tiled = tile_width != 0 && tile_height != 0;
    if (d_.tiled) {
      constexpr std::uint64_t kLargest = 0x7fffffff;
      if (tile_width > kLargest || tile_height > kLargest) return corrupt("tiles have sides above 2147483647");
      d_.segment_width = static_cast<std::uint32_t>(tile_width);
      d_.segment_height = static_cast<std::uint32_t>(tile_height);
      RESTRIDE_ASSIGN(d_.byte_counts, entries_.integers(Tag::tile_byte_counts));
    } else {
      RESTRIDE_ASSIGN(const std::uint64_t rows, entries_.integer(Tag::rows_per_strip, d_.height));
      d_.segment_width = d_.width;
      d_.segment_height = static_cast<std::uint32_t>(rows == 0 ? d_.height : std::min<std::uint64_t>(rows, d_.height));
    }
    // Some writers give tiles under the tags of strips.
    if (!d_.offsets.present()) {
      RESTRIDE_ASSIGN(d_.offsets, entries_.integers(Tag::strip_offsets));
    }
    if (!d_.byte_counts.present()) {
      RESTRIDE_ASSIGN(d_.byte_counts, entries_.integers(Tag::strip_byte_counts));
    }
    d_.segments_x = ceil_div(d_.width, d_.segment_width);
    d_.segments_y = ceil_div(d_.height, d_.segment_height);
    if (d_.compression == Compression::jpeg || d_.compression == Compression::old_jpeg) {
      RESTRIDE_ASSIGN(const Entries::Found tables, entries_.find(Tag::jpeg_tables));
      if (tables.values.size == 1) d_.jpeg_tables = tables.values;
    }
    if (d_.compression == Compression::old_jpeg && !d_.offsets.present())
      return {};  // all in one JPEG interchange stream
    const std::uint64_t wanted = saturating_mul(d_.segments_x, d_.segments_y, d_.planes());
    if (!d_.offsets.present()) return corrupt("the directory gives no strips or tiles");
    if (d_.offsets.count < wanted || (d_.byte_counts.present() && d_.byte_counts.count < wanted))
      return fail_at(
          Errc::corrupt, d_.offset, "TIFF: %llu strips or tiles are listed where the picture has %llu",
          static_cast<unsigned long long>(d_.byte_counts.present() ? std::min(d_.offsets.count, d_.byte_counts.count)
                                                                   : d_.offsets.count),
          static_cast<unsigned long long>(wanted));
    return nodata();
  }

  Status nodata() {
    RESTRIDE_ASSIGN(const Entries::Found found, entries_.find(Tag::gdal_nodata));
    if (found.type != kAscii || !found.values.present()) return {};
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + found.values.offset);
    const char* const end = text + std::min<std::uint64_t>(found.values.count, 64);
    while (text != end && *text == ' ') ++text;
    double value = 0;
    if (std::from_chars(text, end, value).ec == std::errc()) d_.nodata = value;
    return {};
  }

  ByteSpan bytes_;
  std::endian order_;
  const Entries& entries_;
  Directory& d_;
};

}  // namespace

Result<ReadDirectory> read_directory(ByteSpan bytes, const Header& header, std::uint64_t offset) {
  ReadDirectory read;
  const std::uint64_t start = saturating_add(offset, header.count_size());
  if (start > bytes.size())
    return fail_at(Errc::truncated, bytes.size(),
                   "TIFF: a directory is said to start at byte %llu, past the end of the file",
                   static_cast<unsigned long long>(offset));
  const std::byte* at = bytes.data() + offset;
  const std::uint64_t count =
      header.big ? load<std::uint64_t>(at, header.order) : load<std::uint16_t>(at, header.order);
  if (count == 0) return fail_at(Errc::corrupt, offset, "TIFF: the directory has no entries");
  const std::uint64_t end = saturating_add(start, saturating_mul(count, header.entry_size()));
  if (saturating_add(end, header.offset_size()) > bytes.size())
    return fail_at(Errc::truncated, offset, "TIFF: the directory of %llu entries ends past the end of the file",
                   static_cast<unsigned long long>(count));
  const Entries entries(bytes, header, start, count);
  read.size = end - offset;
  read.next = header.big ? load<std::uint64_t>(bytes.data() + end, header.order)
                         : load<std::uint32_t>(bytes.data() + end, header.order);

  read.directory.offset = offset;
  read.directory.order = header.order;
  RESTRIDE_TRY(DirectoryReader(bytes, header, entries, read.directory).read());

  RESTRIDE_ASSIGN(const std::uint64_t orientation, entries.integer(Tag::orientation, 1));
  if (orientation >= 1 && orientation <= 8) read.orientation = static_cast<Orientation>(orientation);
  RESTRIDE_ASSIGN(const std::uint64_t kind, entries.integer(Tag::new_subfile_type, 0));
  read.reduced = kind == 1;
  RESTRIDE_ASSIGN(const Values sub, entries.integers(Tag::sub_ifds));
  constexpr std::uint64_t kMostListed = 16;
  for (std::uint64_t i = 0; i < std::min(sub.count, kMostListed); ++i)
    read.sub.push_back(sub.at(bytes, header.order, i));
  return read;
}

}  // namespace restride::tiff
