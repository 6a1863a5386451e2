// SPDX-License-Identifier: Apache-2.0
// NVIDIA's libraries behind our interface, against the CPU codecs. Needs a GPU; a library that is missing skips its
// tests. RESTRIDE_TEST_FILES: folders (':' between them) of further files to compare.
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "gpu/device_codecs.h"

namespace restride::test {
namespace {

using Pictures = std::vector<CodeStream>;

Decoder cpu_decoder() {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  return value_of(Decoder::create(options));
}
Encoder cpu_encoder() {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  return value_of(Encoder::create(options));
}

ImageSpec spec_of(std::uint32_t width, std::uint32_t height, unsigned channels, SampleType type) {
  constexpr SampleFormat kFormats[] = {SampleFormat::i_y, SampleFormat::i_ya, SampleFormat::i_rgb,
                                       SampleFormat::i_rgba};
  return {width, height, channels, type, kFormats[channels - 1], channels < 3 ? ColorSpec::gray : ColorSpec::srgb, 0};
}

// Like picture(), with any channels and type.
Image picture_of(const ImageSpec& spec, unsigned seed = 1) {
  const Image rgb = picture(spec.width, spec.height, seed);
  Image out;
  EXPECT_TRUE(out.ensure(spec));
  for (std::uint32_t y = 0; y < spec.height; ++y)
    for (std::uint32_t x = 0; x < spec.width; ++x)
      for (std::uint32_t c = 0; c < spec.channels; ++c) {
        const unsigned v = static_cast<unsigned>(*rgb.view().at(x, y, c % 3));
        std::byte* to = out.view().at(x, y, c);
        if (size_of(spec.type) == 1) *to = static_cast<std::byte>(v);
        if (size_of(spec.type) == 2) {
          const auto wide =
              static_cast<std::uint16_t>(v * 251 + (x * 7 + y * 3) % 251 - (is_signed(spec.type) ? 32768 : 0));
          std::memcpy(to, &wide, 2);
        }
        if (spec.type == SampleType::f32) {
          const float f = static_cast<float>(v) / 255;
          std::memcpy(to, &f, 4);
        }
      }
  return out;
}

class Vendor : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device_runtime()) GTEST_SKIP() << device_missing_reason();
  }

  // Null, and the test skipped, where its library is missing.
  const DeviceCodec* codec(std::string_view name) {
    const DeviceCodec* found = device_codec(name);
    if (!found) std::printf("%.*s is not available\n", static_cast<int>(name.size()), name.data());
    return found;
  }
  std::unique_ptr<FormatDecoder> decoder(std::string_view name, const char* options = "") {
    const DeviceCodec* found = codec(name);
    if (!found) return nullptr;
    CodecOptions codec_options;
    codec_options.options = options;
    return found->make_decoder(codec_options);
  }

  // Decodes all on the device, in one call, and compares with the CPU. Returns the largest difference.
  Difference compare(FormatDecoder& gpu, const Pictures& streams, const DecodeParams& params, std::size_t pad = 0) {
    std::vector<Prepared> prepared(streams.size());
    std::vector<DecodeJob> jobs;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const Status status = prepare(gpu, streams[i], params, prepared[i], pad);
      if (!status) ADD_FAILURE() << "picture " << i << ": " << status.error().describe();
      if (!status) return {1 << 30, 0};
      jobs.push_back(prepared[i].job);
    }
    Context context = driver.context();
    gpu.decode(jobs, context);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    Difference worst;
    Decoder cpu = cpu_decoder();
    for (std::size_t i = 0; i < streams.size(); ++i) {
      EXPECT_TRUE(jobs[i].status) << "picture " << i << ": " << jobs[i].status.error().describe();
      if (!jobs[i].status) return {1 << 30, 0};
      EXPECT_TRUE(jobs[i].wrote);
      const Image expected = value_of(cpu.decode(streams[i], params));
      EXPECT_EQ(expected.spec(), prepared[i].geometry.output);
      bool clean = true;
      const Difference d = difference_of(expected.spec().type, pixels_of(expected), prepared[i].target->pixels(&clean));
      EXPECT_TRUE(clean) << "picture " << i << ": bytes between rows were written";
      worst.largest = std::max(worst.largest, d.largest);
      worst.mean = std::max(worst.mean, d.mean);
    }
    return worst;
  }

  // The pixels of one stream, decoded on the device.
  std::vector<std::byte> pixels(FormatDecoder& gpu, const CodeStream& stream, const DecodeParams& params) {
    Prepared prepared;
    const Status status = prepare(gpu, stream, params, prepared);
    EXPECT_TRUE(status) << status.error().describe();
    if (!status) return {};
    Context context = driver.context();
    gpu.decode({&prepared.job, 1}, context);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_TRUE(prepared.job.status) << prepared.job.status.error().describe();
    return prepared.target->pixels();
  }

  // True if every region's pixels are those of the whole.
  void check_regions(FormatDecoder& gpu, const CodeStream& stream, const DecodeParams& params, const char* what) {
    const ImageInfo& info = **stream.info();
    const std::int64_t w = info.spec.width, h = info.spec.height;
    Prepared whole;
    ASSERT_TRUE(prepare(gpu, stream, params, whole));
    Context context = driver.context();
    gpu.decode({&whole.job, 1}, context);
    ASSERT_TRUE(whole.job.status) << whole.job.status.error().describe();
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const Rect rects[] = {{0, 0, w / 2, h / 2},   {w / 3, h / 4, w / 3 + 1, h / 3},
                          {w - 17, h - 9, 17, 9}, {5, 3, 1, 1},
                          {w / 2 - 1, 0, 2, h},   {0, h / 2, w, 3}};
    for (const Rect& rect : rects) {
      CodeStreamView view;
      view.region = Region{rect, {}};
      const CodeStream part = value_of(stream.sub(view));
      const auto got = pixels(gpu, part, params);
      std::vector<std::byte> raw = whole.target->raw();
      ImageView host = whole.target->view();
      host.data = raw.data();
      const auto expected = pixels_of(host.crop(rect));
      const Difference d = difference_of(host.spec.type, expected, got);
      EXPECT_EQ(d.largest, 0) << what << ": region " << rect.x << "," << rect.y << " " << rect.width << "x"
                              << rect.height << " differs from the crop, mean " << d.mean;
    }
  }

  // Decoding must not touch the target before what was queued on the stream is done.
  void check_stream_order(FormatDecoder& gpu, const Pictures& streams) {
    cudaStream_t stream = nullptr;
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    std::vector<Prepared> prepared(streams.size());
    std::vector<DecodeJob> clean_jobs;
    std::vector<std::unique_ptr<OnDevice>> snapshots;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      ASSERT_TRUE(prepare(gpu, streams[i], {}, prepared[i]));
      clean_jobs.push_back(prepared[i].job);
      snapshots.push_back(std::make_unique<OnDevice>(prepared[i].geometry.output));
    }
    int overwritten = 0, late = 0;
    constexpr int kRounds = 10;
    for (int round = 0; round < kRounds; ++round) {
      for (Prepared& p : prepared) p.target->fill(77);
      // A consumer that is slow to read the old content.
      ASSERT_EQ(cudaLaunchHostFunc(
                    stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(25)); }, nullptr),
                cudaSuccess);
      for (std::size_t i = 0; i < streams.size(); ++i)
        ASSERT_EQ(cudaMemcpyAsync(snapshots[i]->data(), prepared[i].target->data(), snapshots[i]->bytes(),
                                  cudaMemcpyDeviceToDevice, stream),
                  cudaSuccess);
      std::vector<DecodeJob> jobs = clean_jobs;
      Context context = driver.context(stream);
      gpu.decode(jobs, context);
      for (const DecodeJob& job : jobs) ASSERT_TRUE(job.status) << job.status.error().describe();
      // What is queued afterwards sees the result.
      std::vector<std::unique_ptr<OnDevice>> after;
      for (std::size_t i = 0; i < streams.size(); ++i) {
        after.push_back(std::make_unique<OnDevice>(prepared[i].geometry.output));
        ASSERT_EQ(cudaMemcpyAsync(after[i]->data(), prepared[i].target->data(), after[i]->bytes(),
                                  cudaMemcpyDeviceToDevice, stream),
                  cudaSuccess);
      }
      ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
      ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
      for (std::size_t i = 0; i < streams.size(); ++i) {
        for (const std::byte b : snapshots[i]->raw())
          if (b != std::byte{77}) {
            ++overwritten;
            break;
          }
        late += after[i]->raw() != prepared[i].target->raw();
      }
    }
    EXPECT_EQ(overwritten, 0) << "of " << kRounds * streams.size();
    EXPECT_EQ(late, 0) << "of " << kRounds * streams.size();
    (void)cudaStreamDestroy(stream);
  }

  // One bad picture in a batch spoils no other.
  void check_isolation(FormatDecoder& gpu, const CodeStream& good, const CodeStream& bad) {
    std::vector<Prepared> prepared(5);
    std::vector<DecodeJob> jobs;
    for (std::size_t i = 0; i < prepared.size(); ++i) {
      ASSERT_TRUE(prepare(gpu, i == 2 ? bad : good, {}, prepared[i]));
      jobs.push_back(prepared[i].job);
    }
    Context context = driver.context();
    gpu.decode(jobs, context);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_FALSE(jobs[2].status);
    const auto first = prepared[0].target->pixels();
    for (const std::size_t i : {0, 1, 3, 4}) {
      EXPECT_TRUE(jobs[i].status) << jobs[i].status.error().describe();
      EXPECT_EQ(prepared[i].target->pixels(), first);
    }
    if (!jobs[2].status) std::printf("  bad picture: %s\n", jobs[2].status.error().describe().c_str());
  }

  // Encodes on the device and returns streams to decode elsewhere.
  Pictures encode(FormatEncoder& gpu, const std::vector<const Image*>& images, const EncodeParams& params) {
    std::vector<std::unique_ptr<OnDevice>> sources;
    std::vector<Buffer> buffers(2 * images.size());
    std::vector<ByteSink> sinks;
    sinks.reserve(images.size());
    std::vector<EncodeJob> jobs(images.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      sources.push_back(std::make_unique<OnDevice>(images[i]->spec(), 5 * size_of(images[i]->spec().type)));
      sources[i]->upload(images[i]->view());
      auto plan = gpu.plan(images[i]->spec(), params);
      EXPECT_TRUE(plan) << plan.error().describe();
      if (!plan) return {};
      sinks.emplace_back(buffers[2 * i], buffers[2 * i + 1]);
      jobs[i].plan = *plan;
      jobs[i].params = &params;
      jobs[i].source = PixelSource(sources[i]->view(), plan->wanted);
      jobs[i].sink = &sinks[i];
    }
    Context context = driver.context();
    gpu.encode(jobs, context);
    // The source may be overwritten as soon as the call is back.
    for (auto& source : sources) source->fill(0);
    Pictures out;
    for (std::size_t i = 0; i < images.size(); ++i) {
      EXPECT_TRUE(jobs[i].status) << jobs[i].status.error().describe();
      if (!jobs[i].status) return {};
      auto bytes = std::make_shared<std::vector<std::byte>>(sinks[i].data(), sinks[i].data() + sinks[i].size());
      out.push_back(value_of(CodeStream::borrow(*bytes, bytes)));
    }
    return out;
  }

  static double psnr(const Image& a, const Image& b) {
    const auto pa = pixels_of(a), pb = pixels_of(b);
    EXPECT_EQ(pa.size(), pb.size());
    double sum = 0;
    const bool wide = size_of(a.spec().type) == 2;
    const std::size_t n = pa.size() / (wide ? 2 : 1);
    for (std::size_t i = 0; i < n; ++i) {
      double d = 0;
      if (wide) {
        std::uint16_t x, y;
        std::memcpy(&x, &pa[2 * i], 2);
        std::memcpy(&y, &pb[2 * i], 2);
        d = static_cast<double>(x) - y;
      } else {
        d = static_cast<double>(static_cast<int>(pa[i])) - static_cast<int>(pb[i]);
      }
      sum += d * d;
    }
    const double top = wide ? 65535 : 255;
    return sum == 0 ? 200 : 10 * std::log10(top * top / (sum / static_cast<double>(n)));
  }

  Driver driver;
};

