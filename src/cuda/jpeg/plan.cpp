// SPDX-License-Identifier: Apache-2.0
#include "cuda/jpeg/plan.h"

#include <algorithm>

#include "base/error_util.h"
#include "coding/jpeg/progressive.h"

namespace restride::cuda::jpeg {

const Headers& headers_of(const StreamInfo& stream) noexcept { return static_cast<const Headers&>(*stream.detail); }

FrameSize frame_of(const Headers& headers, const ImageSpec& stored) noexcept {
  FrameSize frame{stored.width, stored.height, headers.components, {}, {}};
  for (unsigned i = 0; i < headers.components; ++i) {
    frame.h[i] = headers.component[i].h;
    frame.v[i] = headers.component[i].v;
  }
  return frame;
}

// The native layout is the CPU decoder's for the same request, so that both choose, and convert, alike.
Native native_for(const ImageSpec& stored, const ImageSpec& wanted) noexcept {
  const SampleFormat want = interleaved(wanted.format);
  const bool to_rgb = want == SampleFormat::i_rgb || want == SampleFormat::i_bgr || want == SampleFormat::i_rgba;
  const bool gray = stored.color == ColorSpec::gray, ycc = stored.color == ColorSpec::sycc;
  if (gray || ycc || stored.color == ColorSpec::srgb) {
    if (want == SampleFormat::i_y || (gray && !to_rgb))
      return {SampleFormat::i_y, ColorSpec::gray, 1, gray || ycc ? Colors::as_they_are : Colors::rgb_to_gray, false};
    if (want == SampleFormat::i_ycc && ycc) return {want, ColorSpec::sycc, 3, Colors::as_they_are, false};
    const Colors colors = gray ? Colors::gray_to_rgb : ycc ? Colors::ycc_to_rgb : Colors::as_they_are;
    if (want == SampleFormat::i_bgr) return {want, ColorSpec::srgb, 3, colors, true};
    if (want == SampleFormat::i_rgba) return {want, ColorSpec::srgb, 4, colors, false};
    return {SampleFormat::i_rgb, ColorSpec::srgb, 3, colors, false};
  }
  if (stored.color == ColorSpec::cmyk || stored.color == ColorSpec::ycck)
    return {SampleFormat::i_cmyk, ColorSpec::cmyk, 4,
            stored.color == ColorSpec::ycck ? Colors::ycck_to_cmyk : Colors::inks, false};
  return {SampleFormat::i_unchanged, ColorSpec::unchanged, static_cast<std::uint8_t>(stored.channels),
          Colors::as_they_are, false};
}

// Components that colours are made of.
unsigned needed_components(const Native& native, unsigned components) noexcept {
  if (native.colors == Colors::gray_to_rgb) return 1;
  if (native.colors == Colors::as_they_are && native.channels == 1) return 1;
  return components;
}

Error refused(const Headers& headers, const char* why) {
  return fail_at(Errc::unsupported, headers.frame_offset, "not decoded on the GPU: %s", why);
}

Mcus blocks_of(const FrameSize& frame, unsigned component) noexcept {
  return {ceil_div<std::uint32_t>(frame.width * frame.h[component], 8 * frame.max_h()),
          ceil_div<std::uint32_t>(frame.height * frame.v[component], 8 * frame.max_v())};
}

Mcus mcus_of(const FrameSize& frame, const Scan& scan) noexcept {
  if (scan.components == 1) return blocks_of(frame, scan.component[0]);
  return {ceil_div<std::uint32_t>(frame.width, 8 * frame.max_h()),
          ceil_div<std::uint32_t>(frame.height, 8 * frame.max_v())};
}

std::uint64_t segments_of(const FrameSize& frame, const Scan& scan) noexcept {
  const Mcus size = mcus_of(frame, scan);
  const std::uint64_t mcus = std::uint64_t{size.wide} * size.high, interval = scan.restart_interval;
  return interval ? ceil_div<std::uint64_t>(mcus, interval) : 1;
}

namespace {

constexpr std::size_t kMostScans = 64;  // each takes tables; encoders write about ten

// Every component in exactly one sequential scan of good form, or in a full progression of scans.
Status check_scans(const Headers& headers, const Scans& scans) {
  if (scans.odd) return refused(headers, "its headers are unusual");
  if (!headers.single_scan() && !scans.ended) return refused(headers, "its last scan has no end");
  if (scans.list.size() > kMostScans) return refused(headers, "its scans are too many");
  std::array<Accuracy, 4> accuracy;
  for (Accuracy& of : accuracy) of.missing.fill(Accuracy::kUnseen);
  for (const Scan& scan : scans.list) {
    const bool spectral = scan.ss > 0;
    const bool good = headers.progressive()
                          ? scan.se < 64 && scan.al < 14 && (scan.ah == 0 || scan.ah == scan.al + 1) &&
                                (spectral ? scan.ss <= scan.se && scan.components == 1 : scan.se == 0)
                          : scan.ss == 0 && scan.se == 63 && scan.ah == 0 && scan.al == 0;
    if (!good) return refused(headers, "a scan header is unusual");
    unsigned units = 0;
    for (unsigned i = 0; i < scan.components; ++i) {
      const unsigned c = scan.component[i];
      if (!accuracy[c].refine(scan.ss, scan.se, scan.ah, scan.al)) return refused(headers, "its scans are unusual");
      units += headers.component[c].h * headers.component[c].v;
      const bool needs_dc = !spectral && scan.ah == 0, needs_ac = scan.se > 0;
      if (!scans.quant[c].defined || (needs_dc && scan.dc[i] == Scan::kNoTable) ||
          (needs_ac && scan.ac[i] == Scan::kNoTable))
        return refused(headers, "a table is missing");
    }
    if (scan.components > 1 && units > kMaxUnitsPerMcu) return refused(headers, "its MCUs are too large");
  }
  // Where a progression is not complete, libjpeg smooths what it has.
  for (unsigned c = 0; c < headers.components; ++c)
    if (!accuracy[c].complete()) return refused(headers, "not all of its coefficients are there");
  return {};
}

}  // namespace

Result<DecodePlan> plan_decode(const DecodeRequest& request, bool triangle) {
  const Headers& headers = headers_of(*request.stream);
  if (headers.sof < 0xc0 || headers.sof > 0xc2) return refused(headers, "neither sequential nor progressive Huffman");
  if (headers.precision != 8) return refused(headers, "not 8 bits a sample");
  const ImageSpec& stored = request.info().spec;
  if (request.bytes.size() < headers.fewest_bytes(stored.width, stored.height))
    return refused(headers, "fewer data than its size needs");
  RESTRIDE_TRY(check_scans(headers, headers.scans(request.bytes)));
  std::array<ComponentSize, 4> sizes;
  if (!component_sizes(frame_of(headers, stored), request.reduce, triangle, sizes))
    return refused(headers, "its sampling factors do not divide each other");
  const Native native = native_for(stored, request.wanted);
  DecodePlan plan;
  plan.native = {static_cast<std::uint32_t>(request.window.width),
                 static_cast<std::uint32_t>(request.window.height),
                 native.channels,
                 SampleType::u8,
                 native.format,
                 native.color,
                 8};
  plan.scratch = request.bytes.size() + request.bytes.size() / 8;  // pinned
  if (headers.progressive()) {
    const std::size_t samples = (std::size_t{stored.width} + 32) * (stored.height + 32) * headers.components;
    plan.scratch += samples / 4 + std::min(2 * samples, 8 * request.bytes.size());
  }
  plan.cost = static_cast<double>(stored.width) * stored.height * (headers.progressive() ? 3 : 1);
  // The fixed cost of a batch is about that of so many pixels on one CPU thread, sending them to the device included.
  constexpr double kFewPixels = 25000;
  plan.reluctant = plan.cost * request.rounds < kFewPixels;
  return plan;
}

}  // namespace restride::cuda::jpeg
