// SPDX-License-Identifier: Apache-2.0
// JPEG 2000, Part 1 and HT, by nvJPEG2000. The host threads read packet headers, a picture each; its tiles run side by
// side on lanes of their own, and the caller's stream waits for one event a picture.
#include <array>

#include "base/checked.h"
#include "cuda/vendor/codecs.h"
#include "cuda/vendor/jpeg2000.h"
#include "cuda/vendor/library.h"
#include "cuda/vendor/session.h"
#include "formats/jpeg2000/headers.h"
#include "memory/scratch.h"

namespace restride::cuda::vendor {
namespace {

using jpeg2000::Headers;
using jpeg2000::kMaxComponents;

// A decode state keeps several bytes for each sample of the largest picture it has seen, so large pictures get fewer.
constexpr std::size_t kLanes = 32, kLargeLanes = 8;
constexpr std::uint64_t kLargeSamples = std::uint64_t{8} << 20;

class DecodeLane final : public Lane {
 public:
  DecodeLane(int device, const Nvjpeg2k& api, nvj2k::Handle* handle) noexcept
      : Lane(device), api_(api), handle_(handle) {}
  ~DecodeLane() override {
    (void)(recorded_ && wait());
    if (params) (void)api_.DecodeParamsDestroy(params);
    if (parsed) (void)api_.StreamDestroy(parsed);
    if (state) (void)api_.DecodeStateDestroy(state);
  }
  Status open() {
    RESTRIDE_TRY(Lane::open());
    RESTRIDE_TRY(check_nvjpeg2k(api_.DecodeStateCreate(handle_, &state), "nvjpeg2kDecodeStateCreate"));
    RESTRIDE_TRY(check_nvjpeg2k(api_.StreamCreate(&parsed), "nvjpeg2kStreamCreate"));
    return check_nvjpeg2k(api_.DecodeParamsCreate(&params), "nvjpeg2kDecodeParamsCreate");
  }

  nvj2k::DecodeState* state = nullptr;
  nvj2k::Stream* parsed = nullptr;
  nvj2k::DecodeParams* params = nullptr;

 private:
  const Nvjpeg2k& api_;
  nvj2k::Handle* handle_;
};

class DecodeEngine {
 public:
  explicit DecodeEngine(int device) noexcept : device_(device), allocators_(device) {}

  Status open() {
    api = nvjpeg2k();
    if (!api) return fail(Errc::unsupported, "%s", library(Which::nvjpeg2k).missing().c_str());
    auto device = allocators_.device<nvj2k::DeviceAllocator>();
    auto pinned = allocators_.pinned<nvj2k::PinnedAllocator>();
    return check_nvjpeg2k(api->CreateV2(0, &device, &pinned, &handle), "nvjpeg2kCreateV2");
  }
  void trim() {
    lanes_.trim();
    large_.trim();
  }
  Result<Held<DecodeLane>> lane(bool large) {
    LanePool<DecodeLane>& pool = large ? large_ : lanes_;
    RESTRIDE_ASSIGN(DecodeLane * taken, pool.take([&]() -> Result<std::unique_ptr<DecodeLane>> {
      auto made = std::make_unique<DecodeLane>(device_, *api, handle);
      RESTRIDE_TRY(made->open());
      return made;
    }));
    return Held<DecodeLane>(pool, taken);
  }

  const Nvjpeg2k* api = nullptr;
  nvj2k::Handle* handle = nullptr;

 private:
  int device_;
  Allocators allocators_;
  LanePool<DecodeLane> lanes_{kLanes}, large_{kLargeLanes};
};

PerDevice<DecodeEngine>& engines() {
  static auto* const instance = new PerDevice<DecodeEngine>;
  return *instance;
}

const Headers& headers_of(const DecodeRequest& request) noexcept {
  return static_cast<const Headers&>(*request.stream->detail);
}

// The tiles of a picture in pixels as reduced; a picture of one tile is that tile.
struct Grid {
  std::int64_t width, height;            // of the picture
  std::int64_t tile_width, tile_height;  // cut at the right and bottom
  std::int64_t across, down;

