// SPDX-License-Identifier: Apache-2.0
// QOI ("The Quite OK Image Format", specification 1.0) as a codec from outside: this file, the installed header
// restride/codec.h, and nothing to link.
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "restride/codec.h"

namespace {

constexpr std::size_t kHeader = 14;
constexpr std::array<std::uint8_t, 8> kEnd{0, 0, 0, 0, 0, 0, 0, 1};
// The first byte of a chunk: two with eight bits, four with two.
constexpr unsigned kRgb = 0xfe, kRgba = 0xff, kIndex = 0x00, kDiff = 0x40, kLuma = 0x80, kRun = 0xc0, kTag = 0xc0;
constexpr unsigned kLongestRun = 62;

[[gnu::format(printf, 4, 5)]] std::int32_t failed(restride_error* error, restride_code code, std::uint64_t offset,
                                                  const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  error->offset = offset;
  return code;
}

struct Pixel {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;

  bool operator==(const Pixel& o) const { return r == o.r && g == o.g && b == o.b && a == o.a; }
  unsigned hash() const { return (r * 3U + g * 5U + b * 7U + a * 11U) % 64; }
};

// What both directions remember of the pixels so far.
struct State {
  Pixel pixel;
  std::array<Pixel, 64> seen;
  unsigned run = 0;

