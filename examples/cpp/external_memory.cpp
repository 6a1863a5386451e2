// SPDX-License-Identifier: Apache-2.0
// Decoding into a window of the caller's own canvas; its padding stays untouched.
#include <algorithm>
#include <vector>

#include "sample.h"

int main() {
  using namespace restride;
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  const CodeStream stream = value_of(encoder.encode(gradient(100, 80), "jpeg"));

  constexpr std::uint32_t kWidth = 160, kHeight = 120;
  std::vector<std::byte> canvas(kWidth * kHeight * 3, std::byte{7});
  const ImageSpec spec{kWidth, kHeight, 3, SampleType::u8, SampleFormat::i_rgb, ColorSpec::srgb, 8};
  Image window = value_of(Image::wrap(dense_view(canvas.data(), spec).crop({30, 20, 100, 80})));
  check(decoder.decode(stream, window));
  const auto untouched = std::count(canvas.begin(), canvas.begin() + 20 * kWidth * 3, std::byte{7});
  std::printf("rows of %td bytes, %td bytes of the first 20 rows untouched\n", window.view().row_stride, untouched);
  return window.view().row_stride == kWidth * 3 && untouched == 20 * kWidth * 3 ? 0 : 1;
}