#define DECODER_OR_SKIP(name) \
  auto gpu = decoder(name);   \
  if (!gpu) GTEST_SKIP() << name << " is missing"

DecodeParams as_stored() {
  DecodeParams params;
  params.color = ColorSpec::unchanged;
  params.allow_any_depth = true;
  return params;
}

Pictures jpegs(std::initializer_list<ChromaSubsampling> samplings, bool progressive = false) {
  Encoder encoder = cpu_encoder();
  Pictures out;
  unsigned seed = 0;
  for (const ChromaSubsampling sampling : samplings)
    for (const auto& [w, h] : {std::pair{640U, 480U}, {333U, 211U}, {1024U, 768U}}) {
      EncodeParams params;
      params.quality_type = QualityType::quality;
      params.quality_value = 90;
      params.subsampling = sampling;
      params.jpeg.progressive = progressive;
      out.push_back(value_of(encoder.encode(picture(w, h, ++seed), "jpeg", params)));
    }
  return out;
}

TEST_F(Vendor, LibrariesAreReported) {
  for (const DeviceLibrary& one : device_runtime()->libraries()) {
    std::printf("%.*s %.*s %.*s%.*s\n", int(one.name.size()), one.name.data(), int(one.version.size()),
                one.version.data(), int(one.path.size()), one.path.data(), int(one.missing.size()), one.missing.data());
    EXPECT_NE(one.version.empty(), one.missing.empty());
  }
  for (const DeviceCodec& one : device_runtime()->codecs())
    std::printf("  %.*s: %.*s\n", int(one.format.size()), one.format.data(), int(one.name.size()), one.name.data());
}

