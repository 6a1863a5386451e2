// SPDX-License-Identifier: Apache-2.0
// TIFF by nvTIFF: strips and tiles, LZW, and Deflate with nvCOMP, whose samples are what the file stores. JPEG inside
// TIFF, palettes and what is rare stay with the CPU, whose pixels those must equal.
#include <cstring>

#include "cuda/vendor/codecs.h"
#include "cuda/vendor/library.h"
#include "cuda/vendor/session.h"
#include "formats/tiff/directory.h"
#include "memory/scratch.h"

namespace restride::cuda::vendor {
namespace {

using tiff::Compression;
using tiff::Directory;
using tiff::Photometric;

constexpr std::size_t kLanes = 32;
constexpr const char* kModule = "nvtiff_cuda_decoder";
// nvCOMP inflates a strip by one warp. On an H100 with 16 CPU cores a picture of 1920 x 1280 takes 6.4 ms alone and 1.1
// ms in a batch of eight, where the CPU takes 2.6 and 2.1 ms.
constexpr std::ptrdiff_t kWorthDeflate = 4;
// Of files that are copied into pinned memory in one call.
constexpr std::size_t kMostCopied = std::size_t{1} << 30;

Status check_nvtiff(int status, const char* function) {
  if (status == nvt::success) [[likely]]
    return {};
  return fail(Errc::unsupported, "%s: %s (%d)", function, nvt::status_name(status), status);
}

class TiffLane final : public Lane {
 public:
  TiffLane(int device, const Nvtiff& api, Allocators& allocators) noexcept
      : Lane(device), api_(api), allocators_(allocators) {}
  ~TiffLane() override {
    (void)(recorded_ && wait());
    if (params) (void)api_.DecodeParamsDestroy(params);
    if (decoder) (void)api_.DecoderDestroy(decoder, stream_);
  }
  Status open() {
    RESTRIDE_TRY(Lane::open());
    auto device = allocators_.device<nvt::DeviceAllocator>();
    auto pinned = allocators_.pinned<nvt::PinnedAllocator>();
    RESTRIDE_TRY(check_nvtiff(api_.DecoderCreate(&decoder, &device, &pinned, stream_), "nvtiffDecoderCreate"));
    RESTRIDE_TRY(check_nvtiff(api_.DecodeParamsCreate(&params), "nvtiffDecodeParamsCreate"));
    return check_nvtiff(api_.DecodeParamsSetOutputFormat(params, nvt::kOutputUnchangedInterleaved),
                        "nvtiffDecodeParamsSetOutputFormat");
  }
  // The file must stay open until the GPU is done with it.
  void close() noexcept {
    if (file) (void)api_.StreamClose(file);
    file = nullptr;
  }

  nvt::Decoder* decoder = nullptr;
  nvt::DecodeParams* params = nullptr;
  nvt::Stream* file = nullptr;

 private:
  const Nvtiff& api_;
  Allocators& allocators_;
};

class TiffEngine {
 public:
  explicit TiffEngine(int device) noexcept : device_(device), allocators_(device) {}

  Status open() {
    api = nvtiff();
    return api ? Status() : Status(fail(Errc::unsupported, "%s", library(Which::nvtiff).missing().c_str()));
  }
  void trim() { lanes_.trim(); }
  Result<TiffLane*> take() {
    return lanes_.take([&]() -> Result<std::unique_ptr<TiffLane>> {
      auto made = std::make_unique<TiffLane>(device_, *api, allocators_);
      RESTRIDE_TRY(made->open());
      return made;
    });
  }
  void give(TiffLane* lane) noexcept { lanes_.give(lane); }

  const Nvtiff* api = nullptr;

