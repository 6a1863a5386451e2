// SPDX-License-Identifier: Apache-2.0
// Encoders: any image, any parameters. What was encoded decodes to its size again, and to its pixels where the format
// and the parameters are lossless. Pixels are read from memory that ends before a guard page.
#include "fuzz/fuzz.h"

using namespace restride;
using namespace restride::fuzz;

namespace {

constexpr const char* kCodecs[] = {"jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"};

ImageSpec draw_spec(Choices& choose) {
  constexpr SampleFormat kFormats[] = {SampleFormat::i_rgb,  SampleFormat::p_rgb,       SampleFormat::i_bgr,
                                       SampleFormat::i_rgba, SampleFormat::p_rgba,      SampleFormat::i_y,
                                       SampleFormat::i_ya,   SampleFormat::i_ycc,       SampleFormat::i_cmyk,
                                       SampleFormat::i_ycck, SampleFormat::p_y,         SampleFormat::p_cmyk,
                                       SampleFormat::p_bgr,  SampleFormat::i_unchanged, SampleFormat::p_unchanged};
  constexpr ColorSpec kColors[] = {ColorSpec::srgb, ColorSpec::gray, ColorSpec::sycc,
                                   ColorSpec::cmyk, ColorSpec::ycck, ColorSpec::unchanged};
  ImageSpec spec;
  spec.width = 1 + choose.byte() % 80;
  spec.height = 1 + choose.byte() % 60;
  spec.format = kFormats[choose.below(15)];
  const SampleFormat plain = interleaved(spec.format);
  spec.channels = channels_of(spec.format) ? channels_of(spec.format) : 1 + choose.below(6);
  const unsigned wild = choose.byte();
  spec.color = plain == SampleFormat::i_y || plain == SampleFormat::i_ya ? ColorSpec::gray
               : plain == SampleFormat::i_ycc                            ? ColorSpec::sycc
               : plain == SampleFormat::i_cmyk                           ? ColorSpec::cmyk
               : plain == SampleFormat::i_ycck                           ? ColorSpec::ycck
               : plain == SampleFormat::i_unchanged                      ? ColorSpec::unchanged
                                                                         : ColorSpec::srgb;
  if (wild > 240) spec.color = kColors[wild % 6];
  const unsigned type = choose.byte();
  spec.type = type < 160 ? SampleType::u8 : static_cast<SampleType>(type % 9);
  const unsigned bits = static_cast<unsigned>(8 * size_of(spec.type));
  spec.precision = static_cast<std::uint8_t>(choose.flag() ? 0 : 1 + choose.below(bits));
  return spec;
}

EncodeParams draw_encode(Choices& choose) {
  EncodeParams params;
  const unsigned how = choose.byte();
  params.quality_type = static_cast<QualityType>(how % 6);
  params.quality_value = how % 6 == 5 ? choose.byte() / 255.0 : choose.byte() % 110;
  if (choose.byte() > 200) params.color = choose.flag() ? ColorSpec::gray : ColorSpec::srgb;
  constexpr ChromaSubsampling kSamplings[] = {
      ChromaSubsampling::css_444, ChromaSubsampling::css_422, ChromaSubsampling::css_420,  ChromaSubsampling::css_440,
      ChromaSubsampling::css_411, ChromaSubsampling::css_410, ChromaSubsampling::css_gray, ChromaSubsampling::css_410v};
  const unsigned more = choose.byte();
  if (more & 1) params.subsampling = kSamplings[more >> 1 & 7];
  params.jpeg.progressive = more & 16;
  params.jpeg.optimized_huffman = more & 32;
  params.jpeg2k.ht = more & 64;
  params.jpeg2k.mct_mode = more >> 7;
  params.jpeg2k.bitstream = how & 64 ? Jpeg2kBitstream::jp2 : Jpeg2kBitstream::j2k;
  const unsigned j2k = choose.byte();
  params.jpeg2k.progression = static_cast<Jpeg2kProgression>(j2k % 5);
  params.jpeg2k.num_resolutions = j2k % 8;
  params.jpeg2k.code_block_size = {4U << (j2k >> 5), 4U << (j2k >> 3 & 3)};
  if (how > 128) params.tile_width = params.tile_height = 1 + choose.byte() % 70;
  params.tiff_compression = static_cast<TiffCompression>(j2k >> 2 & 3);
  return params;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Encoder encoder = *Encoder::create(with_threads(1));
  static Decoder decoder = *Decoder::create(with_threads(1));
  Choices choose(data, size);
  const char* codec = kCodecs[choose.below(7)];
  const ImageSpec spec = draw_spec(choose);
  const EncodeParams params = draw_encode(choose);
  PaddedImage source(spec, choose.below(40), std::byte{0});
  const std::span<const std::byte> bytes = choose.file();
  if (!bytes.empty()) {
    std::size_t at = 0;
    const ImageView& view = source.image().view();
    const unsigned planes = spec.planar() ? spec.channels : 1;
    for (unsigned c = 0; c < planes; ++c)
      for (std::uint32_t y = 0; y < spec.height; ++y)
        for (std::uint64_t x = 0; x < spec.row_bytes(); ++x)
          view.at(0, y, c)[x] = bytes[at % bytes.size()] ^ static_cast<std::byte>(at / bytes.size()), ++at;
  }
  CodeStream stream = *CodeStream::create();
  const Status status = encoder.encode(source.image(), codec, stream, params);
  if (!status) {
    FUZZ_CHECK(status.error().code == Errc::invalid_argument || status.error().code == Errc::unsupported, "%s: %s",
               codec, status.error().describe().c_str());
    FUZZ_CHECK(stream.size() == 0);
    return 0;
  }
  const test::GuardedBytes file(stream.bytes());
  const CodeStream parsed = *CodeStream::borrow(file.bytes());
  const auto info = parsed.info();
  FUZZ_CHECK(info.has_value(), "%s: %s", codec, info.error().describe().c_str());
  FUZZ_CHECK((*info)->spec.width == spec.width && (*info)->spec.height == spec.height);
  DecodeParams as_stored;
  as_stored.color = ColorSpec::unchanged;
  as_stored.allow_any_depth = true;
  Image back;
  const Status decoded = decoder.decode(parsed, back, as_stored);
  FUZZ_CHECK(decoded.ok(), "%s: %s", codec, decoded.error().describe().c_str());
  const CodeStream second = *encoder.encode(source.image(), codec, params);
  const bool repeatable = !params.jpeg2k.ht || std::strcmp(codec, "jpeg2k") != 0;
  FUZZ_CHECK(!repeatable || (second.size() == stream.size() &&
                             std::memcmp(second.bytes().data(), stream.bytes().data(), stream.size()) == 0),
             "%s: the same image gives another file", codec);
  const bool lossless = std::strcmp(codec, "png") == 0 || std::strcmp(codec, "bmp") == 0 ||
                        std::strcmp(codec, "pnm") == 0 || std::strcmp(codec, "tiff") == 0;
  const bool whole_samples = spec.precision == 0 && spec.color != ColorSpec::unchanged && !is_float(spec.type);
  if (!lossless || !whole_samples || params.color != ColorSpec::unchanged || spec.type != back.spec().type ||
      spec.channels != back.spec().channels || interleaved(spec.format) != back.spec().format)
    return 0;
  const std::size_t sample = size_of(spec.type);
  for (std::uint32_t y = 0; y < spec.height; ++y)
    for (std::uint32_t x = 0; x < spec.width; ++x)
      for (unsigned c = 0; c < spec.channels; ++c)
        FUZZ_CHECK(std::memcmp(source.image().view().at(x, y, c), back.view().at(x, y, c), sample) == 0,
                   "%s: another sample at %u, %u, %u", codec, x, y, c);
  return 0;
}
