// SPDX-License-Identifier: Apache-2.0
// Decoding of JPEG files on one thread against libjpeg-turbo driven plainly: handle, rows and memory kept, the floor
// that every library over it stands on. The two take turns.
//
// usage: jpeg_floor FILE.jpg...      (python bench/compare/pictures.py DIR writes those of docs/performance/cpu.md)
// Prints MPix per CPU second of both (medians of 11 turns), us a call and the ratio. Exits with 1 where pixels differ.
#include <cstdio>
#include <ctime>

#include <jpeglib.h>
#include <restride/restride.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int kTurns = 11;
constexpr double kTurnSeconds = 0.05;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Libjpeg {
 public:
  Libjpeg() {
    cinfo_.err = jpeg_std_error(&errors_);
    jpeg_create_decompress(&cinfo_);
  }
  ~Libjpeg() { jpeg_destroy_decompress(&cinfo_); }
  Libjpeg(const Libjpeg&) = delete;
  Libjpeg& operator=(const Libjpeg&) = delete;

  void decode(const std::vector<char>& file, std::vector<unsigned char>& pixels) {
    jpeg_mem_src(&cinfo_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&cinfo_, TRUE);
    jpeg_start_decompress(&cinfo_);
    const std::size_t row = std::size_t{cinfo_.output_width} * static_cast<std::size_t>(cinfo_.output_components);
    pixels.resize(row * cinfo_.output_height);
    while (cinfo_.output_scanline < cinfo_.output_height) {
      std::array<JSAMPROW, 16> rows;
      for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] = pixels.data() + std::min<std::size_t>(cinfo_.output_scanline + i, cinfo_.output_height - 1) * row;
      jpeg_read_scanlines(&cinfo_, rows.data(), static_cast<JDIMENSION>(rows.size()));
    }
    jpeg_finish_decompress(&cinfo_);
  }
  int channels() const noexcept { return cinfo_.output_components; }  // of the picture decoded last

 private:
  jpeg_decompress_struct cinfo_{};
  jpeg_error_mgr errors_{};
};

template <class F>
double seconds_a_call(int calls, F&& call) {
  const double begin = cpu_seconds();
  for (int i = 0; i < calls; ++i) call();
  return (cpu_seconds() - begin) / calls;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kTurns / 2, values.end());
  return values[kTurns / 2];
}

bool measure(const char* name, Libjpeg& libjpeg, restride::Decoder& decoder) {
  std::ifstream in(name, std::ios::binary);
  const std::vector<char> file((std::istreambuf_iterator<char>(in)), {});
  std::vector<unsigned char> theirs;
  restride::Image ours;
  libjpeg.decode(file, theirs);
  restride::DecodeParams params;  // gray as gray, as libjpeg gives it
  if (libjpeg.channels() == 1) params.color = restride::ColorSpec::gray;
  const auto decode = [&] {  // headers are parsed in every call, as by libjpeg
    const auto stream = restride::CodeStream::borrow(std::as_bytes(std::span(file)), nullptr);
    if (!stream || !decoder.decode(*stream, ours, params)) std::abort();
  };
  decode();
  const restride::ImageSpec& spec = ours.spec();
  const bool same = spec.bytes() == theirs.size() && std::memcmp(ours.view().data, theirs.data(), theirs.size()) == 0;
  const int calls = std::max(1, static_cast<int>(kTurnSeconds / seconds_a_call(1, decode)));
  std::vector<double> a(kTurns), b(kTurns);
  for (int turn = 0; turn < kTurns; ++turn) {
    a[static_cast<std::size_t>(turn)] = seconds_a_call(calls, [&] { libjpeg.decode(file, theirs); });
    b[static_cast<std::size_t>(turn)] = seconds_a_call(calls, decode);
  }
  const double pixels = 1e-6 * spec.width * spec.height, libjpeg_time = median(a), our_time = median(b);
  std::printf("%-40s libjpeg %5.0f (%8.1f us)  restride %5.0f (%8.1f us)  %.2f%s\n", name, pixels / libjpeg_time,
              libjpeg_time * 1e6, pixels / our_time, our_time * 1e6, libjpeg_time / our_time,
              same ? "" : "  PIXELS DIFFER");
  return same;
}

}  // namespace

int main(int argc, char** argv) {
  restride::CodecOptions options;
  options.max_threads = 1;
  options.backends.push_back({restride::BackendKind::cpu_only, 1.0F, restride::LoadHintPolicy::fixed});
  auto decoder = restride::Decoder::create(options);
  if (!decoder || argc < 2) {
    std::fprintf(stderr, "usage: jpeg_floor FILE.jpg...\n");
    return 2;
  }
  Libjpeg libjpeg;
  bool same = true;
  for (int i = 1; i < argc; ++i) same &= measure(argv[i], libjpeg, *decoder);
  return same ? 0 : 1;
}