 private:
  int device_;
  Allocators allocators_;
  LanePool<TiffLane> lanes_{kLanes};
};

PerDevice<TiffEngine>& engines() {
  static auto* const instance = new PerDevice<TiffEngine>;
  return *instance;
}

const Directory& directory_of(const DecodeRequest& request) noexcept {
  return static_cast<const tiff::TiffDetail&>(*request.stream->detail).directories[request.image];
}

Status check_takes(const Directory& d) {
  const auto refused = [](const char* what) { return fail(Errc::unsupported, "nvTIFF: %s", what); };
  switch (d.compression) {
    case Compression::none:
      return refused("uncompressed pictures are sent as they are, which is faster");
    case Compression::lzw:
      break;
    case Compression::deflate:
    case Compression::old_deflate:
      if (!open_nvcomp()) return refused("Deflate needs nvCOMP");
      break;
    default:
      return refused("this compression is left to the CPU");
  }
  if (d.bits != 8 && d.bits != 16 && d.bits != 32) return refused("samples of 8, 16 and 32 bits are supported");
  if (d.sample_format < 1 || d.sample_format > 3 || (d.sample_format == 3 && d.bits != 32))
    return refused("this kind of samples is not supported");
  if (d.predictor != 1 && d.predictor != 2) return refused("this predictor is not supported");
  const bool gray = d.photometric == Photometric::min_is_black && d.samples <= 2;
  const bool rgb = d.photometric == Photometric::rgb && (d.samples == 3 || d.samples == 4);
  if (!gray && !rgb) return refused("gray and RGB are supported");
  if (d.planar || d.mixed_samples || d.reversed_bits || d.sparse) return refused("this layout is not supported");
  return {};
}

bool deflated(const DecodeJob& job) noexcept {
  const Compression compression = directory_of(job.request).compression;
  return compression == Compression::deflate || compression == Compression::old_deflate;
}

// nvTIFF copies strip by strip, several times slower from memory that the GPU cannot read. A file that is needed for
// the most part is brought into such memory first.
bool worth_copying(const DecodeJob& job) noexcept {
  const DecodeRequest& request = job.request;
  const ImageSpec& whole = request.info().spec;
  const bool most_pixels =
      2 * request.window.width * request.window.height >= std::int64_t{whole.width} * std::int64_t{whole.height};
  return most_pixels && directory_of(request).coded_bytes >= request.bytes.size() / 2 && !pinned(job);
}

struct Landing {
  std::size_t offset = 0;  // in staging, if not direct
  bool direct = false;
  bool copied = false;  // the file is at copy_offset in pinned memory
  std::size_t copy_offset = 0;
};

class Decoder final : public FormatDecoder {
 public:
  explicit Decoder(const CodecOptions& options) : enabled_(option_value(options.options, kModule, "enable", 1) != 0) {}

  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    if (!enabled_) return fail(Errc::unsupported, "nvTIFF is switched off (%s:enable=0)", kModule);
    if (request.reduce != 0) return fail(Errc::unsupported, "nvTIFF: pictures are not reduced while decoding");
    const Directory& d = directory_of(request);
    RESTRIDE_TRY(check_takes(d));
    constexpr SampleFormat kFormats[] = {SampleFormat::i_y, SampleFormat::i_ya, SampleFormat::i_rgb,
                                         SampleFormat::i_rgba};
    DecodePlan plan;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    plan.native.channels = d.samples;
    plan.native.type = d.type();
    plan.native.format = kFormats[d.samples - 1];
    plan.native.color = d.samples <= 2 ? ColorSpec::gray : ColorSpec::srgb;
    plan.native.precision = d.precision();
    plan.cost = static_cast<double>(plan.native.bytes());
    return plan;
  }

  void decode(std::span<DecodeJob> jobs, Context& context) override {
    const DeviceScope scope(context.stream.device);
    auto work = work_.lease();
    auto engine = engines().get(context.stream.device);
    Status status = engine ? run(jobs, *work, **engine, context) : Status(engine.error());
    // Until here the GPU may have been reading the files.
    for (TiffLane* lane : work->lanes) {
      if (!lane) continue;
      Status done = lane->wait();
      if (status) status = std::move(done);
      lane->close();
      (*engine)->give(lane);
    }
    work->lanes.clear();
    for (DecodeJob& job : jobs)
      if (job.status && !status) job.status = status;
  }

 private:
  // Memory of a call, and how much of it is needed.
  struct Room {
    std::byte* pixels = nullptr;  // device
    std::byte* files = nullptr;   // pinned
    std::size_t pixel_bytes = 0, file_bytes = 0;
  };
  struct Work {
    std::vector<Landing> landings;
    std::vector<TiffLane*> lanes;
  };