using enum ChromaSubsampling;

// nvJPEG's DCT and upsampling round otherwise than libjpeg's.
constexpr int kJpegTolerance = 3;

class JpegDecoders : public Vendor, public ::testing::WithParamInterface<const char*> {};

TEST_P(JpegDecoders, AgreeWithTheCpu) {
  for (const char* options : {"", ":fancy_upsampling=0"}) {
    auto gpu = decoder(GetParam(), options);
    if (!gpu) GTEST_SKIP() << "missing";
    for (const ChromaSubsampling css : {css_444, css_422, css_420, css_440, css_gray}) {
      const Pictures streams = jpegs({css});
      const Difference rgb = compare(*gpu, streams, {});
      DecodeParams gray;
      gray.color = ColorSpec::gray;
      const Difference y = compare(*gpu, streams, gray, 13);
      std::printf("  %s '%s' css %d: largest %d mean %.3f; gray %d\n", GetParam(), options, int(css), rgb.largest,
                  rgb.mean, y.largest);
      if (!*options) {
        EXPECT_LE(rgb.largest, kJpegTolerance) << "css " << int(css);
      }
      EXPECT_LE(y.largest, kJpegTolerance) << "css " << int(css);
    }
  }
}

TEST_P(JpegDecoders, RegionsAreCrops) {
  DECODER_OR_SKIP(GetParam());
  for (const ChromaSubsampling css : {css_444, css_422, css_420, css_440, css_gray})
    for (const CodeStream& stream : jpegs({css})) check_regions(*gpu, stream, {}, GetParam());
}

