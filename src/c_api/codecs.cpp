// SPDX-License-Identifier: Apache-2.0
// Decoders, encoders, and codecs from outside.
#include <string>

#include "c_api/handles.h"

namespace restride::c_api {
namespace {

restride_options default_options() {
  restride_options o{};
  o.struct_size = sizeof o;
  o.device = RESTRIDE_CURRENT_DEVICE;
  o.exact = 1;
  return o;
}

restride_decode_params default_decode_params() {
  const DecodeParams d;
  restride_decode_params p{};
  p.struct_size = sizeof p;
  p.apply_exif_orientation = d.apply_exif_orientation;
  p.color = static_cast<std::int32_t>(d.color);
  p.format = static_cast<std::int32_t>(d.format);
  p.max_pixels = d.limits.max_pixels;
  p.max_memory = d.limits.max_memory;
  return p;
}

restride_encode_params default_encode_params() {
  const EncodeParams d;
  restride_encode_params p{};
  p.struct_size = sizeof p;
  p.color = static_cast<std::int32_t>(d.color);
  p.subsampling = -1;
  p.jpeg2k_code_block[0] = d.jpeg2k.code_block_size[0];
  p.jpeg2k_code_block[1] = d.jpeg2k.code_block_size[1];
  p.jpeg2k_resolutions = d.jpeg2k.num_resolutions;
  p.jpeg2k_bitstream = static_cast<std::int32_t>(d.jpeg2k.bitstream);
  p.jpeg2k_progression = static_cast<std::int32_t>(d.jpeg2k.progression);
  return p;
}

// Sets the caller's structure, of the size that the caller knows, to defaults.
template <class T>
void init(T* to, std::size_t size, T defaults) noexcept {
  if (!to || size < sizeof(std::size_t)) return;
  defaults.struct_size = size;
  if (size > sizeof(T)) std::memset(to, 0, size);
  std::memcpy(to, &defaults, std::min(size, sizeof(T)));
}

bool within(std::int32_t value, std::int32_t low, std::int32_t high) noexcept { return value >= low && value <= high; }

Result<CodecOptions> options_of(const restride_options* given, std::unique_ptr<CallersThreads>& threads) {
  RESTRIDE_ASSIGN(const restride_options o, completed(given, default_options()));
  CodecOptions options;
  options.device = o.device;
  options.max_threads = o.max_threads;
  options.exact = o.exact != 0;
  if (o.options) options.options = o.options;
  for (std::uint32_t i = 0; i < o.num_backends; ++i) {
    if (!within(o.backends[i], 1, 4)) return refusal("a backend is a restride::BackendKind, 1 to 4");
    options.backends.push_back({static_cast<BackendKind>(o.backends[i])});
  }
  if (o.executor) {
    RESTRIDE_ASSIGN(const restride_executor functions, completed(o.executor, restride_executor{}));
    if (!functions.run || !functions.concurrency) return refusal("an executor needs run and concurrency");
    threads = std::make_unique<CallersThreads>(functions);
    options.executor = threads.get();
  }
  return options;
}

Result<DecodeParams> params_of(const restride_decode_params* given) {
  RESTRIDE_ASSIGN(const restride_decode_params p, completed(given, default_decode_params()));
  if (!within(p.color, 0, static_cast<int>(ColorSpec::ycck))) return refusal("this color cannot be decoded to");
  if (!within(p.format, 1, RESTRIDE_I_CMYK)) return refusal("this format cannot be decoded to");
  if (p.reduce > 32) return refusal("reduce is at most 32");
  DecodeParams out;
  out.apply_exif_orientation = p.apply_exif_orientation != 0;
  out.color = static_cast<ColorSpec>(p.color);
  out.format = static_cast<SampleFormat>(p.format);
  out.allow_any_depth = p.allow_any_depth != 0;
  out.reduce = static_cast<std::uint8_t>(p.reduce);
  out.fit_width = p.fit_width;
  out.fit_height = p.fit_height;
  out.exact_shape = p.exact_shape != 0;
  out.color_managed = p.color_managed != 0;
  out.limits = {p.max_pixels, p.max_memory};
  return out;
}

Result<EncodeParams> params_of(const restride_encode_params* given) {
  RESTRIDE_ASSIGN(const restride_encode_params p, completed(given, default_encode_params()));
  if (!within(p.quality_type, 0, RESTRIDE_QUALITY_SIZE_RATIO)) return refusal("quality_type is not known");
  if (!within(p.color, 0, static_cast<int>(ColorSpec::ycck))) return refusal("this color cannot be encoded to");
  if (!within(p.subsampling, -1, static_cast<int>(ChromaSubsampling::css_410v)))
    return refusal("subsampling is not known");
  if (!within(p.jpeg2k_bitstream, 0, 1) || !within(p.jpeg2k_progression, 0, 4) || !within(p.tiff_compression, 0, 3))
    return refusal("jpeg2k_bitstream, jpeg2k_progression or tiff_compression is not known");
  EncodeParams out;
  out.quality_type = static_cast<QualityType>(p.quality_type);
  out.quality_value = p.quality_value;
  out.color = static_cast<ColorSpec>(p.color);
  if (p.subsampling >= 0) out.subsampling = static_cast<ChromaSubsampling>(p.subsampling);
  out.jpeg = {p.jpeg_progressive != 0, p.jpeg_optimized_huffman != 0};
  out.jpeg2k.code_block_size = {p.jpeg2k_code_block[0], p.jpeg2k_code_block[1]};
  out.jpeg2k.num_resolutions = p.jpeg2k_resolutions;
  out.jpeg2k.bitstream = static_cast<Jpeg2kBitstream>(p.jpeg2k_bitstream);
  out.jpeg2k.progression = static_cast<Jpeg2kProgression>(p.jpeg2k_progression);
  out.jpeg2k.mct_mode = p.jpeg2k_mct != 0;
  out.jpeg2k.ht = p.jpeg2k_ht != 0;
  out.tile_width = p.tile_width;
  out.tile_height = p.tile_height;
  out.tiff_compression = static_cast<TiffCompression>(p.tiff_compression);
  return out;
}

// The statuses of a call to the caller; the first failure's code.
std::int32_t settle(std::span<const Status> statuses, restride_error* errors) noexcept {
  std::int32_t code = RESTRIDE_OK;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const std::int32_t one = report(errors ? errors + i : nullptr, statuses[i]);
    if (code == RESTRIDE_OK) code = one;
  }
  return code;
}

// A call that did not come about: the same for every picture.
std::int32_t refuse_all(std::size_t n, restride_error* errors, const Error& why) noexcept {
  for (std::size_t i = 0; errors && i < n; ++i) report(errors + i, why);
  return report(nullptr, why);
}

template <class F>
std::int32_t guarded_batch(std::size_t n, restride_error* errors, F&& work) noexcept {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return refuse_all(n, errors, {Errc::out_of_memory, {}, Error::kNoOffset});
  } catch (const std::exception&) {
    return refuse_all(n, errors, {Errc::internal, {}, Error::kNoOffset});
  }
}

}  // namespace
}  // namespace restride::c_api

