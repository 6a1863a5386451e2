// SPDX-License-Identifier: Apache-2.0
// Part 1 through OpenJPEG, HT through OpenJPH.
#include <algorithm>
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/jpeg2000/jpeg2000.h"
#include "formats/jpeg2000/openjpeg_util.h"
#include "formats/jpeg2000/planes.h"
#include "formats/jpeg2000/quality.h"

namespace restride::jpeg2000 {
namespace {

// Decompositions, at most `wanted`, of tiles along one axis that never meet a single sample: OpenJPEG 2.5.0 asserts
// that its irreversible transform has two.
unsigned levels_along(std::uint64_t length, std::uint64_t tile, unsigned wanted) noexcept {
  for (std::uint64_t first = 0; first < length; first += tile) {
    const std::uint64_t end = std::min(first + tile, length);
    for (unsigned level = 0; level < wanted; ++level) {
      const std::uint64_t step = std::uint64_t{1} << level;
      if (ceil_div(end, step) - ceil_div(first, step) <= 1) wanted = level;
    }
  }
  return wanted;
}

// Resolutions that the picture (or its tiles) can have: the smallest side is halved down to 1 at most.
unsigned resolutions_for(const ImageSpec& spec, const EncodeParams& params) noexcept {
  std::uint32_t side = std::min(spec.width, spec.height);
  if (params.tile_width) side = std::min({side, params.tile_width, params.tile_height});
  const unsigned most =
      std::clamp<unsigned>(params.jpeg2k.num_resolutions, 1, static_cast<unsigned>(std::bit_width(side)));
  if (params.quality_type == QualityType::lossless) return most;
  const unsigned across = levels_along(spec.width, params.tile_width ? params.tile_width : spec.width, most - 1);
  return 1 + levels_along(spec.height, params.tile_height ? params.tile_height : spec.height, across);
}

Status check_quality(const EncodeParams& params) {
  const double v = params.quality_value;
  switch (params.quality_type) {
    case QualityType::quality:
      if (!(v >= 1 && v <= 100)) return fail(Errc::invalid_argument, "JPEG 2000 quality %g is outside 1 to 100", v);
      return {};
    case QualityType::psnr:
      if (!(v > 0 && v <= 200)) return fail(Errc::invalid_argument, "a PSNR of %g dB makes no sense", v);
      return {};
    case QualityType::size_ratio:
      if (!(v > 0 && v <= 1))
        return fail(Errc::invalid_argument, "size ratio %g is outside 0 to 1 (compressed size / raw size)", v);
      if (params.jpeg2k.ht)
        return fail(Errc::unsupported, "HT has no rate control: use QUALITY, PSNR or QUANTIZATION_STEP");
      return {};
    case QualityType::quantization_step:
      if (!(v > 0 && v < 1)) return fail(Errc::invalid_argument, "quantisation step %g is outside 0 to 1", v);
      if (!params.jpeg2k.ht)
        return fail(Errc::unsupported, "a quantisation step can only be set for HT (ht=True): use PSNR or QUALITY");
      return {};
    default:
      return {};
  }
}

Status check_params(const ImageSpec& input, const EncodeParams& params) {
  const Jpeg2kEncodeParams& p = params.jpeg2k;
  for (std::uint32_t side : p.code_block_size)
    if (!std::has_single_bit(side) || side < 4 || side > 1024)
      return fail(Errc::invalid_argument, "code-block side %u is no power of two from 4 to 1024", side);
  if (p.code_block_size[0] * p.code_block_size[1] > 4096)
    return fail(Errc::invalid_argument, "code-blocks of %u x %u have more than 4096 samples", p.code_block_size[0],
                p.code_block_size[1]);
  if (p.num_resolutions < 1 || p.num_resolutions > 33)
    return fail(Errc::invalid_argument, "num_resolutions %u is outside 1 to 33", p.num_resolutions);
  if (p.mct_mode > 1) return fail(Errc::invalid_argument, "mct_mode is 0 or 1");
  if (params.tile_width) {
    if (params.tile_width > input.width || params.tile_height > input.height)
      return fail(Errc::invalid_argument, "tiles of %u x %u are larger than the picture", params.tile_width,
                  params.tile_height);
    if (saturating_mul(ceil_div(input.width, params.tile_width), ceil_div(input.height, params.tile_height)) > 65535)
      return fail(Errc::invalid_argument, "tiles of %u x %u make more than the 65535 that JPEG 2000 can have",
                  params.tile_width, params.tile_height);
  }
  const bool css_ok = !params.subsampling || *params.subsampling == ChromaSubsampling::css_444 ||
                      *params.subsampling == ChromaSubsampling::css_gray;
  if (!css_ok) return fail(Errc::unsupported, "JPEG 2000 is encoded as 4:4:4 or gray");
  return check_quality(params);
}

OPJ_SIZE_T write_bytes(void* data, OPJ_SIZE_T n, void* self);
OPJ_OFF_T skip_bytes(OPJ_OFF_T n, void* self);
OPJ_BOOL seek_bytes(OPJ_OFF_T to, void* self);

// OpenJPEG goes back to fill in lengths: a position in the sink's bytes.
struct Output {
  ByteSink& sink;
  std::size_t position = 0;

