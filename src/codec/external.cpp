// SPDX-License-Identifier: Apache-2.0
#include "codec/external.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "base/checked.h"
#include "base/error_util.h"
#include "image/convert/pixels.h"

namespace restride {
namespace {

constexpr std::uint32_t kMaxChannels = 32;
constexpr std::uint32_t kMaxSide = 0x7fffffff;

// What a function of the table left behind, as our error.
Error error_of(const ExternalCodec& codec, const char* doing, std::int32_t code, restride_error& said, bool encoding) {
  said.message[sizeof said.message - 1] = 0;
  const char* name = codec.format().name.data();
  if (code < 0 || code > RESTRIDE_EXTENSION)
    return fail(Errc::extension, "codec %s: %s gave %d, which is no code", name, doing, code);
  auto kind = static_cast<Errc>(code - 1);
  // A stream is data, not a call: its codec cannot blame the caller, whose whole batch that would end.
  if (kind == Errc::invalid_argument && !encoding) kind = Errc::extension;
  const bool damaged = kind == Errc::corrupt || kind == Errc::truncated;
  if (damaged && said.offset == RESTRIDE_NO_OFFSET) said.offset = 0;
  const char* why = said.message[0] ? said.message : "it gave no reason";
  return fail_at(kind, said.offset, "codec %s, %s: %s", name, doing, why);
}

// Calls a function of the table; whatever it throws becomes an error.
template <class F>
Status call(const ExternalCodec& codec, const char* doing, F&& function, bool encoding = false) {
  restride_error said{};
  said.offset = RESTRIDE_NO_OFFSET;
  const char* name = codec.format().name.data();
  try {
    const std::int32_t code = function(&said);
    if (code == RESTRIDE_OK) return {};
    return error_of(codec, doing, code, said, encoding);
  } catch (const std::exception& e) {
    return fail(Errc::extension, "codec %s, %s: it threw \"%s\"", name, doing, e.what());
  } catch (...) {
    return fail(Errc::extension, "codec %s, %s: it threw something", name, doing);
  }
}

SampleFormat usual_format(std::uint32_t channels, ColorSpec color) noexcept {
  switch (channels) {
    case 1:
      return SampleFormat::i_y;
    case 2:
      return SampleFormat::i_ya;
    case 3:
      return color == ColorSpec::sycc ? SampleFormat::i_ycc : SampleFormat::i_rgb;
    case 4:
      return color == ColorSpec::cmyk   ? SampleFormat::i_cmyk
             : color == ColorSpec::ycck ? SampleFormat::i_ycck
                                        : SampleFormat::i_rgba;
    default:
      return SampleFormat::i_unchanged;
  }
}

ColorSpec usual_color(SampleFormat format) noexcept {
  switch (format) {
    case SampleFormat::i_y:
    case SampleFormat::i_ya:
      return ColorSpec::gray;
    case SampleFormat::i_ycc:
      return ColorSpec::sycc;
    case SampleFormat::i_cmyk:
      return ColorSpec::cmyk;
    case SampleFormat::i_ycck:
      return ColorSpec::ycck;
    case SampleFormat::i_unchanged:
      return ColorSpec::unchanged;
    default:
      return ColorSpec::srgb;
  }
}

// A codec's description of pixels, checked and completed.
Result<ImageSpec> spec_of(const ExternalCodec& codec, const char* doing, const restride_spec& s) {
  const auto lied = [&](const char* what, long long value) {
    return fail(Errc::extension, "codec %s, %s: %s cannot be %lld", codec.format().name.data(), doing, what, value);
  };
  if (s.width < 1 || s.width > kMaxSide) return lied("the width", s.width);
  if (s.height < 1 || s.height > kMaxSide) return lied("the height", s.height);
  if (s.channels < 1 || s.channels > kMaxChannels) return lied("the number of channels", s.channels);
  if (s.sample_type < 0 || s.sample_type > RESTRIDE_F64) return lied("the sample type", s.sample_type);
  if (s.color < 0 || s.color > RESTRIDE_COLOR_YCCK) return lied("the colour", s.color);
  ImageSpec spec;
  spec.width = s.width;
  spec.height = s.height;
  spec.channels = s.channels;
  spec.type = static_cast<SampleType>(s.sample_type);
  spec.color = static_cast<ColorSpec>(s.color);
  spec.format = static_cast<SampleFormat>(s.format);
  if (s.format < 0 || s.format > RESTRIDE_I_CMYK || is_planar(spec.format)) return lied("the format", s.format);
  if (spec.format == SampleFormat::unknown) spec.format = usual_format(spec.channels, spec.color);
  if (channels_of(spec.format) && channels_of(spec.format) != spec.channels)
    return lied("the number of channels of this format", spec.channels);
  if (spec.color == ColorSpec::unchanged) spec.color = usual_color(spec.format);
  if (s.precision > 8 * size_of(spec.type)) return lied("the precision", s.precision);
  spec.precision = static_cast<std::uint8_t>(s.precision ? s.precision : 8 * size_of(spec.type));
  return spec;
}

restride_spec c_spec(const ImageSpec& s) noexcept {
  return {s.width,
          s.height,
          s.channels,
          static_cast<std::int32_t>(s.type),
          static_cast<std::int32_t>(s.format),
          static_cast<std::int32_t>(s.color),
          s.bits(),
          0};
}

// Rows of whole pixels, each after the other: what tables of functions are given.
bool interleaved_rows(const ImageView& view) noexcept {
  const auto sample = static_cast<std::ptrdiff_t>(size_of(view.spec.type));
  return view.pixel_stride == sample * static_cast<std::ptrdiff_t>(view.spec.channels) &&
         (view.spec.channels == 1 || view.channel_stride == sample);
}

// What the callbacks of a job work on.
struct Host {
  Scratch* scratch;
  ByteSink* sink = nullptr;
  std::size_t reserved = 0;
  bool overran = false;

