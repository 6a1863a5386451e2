// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/scheme.h"

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/tiff/libtiff_segment.h"

namespace restride::tiff {
namespace {

Error unsupported(const Directory& directory, const char* what) {
  return fail_at(Errc::unsupported, directory.offset, "TIFF: %s", what);
}

// Bits, formats and layouts that no code here takes.
Status check_samples(const Directory& d) {
  const auto bits = unsigned{d.bits};
  if (d.mixed_samples) return unsupported(d, "samples of different sizes in one pixel are not supported");
  if (d.sample_format == 5 || d.sample_format == 6) return unsupported(d, "complex samples are not supported");
  if (d.sample_format < 1 || d.sample_format > 3)
    return fail_at(Errc::unsupported, d.offset, "TIFF: sample format %u is not known", unsigned{d.sample_format});
  if (d.sample_format == 3 && bits != 16 && bits != 24 && bits != 32 && bits != 64)
    return fail_at(Errc::unsupported, d.offset, "TIFF: floating-point samples of %u bits are not supported", bits);
  if (d.sample_format != 3 && bits > 32)
    return fail_at(Errc::unsupported, d.offset,
                   "TIFF: integer samples of %u bits are not supported: no output type holds them", bits);
  if (d.samples > kMaxChannels)
    return fail_at(Errc::unsupported, d.offset, "TIFF: %u channels are more than %u", unsigned{d.samples},
                   kMaxChannels);
  return {};
}

Status check_colors(const Directory& d) {
  switch (d.photometric) {
    case Photometric::cielab:
    case Photometric::icclab:
    case Photometric::itulab:
      return unsupported(d, "L*a*b* colours are not supported");
    default:
      break;
  }
  if (d.photometric == Photometric::separated && (d.samples < 4 || d.ink_set > 1))
    return unsupported(d, "separated images with inks other than CMYK are not supported");
  if (d.model == Model::palette) {
    if (d.bits > 16 || d.sample_format != 1)
      return unsupported(d, "palette indices of more than 16 bits are not supported");
    if (d.color_map.count < (std::uint64_t{3} << d.bits))
      return fail_at(Errc::corrupt, d.offset, "TIFF: the colour map has %llu values, %llu are needed",
                     static_cast<unsigned long long>(d.color_map.count), 3ULL << d.bits);
  }
  if (d.model == Model::ycc && d.compression != Compression::jpeg) {
    if (d.planar && (d.subsample_x != 1 || d.subsample_y != 1))
      return unsupported(d, "subsampled YCbCr in planes is not supported");
    if ((d.in_data_units() || !d.standard_ycc) && (d.bits != 8 || d.samples != 3 || d.sample_format != 1))
      return unsupported(d, "this kind of YCbCr is supported with three 8-bit samples only");
    if (!d.standard_ycc && d.planar)
      return unsupported(d, "YCbCr with coefficients of its own is not supported in planes");
  }
  return {};
}

Status check_compression(const Directory& d, Route route) {
  const char* known = name(d.compression);
  if (route == Route::libtiff && !libtiff_decodes(d.compression))
    return known ? fail_at(Errc::unsupported, d.offset, "TIFF: compression %s is not supported in this build", known)
                 : fail_at(Errc::unsupported, d.offset, "TIFF: compression %u is not known",
                           static_cast<unsigned>(d.compression));
  if (route == Route::jpeg) {
    if (d.bits != 8 || d.sample_format != 1)
      return fail_at(Errc::unsupported, d.offset, "TIFF: JPEG compression of %u-bit samples is not supported",
                     unsigned{d.bits});
    if (d.planar && d.model == Model::ycc && (d.subsample_x != 1 || d.subsample_y != 1))
      return unsupported(d, "subsampled YCbCr in planes is not supported");
    if (d.samples_in_plane() > 4) return unsupported(d, "JPEG compression of more than 4 channels is not supported");
  }
  if (route != Route::own) return {};
  if (d.predictor > 3 || d.predictor == 0)
    return fail_at(Errc::unsupported, d.offset, "TIFF: predictor %u is not known", unsigned{d.predictor});
  if (d.predictor == 3 && d.sample_format != 3)
    return fail_at(Errc::corrupt, d.offset, "TIFF: predictor 3 is for floating-point samples only");
  if (d.predictor == 2 && (d.in_data_units() || (d.bits == 24 && d.sample_format == 3)))
    return unsupported(d, "predictor 2 is not supported for this kind of samples");
  return {};
}

bool has_alpha(SampleFormat format) noexcept {
  return interleaved(format) == SampleFormat::i_ya || interleaved(format) == SampleFormat::i_rgba;
}
bool is_rgb_like(SampleFormat format) noexcept {
  return interleaved(format) == SampleFormat::i_rgb || interleaved(format) == SampleFormat::i_bgr;
}

// Chooses the delivered channels: the caller's, where they are made of stored ones by leaving out, repeating or
// reordering.
class Chooser {
 public:
  Chooser(const Directory& directory, const ImageSpec& wanted, Scheme& scheme) noexcept
      : d_(directory), wanted_(wanted), s_(scheme) {}

  void choose() {
    switch (d_.model) {
      case Model::gray:
        return gray();
      case Model::rgb:
        return rgb();
      case Model::palette:
        return palette();
      case Model::ycc:
        return ycc();
      case Model::cmyk:
        return cmyk();
      case Model::other:
        return all();
    }
  }

 private:
  void set(SampleFormat format, ColorSpec color, std::initializer_list<std::uint8_t> source) {
    s_.native.format = is_planar(wanted_.format) ? planar(format) : format;
    s_.native.color = color;
    s_.native.channels = static_cast<std::uint32_t>(source.size());
    std::copy(source.begin(), source.end(), s_.source.begin());
  }