TEST_P(JpegDecoders, ConvertsOnTheWay) {
  DECODER_OR_SKIP(GetParam());
  const Pictures streams = jpegs({css_420, css_444});
  for (const SampleFormat format : {SampleFormat::p_rgb, SampleFormat::i_bgr, SampleFormat::i_rgba}) {
    DecodeParams params;
    params.format = format;
    EXPECT_LE(compare(*gpu, streams, params, 8).largest, kJpegTolerance) << int(format);
  }
}

TEST_P(JpegDecoders, KeepsStreamOrder) {
  DECODER_OR_SKIP(GetParam());
  Pictures streams = jpegs({css_420, css_444, css_422});
  check_stream_order(*gpu, streams);
  streams.resize(1);
  check_stream_order(*gpu, streams);
}

TEST_P(JpegDecoders, OneBadPictureSpoilsNoOther) {
  DECODER_OR_SKIP(GetParam());
  const CodeStream good = jpegs({css_420})[0];
  const auto cut = good.bytes().first(good.bytes().size() / 2);
  check_isolation(*gpu, good, value_of(CodeStream::borrow(cut)));
}

INSTANTIATE_TEST_SUITE_P(Nvjpeg, JpegDecoders, ::testing::Values("nvjpeg_hw", "nvjpeg", "nvjpeg_gpu"));

TEST_F(Vendor, JpegHybridTakesTheRest) {
  DECODER_OR_SKIP("nvjpeg");
  const Difference d = compare(*gpu, jpegs({css_420, css_444, css_422, css_gray}, true), {});
  std::printf("  progressive: largest %d mean %.3f\n", d.largest, d.mean);
  EXPECT_LE(d.largest, kJpegTolerance);
  const Difference rare = compare(*gpu, jpegs({css_411, css_410}), {});
  std::printf("  4:1:1 and 4:1:0: largest %d mean %.3f\n", rare.largest, rare.mean);
}

TEST_F(Vendor, JpegEncoder) {
  const DeviceCodec* found = codec("nvjpeg");
  if (!found) GTEST_SKIP() << "nvJPEG is missing";
  auto gpu = found->make_encoder({});
  std::vector<Image> images;
  for (unsigned i = 0; i < 40; ++i) images.push_back(picture(200 + 13 * i, 150 + 7 * i, i));
  std::vector<const Image*> sources;
  for (const Image& image : images) sources.push_back(&image);
  Decoder cpu = cpu_decoder();
  Encoder cpu_jpeg = cpu_encoder();
  for (const ChromaSubsampling css : {css_444, css_422, css_420, css_440, css_411, css_gray})
    for (const int kind : {0, 1, 2}) {
      EncodeParams params;
      params.quality_type = QualityType::quality;
      params.quality_value = 90;
      params.subsampling = css;
      params.jpeg.progressive = kind == 1;
      params.jpeg.optimized_huffman = kind == 2;
      const Pictures streams = encode(*gpu, sources, params);
      ASSERT_EQ(streams.size(), images.size());
      for (std::size_t i = 0; i < streams.size(); i += 13) {
        EXPECT_EQ((*streams[i].info())->subsampling, css);
        auto decoded = cpu.decode(streams[i]);
        EXPECT_TRUE(decoded) << "css " << int(css) << " kind " << kind << " picture " << i << ": "
                             << decoded.error().describe();
        if (!decoded) continue;
        const Image ours = *std::move(decoded);
        const Image reference = value_of(cpu.decode(value_of(cpu_jpeg.encode(images[i], "jpeg", params))));
        EXPECT_GT(psnr(ours, reference), 40) << "css " << int(css) << " kind " << kind;
      }
    }
  // Other layouts of the same pixels give the same file.
  EncodeParams params;
  const Pictures rgb = encode(*gpu, {&images[5]}, params);
  ImageSpec spec = images[5].spec();
  spec.format = SampleFormat::p_rgb;
  Image planes;
  ASSERT_TRUE(planes.ensure(spec));
  convert_pixels(images[5].view(), planes.view());
  const Pictures planar = encode(*gpu, {&planes}, params);
  ASSERT_EQ(planar.size(), 1U);
  EXPECT_EQ(bytes_of(rgb[0]), bytes_of(planar[0]));
}