  static void* allocate(void* host, std::size_t bytes) { return static_cast<Host*>(host)->scratch->allocate(bytes); }
  static void* reserve(void* host, std::size_t bytes) {
    auto* self = static_cast<Host*>(host);
    std::byte* room = self->sink->reserve(bytes);
    self->reserved = room ? bytes : 0;
    return room;
  }
  static void commit(void* host, std::size_t bytes) {
    auto* self = static_cast<Host*>(host);
    self->overran |= bytes > self->reserved;
    if (!self->overran) self->sink->commit(bytes);
    self->reserved -= self->overran ? 0 : bytes;
  }
};

class ExternalDecoder final : public ImageDecoder {
 public:
  explicit ExternalDecoder(const ExternalCodec& codec) noexcept : codec_(codec) {}

  Result<DecodePlan> plan(const DecodeRequest& request) const override {
    DecodePlan plan;
    plan.native = request.info().spec;
    plan.native.width = static_cast<std::uint32_t>(request.window.width);
    plan.native.height = static_cast<std::uint32_t>(request.window.height);
    const ImageSpec& decoded = by_window(request) ? plan.native : request.info().spec;
    const bool straight = by_window(request) && same_samples(plan.native, request.wanted) &&
                          request.info().orientation == Orientation::normal;
    plan.scratch = straight ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(decoded.bytes(), SIZE_MAX));
    plan.cost = static_cast<double>(decoded.width) * decoded.height;
    return plan;
  }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context&) override {
    const bool windowed = by_window(job.request);
    const ImageSpec& stored = job.request.info().spec;
    const Rect& window = job.request.window;
    const bool straight = windowed && job.sink.direct() && interleaved_rows(job.sink.direct_view());
    ImageSpec decoded = windowed ? job.plan.native : stored;
    ImageView place = straight ? job.sink.direct_view() : dense_view(nullptr, decoded);
    if (!straight) {
      place.data =
          decoded.bytes() > SIZE_MAX / 2 ? nullptr : scratch.allocate(static_cast<std::size_t>(decoded.bytes()));
      if (!place.data) return fail(Errc::out_of_memory, "no memory for the decoded picture");
    }
    RESTRIDE_TRY(
        decode_into(job, place, windowed ? window : Rect{0, 0, stored.width, stored.height}, scratch, straight));
    if (straight) return {};
    job.wrote = true;
    if (!windowed) place = place.crop(window);
    job.sink.put_interleaved({0, 0, window.width, window.height}, place.data, place.row_stride);
    return {};
  }

