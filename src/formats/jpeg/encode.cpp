// SPDX-License-Identifier: Apache-2.0
// JPEG encoding through libjpeg-turbo, straight from the caller's rows where the layout allows.
#include <algorithm>
#include <array>

#include "coding/jpeg/encode_settings.h"
#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/libjpeg.h"

namespace restride::jpeg {
namespace {

constexpr int kRowsACall = 16;

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

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    return plan_encode(input, params);
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override;

 private:
  static void configure(Compressor& handle, const EncodeJob& job, int quality, SamplingFactors factors);

  StatePool<Compressor> handles_;
};

// Runs guarded.
void Encoder::configure(Compressor& handle, const EncodeJob& job, int quality, SamplingFactors factors) {
  jpeg_compress_struct& cinfo = handle.cinfo;
  const ImageSpec& wanted = job.plan.wanted;
  cinfo.image_width = wanted.width;
  cinfo.image_height = wanted.height;
  cinfo.input_components = static_cast<int>(wanted.channels);
  cinfo.in_color_space = input_space(wanted.format);
  jpeg_set_defaults(&cinfo);
  handle.use_standard_tables();
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
  SamplingFactors factors{1, 1};
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