Pictures j2ks(const EncodeParams& params, unsigned channels, SampleType type) {
  Encoder encoder = cpu_encoder();
  Pictures out;
  for (const auto& [w, h] : {std::pair{256U, 192U}, {333U, 211U}, {640U, 513U}})
    out.push_back(value_of(encoder.encode(picture_of(spec_of(w, h, channels, type), w), "jpeg2k", params)));
  return out;
}

EncodeParams j2k_params(bool lossless, bool ht, std::uint32_t tile, bool mct = true) {
  EncodeParams params;
  params.quality_type = lossless ? QualityType::lossless : QualityType::psnr;
  params.quality_value = lossless ? 0 : 42;
  params.jpeg2k.ht = ht;
  params.jpeg2k.mct_mode = mct;
  params.tile_width = params.tile_height = tile;
  return params;
}

TEST_F(Vendor, Jpeg2000AgreesWithTheCpu) {
  DECODER_OR_SKIP("nvjpeg2k");
  for (const bool lossless : {true, false})
    for (const bool ht : {false, true})
      for (const std::uint32_t tile : {0U, 128U})
        for (const unsigned channels : {1U, 3U, 4U})
          for (const SampleType type : {SampleType::u8, SampleType::u16, SampleType::i16}) {
            const Pictures streams = j2ks(j2k_params(lossless, ht, tile, channels == 3), channels, type);
            for (const bool stored : {true, false}) {
              const DecodeParams params = stored ? as_stored() : DecodeParams{};
              const Difference d = compare(*gpu, streams, params, stored ? 0 : 10);
              const int allowed = lossless ? 0 : size_of(type) == 1 || !stored ? 2 : 300;
              EXPECT_LE(d.largest, allowed) << "lossless " << lossless << " ht " << ht << " tile " << tile
                                            << " channels " << channels << " type " << int(type) << " mean " << d.mean;
              if (!lossless)
                std::printf("  lossy ht %d tile %u channels %u type %d stored %d: largest %d mean %.4f\n", ht, tile,
                            channels, int(type), stored, d.largest, d.mean);
            }
          }
}

TEST_F(Vendor, Jpeg2000RegionsAndResolutions) {
  DECODER_OR_SKIP("nvjpeg2k");
  for (const bool lossless : {true, false})
    for (const bool ht : {false, true})
      for (const std::uint32_t tile : {0U, 128U}) {
        const Pictures streams = j2ks(j2k_params(lossless, ht, tile), 3, SampleType::u8);
        for (const CodeStream& stream : streams)
          check_regions(*gpu, stream, {},
                        lossless ? (tile ? "lossless tiles" : "lossless") : (tile ? "lossy tiles" : "lossy"));
        for (const std::uint8_t reduce : {1, 2, 3}) {
          DecodeParams params;
          params.reduce = reduce;
          EXPECT_LE(compare(*gpu, streams, params).largest, lossless ? 0 : 2)
              << "reduce " << int(reduce) << " lossless " << lossless << " ht " << ht << " tile " << tile;
        }
      }
}

TEST_F(Vendor, Jpeg2000StreamOrderAndIsolation) {
  DECODER_OR_SKIP("nvjpeg2k");
  Pictures streams = j2ks(j2k_params(true, false, 0), 3, SampleType::u8);
  for (const CodeStream& tiled : j2ks(j2k_params(false, false, 128), 3, SampleType::u8)) streams.push_back(tiled);
  check_stream_order(*gpu, streams);
  const auto cut = streams[0].bytes().first(streams[0].bytes().size() / 2);
  check_isolation(*gpu, streams[0], value_of(CodeStream::borrow(cut)));
}

