// SPDX-License-Identifier: Apache-2.0
// What all fuzz bodies share. An input is a file with 16 bytes behind it, from which parameters are drawn: so every
// picture is a seed as it is, but for its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "restride/restride.h"
#include "unit/support/guarded_bytes.h"
#include "unit/support/openjpeg_leaks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace restride::fuzz {

// Ends the process, so that the fuzzer keeps the input.
#define FUZZ_CHECK(condition, ...)                                         \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::fprintf(stderr, " " __VA_ARGS__);                               \
      std::fputc('\n', stderr);                                            \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

inline constexpr std::size_t kChoices = 16;

// Parameters from the end of an input; zeros where it is too short.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) {
    const std::size_t n = size < kChoices ? size : kChoices;
    if (n) std::memcpy(bytes_, data + size - n, n);
    file_ = {reinterpret_cast<const std::byte*>(data), size - n};
  }
  std::span<const std::byte> file() const { return file_; }
  unsigned byte() { return bytes_[next_++ % kChoices]; }
  unsigned below(unsigned n) { return byte() % n; }
  bool flag() { return byte() & 1; }

 private:
  std::uint8_t bytes_[kChoices] = {};
  std::span<const std::byte> file_;
  std::size_t next_ = 0;
};

inline CodecOptions with_threads(unsigned threads) {
  CodecOptions options;
  options.max_threads = threads;
  options.device = CodecOptions::kCpuOnly;
  return options;
}

// Small enough for many runs a second, large enough for bands and tiles.
inline Limits limits() {
  Limits limits;
  limits.max_pixels = 1 << 17;
  limits.max_memory = 1 << 24;
  return limits;
}

// An error is something to tell a person: it has words, a place where data is to blame, and is no defect of ours.
inline void check_error(const Error& error, std::size_t size) {
  FUZZ_CHECK(!error.message.empty());
  FUZZ_CHECK(error.code != Errc::internal, "%s", error.describe().c_str());
  FUZZ_CHECK(error.code != Errc::out_of_memory, "%s", error.describe().c_str());
  if (error.code == Errc::corrupt || error.code == Errc::truncated)
    FUZZ_CHECK(error.offset <= size, "%s", error.describe().c_str());
}

// Any parameters of a decode.
inline DecodeParams draw_decode(Choices& choose) {
  constexpr ColorSpec kColors[] = {ColorSpec::unchanged, ColorSpec::srgb, ColorSpec::gray, ColorSpec::sycc};
  constexpr SampleFormat kFormats[] = {SampleFormat::i_unchanged, SampleFormat::p_unchanged, SampleFormat::i_rgb,
                                       SampleFormat::p_rgb,       SampleFormat::i_bgr,       SampleFormat::i_rgba,
                                       SampleFormat::i_y,         SampleFormat::p_ycc};
  DecodeParams params;
  params.color = kColors[choose.below(4)];
  const unsigned format = choose.below(16);
  params.format = kFormats[format < 8 ? format : 0];
  params.allow_any_depth = choose.flag();
  params.apply_exif_orientation = choose.flag();
  const unsigned reduce = choose.below(8);
  params.reduce = static_cast<std::uint8_t>(reduce < 4 ? reduce : 0);
  params.limits = limits();
  return params;
}

// A view on any image and region of the stream; the stream itself where it has no such part.
inline CodeStream draw_view(Choices& choose, const CodeStream& stream) {
  const auto images = stream.num_images();
  if (!images) return stream;
  CodeStreamView view;
  view.image_idx = choose.byte() % *images;
  const std::int64_t x = choose.byte(), y = choose.byte(), w = choose.byte(), h = choose.byte();
  if (choose.flag()) view.region = Region{{x - 16, y - 16, w + 1, h + 1}, {1, 2, 3}};
  auto part = stream.sub(view);
  return part ? *part : stream;
}

// A destination whose rows are padded and whose last sample is the last byte before a page that may not be touched.
class PaddedImage {
 public:
  PaddedImage(const ImageSpec& spec, std::size_t padding, std::byte fill)
      : row_(static_cast<std::size_t>(spec.row_bytes())),
        stride_(row_ + padding),
        rows_(std::size_t{spec.height} * (spec.planar() ? spec.channels : 1)),
        fill_(fill),
        memory_(stride_ * (rows_ - 1) + row_) {
    std::memset(memory_.data(), static_cast<int>(fill), memory_.size());
    ImageView view = dense_view(memory_.data(), spec);
    view.row_stride = static_cast<std::ptrdiff_t>(stride_);
    if (spec.planar()) view.channel_stride = view.row_stride * static_cast<std::ptrdiff_t>(spec.height);
    auto wrapped = Image::wrap(view);
    FUZZ_CHECK(wrapped.has_value());
    image_ = *std::move(wrapped);
  }
  Image& image() { return image_; }
  void check_padding() const {
    for (std::size_t y = 0; y + 1 < rows_; ++y)
      for (std::size_t x = row_; x < stride_; ++x) FUZZ_CHECK(memory_.data()[y * stride_ + x] == fill_, "row %zu", y);
  }
  // The rows alone, without the padding.
  bool same_pixels(const PaddedImage& other) const {
    for (std::size_t y = 0; y < rows_; ++y)
      if (std::memcmp(memory_.data() + y * stride_, other.memory_.data() + y * other.stride_, row_) != 0) return false;
    return rows_ == other.rows_ && row_ == other.row_;
  }

 private:
  std::size_t row_, stride_, rows_;
  std::byte fill_;
  test::GuardedBytes memory_;
  Image image_;
};

}  // namespace restride::fuzz