  static Status run(std::span<DecodeJob> jobs, Work& work, TiffEngine& engine, Context& context) {
    const Stream stream = context.stream;
    RESTRIDE_ASSIGN(Held<Call> call, begin_call(stream.device));
    const bool worth_deflate = std::count_if(jobs.begin(), jobs.end(), deflated) >= kWorthDeflate;
    for (DecodeJob& job : jobs) job.status = check_worth(job, worth_deflate);
    Room room = place(jobs, work.landings);
    work.lanes.assign(jobs.size(), nullptr);
    RESTRIDE_ASSIGN(room.pixels, call->reserve(room.pixel_bytes));
    RESTRIDE_ASSIGN(room.files, call->reserve_pinned(room.file_bytes));
    RESTRIDE_TRY(call->fork(handle(stream)));
    context.executor.for_each(jobs.size(), [&](std::size_t i) {
      const DeviceScope scope(stream.device);
      if (jobs[i].status)
        jobs[i].status = decode_one(jobs[i], work.landings[i], room, work.lanes[i], engine, *call, stream);
    });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!jobs[i].status || work.landings[i].direct) continue;
      const ImageView view = dense_view(room.pixels + work.landings[i].offset, jobs[i].plan.native, Memory::device);
      jobs[i].wrote = true;
      call->conversions.push_back(
          conversion_of(jobs[i], view.data, view.row_stride, view.pixel_stride, view.channel_stride));
    }
    return end_call(*call, stream, false);  // decode() waits in any case
  }

  // What the CPU does faster is left to it.
  static Status check_worth(const DecodeJob& job, bool worth_deflate) {
    if (deflated(job) && !worth_deflate)
      return fail(Errc::unsupported, "nvTIFF: so few pictures with Deflate are faster on the CPU");
    return {};
  }

  static Room place(std::span<const DecodeJob> jobs, std::vector<Landing>& landings) {
    landings.assign(jobs.size(), {});
    Room room;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!jobs[i].status) continue;
      Landing& landing = landings[i];
      landing.direct = jobs[i].sink.direct() && plain_rows(jobs[i].sink.direct_view());
      landing.offset = room.pixel_bytes;
      if (!landing.direct) room.pixel_bytes += aligned(static_cast<std::size_t>(jobs[i].plan.native.bytes()));
      const std::size_t file = aligned(jobs[i].request.bytes.size());
      landing.copied = worth_copying(jobs[i]) && room.file_bytes + file <= kMostCopied;
      landing.copy_offset = room.file_bytes;
      if (landing.copied) room.file_bytes += file;
    }
    return room;
  }

  static Status decode_one(DecodeJob& job, const Landing& landing, const Room& room, TiffLane*& lane,
                           TiffEngine& engine, const Call& call, Stream stream) {
    RESTRIDE_ASSIGN(lane, engine.take());
    RESTRIDE_TRY(lane->follow(call.mark()));
    Status status = decode_on(job, landing, room, *lane, *engine.api);
    RESTRIDE_TRY(lane->finish(handle(stream)));
    return status;
  }

  static Status decode_on(DecodeJob& job, const Landing& landing, const Room& room, TiffLane& lane, const Nvtiff& api) {
    const DecodeRequest& request = job.request;
    const std::byte* bytes = request.bytes.data();
    if (landing.copied) {
      std::memcpy(room.files + landing.copy_offset, bytes, request.bytes.size());
      bytes = room.files + landing.copy_offset;
    }
    RESTRIDE_TRY(
        check_nvtiff(api.StreamOpen(reinterpret_cast<const std::uint8_t*>(bytes), request.bytes.size(), &lane.file),
                     "nvtiffStreamOpen"));
    const nvt::Region region{static_cast<std::size_t>(request.info().ifd_offset),
                             static_cast<std::int32_t>(request.window.x), static_cast<std::int32_t>(request.window.y),
                             static_cast<std::uint32_t>(request.window.width),
                             static_cast<std::uint32_t>(request.window.height)};
    RESTRIDE_TRY(check_nvtiff(api.DecodeParamsSetRegions(lane.params, &region, 1), "nvtiffDecodeParamsSetRegions"));
    void* data = landing.direct ? job.sink.direct_view().data : room.pixels + landing.offset;
    std::size_t pitch = landing.direct ? static_cast<std::size_t>(job.sink.direct_view().row_stride)
                                       : static_cast<std::size_t>(job.plan.native.row_bytes());
    nvt::Image image{&data, &pitch, 1};
    job.wrote = job.wrote || landing.direct;
    return check_nvtiff(api.Decode(lane.file, lane.decoder, lane.params, &image, lane.stream()), "nvtiffDecode");
  }

  bool enabled_;
  StatePool<Work> work_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_tiff_decoder(const CodecOptions& options) {
  return std::make_unique<Decoder>(options);
}
void trim_tiff() { engines().trim(); }

}  // namespace restride::cuda::vendor
