// SPDX-License-Identifier: Apache-2.0
// JPEG decoding with libjpeg-turbo's pixels: accurate integer DCT, straight into the caller's rows where the layout
// allows. Sequential pictures go through the project's own entropy decoder (sequential.h), others wholly through
// libjpeg.
#include <algorithm>
#include <array>

#include "formats/jpeg/headers.h"
#include "formats/jpeg/jpeg.h"
#include "formats/jpeg/sequential.h"

namespace restride::jpeg {
namespace {

// Each scan may cost a pass over the picture, and passing over blocks takes next to no data: so many scans are decoded
// as keep the blocks visited below this for each byte of the file, but at least what any encoder writes.
constexpr std::uint64_t kVisitsAByte = 256, kVisitsAtLeast = std::uint64_t{1} << 26;
constexpr std::uint64_t kScansAtLeast = 20;

int max_scans(const DecodeJob& job) noexcept {
  const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
  const ImageSpec& stored = job.request.info().spec;
  const std::uint64_t visits = kVisitsAtLeast + kVisitsAByte * job.request.bytes.size();
  const std::uint64_t blocks = std::max<std::uint64_t>(headers.blocks(stored.width, stored.height), 1);
  return static_cast<int>(std::clamp<std::uint64_t>(visits / blocks, kScansAtLeast, Headers::kMaxScans));
}
constexpr int kRowsACall = 16;

struct Layout {
  J_COLOR_SPACE space;
  SampleFormat format;
  ColorSpec color;
  unsigned channels;
};

// What libjpeg makes of the stored colours without a detour, nearest to what the caller wants.
Layout layout_for(const ImageSpec& stored, const ImageSpec& wanted) noexcept {
  const SampleFormat want = interleaved(wanted.format);
  const bool gray = want == SampleFormat::i_y;
  const Layout kGray{JCS_GRAYSCALE, SampleFormat::i_y, ColorSpec::gray, 1};
  const Layout kRgb{JCS_EXT_RGB, SampleFormat::i_rgb, ColorSpec::srgb, 3};
  switch (stored.color) {
    case ColorSpec::gray:
    case ColorSpec::sycc:
    case ColorSpec::srgb:
      if (stored.color == ColorSpec::gray && want != SampleFormat::i_rgb && want != SampleFormat::i_bgr &&
          want != SampleFormat::i_rgba)
        return kGray;
      if (gray) return kGray;
      if (want == SampleFormat::i_bgr) return {JCS_EXT_BGR, want, ColorSpec::srgb, 3};
      if (want == SampleFormat::i_rgba) return {JCS_EXT_RGBA, want, ColorSpec::srgb, 4};
      if (want == SampleFormat::i_ycc && stored.color == ColorSpec::sycc) return {JCS_YCbCr, want, ColorSpec::sycc, 3};
      return kRgb;
    case ColorSpec::cmyk:
    case ColorSpec::ycck:
      return {JCS_CMYK, SampleFormat::i_cmyk, ColorSpec::cmyk, 4};
    default:
      return {JCS_UNKNOWN, SampleFormat::i_unchanged, ColorSpec::unchanged, stored.channels};
  }
}

// CMYK is given as Adobe's programs store it, upside down; files without their marker have it the other way round.
bool inverted(const DecodeJob& job) noexcept {
  const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
  return job.plan.native.format == SampleFormat::i_cmyk && !headers.has_adobe;
}

void check_scan_number(j_common_ptr cinfo) {
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(cinfo);
  const int most = reinterpret_cast<const ScanLimit*>(cinfo->progress)->scans;
  if (decompress->input_scan_number <= most) return;
  auto& errors = *reinterpret_cast<ErrorManager*>(cinfo->err);
  errors.code = Errc::limit_exceeded;
  errors.offset = reinterpret_cast<SourceManager*>(decompress->src)->position();
  std::snprintf(errors.message, sizeof errors.message, "more than %d scans", most);
  std::longjmp(errors.jump, 1);
}

class Decoder final : public ImageDecoder {
 public:
  explicit Decoder(bool fancy_upsampling) : fancy_(fancy_upsampling) {}

  Result<DecodePlan> plan(const DecodeRequest& request) const override;

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override;

 private:
  void start(Decompressor& handle, const DecodeJob& job) const;
  Status prepare(DecodeHandle& handle, const DecodeJob& job) const;
  Status decode_bands(DecodeJob& job, std::size_t bands, Context& context);
  Status decode_by_libjpeg(DecodeHandle& pooled, DecodeJob& job, Scratch& scratch);
  static void skip_to(Decompressor& handle, std::int64_t row, JSAMPARRAY spare);
  static Status read_window(Decompressor& handle, DecodeJob& job, Scratch& scratch);

