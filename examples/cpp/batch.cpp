// SPDX-License-Identifier: Apache-2.0
// A batch of streams into a batch of images, one of them damaged: the others are not touched by that.
#include <vector>

#include "sample.h"

int main() {
  using namespace restride;
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
  std::vector<CodeStream> streams;
  for (std::uint32_t i = 0; i < 8; ++i)
    streams.push_back(value_of(encoder.encode(gradient(64 + i, 48), i % 2 ? "png" : "jpeg")));
  streams[5] = value_of(CodeStream::borrow(streams[5].bytes().first(100)));

  std::vector<Image> images(streams.size());
  std::vector<const CodeStream*> in;
  std::vector<Image*> out;
  for (std::size_t i = 0; i < streams.size(); ++i) in.push_back(&streams[i]), out.push_back(&images[i]);
  std::vector<Status> statuses(streams.size());
  decoder.decode(in, out, statuses);
  std::size_t failed = 0;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i]) continue;
    std::printf("image %zu: %s\n", i, statuses[i].error().describe().c_str());
    ++failed;
  }
  return failed == 1 && !statuses[5] ? 0 : 1;
}