  bool write(const void* data, std::size_t n) noexcept {
    const std::size_t inside = std::min(n, sink.size() - position);
    if (inside) std::memcpy(sink.data() + position, data, inside);
    if (inside < n && !sink.append(static_cast<const std::byte*>(data) + inside, n - inside)) return false;
    position += n;
    return true;
  }
  bool seek(std::uint64_t to) noexcept {
    if (to > sink.size()) {
      const std::size_t gap = static_cast<std::size_t>(to) - sink.size();
      std::byte* room = sink.reserve(gap);
      if (!room) return false;
      std::memset(room, 0, gap);
      sink.commit(gap);
    }
    position = static_cast<std::size_t>(to);
    return true;
  }
};

OPJ_SIZE_T write_bytes(void* data, OPJ_SIZE_T n, void* self) {
  return static_cast<Output*>(self)->write(data, n) ? n : static_cast<OPJ_SIZE_T>(-1);
}
OPJ_OFF_T skip_bytes(OPJ_OFF_T n, void* self) {
  auto& out = *static_cast<Output*>(self);
  return n >= 0 && out.seek(out.position + static_cast<std::uint64_t>(n)) ? n : -1;
}
OPJ_BOOL seek_bytes(OPJ_OFF_T to, void* self) {
  return to >= 0 && static_cast<Output*>(self)->seek(static_cast<std::uint64_t>(to)) ? OPJ_TRUE : OPJ_FALSE;
}

OpjImage make_image(EncodeJob& job, Scratch& scratch) {
  const ImageSpec& spec = job.plan.wanted;
  const bool is_signed = restride::is_signed(spec.type);
  opj_image_cmptparm_t components[4] = {};
  for (std::uint32_t c = 0; c < spec.channels; ++c) {
    components[c].dx = components[c].dy = 1;
    components[c].w = spec.width;
    components[c].h = spec.height;
    components[c].prec = spec.bits();
    components[c].sgnd = is_signed;
  }
  const OPJ_COLOR_SPACE color = spec.channels < 3               ? OPJ_CLRSPC_GRAY
                                : spec.color == ColorSpec::sycc ? OPJ_CLRSPC_SYCC
                                                                : OPJ_CLRSPC_SRGB;
  OpjImage image(opj_image_create(spec.channels, components, color));
  ImageSpec row_spec = spec;
  row_spec.format = planar(spec.format);
  row_spec.type = is_signed ? SampleType::i32 : SampleType::u32;
  row_spec.height = 1;
  const auto row = scratch.take<std::int32_t>(std::size_t{spec.width} * spec.channels);
  if (!image || !row.data()) return nullptr;
  image->x1 = spec.width;
  image->y1 = spec.height;
  if (spec.channels == 2 || spec.channels == 4) image->comps[spec.channels - 1].alpha = 1;
  const ImageView to = dense_view(reinterpret_cast<std::byte*>(row.data()), row_spec);
  for (std::int64_t y = 0; y < spec.height; ++y) {
    job.source.get({0, y, spec.width, 1}, to);
    for (std::uint32_t c = 0; c < spec.channels; ++c)
      std::memcpy(image->comps[c].data + y * spec.width, row.data() + std::size_t{c} * spec.width,
                  std::size_t{spec.width} * 4);
  }
  return image;
}

void set_parameters(const ImageSpec& spec, const EncodeParams& params, opj_cparameters_t& p) noexcept {
  opj_set_default_encoder_parameters(&p);
  p.numresolution = static_cast<int>(resolutions_for(spec, params));
  p.cblockw_init = static_cast<int>(params.jpeg2k.code_block_size[0]);
  p.cblockh_init = static_cast<int>(params.jpeg2k.code_block_size[1]);
  p.prog_order = static_cast<OPJ_PROG_ORDER>(params.jpeg2k.progression);
  p.tcp_mct = params.jpeg2k.mct_mode == 1 && spec.channels >= 3 ? 1 : 0;
  p.tcp_numlayers = 1;
  p.irreversible = params.quality_type != QualityType::lossless;
  if (params.quality_type == QualityType::lossless) {
    p.cp_disto_alloc = 1;
    p.tcp_rates[0] = 0;
  } else if (params.quality_type == QualityType::size_ratio) {
    p.cp_disto_alloc = 1;
    p.tcp_rates[0] = static_cast<float>(1 / params.quality_value);
  } else {
    p.cp_fixed_quality = 1;
    p.tcp_distoratio[0] = static_cast<float>(target_psnr(params));
  }
  if (params.tile_width) {
    p.tile_size_on = OPJ_TRUE;
    p.cp_tdx = static_cast<int>(params.tile_width);
    p.cp_tdy = static_cast<int>(params.tile_height);
  }
}

class Encoder final : public ImageEncoder {
 public:
  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    RESTRIDE_TRY(check_params(input, params));
    const bool type_ok = input.type == SampleType::u8 || input.type == SampleType::u16 || input.type == SampleType::i16;
    if (!type_ok) return fail(Errc::unsupported, "JPEG 2000 encoding takes uint8, uint16 or int16 samples");
    EncodePlan plan;
    plan.wanted = input;
    plan.wanted.precision = static_cast<std::uint8_t>(input.bits());  // stays when samples are widened to 32 bits
    const bool gray =
        params.color == ColorSpec::gray || (params.subsampling && *params.subsampling == ChromaSubsampling::css_gray);
    if (params.jpeg2k.mct_mode == 1 && (gray || input.color != ColorSpec::srgb || input.channels < 3))
      return fail(Errc::invalid_argument, "mct_mode=1 needs sRGB in and out");
    const SampleFormat plain = interleaved(input.format);
    switch (gray ? 1 : input.channels) {
      case 1:
        plan.wanted.format = SampleFormat::i_y;
        break;
      case 2:
        plan.wanted.format = SampleFormat::i_ya;
        break;
      case 3:
        plan.wanted.format = plain == SampleFormat::i_ycc ? plain : SampleFormat::i_rgb;
        break;
      case 4:
        plan.wanted.format = SampleFormat::i_rgba;
        break;
      default:
        return fail(Errc::unsupported, "JPEG 2000 encoding takes 1 to 4 channels, not %u", input.channels);
    }
    plan.wanted.channels = channels_of(plan.wanted.format);
    plan.wanted.color = plan.wanted.channels < 3                    ? ColorSpec::gray
                        : plan.wanted.format == SampleFormat::i_ycc ? ColorSpec::sycc
                                                                    : ColorSpec::srgb;
#if !defined(RESTRIDE_HAVE_OPENJPH)
    if (params.jpeg2k.ht)
      return fail(Errc::unsupported, "HTJ2K encoding needs OpenJPH, which this build was made without");
#endif
    plan.cost = static_cast<double>(input.width) * input.height * input.channels * (params.jpeg2k.ht ? 10 : 60);
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) override {
    return job.params->jpeg2k.ht ? encode_ht(job, scratch) : encode_part1(job, scratch, context);
  }

