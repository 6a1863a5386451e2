// SPDX-License-Identifier: Apache-2.0
// Image: pixels in memory that is reused. ImageView: the same without ownership.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "restride/error.h"
#include "restride/export.h"
#include "restride/memory.h"
#include "restride/types.h"

namespace restride {

// What the pixels are, without where they are.
struct ImageSpec {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;
  SampleType type = SampleType::u8;
  SampleFormat format = SampleFormat::unknown;
  ColorSpec color = ColorSpec::unchanged;
  std::uint8_t precision = 0;  // significant bits of a sample; 0: all bits of `type`

  bool planar() const noexcept { return is_planar(format); }
  unsigned bits() const noexcept { return precision ? precision : static_cast<unsigned>(8 * size_of(type)); }
  // Bytes of one row of one plane (planar) or of all channels (interleaved), without padding.
  std::uint64_t row_bytes() const noexcept { return std::uint64_t{width} * size_of(type) * (planar() ? 1 : channels); }
  // Bytes of the picture without padding.
  std::uint64_t bytes() const noexcept { return std::uint64_t{width} * height * channels * size_of(type); }
  bool operator==(const ImageSpec&) const noexcept = default;
};

// Pixels somewhere: sample (x, y, c) is at data + y*row_stride + x*pixel_stride + c*channel_stride, strides in bytes.
struct RESTRIDE_API ImageView {
  std::byte* data = nullptr;
  ImageSpec spec;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t pixel_stride = 0;
  std::ptrdiff_t channel_stride = 0;
  Memory memory = Memory::host;
  int device = -1;  // ordinal where memory is Memory::device

  std::byte* at(std::int64_t x, std::int64_t y, std::int64_t c = 0) const noexcept {
    return data + y * row_stride + x * pixel_stride + c * channel_stride;
  }
  // No bytes between rows or planes, rows top to bottom.
  bool contiguous() const noexcept;
  // The part `rect` of this view, which must lie inside it.
  ImageView crop(const Rect& rect) const noexcept;
};

// A view of `spec` in dense memory at `data`.
RESTRIDE_API ImageView dense_view(std::byte* data, const ImageSpec& spec, Memory memory = Memory::host,
                                  int device = -1) noexcept;

// Pixels with an owner: either an own buffer that grows and never shrinks, or borrowed memory that is never freed or
// reallocated here. Movable, not copyable. Not safe for concurrent use by itself.
class RESTRIDE_API Image {
 public:
  explicit Image(Memory memory = Memory::host, MemoryResource* resource = nullptr) noexcept;
  Image(Image&&) noexcept;
  Image& operator=(Image&&) noexcept;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image();

  // Wraps the caller's memory; `owner` is kept until the Image is destroyed (may be null: then the caller promises).
  // Fails with invalid_argument where pixels are not dense within a row.
  static Result<Image> wrap(const ImageView& view, std::shared_ptr<const void> owner = nullptr);

  // Makes this image hold a picture of `spec`, contents undefined.
  //   own buffer: kept when large enough, replaced by one of exactly spec.bytes() otherwise; the new one is allocated
  //     before the old one is freed, so that a failure leaves the image as it was;
  //   borrowed, padded rows: `spec` must fit by rows and row bytes, strides stay;
  //   borrowed, contiguous: `spec` must fit by bytes and is laid densely from the start, unless it fits by rows.
  // The two refusals are invalid_argument with exactly these messages: "Existing buffer is too small to fit new image"
  // and "Existing buffer is not continuous. Row size or height are too small to fit new image."
  Status ensure(const ImageSpec& spec, Stream stream = {});

  // Says what ensure(spec) would answer, without changing anything.
  Status check(const ImageSpec& spec) const;

  const ImageView& view() const noexcept { return view_; }
  const ImageSpec& spec() const noexcept { return view_.spec; }
  bool borrowed() const noexcept { return borrowed_; }
  bool empty() const noexcept { return view_.data == nullptr; }
  Memory memory() const noexcept { return view_.memory; }
  // Device memory: the stream on which it was last written, or that its owner named. It may be gone by now: written()
  // is what later work should wait for.
  Stream stream() const noexcept { return stream_; }
  void set_stream(Stream stream) noexcept { stream_ = stream; }
  // The event behind the last write by this library, null if there is none; see order() in device.h.
  void* written() const noexcept { return written_; }
  void set_written(void* event) noexcept { written_ = event; }
  // Overrides what the samples mean without touching them; the number of channels and the type must stay.
  Status reinterpret(SampleFormat format, ColorSpec color, std::uint8_t precision);

  std::uint64_t size() const noexcept { return view_.spec.bytes(); }  // bytes of the current picture, no padding
  std::uint64_t capacity() const noexcept { return capacity_; }       // bytes the buffer can hold

 private:
  void release() noexcept;

  ImageView view_;
  ImageView original_;  // borrowed: what was wrapped, against which every ensure() is checked
  std::shared_ptr<const void> owner_;
  MemoryResource* resource_ = nullptr;
  std::uint64_t capacity_ = 0;
  Stream stream_;
  void* written_ = nullptr;
  bool borrowed_ = false;
};

}  // namespace restride