// Bytes in memory that the GPU reads directly belong to the caller again when the call is back.
TEST_F(Vendor, PinnedInputMayGoAtOnce) {
  for (const char* name : {"nvjpeg_hw", "nvjpeg", "nvjpeg_gpu", "nvjpeg2k", "nvtiff"}) {
    auto gpu = decoder(name);
    if (!gpu) continue;
    Encoder encoder = cpu_encoder();
    const std::string_view format = device_codec(name)->format;
    EncodeParams params;
    if (format == "tiff") params.tiff_compression = TiffCompression::lzw;
    if (format == "jpeg2k") params = j2k_params(true, true, 0);
    const CodeStream stream = value_of(encoder.encode(picture(1600, 1200), format, params));
    const auto expected = pixels(*gpu, stream, {});
    std::byte* pinned = nullptr;
    ASSERT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&pinned), stream.size(), cudaHostAllocDefault), cudaSuccess);
    std::memcpy(pinned, stream.bytes().data(), stream.size());
    const CodeStream borrowed = value_of(CodeStream::borrow({pinned, stream.size()}));
    Prepared prepared;
    ASSERT_TRUE(prepare(*gpu, borrowed, {}, prepared));
    for (int round = 0; round < 5; ++round) {
      DecodeJob job = prepared.job;
      Context context = driver.context();
      gpu->decode({&job, 1}, context);
      std::memset(pinned, 0, stream.size());
      ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
      EXPECT_TRUE(job.status) << name << job.status.error().describe();
      EXPECT_TRUE(prepared.target->pixels() == expected) << name;
      std::memcpy(pinned, stream.bytes().data(), stream.size());
    }
    (void)cudaFreeHost(pinned);
  }
}

TEST_F(Vendor, Jpeg2000Encoder) {
  const DeviceCodec* found = codec("nvjpeg2k");
  if (!found) GTEST_SKIP() << "nvJPEG2000 is missing";
  auto gpu = found->make_encoder({});
  Decoder cpu = cpu_decoder();
  std::vector<Image> images;
  const SampleType types[] = {SampleType::u8, SampleType::u16, SampleType::i16};
  for (unsigned i = 0; i < 9; ++i)
    images.push_back(picture_of(spec_of(320 + 9 * i, 240 + 5 * i, i % 2 ? 1 : 3, types[i / 3]), i));
  for (const bool ht : {false, true})
    for (const std::uint32_t tile : {0U, 128U, 200U})
      for (const Jpeg2kBitstream bitstream : {Jpeg2kBitstream::jp2, Jpeg2kBitstream::j2k})
        for (const bool mct : {false, true}) {
          EncodeParams params = j2k_params(true, ht, tile, mct);
          params.jpeg2k.bitstream = bitstream;
          params.jpeg2k.progression = tile ? Jpeg2kProgression::lrcp : Jpeg2kProgression::rpcl;
          params.jpeg2k.code_block_size = {tile ? 32U : 64U, tile ? 32U : 64U};
          std::vector<const Image*> sources;
          for (const Image& image : images)
            if (!mct || image.spec().channels == 3) sources.push_back(&image);
          const Pictures streams = encode(*gpu, sources, params);
          ASSERT_EQ(streams.size(), sources.size());
          for (std::size_t i = 0; i < streams.size(); ++i) {
            const Image back = value_of(cpu.decode(streams[i], as_stored()));
            EXPECT_EQ(back.spec().type, sources[i]->spec().type);
            EXPECT_TRUE(pixels_of(back) == pixels_of(*sources[i]))
                << "ht " << ht << " tile " << tile << " picture " << i << " of type " << int(sources[i]->spec().type);
          }
        }
}

// What one call asks for must not reach the next, which may get the same lane.
TEST_F(Vendor, Jpeg2000EncoderForgets) {
  const DeviceCodec* found = codec("nvjpeg2k");
  if (!found) GTEST_SKIP() << "nvJPEG2000 is missing";
  auto gpu = found->make_encoder({});
  Decoder cpu = cpu_decoder();
  const Image image = picture(400, 300);
  for (const bool before_ht : {false, true})
    for (const QualityType before : {QualityType::psnr, QualityType::quantization_step, QualityType::lossless})
      for (const bool ht : {false, true}) {
        EncodeParams first;
        first.quality_type = before;
        first.quality_value = before == QualityType::psnr ? 25 : 0.1;
        first.jpeg2k.ht = before_ht;
        (void)encode(*gpu, {&image}, first);
        const Pictures lossless = encode(*gpu, {&image}, j2k_params(true, ht, 0));
        ASSERT_EQ(lossless.size(), 1U);
        EXPECT_TRUE(pixels_of(value_of(cpu.decode(lossless[0]))) == pixels_of(image)) << "ht " << ht;
        (void)encode(*gpu, {&image}, first);
        const Pictures lossy = encode(*gpu, {&image}, j2k_params(false, ht, 0));
        ASSERT_EQ(lossy.size(), 1U);
        const double got = psnr(value_of(cpu.decode(lossy[0])), image);
        EXPECT_GT(got, 38) << "ht " << ht;
        EXPECT_LT(got, 48) << "ht " << ht;
      }
}

