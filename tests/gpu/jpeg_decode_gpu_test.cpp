// SPDX-License-Identifier: Apache-2.0
// JPEG decoding on the GPU, through the runtime as the engine does it: the CPU decoder's pixels, stream order, steady
// state; and times. RESTRIDE_JPEG_FILES names a folder of files to compare, RESTRIDE_JPEG_CASES one of folders, each a
// case to time.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "codec/device_runtime.h"
#include "cuda/jpeg/batch.h"
#include "engine/thread_pool.h"
#include "formats/jpeg/headers.h"
#include "formats/jpeg/jpeg.h"
#include "unit/support/count_news.h"
#include "unit/support/jpeg_files.h"

extern "C" restride::DeviceRuntime* restride_device_runtime(int version, char* reason, std::size_t reason_size);

namespace restride {
namespace {

using Bytes = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Counted final : public MemoryResource {
 public:
  explicit Counted(MemoryResource& inner) : inner_(inner) {}
  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    ++allocations;
    return inner_.allocate(bytes, alignment, stream);
  }
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    inner_.deallocate(data, bytes, alignment, stream);
  }
  Memory kind() const noexcept override { return inner_.kind(); }
  std::atomic<int> allocations{0};

 private:
  MemoryResource& inner_;
};

// What all tests share.
struct Device {
  DeviceRuntime* runtime = nullptr;
  std::unique_ptr<Counted> device, pinned;
  std::unique_ptr<FormatDecoder> gpu, cpu;
  ThreadPool pool{0};
  StatePool<Scratch> scratch;
  cudaStream_t stream = nullptr;

  Device() {
    char reason[200] = "";
    runtime = restride_device_runtime(kDeviceRuntimeVersion, reason, sizeof reason);
    if (!runtime) {
      std::printf("no GPU: %s\n", reason);
      return;
    }
    device = std::make_unique<Counted>(runtime->device_memory());
    pinned = std::make_unique<Counted>(runtime->pinned_memory());
    runtime->use(*device, *pinned);
    for (const DeviceCodec& codec : runtime->codecs())
      if (codec.name == "restride-jpeg") gpu = codec.make_decoder({});
    cpu = jpeg::make_decoder({});
    (void)cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  }
  Context context() { return {pool, scratch, {reinterpret_cast<CUstream_st*>(stream), 0}}; }
};
Device& device() {
  static Device* one = new Device;
  return *one;
}

struct Wish {
  std::uint8_t reduce = 0;
  Rect region{};
  SampleFormat format = SampleFormat::i_rgb;
  Orientation orientation = Orientation::normal;
  std::size_t padding = 0;
};

struct File {
  std::string name;
  Bytes bytes;
  std::unique_ptr<StreamInfo> info;
};

File parsed(std::string name, Bytes bytes) {
  File file{std::move(name), std::move(bytes), nullptr};
  if (jpeg::kFormat.probe(file.bytes)) {
    auto info = jpeg::kFormat.parse(file.bytes, {});
    if (info) file.info = std::move(*info);
  }
  return file;
}

std::vector<File> read_folder(const std::filesystem::path& folder) {
  std::vector<File> files;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const std::string extension = path.extension().string();
    if (extension != ".jpg" && extension != ".jpeg" && extension != ".JPG") continue;
    std::ifstream in(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    files.push_back(parsed(path.filename().string(), Bytes(first, first + text.size())));
  }
  return files;
}

