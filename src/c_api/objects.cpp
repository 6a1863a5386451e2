// SPDX-License-Identifier: Apache-2.0
// Streams and images.
#include "c_api/handles.h"

namespace restride::c_api {

std::int32_t report(restride_error* error, const Error& why) noexcept {
  const std::int32_t code = static_cast<std::int32_t>(why.code) + 1;
  if (error) {
    *error = {};
    error->code = code;
    error->offset = why.offset;
    const char* text = why.message.empty() ? name(why.code) : why.message.c_str();
    std::strncpy(error->message, text, sizeof error->message - 1);
  }
  return code;
}

std::int32_t report(restride_error* error, const Status& status) noexcept {
  if (!status) return report(error, status.error());
  if (error) {
    *error = {};
    error->offset = RESTRIDE_NO_OFFSET;
  }
  return RESTRIDE_OK;
}

std::shared_ptr<const void> keeper(void (*release)(void*), void* context) {
  if (!release) return nullptr;
  // Should there be no memory for the pointer's block, it calls `release` itself.
  return {static_cast<const void*>(context), [release](const void* c) { release(const_cast<void*>(c)); }};
}

restride_spec spec_of(const ImageSpec& s) noexcept {
  return {s.width,
          s.height,
          s.channels,
          static_cast<std::int32_t>(s.type),
          static_cast<std::int32_t>(s.format),
          static_cast<std::int32_t>(s.color),
          s.precision,
          0};
}

Result<ImageSpec> spec_of(const restride_spec& s) {
  if (s.sample_type < 0 || s.sample_type > RESTRIDE_F64) return refusal("sample_type is none of RESTRIDE_U8 to F64");
  if (s.format < 0 || s.format > RESTRIDE_I_CMYK) return refusal("format is none of RESTRIDE_P_UNCHANGED to I_CMYK");
  if (s.color < 0 || s.color > static_cast<int>(ColorSpec::icc_profile)) return refusal("color is not known");
  if (s.precision > 8 * size_of(static_cast<SampleType>(s.sample_type))) return refusal("precision is too large");
  return ImageSpec{s.width,
                   s.height,
                   s.channels,
                   static_cast<SampleType>(s.sample_type),
                   static_cast<SampleFormat>(s.format),
                   static_cast<ColorSpec>(s.color),
                   static_cast<std::uint8_t>(s.precision)};
}

namespace {

// Hands a new object out, or the reason why there is none.
template <class Handle, class Value>
Status give(Handle** out, Result<Value> made, Handle* (*wrap)(Value)) {
  if (!out) return refusal("there is no place for the result");
  *out = nullptr;
  if (!made) return std::move(made).error();
  *out = wrap(*std::move(made));
  return {};
}

restride_stream* new_stream(CodeStream stream) { return new restride_stream{std::move(stream)}; }
restride_image* new_image(Image image) { return new restride_image{nullptr, std::move(image)}; }

Result<Memory> memory_of(std::int32_t memory) {
  if (memory < RESTRIDE_HOST || memory > RESTRIDE_CUDA) return refusal("memory is RESTRIDE_HOST, PINNED or CUDA");
  return static_cast<Memory>(memory);
}

Result<std::unique_ptr<CallersMemory>> resource_of(std::int32_t memory, const restride_allocator* allocator) {
  RESTRIDE_ASSIGN(const Memory kind, memory_of(memory));
  if (!allocator) return std::unique_ptr<CallersMemory>();
  RESTRIDE_ASSIGN(const restride_allocator functions, completed(allocator, restride_allocator{}));
  if (!functions.allocate || !functions.deallocate) return refusal("an allocator needs allocate and deallocate");
  return std::make_unique<CallersMemory>(functions, kind);
}

Result<Image> wrap(const restride_pixels* given, std::shared_ptr<const void> owner) {
  if (!given || !given->data) return refusal("there are no pixels to wrap");
  RESTRIDE_ASSIGN(const restride_pixels p, completed(given, restride_pixels{}));
  RESTRIDE_ASSIGN(const Memory kind, memory_of(p.memory));
  RESTRIDE_ASSIGN(const ImageSpec spec, spec_of(p.spec));
  ImageView view = dense_view(static_cast<std::byte*>(p.data), spec, kind, kind == Memory::device ? p.device : -1);
  if (p.row_stride || p.pixel_stride || p.channel_stride) {
    view.row_stride = p.row_stride;
    view.pixel_stride = p.pixel_stride;
    view.channel_stride = p.channel_stride;
  }
  return Image::wrap(view, std::move(owner));
}

CodeStreamView view_of(const restride_view& v) {
  CodeStreamView view;
  view.image_idx = v.image;
  view.limit_images = v.limit_images;
  if (v.bitstream_offset) view.bitstream_offset = v.bitstream_offset;
  if (v.has_region) {
    view.region = Region{{v.region.x, v.region.y, v.region.width, v.region.height}, {}};
    std::copy(std::begin(v.fill), std::end(v.fill), view.region->fill.begin());
  }
  return view;
}

Result<restride_stream_info> describe(const CodeStream& stream) {
  RESTRIDE_ASSIGN(const ImageInfo* info, stream.info());
  RESTRIDE_ASSIGN(const std::uint32_t images, stream.num_images());
  RESTRIDE_ASSIGN(const std::string_view codec, stream.codec());
  restride_stream_info out{};
  out.spec = spec_of(info->spec);
  out.orientation = static_cast<std::int32_t>(info->orientation);
  out.num_images = images;
  codec.copy(out.codec, sizeof out.codec - 1);
  if (const auto& tiles = info->tiles) {
    out.tiles_x = tiles->tiles_x;
    out.tiles_y = tiles->tiles_y;
    out.tile_width = tiles->tile_width;
    out.tile_height = tiles->tile_height;
  }
  out.max_reduce = info->max_reduce;
  out.subsampling = static_cast<std::int32_t>(info->subsampling);
  return out;
}

}  // namespace
}  // namespace restride::c_api

