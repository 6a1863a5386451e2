// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error_util.h"
#include "formats/pnm/headers.h"
#include "formats/pnm/pnm.h"

namespace restride::pnm {
namespace {

constexpr std::string_view kExtensions[] = {".pnm", ".ppm", ".pgm", ".pbm", ".pam", ".pfm"};

bool is_space(std::byte b) noexcept {
  const auto c = static_cast<unsigned char>(b);
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool probe(ByteSpan bytes) noexcept {
  if (bytes.size() < 3 || static_cast<char>(bytes[0]) != 'P') return false;
  const char kind = static_cast<char>(bytes[1]);
  return ((kind >= '1' && kind <= '7') || kind == 'f' || kind == 'F') &&
         (is_space(bytes[2]) || static_cast<char>(bytes[2]) == '#');
}

// Tokens between white space and comments.
class Tokens {
 public:
  Tokens(ByteSpan bytes, std::size_t position) noexcept : bytes_(bytes), position_(position) {}

  std::string_view next() noexcept {
    skip_space();
    const std::size_t start = position_;
    while (position_ < bytes_.size() && !is_space(bytes_[position_]) && static_cast<char>(bytes_[position_]) != '#')
      ++position_;
    return {reinterpret_cast<const char*>(bytes_.data()) + start, position_ - start};
  }
  std::string_view rest_of_line() noexcept {
    const std::size_t start = position_;
    while (position_ < bytes_.size() && static_cast<char>(bytes_[position_]) != '\n') ++position_;
    return {reinterpret_cast<const char*>(bytes_.data()) + start, position_ - start};
  }
  void skip_one() noexcept {
    if (position_ < bytes_.size()) ++position_;
  }
  std::size_t position() const noexcept { return position_; }

 private:
  void skip_space() noexcept {
    while (position_ < bytes_.size()) {
      if (static_cast<char>(bytes_[position_]) == '#')
        (void)rest_of_line();
      else if (is_space(bytes_[position_]))
        ++position_;
      else
        return;
    }
  }

  ByteSpan bytes_;
  std::size_t position_;
};

Result<std::uint32_t> number(std::string_view token, std::uint64_t offset, const char* what, std::uint32_t low,
                             std::uint32_t high) {
  if (token.empty()) return fail_at(Errc::truncated, offset, "the file ends before its %s", what);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc{} || end != token.data() + token.size() || value < low || value > high)
    return fail_at(Errc::corrupt, offset, "%s is not a number from %u to %u", what, low, high);
  return value;
}

constexpr std::uint32_t kLargestSide = 0x7fffffff;

// P7: named fields until ENDHDR (pam(5)).
Status read_pam(Tokens& tokens, Headers& headers, ImageSpec& spec) {
  std::string_view tuple;
  bool depth = false, maxval = false;
  for (int fields = 0; fields < 100; ++fields) {
    const std::string_view name = tokens.next();
    const std::uint64_t at = tokens.position();
    if (name == "ENDHDR") {
      if (!spec.width || !spec.height || !depth || !maxval)
        return fail_at(Errc::corrupt, at, "PAM header without WIDTH, HEIGHT, DEPTH or MAXVAL");
      tokens.skip_one();
      const bool alpha = tuple.size() > 6 && tuple.ends_with("_ALPHA");
      spec.format = spec.channels == 1            ? SampleFormat::p_y
                    : spec.channels == 2 && alpha ? SampleFormat::p_ya
                    : spec.channels == 3          ? SampleFormat::p_rgb
                    : spec.channels == 4          ? SampleFormat::p_rgba
                                                  : SampleFormat::p_unchanged;
      return {};
    }
    if (name == "TUPLTYPE") {
      tuple = tokens.rest_of_line();
      while (!tuple.empty() && (tuple.front() == ' ' || tuple.front() == '\t')) tuple.remove_prefix(1);
      while (!tuple.empty() && (tuple.back() == ' ' || tuple.back() == '\r')) tuple.remove_suffix(1);
      continue;
    }
    if (name == "WIDTH") {
      RESTRIDE_ASSIGN(spec.width, number(tokens.next(), at, "WIDTH", 1, kLargestSide));
    } else if (name == "HEIGHT") {
      RESTRIDE_ASSIGN(spec.height, number(tokens.next(), at, "HEIGHT", 1, kLargestSide));
    } else if (name == "DEPTH") {
      RESTRIDE_ASSIGN(spec.channels, number(tokens.next(), at, "DEPTH", 1, 32));
      depth = true;
    } else if (name == "MAXVAL") {
      RESTRIDE_ASSIGN(headers.maxval, number(tokens.next(), at, "MAXVAL", 1, 65535));
      maxval = true;
    } else {
      return fail_at(name.empty() ? Errc::truncated : Errc::corrupt, at, "PAM header: unknown or missing field");
    }
  }
  return fail_at(Errc::corrupt, tokens.position(), "PAM header without ENDHDR");
}

Status read_pfm_scale(Tokens& tokens, Headers& headers) {
  const std::string_view token = tokens.next();
  char text[64] = {};
  if (token.empty() || token.size() >= sizeof text) return fail_at(Errc::corrupt, tokens.position(), "PFM: no scale");
  std::memcpy(text, token.data(), token.size());
  char* end = nullptr;
  const double scale = std::strtod(text, &end);
  if (end != text + token.size() || scale == 0 || !std::isfinite(scale))
    return fail_at(Errc::corrupt, tokens.position(), "PFM: the scale is not a number other than 0");
  headers.little_endian = scale < 0;
  return {};
}

Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes, const ParseOptions&) {
  auto owned = std::make_unique<Headers>();
  Headers& headers = *owned;
  headers.kind = static_cast<char>(bytes[1]);
  auto result = std::make_unique<StreamInfo>();
  result->images.resize(1);
  ImageSpec& spec = result->images[0].spec;
  Tokens tokens(bytes, 2);
  if (headers.kind == '7') {
    RESTRIDE_TRY(read_pam(tokens, headers, spec));
  } else {
    const std::uint64_t at = tokens.position();
    RESTRIDE_ASSIGN(spec.width, number(tokens.next(), at, "width", 1, kLargestSide));
    RESTRIDE_ASSIGN(spec.height, number(tokens.next(), at, "height", 1, kLargestSide));
    if (headers.pfm()) {
      RESTRIDE_TRY(read_pfm_scale(tokens, headers));
    } else if (!headers.bitmap()) {
      RESTRIDE_ASSIGN(headers.maxval, number(tokens.next(), at, "maxval", 1, 65535));
    }
    tokens.skip_one();  // exactly one white space before the pixels
    const bool color = headers.kind == '3' || headers.kind == '6' || headers.kind == 'F';
    spec.channels = color ? 3 : 1;
    spec.format = color ? SampleFormat::p_rgb : SampleFormat::p_y;
  }
  headers.pixels_offset = tokens.position();
  spec.color = spec.channels <= 2 ? ColorSpec::gray : spec.channels <= 4 ? ColorSpec::srgb : ColorSpec::unchanged;
  spec.type = headers.pfm() ? SampleType::f32 : headers.maxval > 255 ? SampleType::u16 : SampleType::u8;
  // A maxval of 2^n - 1 is n bits; any other is scaled to the whole range of 8 or 16 bits while decoding.
  const bool whole_bits = !headers.bitmap() && !headers.pfm() && std::has_single_bit(headers.maxval + 1);
  spec.precision = static_cast<std::uint8_t>(whole_bits ? std::bit_width(headers.maxval) : 8 * size_of(spec.type));
  result->images[0].subsampling = spec.channels <= 2 ? ChromaSubsampling::css_gray : ChromaSubsampling::css_444;
  result->images[0].coded_bytes = bytes.size();
  result->detail = std::move(owned);
  return result;
}

}  // namespace

const Format kFormat{"pnm", kExtensions, probe, parse};

}  // namespace restride::pnm
