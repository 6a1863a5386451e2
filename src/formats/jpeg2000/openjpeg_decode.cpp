// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/error_util.h"
#include "formats/jpeg2000/assertions.h"
#include "formats/jpeg2000/openjpeg_util.h"
#include "formats/jpeg2000/planes.h"

namespace restride::jpeg2000 {
namespace {

// The file; with an EOC of our own where it has none, which OpenJPEG takes for damage.
struct Input {
  explicit Input(ByteSpan file, const TileParts& parts) noexcept
      : bytes(parts.has_eoc ? file : file.first(parts.end)),
        tail(parts.has_eoc ? ByteSpan() : as_bytes("\xff\xd9", 2)) {}
  std::size_t size() const noexcept { return bytes.size() + tail.size(); }

  ByteSpan bytes, tail;
  std::size_t position = 0;
};

OPJ_SIZE_T read_bytes(void* to, OPJ_SIZE_T n, void* self) {
  auto& in = *static_cast<Input*>(self);
  const bool in_tail = in.position >= in.bytes.size();
  const ByteSpan from = in_tail ? in.tail.subspan(in.position - in.bytes.size()) : in.bytes.subspan(in.position);
  if (from.empty()) return static_cast<OPJ_SIZE_T>(-1);
  n = std::min<OPJ_SIZE_T>(n, from.size());
  std::memcpy(to, from.data(), n);
  in.position += n;
  return n;
}
OPJ_OFF_T skip_bytes(OPJ_OFF_T n, void* self) {
  auto& in = *static_cast<Input*>(self);
  if (n < 0 || static_cast<std::uint64_t>(n) > in.size() - in.position) {
    in.position = in.size();
    return -1;
  }
  in.position += static_cast<std::size_t>(n);
  return n;
}
OPJ_BOOL seek_bytes(OPJ_OFF_T to, void* self) {
  auto& in = *static_cast<Input*>(self);
  if (to < 0 || static_cast<std::uint64_t>(to) > in.size()) return OPJ_FALSE;
  in.position = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}

OpjStream open_stream(Input& input) {
  OpjStream stream(opj_stream_create(std::size_t{64} << 10, OPJ_TRUE));
  if (!stream) return stream;
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_skip_function(stream.get(), skip_bytes);
  opj_stream_set_seek_function(stream.get(), seek_bytes);
  opj_stream_set_user_data(stream.get(), &input, nullptr);
  opj_stream_set_user_data_length(stream.get(), input.size());
  return stream;
}

// OpenJPEG does not say where: `offset` is that of the part it was reading.
Error damaged(const Messages& messages, const char* otherwise, std::uint64_t offset) {
  const char* text = messages.or_default(otherwise);
  if (std::strstr(text, "emory")) return fail(Errc::out_of_memory, "OpenJPEG: %s", text);
  return fail_at(Errc::corrupt, offset, "OpenJPEG: %s", text);
}

// The part of the reference grid behind a window, moved out to where all components have samples.
struct Area {
  std::int64_t x0, y0, x1, y1;
};
// Where the picture starts, in pixels as reduced.
struct Origin {
  std::int64_t x, y;
};
Origin origin_of(const DecodeRequest& request, const Headers& headers) noexcept {
  const std::int64_t step = std::int64_t{1} << request.reduce;
  return {ceil_div<std::int64_t>(ceil_div<std::int64_t>(headers.x0, headers.unit_x), step),
          ceil_div<std::int64_t>(ceil_div<std::int64_t>(headers.y0, headers.unit_y), step)};
}
Area area_of(const DecodeRequest& request, const Headers& headers) noexcept {
  const std::int64_t step = std::int64_t{1} << request.reduce;
  std::int64_t dx = 1, dy = 1;
  for (std::uint32_t i = 0; i < headers.components; ++i) {
    dx = std::max<std::int64_t>(dx, headers.component[i].dx);
    dy = std::max<std::int64_t>(dy, headers.component[i].dy);
  }
  const Origin origin = origin_of(request, headers);
  const Rect& w = request.window;
  // A whole sample of the coarsest component more on each side.
  const auto first = [&](std::int64_t pixel, std::int64_t unit, std::int64_t d) {
    return (pixel * unit / d - 1) * d * step;
  };
  const auto last = [&](std::int64_t pixel, std::int64_t unit, std::int64_t d) {
    return (pixel * unit / d + 2) * d * step;
  };
  Area area{first(origin.x + w.x, headers.unit_x, dx), first(origin.y + w.y, headers.unit_y, dy),
            last(origin.x + w.right(), headers.unit_x, dx), last(origin.y + w.bottom(), headers.unit_y, dy)};
  if (headers.ht) {  // OpenJPEG 2.5.0 decodes parts of a tile wrongly
    const auto start = [](std::int64_t at, std::int64_t t0, std::int64_t size) {
      return t0 + std::max<std::int64_t>(at - t0, 0) / size * size;
    };
    const auto end = [](std::int64_t at, std::int64_t t0, std::int64_t size) {
      return t0 + ceil_div<std::int64_t>(std::max<std::int64_t>(at - t0, 0), size) * size;
    };
    area = {start(area.x0, headers.tile_x0, headers.tile_width), start(area.y0, headers.tile_y0, headers.tile_height),
            end(area.x1, headers.tile_x0, headers.tile_width), end(area.y1, headers.tile_y0, headers.tile_height)};
  }
  return {std::max<std::int64_t>(headers.x0, area.x0), std::max<std::int64_t>(headers.y0, area.y0),
          std::min<std::int64_t>(headers.x1, area.x1), std::min<std::int64_t>(headers.y1, area.y1)};
}

// Brings a component of other depth or sign to the picture's, in place.
void unify(opj_image_comp_t& component, unsigned bits, bool is_signed) noexcept {
  const bool was_signed = component.sgnd != 0;
  if (component.prec == bits && was_signed == is_signed) return;
  const std::int64_t from_max = (std::int64_t{1} << component.prec) - 1, to_max = (std::int64_t{1} << bits) - 1;
  const std::int64_t up = was_signed ? std::int64_t{1} << (component.prec - 1) : 0;
  const std::int64_t down = is_signed ? std::int64_t{1} << (bits - 1) : 0;
  const std::size_t n = std::size_t{component.w} * component.h;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t v = std::clamp<std::int64_t>(component.data[i] + up, 0, from_max);
    component.data[i] = static_cast<OPJ_INT32>((v * to_max + from_max / 2) / from_max - down);
  }
}

// A subsampled component at full size, each sample repeated, for the window only.
std::span<OPJ_INT32> replicate(const opj_image_comp_t& component, const DecodeRequest& request, const Headers& headers,
                               Scratch& scratch) {
  const Rect& w = request.window;
  const auto out = scratch.take<OPJ_INT32>(static_cast<std::size_t>(w.width * w.height));
  if (!out.data()) return out;
  const std::int64_t step = std::int64_t{1} << request.reduce;
  const Origin origin = origin_of(request, headers);
  const std::int64_t cx0 = ceil_div<std::int64_t>(component.x0, step), cy0 = ceil_div<std::int64_t>(component.y0, step);
  const std::int64_t rx = component.dx / headers.unit_x, ry = component.dy / headers.unit_y;
  for (std::int64_t y = 0; y < w.height; ++y) {
    const std::int64_t cy = std::clamp<std::int64_t>((origin.y + w.y + y) / ry - cy0, 0, component.h - 1);
    for (std::int64_t x = 0; x < w.width; ++x) {
      const std::int64_t cx = std::clamp<std::int64_t>((origin.x + w.x + x) / rx - cx0, 0, component.w - 1);
      out[static_cast<std::size_t>(y * w.width + x)] = component.data[cy * component.w + cx];
    }
  }
  return out;
}

Status deliver(DecodeJob& job, opj_image_t& image, const Area& area, Scratch& scratch) {
  const auto& headers = static_cast<const Headers&>(*job.request.stream->detail);
  const ImageSpec& native = job.plan.native;
  const Rect& window = job.request.window;
  if (image.numcomps < native.channels)
    return fail_at(Errc::corrupt, headers.codestream_offset, "%u channels were decoded where the headers promise %u",
                   image.numcomps, native.channels);
  const std::int64_t step = std::int64_t{1} << job.request.reduce;
  const Origin origin = origin_of(job.request, headers);
  const std::int64_t x =
      origin.x + window.x - ceil_div<std::int64_t>(ceil_div<std::int64_t>(area.x0, headers.unit_x), step);
  const std::int64_t y =
      origin.y + window.y - ceil_div<std::int64_t>(ceil_div<std::int64_t>(area.y0, headers.unit_y), step);
  std::array<PlaneView, kMaxComponents> planes;
  for (std::uint32_t c = 0; c < native.channels; ++c) {
    opj_image_comp_t& component = image.comps[c];
    if (!component.data || component.w == 0 || component.h == 0)
      return fail_at(Errc::corrupt, headers.codestream_offset, "component %u has no pixels", c);
    unify(component, native.bits(), is_signed(native.type));
    if (component.dx != headers.unit_x || component.dy != headers.unit_y) {
      const auto full = replicate(component, job.request, headers, scratch);
      if (!full.data()) return fail(Errc::out_of_memory, "no memory for an upsampled component");
      planes[c] = {reinterpret_cast<const std::byte*>(full.data()), window.width * 4, 4};
      continue;
    }
    if (x < 0 || y < 0 || x + window.width > component.w || y + window.height > component.h)
      return fail_at(Errc::corrupt, headers.codestream_offset,
                     "component %u is %u x %u, smaller than its headers promise", c, component.w, component.h);
    planes[c] = {reinterpret_cast<const std::byte*>(component.data + y * component.w + x),
                 static_cast<std::ptrdiff_t>(component.w) * 4, 4};
  }
  job.wrote = true;
  job.sink.put({0, 0, window.width, window.height}, {planes.data(), native.channels});
  return {};
}

}  // namespace