// Jobs with targets in one block of device memory, and the same for the CPU in host memory.
class Work {
 public:
  void add(const File& file, const Wish& wish) {
    DecodeJob job;
    DecodeRequest& request = job.request;
    request.bytes = file.bytes;
    request.stream = file.info.get();
    request.reduce = wish.reduce;
    const ImageSpec& stored = file.info->images[0].spec;
    const std::int64_t step = std::int64_t{1} << wish.reduce;
    request.window = {0, 0, (stored.width + step - 1) / step, (stored.height + step - 1) / step};
    if (!wish.region.empty()) request.window = intersect(request.window, wish.region);
    if (request.window.empty()) return;
    const bool swapped = swaps_axes(wish.orientation);
    ImageSpec& wanted = request.wanted;
    wanted.width = static_cast<std::uint32_t>(swapped ? request.window.height : request.window.width);
    wanted.height = static_cast<std::uint32_t>(swapped ? request.window.width : request.window.height);
    wanted.format = wish.format;
    wanted.channels = wish.format == SampleFormat::i_unchanged ? stored.channels : channels_of(wish.format);
    wanted.color = wish.format == SampleFormat::i_unchanged ? ColorSpec::unchanged
                   : wanted.channels == 1                   ? ColorSpec::gray
                                                            : ColorSpec::srgb;
    auto plan = device().gpu->plan(request);
    if (!plan) {
      ++refused;
      return;
    }
    job.plan = *plan;
    ImageView view = dense_view(nullptr, wanted);
    view.row_stride += static_cast<std::ptrdiff_t>(wish.padding);
    if (wanted.planar()) view.channel_stride = view.row_stride * wanted.height;
    views_.push_back(view);
    offsets_.push_back(size_);
    size_ += (wanted.bytes() + wish.padding * wanted.height * wanted.channels + 255) / 256 * 256;
    orientations_.push_back(wish.orientation);
    names_.push_back(file.name);
    jobs.push_back(std::move(job));
  }
  // Allocates and poisons the targets.
  void aim() {
    (void)cudaMalloc(reinterpret_cast<void**>(&memory_), size_ + 256);
    (void)cudaMemset(memory_, 0xa5, size_ + 256);
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].sink = sink(i, memory_, Memory::device);
    (void)cudaDeviceSynchronize();
  }
  ~Work() { (void)cudaFree(memory_); }
  void decode() {
    Context context = device().context();
    device().gpu->decode(jobs, context);
  }
  // Decodes everything on the CPU as well and compares; what the GPU left to the CPU is not looked at.
  void compare() {
    (void)cudaStreamSynchronize(device().stream);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    Bytes got(size_ + 256), expected(size_ + 256, std::byte{0xa5});
    ASSERT_EQ(cudaMemcpy(got.data(), memory_, size_ + 256, cudaMemcpyDefault), cudaSuccess);
    Context context = device().context();
    std::atomic<unsigned> bad{0};
    device().pool.for_each(jobs.size(), [&](std::size_t i) {
      if (!jobs[i].status) return;
      DecodeJob job = jobs[i];
      job.sink = sink(i, expected.data(), Memory::host);
      device().cpu->decode({&job, 1}, context);
      const std::size_t end = i + 1 < jobs.size() ? offsets_[i + 1] : size_;
      if (job.status && std::memcmp(got.data() + offsets_[i], expected.data() + offsets_[i], end - offsets_[i]) == 0)
        return;
      if (++bad < 10)
        std::printf("  %s: %s\n", names_[i].c_str(), job.status ? "differs" : job.status.error().message.c_str());
    });
    for (const DecodeJob& job : jobs) ++(job.status ? decoded : left);
    EXPECT_EQ(bad, 0U);
  }

  std::vector<DecodeJob> jobs;
  unsigned refused = 0, decoded = 0, left = 0;
  std::byte* memory() const { return memory_; }
  std::size_t size() const { return size_; }

 private:
  PixelSink sink(std::size_t i, std::byte* base, Memory memory) const {
    ImageView view = views_[i];
    view.data = base + offsets_[i];
    view.memory = memory;
    view.device = memory == Memory::device ? 0 : -1;
    return {view, jobs[i].plan.native, orientations_[i]};
  }
  std::vector<ImageView> views_;
  std::vector<std::size_t> offsets_;
  std::vector<Orientation> orientations_;
  std::vector<std::string> names_;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
};

class JpegGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!device().gpu) GTEST_SKIP() << "no GPU";
  }
};

