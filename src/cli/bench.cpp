// SPDX-License-Identifier: Apache-2.0
// Times calls of a Decoder and an Encoder on files that are in memory, into memory that is used again.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "choose.h"
#include "files.h"
#include "settings.h"
#include "text.h"

namespace restride::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Milliseconds a picture.
struct Timing {
  double median = 0, best = 0;
  std::size_t calls = 0;
};

Result<Timing> measure(const BenchSettings& settings, const std::function<Status()>& call) {
  for (std::uint32_t i = 0; i < settings.warmup; ++i)
    if (Status status = call(); !status) return status.error();
  std::vector<double> times;
  const auto start = Clock::now();
  constexpr std::size_t kMostCalls = 1'000'000;
  do {
    const auto before = Clock::now();
    if (Status status = call(); !status) return status.error();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count() / settings.batch);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < settings.seconds && times.size() < kMostCalls);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return Timing{*middle, *std::min_element(times.begin(), times.end()), times.size()};
}

struct Measured {
  ImageSpec spec;
  std::uint64_t bytes = 0, encoded_bytes = 0;
  std::string encoded_codec;
  Timing decode, encode;
};

class Bench {
 public:
  Bench(const Settings& settings, Decoder& decoder, Encoder& encoder)
      : settings_(settings), decoder_(decoder), encoder_(encoder) {}

  Result<Measured> run(const std::string& path);

 private:
  Status time_decoding(const CodeStream& stream, Measured& to);
  Status time_encoding(Measured& to);

  const Settings& settings_;
  Decoder& decoder_;
  Encoder& encoder_;
  std::vector<Image> images_;
};

Result<Measured> Bench::run(const std::string& path) {
  auto file = open_source(path);
  if (!file) return file.error();
  auto part = part_of(*file, settings_.decode);
  if (!part) return part.error();
  Measured out;
  out.bytes = part->size();
  if (Status status = time_decoding(*part, out); !status) return status.error();
  if (settings_.bench.encode)
    if (Status status = time_encoding(out); !status) return status.error();
  return out;
}

Status first_error(std::span<const Status> statuses) {
  for (const Status& status : statuses)
    if (!status) return status;
  return {};
}

Status Bench::time_decoding(const CodeStream& stream, Measured& to) {
  const auto own = stream.codec();
  if (!own) return own.error();
  to.encoded_codec = settings_.encode.codec.empty() ? std::string(*own) : settings_.encode.codec;
  DecodeParams params = decode_params(settings_.decode, Limits().max_memory);
  const std::string_view codec = settings_.bench.encode ? std::string_view(to.encoded_codec) : std::string_view();
  auto spec = choose_pixels(decoder_, &encoder_, stream, codec, settings_, settings_.encode.params, params);
  if (!spec) return spec.error();
  to.spec = *spec;
  const std::size_t n = settings_.bench.batch;
  while (images_.size() < n) images_.emplace_back(decoder_.output_memory());
  const std::vector<const CodeStream*> in(n, &stream);
  std::vector<Image*> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(&images_[i]);
  std::vector<Status> statuses(n);
  auto timing = measure(settings_.bench, [&]() -> Status {
    decoder_.decode(in, out, statuses, params);
    if (Status error = first_error(statuses); !error) return error;
    return images_[0].memory() == Memory::device ? synchronize({nullptr, decoder_.device()}) : Status();
  });
  if (!timing) return timing.error();
  to.decode = *timing;
  return {};
}

Status Bench::time_encoding(Measured& to) {
  const std::size_t n = settings_.bench.batch;
  std::vector<const Image*> in;
  std::vector<CodeStream> streams;
  std::vector<CodeStream*> out;
  for (std::size_t i = 0; i < n; ++i) {
    auto made = CodeStream::create(0, false);
    if (!made) return made.error();
    streams.push_back(*std::move(made));
    in.push_back(&images_[i]);
  }
  for (CodeStream& stream : streams) out.push_back(&stream);
  std::vector<Status> statuses(n);
  auto timing = measure(settings_.bench, [&] {
    encoder_.encode(in, to.encoded_codec, out, statuses, settings_.encode.params);
    return first_error(statuses);
  });
  if (!timing) return timing.error();
  to.encode = *timing;
  to.encoded_bytes = streams[0].size();
  return {};
}

double megapixels(const ImageSpec& spec) { return static_cast<double>(spec.width) * spec.height / 1e6; }

void add_timing(Json& json, const char* key, const Timing& timing, const ImageSpec& spec) {
  json.open(key, '{').add("median_ms", timing.median).add("best_ms", timing.best);
  json.add("megapixels_per_second", 1000 * megapixels(spec) / std::max(timing.median, 1e-9))
      .add("calls", timing.calls)
      .close('}');
}

std::string json_of(const std::string& path, const BenchSettings& settings, const Result<Measured>& result) {
  Json json;
  json.open('{').add("file", path);
  if (!result) {
    json.open("error", '{');
    add_error(json, result.error());
    json.close('}');
  } else {
    json.add("width", result->spec.width).add("height", result->spec.height).add("channels", result->spec.channels);
    json.add("bytes", result->bytes).add("batch", settings.batch);
    add_timing(json, "decode", result->decode, result->spec);
    if (settings.encode) {
      add_timing(json, "encode", result->encode, result->spec);
      json.add("codec", result->encoded_codec).add("encoded_bytes", result->encoded_bytes);
    }
  }
  return json.close('}').text();
}

void print(const std::string& path, const Measured& m, bool encode) {
  const auto line = [&](const char* what, const Timing& t) {
    std::printf("  %s: %.3f ms a picture (best %.3f), %.1f MPixel/s, %zu calls\n", what, t.median, t.best,
                1000 * megapixels(m.spec) / std::max(t.median, 1e-9), t.calls);
  };
  std::printf("%s: %u x %u x %u %s, %s\n", printable(path).c_str(), m.spec.width, m.spec.height, m.spec.channels,
              name(m.spec.type), human_bytes(m.bytes).c_str());
  line("decode", m.decode);
  if (!encode) return;
  line(("encode " + m.encoded_codec).c_str(), m.encode);
  std::printf("  %s\n", human_bytes(m.encoded_bytes).c_str());
}

}  // namespace

int run_bench(const Settings& settings) {
  auto listing = list_files(settings.bench.paths, [](std::string_view e) { return !codec_for(e).empty(); });
  auto decoder = Decoder::create(settings.machine.options);
  auto encoder = Encoder::create(settings.machine.options);
  if (!listing || !decoder || !encoder) {
    const Error& error = !listing ? listing.error() : !decoder ? decoder.error() : encoder.error();
    std::fprintf(stderr, "restride: %s\n", error.describe().c_str());
    return kCannotWork;
  }
  Bench bench(settings, *decoder, *encoder);
  bool failed = false, first = true;
  const bool json = settings.bench.json;
  if (json) std::fputs("[", stdout);
  for (const Item& item : listing->items) {
    const std::string path = listing->source(item);
    const auto result = bench.run(path);
    failed |= !result.has_value();
    if (json)
      std::printf("%s\n%s", first ? "" : ",", json_of(path, settings.bench, result).c_str());
    else if (result)
      print(path, *result, settings.bench.encode);
    else
      std::fprintf(stderr, "failed: %s\n", printable(path + ": " + result.error().describe()).c_str());
    std::fflush(stdout);
    first = false;
  }
  if (json) std::fputs(first ? "]\n" : "\n]\n", stdout);
  return failed ? kSomeFailed : kDone;
}

}  // namespace restride::cli