Result<DecodePlan> plan_openjpeg(const DecodeRequest& request) {
  const auto& headers = static_cast<const Headers&>(*request.stream->detail);
#if OPJ_VERSION_MAJOR == 2 && OPJ_VERSION_MINOR < 5
  if (headers.ht) return fail(Errc::unsupported, "decoding HTJ2K needs OpenJPEG 2.5 or later");
#endif
  DecodePlan plan;
  plan.native = native_spec(request);
  const ImageSpec& spec = request.info().spec;
  plan.scratch =
      static_cast<std::size_t>(saturating_mul(saturating_mul(spec.width, spec.height), headers.components * 8ULL));
  plan.cost = static_cast<double>(spec.width) * spec.height * headers.components * (headers.ht ? 5 : 30);
  return plan;
}

Status decode_openjpeg(DecodeJob& job, const TileParts& parts, Scratch& scratch, Context& context) {
  const DecodeRequest& request = job.request;
  const auto& headers = static_cast<const Headers&>(*request.stream->detail);
  Input input(request.bytes, parts);
  catch_assertions();
  const OpjStream stream = open_stream(input);
  const Codec codec(opj_create_decompress(headers.jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  if (!stream || !codec) return fail(Errc::out_of_memory, "no memory for OpenJPEG");
  Messages messages;
  messages.install(codec.get());
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  parameters.cp_reduce = request.reduce;
  if (!opj_setup_decoder(codec.get(), &parameters))
    return fail(Errc::internal, "OpenJPEG: %s", messages.or_default("set-up failed"));
#if OPJ_VERSION_MAJOR == 2 && OPJ_VERSION_MINOR >= 5
  (void)opj_decoder_set_strict_mode(codec.get(), OPJ_TRUE);
#endif
  // HT stays on this thread, where the assertions that it reaches can be caught.
  constexpr std::int64_t kWorthThreads = 500000;
  if (context.executor.concurrency() > 1 && request.window.width * request.window.height > kWorthThreads && !headers.ht)
    (void)opj_codec_set_threads(codec.get(), static_cast<int>(context.executor.concurrency()));

  const Area area = area_of(request, headers);
  const bool whole = area.x0 == headers.x0 && area.y0 == headers.y0 && area.x1 == headers.x1 && area.y1 == headers.y1;
  OpjImage image;
  const char* failed = nullptr;  // the step that did, and the part of the file that it read
  std::uint64_t offset = headers.codestream_offset;
  Survivor survivor;
  const bool survived = survivor.run([&] {
    opj_image_t* raw = nullptr;
    const bool read = opj_read_header(stream.get(), codec.get(), &raw);
    image.reset(raw);
    if (!read || !image) {
      failed = "the headers are damaged";
      offset = 0;
    } else if (!whole && !opj_set_decode_area(codec.get(), image.get(), static_cast<OPJ_INT32>(area.x0),
                                              static_cast<OPJ_INT32>(area.y0), static_cast<OPJ_INT32>(area.x1),
                                              static_cast<OPJ_INT32>(area.y1))) {
      failed = "the region could not be set";
    } else if (!opj_decode(codec.get(), stream.get(), image.get())) {
      failed = "the compressed pixels are damaged";
    }
  });
  if (!survived) return fail_at(Errc::corrupt, offset, "OpenJPEG: damaged (assertion: %s)", survivor.assertion());
  if (failed) return damaged(messages, failed, offset);
  return deliver(job, *image, area, scratch);
}

std::string library_version() { return opj_version(); }

}  // namespace restride::jpeg2000
