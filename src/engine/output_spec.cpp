// SPDX-License-Identifier: Apache-2.0
#include "engine/output_spec.h"

#include "base/checked.h"
#include "base/error_util.h"

namespace restride {
namespace {

// What `color` makes of a stream, as an interleaved format and its number of channels.
struct Channels {
  SampleFormat format;
  ColorSpec color;
  std::uint32_t count;
};

Channels unchanged_channels(const ImageSpec& stored) {
  const std::uint32_t n = stored.channels;
  switch (n) {
    case 1:
      return {SampleFormat::i_y, ColorSpec::gray, n};
    case 2:
      return {SampleFormat::i_ya, ColorSpec::gray, n};
    case 3:
      return {SampleFormat::i_rgb, ColorSpec::srgb, n};
    case 4:
      if (stored.color == ColorSpec::cmyk || stored.color == ColorSpec::ycck)
        return {SampleFormat::i_cmyk, ColorSpec::cmyk, n};
      return {SampleFormat::i_rgba, ColorSpec::srgb, n};
    default:
      return {SampleFormat::i_unchanged, ColorSpec::unchanged, n};
  }
}

Channels channels_for(const ImageSpec& stored, ColorSpec color) {
  switch (color) {
    case ColorSpec::srgb:
      return {SampleFormat::i_rgb, ColorSpec::srgb, 3};
    case ColorSpec::gray:
      return {SampleFormat::i_y, ColorSpec::gray, 1};
    case ColorSpec::sycc:
      return {SampleFormat::i_ycc, ColorSpec::sycc, 3};
    case ColorSpec::cmyk:
      return {SampleFormat::i_cmyk, ColorSpec::cmyk, 4};
    case ColorSpec::ycck:
      return {SampleFormat::i_ycck, ColorSpec::ycck, 4};
    default:
      return unchanged_channels(stored);
  }
}

// An explicit output format decides the channels; it must not contradict an explicit colour.
Result<Channels> explicit_channels(SampleFormat format, ColorSpec color) {
  const SampleFormat plain = interleaved(format);
  ColorSpec implied = ColorSpec::srgb;
  if (plain == SampleFormat::i_y || plain == SampleFormat::i_ya) implied = ColorSpec::gray;
  if (plain == SampleFormat::i_ycc) implied = ColorSpec::sycc;
  if (plain == SampleFormat::i_cmyk) implied = ColorSpec::cmyk;
  if (plain == SampleFormat::i_ycck) implied = ColorSpec::ycck;
  // srgb is the default of the colour parameter, so it contradicts nothing.
  if (color != ColorSpec::unchanged && color != ColorSpec::srgb && color != implied)
    return fail(Errc::invalid_argument, "the sample format asked for does not go with the colour asked for");
  return Channels{plain, implied, channels_of(plain)};
}

}  // namespace

Result<std::uint8_t> halvings(const ImageInfo& info, const DecodeParams& params) {
  std::uint8_t reduce = params.reduce;
  if (params.fit_width == 0 || params.fit_height == 0) return reduce;
  const bool swapped = params.apply_exif_orientation && swaps_axes(info.orientation);
  const std::uint64_t width = swapped ? info.spec.height : info.spec.width;
  const std::uint64_t height = swapped ? info.spec.width : info.spec.height;
  const auto there = [&](unsigned r) {
    return r == 0 || (r <= info.max_reduce && (info.overviews.empty() || info.overviews[r - 1] != 0));
  };
  for (; reduce <= info.max_reduce || reduce == 0; ++reduce) {
    const std::uint64_t step = std::uint64_t{1} << reduce;
    if (there(reduce) && ceil_div(width, step) <= params.fit_width && ceil_div(height, step) <= params.fit_height)
      return reduce;
  }
  return fail(Errc::unsupported,
              "%llu x %llu pixels cannot be made to fit within %u x %u: this stream can be halved at most %u times",
              static_cast<unsigned long long>(width), static_cast<unsigned long long>(height), params.fit_width,
              params.fit_height, info.max_reduce);
}

Result<DecodeGeometry> plan_output(const ImageInfo& info, const Region* region, const DecodeParams& params,
                                   std::optional<Orientation> orientation) {
  const ImageSpec& stored = info.spec;
  if (params.reduce > info.max_reduce)
    return fail(Errc::unsupported, "reduce=%u: this stream can be halved at most %u times", params.reduce,
                info.max_reduce);
  Channels channels = channels_for(stored, params.color);
  const SampleFormat wanted = params.format;
  if (wanted == SampleFormat::unsupported || wanted == SampleFormat::unknown)
    return fail(Errc::invalid_argument, "an output sample format is needed: I_AUTO_COMPONENTS or a definite one");
  if (wanted != SampleFormat::i_unchanged && wanted != SampleFormat::p_unchanged) {
    RESTRIDE_ASSIGN(channels, explicit_channels(wanted, params.color));
  }

  DecodeGeometry out;
  out.orientation = params.apply_exif_orientation ? orientation.value_or(info.orientation) : Orientation::normal;
  const std::int64_t step = std::int64_t{1} << params.reduce;
  const std::int64_t stored_width = ceil_div<std::int64_t>(stored.width, step);
  const std::int64_t stored_height = ceil_div<std::int64_t>(stored.height, step);
  const bool swapped = swaps_axes(out.orientation);
  const Rect picture{0, 0, swapped ? stored_height : stored_width, swapped ? stored_width : stored_height};

  out.region = region ? region->rect : picture;
  constexpr std::int64_t kLargestSide = 0x7fffffff;
  if (out.region.empty() || out.region.width > kLargestSide || out.region.height > kLargestSide)
    return fail(Errc::invalid_argument, "the region's size must be between 1 and 2147483647 in both dimensions");
  const Rect overlap = intersect(out.region, picture);
  out.inside = overlap.empty()
                   ? Rect{}
                   : Rect{overlap.x - out.region.x, overlap.y - out.region.y, overlap.width, overlap.height};
  out.out_of_bounds = overlap != out.region;
  out.window = overlap.empty() ? Rect{} : stored_rect(overlap, stored_width, stored_height, out.orientation);

  ImageSpec& spec = out.output;
  spec.width = static_cast<std::uint32_t>(out.region.width);
  spec.height = static_cast<std::uint32_t>(out.region.height);
  spec.channels = channels.count;
  spec.color = channels.color;
  spec.format = is_planar(wanted) ? planar(channels.format) : channels.format;
  spec.type = params.allow_any_depth ? stored.type : SampleType::u8;
  spec.precision = params.allow_any_depth ? static_cast<std::uint8_t>(stored.bits()) : std::uint8_t{8};

  const std::uint64_t pixels = saturating_mul(spec.width, spec.height);
  if (pixels > params.limits.max_pixels)
    return fail(Errc::limit_exceeded, "%u x %u pixels are more than max_pixels = %llu", spec.width, spec.height,
                static_cast<unsigned long long>(params.limits.max_pixels));
  const std::uint64_t bytes = saturating_mul(pixels, spec.channels, size_of(spec.type));
  if (bytes > params.limits.max_memory)
    return fail(Errc::limit_exceeded, "%llu bytes of pixels are more than max_memory = %llu",
                static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(params.limits.max_memory));
  return out;
}

}  // namespace restride
