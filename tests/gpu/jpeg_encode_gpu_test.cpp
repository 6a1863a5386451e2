// SPDX-License-Identifier: Apache-2.0
// The JPEG encoder of the GPU, through its runtime: bytes against the CPU encoder's, order on streams, memory, and
// times. Timings are printed; `--gtest_filter=*Times*` gives them alone. Photographs for them: raw 640 x 427 RGB files
// named in RESTRIDE_PHOTOS, separated by colons; without them generated pictures are timed.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "codec/device_runtime.h"
#include "engine/device.h"
#include "engine/thread_pool.h"
#include "formats/jpeg/jpeg.h"
#include "unit/support/count_news.h"
#include "unit/support/pictures.h"

namespace restride::test {
namespace {

using Css = ChromaSubsampling;
constexpr Css kSubsamplings[] = {Css::css_444, Css::css_422, Css::css_420,  Css::css_440,
                                 Css::css_411, Css::css_410, Css::css_410v, Css::css_gray};

EncodeParams params_for(Css subsampling, double quality) {
  EncodeParams params;
  params.subsampling = subsampling;
  params.quality_type = QualityType::quality;
  params.quality_value = quality;
  return params;
}

// A picture of any layout in host memory and on the device.
struct Source {
  std::vector<std::byte> memory;
  ImageView view;  // host
  ImageView device_view;
  EncodeParams params;

  Source(std::uint32_t width, std::uint32_t height, SampleFormat format, unsigned padding, const EncodeParams& p)
      : params(p) {
    const unsigned channels = channels_of(format);
    const bool planar = is_planar(format);
    const std::ptrdiff_t pixel = planar ? 1 : channels, row = width * pixel + padding;
    memory.resize(static_cast<std::size_t>(row) * height * (planar ? channels : 1));
    const ImageSpec spec{width, height, channels, SampleType::u8, format, ColorSpec::srgb, 8};
    view = {memory.data(), spec, row, pixel, planar ? row * height : 1, Memory::host, -1};
  }
  Source(Source&& other) noexcept
      : memory(std::move(other.memory)),
        view(other.view),
        device_view(std::exchange(other.device_view, {})),
        params(other.params) {}
  ~Source() { (void)cudaFree(device_view.data); }

  void upload() {
    void* data = nullptr;
    ASSERT_EQ(cudaMalloc(&data, memory.size()), cudaSuccess);
    ASSERT_EQ(cudaMemcpy(data, memory.data(), memory.size(), cudaMemcpyHostToDevice), cudaSuccess);
    device_view = view;
    device_view.data = static_cast<std::byte*>(data);
    device_view.memory = Memory::device;
    device_view.device = 0;
  }
};

void fill(Source& source, unsigned seed, bool noise) {
  std::mt19937 random(seed);
  const ImageView& v = source.view;
  for (std::uint32_t y = 0; y < v.spec.height; ++y)
    for (std::uint32_t x = 0; x < v.spec.width; ++x)
      for (unsigned c = 0; c < v.spec.channels; ++c)
        *v.at(x, y, c) =
            static_cast<std::byte>(noise ? random()
                                         : static_cast<unsigned>(128 + 80 * std::sin((x + seed) / (7.0 + 3 * c)) +
                                                                 30 * std::cos(y / 5.0) + random() % 7));
}

Source make(std::uint32_t width, std::uint32_t height, SampleFormat format, unsigned padding,
            const EncodeParams& params, bool noise = false) {
  Source source(width, height, format, padding, params);
  fill(source, width * 131 + height, noise);
  source.upload();
  return source;
}

// The encoder under test with everything around it that a call needs.
class JpegEncodeGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device_runtime()) GTEST_SKIP() << device_missing_reason();
    for (const DeviceCodec& codec : device_runtime()->codecs())
      if (codec.name == "restride-jpeg" && codec.make_encoder) encoder_ = codec.make_encoder({});
    ASSERT_TRUE(encoder_);
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override {
    if (stream_) (void)cudaStreamDestroy(stream_);
  }

