// SPDX-License-Identifier: Apache-2.0
// JPEG encoding through libjpeg-turbo, straight from the caller's rows where the layout allows. A large baseline
// picture is encoded in bands by several threads; the bytes are the same.
#include <algorithm>
#include <array>
#include <optional>

#include "coding/jpeg/encode_header.h"
#include "coding/jpeg/encode_settings.h"
#include "coding/jpeg/encode_tables.h"
#include "formats/jpeg/bands.h"
#include "formats/jpeg/entropy_encode.h"
#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/libjpeg.h"
#include "formats/jpeg/stages.h"

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

// What encoding keeps from picture to picture.
struct EncodeHandle {
  Compressor libjpeg;
  BandCoder coder;
  Buffer headers, spill;  // where a band's headers go, which nobody wants
};

struct EncodeSettings {
  int quality;
  SamplingFactors factors;
};

// Rows [first, end) of pixels.
struct SourceRows {
  std::int64_t first, end;
};

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    return plan_encode(input, params);
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override;

 private:
  using Lease = StatePool<EncodeHandle>::Lease;
  static void configure(Compressor& handle, const EncodeJob& job, const EncodeSettings& settings, std::int64_t height);
  static void write_rows(Compressor& handle, const EncodeJob& job, SourceRows rows, std::span<std::byte> band);
  Status encode_bands(EncodeJob& job, const EncodeSettings& settings, std::size_t bands, Context& context);
  static Status encode_band(EncodeHandle& handle, const EncodeJob& job, const EncodeSettings& settings,
                            const CodeTables& tables, SourceRows rows, Scratch& scratch);
  static Status join(std::span<std::optional<Lease>> bands, EncodeJob& job, const EncodeSettings& settings,
                     Context& context);

  bool own_entropy_ = stages_usable();
  StatePool<EncodeHandle> handles_;
};

// libjpeg keeps the tables of an optimised or progressive picture for the next one.
void restore_standard_tables(jpeg_compress_struct& cinfo) {
  const auto restore = [](JHUFF_TBL& table, const HuffmanCounts& standard) {
    std::copy(std::begin(standard.counts), std::end(standard.counts), table.bits + 1);
    std::copy(std::begin(standard.values), std::end(standard.values), table.huffval);
  };
  for (int i = 0; i < 2; ++i) {
    restore(*cinfo.dc_huff_tbl_ptrs[i], standard_huffman_tables().dc[i]);
    restore(*cinfo.ac_huff_tbl_ptrs[i], standard_huffman_tables().ac[i]);
  }
}

// Runs guarded.
void Encoder::configure(Compressor& handle, const EncodeJob& job, const EncodeSettings& settings, std::int64_t height) {
  jpeg_compress_struct& cinfo = handle.cinfo;
  const ImageSpec& wanted = job.plan.wanted;
  cinfo.image_width = wanted.width;
  cinfo.image_height = static_cast<JDIMENSION>(height);
  const Compressor::Setup setup{input_space(wanted.format), static_cast<int>(wanted.channels), settings.quality,
                                settings.factors.h, settings.factors.v};
  const bool own_tables = job.params->jpeg.optimized_huffman || job.params->jpeg.progressive;
  if (setup == handle.setup && !own_tables) {
    jpeg_start_compress(&cinfo, TRUE);
    return;
  }
  handle.setup = {};  // until it is done
  cinfo.input_components = static_cast<int>(wanted.channels);
  cinfo.in_color_space = input_space(wanted.format);
  jpeg_set_defaults(&cinfo);
  restore_standard_tables(cinfo);
  jpeg_set_quality(&cinfo, settings.quality, TRUE);
  cinfo.dct_method = JDCT_ISLOW;
  cinfo.optimize_coding = job.params->jpeg.optimized_huffman ? TRUE : FALSE;
  if (cinfo.num_components > 1) {
    for (int i = 0; i < cinfo.num_components; ++i)
      cinfo.comp_info[i].h_samp_factor = cinfo.comp_info[i].v_samp_factor = 1;
    if (wanted.format != SampleFormat::i_cmyk) {
      cinfo.comp_info[0].h_samp_factor = settings.factors.h;
      cinfo.comp_info[0].v_samp_factor = settings.factors.v;
    }
  }
  if (job.params->jpeg.progressive)
    jpeg_simple_progression(&cinfo);
  else
    cinfo.scan_info = nullptr;
  if (!own_tables) handle.setup = setup;
  jpeg_start_compress(&cinfo, TRUE);
}

// Runs guarded.
void Encoder::write_rows(Compressor& handle, const EncodeJob& job, SourceRows rows, std::span<std::byte> band) {
  const std::size_t row_bytes = job.plan.wanted.row_bytes();
  std::array<JSAMPROW, kRowsACall> pointers{};
  for (std::int64_t y = rows.first; y < rows.end;) {
    const auto count = static_cast<JDIMENSION>(std::min<std::int64_t>(kRowsACall, rows.end - y));
    for (JDIMENSION i = 0; i < count; ++i) {
      const std::byte* row = job.source.row(y + i, band.data() + i * row_bytes);
      pointers[i] = const_cast<JSAMPROW>(reinterpret_cast<const JSAMPLE*>(row));  // libjpeg only reads it
    }
    (void)jpeg_write_scanlines(&handle.cinfo, pointers.data(), count);
    y += count;
  }
}

