// SPDX-License-Identifier: Apache-2.0
#include "choose.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace restride::cli {

DecodeParams decode_params(const DecodeSettings& settings, std::uint64_t max_memory) {
  DecodeParams params;
  params.apply_exif_orientation = !settings.ignore_orientation;
  params.reduce = settings.reduce;
  params.fit_width = settings.fit[0];
  params.fit_height = settings.fit[1];
  params.limits.max_memory = max_memory;
  return params;
}

Result<CodeStream> part_of(const CodeStream& stream, const DecodeSettings& settings) {
  if (settings.page == 0 && !settings.region) return stream;
  CodeStreamView view;
  view.image_idx = settings.page;
  if (settings.region) {
    Region region;
    region.rect = *settings.region;
    for (std::size_t i = 0; i < region.fill.size() && !settings.fill.empty(); ++i)
      region.fill[i] = settings.fill[settings.fill.size() == 1 ? 0 : std::min(i, settings.fill.size() - 1)];
    view.region = region;
  }
  return stream.sub(view);
}

namespace {

struct Form {
  ColorSpec color;
  bool any_depth;
};

std::vector<Form> forms(const Settings& settings, const CodeStream& stream, std::string_view codec) {
  std::vector<ColorSpec> colors;
  if (settings.decode.color == ColorChoice::keep) {
    const auto info = stream.info();
    const auto own = stream.codec();
    const ColorSpec stored = info ? (*info)->spec.color : ColorSpec::unchanged;
    // Few readers expect CMYK in another format than the one where it was.
    const bool inks = stored == ColorSpec::cmyk || stored == ColorSpec::ycck;
    if (!inks || (own && *own == codec)) colors.push_back(ColorSpec::unchanged);
  }
  if (settings.decode.color != ColorChoice::gray) colors.push_back(ColorSpec::srgb);
  if (settings.decode.color != ColorChoice::rgb) colors.push_back(ColorSpec::gray);
  std::vector<Form> out;
  for (const ColorSpec color : colors) {
    if (!settings.decode.eight_bits) out.push_back({color, true});
    out.push_back({color, false});
  }
  return out;
}

}  // namespace

Result<ImageSpec> choose_pixels(const Decoder& decoder, const Encoder* encoder, const CodeStream& stream,
                                std::string_view codec, const Settings& settings, const EncodeParams& encode,
                                DecodeParams& params) {
  Status reason;
  for (const Form form : forms(settings, stream, codec)) {
    params.color = form.color;
    params.allow_any_depth = form.any_depth;
    auto spec = decoder.output_spec(stream, params);
    Status status = spec ? Status() : Status(spec.error());
    if (status && encoder && !codec.empty()) status = encoder->check(*spec, codec, encode);
    if (status) return spec;
    // A damaged picture is so in every form; else what the first form lacks is what is worth saying.
    if (reason) reason = status;
    if (status.error().code != Errc::unsupported) break;
  }
  return reason.error();
}

namespace {

// Bytes 16 to 19 of a profile name the colours it is for (ICC.1:2010, 7.2.6).
bool fits(const Metadata& profile, const ImageSpec& spec) {
  constexpr std::size_t kAt = 16, kSize = 4;
  if (profile.bytes.size() < kAt + kSize) return false;
  const char* const wanted = spec.color == ColorSpec::gray ? "GRAY" : spec.color == ColorSpec::cmyk ? "CMYK" : "RGB ";
  return std::memcmp(profile.bytes.data() + kAt, wanted, kSize) == 0;
}

// Where the picture lies on the earth: GeoTIFF's tags (OGC 19-008, 7.1) and GDAL's for missing values.
void add_georeference(const CodeStream& stream, std::vector<Metadata>& to) {
  for (const std::uint16_t tag : {33550, 33922, 34264, 34735, 34736, 34737, 42113}) {
    auto found = read_tiff_tag(stream, tag);
    if (found && *found) to.push_back(*std::move(*found));
  }
}

bool is_tiff(const CodeStream& stream) {
  const auto codec = stream.codec();
  return codec && *codec == "tiff";
}

}  // namespace

void choose_metadata(const Encoder& encoder, const CodeStream& stream, std::string_view codec, const ImageSpec& spec,
                     const DecodeSettings& settings, EncodeParams& encode, std::vector<std::string>& notes) {
  encode.metadata.clear();
  auto found = read_metadata(stream);
  if (!found) {
    notes.push_back("metadata not kept: " + found.error().describe());
    return;
  }
  const auto has = [&](MetadataKind kind) {
    return std::any_of(encode.metadata.begin(), encode.metadata.end(),
                       [&](const Metadata& m) { return m.kind == kind; });
  };
  for (Metadata& block : *found) {
    const bool known =
        block.kind == MetadataKind::exif || block.kind == MetadataKind::icc_profile || block.kind == MetadataKind::xmp;
    if (!known || has(block.kind)) continue;
    if (block.kind == MetadataKind::icc_profile && !fits(block, spec)) {
      notes.push_back("ICC profile not kept: it is for other colours than the result's");
      continue;
    }
    if (block.kind == MetadataKind::exif && !settings.ignore_orientation)
      if (Status set = set_orientation(block, Orientation::normal); !set) {
        notes.push_back("EXIF not kept: " + set.error().describe());
        continue;
      }
    encode.metadata.push_back(std::move(block));
  }
  const auto info = stream.info();
  const bool turned = !settings.ignore_orientation && info && (*info)->orientation != Orientation::normal;
  const bool moved = settings.region || settings.reduce || settings.fit[0] || turned;
  if (codec == "tiff" && is_tiff(stream) && !moved) add_georeference(stream, encode.metadata);
  if (encode.metadata.empty()) return;
  if (Status status = encoder.check(spec, codec, encode); !status) {
    encode.metadata.clear();
    notes.push_back("metadata not kept: " + status.error().message);
  }
}

}  // namespace restride::cli