  void prepare(std::vector<Source>& sources) {
    const std::size_t n = sources.size();
    buffers_.clear();
    spills_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      buffers_.emplace_back(Memory::host);
      spills_.emplace_back(Memory::host);
    }
    jobs_.resize(n);
    sinks_.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      jobs_[i].params = &sources[i].params;
      jobs_[i].plan = value_of(encoder_->plan(sources[i].view.spec, sources[i].params));
      jobs_[i].source = PixelSource(sources[i].device_view, jobs_[i].plan.wanted);
    }
  }
  void encode() {
    sinks_.clear();
    for (std::size_t i = 0; i < jobs_.size(); ++i) sinks_.emplace_back(buffers_[i], spills_[i]);
    for (std::size_t i = 0; i < jobs_.size(); ++i) jobs_[i].sink = &sinks_[i];
    Context context{pool_, scratch_, {reinterpret_cast<CUstream_st*>(stream_), 0}};
    encoder_->encode(jobs_, context);
    for (std::size_t i = 0; i < jobs_.size(); ++i)
      if (jobs_[i].status) jobs_[i].status = sinks_[i].finish();
  }
  std::vector<std::byte> bytes(std::size_t i) const {
    return {buffers_[i].data(), buffers_[i].data() + sinks_[i].size()};
  }

  std::vector<std::byte> reference(const Source& source) {
    Buffer buffer(Memory::host), spill(Memory::host);
    ByteSink sink(buffer, spill);
    EncodeJob job;
    job.params = &source.params;
    job.plan = value_of(cpu_->plan(source.view.spec, source.params));
    job.source = PixelSource(source.view, job.plan.wanted);
    job.sink = &sink;
    Context context{pool_, scratch_, {}};
    cpu_->encode({&job, 1}, context);
    EXPECT_TRUE(job.status);
    EXPECT_TRUE(sink.finish());
    return {buffer.data(), buffer.data() + sink.size()};
  }

  // Encodes all as one batch; returns how many differ from the CPU's.
  int wrong(std::vector<Source>& sources) {
    prepare(sources);
    encode();
    int count = 0;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!jobs_[i].status) {
        ADD_FAILURE() << jobs_[i].status.error().describe();
        return -1;
      }
      const auto expected = reference(sources[i]), found = bytes(i);
      if (expected == found) continue;
      if (++count > 3) continue;
      const auto at =
          std::mismatch(expected.begin(), expected.end(), found.begin(), found.end()).first - expected.begin();
      const ImageSpec& spec = sources[i].view.spec;
      ADD_FAILURE() << "picture " << i << " " << spec.width << "x" << spec.height << " format "
                    << static_cast<int>(spec.format) << " subsampling "
                    << static_cast<int>(*sources[i].params.subsampling) << " quality "
                    << sources[i].params.quality_value << ": byte " << at << " of " << expected.size() << ", "
                    << found.size();
    }
    return count;
  }

  std::unique_ptr<FormatEncoder> encoder_, cpu_ = jpeg::make_encoder({});
  ThreadPool pool_{0};
  StatePool<Scratch> scratch_;
  cudaStream_t stream_ = nullptr;
  std::vector<EncodeJob> jobs_;
  std::vector<Buffer> buffers_, spills_;
  std::vector<ByteSink> sinks_;
};

TEST_F(JpegEncodeGpu, EverySamplingAndSizeInOneBatch) {
  for (const Css subsampling : kSubsamplings) {
    std::vector<Source> sources;
    for (std::uint32_t height = 1; height <= 70; height += height < 20 ? 1 : 7)
      for (std::uint32_t width = 1; width <= 70; width += width < 20 ? 1 : 7)
        sources.push_back(make(width, height, SampleFormat::i_rgb, width % 3, params_for(subsampling, 85)));
    EXPECT_EQ(wrong(sources), 0);
  }
}

TEST_F(JpegEncodeGpu, MixedBatch) {
  using F = SampleFormat;
  constexpr F kFormats[] = {F::i_rgb, F::p_rgb, F::i_bgr,  F::p_bgr,  F::i_ycc,  F::p_ycc, F::i_rgba,
                            F::i_y,   F::i_ya,  F::i_cmyk, F::p_cmyk, F::i_ycck, F::p_rgba};
  std::vector<Source> sources;
  for (unsigned i = 0; i < 200; ++i)
    sources.push_back(make(1 + 37 * i % 311, 1 + 53 * i % 273, kFormats[i % 13], i % 5,
                           params_for(kSubsamplings[i / 3 % 8], 1 + 29 * i % 100), i % 4 == 0));
  EXPECT_EQ(wrong(sources), 0);
  EXPECT_EQ(wrong(sources), 0);
}

TEST_F(JpegEncodeGpu, OptimizedTables) {
  std::vector<Source> sources;
  for (unsigned i = 0; i < 120; ++i) {
    EncodeParams params = params_for(kSubsamplings[i % 8], 1 + 29 * i % 100);
    params.jpeg.optimized_huffman = i % 5 != 0;
    sources.push_back(make(1 + 37 * i % 311, 1 + 53 * i % 273, i % 3 ? SampleFormat::i_rgb : SampleFormat::p_bgr, i % 5,
                           params, i % 4 == 0));
  }
  EXPECT_EQ(wrong(sources), 0);
  EXPECT_EQ(wrong(sources), 0);
}