 private:
  // The codec decodes just the window: it is all there is, or the codec can.
  bool by_window(const DecodeRequest& request) const noexcept {
    const ImageSpec& stored = request.info().spec;
    return (codec_.table().flags & RESTRIDE_CODEC_REGIONS) || request.window == Rect{0, 0, stored.width, stored.height};
  }

  Status decode_into(DecodeJob& job, const ImageView& place, const Rect& window, Scratch& scratch, bool straight) {
    Host host{&scratch};
    restride_decode_job c{};
    c.struct_size = sizeof c;
    c.bytes = reinterpret_cast<const std::uint8_t*>(job.request.bytes.data());
    c.size = job.request.bytes.size();
    c.picture = c_spec(job.request.info().spec);
    c.window = {window.x, window.y, window.width, window.height};
    c.pixels = place.data;
    c.row_stride = place.row_stride;
    c.host = &host;
    c.allocate = Host::allocate;
    const restride_codec& table = codec_.table();
    Status status = call(codec_, "decoding", [&](restride_error* e) { return table.decode(table.self, &c, e); });
    job.wrote = straight && (status || c.rows_done > 0);
    RESTRIDE_TRY(std::move(status));
    if (c.rows_done == window.height) return {};
    return fail(Errc::extension, "codec %s, decoding: it said success after %u of %lld rows",
                codec_.format().name.data(), c.rows_done, static_cast<long long>(window.height));
  }

  const ExternalCodec& codec_;
};

class ExternalEncoder final : public ImageEncoder {
 public:
  explicit ExternalEncoder(const ExternalCodec& codec) noexcept : codec_(codec) {}

  Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const override {
    const char* name = codec_.format().name.data();
    if (params.tile_width) return fail(Errc::unsupported, "codec %s has no tiles", name);
    ImageSpec offered = input;
    offered.format = interleaved(input.format);
    if (params.color == ColorSpec::gray) {
      offered.channels = 1;
      offered.format = SampleFormat::i_y;
      offered.color = ColorSpec::gray;
    } else if (params.color != ColorSpec::unchanged && params.color != ColorSpec::srgb) {
      return fail(Errc::unsupported, "codec %s: color_spec UNCHANGED, SRGB or GRAY", name);
    } else if (offered.format == SampleFormat::i_bgr || offered.format == SampleFormat::i_ycc) {
      offered.format = SampleFormat::i_rgb;
      offered.color = ColorSpec::srgb;
    } else if (channels_of(offered.format) != offered.channels) {
      offered.format = usual_format(offered.channels, offered.color);
    }
    const restride_spec before = c_spec(offered);
    restride_spec wanted = before;
    const restride_codec& table = codec_.table();
    if (table.accepts)
      RESTRIDE_TRY(call(
          codec_, "choosing pixels to encode",
          [&](restride_error* e) { return table.accepts(table.self, &before, &wanted, e); }, true));
    EncodePlan plan;
    RESTRIDE_ASSIGN(plan.wanted, spec_of(codec_, "choosing pixels to encode", wanted));
    if (plan.wanted.width != input.width || plan.wanted.height != input.height)
      return fail(Errc::extension, "codec %s, choosing pixels to encode: it asked for another size", name);
    plan.cost = static_cast<double>(input.width) * input.height;
    return plan;
  }

 protected:
  Status encode_one(EncodeJob& job, Scratch& scratch, Context&) override {
    const ImageSpec& spec = job.plan.wanted;
    ImageView pixels = job.source.view();
    if (!job.source.direct() || !interleaved_rows(pixels)) {
      pixels = dense_view(spec.bytes() > SIZE_MAX / 2 ? nullptr : scratch.allocate(spec.bytes()), spec);
      if (!pixels.data) return fail(Errc::out_of_memory, "no memory for the pixels to encode");
      job.source.get({0, 0, spec.width, spec.height}, pixels);
    }
    Host host{&scratch, job.sink};
    restride_encode_job c{};
    c.struct_size = sizeof c;
    c.picture = c_spec(spec);
    c.pixels = pixels.data;
    c.row_stride = pixels.row_stride;
    c.quality_type = static_cast<std::int32_t>(job.params->quality_type);
    c.quality_value = job.params->quality_value;
    c.host = &host;
    c.allocate = Host::allocate;
    c.reserve = Host::reserve;
    c.commit = Host::commit;
    const restride_codec& table = codec_.table();
    RESTRIDE_TRY(call(
        codec_, "encoding", [&](restride_error* e) { return table.encode(table.self, &c, e); }, true));
    const char* name = codec_.format().name.data();
    if (host.overran)
      return fail(Errc::extension, "codec %s, encoding: it committed more bytes than it had reserved", name);
    if (job.sink->size() == 0)
      return fail(Errc::extension, "codec %s, encoding: it said success, but wrote nothing", name);
    return {};
  }

