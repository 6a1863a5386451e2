// SPDX-License-Identifier: Apache-2.0
// The codec table: a format is one folder and its lines here. Order matters within a format: the first entry whose
// plan() accepts a request gets it.
#include "formats/table.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/error_util.h"
#include "codec/external.h"
#include "coding/deflate.h"
#include "formats/bmp/bmp.h"
#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/lossless.h"
#include "formats/jpeg2000/jpeg2000.h"
#include "formats/png/png.h"
#include "formats/pnm/pnm.h"
#include "formats/tiff/tiff.h"
#include "formats/webp/webp.h"

namespace restride {
namespace {

constexpr CodecEntry kCodecs[] = {
    {&jpeg::kFormat, BackendKind::cpu_only, "libjpeg-turbo", jpeg::make_decoder, jpeg::make_encoder,
     jpeg::library_version},
    {&jpeg::kFormat, BackendKind::cpu_only, "jpeg-lossless", jpeg::make_lossless_decoder, nullptr},
    {&jpeg2000::kFormat, BackendKind::cpu_only, "openjpeg", jpeg2000::make_decoder, jpeg2000::make_encoder,
     jpeg2000::library_version},
    {&tiff::kFormat, BackendKind::cpu_only, "tiff", tiff::make_decoder, tiff::make_encoder, deflate::library_versions},
    {&png::kFormat, BackendKind::cpu_only, "png", png::make_decoder, png::make_encoder, deflate::library_versions},
    {&webp::kFormat, BackendKind::cpu_only, "libwebp", webp::make_decoder, webp::make_encoder, webp::library_version},
    {&bmp::kFormat, BackendKind::cpu_only, "bmp", bmp::make_decoder, bmp::make_encoder},
    {&pnm::kFormat, BackendKind::cpu_only, "pnm", pnm::make_decoder, pnm::make_encoder},
};

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::span<const CodecEntry> codecs() noexcept { return kCodecs; }

namespace {

bool goes_by(const Format& format, std::string_view name) noexcept {
  return equal_ignoring_case(name, format.name) ||
         std::any_of(format.extensions.begin(), format.extensions.end(),
                     [&](std::string_view extension) { return equal_ignoring_case(name, extension); });
}

}  // namespace

const Format* find_own_format(std::string_view name) noexcept {
  for (const CodecEntry& entry : kCodecs)
    if (goes_by(*entry.format, name)) return entry.format;
  return nullptr;
}

const Format* find_format(std::string_view name) noexcept {
  const Format* found = find_own_format(name);
  if (!found)
    for_each_external_codec([&](const ExternalCodec& codec) {
      if (goes_by(codec.format(), name)) found = &codec.format();
      return found != nullptr;
    });
  return found;
}

std::string_view format_name(const Format& format) noexcept { return format.name; }

Result<std::unique_ptr<StreamInfo>> parse_stream(ByteSpan bytes, const ParseOptions& options) {
  if (bytes.empty()) return fail_at(Errc::truncated, 0, "the code stream is empty");
  const Format* tried = nullptr;
  for (const CodecEntry& entry : kCodecs) {
    if (entry.format == tried) continue;
    tried = entry.format;
    if (!entry.format->probe(bytes)) continue;
    auto info = entry.format->parse(bytes, options);
    if (info) (*info)->format = entry.format;
    return info;
  }
  const ExternalCodec* outside = nullptr;
  std::string others;
  for_each_external_codec([&](const ExternalCodec& codec) {
    if (codec.probe(bytes)) outside = &codec;
    if (codec.decodes()) others += ", " + std::string(codec.format().name);
    return outside != nullptr;
  });
  if (outside) return outside->parse(bytes);
  return fail_at(Errc::unsupported, 0,
                 "unknown format: the first bytes match none of jpeg, jpeg2k, tiff, png, webp, bmp, pnm%s",
                 others.c_str());
}

}  // namespace restride
