// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <cmath>
#include <cstdio>

namespace restride::cli {

const char* name(SampleType type) noexcept {
  constexpr const char* kNames[] = {"u8", "i8", "u16", "i16", "u32", "i32", "f16", "f32", "f64"};
  return kNames[static_cast<std::size_t>(type)];
}

const char* name(ColorSpec color) noexcept {
  switch (color) {
    case ColorSpec::srgb:
      return "RGB";
    case ColorSpec::gray:
      return "gray";
    case ColorSpec::sycc:
      return "YCC";
    case ColorSpec::cmyk:
      return "CMYK";
    case ColorSpec::ycck:
      return "YCCK";
    case ColorSpec::palette:
      return "palette";
    case ColorSpec::icc_profile:
      return "ICC profile";
    default:
      return "unknown";
  }
}

const char* name(ChromaSubsampling subsampling) noexcept {
  switch (subsampling) {
    case ChromaSubsampling::css_444:
      return "4:4:4";
    case ChromaSubsampling::css_422:
      return "4:2:2";
    case ChromaSubsampling::css_420:
      return "4:2:0";
    case ChromaSubsampling::css_440:
      return "4:4:0";
    case ChromaSubsampling::css_411:
      return "4:1:1";
    case ChromaSubsampling::css_410:
      return "4:1:0";
    case ChromaSubsampling::css_410v:
      return "4:1:0v";
    case ChromaSubsampling::css_gray:
      return "gray";
    default:
      return "none";
  }
}

const char* name(BackendKind kind) noexcept {
  switch (kind) {
    case BackendKind::cpu_only:
      return "cpu";
    case BackendKind::gpu_only:
      return "gpu";
    case BackendKind::hybrid_cpu_gpu:
      return "hybrid";
    case BackendKind::hw_gpu_only:
      return "hw";
  }
  return "unknown";
}

const char* name(MetadataKind kind) noexcept {
  constexpr const char* kNames[] = {"unknown", "tiff_tag", "icc",   "exif",    "geo",           "aperio",
                                    "philips", "ventana",  "leica", "trestle", "tiff_tag_list", "xmp"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string format(const char* pattern, ...) {
  char small[512];
  va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  const int n = std::vsnprintf(small, sizeof small, pattern, arguments);
  va_end(arguments);
  std::string out(small, n < 0 ? 0 : std::min<std::size_t>(static_cast<std::size_t>(n), sizeof small - 1));
  if (n >= static_cast<int>(sizeof small)) {
    out.resize(static_cast<std::size_t>(n) + 1);
    std::vsnprintf(out.data(), out.size(), pattern, again);
    out.pop_back();
  }
  va_end(again);
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return format("%llu B", static_cast<unsigned long long>(bytes));
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB", "PB"}) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return format(value < 10 ? "%.1f %s" : "%.0f %s", value, unit);
}

std::string human_seconds(double seconds) {
  const auto s = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  if (s >= 3600) return format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  return format("%lld:%02lld", s / 60, s % 60);
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) c = '?';
  return out;
}

namespace {

// Bytes of the UTF-8 sequence at the start of `text`; 0: there is none (RFC 3629, section 4).
std::size_t sequence(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool outside = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return follows(1) && follows(2) && follows(3) && !outside ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t n = sequence(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (n == 0)
      out += "\xef\xbf\xbd";
    else if (c == '"' || c == '\\')
      (out += '\\') += text[0];
    else if (c < 0x20 || c == 0x7f)
      out += format("\\u%04x", c);
    else
      out += text.substr(0, n);
    text.remove_prefix(n ? n : 1);
  }
  return out += '"';
}

void add_error(Json& json, const Error& error) {
  json.add("code", restride::name(error.code)).add("message", error.message);
  if (error.offset != Error::kNoOffset) json.add("offset", error.offset);
}

}  // namespace restride::cli
