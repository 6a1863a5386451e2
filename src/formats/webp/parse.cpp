// SPDX-License-Identifier: Apache-2.0
// The RIFF container of WebP (RFC 9649): features from libwebp, orientation from the EXIF chunk.
#include <webp/decode.h>

#include "base/error_util.h"
#include "formats/exif.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

constexpr std::string_view kExtensions[] = {".webp"};

bool probe(ByteSpan bytes) noexcept {
  return bytes.size() >= 12 && starts_with(bytes, "RIFF", 4) && starts_with(bytes.subspan(8), "WEBP", 4);
}

Orientation find_orientation(ByteSpan bytes) noexcept {
  ByteReader reader(bytes, std::endian::little);
  reader.skip(12);
  while (reader.remaining() >= 8) {
    const ByteSpan type = reader.take(4);
    const std::uint32_t size = reader.u32();
    const ByteSpan data = reader.take(size);
    if (reader.overran()) break;
    if (starts_with(type, "EXIF", 4)) {
      // Some writers keep JPEG's "Exif\0\0" in front.
      const bool prefixed = starts_with(data, "Exif\0", 5) && data.size() > 6;
      return exif::orientation(prefixed ? data.subspan(6) : data);
    }
    reader.skip(size & 1);
  }
  return Orientation::normal;
}

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  WebPBitstreamFeatures features{};
  const VP8StatusCode code =
      WebPGetFeatures(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), &features);
  if (code == VP8_STATUS_NOT_ENOUGH_DATA)
    return fail_at(Errc::truncated, bytes.size(), "the file ends inside its headers");
  if (code != VP8_STATUS_OK)
    return fail(Errc::corrupt, "the headers are damaged (libwebp: %d)", static_cast<int>(code));
  auto result = std::make_unique<StreamInfo>();
  result->images.resize(1);
  ImageInfo& image = result->images[0];
  const bool alpha = features.has_alpha != 0;
  image.spec = {static_cast<std::uint32_t>(features.width),
                static_cast<std::uint32_t>(features.height),
                alpha ? 4U : 3U,
                SampleType::u8,
                alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb,
                ColorSpec::srgb,
                8};
  image.orientation = find_orientation(bytes);
  image.coded_bytes = bytes.size();
  result->detail = std::make_unique<FormatDetail>();
  return result;
}

}  // namespace

const Format kFormat{"webp", kExtensions, probe, parse};

}  // namespace restride::webp
