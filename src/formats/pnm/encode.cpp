// SPDX-License-Identifier: Apache-2.0
// The kind follows from the picture: gray P5, RGB P6, anything with alpha or other channel counts P7, floats PFM.
#include <cstdio>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "codec/bands.h"
#include "formats/pnm/pnm.h"
#include "image/convert/kernels.h"

namespace restride::pnm {
namespace {

int write_header(const ImageSpec& spec, char* text, std::size_t size) {
  const unsigned maxval = spec.type == SampleType::u16 ? 65535 : 255;
  if (spec.type == SampleType::f32)
    return std::snprintf(text, size, "P%c\n%u %u\n-1.0\n", spec.channels == 3 ? 'F' : 'f', spec.width, spec.height);
  if (spec.channels == 1 || spec.channels == 3)
    return std::snprintf(text, size, "P%c\n%u %u\n%u\n", spec.channels == 3 ? '6' : '5', spec.width, spec.height,
                         maxval);
  const char* tuple = spec.channels == 2 ? "GRAYSCALE_ALPHA" : spec.channels == 4 ? "RGB_ALPHA" : "UNKNOWN";
  return std::snprintf(text, size, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL %u\nTUPLTYPE %s\nENDHDR\n", spec.width,
                       spec.height, spec.channels, maxval, tuple);
}

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    if (params.tile_width) return fail(Errc::unsupported, "PNM has no tiles");
    EncodePlan plan;
    plan.wanted = input;
    switch (input.type) {
      case SampleType::u8:
        break;
      case SampleType::u16:
        break;
      case SampleType::f16:
      case SampleType::f32:
        plan.wanted.type = SampleType::f32;
        break;
      default:
        return fail(Errc::unsupported, "PNM holds uint8, uint16 or float32 samples");
    }
    plan.wanted.precision = static_cast<std::uint8_t>(8 * size_of(plan.wanted.type));
    plan.wanted.format = interleaved(input.format);
    const bool color = plan.wanted.format == SampleFormat::i_bgr || plan.wanted.format == SampleFormat::i_ycc;
    if (color) {
      plan.wanted.format = SampleFormat::i_rgb;
      plan.wanted.color = ColorSpec::srgb;
    }
    if (params.color == ColorSpec::gray) {
      plan.wanted.format = SampleFormat::i_y;
      plan.wanted.color = ColorSpec::gray;
      plan.wanted.channels = 1;
    }
    if (plan.wanted.type == SampleType::f32 && plan.wanted.channels != 1 && plan.wanted.channels != 3)
      return fail(Errc::unsupported, "PFM holds 1 or 3 channels, not %u", plan.wanted.channels);
    plan.cost = static_cast<double>(input.width) * input.height * 0.1;
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch&, Context& context) override {
    const ImageSpec& spec = job.plan.wanted;
    char header[256];
    const auto header_size = static_cast<std::size_t>(write_header(spec, header, sizeof header));
    const std::size_t line = spec.row_bytes();
    const std::uint64_t pixels = saturating_mul(line, spec.height);
    std::byte* out = pixels > SIZE_MAX / 2 ? nullptr : job.sink->reserve(header_size + pixels);
    if (!out) return fail(Errc::out_of_memory, "no memory for the encoded picture");
    std::memcpy(out, header, header_size);
    ImageView to = dense_view(out + header_size, spec);
    if (spec.type == SampleType::f32) {  // bottom-up
      to.data = to.at(0, std::int64_t{spec.height} - 1);
      to.row_stride = -to.row_stride;
    }
    const bool swapped = spec.type == SampleType::u16 && std::endian::native == std::endian::little;
    const auto swap = kernels::byte_swap(sizeof(std::uint16_t));
    for_each_band(context.executor, spec.height, line, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t y = first; swapped && y < first + count; ++y)
        kernels::best().permute(swap, job.source.row(y, to.at(0, y)), to.at(0, y), line / sizeof(std::uint16_t));
      const Rect band{0, first, spec.width, count};
      if (!swapped) job.source.get(band, to.crop(band));
    });
    job.sink->commit(header_size + pixels);
    return {};
  }
};

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::pnm
