// SPDX-License-Identifier: Apache-2.0
// Long runs: two threads do random work (formats, features, sizes, regions, reuse, files, damage) with one Decoder and
// one Encoder, and every picture is compared with the hash that its first decode had. At the end resident memory must
// have stayed flat, and no descriptor or mapping may be left.
// usage: restride_soak SECONDS
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>

#include "unit/support/features.h"

namespace {

using namespace restride;
using Clock = std::chrono::steady_clock;

std::atomic<long> done{0}, failed{0}, wrong{0};

std::uint64_t hash_of(const Image& image) {
  std::uint64_t hash = 1469598103934665603ULL;
  for (const std::byte b : test::pixels_of(image)) hash = (hash ^ static_cast<std::uint64_t>(b)) * 1099511628211ULL;
  return hash;
}

void complain(const std::string& what) {
  ++wrong;
  std::fprintf(stderr, "wrong: %s\n", what.c_str());
}

// A file, and what its decodes must give.
struct Sample {
  std::string name;
  std::vector<std::byte> file;
  std::uint64_t hash = 0;
  std::string path;
};

// Features as they are, and larger pictures of every kind; each on disk too.
std::vector<Sample> make_samples(Decoder& decoder, Encoder& encoder, const std::string& folder) {
  std::vector<Sample> all;
  for (const test::Feature& f : test::features()) all.push_back({f.name, f.file, 0, ""});
  for (const test::Kind& kind : test::kinds())
    for (const unsigned side : {100U, 333U, 700U})
      if (auto s = encoder.encode(test::picture(side, side * 2 / 3), kind.codec, kind.params))
        all.push_back({kind.name, test::bytes_of(*s), 0, ""});
  for (Sample& s : all) {
    const CodeStream stream = *CodeStream::borrow(s.file);
    Image image;
    if (!decoder.decode(stream, image)) std::abort();
    s.hash = hash_of(image);
    s.path = folder + "/" + std::to_string(&s - all.data());
    std::ofstream(s.path, std::ios::binary)
        .write(reinterpret_cast<const char*>(s.file.data()), static_cast<std::streamsize>(s.file.size()));
  }
  return all;
}

// One thread's work.
class Worker {
 public:
  Worker(Decoder& decoder, Encoder& encoder, const std::vector<Sample>& all, unsigned seed)
      : decoder_(&decoder), encoder_(&encoder), all_(&all), random_(seed) {}

  void step() {
    ++done;
    const Sample& sample = (*all_)[random_() % all_->size()];
    switch (random_() % 8) {
      case 0:
        return damaged(sample);
      case 1:
        return region(sample);
      case 2:
        return batch();
      case 3:
        return encode_again(sample);
      case 4:
        return metadata(sample);
      default:
        return whole(sample, random_() % 2 == 0);
    }
  }

 private:
  void whole(const Sample& sample, bool from_file) {
    auto stream = from_file ? CodeStream::open(sample.path) : CodeStream::borrow(sample.file);
    Image fresh;
    Image& image = random_() % 2 ? reused_ : fresh;
    if (!stream || !decoder_->decode(*stream, image)) return complain(sample.name + " was refused");
    if (hash_of(image) != sample.hash) complain(sample.name + " has other pixels");
  }
  void damaged(const Sample& sample) {
    std::vector<std::byte> file = sample.file;
    for (unsigned n = random_() % 5; n-- > 0;) file[random_() % file.size()] ^= static_cast<std::byte>(random_());
    if (random_() % 2) file.resize(1 + random_() % file.size());
    DecodeParams params;
    params.limits.max_pixels = 1 << 21;
    params.limits.max_memory = 1 << 26;
    if (!decoder_->decode(*CodeStream::borrow(file), damaged_, params)) ++failed;
  }
  void region(const Sample& sample) {
    const CodeStream stream = *CodeStream::borrow(sample.file);
    CodeStreamView view;
    const auto n = [&](int most) { return static_cast<std::int64_t>(random_() % static_cast<unsigned>(most)); };
    view.region = Region{{n(60) - 20, n(60) - 20, 1 + n(200), 1 + n(200)}, {}};
    const auto part = stream.sub(view);
    Image one, two;
    if (!part || !decoder_->decode(*part, one) || !decoder_->decode(*part, two))
      return complain(sample.name + ": a region was refused");
    if (hash_of(one) != hash_of(two)) complain(sample.name + ": a region differs from itself");
  }
  void batch() {
    std::vector<CodeStream> streams;
    std::vector<const Sample*> which;
    for (unsigned n = 1 + random_() % 12; n-- > 0;) {
      which.push_back(&(*all_)[random_() % all_->size()]);
      streams.push_back(*CodeStream::borrow(which.back()->file));
    }
    batch_.resize(std::max(batch_.size(), streams.size()));
    std::vector<const CodeStream*> in;
    std::vector<Image*> out;
    for (std::size_t i = 0; i < streams.size(); ++i) in.push_back(&streams[i]), out.push_back(&batch_[i]);
    std::vector<Status> statuses(streams.size());
    decoder_->decode(in, out, statuses);
    for (std::size_t i = 0; i < streams.size(); ++i)
      if (!statuses[i] || hash_of(batch_[i]) != which[i]->hash) complain(which[i]->name + " in a batch");
  }
  // Lossless ways give the picture back.
  void encode_again(const Sample& sample) {
    Image image;
    if (!decoder_->decode(*CodeStream::borrow(sample.file), image)) return complain(sample.name);
    constexpr const char* kCodecs[] = {"png", "bmp", "pnm", "tiff", "jpeg", "webp", "jpeg2k"};
    const unsigned codec = random_() % 7;
    EncodeParams params;
    if (codec > 4) params.quality_type = QualityType::lossless;
    if (!encoder_->encode(image, kCodecs[codec], written_, params)) return complain(sample.name + " was not written");
    Image back;
    const CodeStream parsed = *CodeStream::borrow(written_.bytes());
    if (!decoder_->decode(parsed, back)) return complain(sample.name + " cannot be read again");
    if (codec != 4 && hash_of(back) != sample.hash) complain(sample.name + std::string(" after ") + kCodecs[codec]);
  }
  void metadata(const Sample& sample) {
    if (!read_metadata(*CodeStream::borrow(sample.file))) complain(sample.name + ": metadata");
  }