std::vector<File> generated(unsigned step) {
  std::vector<File> files;
  const int factors[][6] = {{1, 1, 1, 1, 1, 1}, {2, 1, 1, 1, 1, 1}, {2, 2, 1, 1, 1, 1}, {1, 2, 1, 1, 1, 1},
                            {4, 1, 1, 1, 1, 1}, {4, 2, 1, 1, 1, 1}, {2, 2, 1, 2, 2, 1}, {1, 1, 2, 2, 2, 1}};
  for (const auto& f : factors)
    for (unsigned width = 1; width <= 65; width += step)
      for (unsigned height = 1; height <= 65; height += step + 2) {
        test::JpegRecipe recipe;
        recipe.width = width;
        recipe.height = height;
        for (int i = 0; i < 3; ++i) {
          recipe.h[i] = f[2 * i];
          recipe.v[i] = f[2 * i + 1];
        }
        recipe.seed = width * 66 + height;
        recipe.restart = (width + height) % 5 == 0 ? 2 : 0;
        recipe.quality = width % 3 ? 90 : 40;
        recipe.progressive = height % 4 == 3;
        recipe.own_tables = height % 4 == 1;
        if (width % 5 == 2 && f[0] * f[1] <= 4) {  // MCUs of at most 10 blocks
          recipe.input = JCS_CMYK;
          recipe.stored = JCS_YCCK;
        }
        files.push_back(parsed(std::to_string(width) + "x" + std::to_string(height), test::write_jpeg(recipe)));
      }
  return files;
}

TEST_F(JpegGpu, GeneratedFiles) {
  const std::vector<File> files = generated(3);
  const SampleFormat formats[] = {SampleFormat::i_rgb, SampleFormat::i_bgr, SampleFormat::i_rgba, SampleFormat::i_y,
                                  SampleFormat::p_rgb};
  Work work;
  unsigned k = 0;
  for (const File& file : files)
    for (std::uint8_t reduce = 0; reduce <= 3; ++reduce, ++k) {
      Wish wish;
      wish.reduce = reduce;
      wish.format = formats[k % 5];
      wish.padding = k % 7;
      if (k % 3 == 1) wish.orientation = static_cast<Orientation>(1 + k % 8);
      if (k % 4 == 2) wish.region = {k % 9, k % 5, 1 + k % 40, 1 + k % 30};
      work.add(file, wish);
    }
  work.aim();
  work.decode();
  work.compare();
  EXPECT_LT(20 * work.left, work.decoded);
  std::printf("  %u decoded, %u refused, %u left to the CPU\n", work.decoded, work.refused, work.left);
}

TEST_F(JpegGpu, RealFiles) {
  const char* folder = std::getenv("RESTRIDE_JPEG_FILES");
  if (!folder) GTEST_SKIP() << "RESTRIDE_JPEG_FILES names no folder";
  const std::vector<File> files = read_folder(folder);
  Work work;
  for (const File& file : files) {
    if (!file.info) continue;
    Wish wish;
    wish.format = SampleFormat::i_unchanged;
    work.add(file, wish);
    if (file.info->images[0].max_reduce == 0) continue;
    wish.reduce = 1;
    wish.region = {5, 3, 300, 200};
    work.add(file, wish);
  }
  work.aim();
  work.decode();
  work.compare();
  std::printf("  %u decoded, %u refused, %u left to the CPU\n", work.decoded, work.refused, work.left);
}

TEST_F(JpegGpu, DamagedFiles) {
  std::vector<File> files;
  for (unsigned kind = 0; kind < 4; ++kind) {
    test::JpegRecipe recipe;
    recipe.width = 120;
    recipe.height = 90;
    recipe.h[0] = recipe.v[0] = kind % 2 ? 2 : 1;
    recipe.restart = kind == 1 ? 3 : 0;
    recipe.progressive = kind == 3;
    const Bytes whole = test::write_jpeg(recipe);
    for (std::size_t i = 2; i < whole.size(); i += 5) {
      Bytes file = whole;
      file[i] ^= std::byte{static_cast<std::uint8_t>(1U << i % 8)};
      if (i % 11 == 0) file.resize(i);
      files.push_back(parsed(std::to_string(i), std::move(file)));
    }
  }
  Work work;
  for (const File& file : files)
    if (file.info && file.info->images[0].spec.bytes() < 1'000'000) work.add(file, {});
  work.aim();
  work.decode();
  work.compare();
  std::printf("  %u decoded, %u refused, %u left to the CPU\n", work.decoded, work.refused, work.left);
}