TEST_F(JpegEncodeGpu, LargePicturesAndTheWorst) {
  std::vector<Source> sources;
  sources.push_back(make(3001, 2003, SampleFormat::i_rgb, 5, params_for(Css::css_420, 90)));
  sources.push_back(make(2003, 1001, SampleFormat::i_rgb, 0, params_for(Css::css_444, 100), true));
  sources.push_back(make(1, 20001, SampleFormat::i_rgb, 0, params_for(Css::css_444, 75)));
  sources.push_back(make(20001, 1, SampleFormat::i_rgb, 0, params_for(Css::css_410, 75)));
  EXPECT_EQ(wrong(sources), 0);
}

TEST_F(JpegEncodeGpu, KeepsTheStreamsOrder) {
  std::vector<Source> sources;
  for (unsigned i = 0; i < 16; ++i)
    sources.push_back(make(512, 384, SampleFormat::i_rgb, 0, params_for(Css::css_444, 75)));
  std::vector<std::byte*> pinned;
  for (Source& source : sources) {
    void* data = nullptr;
    ASSERT_EQ(cudaHostAlloc(&data, source.memory.size(), cudaHostAllocDefault), cudaSuccess);
    std::copy(source.memory.begin(), source.memory.end(), static_cast<std::byte*>(data));
    pinned.push_back(static_cast<std::byte*>(data));
  }
  void* ballast = nullptr;
  constexpr std::size_t kBallast = std::size_t{1} << 30;
  ASSERT_EQ(cudaMalloc(&ballast, kBallast), cudaSuccess);
  prepare(sources);
  int bad = 0;
  for (int round = 0; round < 20; ++round) {
    // The pixels arrive behind slow work, and are overwritten as soon as the call has returned.
    for (std::size_t i = 0; i < sources.size(); ++i)
      (void)cudaMemsetAsync(sources[i].device_view.data, round, sources[i].memory.size(), stream_);
    for (int k = 0; k < 8; ++k) (void)cudaMemsetAsync(ballast, k, kBallast, stream_);
    for (std::size_t i = 0; i < sources.size(); ++i)
      (void)cudaMemcpyAsync(sources[i].device_view.data, pinned[i], sources[i].memory.size(), cudaMemcpyHostToDevice,
                            stream_);
    encode();
    for (std::size_t i = 0; i < sources.size(); ++i)
      (void)cudaMemsetAsync(sources[i].device_view.data, 99, sources[i].memory.size(), stream_);
    for (std::size_t i = 0; i < sources.size(); ++i) bad += bytes(i) != reference(sources[i]);
  }
  EXPECT_EQ(bad, 0);
  (void)cudaStreamSynchronize(stream_);
  (void)cudaFree(ballast);
  for (std::byte* data : pinned) (void)cudaFreeHost(data);
}

TEST_F(JpegEncodeGpu, SteadyStateAllocatesNothing) {
  std::vector<Source> sources;
  for (unsigned i = 0; i < 32; ++i)
    sources.push_back(
        make(300 + i, 200 + i, i % 2 ? SampleFormat::i_rgb : SampleFormat::i_ycck, 0, params_for(Css::css_420, 80)));
  prepare(sources);
  for (int i = 0; i < 3; ++i) encode();
  const MemoryStats before = memory_stats();
  const std::uint64_t news_before = news;
  for (int i = 0; i < 5; ++i) encode();
  const MemoryStats after = memory_stats();
  EXPECT_EQ(news - news_before, 0U);
  EXPECT_EQ(after.device.allocations, before.device.allocations);
  EXPECT_EQ(after.pinned.allocations, before.pinned.allocations);
  EXPECT_EQ(after.host.allocations, before.host.allocations);
}

// --- times ---------------------------------------------------------------------------------------------------------

struct Photo {
  static constexpr int kWidth = 640, kHeight = 427;
  std::vector<unsigned char> data;
};

