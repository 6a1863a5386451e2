// SPDX-License-Identifier: Apache-2.0
// One picture in every format, and what the parameters do.
#include "sample.h"

int main() {
  using namespace restride;
  Encoder encoder = value_of(Encoder::create());
  const Image picture = gradient(512, 384);

  for (const char* codec : {"jpeg", "jpeg2k", "tiff", "png", "webp", "bmp", "pnm"}) {
    const CodeStream stream = value_of(encoder.encode(picture, codec));
    std::printf("%-7s %7llu bytes\n", codec, static_cast<unsigned long long>(stream.size()));
  }

  EncodeParams params;
  params.quality_type = QualityType::quality;
  std::uint64_t before = 0;
  for (int quality : {40, 70, 95}) {
    params.quality_value = quality;
    params.subsampling = ChromaSubsampling::css_420;
    const CodeStream stream = value_of(encoder.encode(picture, "jpeg", params));
    std::printf("JPEG quality %d: %llu bytes\n", quality, static_cast<unsigned long long>(stream.size()));
    if (stream.size() <= before) return 1;
    before = stream.size();
  }

  check(encoder.write("encoded.tif", picture));  // the codec from the extension; complete or not there at all
  const auto refused = encoder.encode(picture, "gif");
  if (refused) return 1;
  std::printf("%s\n", refused.error().describe().c_str());
  return 0;
}