// The call returns while the stream is still busy, and the target is not touched before earlier work has read it.
TEST_F(JpegGpu, StreamOrder) {
  const std::vector<File> files = generated(16);
  Work work;
  for (const File& file : files) work.add(file, {});
  work.aim();
  work.decode();
  (void)cudaStreamSynchronize(device().stream);
  std::byte* snapshot = nullptr;
  (void)cudaMalloc(reinterpret_cast<void**>(&snapshot), work.size());
  unsigned wrong = 0;
  double longest = 0;
  for (int round = 0; round < 20; ++round) {
    (void)cudaMemsetAsync(work.memory(), round, work.size(), device().stream);
    (void)cudaLaunchHostFunc(
        device().stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }, nullptr);
    (void)cudaMemcpyAsync(snapshot, work.memory(), work.size(), cudaMemcpyDeviceToDevice, device().stream);
    const auto start = Clock::now();
    work.decode();
    longest = std::max(longest, ms_since(start));
    (void)cudaStreamSynchronize(device().stream);
    Bytes seen(work.size());
    (void)cudaMemcpy(seen.data(), snapshot, work.size(), cudaMemcpyDefault);
    wrong += std::any_of(seen.begin(), seen.end(), [&](std::byte b) { return b != static_cast<std::byte>(round); });
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_LT(longest, 20.0);
  std::printf("  longest call while the stream was busy for 30 ms: %.2f ms\n", longest);
  (void)cudaFree(snapshot);
}

TEST_F(JpegGpu, SteadyStateAllocatesNothing) {
  const std::vector<File> files = generated(9);
  Work work;
  for (const File& file : files) work.add(file, {});
  work.aim();
  for (int i = 0; i < 6; ++i) work.decode();
  (void)cudaStreamSynchronize(device().stream);
  const int on_device = device().device->allocations, pinned = device().pinned->allocations;
  const std::uint64_t news = test::news;
  for (int i = 0; i < 20; ++i) work.decode();
  EXPECT_EQ(device().device->allocations - on_device, 0);
  EXPECT_EQ(device().pinned->allocations - pinned, 0);
  EXPECT_EQ(test::news - news, 0U);
  (void)cudaStreamSynchronize(device().stream);
}

