// SPDX-License-Identifier: Apache-2.0
// Writes 8-bit gray with a palette, 24-bit RGB, or 32-bit RGBA with a V4 header; bottom-up, as every reader expects.
#include <array>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "codec/bands.h"
#include "formats/bmp/bmp.h"
#include "image/convert/kernels.h"

namespace restride::bmp {
namespace {

using kernels::Permutation;

constexpr std::uint32_t kFileHeader = 14, kInfoHeader = 40, kV4Header = 108;

class HeaderWriter {
 public:
  template <class T>
  void put(T value) noexcept {
    store(bytes_.data() + size_, value, std::endian::little);
    size_ += sizeof value;
  }
  ByteSpan bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, kFileHeader + kV4Header + 1024> bytes_{};
  std::size_t size_ = 0;
};

void write_headers(const ImageSpec& spec, std::uint32_t row_bytes, HeaderWriter& out) noexcept {
  const bool alpha = spec.channels == 4, gray = spec.channels == 1;
  const std::uint32_t header = alpha ? kV4Header : kInfoHeader;
  const std::uint32_t offset = kFileHeader + header + (gray ? 1024 : 0);
  const std::uint32_t pixels = row_bytes * spec.height;
  out.put(std::uint16_t{0x4d42});
  out.put(offset + pixels);
  out.put(std::uint32_t{0});
  out.put(offset);
  out.put(header);
  out.put(spec.width);
  out.put(spec.height);
  out.put(std::uint16_t{1});
  out.put(static_cast<std::uint16_t>(8 * spec.channels));
  out.put(std::uint32_t{alpha ? 3U : 0U});
  out.put(pixels);
  out.put(std::uint32_t{2835});  // 72 dpi
  out.put(std::uint32_t{2835});
  out.put(std::uint32_t{gray ? 256U : 0U});
  out.put(std::uint32_t{0});
  if (alpha) {
    for (std::uint32_t mask : {0xff0000U, 0xff00U, 0xffU, 0xff000000U}) out.put(mask);
    out.put(std::uint32_t{0x73524742});  // sRGB: the endpoints and gammas that follow are unused
    for (int i = 0; i < 12; ++i) out.put(std::uint32_t{0});
  }
  if (gray)
    for (std::uint32_t i = 0; i < 256; ++i) out.put(i * 0x010101U);
}

// The rows from `first` on, and the padding behind each.
void write_rows(const PixelSource& source, std::int64_t first, const ImageView& to, std::size_t padding) {
  const ImageSpec& spec = to.spec;
  source.get({0, first, spec.width, spec.height}, to);
  Permutation swap;  // RGBA in memory, BGRA in the file
  swap.from_bytes = swap.to_bytes = swap.used_bytes = 4;
  swap.source = {2, 1, 0, 3};
  swap.prepare();
  for (std::int64_t y = 0; y < spec.height; ++y) {
    if (spec.channels == 4) kernels::best().permute(swap, to.at(0, y), to.at(0, y), spec.width);
    std::memset(to.at(spec.width, y), 0, padding);
  }
}

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    if (params.tile_width) return fail(Errc::unsupported, "BMP has no tiles");
    if (input.type != SampleType::u8) return fail(Errc::unsupported, "BMP encoding takes 8-bit unsigned samples");
    if (input.channels > 4)
      return fail(Errc::unsupported, "BMP encoding takes 1 to 4 channels, not %u", input.channels);
    EncodePlan plan;
    plan.wanted = input;
    plan.wanted.precision = 8;
    if (input.channels < 3 || params.color == ColorSpec::gray) {
      plan.wanted.format = SampleFormat::i_y;
      plan.wanted.color = ColorSpec::gray;
    } else if (interleaved(input.format) == SampleFormat::i_rgba) {
      plan.wanted.format = SampleFormat::i_rgba;
    } else {
      plan.wanted.format = SampleFormat::i_bgr;
      plan.wanted.color = ColorSpec::srgb;
    }
    plan.wanted.channels = channels_of(plan.wanted.format);
    const std::uint64_t bytes = saturating_mul(plan.wanted.row_bytes() + 3, input.height);
    if (bytes > 0xffff0000U) return fail(Errc::unsupported, "the picture is larger than the 4 GiB that BMP can hold");
    plan.cost = static_cast<double>(input.width) * input.height * 0.1;
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch&, Context& context) override {
    const ImageSpec& spec = job.plan.wanted;
    const std::size_t line = spec.row_bytes();
    const std::size_t row_bytes = (line + 3) & ~std::size_t{3};
    HeaderWriter headers;
    write_headers(spec, static_cast<std::uint32_t>(row_bytes), headers);
    std::byte* out = job.sink->reserve(headers.bytes().size() + row_bytes * spec.height);
    if (!out) return fail(Errc::out_of_memory, "no memory for the encoded picture");
    std::memcpy(out, headers.bytes().data(), headers.bytes().size());
    ImageView to = dense_view(out + headers.bytes().size() + (spec.height - 1) * row_bytes, spec);
    to.row_stride = -static_cast<std::ptrdiff_t>(row_bytes);
    for_each_band(context.executor, spec.height, row_bytes, [&](std::int64_t y, std::int64_t count) {
      write_rows(job.source, y, to.crop({0, y, std::int64_t{spec.width}, count}), row_bytes - line);
    });
    job.sink->commit(headers.bytes().size() + row_bytes * spec.height);
    return {};
  }
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::bmp
