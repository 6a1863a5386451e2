// SPDX-License-Identifier: Apache-2.0
// One Image and one CodeStream, used again and again.
#include "sample.h"

int main() {
  using namespace restride;
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  check(encoder.write("large.jpg", gradient(720, 720)));
  check(encoder.write("small.jp2", gradient(640, 475)));

  Image image;
  check(decoder.decode(value_of(CodeStream::open("large.jpg")), image));
  std::printf("JPEG:      size %llu capacity %llu\n", static_cast<unsigned long long>(image.size()),
              static_cast<unsigned long long>(image.capacity()));
  check(decoder.decode(value_of(CodeStream::open("small.jp2")), image));  // fits: the same memory
  std::printf("JPEG 2000: size %llu capacity %llu\n", static_cast<unsigned long long>(image.size()),
              static_cast<unsigned long long>(image.capacity()));
  if (image.size() != 912000 || image.capacity() != 1555200) return 1;

  CodeStream stream = value_of(CodeStream::create(1 << 20));
  for (std::uint32_t side : {100U, 400U, 200U}) {
    check(encoder.encode(gradient(side, side), "png", stream));
    std::printf("PNG %u: size %llu capacity %llu\n", side, static_cast<unsigned long long>(stream.size()),
                static_cast<unsigned long long>(stream.capacity()));
    if (stream.capacity() != 1 << 20) return 1;
  }
  return 0;
}
