// SPDX-License-Identifier: Apache-2.0
// A region that reaches outside the picture: what is outside gets the fill value.
#include "sample.h"

int main() {
  using namespace restride;
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  const CodeStream whole = value_of(encoder.encode(gradient(300, 200), "tiff"));

  CodeStreamView view;
  view.region = Region{{-10, 150, 100, 100}, {200, 200, 200}};  // columns -10 to 90, rows 150 to 250
  const Image part = value_of(decoder.decode(value_of(whole.sub(view))));
  std::printf("%u x %u\n", part.spec().width, part.spec().height);
  return part.view().at(0, 0)[0] == std::byte{200} && part.view().at(10, 0)[0] == std::byte{0} ? 0 : 1;
}