  // Every stored channel, in order.
  void all() {
    const unsigned n = d_.samples;
    set(SampleFormat::i_unchanged, ColorSpec::unchanged, {});
    s_.native.channels = n;
    for (unsigned k = 0; k < n; ++k) s_.source[k] = static_cast<std::uint8_t>(k);
  }

  void gray() {
    const bool same = wanted_.type == s_.native.type && wanted_.bits() == s_.native.bits();
    if (d_.samples == 2 && has_alpha(wanted_.format)) {
      set(SampleFormat::i_ya, ColorSpec::gray, {0, 1});
    } else if (same && is_rgb_like(wanted_.format)) {
      set(interleaved(wanted_.format), ColorSpec::srgb, {0, 0, 0});
    } else if (d_.samples <= 2) {
      set(SampleFormat::i_y, ColorSpec::gray, {0});
    } else {
      return all();
    }
    if (d_.photometric == Photometric::min_is_white) s_.inverted = s_.native.channels == 3 ? 7 : 1;
  }

  void rgb() {
    if (wanted_.channels == d_.samples && d_.samples > 4) return all();
    if (d_.samples >= 4 && has_alpha(wanted_.format)) return set(SampleFormat::i_rgba, ColorSpec::srgb, {0, 1, 2, 3});
    if (interleaved(wanted_.format) == SampleFormat::i_bgr) return set(SampleFormat::i_bgr, ColorSpec::srgb, {2, 1, 0});
    set(SampleFormat::i_rgb, ColorSpec::srgb, {0, 1, 2});
  }

  // Section 5: three times 2^bits values of 16 bits. Brought down to 8 bits here, where that is what is wanted.
  void palette() {
    s_.palette = true;
    set(SampleFormat::i_rgb, ColorSpec::srgb, {0, 1, 2});
    const bool byte = wanted_.type == SampleType::u8 && wanted_.bits() == 8;
    s_.native.type = byte ? SampleType::u8 : SampleType::u16;
    s_.native.precision = byte ? 8 : 16;
    s_.scale = 1;
  }

  void ycc() {
    const bool bgr = interleaved(wanted_.format) == SampleFormat::i_bgr;
    if (s_.route == Route::jpeg && !d_.planar) {
      if (interleaved(wanted_.format) == SampleFormat::i_y) {
        s_.jpeg_colors = JpegColors::gray;
        s_.stored_channels = 1;
        return set(SampleFormat::i_y, ColorSpec::gray, {0});
      }
      if (interleaved(wanted_.format) == SampleFormat::i_ycc) {
        s_.jpeg_colors = JpegColors::ycc;
        return set(SampleFormat::i_ycc, ColorSpec::sycc, {0, 1, 2});
      }
      s_.jpeg_colors = JpegColors::rgb;
      if (bgr) return set(SampleFormat::i_bgr, ColorSpec::srgb, {2, 1, 0});
      return set(SampleFormat::i_rgb, ColorSpec::srgb, {0, 1, 2});
    }
    if (!d_.standard_ycc && s_.route != Route::jpeg) {
      s_.custom_ycc = true;
      return set(SampleFormat::i_rgb, ColorSpec::srgb, {0, 1, 2});
    }
    set(SampleFormat::i_ycc, ColorSpec::sycc, {0, 1, 2});
  }

  // TIFF stores ink; the library's CMYK samples are light, as Adobe's JPEG files have them.
  void cmyk() {
    if (wanted_.channels == d_.samples && d_.samples > 4) return all();
    set(SampleFormat::i_cmyk, ColorSpec::cmyk, {0, 1, 2, 3});
    s_.inverted = 15;
  }

  const Directory& d_;
  const ImageSpec& wanted_;
  Scheme& s_;
};

}  // namespace

Route route_of(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
    case Compression::packbits:
    case Compression::lzw:
    case Compression::deflate:
    case Compression::old_deflate:
      return Route::own;
    case Compression::jpeg:
      return Route::jpeg;
    default:
      return Route::libtiff;
  }
}

std::uint64_t Scheme::row_bytes(const Directory& directory) const noexcept {
  return ceil_div<std::uint64_t>(saturating_mul(directory.segment_width, stored_channels, stored_bits), 8);
}

std::uint64_t Scheme::bytes(const Directory& directory, std::uint64_t rows) const noexcept {
  if (data_units) return directory.stored_bytes(rows);
  return saturating_mul(row_bytes(directory), rows);
}

Result<Scheme> make_scheme(const Directory& directory, const ImageSpec& wanted) {
  RESTRIDE_TRY(check_samples(directory));
  RESTRIDE_TRY(check_colors(directory));
  Scheme scheme;
  scheme.route = route_of(directory.compression);
  RESTRIDE_TRY(check_compression(directory, scheme.route));
  const bool log = directory.compression == Compression::sgi_log || directory.compression == Compression::sgi_log24;
  scheme.stored_channels = directory.samples_in_plane();
  scheme.stored_bits = log ? 8 : directory.bits;
  scheme.data_units = directory.in_data_units();
  scheme.native.type = directory.type();
  scheme.native.precision = directory.precision();
  const bool narrow = directory.bits == 1 || directory.bits == 2 || directory.bits == 4;
  if (narrow && directory.sample_format == 1 && wanted.type == SampleType::u8 && wanted.bits() == 8) {
    scheme.scale = 255U / ((1U << directory.bits) - 1U);
    scheme.native.precision = 8;
  }
  Chooser(directory, wanted, scheme).choose();
  return scheme;
}

}  // namespace restride::tiff