  explicit Grid(const DecodeRequest& request) noexcept {
    const ImageInfo& info = request.info();
    const std::int64_t step = std::int64_t{1} << request.reduce;
    width = ceil_div<std::int64_t>(info.spec.width, step);
    height = ceil_div<std::int64_t>(info.spec.height, step);
    const bool one = headers_of(request).tiles == 1;
    tile_width = one ? width : info.tiles->tile_width / step;
    tile_height = one ? height : info.tiles->tile_height / step;
    across = one ? 1 : info.tiles->tiles_x;
    down = one ? 1 : info.tiles->tiles_y;
  }
  Rect tile(std::int64_t x, std::int64_t y) const noexcept {
    return intersect({x * tile_width, y * tile_height, tile_width, tile_height}, {0, 0, width, height});
  }
  // The smallest rectangle of whole tiles around `r`.
  Rect around(const Rect& r) const noexcept {
    const std::int64_t x = r.x / tile_width * tile_width, y = r.y / tile_height * tile_height;
    const std::int64_t right = std::min(width, ceil_div(r.right(), tile_width) * tile_width);
    const std::int64_t bottom = std::min(height, ceil_div(r.bottom(), tile_height) * tile_height);
    return {x, y, right - x, bottom - y};
  }
};

// Where a job's samples are decoded to.
struct Landing {
  Rect canvas;  // of the picture as reduced: the window, or more around it
  bool direct = false;
  bool subsampled = false;
  bool interleaved = false;
  std::size_t offset = 0;                          // in staging
  std::ptrdiff_t row = 0, pixel = 0, channel = 0;  // of the canvas
  std::size_t components = 0;                      // subsampled: where their planes start in staging
  std::array<void*, kMaxComponents> data{};        // of the canvas, a plane each or one for all
  std::array<std::size_t, kMaxComponents> pitch{};
};

Status check_takes(const DecodeRequest& request) {
  const Headers& headers = headers_of(request);
  const auto refused = [](const char* what) { return fail(Errc::unsupported, "nvJPEG2000: %s", what); };
  if (headers.x0 != 0 || headers.y0 != 0) return refused("pictures off the grid's origin are not supported");
  if (headers.unit_x != 1 || headers.unit_y != 1) return refused("subsampling of all components is not supported");
  if (headers.needs_mapping) return refused("palettes and reordered channels are not supported");
  if (!headers.uniform()) return refused("components of different depths are not supported");
  if (headers.component[0].bits > 16) return refused("more than 16 bits a sample are not supported");
  if (headers.subsampled()) {
    if (request.reduce != 0) return refused("subsampled pictures are not reduced while decoding");
    for (std::uint32_t c = 0; c < headers.components; ++c)
      if (headers.component[c].dx > 4 || headers.component[c].dy > 4)
        return refused("components subsampled more than four times are not supported");
  }
  const std::uint32_t step = 1U << request.reduce;
  const TileGeometry& tiles = *request.info().tiles;
  if (headers.tiles > 1 && (tiles.tile_width % step || tiles.tile_height % step))
    return refused("tiles of this size are not reduced while decoding");
  return {};
}

class Decoder final : public FormatDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    RESTRIDE_TRY(check_takes(request));
    const Headers& headers = headers_of(request);
    DecodePlan plan;
    plan.native = request.info().spec;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    const auto& c = headers.component;
    // Chroma that is subsampled is chroma, whatever the colour box says: writers leave it at sRGB.
    if (headers.components == 3 && c[0].dx == 1 && c[0].dy == 1 && (c[1].dx != 1 || c[1].dy != 1)) {
      plan.native.format = SampleFormat::p_ycc;
      plan.native.color = ColorSpec::sycc;
    }
    if (!request.wanted.planar()) plan.native.format = interleaved(plan.native.format);
    plan.cost = static_cast<double>(plan.native.width) * plan.native.height * headers.components * (headers.ht ? 1 : 8);
    return plan;
  }

  void decode(std::span<DecodeJob> jobs, Context& context) override {
    const DeviceScope scope(context.stream.device);
    Status status = run(jobs, context);
    for (DecodeJob& job : jobs)
      if (job.status && !status) job.status = status;
  }

 private:
  using Landings = std::vector<Landing>;

