// SPDX-License-Identifier: Apache-2.0
#include "base/error_util.h"
#include "formats/exif.h"
#include "formats/jpeg/headers.h"
#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/tables.h"

namespace restride::jpeg {
namespace {

constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".jpe", ".jfif"};

bool probe(ByteSpan bytes) noexcept { return starts_with(bytes, "\xff\xd8\xff", 3); }

bool is_frame_header(std::uint8_t marker) noexcept {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// B.2.2
Status read_frame_header(ByteReader segment, std::uint64_t offset, Headers& headers, ImageSpec& spec) {
  headers.frame_offset = offset;
  headers.precision = segment.u8();
  spec.height = segment.u16();
  spec.width = segment.u16();
  headers.components = segment.u8();
  headers.first.odd |= segment.bytes().size() != 6U + 3U * headers.components;
  if (spec.width == 0) return fail_at(Errc::corrupt, offset, "SOF: the width is 0");
  if (spec.height == 0)
    return fail_at(Errc::unsupported, offset,
                   "SOF: the height is 0 (it is given by a DNL marker, which is not supported)");
  if (headers.components == 0 || headers.components > 4)
    return fail_at(Errc::unsupported, offset, "SOF: %u components; 1 to 4 are supported", headers.components);
  for (unsigned i = 0; i < headers.components; ++i) {
    Component& component = headers.component[i];
    component.id = segment.u8();
    const std::uint8_t sampling = segment.u8();
    component.h = sampling >> 4;
    component.v = sampling & 15;
    component.quant = segment.u8();
    if (component.h < 1 || component.h > 4 || component.v < 1 || component.v > 4)
      return fail_at(Errc::corrupt, offset, "SOF: sampling factor %ux%u of component %u; 1 to 4 are allowed",
                     component.h, component.v, i);
  }
  if (segment.overran()) return fail_at(Errc::truncated, offset, "SOF: the segment is too short");
  return {};
}

ChromaSubsampling subsampling_of(const Headers& headers) noexcept {
  if (headers.components == 1) return ChromaSubsampling::css_gray;
  if (headers.components < 3) return ChromaSubsampling::unsupported;
  const auto& c = headers.component;
  if (c[1].h != c[2].h || c[1].v != c[2].v || c[0].h % c[1].h || c[0].v % c[1].v) return ChromaSubsampling::unsupported;
  switch (c[0].h / c[1].h * 10 + c[0].v / c[1].v) {
    case 11:
      return ChromaSubsampling::css_444;
    case 21:
      return ChromaSubsampling::css_422;
    case 22:
      return ChromaSubsampling::css_420;
    case 12:
      return ChromaSubsampling::css_440;
    case 41:
      return ChromaSubsampling::css_411;
    case 42:
      return ChromaSubsampling::css_410;
    case 24:
      return ChromaSubsampling::css_410v;
    default:
      return ChromaSubsampling::unsupported;
  }
}

// The colour model is not in the frame header; this is libjpeg's reading of the application markers and component ids.
void name_colors(const Headers& headers, ImageSpec& spec) noexcept {
  spec.channels = headers.components;
  switch (headers.components) {
    case 1:
      spec.color = ColorSpec::gray;
      spec.format = SampleFormat::p_y;
      return;
    case 3: {
      const auto& c = headers.component;
      const bool numbered = c[0].id == 1 && c[1].id == 2 && c[2].id == 3;
      const bool rgb_ids = (c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B') || (headers.sof == 0xc3 && numbered);
      const bool rgb = headers.has_jfif ? false : headers.has_adobe ? headers.adobe_transform == 0 : rgb_ids;
      spec.color = rgb ? ColorSpec::srgb : ColorSpec::sycc;
      spec.format = rgb ? SampleFormat::p_rgb : SampleFormat::p_ycc;
      return;
    }
    case 4:
      spec.color = headers.has_adobe && headers.adobe_transform == 2 ? ColorSpec::ycck : ColorSpec::cmyk;
      spec.format = spec.color == ColorSpec::ycck ? SampleFormat::p_ycck : SampleFormat::p_cmyk;
      return;
    default:
      spec.format = SampleFormat::p_unchanged;
  }
}

void read_application_segment(std::uint8_t marker, ByteSpan segment, Headers& headers, ImageInfo& info) {
  if (marker == 0xe0 && starts_with(segment, "JFIF\0", 5)) headers.has_jfif = true;
  if (marker == 0xe1 && starts_with(segment, "Exif\0", 5) && segment.size() > 6)
    info.orientation = exif::orientation(segment.subspan(6));
  if (marker == 0xee && starts_with(segment, "Adobe", 5) && segment.size() >= 12) {
    headers.has_adobe = true;
    headers.adobe_transform = u8_at(segment, 11);
  }
}

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  auto info = std::make_unique<StreamInfo>();
  auto owned = std::make_unique<Headers>();
  Headers& headers = *owned;
  info->images.resize(1);
  ImageInfo& image = info->images[0];
  ByteReader reader(bytes);
  reader.skip(2);  // SOI, as probed
  bool have_frame = false;
  TableState tables;
  Scans& scans = headers.first;
  while (true) {
    // B.1.1.2: markers may be preceded by fill bytes; libjpeg also skips garbage between segments, and so do we.
    while (reader.remaining() && reader.u8() != 0xff) scans.odd = true;
    std::uint8_t marker = 0xff;
    while (reader.remaining() && marker == 0xff) marker = reader.u8();
    if (!reader.remaining())
      return fail_at(Errc::truncated, bytes.size(),
                     have_frame ? "the file ends before its first scan" : "the file ends before its frame header");
    if (marker == 0 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {  // no length follows
      scans.odd = true;
      continue;
    }
    if (marker == 0xd9)
      return fail_at(Errc::corrupt, reader.position() - 2, "EOI before the first scan: there is no picture");
    const std::uint64_t offset = reader.position() - 2;
    const std::uint16_t length = reader.u16();
    if (length < 2) return fail_at(Errc::corrupt, offset, "marker 0x%02x: segment length %u", marker, length);
    const ByteSpan segment = reader.take(length - 2U);
    if (reader.overran())
      return fail_at(Errc::truncated, offset, "marker 0x%02x: the file ends inside its segment", marker);
    if (is_frame_header(marker)) {
      if (have_frame) return fail_at(Errc::corrupt, offset, "a second frame header");
      headers.sof = marker;
      RESTRIDE_TRY(read_frame_header(ByteReader(segment), offset, headers, image.spec));
      have_frame = true;
    } else if (marker == 0xda) {
      if (!have_frame) return fail_at(Errc::corrupt, offset, "SOS before the frame header");
      tables.read_scan(headers, segment, reader.position(), reader.remaining(), scans);
      break;
    } else {
      tables.read(marker, segment, scans);
      read_application_segment(marker, segment, headers, image);
    }
  }
  headers.restart_interval = tables.restart_interval();
  name_colors(headers, image.spec);
  image.spec.type = headers.precision <= 8 ? SampleType::u8 : SampleType::u16;
  image.spec.precision = headers.precision;
  image.subsampling = subsampling_of(headers);
  image.coded_bytes = bytes.size();
  image.max_reduce = headers.dct() ? 3 : 0;
  info->detail = std::move(owned);
  return info;
}

}  // namespace

const Format kFormat{"jpeg", kExtensions, probe, parse, read_metadata, embed_metadata};

}  // namespace restride::jpeg
