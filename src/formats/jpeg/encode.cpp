// SPDX-License-Identifier: Apache-2.0
// JPEG encoding through libjpeg-turbo, straight from the caller's rows where the layout allows.
#include <algorithm>
#include <array>
#include <cmath>

#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/libjpeg.h"

namespace restride::jpeg {
namespace {

constexpr int kDefaultQuality = 75;
constexpr int kRowsACall = 16;

struct Factors {
  int h, v;
};

// Luma's sampling factors; chroma's are 1x1.
Result<Factors> luma_factors(ChromaSubsampling subsampling) {
  switch (subsampling) {
    case ChromaSubsampling::css_444:
      return Factors{1, 1};
    case ChromaSubsampling::css_422:
      return Factors{2, 1};
    case ChromaSubsampling::css_420:
      return Factors{2, 2};
    case ChromaSubsampling::css_440:
      return Factors{1, 2};
    case ChromaSubsampling::css_411:
      return Factors{4, 1};
    case ChromaSubsampling::css_410:
      return Factors{4, 2};
    case ChromaSubsampling::css_410v:
      return Factors{2, 4};
    default:
      return fail(Errc::invalid_argument, "chroma subsampling %d is none that JPEG has", static_cast<int>(subsampling));
  }
}

J_COLOR_SPACE input_space(SampleFormat format) noexcept {
  switch (format) {
    case SampleFormat::i_y:
      return JCS_GRAYSCALE;
    case SampleFormat::i_bgr:
      return JCS_EXT_BGR;
    case SampleFormat::i_ycc:
      return JCS_YCbCr;
    case SampleFormat::i_cmyk:
      return JCS_CMYK;
    default:
      return JCS_EXT_RGB;
  }
}

Result<int> quality_of(const EncodeParams& params) {
  if (params.quality_type == QualityType::default_quality) return kDefaultQuality;
  if (params.quality_type != QualityType::quality)
    return fail(Errc::unsupported, "JPEG is encoded by QualityType.QUALITY or DEFAULT; it has no other");
  const double rounded = std::nearbyint(params.quality_value);
  if (!(rounded >= 1 && rounded <= 100))
    return fail(Errc::invalid_argument, "JPEG quality %g is outside 1 to 100", params.quality_value);
  return static_cast<int>(rounded);
}

bool wants_gray(const ImageSpec& input, const EncodeParams& params) noexcept {
  return input.channels < 3 || input.color == ColorSpec::gray || params.color == ColorSpec::gray ||
         (params.subsampling && *params.subsampling == ChromaSubsampling::css_gray);
}

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override;

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override;

 private:
  static void configure(Compressor& handle, const EncodeJob& job, int quality, Factors factors);

  StatePool<Compressor> handles_;
};

Result<EncodePlan> Encoder::plan(const ImageSpec& input, const EncodeParams& params) const {
  if (params.tile_width) return fail(Errc::unsupported, "JPEG has no tiles");
  RESTRIDE_TRY(quality_of(params));
  if (input.width > JPEG_MAX_DIMENSION || input.height > JPEG_MAX_DIMENSION)
    return fail(Errc::unsupported, "%u x %u is larger than JPEG's %ld in one dimension", input.width, input.height,
                JPEG_MAX_DIMENSION);
  if (input.type != SampleType::u8) return fail(Errc::unsupported, "JPEG encoding takes 8-bit unsigned samples");
  if (input.channels > 4) return fail(Errc::unsupported, "JPEG encoding takes 1 to 4 channels, not %u", input.channels);
  EncodePlan plan;
  plan.wanted = input;
  plan.wanted.precision = 8;
  const SampleFormat plain = interleaved(input.format);
  if (wants_gray(input, params)) {
    plan.wanted.format = SampleFormat::i_y;
    plan.wanted.color = ColorSpec::gray;
    plan.wanted.channels = 1;
  } else {
    const bool as_it_is = plain == SampleFormat::i_bgr || plain == SampleFormat::i_ycc || plain == SampleFormat::i_cmyk;
    plan.wanted.format = as_it_is ? plain : SampleFormat::i_rgb;
    plan.wanted.channels = channels_of(plan.wanted.format);
    if (!as_it_is) plan.wanted.color = ColorSpec::srgb;
    if (params.subsampling) RESTRIDE_TRY(luma_factors(*params.subsampling));
  }
  plan.cost = static_cast<double>(input.width) * input.height *
              (params.jpeg.progressive         ? 4
               : params.jpeg.optimized_huffman ? 2
                                               : 1);
  return plan;
}

// Runs guarded.
void Encoder::configure(Compressor& handle, const EncodeJob& job, int quality, Factors factors) {
  jpeg_compress_struct& cinfo = handle.cinfo;
  const ImageSpec& wanted = job.plan.wanted;
  cinfo.image_width = wanted.width;
  cinfo.image_height = wanted.height;
  cinfo.input_components = static_cast<int>(wanted.channels);
  cinfo.in_color_space = input_space(wanted.format);
  jpeg_set_defaults(&cinfo);
  jpeg_set_quality(&cinfo, quality, TRUE);
  cinfo.dct_method = JDCT_ISLOW;
  cinfo.optimize_coding = job.params->jpeg.optimized_huffman ? TRUE : FALSE;
  if (cinfo.num_components > 1) {
    for (int i = 0; i < cinfo.num_components; ++i)
      cinfo.comp_info[i].h_samp_factor = cinfo.comp_info[i].v_samp_factor = 1;
    if (wanted.format != SampleFormat::i_cmyk) {
      cinfo.comp_info[0].h_samp_factor = factors.h;
      cinfo.comp_info[0].v_samp_factor = factors.v;
    }
  }
  if (job.params->jpeg.progressive)
    jpeg_simple_progression(&cinfo);
  else
    cinfo.scan_info = nullptr;
  jpeg_start_compress(&cinfo, TRUE);
}

Status Encoder::encode_one(EncodeJob& job, Scratch& scratch, Context&) {
  RESTRIDE_ASSIGN(const int quality, quality_of(*job.params));
  Factors factors{1, 1};
  if (job.plan.wanted.channels > 1 && job.params->subsampling) {
    RESTRIDE_ASSIGN(factors, luma_factors(*job.params->subsampling));
  }
  const PixelSource& source = job.source;
  const std::size_t row_bytes = job.plan.wanted.row_bytes();
  const auto band = scratch.take<std::byte>(row_bytes * kRowsACall);
  if (!band.data()) return fail(Errc::out_of_memory, "no memory for a band of rows");
  auto handle = handles_.lease();
  handle->destination.install(&handle->cinfo, *job.sink);
  Status status = guarded(handle->errors, [&] {
    configure(*handle, job, quality, factors);
    std::array<JSAMPROW, kRowsACall> rows{};
    const std::int64_t height = job.plan.wanted.height;
    for (std::int64_t y = 0; y < height;) {
      const auto count = static_cast<JDIMENSION>(std::min<std::int64_t>(kRowsACall, height - y));
      for (JDIMENSION i = 0; i < count; ++i) {
        const std::byte* row = source.row(y + i, band.data() + i * row_bytes);
        rows[i] = const_cast<JSAMPROW>(reinterpret_cast<const JSAMPLE*>(row));  // libjpeg only reads it
      }
      (void)jpeg_write_scanlines(&handle->cinfo, rows.data(), count);
      y += count;
    }
    jpeg_finish_compress(&handle->cinfo);
  });
  jpeg_abort_compress(&handle->cinfo);
  return status;
}

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::jpeg
