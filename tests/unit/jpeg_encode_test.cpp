// SPDX-License-Identifier: Apache-2.0
// An Encoder keeps libjpeg's state between calls: what one call sets must not reach the next.
#include "unit/support/pictures.h"

namespace restride::test {
namespace {

EncodeParams kind_of(int kind, ChromaSubsampling subsampling) {
  EncodeParams params;
  params.quality_type = QualityType::quality;
  params.quality_value = 90;
  params.subsampling = subsampling;
  params.jpeg.progressive = kind == 1;
  params.jpeg.optimized_huffman = kind == 2;
  return params;
}

TEST(JpegEncode, EarlierCallsLeaveNothingBehind) {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = 1;
  Encoder kept = value_of(Encoder::create(options));
  Decoder decoder = value_of(Decoder::create(options));
  // Optimised tables of a small, smooth picture lack most codes of a larger one.
  const Image small = picture(24, 16), large = picture(369, 241, 13);
  for (const ChromaSubsampling subsampling :
       {ChromaSubsampling::css_444, ChromaSubsampling::css_420, ChromaSubsampling::css_gray})
    for (const int before : {0, 1, 2})
      for (const int now : {0, 1, 2}) {
        (void)value_of(kept.encode(small, "jpeg", kind_of(before, subsampling)));
        const CodeStream got = value_of(kept.encode(large, "jpeg", kind_of(now, subsampling)));
        Encoder fresh = value_of(Encoder::create(options));
        const CodeStream expected = value_of(fresh.encode(large, "jpeg", kind_of(now, subsampling)));
        EXPECT_EQ(bytes_of(got), bytes_of(expected)) << "kind " << now << " after " << before;
        EXPECT_TRUE(decoder.decode(got)) << "kind " << now << " after " << before;
      }
}

}  // namespace
}  // namespace restride::test