  bool fancy_;
  bool own_stages_ = stages_usable();
  StatePool<DecodeHandle> handles_;
};

Result<DecodePlan> Decoder::plan(const DecodeRequest& request) const {
  const auto& headers = static_cast<const Headers&>(*request.stream->detail);
  if (!headers.dct())
    return fail_at(Errc::unsupported, headers.frame_offset,
                   headers.sof == 0xc3 ? "lossless JPEG (SOF3) with 4 components, or subsampled ones, is not supported"
                                       : "JPEG process SOF%d is not supported",
                   headers.sof - 0xc0);
  if (headers.precision != 8)
    return fail_at(Errc::unsupported, headers.frame_offset, "JPEG with %u bits a sample needs libjpeg-turbo 3",
                   headers.precision);
  const Layout layout = layout_for(request.info().spec, request.wanted);
  DecodePlan plan;
  plan.native = {static_cast<std::uint32_t>(request.window.width),
                 static_cast<std::uint32_t>(request.window.height),
                 layout.channels,
                 SampleType::u8,
                 layout.format,
                 layout.color,
                 8};
  const ImageSpec& stored = request.info().spec;
  const std::size_t row = std::size_t{stored.width} * 4 + 256;
  plan.scratch = row * 64;  // working rows of upsampling and of the band
  if (request.bytes.size() < headers.fewest_bytes(stored.width, stored.height))
    return fail_at(Errc::truncated, request.bytes.size(), "%zu bytes cannot hold %u x %u pixels", request.bytes.size(),
                   stored.width, stored.height);
  // Several scans: all coefficients are kept, two bytes each.
  if (!headers.single_scan())
    plan.scratch += (std::size_t{stored.width} + 32) * (std::size_t{stored.height} + 32) * headers.components * 2;
  plan.cost = static_cast<double>(stored.width) * stored.height * (headers.progressive() ? 3.0 : 1.0);
  return plan;
}

// Reads the header and sets everything up to the first row. Runs guarded.
void Decoder::start(Decompressor& handle, const DecodeJob& job) const {
  jpeg_decompress_struct& cinfo = handle.cinfo;
  (void)jpeg_read_header(&cinfo, TRUE);
  const Layout layout = layout_for(job.request.info().spec, job.request.wanted);
  const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
  if (job.request.info().spec.color == ColorSpec::ycck) cinfo.jpeg_color_space = JCS_YCCK;
  if (headers.components == 2) cinfo.jpeg_color_space = JCS_UNKNOWN;
  cinfo.out_color_space = layout.space;
  cinfo.dct_method = JDCT_ISLOW;
  cinfo.do_fancy_upsampling = fancy_ ? TRUE : FALSE;
  cinfo.scale_num = 1;
  cinfo.scale_denom = 1U << job.request.reduce;
  handle.limit.base.progress_monitor = check_scan_number;
  handle.limit.scans = max_scans(job);
  cinfo.progress = &handle.limit.base;
  (void)jpeg_start_decompress(&cinfo);
}

// Advances to output row `row`.
void Decoder::skip_to(Decompressor& handle, std::int64_t row, JSAMPARRAY spare) {
  jpeg_decompress_struct& cinfo = handle.cinfo;
  // Rows just above the window are decoded for real: upsampling looks at its neighbours, and the library's shortcut is
  // exact only away from where it stops.
  const std::int64_t margin = 4LL * cinfo.max_v_samp_factor * DCTSIZE;
  if (row > 2 * margin && cinfo.scale_denom == 1)
    (void)jpeg_skip_scanlines(&cinfo, static_cast<JDIMENSION>(row - margin));
  while (cinfo.output_scanline < row) (void)jpeg_read_scanlines(&cinfo, spare, 1);
}

Status Decoder::read_window(Decompressor& handle, DecodeJob& job, Scratch& scratch) {
  jpeg_decompress_struct& cinfo = handle.cinfo;
  const Rect columns{0, 0, cinfo.output_width, cinfo.output_height};
  const Rect& window = job.request.window;
  const ImageSpec& native = job.plan.native;
  const std::size_t pixel = native.channels;
  const std::size_t row_bytes = static_cast<std::size_t>(columns.width) * pixel;
  const bool invert = inverted(job);
  const bool straight = job.sink.direct() && !invert && window.x == 0 && window.width == columns.width;
  const bool planar_one = native.channels == 1 || !job.sink.direct() || !job.sink.direct_view().spec.planar();
  const std::span<JSAMPLE> band =
      straight && planar_one && window.y == 0 ? std::span<JSAMPLE>() : scratch.take<JSAMPLE>(row_bytes * kRowsACall);
  if (band.data() == nullptr && !(straight && window.y == 0))
    return fail(Errc::out_of_memory, "no memory for a band of rows");

  std::array<JSAMPROW, kRowsACall> rows{};
  for (std::size_t i = 0; i < kRowsACall && !band.empty(); ++i) rows[i] = band.data() + i * row_bytes;
  return guarded(handle.errors, [&] {
    skip_to(handle, window.y, rows.data());
    job.wrote = true;
    for (std::int64_t y = 0; y < window.height;) {
      const auto count = static_cast<JDIMENSION>(std::min<std::int64_t>(kRowsACall, window.height - y));
      if (straight)
        for (JDIMENSION i = 0; i < count; ++i)
          rows[i] = reinterpret_cast<JSAMPROW>(job.sink.direct_view().at(0, y + i));
      JDIMENSION got = 0;
      while (got < count) got += jpeg_read_scanlines(&cinfo, rows.data() + got, count - got);
      if (!straight) {
        if (invert)
          for (JSAMPLE& sample : band.first(row_bytes * count)) sample = static_cast<JSAMPLE>(255 - sample);
        const auto* first =
            reinterpret_cast<const std::byte*>(band.data()) + static_cast<std::size_t>(window.x - columns.x) * pixel;
        job.sink.put_interleaved({0, y, window.width, count}, first, static_cast<std::ptrdiff_t>(row_bytes));
      }
      y += count;
    }
  });
}

// Starts libjpeg's stages for the job, unless the handle is still started for a picture like it.
Status Decoder::prepare(DecodeHandle& handle, const DecodeJob& job) const {
  const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
  const ImageSpec& spec = job.request.info().spec;
  const StageSetup setup{spec.width,
                         spec.height,
                         headers.components,
                         headers.component,
                         headers.first.quant,
                         spec.color,
                         layout_for(spec, job.request.wanted).space,
                         job.request.reduce};
  if (handle.started && handle.setup == setup) return {};
  handle.started = false;
  handle.libjpeg.begin(job.request.bytes);
  RESTRIDE_TRY(guarded(handle.libjpeg.errors, [&] { start(handle.libjpeg, job); }));
  handle.setup = setup;
  handle.started = true;
  return {};
}

// Several threads, each with a handle of its own. The topmost damage is the one to tell.
Status Decoder::decode_bands(DecodeJob& job, std::size_t bands, Context& context) {
  std::array<Status, kMaxBands> statuses;
  context.executor.for_each(bands, [&](std::size_t i) {
    auto handle = handles_.lease();
    auto scratch = context.scratch.lease();
    const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
    const ImageSpec& spec = job.request.info().spec;
    (void)handle->scan.prepare(headers, spec.width, spec.height);  // as it was for the caller
    statuses[i] = prepare(*handle, job);
    if (statuses[i])
      statuses[i] = decode_rows(*handle, job, band_rows(*handle, job, i, bands), inverted(job), *scratch);
    scratch->reset();
  });
  for (std::size_t i = 0; i < bands; ++i) RESTRIDE_TRY(std::move(statuses[i]));
  return {};
}

Status Decoder::decode_one(DecodeJob& job, Scratch& scratch, Context& context) {
  std::size_t bands = 1;
  {
    auto handle = handles_.lease();
    const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
    const ImageSpec& spec = job.request.info().spec;
    // Without fancy upsampling libjpeg merges it with colour conversion, in a stage of another kind.
    if (own_stages_ && fancy_ && handle->scan.prepare(headers, spec.width, spec.height)) {
      RESTRIDE_TRY(prepare(*handle, job));
      job.wrote = true;
      bands = band_count(*handle, job, context);
      if (bands == 1) {
        const Rect& window = job.request.window;
        return decode_rows(*handle, job, {window.y, window.bottom()}, inverted(job), scratch);
      }
    } else {
      return decode_by_libjpeg(*handle, job, scratch);
    }
  }
  return decode_bands(job, bands, context);
}

// libjpeg takes the coefficients of a component that no scan holds for zeros.
Status check_scans(const jpeg_decompress_struct& cinfo, std::uint64_t end) {
  for (int i = 0; i < cinfo.num_components; ++i) {
    const bool there = cinfo.progressive_mode ? cinfo.coef_bits[i][0] >= 0 : cinfo.comp_info[i].quant_table != nullptr;
    if (!there) return fail_at(Errc::truncated, end, "no scan holds component %d of the picture", i);
  }
  return {};
}

Status Decoder::decode_by_libjpeg(DecodeHandle& pooled, DecodeJob& job, Scratch& scratch) {
  Decompressor* handle = &pooled.libjpeg;
  pooled.started = false;
  handle->begin(job.request.bytes);
  Status status = guarded(handle->errors, [&] { start(*handle, job); });
  if (status) status = read_window(*handle, job, scratch);
  // With several scans the coefficients of a missing one are silently zero: an end without EOI is no picture then.
  const bool several = handle->cinfo.progressive_mode || handle->cinfo.input_scan_number > 1;
  if (status && handle->source.hit_end && several)
    status = fail_at(Errc::truncated, job.request.bytes.size(), "the file ends before its last scan");
  if (status && several) status = check_scans(handle->cinfo, job.request.bytes.size());
  jpeg_abort_decompress(&handle->cinfo);
  return status;
}

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions& options) {
  return std::make_unique<Decoder>(option_value(options.options, "libjpeg_turbo_decoder", "fancy_upsampling", 1) != 0);
}

}  // namespace restride::jpeg
