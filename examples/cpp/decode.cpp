// SPDX-License-Identifier: Apache-2.0
// What a file is, before and after decoding it: decode FILE; without a file it makes one.
#include "sample.h"

int main(int argc, char** argv) {
  using namespace restride;
  std::string path = "sample.png";
  if (argc > 1)
    path = argv[1];
  else
    check(value_of(Encoder::create()).write(path, gradient(320, 200)));

  const CodeStream stream = value_of(CodeStream::open(path));
  const ImageInfo* info = value_of(stream.info());  // headers only: nothing is decoded
  std::printf("%s: %s, %u x %u, %u channels of %u bits, %u image(s)\n", path.c_str(),
              std::string(value_of(stream.codec())).c_str(), info->spec.width, info->spec.height, info->spec.channels,
              info->spec.bits(), value_of(stream.num_images()));

  Decoder decoder = value_of(Decoder::create());
  DecodeParams params;
  params.color = ColorSpec::gray;
  const Image image = value_of(decoder.decode(stream, params));
  std::uint64_t sum = 0;
  for (std::uint32_t y = 0; y < image.spec().height; ++y)
    for (std::uint32_t x = 0; x < image.spec().width; ++x) sum += std::to_integer<unsigned>(*image.view().at(x, y));
  const double mean = static_cast<double>(sum) / static_cast<double>(image.size());
  std::printf("in gray: %llu bytes, mean %.1f\n", static_cast<unsigned long long>(image.size()), mean);

  const auto missing = CodeStream::open("no such file.png");  // an error is a value with its reason
  if (missing) return 1;
  std::printf("%s\n", missing.error().describe().c_str());
  return argc > 1 || (mean > 100 && mean < 150) ? 0 : 1;
}
