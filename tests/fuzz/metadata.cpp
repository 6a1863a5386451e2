// SPDX-License-Identifier: Apache-2.0
// Metadata of every kind and image, TIFF tags, and views: other directories, images, limits, views of views. Blocks
// that are found can be written into another file and are found there again.
#include "fuzz/fuzz.h"

using namespace restride;
using namespace restride::fuzz;

namespace {

void read_all(Choices& choose, const CodeStream& stream) {
  for (int kind = -1; kind <= static_cast<int>(MetadataKind::xmp); ++kind) {
    const auto found = kind < 0 ? read_metadata(stream) : read_metadata(stream, static_cast<MetadataKind>(kind));
    if (!found) {
      check_error(found.error(), stream.size());
      continue;
    }
    std::size_t total = 0;
    for (const Metadata& m : *found) total += m.bytes.size();
    FUZZ_CHECK(total <= 64 * stream.size() + 4096, "%zu bytes of metadata from %llu", total,
               static_cast<unsigned long long>(stream.size()));
  }
  const auto tag = read_tiff_tag(stream, static_cast<std::uint16_t>(choose.byte() << 8 | choose.byte()));
  if (!tag) check_error(tag.error(), stream.size());
}

CodeStream other_view(Choices& choose, const CodeStream& stream) {
  CodeStreamView view;
  view.image_idx = choose.below(4);
  view.limit_images = choose.below(4);
  if (choose.flag()) view.bitstream_offset = choose.byte() << 4 | choose.byte();
  if (choose.flag()) {
    const auto info = stream.info();
    if (info && (*info)->next_ifd_offset) view.bitstream_offset = *(*info)->next_ifd_offset;
  }
  auto part = stream.sub(view);
  if (part) return *part;
  check_error(part.error(), stream.size());
  return stream;
}

// EXIF, ICC and XMP blocks survive being written into a PNG.
void write_again(const CodeStream& stream) {
  static Encoder encoder = *Encoder::create(with_threads(1));
  const auto found = read_metadata(stream);
  if (!found) return;
  EncodeParams params;
  for (const Metadata& m : *found)
    if (m.kind == MetadataKind::exif || m.kind == MetadataKind::icc_profile || m.kind == MetadataKind::xmp)
      params.metadata.push_back(m);
  if (params.metadata.empty()) return;
  Image image;
  const ImageSpec spec{2, 2, 3, SampleType::u8, SampleFormat::i_rgb, ColorSpec::srgb, 8};
  FUZZ_CHECK(image.ensure(spec).ok());
  std::memset(image.view().data, 0, 12);
  for (const char* codec : {"png", "jpeg", "tiff", "webp", "jpeg2k"}) {
    const auto written = encoder.encode(image, codec, params);
    if (!written) {
      check_error(written.error(), SIZE_MAX);
      continue;
    }
    const CodeStream parsed = *CodeStream::borrow(written->bytes());
    const auto again = read_metadata(parsed);
    FUZZ_CHECK(again.has_value(), "%s: %s", codec, again.error().describe().c_str());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choose(data, size);
  const test::GuardedBytes bytes(choose.file());
  const CodeStream stream = *CodeStream::borrow(bytes.bytes());
  read_all(choose, stream);
  const CodeStream other = other_view(choose, stream);
  read_all(choose, other);
  (void)other.num_images();
  (void)other_view(choose, other);
  write_again(stream);
  return 0;
}