// Codes rows that start and, but for the picture's last, end with a row of MCUs. The row above them is only
// transformed: its last blocks predict the band's first.
Status Encoder::encode_band(EncodeHandle& handle, const EncodeJob& job, const EncodeSettings& settings,
                            const CodeTables& tables, SourceRows rows, Scratch& scratch) {
  const std::int64_t above = rows.first == 0 ? 0 : std::int64_t{DCTSIZE} * settings.factors.v;
  const auto band = scratch.take<std::byte>(job.plan.wanted.row_bytes() * kRowsACall);
  if (!band.data()) return fail(Errc::out_of_memory, "no memory for a band of rows");
  ByteSink headers(handle.headers, handle.spill);
  handle.libjpeg.destination.install(&handle.libjpeg.cinfo, headers);
  Status status = guarded(handle.libjpeg.errors, [&] {
    jpeg_compress_struct& cinfo = handle.libjpeg.cinfo;
    configure(handle.libjpeg, job, settings, rows.end - rows.first + above);
    handle.coder.take_over(cinfo, tables, above == 0 ? 0 : cinfo.MCUs_per_row);
    write_rows(handle.libjpeg, job, {rows.first - above, rows.end}, band);
  });
  jpeg_abort_compress(&handle.libjpeg.cinfo);
  return status;
}

// Puts the bands' bits behind each other: where each starts follows from the lengths of those before it.
Status Encoder::join(std::span<std::optional<Lease>> bands, EncodeJob& job, const EncodeSettings& settings,
                     Context& context) {
  std::array<StuffedSize, kMaxBands> sizes;
  std::array<unsigned, kMaxBands> first{};
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < bands.size(); ++i) {
    BandCoder& coder = (*bands[i])->coder;
    first[i] = static_cast<unsigned>((8 - start % 8) % 8);
    start += coder.bits();
    // The last byte is filled up with ones (F.1.2.3).
    if (!coder.finish(i + 1 < bands.size() ? (*bands[i + 1])->coder.first_byte() : 0xff))
      return fail(Errc::out_of_memory, "no memory for the end of a band");
  }
  context.executor.for_each(bands.size(), [&](std::size_t i) {
    const BandCoder& coder = (*bands[i])->coder;
    sizes[i] = stuffed_size(coder.bytes(), coder.bits(), first[i]);
  });
  std::array<std::uint64_t, kMaxBands + 1> at{};
  for (std::size_t i = 0; i < bands.size(); ++i) at[i + 1] = at[i] + sizes[i].bytes + sizes[i].stuffed;
  const ImageSpec& wanted = job.plan.wanted;
  const EncodeFrame frame{wanted.width, wanted.height, wanted.channels, settings.factors, settings.quality};
  std::byte* to = job.sink->reserve(kMaxHeaderBytes + at[bands.size()] + 2);
  if (!to) return fail(Errc::out_of_memory, "no memory for the encoded picture");
  const std::size_t header = write_encode_header(frame, standard_huffman_tables(), to);
  context.executor.for_each(bands.size(), [&](std::size_t i) {
    const BandCoder& coder = (*bands[i])->coder;
    (void)write_stuffed(coder.bytes(), coder.bits(), first[i], to + header + at[i]);
  });
  to[header + at[bands.size()]] = std::byte{0xff};
  to[header + at[bands.size()] + 1] = std::byte{JPEG_EOI};
  job.sink->commit(header + at[bands.size()] + 2);
  return {};
}

Status Encoder::encode_bands(EncodeJob& job, const EncodeSettings& settings, std::size_t bands, Context& context) {
  const CodeTables tables = code_tables(standard_huffman_tables());
  const std::int64_t height = job.plan.wanted.height, mcu = std::int64_t{DCTSIZE} * settings.factors.v;
  std::array<Status, kMaxBands> statuses;
  std::array<std::optional<Lease>, kMaxBands> handles;
  const auto cut = [&](std::size_t i) {
    return i == bands ? height : height * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(bands) / mcu * mcu;
  };
  context.executor.for_each(bands, [&](std::size_t i) {
    handles[i].emplace(handles_.lease());
    auto scratch = context.scratch.lease();
    statuses[i] = encode_band(**handles[i], job, settings, tables, {cut(i), cut(i + 1)}, *scratch);
    scratch->reset();
  });
  for (std::size_t i = 0; i < bands; ++i) RESTRIDE_TRY(std::move(statuses[i]));
  return join(std::span(handles).first(bands), job, settings, context);
}

Status Encoder::encode_one(EncodeJob& job, Scratch& scratch, Context& context) {
  RESTRIDE_ASSIGN(const int quality, quality_of(*job.params));
  EncodeSettings settings{quality, {1, 1}};
  const ImageSpec& wanted = job.plan.wanted;
  if (wanted.channels > 1 && job.params->subsampling) {
    RESTRIDE_ASSIGN(settings.factors, luma_factors(*job.params->subsampling));
  }
  const JpegEncodeParams& jpeg = job.params->jpeg;
  if (own_entropy_ && !jpeg.progressive && !jpeg.optimized_huffman) {
    if (wanted.format == SampleFormat::i_cmyk) settings.factors = {1, 1};
    const auto mcu_height = static_cast<std::size_t>(DCTSIZE * settings.factors.v);
    const std::size_t bands =
        band_count(std::uint64_t{wanted.width} * wanted.height, wanted.height / mcu_height, context);
    if (bands > 1) return encode_bands(job, settings, bands, context);
  }
  const auto band = scratch.take<std::byte>(wanted.row_bytes() * kRowsACall);
  if (!band.data()) return fail(Errc::out_of_memory, "no memory for a band of rows");
  auto handle = handles_.lease();
  handle->libjpeg.destination.install(&handle->libjpeg.cinfo, *job.sink);
  Status status = guarded(handle->libjpeg.errors, [&] {
    configure(handle->libjpeg, job, settings, wanted.height);
    write_rows(handle->libjpeg, job, {0, wanted.height}, band);
    jpeg_finish_compress(&handle->libjpeg.cinfo);
  });
  jpeg_abort_compress(&handle->libjpeg.cinfo);
  return status;
}

}  // namespace

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::jpeg