std::vector<Photo> photos() {
  std::vector<Photo> out;
  const char* names = std::getenv("RESTRIDE_PHOTOS");
  for (std::string rest = names ? names : ""; !rest.empty();) {
    const std::size_t end = rest.find(':');
    std::ifstream file(rest.substr(0, end), std::ios::binary);
    out.push_back({{std::istreambuf_iterator<char>(file), {}}});
    if (out.back().data.size() != 3U * Photo::kWidth * Photo::kHeight) out.pop_back();
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  return out;
}

// A crop of a photograph, resized, with mild noise, as sensors have.
void draw_scene(Source& source, const Photo& photo, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0, 2);
  const float part = 0.55F + 0.45F * (random() % 1000 / 1000.0F);
  const float x0 = random() % 1000 / 1000.0F * (1 - part) * Photo::kWidth;
  const float y0 = random() % 1000 / 1000.0F * (1 - part) * Photo::kHeight;
  const ImageView& v = source.view;
  std::vector<float> grain(1 << 16);
  for (float& g : grain) g = noise(random);
  for (std::uint32_t y = 0; y < v.spec.height; ++y)
    for (std::uint32_t x = 0; x < v.spec.width; ++x) {
      const float fx = std::min(x0 + part * Photo::kWidth * x / v.spec.width, Photo::kWidth - 2.0F);
      const float fy = std::min(y0 + part * Photo::kHeight * y / v.spec.height, Photo::kHeight - 2.0F);
      const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
      const float ax = fx - ix, ay = fy - iy;
      const std::size_t from = 3 * (static_cast<std::size_t>(iy) * Photo::kWidth + ix);
      for (unsigned c = 0; c < 3; ++c) {
        const auto at = [&](int dx, int dy) { return photo.data[from + 3 * (dy * Photo::kWidth + dx) + c]; };
        const float value =
            (at(0, 0) * (1 - ax) + at(1, 0) * ax) * (1 - ay) + (at(0, 1) * (1 - ax) + at(1, 1) * ax) * ay;
        const float grained = value + grain[random() & 0xffff];
        *v.at(x, y, c) = static_cast<std::byte>(static_cast<int>(std::clamp(grained + 0.5F, 0.0F, 255.0F)));
      }
    }
}

struct Case {
  const char* name;
  unsigned count, width, height;
  Css subsampling;
  int quality;
  bool optimized = false;
};
constexpr Case kCases[] = {
    {"64 of 512x384 4:4:4 q75", 64, 512, 384, Css::css_444, 75},
    {"64 of 512x384 4:2:0 q90", 64, 512, 384, Css::css_420, 90},
    {"32 of 1920x1280 4:4:4 q75", 32, 1920, 1280, Css::css_444, 75},
    {"32 of 1920x1280 4:2:0 q90", 32, 1920, 1280, Css::css_420, 90},
    {"one 6000x4000 4:4:4 q75", 1, 6000, 4000, Css::css_444, 75},
    {"one 6000x4000 4:2:0 q90", 1, 6000, 4000, Css::css_420, 90},
    {"256 of 224x224 4:2:0 q90", 256, 224, 224, Css::css_420, 90},
    {"one 512x384 4:4:4 q75", 1, 512, 384, Css::css_444, 75},
    {"64 of 512x384 q75 optimised", 64, 512, 384, Css::css_444, 75, true},
    {"32 of 1920x1280 optimised", 32, 1920, 1280, Css::css_444, 75, true},
};

class JpegEncodeGpuTimes : public JpegEncodeGpu, public ::testing::WithParamInterface<int> {
 protected:
  void time(const char* name, const char* into) {
    for (int i = 0; i < 3; ++i) encode();
    std::vector<double> times;
    for (int i = 0; i < 21; ++i) {
      const auto start = std::chrono::steady_clock::now();
      encode();
      times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    std::size_t bytes = 0;
    for (const ByteSink& sink : sinks_) bytes += sink.size();
    std::printf("TIME %-28s %-8s median %8.3f ms, least %8.3f ms, %10zu bytes\n", name, into, times[times.size() / 2],
                times[0], bytes);
    std::fflush(stdout);
  }
};

TEST_P(JpegEncodeGpuTimes, Reuse) {
  const Case& c = kCases[GetParam()];
  const std::vector<Photo> with = photos();
  std::vector<Source> sources;
  for (unsigned i = 0; i < c.count; ++i) {
    sources.emplace_back(c.width, c.height, SampleFormat::i_rgb, 0, params_for(c.subsampling, c.quality));
    sources.back().params.jpeg.optimized_huffman = c.optimized;
    if (with.empty())
      fill(sources.back(), i, false);
    else
      draw_scene(sources.back(), with[i % with.size()], i);
    sources.back().upload();
  }
  EXPECT_EQ(wrong(sources), 0);
  time(c.name, "pageable");
  for (Buffer& buffer : buffers_) {
    const std::size_t bytes = buffer.capacity();
    buffer = Buffer(Memory::pinned);
    ASSERT_TRUE(buffer.ensure(bytes));
  }
  time(c.name, "pinned");
  for (std::size_t i = 0; i < sources.size(); i += 7) EXPECT_EQ(bytes(i), reference(sources[i]));
}

INSTANTIATE_TEST_SUITE_P(Cases, JpegEncodeGpuTimes, ::testing::Range(0, static_cast<int>(std::size(kCases))));

}  // namespace
}  // namespace restride::test