// Quality means the same as on the CPU.
TEST_F(Vendor, Jpeg2000EncoderQuality) {
  const DeviceCodec* found = codec("nvjpeg2k");
  if (!found) GTEST_SKIP() << "nvJPEG2000 is missing";
  auto gpu = found->make_encoder({});
  Decoder cpu = cpu_decoder();
  Encoder encoder = cpu_encoder();
  std::mt19937 random(3);
  Image noise = picture(512, 512);
  for (std::uint32_t y = 0; y < 512; ++y)
    for (std::uint32_t x = 0; x < 3 * 512; ++x) *(noise.view().at(0, y) + x) = static_cast<std::byte>(random());
  const Image smooth = picture(800, 600);
  const Image deep = picture_of(spec_of(800, 600, 3, SampleType::u16));
  for (const bool ht : {false, true})
    for (const auto& [type, value] : {std::pair{QualityType::default_quality, 0.0},
                                      {QualityType::psnr, 40.0},
                                      {QualityType::quality, 75.0},
                                      {QualityType::quantization_step, 0.01},
                                      {QualityType::quantization_step, 0.002}}) {
      EncodeParams params;
      params.quality_type = type;
      params.quality_value = value;
      params.jpeg2k.ht = ht;
      for (const Image* image : {&smooth, static_cast<const Image*>(&noise), &deep}) {
        const Pictures streams = encode(*gpu, {image}, params);
        ASSERT_EQ(streams.size(), 1U);
        const double ours = psnr(value_of(cpu.decode(streams[0], as_stored())), *image);
        auto reference = encoder.encode(*image, "jpeg2k", params);
        const double theirs = reference ? psnr(value_of(cpu.decode(*reference, as_stored())), *image) : 0;
        std::printf("  ht %d quality %d %g: %s %.2f dB in %llu bytes, CPU %.2f dB in %llu\n", ht, int(type), value,
                    image == &smooth  ? "smooth"
                    : image == &noise ? "noise"
                                      : "16 bit",
                    ours, static_cast<unsigned long long>(streams[0].size()), theirs,
                    static_cast<unsigned long long>(reference ? reference->size() : 0));
        if (!reference) continue;
        EXPECT_GT(ours, theirs - 3) << "ht " << ht << " quality " << int(type);
        EXPECT_LT(ours, theirs + 6) << "ht " << ht << " quality " << int(type);
      }
    }
}

TEST_F(Vendor, TiffAgreesWithTheCpu) {
  DECODER_OR_SKIP("nvtiff");
  Encoder encoder = cpu_encoder();
  for (const TiffCompression compression : {TiffCompression::none, TiffCompression::lzw, TiffCompression::deflate})
    for (const unsigned channels : {1U, 3U, 4U})
      for (const SampleType type : {SampleType::u8, SampleType::u16, SampleType::f32}) {
        Pictures streams;
        EncodeParams params;
        params.tiff_compression = compression;
        for (const auto& [w, h] : {std::pair{256U, 192U}, {333U, 211U}, {640U, 513U}, {100U, 50U}}) {
          auto stream = encoder.encode(picture_of(spec_of(w, h, channels, type), w), "tiff", params);
          if (stream) streams.push_back(*std::move(stream));
        }
        if (streams.empty()) continue;
        Prepared probe;
        const Status accepted = prepare(*gpu, streams[0], as_stored(), probe);
        if (!accepted && compression == TiffCompression::deflate) {
          std::printf("  deflate: %s\n", accepted.error().describe().c_str());
          continue;
        }
        EXPECT_EQ(compare(*gpu, streams, as_stored()).largest, 0)
            << "compression " << int(compression) << " channels " << channels << " type " << int(type);
        if (type != SampleType::f32) {
          EXPECT_EQ(compare(*gpu, streams, {}, 10).largest, 0);
        }
        if (compression == TiffCompression::none) {
          check_regions(*gpu, streams[1], as_stored(), "tiff");
          continue;  // outside pinned memory left to the CPU
        }
        // From memory that the GPU cannot read.
        Pictures pageable;
        for (const CodeStream& stream : streams) {
          auto bytes = std::make_shared<std::vector<std::byte>>(bytes_of(stream));
          pageable.push_back(value_of(CodeStream::borrow(*bytes, bytes)));
        }
        EXPECT_EQ(compare(*gpu, pageable, as_stored()).largest, 0);
        if (compression == TiffCompression::deflate) continue;  // one alone is left to the CPU
        check_regions(*gpu, streams[1], as_stored(), "tiff");
      }
}

TEST_F(Vendor, TiffStreamOrderAndIsolation) {
  DECODER_OR_SKIP("nvtiff");
  Encoder encoder = cpu_encoder();
  EncodeParams params;
  params.tiff_compression = TiffCompression::lzw;
  Pictures streams;
  for (unsigned i = 0; i < 8; ++i) streams.push_back(value_of(encoder.encode(picture(500, 400, i), "tiff", params)));
  check_stream_order(*gpu, streams);
  auto off = decoder("nvtiff", "nvtiff_cuda_decoder:enable=0");
  Prepared prepared;
  EXPECT_FALSE(prepare(*off, streams[0], {}, prepared));
}