 private:
  static Status encode_ht(EncodeJob& job, Scratch& scratch) {
    const ImageSpec& spec = job.plan.wanted;
    const bool jp2 = job.params->jpeg2k.bitstream == Jpeg2kBitstream::jp2;
    const std::size_t start = job.sink->size();
    if (jp2 && !write_jp2_boxes(*job.sink, spec, 0))
      return fail(Errc::out_of_memory, "no memory for the encoded picture");
    RESTRIDE_TRY(encode_openjph(job, scratch, resolutions_for(spec, *job.params) - 1));
    if (!jp2) return {};
    // The box's length is known only now.
    const std::uint64_t content = job.sink->size() - start - jp2_boxes_size(spec);
    store(job.sink->data() + start + jp2_boxes_size(spec) - 8,
          content + 8 > 0xffffffffU ? 0U : static_cast<std::uint32_t>(content + 8), std::endian::big);
    return {};
  }

  static Status encode_part1(EncodeJob& job, Scratch& scratch, Context& context) {
    const ImageSpec& spec = job.plan.wanted;
    const OpjImage image = make_image(job, scratch);
    const Codec codec(
        opj_create_compress(job.params->jpeg2k.bitstream == Jpeg2kBitstream::jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
    const OpjStream stream(opj_stream_create(std::size_t{64} << 10, OPJ_FALSE));
    if (!image || !codec || !stream) return fail(Errc::out_of_memory, "no memory for OpenJPEG");
    Messages messages;
    messages.install(codec.get());
    Output output{*job.sink};
    opj_stream_set_write_function(stream.get(), write_bytes);
    opj_stream_set_skip_function(stream.get(), skip_bytes);
    opj_stream_set_seek_function(stream.get(), seek_bytes);
    opj_stream_set_user_data(stream.get(), &output, nullptr);
    opj_cparameters_t parameters;
    set_parameters(spec, *job.params, parameters);
    if (!opj_setup_encoder(codec.get(), &parameters, image.get()))
      return fail(Errc::invalid_argument, "OpenJPEG: %s", messages.or_default("these parameters are refused"));
    if (context.executor.concurrency() > 1)
      (void)opj_codec_set_threads(codec.get(), static_cast<int>(context.executor.concurrency()));
    if (!opj_start_compress(codec.get(), image.get(), stream.get()) || !opj_encode(codec.get(), stream.get()) ||
        !opj_end_compress(codec.get(), stream.get()))
      return fail(Errc::out_of_memory, "OpenJPEG: %s", messages.or_default("encoding failed"));
    return {};
  }
};

}  // namespace

// I.5: signature, file type, header (ihdr, colr, cdef for alpha), and the codestream box's header with length 0.
std::size_t jp2_boxes_size(const ImageSpec& spec) noexcept {
  const bool alpha = spec.channels == 2 || spec.channels == 4;
  return 12 + 20 + 8 + 22 + 15 + (alpha ? 10U + 6 * spec.channels : 0U) + 8;
}

bool write_jp2_boxes(ByteSink& sink, const ImageSpec& spec, std::uint64_t) {
  const bool alpha = spec.channels == 2 || spec.channels == 4;
  const std::size_t size = jp2_boxes_size(spec);
  std::byte* at = sink.reserve(size);
  if (!at) return false;
  const auto put = [&](auto value) {
    store(at, value, std::endian::big);
    at += sizeof value;
  };
  const auto text = [&](const char(&name)[5]) {
    std::memcpy(at, name, 4);
    at += 4;
  };
  put(std::uint32_t{12}), text("jP  "), put(std::uint32_t{0x0d0a870a});
  put(std::uint32_t{20}), text("ftyp"), text("jph "), put(std::uint32_t{0}), text("jph ");
  const std::uint32_t cdef = alpha ? 10 + 6 * spec.channels : 0;
  put(std::uint32_t{8 + 22 + 15 + cdef}), text("jp2h");
  const auto depth = static_cast<std::uint8_t>((spec.bits() - 1) | (is_signed(spec.type) ? 128 : 0));
  put(std::uint32_t{22}), text("ihdr"), put(spec.height), put(spec.width),
      put(static_cast<std::uint16_t>(spec.channels)), put(depth);
  put(std::uint8_t{7}), put(std::uint8_t{0}), put(std::uint8_t{0});
  const std::uint32_t color = spec.channels < 3 ? 17 : spec.color == ColorSpec::sycc ? 18 : 16;
  put(std::uint32_t{15}), text("colr"), put(std::uint8_t{1}), put(std::uint8_t{0}), put(std::uint8_t{0}), put(color);
  if (alpha) {
    put(cdef), text("cdef"), put(static_cast<std::uint16_t>(spec.channels));
    for (std::uint16_t c = 0; c < spec.channels; ++c) {
      const bool last = c + 1U == spec.channels;
      put(c), put(static_cast<std::uint16_t>(last)), put(static_cast<std::uint16_t>(last ? 0 : c + 1));
    }
  }
  put(std::uint32_t{0}), text("jp2c");
  sink.commit(size);
  return true;
}

std::unique_ptr<FormatEncoder> make_encoder(const CodecOptions&) { return std::make_unique<Encoder>(); }

}  // namespace restride::jpeg2000
