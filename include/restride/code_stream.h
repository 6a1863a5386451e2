// SPDX-License-Identifier: Apache-2.0
// CodeStream: encoded bytes (a mapped file, borrowed memory, or an encoder's growing buffer), what their headers say,
// and views on their images and regions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "restride/error.h"
#include "restride/export.h"
#include "restride/image.h"
#include "restride/types.h"

namespace restride {

struct TileGeometry {
  std::uint32_t tiles_x = 1, tiles_y = 1;         // tiles across and down
  std::uint32_t tile_width = 0, tile_height = 0;  // pixels; tiles at the right and bottom may be cut
  std::uint32_t offset_x = 0, offset_y = 0;       // position of the first tile in the picture
  bool operator==(const TileGeometry&) const noexcept = default;
};

// What the headers say about one image of a stream, in stored (not displayed) orientation.
struct ImageInfo {
  ImageSpec spec;  // format tells the stored meaning of channels; type and precision are native
  ChromaSubsampling subsampling = ChromaSubsampling::unsupported;
  Orientation orientation = Orientation::normal;
  std::optional<TileGeometry> tiles;             // absent where the format has none
  std::uint64_t coded_bytes = 0;                 // bytes of this image's compressed data
  std::uint64_t ifd_offset = 0;                  // TIFF: where its directory starts, otherwise 0
  std::optional<std::uint64_t> next_ifd_offset;  // TIFF: the directory after it
  std::vector<std::uint64_t> subifd_offsets;     // TIFF: tag 330
  std::uint32_t max_reduce = 0;                  // resolution levels that can be dropped (halvings)
  // TIFF: the images that are this one halved once, twice, ...: 1 + an index among all images of the file, those of
  // SubIFDs at the end; 0: there is none of that size.
  std::vector<std::uint32_t> overviews;
};

// Selects a part of a stream.
struct CodeStreamView {
  std::uint32_t image_idx = 0;
  std::optional<Region> region;
  std::optional<std::uint64_t> bitstream_offset;  // TIFF: start at the directory at this offset
  std::uint32_t limit_images = 0;                 // 0: no limit; more than 1: a stream of so many images
};

struct StreamInfo;

// A cheap handle; copies share bytes and parsed headers. Const members may be called from several threads at once.
class RESTRIDE_API CodeStream {
 public:
  CodeStream() noexcept = default;

  // The file at `path` (UTF-8): read if smaller than 16 MiB, else mapped, and then it must not be changed while the
  // stream lives; one that was shortened is io. not_found, io, out_of_memory.
  static Result<CodeStream> open(const std::string& path);
  // Refers to the caller's bytes without a copy; `owner` is kept as long as any stream that shares them.
  static Result<CodeStream> borrow(std::span<const std::byte> bytes, std::shared_ptr<const void> owner = nullptr);
  // An empty stream for an encoder to write into, with `capacity` bytes ready; pinned: readable by a GPU directly.
  static Result<CodeStream> create(std::size_t capacity = 0, bool pinned = true);

  // A view on one image or region of this stream. Errors: invalid_argument for an index out of range, a region of a
  // region, or an offset where no directory starts.
  Result<CodeStream> sub(const CodeStreamView& view) const;
  const std::optional<CodeStreamView>& view() const noexcept { return view_; }
  const Region* region() const noexcept { return view_ && view_->region ? &*view_->region : nullptr; }

  bool valid() const noexcept { return state_ != nullptr; }
  // Headers are parsed on the first of these calls, once for all copies and views.
  Result<const ImageInfo*> info() const;
  Result<std::uint32_t> num_images() const;
  Result<std::string_view> codec() const;  // "jpeg", "jpeg2k", "tiff", "png", "webp", "bmp" or "pnm"

  std::span<const std::byte> bytes() const noexcept;  // of the whole stream, also for a view
  std::uint64_t size() const noexcept;                // bytes of the whole stream, also for a view
  std::uint64_t capacity() const noexcept;            // bytes the buffer can hold
  bool pinned() const noexcept;
  bool writable() const noexcept;  // made by create()
  bool from_file() const noexcept;

  // The parsed headers and the index of the chosen image; for codecs and the engine.
  struct Parsed {
    const StreamInfo* stream = nullptr;
    std::uint32_t image = 0;
  };
  Result<Parsed> parsed() const;

  struct State;  // defined in src/stream
  State* state() const noexcept { return state_.get(); }

 private:
  explicit CodeStream(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
  std::optional<CodeStreamView> view_;
};

}  // namespace restride