using namespace restride;
using namespace restride::c_api;

void restride_init_options(restride_options* options, size_t struct_size) {
  init(options, struct_size, default_options());
}
void restride_init_decode_params(restride_decode_params* params, size_t struct_size) {
  init(params, struct_size, default_decode_params());
}
void restride_init_encode_params(restride_encode_params* params, size_t struct_size) {
  init(params, struct_size, default_encode_params());
}

int32_t restride_decoder_create(const restride_options* options, restride_decoder** decoder, restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!decoder) return refusal("there is no place for the result");
    *decoder = nullptr;
    std::unique_ptr<CallersThreads> threads;
    RESTRIDE_ASSIGN(const CodecOptions wanted, options_of(options, threads));
    RESTRIDE_ASSIGN(Decoder made, Decoder::create(wanted));
    *decoder = new restride_decoder{std::move(threads), std::move(made), {}};
    return {};
  });
}

int32_t restride_decode(restride_decoder* decoder, size_t n, const restride_stream* const* in,
                        restride_image* const* out, const restride_decode_params* params,
                        const restride_cuda_stream* stream, restride_error* errors) {
  return guarded_batch(n, errors, [&] {
    if (!decoder || (n && (!in || !out))) return refuse_all(n, errors, refusal("decoder, in or out is NULL"));
    const auto wanted = params_of(params);
    if (!wanted) return refuse_all(n, errors, wanted.error());
    auto space = decoder->spaces.lease();
    space->in.resize(n);
    space->out.resize(n);
    space->statuses.assign(n, Status());
    for (std::size_t i = 0; i < n; ++i) {
      space->in[i] = in[i] ? &in[i]->stream : nullptr;
      space->out[i] = out[i] ? &out[i]->image : nullptr;
    }
    decoder->decoder.decode(space->in, space->out, space->statuses, *wanted, stream_of(stream));
    return settle(space->statuses, errors);
  });
}

void restride_decoder_destroy(restride_decoder* decoder) { delete decoder; }

int32_t restride_encoder_create(const restride_options* options, restride_encoder** encoder, restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!encoder) return refusal("there is no place for the result");
    *encoder = nullptr;
    std::unique_ptr<CallersThreads> threads;
    RESTRIDE_ASSIGN(const CodecOptions wanted, options_of(options, threads));
    RESTRIDE_ASSIGN(Encoder made, Encoder::create(wanted));
    *encoder = new restride_encoder{std::move(threads), std::move(made), {}};
    return {};
  });
}

int32_t restride_encode(restride_encoder* encoder, size_t n, const restride_image* const* in, const char* codec,
                        restride_stream* const* out, const restride_encode_params* params,
                        const restride_cuda_stream* stream, restride_error* errors) {
  return guarded_batch(n, errors, [&] {
    if (!encoder || !codec || (n && (!in || !out)))
      return refuse_all(n, errors, refusal("encoder, codec, in or out is NULL"));
    const auto wanted = params_of(params);
    if (!wanted) return refuse_all(n, errors, wanted.error());
    auto space = encoder->spaces.lease();
    space->in.resize(n);
    space->out.resize(n);
    space->statuses.assign(n, Status());
    for (std::size_t i = 0; i < n; ++i) {
      space->in[i] = in[i] ? &in[i]->image : nullptr;
      space->out[i] = out[i] ? &out[i]->stream : nullptr;
    }
    encoder->encoder.encode(space->in, codec, space->out, space->statuses, *wanted, stream_of(stream));
    return settle(space->statuses, errors);
  });
}

void restride_encoder_destroy(restride_encoder* encoder) { delete encoder; }

int32_t restride_synchronize(const restride_cuda_stream* stream, restride_error* error) {
  return guarded(error, [&] { return synchronize(stream_of(stream)); });
}

int32_t restride_register_codec(const restride_codec* codec, restride_error* error) {
  return guarded(error, [&] { return codec ? register_codec(*codec) : Status(refusal("there is no codec")); });
}

int32_t restride_unregister_codec(const char* name, restride_error* error) {
  return guarded(error, [&] { return unregister_codec(name ? name : ""); });
}

int32_t restride_load_codec_library(const char* path, restride_error* error) {
  return guarded(error, [&] { return load_codec_library(path ? path : ""); });
}
