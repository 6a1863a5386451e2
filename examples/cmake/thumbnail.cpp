// SPDX-License-Identifier: Apache-2.0
// usage: thumbnail IN OUT: the picture halved until it is at most 256 x 256, in the format that OUT's extension names.
// Without arguments: a picture made here, for trying.
#include <restride/restride.h>

#include <cstdio>

namespace {

restride::Status run(const restride::CodeStream& in, const char* out) {
  auto decoder = restride::Decoder::create();
  if (!decoder) return decoder.error();
  restride::DecodeParams params;
  params.fit_width = params.fit_height = 256;
  const auto image = decoder->decode(in, params);
  if (!image) return image.error();
  std::printf("restride %s: %u x %u\n", restride::version(), image->spec().width, image->spec().height);
  auto encoder = restride::Encoder::create();
  if (!encoder) return encoder.error();
  return encoder->write(out, *image);
}

restride::Result<restride::CodeStream> sample() {
  restride::Image image;
  restride::ImageSpec spec;
  spec.width = spec.height = 512;
  spec.channels = 3;
  spec.format = restride::SampleFormat::i_rgb;
  spec.color = restride::ColorSpec::srgb;
  if (auto made = image.ensure(spec); !made) return made.error();
  for (std::uint32_t y = 0; y < spec.height; ++y)
    for (std::uint32_t x = 0; x < spec.width; ++x)
      for (std::uint32_t c = 0; c < spec.channels; ++c) *image.view().at(x, y, c) = std::byte(c ? y / 2 : x / 2);
  auto encoder = restride::Encoder::create();
  if (!encoder) return encoder.error();
  auto encoded = encoder->encode(image, "jpeg");
  if (!encoded) return encoded.error();
  return restride::CodeStream::borrow(encoded->bytes(), std::make_shared<restride::CodeStream>(*encoded));
}

}  // namespace

int main(int argc, char** argv) {
  auto in = argc == 3 ? restride::CodeStream::open(argv[1]) : sample();
  const restride::Status status = in ? run(*in, argc == 3 ? argv[2] : "thumbnail.png") : restride::Status(in.error());
  if (!status) std::fprintf(stderr, "%s\n", status.error().describe().c_str());
  return status ? 0 : 1;
}
