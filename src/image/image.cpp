// SPDX-License-Identifier: Apache-2.0
#include "restride/image.h"

#include <utility>

#include "base/checked.h"
#include "base/error_util.h"
#include "memory/buffer.h"

namespace restride {

bool ImageView::contiguous() const noexcept {
  const auto sample = static_cast<std::ptrdiff_t>(size_of(spec.type));
  const auto rows = static_cast<std::ptrdiff_t>(spec.height);
  if (row_stride != static_cast<std::ptrdiff_t>(spec.row_bytes())) return false;
  if (spec.planar()) return pixel_stride == sample && (spec.channels == 1 || channel_stride == rows * row_stride);
  return pixel_stride == sample * static_cast<std::ptrdiff_t>(spec.channels) &&
         (spec.channels == 1 || channel_stride == sample);
}

ImageView ImageView::crop(const Rect& rect) const noexcept {
  ImageView part = *this;
  part.data = at(rect.x, rect.y);
  part.spec.width = static_cast<std::uint32_t>(rect.width);
  part.spec.height = static_cast<std::uint32_t>(rect.height);
  return part;
}

ImageView dense_view(std::byte* data, const ImageSpec& spec, Memory memory, int device) noexcept {
  const auto sample = static_cast<std::ptrdiff_t>(size_of(spec.type));
  const auto row = static_cast<std::ptrdiff_t>(spec.row_bytes());
  ImageView view;
  view.data = data;
  view.spec = spec;
  view.row_stride = row;
  view.pixel_stride = spec.planar() ? sample : sample * static_cast<std::ptrdiff_t>(spec.channels);
  view.channel_stride = spec.planar() ? row * static_cast<std::ptrdiff_t>(spec.height) : sample;
  view.memory = memory;
  view.device = device;
  return view;
}

Image::Image(Memory memory, MemoryResource* resource) noexcept
    : resource_(resource ? resource : default_resource(memory)) {
  view_.memory = memory;
}

Image::Image(Image&& other) noexcept
    : view_(std::exchange(other.view_, {})),
      original_(std::exchange(other.original_, {})),
      owner_(std::move(other.owner_)),
      resource_(other.resource_),
      capacity_(std::exchange(other.capacity_, 0)),
      stream_(other.stream_),
      written_(std::exchange(other.written_, nullptr)),
      borrowed_(std::exchange(other.borrowed_, false)) {}

Image& Image::operator=(Image&& other) noexcept {
  if (this != &other) {
    release();
    view_ = std::exchange(other.view_, {});
    original_ = std::exchange(other.original_, {});
    owner_ = std::move(other.owner_);
    resource_ = other.resource_;
    capacity_ = std::exchange(other.capacity_, 0);
    stream_ = other.stream_;
    written_ = std::exchange(other.written_, nullptr);
    borrowed_ = std::exchange(other.borrowed_, false);
  }
  return *this;
}

Image::~Image() { release(); }

void Image::release() noexcept {
  if (!borrowed_ && view_.data) resource_->deallocate(view_.data, capacity_, kBufferAlignment, stream_);
  view_.data = nullptr;
  capacity_ = 0;
}

Result<Image> Image::wrap(const ImageView& view, std::shared_ptr<const void> owner) {
  const auto sample = static_cast<std::ptrdiff_t>(size_of(view.spec.type));
  const auto channels = static_cast<std::ptrdiff_t>(view.spec.channels);
  const bool dense_pixels =
      view.spec.planar() ? view.pixel_stride == sample
                         : view.pixel_stride == sample * channels && (channels == 1 || view.channel_stride == sample);
  if (!dense_pixels || view.row_stride < static_cast<std::ptrdiff_t>(view.spec.row_bytes()))
    return fail(Errc::invalid_argument,
                "Unexpected array style. Padding is only allowed for rows. Other dimensions should have contiguous "
                "strides.");
  Image image(view.memory);
  image.view_ = image.original_ = view;
  image.owner_ = std::move(owner);
  image.borrowed_ = true;
  image.capacity_ = view.spec.bytes();
  return image;
}

namespace {

enum class Fit { rows, bytes, padded, small };

// How a picture of `spec` goes into borrowed memory `into`; only bytes count, not channels or types.
Fit fit(const ImageView& into, const ImageSpec& spec) noexcept {
  // A planar buffer is refilled in place only by a planar picture of the same plane geometry, or densely.
  const bool planes_match =
      into.spec.planar() == spec.planar() && (!spec.planar() || spec.channels <= into.spec.channels);
  if (planes_match && spec.height <= into.spec.height && spec.row_bytes() <= into.spec.row_bytes()) return Fit::rows;
  if (!into.contiguous()) return Fit::padded;
  return spec.bytes() > into.spec.bytes() ? Fit::small : Fit::bytes;
}

}  // namespace

Status Image::check(const ImageSpec& spec) const {
  if (!borrowed_) return {};
  switch (fit(original_, spec)) {
    case Fit::padded:
      return fail(Errc::invalid_argument,
                  "Existing buffer is not continuous. Row size or height are too small to fit new image.");
    case Fit::small:
      return fail(Errc::invalid_argument, "Existing buffer is too small to fit new image");
    default:
      return {};
  }
}

Status Image::ensure(const ImageSpec& spec, Stream stream) {
  if (borrowed_) {
    RESTRIDE_TRY(check(spec));
    ImageView view = dense_view(original_.data, spec, original_.memory, original_.device);
    if (fit(original_, spec) == Fit::rows) {
      view.row_stride = original_.row_stride;
      if (spec.planar()) view.channel_stride = original_.channel_stride;
    }
    view_ = view;
    stream_ = stream;
    return {};
  }
  const std::uint64_t bytes =
      saturating_mul(saturating_mul(spec.width, spec.height), saturating_mul(spec.channels, size_of(spec.type)));
  if (bytes > capacity_) {
    void* grown = bytes == kSaturated ? nullptr : resource_->allocate(bytes, kBufferAlignment, stream);
    if (!grown)
      return fail(Errc::out_of_memory, "could not allocate %llu bytes for an image of %ux%u, %u channels",
                  static_cast<unsigned long long>(bytes), spec.width, spec.height, spec.channels);
    release();
    capacity_ = bytes;
    view_.data = static_cast<std::byte*>(grown);
  }
  view_ = dense_view(view_.data, spec, view_.memory, view_.memory == Memory::device ? stream.device : -1);
  stream_ = stream;
  return {};
}

Status Image::reinterpret(SampleFormat format, ColorSpec color, std::uint8_t precision) {
  if (is_planar(format) != view_.spec.planar())
    return fail(Errc::invalid_argument, "an image cannot change between planar and interleaved in place");
  view_.spec.format = format;
  view_.spec.color = color;
  view_.spec.precision = precision;
  if (borrowed_) original_.spec = view_.spec;
  return {};
}

}  // namespace restride