// Medians of what one call takes: until it returns, until the stream is done, and on the GPU.
void time_case(const std::string& name, const std::vector<File>& files, std::size_t count, const Wish& wish) {
  // Each image is a stream of its own, as in a data loader.
  std::vector<File> own;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i)
    own.push_back(parsed(files[i % files.size()].name, files[i % files.size()].bytes));
  Work work;
  for (const File& file : own) {
    work.add(file, wish);
    bytes += file.bytes.size();
  }
  work.aim();
  std::vector<double> call, all, gpu;
  cudaEvent_t before, after;
  (void)cudaEventCreate(&before);
  (void)cudaEventCreate(&after);
  const char* reps_text = std::getenv("RESTRIDE_REPS");
  const int reps = reps_text ? std::atoi(reps_text) : 15;
  for (int i = 0; i < reps + 4; ++i) {
    (void)cudaStreamSynchronize(device().stream);
    (void)cudaEventRecord(before, device().stream);
    const auto start = Clock::now();
    work.decode();
    const double returned = ms_since(start);
    (void)cudaEventRecord(after, device().stream);
    (void)cudaStreamSynchronize(device().stream);
    const double done = ms_since(start);
    float elapsed = 0;
    (void)cudaEventElapsedTime(&elapsed, before, after);
    if (i < 4) continue;
    call.push_back(returned);
    all.push_back(done);
    gpu.push_back(elapsed);
  }
  const auto median = [](std::vector<double>& v) {
    std::sort(v.begin(), v.end());
    return v.empty() ? 0.0 : v[v.size() / 2];
  };
  // The host's part of it: laying out and filling the upload.
  std::vector<double> lay_out, fill;
  void* pinned = nullptr;
  struct Sink final : cuda::jpeg::UploadSink {
    void ready(std::size_t, std::size_t) override {}
    void decode(const cuda::jpeg::BatchView&) override {}
  } sink;
  cuda::jpeg::Batch batch;
  for (int i = 0; i < reps + 4; ++i) {
    auto start = Clock::now();
    batch.lay_out(work.jobs, true);
    if (i >= 4) lay_out.push_back(ms_since(start));
    if (!pinned)
      (void)cudaHostAlloc(
          &pinned, batch.upload_bytes() + 4 * count + 1024 + batch.scratch_bytes(device().pool.concurrency()), 0);
    auto* host = static_cast<std::byte*>(pinned);
    auto* reported = reinterpret_cast<std::uint32_t*>(host + (batch.upload_bytes() + 255) / 256 * 256);
    start = Clock::now();
    std::byte* scratch = reinterpret_cast<std::byte*>(reported) + (4 * count + 255) / 256 * 256;
    batch.fill({host, host, scratch, reported}, device().pool, sink);
    if (i >= 4) fill.push_back(ms_since(start));
  }
  // The upload alone: fresh from the cores, and once more.
  float copy_ms[2] = {};
  void* block = nullptr;
  (void)cudaMalloc(&block, batch.upload_bytes());
  for (float& ms : copy_ms) {
    (void)cudaEventRecord(before, device().stream);
    (void)cudaMemcpyAsync(block, pinned, batch.upload_bytes(), cudaMemcpyHostToDevice, device().stream);
    (void)cudaEventRecord(after, device().stream);
    (void)cudaStreamSynchronize(device().stream);
    (void)cudaEventElapsedTime(&ms, before, after);
  }
  (void)cudaFree(block);
  (void)cudaFreeHost(pinned);
  unsigned left = work.refused;
  for (const DecodeJob& job : work.jobs) left += !job.status;
  const double total = median(all), least = all.empty() ? 0 : all[0];
  std::printf(
      "%-28s %4zu img %6.2f MB | lay out %6.3f fill %6.3f copy %6.3f %6.3f call %7.3f done %7.3f (min %7.3f) events "
      "%7.3f ms | %8.0f "
      "img/s%s\n",
      name.c_str(), count, static_cast<double>(bytes) / 1e6, median(lay_out), median(fill), copy_ms[0], copy_ms[1],
      median(call), total, least, median(gpu), static_cast<double>(count) / total * 1e3,
      left ? (" LEFT TO CPU " + std::to_string(left)).c_str() : "");
  std::fflush(stdout);
  if (std::getenv("RESTRIDE_COMPARE")) work.compare();
}

TEST_F(JpegGpu, Times) {
  const char* folder = std::getenv("RESTRIDE_JPEG_CASES");
  if (!folder) GTEST_SKIP() << "RESTRIDE_JPEG_CASES names no folder";
  const char* only = std::getenv("RESTRIDE_CASE");
  std::vector<std::filesystem::path> cases;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases) {
    const std::string name = path.filename().string();
    if (only && name.find(only) == std::string::npos) continue;
    const std::vector<File> files = read_folder(path);
    const bool batch = files.size() > 1;
    const bool large = name == "1920x1280";
    if (batch) time_case(name, files, large ? 32 : 256, {});
    if (only && batch) continue;
    if (batch) time_case(name + " of 32", files, 32, {});
    time_case(name + " alone", files, 1, {});
    Wish wish;
    wish.reduce = 3;
    if (!batch) time_case(name + " 1/8", files, 1, wish);
    if (name == "6000x4000") time_case(name + " region 256x256", files, 1, {0, {2800, 1900, 256, 256}});
  }
}

}  // namespace
}  // namespace restride
