// SPDX-License-Identifier: Apache-2.0
#include "engine/color_transform.h"

#include <lcms2.h>

#include <algorithm>
#include <cstring>

#include "base/error_util.h"
#include "codec/bands.h"

namespace restride {
namespace {

// The largest profiles in use, for printers, have a few megabytes.
constexpr std::size_t kLargestProfile = std::size_t{64} << 20;

std::uint64_t hash_of(ByteSpan bytes) noexcept {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (std::byte b : bytes) hash = (hash ^ static_cast<std::uint8_t>(b)) * 0x100000001b3U;
  return hash;
}

// The picture's ICC profile, read once for all decodes of the stream; null if it has none.
Result<std::shared_ptr<const ColorProfile>> profile_of(const StreamInfo& stream, std::uint32_t image, ByteSpan bytes) {
  const std::lock_guard lock(stream.profiles.mutex);
  auto& known = stream.profiles.known;
  if (known.size() <= image) known.resize(stream.images.size());
  if (known[image]) return *known[image];
  std::vector<Metadata> found;
  if (stream.format->metadata)
    RESTRIDE_TRY(stream.format->metadata({bytes, &stream, image, MetadataKind::icc_profile, {}}, found));
  std::shared_ptr<ColorProfile> profile;
  if (!found.empty()) {
    profile = std::make_shared<ColorProfile>();
    profile->bytes = std::move(found.front().bytes);
    profile->hash = hash_of(profile->bytes);
  }
  known[image] = profile;
  return *known[image];
}

void share(const StreamInfo& stream, std::uint32_t image, const std::shared_ptr<const ColorProfile>& profile) {
  const std::lock_guard lock(stream.profiles.mutex);
  stream.profiles.known[image] = profile;
}

bool of_inks(const ImageSpec& stored) noexcept {
  return stored.color == ColorSpec::cmyk || stored.color == ColorSpec::ycck;
}
bool has_alpha(const ImageSpec& stored) noexcept {
  return stored.channels == 2 || (stored.channels == 4 && !of_inks(stored));
}

struct Pixels {
  SampleFormat format;
  ColorSpec color;
  std::uint32_t channels;
  cmsUInt32Number type;  // for 8 bit, without the number of bytes
};

// How pixels go into a profile of colour space `space`.
Result<Pixels> pixels_for(cmsColorSpaceSignature space, const ImageSpec& stored) {
  const bool inks = of_inks(stored), gray = stored.channels <= 2, alpha = has_alpha(stored);
  const cmsUInt32Number extra = alpha ? 1 : 0;
  if (stored.channels > 4) return fail(Errc::unsupported, "color_managed: %u channels", stored.channels);
  if (space == cmsSigRgbData && !inks)  // also for gray pictures, as R = G = B
    return Pixels{alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb, ColorSpec::srgb, alpha ? 4U : 3U,
                  COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | EXTRA_SH(extra)};
  if (space == cmsSigGrayData && gray)
    return Pixels{alpha ? SampleFormat::i_ya : SampleFormat::i_y, ColorSpec::gray, alpha ? 2U : 1U,
                  COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) | EXTRA_SH(extra)};
  if (space == cmsSigCmykData && inks)  // our samples are light, not ink
    return Pixels{SampleFormat::i_cmyk, ColorSpec::cmyk, 4, COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4) | FLAVOR_SH(1)};
  const auto letters = static_cast<std::uint32_t>(space);
  const char name[] = {static_cast<char>(letters >> 24), static_cast<char>(letters >> 16),
                       static_cast<char>(letters >> 8), static_cast<char>(letters), 0};
  return fail(Errc::unsupported, "color_managed: the ICC profile is for %s, which a picture of %u channels is not",
              name, stored.channels);
}

struct CloseProfile {
  void operator()(void* profile) const noexcept { cmsCloseProfile(profile); }
};
using Profile = std::unique_ptr<void, CloseProfile>;

}  // namespace

ColorTransform::~ColorTransform() {
  if (transform_) cmsDeleteTransform(transform_);
  if (context_) cmsDeleteContext(static_cast<cmsContext>(context_));
}

