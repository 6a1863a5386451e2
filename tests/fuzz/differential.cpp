// SPDX-License-Identifier: Apache-2.0
// Two ways to the same pixels: one thread and several, a region and the crop of the whole, a batch and one alone, the
// JPEG decoder and plain libjpeg, the GPU's JPEG decoder run as plain loops and the CPU's.
#include "formats/table.h"
#include "fuzz/fuzz.h"
#include "unit/support/jpeg_parallel.h"
#include "unit/support/jpeg_reference.h"
#include "unit/support/pictures.h"

using namespace restride;
using namespace restride::fuzz;

namespace {

void check_same(const Image& a, const Image& b, const char* what) {
  FUZZ_CHECK(a.spec() == b.spec(), "%s", what);
  FUZZ_CHECK(test::pixels_of(a) == test::pixels_of(b), "%s", what);
}

void check_region(Decoder& decoder, Choices& choose, const CodeStream& stream, const Image& whole,
                  const DecodeParams& params) {
  const std::int64_t width = whole.spec().width, height = whole.spec().height;
  const std::int64_t x = choose.byte() * width / 256, y = choose.byte() * height / 256;
  const Rect rect{x, y, 1 + choose.byte() * (width - x - 1) / 255, 1 + choose.byte() * (height - y - 1) / 255};
  CodeStreamView view;
  view.region = Region{rect, {}};
  const auto part = stream.sub(view);
  FUZZ_CHECK(part.has_value());
  Image region;
  const Status status = decoder.decode(*part, region, params);
  if (!status) return check_error(status.error(), stream.size());  // a region of tiles may need more working memory
  FUZZ_CHECK(test::pixels_of(region) == test::pixels_of(whole.view().crop(rect)), "region %lld %lld %lld %lld",
             static_cast<long long>(rect.x), static_cast<long long>(rect.y), static_cast<long long>(rect.width),
             static_cast<long long>(rect.height));
}

void check_against_libjpeg(const CodeStream& stream, const Image& rgb) {
  const auto plain = test::reference_decode(stream.bytes(), JCS_RGB);
  if (!plain || plain->channels != 3) return;
  FUZZ_CHECK(plain->width == rgb.spec().width && plain->height == rgb.spec().height);
  FUZZ_CHECK(std::memcmp(plain->pixels.data(), rgb.view().data, plain->pixels.size()) == 0, "libjpeg differs");
}

// What the parallel decoder takes, it decodes to the CPU's pixels.
void check_parallel_jpeg(Choices& choose, std::span<const std::byte> bytes) {
  const std::vector<std::byte> file(bytes.begin(), bytes.end());
  auto info = jpeg::kFormat.parse(file, {});
  if (!info) return;
  const ImageSpec& stored = (*info)->images[0].spec;
  if (std::uint64_t{stored.width} * stored.height > limits().max_pixels) return;
  test::Wish wish;
  wish.reduce = static_cast<std::uint8_t>(choose.below(4));
  wish.triangle = choose.flag();
  if (choose.flag()) wish.format = SampleFormat::p_rgb;
  if (wish.reduce > (*info)->images[0].max_reduce) wish.reduce = 0;
  test::Work expected(**info, file, wish), got(**info, file, wish);
  const auto plan = cuda::jpeg::plan_decode(got.job.request, wish.triangle);
  if (!plan || !can_convert(plan->native, got.job.request.wanted)) return;
  got.job.plan = *plan;
  got.aim(wish);
  test::run_emulated({&got.job, 1}, wish.triangle);
  if (!got.job.status) return;
  const Status status = test::decode_on_cpu(expected, wish);
  FUZZ_CHECK(status.ok(), "only the parallel decoder takes it: %s", status.error().describe().c_str());
  FUZZ_CHECK(got.memory == expected.memory, "the parallel decoder differs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Decoder alone = *Decoder::create(with_threads(1)), several = *Decoder::create(with_threads(3));
  Choices choose(data, size);
  const CodeStream stream = *CodeStream::borrow(choose.file());
  if (!stream.info()) return 0;
  DecodeParams params = draw_decode(choose);
  if (choose.flag()) {  // often what most callers ask for
    params = {};
    params.limits = limits();
  }
  Image one;
  const Status status = alone.decode(stream, one, params);
  Image images[3];
  const CodeStream* in[] = {&stream, &stream, &stream};
  Image* out[] = {&images[0], &images[1], &images[2]};
  Status statuses[3];
  several.decode(in, out, statuses, params);
  for (int i = 0; i < 3; ++i) {
    FUZZ_CHECK(statuses[i].ok() == status.ok(), "%s", (status ? statuses[i] : status).error().describe().c_str());
    if (status) check_same(one, images[i], "a batch on several threads");
  }
  if (status) check_region(several, choose, stream, one, params);
  if (*stream.codec() != "jpeg") return 0;
  DecodeParams plain;
  plain.apply_exif_orientation = false;
  plain.limits = limits();
  Image rgb;
  if (several.decode(stream, rgb, plain)) check_against_libjpeg(stream, rgb);
  check_parallel_jpeg(choose, choose.file());
  return 0;
}