 private:
  const ExternalCodec& codec_;
};

bool valid_name(std::string_view name, bool dot) noexcept {
  if (name.size() < 1U + dot || name.size() > 32 || (dot && name[0] != '.')) return false;
  return std::all_of(name.begin() + dot, name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

constexpr std::size_t kMaxExtensions = 32;

}  // namespace

Result<std::unique_ptr<ExternalCodec>> ExternalCodec::make(const restride_codec& table) {
  if (table.struct_size < sizeof table || table.abi != RESTRIDE_CODEC_ABI)
    return fail(Errc::invalid_argument,
                "the codec was built for another version of restride/codec.h: ABI %u with %zu bytes, here %u with %zu",
                table.abi, table.struct_size, RESTRIDE_CODEC_ABI, sizeof table);
  if (!table.name || !valid_name(table.name, false))
    return fail(Errc::invalid_argument, "a codec needs a name of 1 to 32 lower case letters and digits");
  if (!table.decode && !table.encode)
    return fail(Errc::invalid_argument, "codec %s neither decodes nor encodes", table.name);
  if (table.decode && (!table.probe || !table.info))
    return fail(Errc::invalid_argument, "codec %s decodes, but has no probe or no info", table.name);
  std::unique_ptr<ExternalCodec> codec(new ExternalCodec);
  codec->table_ = table;
  codec->name_ = table.name;
  codec->implementation_ = table.implementation ? table.implementation : table.name;
  for (const char* const* e = table.extensions; e && *e; ++e) {
    if (!valid_name(*e, true) || codec->extensions_.size() == kMaxExtensions)
      return fail(Errc::invalid_argument,
                  "codec %s: an extension is a dot and lower case letters and digits, and there are at most %zu",
                  table.name, kMaxExtensions);
    codec->extensions_.emplace_back(*e);
  }
  codec->extension_views_.assign(codec->extensions_.begin(), codec->extensions_.end());
  codec->format_ = {codec->name_, codec->extension_views_, nullptr, nullptr};
  codec->table_.name = codec->name_.c_str();
  codec->table_.implementation = codec->implementation_.c_str();
  codec->table_.extensions = nullptr;  // the caller's array may go away
  return codec;
}

bool ExternalCodec::probe(ByteSpan bytes) const noexcept {
  if (!decodes()) return false;
  try {
    return table_.probe(table_.self, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()) != 0;
  } catch (...) {
    return false;
  }
}

Result<std::unique_ptr<StreamInfo>> ExternalCodec::parse(ByteSpan bytes) const {
  restride_picture picture{};
  picture.struct_size = sizeof picture;
  RESTRIDE_TRY(call(*this, "reading headers", [&](restride_error* e) {
    return table_.info(table_.self, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), &picture, e);
  }));
  auto info = std::make_unique<StreamInfo>();
  info->format = &format_;
  ImageInfo& image = info->images.emplace_back();
  RESTRIDE_ASSIGN(image.spec, spec_of(*this, "reading headers", picture.spec));
  if (picture.orientation < 0 || picture.orientation > 8)
    return fail(Errc::extension, "codec %s, reading headers: the orientation cannot be %d", name_.c_str(),
                picture.orientation);
  if (picture.orientation) image.orientation = static_cast<Orientation>(picture.orientation);
  image.subsampling = image.spec.channels <= 2 ? ChromaSubsampling::css_gray : ChromaSubsampling::css_444;
  image.coded_bytes = bytes.size();
  return info;
}

std::unique_ptr<FormatDecoder> ExternalCodec::make_decoder() const {
  return decodes() ? std::make_unique<ExternalDecoder>(*this) : nullptr;
}
std::unique_ptr<FormatEncoder> ExternalCodec::make_encoder() const {
  return encodes() ? std::make_unique<ExternalEncoder>(*this) : nullptr;
}

}  // namespace restride
