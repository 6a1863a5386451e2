// SPDX-License-Identifier: Apache-2.0
// ICC profiles applied: from a picture's own colours to sRGB, by Little CMS.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "codec/codec.h"

namespace restride {

// Pixels in a profile's colours -> sRGB, with the perceptual intent. Immutable; safe for any number of threads.
class ColorTransform {
 public:
  // unsupported where the profile cannot be for such pixels, corrupt where it makes no sense.
  static Result<std::shared_ptr<const ColorTransform>> make(std::shared_ptr<const ColorProfile> profile,
                                                            const ImageSpec& stored);
  ColorTransform(const ColorTransform&) = delete;
  ColorTransform& operator=(const ColorTransform&) = delete;
  ~ColorTransform();

  // What goes in and comes out: interleaved, 8 or 16 bit; no sizes.
  const ImageSpec& from() const noexcept { return from_; }
  const ImageSpec& to() const noexcept { return to_; }
  const std::shared_ptr<const ColorProfile>& profile() const noexcept { return profile_; }
  // Made for pictures stored like this.
  bool serves(const ImageSpec& stored) const noexcept;

  // Rows of both are dense pixels; strides in bytes.
  void apply(const std::byte* from, std::ptrdiff_t from_stride, std::byte* to, std::ptrdiff_t to_stride,
             std::int64_t width, std::int64_t rows) const noexcept;

 private:
  ColorTransform() = default;

  std::shared_ptr<const ColorProfile> profile_;
  ImageSpec stored_, from_, to_;
  void* context_ = nullptr;    // cmsContext: of this transform alone
  void* transform_ = nullptr;  // cmsHTRANSFORM, without a cache inside
};

// Decodes the job's window by `decoder`, which promised `native` pixels, and delivers it to the job's sink as
// color.to().
void decode_in_srgb(FormatDecoder& decoder, const ColorTransform& color, const ImageSpec& native, DecodeJob& job,
                    Context& context);

// The transforms of a Decoder, kept by profile: the last few that were used. Thread-safe; a hit allocates nothing.
class ColorTransforms {
 public:
  // Null: the picture has no profile, and counts as sRGB.
  Result<std::shared_ptr<const ColorTransform>> find(const StreamInfo& stream, std::uint32_t image, ByteSpan bytes,
                                                     const ImageSpec& stored);

 private:
  static constexpr std::size_t kKept = 16;
  struct Entry {
    std::shared_ptr<const ColorTransform> transform;
    std::uint64_t used = 0;
  };

  std::mutex mutex_;
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace restride