  State() { seen.fill(Pixel{0, 0, 0, 0}); }
};

std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

int probe(void*, const std::uint8_t* bytes, std::size_t size) {
  return size >= 4 && std::memcmp(bytes, "qoif", 4) == 0;
}

std::int32_t info(void*, const std::uint8_t* bytes, std::size_t size, restride_picture* picture,
                  restride_error* error) {
  if (size < kHeader) return failed(error, RESTRIDE_TRUNCATED, size, "the header has 14 bytes, the file %zu", size);
  picture->spec.width = big_endian(bytes + 4);
  picture->spec.height = big_endian(bytes + 8);
  picture->spec.channels = bytes[12];
  if (picture->spec.width == 0 || picture->spec.height == 0)
    return failed(error, RESTRIDE_CORRUPT, 4, "the picture has no pixels");
  if (bytes[12] != 3 && bytes[12] != 4) return failed(error, RESTRIDE_CORRUPT, 12, "%u channels: 3 or 4", bytes[12]);
  if (bytes[13] > 1) return failed(error, RESTRIDE_CORRUPT, 13, "colour space %u: 0 or 1", bytes[13]);
  return RESTRIDE_OK;
}

// Reads one chunk at `at`; where it ends, or null where the data do.
const std::uint8_t* read_chunk(const std::uint8_t* at, const std::uint8_t* end, State& s) {
  const unsigned first = *at;
  const auto left = static_cast<std::size_t>(end - at);
  if (left < (first == kRgba ? 5U : first == kRgb ? 4U : (first & kTag) == kLuma ? 2U : 1U)) return nullptr;
  ++at;
  if (first == kRgb || first == kRgba) {
    s.pixel = {at[0], at[1], at[2], first == kRgba ? at[3] : s.pixel.a};
    at += first == kRgba ? 4 : 3;
  } else if ((first & kTag) == kIndex) {
    s.pixel = s.seen[first & 63];
  } else if ((first & kTag) == kDiff) {
    s.pixel.r = static_cast<std::uint8_t>(s.pixel.r + (first >> 4 & 3) - 2);
    s.pixel.g = static_cast<std::uint8_t>(s.pixel.g + (first >> 2 & 3) - 2);
    s.pixel.b = static_cast<std::uint8_t>(s.pixel.b + (first & 3) - 2);
  } else if ((first & kTag) == kLuma) {
    const unsigned green = (first & 63) - 32, second = *at++;
    s.pixel.r = static_cast<std::uint8_t>(s.pixel.r + green + (second >> 4) - 8);
    s.pixel.g = static_cast<std::uint8_t>(s.pixel.g + green);
    s.pixel.b = static_cast<std::uint8_t>(s.pixel.b + green + (second & 15) - 8);
  } else {
    s.run = first & 63;  // so many more of the same
  }
  s.seen[s.pixel.hash()] = s.pixel;
  return at;
}

std::int32_t decode(void*, restride_decode_job* job, restride_error* error) {
  const std::uint8_t* at = job->bytes + kHeader;
  const std::uint8_t* const end = job->bytes + job->size;
  const std::uint32_t channels = job->picture.channels;
  auto* row = static_cast<std::uint8_t*>(job->pixels);
  State s;
  for (std::uint32_t y = 0; y < job->picture.height; ++y, row += job->row_stride) {
    std::uint8_t* to = row;
    for (std::uint32_t x = 0; x < job->picture.width; ++x, to += channels) {
      if (s.run) {
        --s.run;
      } else {
        const std::uint8_t* next = at < end ? read_chunk(at, end, s) : nullptr;
        if (!next)
          return failed(error, RESTRIDE_TRUNCATED, static_cast<std::uint64_t>(at - job->bytes),
                        "the data end in row %u", y);
        at = next;
      }
      std::memcpy(to, &s.pixel, channels);
    }
    job->rows_done = y + 1;
  }
  return RESTRIDE_OK;
}

std::int32_t accepts(void*, const restride_spec* offered, restride_spec* wanted, restride_error* error) {
  if (offered->sample_type != RESTRIDE_U8)
    return failed(error, RESTRIDE_UNSUPPORTED, RESTRIDE_NO_OFFSET, "QOI holds 8-bit unsigned samples");
  if (offered->channels > 4)
    return failed(error, RESTRIDE_UNSUPPORTED, RESTRIDE_NO_OFFSET, "QOI holds 1 to 4 channels, not %u",
                  offered->channels);
  const bool alpha = offered->format == RESTRIDE_I_YA || offered->format == RESTRIDE_I_RGBA;
  wanted->channels = alpha ? 4 : 3;  // there is no gray
  wanted->format = alpha ? RESTRIDE_I_RGBA : RESTRIDE_I_RGB;
  wanted->color = RESTRIDE_COLOR_SRGB;
  wanted->precision = 8;
  return RESTRIDE_OK;
}

// Writes the chunk for `next`; at most 6 bytes (a run that ends, and RGBA).
std::uint8_t* write_chunk(std::uint8_t* to, const Pixel& next, State& s) {
  if (next == s.pixel) {
    if (++s.run < kLongestRun) return to;
    *to++ = static_cast<std::uint8_t>(kRun | (s.run - 1));
    s.run = 0;
    return to;
  }
  if (s.run) *to++ = static_cast<std::uint8_t>(kRun | (s.run - 1));
  s.run = 0;
  const Pixel before = s.pixel;
  s.pixel = next;
  if (s.seen[next.hash()] == next) {
    *to++ = static_cast<std::uint8_t>(kIndex | next.hash());
    return to;
  }
  s.seen[next.hash()] = next;
  if (next.a != before.a) {
    const std::uint8_t chunk[] = {kRgba, next.r, next.g, next.b, next.a};
    std::memcpy(to, chunk, sizeof chunk);
    return to + sizeof chunk;
  }
  // Differences wrap round; as unsigned numbers with a bias, one comparison tells whether they fit.
  const auto r = static_cast<std::uint8_t>(next.r - before.r), g = static_cast<std::uint8_t>(next.g - before.g),
             b = static_cast<std::uint8_t>(next.b - before.b);
  const auto biased = [](int v, int bias) { return static_cast<std::uint8_t>(v + bias); };
  if (biased(r, 2) < 4 && biased(g, 2) < 4 && biased(b, 2) < 4) {
    *to++ = static_cast<std::uint8_t>(kDiff | biased(r, 2) << 4 | biased(g, 2) << 2 | biased(b, 2));
    return to;
  }
  if (biased(g, 32) < 64 && biased(r - g, 8) < 16 && biased(b - g, 8) < 16) {
    *to++ = static_cast<std::uint8_t>(kLuma | biased(g, 32));
    *to++ = static_cast<std::uint8_t>(biased(r - g, 8) << 4 | biased(b - g, 8));
    return to;
  }
  const std::uint8_t chunk[] = {kRgb, next.r, next.g, next.b};
  std::memcpy(to, chunk, sizeof chunk);
  return to + sizeof chunk;
}

std::int32_t no_memory(restride_error* error) {
  return failed(error, RESTRIDE_OUT_OF_MEMORY, RESTRIDE_NO_OFFSET, "no memory for the encoded picture");
}

std::int32_t encode(void*, restride_encode_job* job, restride_error* error) {
  if (job->quality_type != RESTRIDE_QUALITY_DEFAULT && job->quality_type != RESTRIDE_QUALITY_LOSSLESS)
    return failed(error, RESTRIDE_UNSUPPORTED, RESTRIDE_NO_OFFSET, "QOI is lossless: QualityType DEFAULT or LOSSLESS");
  const std::uint32_t width = job->picture.width, height = job->picture.height, channels = job->picture.channels;
  auto* header = static_cast<std::uint8_t*>(job->reserve(job->host, kHeader));
  if (!header) return no_memory(error);
  std::memcpy(header, "qoif", 4);
  for (int i = 0; i < 4; ++i) {
    header[4 + i] = static_cast<std::uint8_t>(width >> (24 - 8 * i));
    header[8 + i] = static_cast<std::uint8_t>(height >> (24 - 8 * i));
  }
  header[12] = static_cast<std::uint8_t>(channels);
  header[13] = 0;
  job->commit(job->host, kHeader);
  State s;
  const auto* row = static_cast<const std::uint8_t*>(job->pixels);
  for (std::uint32_t y = 0; y < height; ++y, row += job->row_stride) {
    auto* start = static_cast<std::uint8_t*>(job->reserve(job->host, std::size_t{width} * 6));
    if (!start) return no_memory(error);
    std::uint8_t* to = start;
    for (std::uint32_t x = 0; x < width; ++x) {
      Pixel next;
      std::memcpy(&next, row + std::size_t{x} * channels, channels);
      to = write_chunk(to, next, s);
    }
    job->commit(job->host, static_cast<std::size_t>(to - start));
  }
  auto* tail = static_cast<std::uint8_t*>(job->reserve(job->host, 1 + kEnd.size()));
  if (!tail) return no_memory(error);
  std::uint8_t* to = tail;
  if (s.run) *to++ = static_cast<std::uint8_t>(kRun | (s.run - 1));
  std::memcpy(to, kEnd.data(), kEnd.size());
  job->commit(job->host, static_cast<std::size_t>(to - tail) + kEnd.size());
  return RESTRIDE_OK;
}

const char* const kExtensions[] = {".qoi", nullptr};
const restride_codec kQoi = {sizeof(restride_codec),
                             RESTRIDE_CODEC_ABI,
                             0,
                             "qoi",
                             "qoi-example",
                             kExtensions,
                             nullptr,
                             probe,
                             info,
                             decode,
                             accepts,
                             encode};
const restride_codec* const kCodecs[] = {&kQoi, nullptr};

}  // namespace

RESTRIDE_CODECS_EXPORT const restride_codec* const* restride_codecs(std::uint32_t host_abi) {
  return host_abi == RESTRIDE_CODEC_ABI ? kCodecs : nullptr;
}