using namespace restride;
using namespace restride::c_api;

const char* restride_version(void) { return RESTRIDE_VERSION; }

const char* restride_code_name(int32_t code) {
  return code == RESTRIDE_OK ? "ok" : name(static_cast<Errc>(code > 0 && code < 256 ? code - 1 : 255));
}

int32_t restride_set_allocator(int32_t memory, const restride_allocator* allocator, restride_error* error) {
  return guarded(error, [&]() -> Status {
    RESTRIDE_ASSIGN(auto resource, resource_of(memory, allocator));
    // Kept for ever: whatever was allocated from it goes back to it, whenever that may be.
    set_default_resource(static_cast<Memory>(memory), resource.release());
    return {};
  });
}

int32_t restride_stream_open(const char* path, restride_stream** stream, restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!path) return refusal("there is no file name");
    return give(stream, CodeStream::open(path), new_stream);
  });
}

int32_t restride_stream_borrow(const void* bytes, size_t size, void (*release)(void* context), void* context,
                               restride_stream** stream, restride_error* error) {
  return guarded(error, [&]() -> Status {
    auto owner = keeper(release, context);
    if (!bytes && size) return refusal("there are no bytes");
    return give(stream, CodeStream::borrow({static_cast<const std::byte*>(bytes), size}, std::move(owner)), new_stream);
  });
}

int32_t restride_stream_create(size_t capacity, int32_t pinned, restride_stream** stream, restride_error* error) {
  return guarded(error, [&] { return give(stream, CodeStream::create(capacity, pinned != 0), new_stream); });
}

int32_t restride_stream_sub(const restride_stream* stream, const restride_view* view, restride_stream** sub,
                            restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!stream) return refusal("there is no code stream");
    RESTRIDE_ASSIGN(const restride_view wanted, completed(view, restride_view{}));
    return give(sub, stream->stream.sub(view_of(wanted)), new_stream);
  });
}

int32_t restride_stream_get_info(const restride_stream* stream, restride_stream_info* info, restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!stream) return refusal("there is no code stream");
    RESTRIDE_ASSIGN(const restride_stream_info found, describe(stream->stream));
    return fill(info, found);
  });
}

const void* restride_stream_bytes(const restride_stream* stream, size_t* size) {
  const auto bytes = stream ? stream->stream.bytes() : std::span<const std::byte>();
  if (size) *size = bytes.size();
  return bytes.data();
}

void restride_stream_destroy(restride_stream* stream) { delete stream; }

int32_t restride_image_create(int32_t memory, const restride_allocator* allocator, restride_image** image,
                              restride_error* error) {
  return guarded(error, [&]() -> Status {
    RESTRIDE_ASSIGN(auto resource, resource_of(memory, allocator));
    MemoryResource* const from = resource.get();
    Status status = give(image, Result<Image>(Image(static_cast<Memory>(memory), from)), new_image);
    if (status) (*image)->memory = std::move(resource);
    return status;
  });
}

int32_t restride_image_wrap(const restride_pixels* pixels, void (*release)(void* context), void* context,
                            restride_image** image, restride_error* error) {
  return guarded(error, [&] { return give(image, wrap(pixels, keeper(release, context)), new_image); });
}

int32_t restride_image_get_pixels(const restride_image* image, restride_pixels* pixels, restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!image) return refusal("there is no image");
    const ImageView& view = image->image.view();
    return fill(pixels, {0, view.data, spec_of(view.spec), view.row_stride, view.pixel_stride, view.channel_stride,
                         static_cast<std::int32_t>(image->image.memory()), view.device});
  });
}

int32_t restride_image_copy(const restride_image* from, restride_image* to, const restride_cuda_stream* stream,
                            restride_error* error) {
  return guarded(error, [&]() -> Status {
    if (!from || !to) return refusal("there is no image");
    return transfer(from->image, to->image, stream_of(stream));
  });
}

void restride_image_destroy(restride_image* image) { delete image; }