Result<std::shared_ptr<const ColorTransform>> ColorTransform::make(std::shared_ptr<const ColorProfile> profile,
                                                                   const ImageSpec& stored) {
  if (stored.type != SampleType::u8 && stored.type != SampleType::u16)
    return fail(Errc::unsupported, "color_managed: samples of 8 or 16 bit, unsigned, only");
  if (profile->bytes.size() > kLargestProfile)
    return fail(Errc::limit_exceeded, "color_managed: an ICC profile of %zu bytes", profile->bytes.size());
  std::shared_ptr<ColorTransform> out(new ColorTransform);
  cmsContext context = cmsCreateContext(nullptr, nullptr);
  out->context_ = context;
  if (!context) return fail(Errc::out_of_memory, "no memory for a colour transform");
  const Profile own(
      cmsOpenProfileFromMemTHR(context, profile->bytes.data(), static_cast<cmsUInt32Number>(profile->bytes.size())));
  if (!own) return fail_at(Errc::corrupt, 0, "color_managed: the ICC profile cannot be read");
  RESTRIDE_ASSIGN(const Pixels in, pixels_for(cmsGetColorSpace(own.get()), stored));
  const bool alpha = has_alpha(stored);
  const auto bytes = static_cast<std::uint32_t>(size_of(stored.type));
  const auto bits = static_cast<std::uint8_t>(8 * bytes);
  out->from_ = {0, 0, in.channels, stored.type, in.format, in.color, bits};
  out->to_ = {0,   0, alpha ? 4U : 3U, stored.type, alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb, ColorSpec::srgb,
              bits};
  const Profile srgb(cmsCreate_sRGBProfileTHR(context));
  const cmsUInt32Number to_type = COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | EXTRA_SH(alpha) | BYTES_SH(bytes);
  // Without the cache of the last pixel a transform is not changed by use, and threads may share it.
  // 16 bit: step by step, since the optimised way is a table of 33 steps a colour, up to 15/255 off in the dark.
  const cmsUInt32Number flags =
      cmsFLAGS_NOCACHE | (alpha ? cmsFLAGS_COPY_ALPHA : 0) | (bytes == 2 ? cmsFLAGS_NOOPTIMIZE : 0);
  if (srgb)
    out->transform_ = cmsCreateTransformTHR(context, own.get(), in.type | BYTES_SH(bytes), srgb.get(), to_type,
                                            INTENT_PERCEPTUAL, flags);
  if (!out->transform_) return fail_at(Errc::corrupt, 0, "color_managed: the ICC profile cannot be applied");
  out->profile_ = std::move(profile);
  out->stored_ = stored;
  return std::shared_ptr<const ColorTransform>(std::move(out));
}

bool ColorTransform::serves(const ImageSpec& stored) const noexcept {
  return stored.type == stored_.type && stored.channels == stored_.channels && of_inks(stored) == of_inks(stored_);
}

void ColorTransform::apply(const std::byte* from, std::ptrdiff_t from_stride, std::byte* to, std::ptrdiff_t to_stride,
                           std::int64_t width, std::int64_t rows) const noexcept {
  // Row by row: strides of the library have 32 bits and no sign.
  for (std::int64_t y = 0; y < rows; ++y)
    cmsDoTransform(transform_, from + y * from_stride, to + y * to_stride, static_cast<cmsUInt32Number>(width));
}

namespace {

Status decode_one_in_srgb(FormatDecoder& decoder, const ColorTransform& color, const ImageSpec& native, DecodeJob& job,
                          Scratch& scratch, Context& context) {
  const ImageSpec& to = job.plan.native;
  ImageSpec from = color.from();
  from.width = to.width;
  from.height = to.height;
  if (from.bytes() > SIZE_MAX / 4) return fail(Errc::out_of_memory, "no memory for the picture in its own colours");
  const ImageView own = dense_view(scratch.allocate(static_cast<std::size_t>(from.bytes())), from);
  const bool straight = job.sink.direct() && job.sink.direct_view().pixel_stride ==
                                                 static_cast<std::ptrdiff_t>(to.channels * size_of(to.type));
  const ImageView place =
      straight ? job.sink.direct_view() : dense_view(scratch.allocate(static_cast<std::size_t>(to.bytes())), to);
  if (!own.data || !place.data) return fail(Errc::out_of_memory, "no memory for the picture in its own colours");
  DecodeJob inner;
  inner.request = job.request;
  inner.plan = job.plan;
  inner.plan.native = native;
  inner.sink = PixelSink(own, native, Orientation::normal);
  decoder.decode({&inner, 1}, context);
  RESTRIDE_TRY(std::move(inner.status));
  job.wrote = true;
  for_each_band(context.executor, to.height, to.row_bytes(), [&](std::int64_t y, std::int64_t rows) {
    color.apply(own.at(0, y), own.row_stride, place.at(0, y), place.row_stride, to.width, rows);
    if (!straight) job.sink.put_interleaved({0, y, to.width, rows}, place.at(0, y), place.row_stride);
  });
  return {};
}

}  // namespace

void decode_in_srgb(FormatDecoder& decoder, const ColorTransform& color, const ImageSpec& native, DecodeJob& job,
                    Context& context) {
  auto scratch = context.scratch.lease();
  job.status = or_out_of_memory([&] { return decode_one_in_srgb(decoder, color, native, job, *scratch, context); });
  scratch->reset();
}

Result<std::shared_ptr<const ColorTransform>> ColorTransforms::find(const StreamInfo& stream, std::uint32_t image,
                                                                    ByteSpan bytes, const ImageSpec& stored) {
  RESTRIDE_ASSIGN(std::shared_ptr<const ColorProfile> profile, profile_of(stream, image, bytes));
  if (!profile) return std::shared_ptr<const ColorTransform>();
  const auto fits = [&](const ColorTransform& t) {
    const bool same =
        t.profile() == profile || (t.profile()->hash == profile->hash && t.profile()->bytes == profile->bytes);
    return same && t.serves(stored);
  };
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (!fits(*entry.transform)) continue;
    entry.used = ++clock_;
    // From now on the same object is found without comparing bytes.
    if (entry.transform->profile() != profile) share(stream, image, entry.transform->profile());
    return entry.transform;
  }
  RESTRIDE_ASSIGN(auto made, ColorTransform::make(std::move(profile), stored));
  if (entries_.size() < kKept) {
    entries_.push_back({made, ++clock_});
  } else {
    const auto oldest = std::min_element(entries_.begin(), entries_.end(),
                                         [](const Entry& a, const Entry& b) { return a.used < b.used; });
    *oldest = {made, ++clock_};
  }
  return made;
}

}  // namespace restride