// Every file that a codec takes, against the CPU.
TEST_F(Vendor, FilesOfTheCorpus) {
  const char* folders = std::getenv("RESTRIDE_TEST_FILES");
  if (!folders) GTEST_SKIP() << "RESTRIDE_TEST_FILES is not set";
  namespace fs = std::filesystem;
  std::string rest = folders;
  Decoder cpu = cpu_decoder();
  for (const DeviceCodec& one : device_runtime()->codecs()) {
    if (!one.make_decoder) continue;
    auto gpu = one.make_decoder({});
    int taken = 0, refused = 0, failed = 0, differ = 0, cpu_failed = 0;
    for (std::size_t at = 0; at < rest.size();) {
      const std::size_t end = std::min(rest.find(':', at), rest.size());
      const std::string folder = rest.substr(at, end - at);
      at = end + 1;
      for (const fs::directory_entry& file : fs::recursive_directory_iterator(folder)) {
        if (!file.is_regular_file()) continue;
        auto stream = CodeStream::open(file.path().string());
        if (!stream || !stream->codec() || *stream->codec() != one.format) continue;
        // Several at a time, since some codecs leave a lone picture to others.
        std::array<Prepared, 4> prepared;
        std::vector<DecodeJob> jobs;
        for (Prepared& each : prepared)
          if (prepare(*gpu, *stream, as_stored(), each)) jobs.push_back(each.job);
        if (jobs.size() != prepared.size()) {
          ++refused;
          continue;
        }
        auto expected = cpu.decode(*stream, as_stored());
        Context context = driver.context();
        gpu->decode(jobs, context);
        ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess) << file.path();
        if (!jobs[0].status) {
          ++failed;
          std::printf("  %s %s: %s\n", std::string(one.name).c_str(), file.path().filename().c_str(),
                      jobs[0].status.error().describe().c_str());
          continue;
        }
        ++taken;
        if (!expected) {
          ++cpu_failed;
          std::printf("  %s %s: decoded, but the CPU says %s\n", std::string(one.name).c_str(),
                      file.path().filename().c_str(), expected.error().describe().c_str());
          continue;
        }
        const Difference d = difference_of(expected->spec().type, pixels_of(*expected), prepared[3].target->pixels());
        const bool reversible = one.exact && d.largest == 0;
        if (!reversible) {
          ++differ;
          std::printf("  %s %s: largest difference %d, mean %.4f\n", std::string(one.name).c_str(),
                      file.path().filename().c_str(), d.largest, d.mean);
        }
        EXPECT_LE(d.mean, one.exact ? 1 : 0.5) << file.path();
        EXPECT_LE(d.largest, one.exact ? 2 : kJpegTolerance) << file.path();
      }
    }
    std::printf(
        "%s: %d files decoded, of which %d differ and %d the CPU refuses; %d refused by plan, %d by the library\n",
        std::string(one.name).c_str(), taken, differ, cpu_failed, refused, failed);
  }
}

TEST_F(Vendor, ComesAndGoesWithoutLeaks) {
  const Pictures jpeg = jpegs({css_420});
  const Pictures j2k = j2ks(j2k_params(true, true, 0), 3, SampleType::u8);
  const MemoryStats before = memory_stats();
  MemoryStats warm = before;
  std::size_t free_warm = 0, free_now = 0, total = 0;
  for (int round = 0; round < 200; ++round) {
    for (const char* name : {"nvjpeg_hw", "nvjpeg", "nvjpeg2k"}) {
      auto gpu = decoder(name);
      if (!gpu) continue;
      const Pictures& streams = std::string_view(name) == "nvjpeg2k" ? j2k : jpeg;
      (void)pixels(*gpu, streams[static_cast<std::size_t>(round) % streams.size()], {});
    }
    if (round == 50) {
      warm = memory_stats();
      (void)cudaMemGetInfo(&free_warm, &total);
    }
  }
  (void)cudaMemGetInfo(&free_now, &total);
  const MemoryStats after = memory_stats();
  EXPECT_EQ(after.device.allocations, warm.device.allocations);
  EXPECT_EQ(after.pinned.allocations, warm.pinned.allocations);
  EXPECT_GE(free_now + (std::size_t{16} << 20), free_warm);
  std::printf("  device %llu bytes in %llu allocations, pinned %llu bytes in %llu\n",
              static_cast<unsigned long long>(after.device.bytes_in_use),
              static_cast<unsigned long long>(after.device.allocations),
              static_cast<unsigned long long>(after.pinned.bytes_in_use),
              static_cast<unsigned long long>(after.pinned.allocations));
  device_runtime()->trim();
  const MemoryStats trimmed = memory_stats();
  EXPECT_LT(trimmed.device.bytes_in_use, after.device.bytes_in_use);
  (void)pixels(*decoder("nvjpeg2k"), j2k[0], {});
}

}  // namespace
}  // namespace restride::test