  Status run(std::span<DecodeJob> jobs, Context& context) {
    const Stream stream = context.stream;
    RESTRIDE_ASSIGN(DecodeEngine * engine, engines().get(stream.device));
    RESTRIDE_ASSIGN(Held<Call> call, begin_call(stream.device));
    auto landings = landings_.lease();
    landings->assign(jobs.size(), {});
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) bytes = place(jobs[i], (*landings)[i], bytes);
    RESTRIDE_ASSIGN(std::byte * memory, call->reserve(bytes));
    RESTRIDE_TRY(call->fork(handle(stream)));
    context.executor.for_each(jobs.size(), [&](std::size_t i) {
      const DeviceScope scope(stream.device);
      point(jobs[i], (*landings)[i], memory);
      jobs[i].status = decode_one(jobs[i], (*landings)[i], *engine, *call, stream);
    });
    RESTRIDE_TRY(upsample(jobs, *landings, memory, *call, stream));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const Landing& landing = (*landings)[i];
      if (!jobs[i].status || landing.direct) continue;
      const Rect& window = jobs[i].request.window;
      const std::byte* first = memory + landing.offset + (window.y - landing.canvas.y) * landing.row +
                               (window.x - landing.canvas.x) * landing.pixel;
      jobs[i].wrote = true;
      call->conversions.push_back(conversion_of(jobs[i], first, landing.row, landing.pixel, landing.channel));
    }
    return end_call(*call, stream, any_pinned(jobs));
  }

  // Chooses the job's landing; staging is taken from `at` on. Returns what is used up to then.
  static std::size_t place(const DecodeJob& job, Landing& landing, std::size_t at) {
    const DecodeRequest& request = job.request;
    const Headers& headers = headers_of(request);
    const ImageSpec& native = job.plan.native;
    const Grid grid(request);
    landing.subsampled = headers.subsampled();
    landing.canvas = landing.subsampled ? Rect{0, 0, grid.width, grid.height}
                     : request.reduce   ? grid.around(request.window)
                                        : request.window;
    landing.direct =
        !landing.subsampled && request.reduce == 0 && job.sink.direct() && plain_rows(job.sink.direct_view());
    landing.interleaved = native.channels > 1 && !native.planar() && !landing.subsampled;
    if (landing.direct) {
      const ImageView& target = job.sink.direct_view();
      landing.row = target.row_stride;
      landing.pixel = target.pixel_stride;
      landing.channel = target.channel_stride;
      return at;
    }
    const auto sample = static_cast<std::ptrdiff_t>(size_of(native.type));
    const auto channels = static_cast<std::ptrdiff_t>(native.channels);
    const bool planes = !landing.interleaved;
    landing.pixel = planes ? sample : sample * channels;
    landing.row = landing.pixel * landing.canvas.width;
    landing.channel = planes ? landing.row * landing.canvas.height : sample;
    landing.offset = at;
    at += aligned(static_cast<std::size_t>(sample * channels * landing.canvas.width * landing.canvas.height));
    if (!landing.subsampled) return at;
    landing.components = at;
    for (std::uint32_t c = 0; c < headers.components; ++c) at += component_bytes(request, c);
    return at;
  }

  // Of the plane of component `c`, where it is not at full size.
  static std::size_t component_bytes(const DecodeRequest& request, std::uint32_t c) noexcept {
    const jpeg2000::Component& component = headers_of(request).component[c];
    if (component.dx == 1 && component.dy == 1) return 0;
    const ImageSpec& spec = request.info().spec;
    return aligned(std::size_t{ceil_div<std::uint32_t>(spec.width, component.dx)} *
                   ceil_div<std::uint32_t>(spec.height, component.dy) * size_of(spec.type));
  }

  // Fills in the landing's addresses.
  static void point(const DecodeJob& job, Landing& landing, std::byte* memory) noexcept {
    const Headers& headers = headers_of(job.request);
    std::byte* base = landing.direct ? job.sink.direct_view().data : memory + landing.offset;
    std::byte* at = memory + landing.components;
    for (std::uint32_t c = 0; c < headers.components; ++c) {
      landing.data[c] = base + static_cast<std::ptrdiff_t>(c) * landing.channel;
      landing.pitch[c] = static_cast<std::size_t>(landing.row);
      if (!landing.subsampled) continue;
      const std::size_t bytes = component_bytes(job.request, c);
      if (bytes == 0) continue;
      landing.data[c] = at;
      landing.pitch[c] = std::size_t{ceil_div<std::uint32_t>(job.request.info().spec.width, headers.component[c].dx)} *
                         size_of(job.plan.native.type);
      at += bytes;
    }
  }

  Status decode_one(DecodeJob& job, const Landing& landing, DecodeEngine& engine, const Call& call,
                    Stream stream) const {
    const ByteSpan bytes = job.request.bytes;
    RESTRIDE_TRY(jpeg2000::find_tile_parts(bytes, headers_of(job.request)));
    const bool large = job.plan.native.bytes() / size_of(job.plan.native.type) > kLargeSamples;
    RESTRIDE_ASSIGN(Held<DecodeLane> lane, engine.lane(large));
    RESTRIDE_TRY(lane->follow(call.mark()));
    Status status =
        check_nvjpeg2k(engine.api->StreamParse(engine.handle, reinterpret_cast<const unsigned char*>(bytes.data()),
                                               bytes.size(), 0, 0, lane->parsed),
                       "nvjpeg2kStreamParse");
    if (status) {
      job.wrote = job.wrote || landing.direct;
      const bool tiles = headers_of(job.request).tiles > 1 && !landing.subsampled;
      status = tiles || job.request.reduce ? decode_tiles(job, landing, engine, *lane, call, large)
                                           : decode_image(job, landing, engine, *lane);
    }
    RESTRIDE_TRY(lane->finish(handle(stream)));
    return status;
  }

  static Status set_params(const Nvjpeg2k& api, DecodeLane& lane, const Landing& landing, const Rect& area) {
    RESTRIDE_TRY(check_nvjpeg2k(api.DecodeParamsSetRGBOutput(lane.params, 0), "nvjpeg2kDecodeParamsSetRGBOutput"));
    RESTRIDE_TRY(check_nvjpeg2k(
        api.DecodeParamsSetOutputFormat(lane.params, landing.interleaved ? nvj2k::kInterleaved : nvj2k::kPlanar),
        "nvjpeg2kDecodeParamsSetOutputFormat"));
    return check_nvjpeg2k(api.DecodeParamsSetDecodeArea(
                              lane.params, static_cast<std::uint32_t>(area.x), static_cast<std::uint32_t>(area.right()),
                              static_cast<std::uint32_t>(area.y), static_cast<std::uint32_t>(area.bottom())),
                          "nvjpeg2kDecodeParamsSetDecodeArea");
  }

  static Status decode_image(const DecodeJob& job, const Landing& landing, DecodeEngine& engine, DecodeLane& lane) {
    const Grid grid(job.request);
    const bool whole = landing.canvas == Rect{0, 0, grid.width, grid.height};
    RESTRIDE_TRY(set_params(*engine.api, lane, landing, whole ? Rect{} : landing.canvas));
    auto data = landing.data;
    auto pitch = landing.pitch;
    nvj2k::Image image{data.data(), pitch.data(), pixel_type(job.plan.native.type), job.plan.native.channels};
    return check_nvjpeg2k(
        engine.api->DecodeImage(engine.handle, lane.state, lane.parsed, lane.params, &image, lane.stream()),
        "nvjpeg2kDecodeImage");
  }

  // The tiles that meet the canvas: the first on `lane` itself, which then waits for the others.
  static Status decode_tiles(const DecodeJob& job, const Landing& landing, DecodeEngine& engine, DecodeLane& lane,
                             const Call& call, bool large) {
    const Grid grid(job.request);
    const Rect& canvas = landing.canvas;
    bool first = true;
    for (std::int64_t y = canvas.y / grid.tile_height; y * grid.tile_height < canvas.bottom(); ++y)
      for (std::int64_t x = canvas.x / grid.tile_width; x * grid.tile_width < canvas.right(); ++x) {
        const auto index = static_cast<std::uint32_t>(y * grid.across + x);
        const Rect part = intersect(grid.tile(x, y), canvas);
        if (first) {
          RESTRIDE_TRY(decode_tile(job, landing, engine, lane, lane, index, part));
          first = false;
          continue;
        }
        RESTRIDE_ASSIGN(Held<DecodeLane> other, engine.lane(large));
        RESTRIDE_TRY(other->follow(call.mark()));
        Status status = decode_tile(job, landing, engine, lane, *other, index, part);
        RESTRIDE_TRY(other->finish(lane.stream()));
        if (!status) return status;
      }
    return {};
  }

  static Status decode_tile(const DecodeJob& job, const Landing& landing, DecodeEngine& engine,
                            const DecodeLane& picture, DecodeLane& lane, std::uint32_t index, const Rect& part) {
    const Nvjpeg2k& api = *engine.api;
    std::uint32_t resolutions = 0;  // all
    if (job.request.reduce) {
      RESTRIDE_TRY(check_nvjpeg2k(api.StreamGetResolutionsInTile(picture.parsed, index, &resolutions),
                                  "nvjpeg2kStreamGetResolutionsInTile"));
      if (resolutions <= job.request.reduce)
        return fail(Errc::unsupported, "nvJPEG2000: tile %u has %u resolutions only", index, resolutions);
      resolutions -= job.request.reduce;
    }
    RESTRIDE_TRY(set_params(api, lane, landing, job.request.reduce ? Rect{} : part));
    auto data = landing.data;
    auto pitch = landing.pitch;
    for (std::uint32_t c = 0; c < job.plan.native.channels; ++c)
      data[c] = static_cast<std::byte*>(data[c]) + (part.y - landing.canvas.y) * landing.row +
                (part.x - landing.canvas.x) * landing.pixel;
    nvj2k::Image image{data.data(), pitch.data(), pixel_type(job.plan.native.type), job.plan.native.channels};
    return check_nvjpeg2k(api.DecodeTile(engine.handle, lane.state, picture.parsed, lane.params, index, resolutions,
                                         &image, lane.stream()),
                          "nvjpeg2kDecodeTile");
  }

  // Brings subsampled components to full size by repeating samples: a conversion for each place in a data unit, all
  // pictures in one launch.
  static Status upsample(std::span<DecodeJob> jobs, const Landings& landings, std::byte* memory, Call& call,
                         Stream stream) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!jobs[i].status || !landings[i].subsampled) continue;
      const Headers& headers = headers_of(jobs[i].request);
      for (std::uint32_t c = 0; c < headers.components; ++c)
        if (component_bytes(jobs[i].request, c)) spread(jobs[i], landings[i], memory, c, call);
    }
    Status status = convert(call, stream);
    call.conversions.clear();
    return status;
  }

  static void spread(const DecodeJob& job, const Landing& landing, std::byte* memory, std::uint32_t c, Call& call) {
    const jpeg2000::Component& component = headers_of(job.request).component[c];
    ImageSpec one = job.plan.native;
    one.channels = 1;
    one.format = SampleFormat::p_y;
    one.color = ColorSpec::gray;
    for (std::int64_t py = 0; py < component.dy; ++py)
      for (std::int64_t px = 0; px < component.dx; ++px) {
        ImageView to;
        to.spec = one;
        to.data = memory + landing.offset + static_cast<std::ptrdiff_t>(c) * landing.channel + py * landing.row +
                  px * landing.pixel;
        to.row_stride = component.dy * landing.row;
        to.pixel_stride = component.dx * landing.pixel;
        const std::int64_t width = ceil_div<std::int64_t>(landing.canvas.width - px, component.dx);
        const std::int64_t height = ceil_div<std::int64_t>(landing.canvas.height - py, component.dy);
        if (width <= 0 || height <= 0) continue;
        call.conversions.push_back({plan_conversion(one, to, width, height, Orientation::normal),
                                    static_cast<const std::byte*>(landing.data[c]),
                                    static_cast<std::ptrdiff_t>(landing.pitch[c]), landing.pixel, 0, width, height});
      }
  }

  StatePool<Landings> landings_;
};

}  // namespace

std::unique_ptr<FormatDecoder> make_jpeg2000_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }
void trim_jpeg2000_decoder() { engines().trim(); }

}  // namespace restride::cuda::vendor
