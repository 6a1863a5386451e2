// SPDX-License-Identifier: Apache-2.0
// All decoders; RESTRIDE_FUZZ_FORMAT says which one a target is for. Whole pictures, regions and reduced ones in any
// output format go into padded memory that ends before a guard page, from a stream that does too. A second decode, over
// memory that held something else, must end alike.
#include "formats/table.h"
#include "fuzz/fuzz.h"

using namespace restride;
using namespace restride::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Decoder decoder = *Decoder::create(with_threads(1));
  static const Format* const format = find_format(RESTRIDE_FUZZ_FORMAT);
  Choices choose(data, size);
  if (choose.file().empty() || !format->probe(choose.file())) return 0;
  const test::GuardedBytes bytes(choose.file());
  const CodeStream stream = *CodeStream::borrow(bytes.bytes());
  if (const auto info = stream.info(); !info) {
    check_error(info.error(), bytes.size());
    return 0;
  }
  const DecodeParams params = draw_decode(choose);
  const CodeStream view = draw_view(choose, stream);
  const auto spec = decoder.output_spec(view, params);
  if (!spec) {
    check_error(spec.error(), bytes.size());
    Image image;
    FUZZ_CHECK(!decoder.decode(view, image, params) && image.empty());
    return 0;
  }
  const std::size_t padding = choose.below(70);
  PaddedImage first(*spec, padding, std::byte{0x5a}), second(*spec, padding, std::byte{0xa5});
  const Status status = decoder.decode(view, first.image(), params);
  first.check_padding();
  if (!status) check_error(status.error(), bytes.size());
  const Status again = decoder.decode(view, second.image(), params);
  second.check_padding();
  FUZZ_CHECK(status.ok() == again.ok(), "%s", (status ? again : status).error().describe().c_str());
  if (status)
    FUZZ_CHECK(first.same_pixels(second), "pixels depend on what the memory held before");
  else
    FUZZ_CHECK(status.error().code == again.error().code);
  return 0;
}
