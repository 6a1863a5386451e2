// SPDX-License-Identifier: Apache-2.0
// The RIFF container of WebP (RFC 9649, 2).
#include <webp/decode.h>

#include "base/error_util.h"
#include "formats/exif.h"
#include "formats/webp/headers.h"
#include "formats/webp/webp.h"

namespace restride::webp {
namespace {

constexpr std::string_view kExtensions[] = {".webp"};
constexpr std::size_t kFileHeader = 12;

bool probe(ByteSpan bytes) noexcept {
  return bytes.size() >= kFileHeader && starts_with(bytes, "RIFF", 4) && starts_with(bytes.subspan(8), "WEBP", 4);
}

Result<WebPBitstreamFeatures> features_of(ByteSpan bytes) {
  WebPBitstreamFeatures features{};
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  switch (WebPGetFeatures(data, bytes.size(), &features)) {
    case VP8_STATUS_OK:
      return features;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return fail_at(Errc::truncated, bytes.size(), "the file ends inside its headers");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return fail(Errc::unsupported, "a variant of WebP that libwebp does not read");
    default:
      return fail_at(Errc::corrupt, kFileHeader, "the chunks or the header of the picture are damaged");
  }
}

std::uint32_t u24(ByteReader& reader) noexcept {
  const std::uint32_t low = reader.u16();
  return low | static_cast<std::uint32_t>(reader.u8()) << 16;
}

// What lies beside the picture: EXIF, and the first frame of an animation.
struct Container {
  Orientation orientation = Orientation::normal;
  std::uint64_t frame_offset = 0, frame_size = 0;  // its bitstream, where it covers the canvas

  Container(ByteSpan bytes, std::uint32_t width, std::uint32_t height) noexcept {
    ByteReader reader(bytes, std::endian::little);
    reader.skip(kFileHeader);
    bool have_frame = false;
    while (reader.remaining() >= 8) {
      const ByteSpan type = reader.take(4);
      const std::uint32_t size = reader.u32();
      const std::size_t begin = reader.position();
      const ByteSpan data = reader.take(size);
      if (starts_with(type, "ANMF", 4) && !have_frame) {
        have_frame = true;
        read_frame(bytes.subspan(begin, data.empty() ? bytes.size() - begin : size), begin, width, height);
      }
      if (reader.overran()) return;
      if (starts_with(type, "EXIF", 4)) {
        // Some writers keep the prefix that EXIF has in JPEG.
        const bool prefixed = starts_with(data, "Exif\0\0", 6);
        orientation = exif::orientation(prefixed ? data.subspan(6) : data);
      }
      reader.skip(size & 1);
    }
  }

 private:
  // RFC 9649, 2.7.1.1
  void read_frame(ByteSpan data, std::size_t begin, std::uint32_t width, std::uint32_t height) noexcept {
    constexpr std::size_t kFrameHeader = 16;
    ByteReader reader(data, std::endian::little);
    const std::uint32_t x = u24(reader), y = u24(reader);
    const std::uint32_t frame_width = u24(reader) + 1, frame_height = u24(reader) + 1;
    if (data.size() <= kFrameHeader || x || y || frame_width != width || frame_height != height) return;
    frame_offset = begin + kFrameHeader;
    frame_size = data.size() - kFrameHeader;
  }
};

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  RESTRIDE_ASSIGN(WebPBitstreamFeatures features, features_of(bytes));
  auto headers = std::make_unique<Headers>();
  headers->data_size = bytes.size();
  const auto width = static_cast<std::uint32_t>(features.width), height = static_cast<std::uint32_t>(features.height);
  const Container container(bytes, width, height);
  if (features.has_animation) {
    headers->data_offset = container.frame_offset;
    headers->data_size = container.frame_size;
    if (headers->data_size) {
      RESTRIDE_ASSIGN(const WebPBitstreamFeatures frame,
                      features_of(bytes.subspan(container.frame_offset, container.frame_size)));
      if (frame.width != features.width || frame.height != features.height)
        return fail_at(Errc::corrupt, container.frame_offset, "ANMF: a frame of %d x %d says it has %d x %d",
                       frame.width, frame.height, features.width, features.height);
      features.format = frame.format;
      features.has_alpha = frame.has_alpha;
    }
  }
  constexpr int kLossless = 2;
  headers->lossless = features.format == kLossless;

  auto info = std::make_unique<StreamInfo>();
  ImageInfo& image = info->images.emplace_back();
  const bool alpha = features.has_alpha != 0;
  image.spec.width = width;
  image.spec.height = height;
  image.spec.channels = alpha ? 4 : 3;
  image.spec.type = SampleType::u8;
  image.spec.format = alpha ? SampleFormat::i_rgba : SampleFormat::i_rgb;
  image.spec.color = ColorSpec::srgb;
  image.spec.precision = 8;
  image.subsampling = headers->lossless ? ChromaSubsampling::css_444 : ChromaSubsampling::css_420;
  image.orientation = container.orientation;
  image.coded_bytes = bytes.size();
  info->detail = std::move(headers);
  return info;
}

}  // namespace

const Format kFormat{"webp", kExtensions, probe, parse, read_metadata, embed_metadata};

}  // namespace restride::webp