  Decoder* decoder_;
  Encoder* encoder_;
  const std::vector<Sample>* all_;
  std::mt19937 random_;
  Image reused_, damaged_;
  std::vector<Image> batch_;
  CodeStream written_ = *CodeStream::create();
};

double resident_mib() {
  long pages = 0, total = 0;
  std::ifstream("/proc/self/statm") >> total >> pages;
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}
long descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}
// Mappings of our files: each open CodeStream is one.
long mapped_files(const std::string& folder) {
  std::ifstream in("/proc/self/maps");
  long n = 0;
  for (std::string line; std::getline(in, line);) n += line.find(folder) != std::string::npos;
  return n;
}

// Least-squares slope of memory over time behind the first third, in MiB an hour.
double slope(const std::vector<std::pair<double, double>>& points) {
  const std::size_t first = points.size() / 3;
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = first; i < points.size(); ++i) {
    ++n, x += points[i].first, y += points[i].second;
    xx += points[i].first * points[i].first, xy += points[i].first * points[i].second;
  }
  const double d = n * xx - x * x;
  return d > 0 ? (n * xy - x * y) / d * 3600 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::stod(argv[1]) : 10;
  char folder[] = "/tmp/restride-soak-XXXXXX";
  if (!::mkdtemp(folder)) return 1;
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  options.max_threads = 2;
  Decoder decoder = *Decoder::create(options);
  Encoder encoder = *Encoder::create(options);
  const std::vector<Sample> all = make_samples(decoder, encoder, folder);
  const long before = descriptors();
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (Worker worker(decoder, encoder, all, 11 + t); Clock::now() < end;) worker.step();
    });
  std::vector<std::pair<double, double>> memory;
  while (Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(5.0, seconds / 20)));
    memory.emplace_back(std::chrono::duration<double>(Clock::now() - start).count(), resident_mib());
    if (memory.size() % 60 == 1) {
      std::printf("%6.0f s  %9ld calls  %6.1f MiB  %ld descriptors\n", memory.back().first, done.load(),
                  memory.back().second, descriptors());
      std::fflush(stdout);
    }
  }
  for (std::thread& thread : threads) thread.join();
  const double grows = slope(memory);
  const long left = descriptors() - before, mapped = mapped_files(folder);
  std::filesystem::remove_all(folder);
  std::printf(
      "%.0f s: %ld calls, %ld damaged files refused, %ld wrong; %.1f MiB resident, %+.2f MiB an hour; "
      "%ld descriptors and %ld mappings left\n",
      seconds, done.load(), failed.load(), wrong.load(), resident_mib(), grows, left, mapped);
  // Short runs are still warming up: their slope says nothing.
  const bool flat = seconds < 600 || grows < 4;
  return wrong == 0 && left == 0 && mapped == 0 && flat && done > 0 ? 0 : 1;
}
