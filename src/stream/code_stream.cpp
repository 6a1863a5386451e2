// SPDX-License-Identifier: Apache-2.0
#include "restride/code_stream.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error_util.h"
#include "stream/code_stream_state.h"

namespace restride {

CodeStream::State::~State() {
  if (mapping) ::munmap(mapping, mapping_size);
  if (descriptor >= 0) ::close(descriptor);
}

Status CodeStream::State::unchanged() const {
  const State& first = parent ? *parent : *this;
  if (first.descriptor < 0) return {};
  struct stat status {};
  if (::fstat(first.descriptor, &status) == 0 && static_cast<std::size_t>(status.st_size) >= first.mapping_size)
    return {};
  return fail(Errc::io, "the file was shortened while it was in use");
}

Result<const StreamInfo*> CodeStream::State::parsed() {
  return or_out_of_memory([&]() -> Result<const StreamInfo*> {
    std::lock_guard lock(mutex_);
    if (info_) return info_.get();
    if (parse_error_) return *parse_error_;
    auto result = parse_stream(content(), parse_options);
    if (!result) {
      parse_error_ = std::move(result).error();
      return *parse_error_;
    }
    info_ = *std::move(result);
    return info_.get();
  });
}

void CodeStream::State::forget() noexcept {
  std::lock_guard lock(mutex_);
  info_.reset();
  parse_error_.reset();
}

namespace {

Error io_error(const char* what, const std::string& path) {
  const int code = errno;
  return fail(code == ENOENT ? Errc::not_found : Errc::io, "%s %s: %s", what, path.c_str(), std::strerror(code));
}

// Closes on every way out, unless the descriptor is taken.
struct File {
  int descriptor;
  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

// A mapped file that another process shortens ends this one by SIGBUS. What is read first cannot: files up to this size
// are, which costs no more than mapping them does. Larger ones may be slides of which only a tile is wanted.
constexpr std::size_t kMapFrom = std::size_t{16} << 20;

// Up to buffer.capacity() bytes from the start; fewer where the file ends earlier. Signals and short reads are gone on
// from.
Result<std::size_t> read_file(int descriptor, Buffer& buffer, const std::string& name) {
  std::size_t got = 0;
  while (got < buffer.capacity()) {
    const ssize_t n = ::read(descriptor, buffer.data() + got, buffer.capacity() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot read", name);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

}  // namespace

Result<CodeStream> CodeStream::open(const std::string& path) {
  return or_out_of_memory([&]() -> Result<CodeStream> {
    constexpr std::string_view kScheme = "file://";
    const std::string name = path.rfind(kScheme, 0) == 0 ? path.substr(kScheme.size()) : path;
    File file{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.descriptor < 0) return io_error("cannot open", name);
    struct stat status {};
    if (::fstat(file.descriptor, &status) != 0) return io_error("cannot read", name);
    if (S_ISDIR(status.st_mode)) return fail(Errc::io, "cannot read %s: it is a directory", name.c_str());
    auto state = std::make_shared<State>();
    if (!S_ISREG(status.st_mode))
      return fail(Errc::io, "cannot open %s: not a regular file; read it and pass the bytes", name.c_str());
    const auto size = static_cast<std::size_t>(status.st_size);
    state->file = true;
    if (size < kMapFrom) {
      state->buffer = Buffer(Memory::host);
      RESTRIDE_TRY(state->buffer.ensure(size));
      RESTRIDE_ASSIGN(const std::size_t got, read_file(file.descriptor, state->buffer, name));
      state->bytes = ByteSpan(state->buffer.data(), got);
    } else {
      void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0);
      if (mapping == MAP_FAILED) return io_error("cannot map", name);
      state->mapping = mapping;
      state->mapping_size = size;
      state->descriptor = std::exchange(file.descriptor, -1);
      state->bytes = as_bytes(mapping, size);
    }
    return CodeStream(std::move(state));
  });
}

Result<CodeStream> CodeStream::borrow(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  return or_out_of_memory([&]() -> Result<CodeStream> {
    auto state = std::make_shared<State>();
    state->bytes = bytes;
    state->owner = std::move(owner);
    return CodeStream(std::move(state));
  });
}

Result<CodeStream> CodeStream::create(std::size_t capacity, bool pinned) {
  return or_out_of_memory([&]() -> Result<CodeStream> {
    auto state = std::make_shared<State>();
    state->writable = true;
    state->pinned = pinned;
    state->buffer = Buffer(pinned ? Memory::pinned : Memory::host);
    RESTRIDE_TRY(state->buffer.ensure(capacity));
    return CodeStream(std::move(state));
  });
}

Result<CodeStream> CodeStream::sub(const CodeStreamView& view) const {
  return or_out_of_memory([&]() -> Result<CodeStream> {
    if (!state_) return fail(Errc::invalid_argument, "the code stream is empty");
    RESTRIDE_TRY(state_->unchanged());
    if (region() && view.region)
      return fail(Errc::invalid_argument,
                  "Cannot create a sub code stream with nested regions. This is not supported.");
    if (view.region && view.region->rect.empty())
      return fail(Errc::invalid_argument,
                  "the region has no pixels: its end must be past its start in both dimensions");

    CodeStreamView merged = view_.value_or(CodeStreamView{});
    if (view.region) merged.region = view.region;
    CodeStream result = *this;
    const ParseOptions& current = state_->parse_options;
    const ParseOptions wanted{view.bitstream_offset.value_or(current.bitstream_offset),
                              view.limit_images ? view.limit_images : current.limit_images};
    const bool reparse =
        wanted.bitstream_offset != current.bitstream_offset || wanted.limit_images != current.limit_images;
    if (reparse) {
      // The same bytes, read from another directory on: headers of its own.
      auto state = std::make_shared<State>();
      state->bytes = state_->content();
      state->parent = state_->parent ? state_->parent : state_;
      state->parse_options = wanted;
      result.state_ = std::move(state);
      merged.bitstream_offset = view.bitstream_offset;
      merged.limit_images = view.limit_images;
    }
    RESTRIDE_ASSIGN(const StreamInfo* info, result.state_->parsed());
    // A view shows one image: index 0 of it is that image.
    const std::size_t shown = view_ && !reparse ? 1 : info->listed();
    if (view.image_idx >= shown)
      return fail(Errc::invalid_argument, "%sImage index #%u out of range (0, %zu)",
                  view_ && !reparse ? "Cannot apply nonzero image_idx to a sub code stream. " : "", view.image_idx,
                  shown - 1);
    if (!view_ || reparse) merged.image_idx = view.image_idx;
    const bool a_shorter_stream = reparse && view.limit_images > 1 && view.image_idx == 0 && !merged.region;
    if (!a_shorter_stream) result.view_ = merged;
    return result;
  });
}

Result<CodeStream::Parsed> CodeStream::parsed() const {
  if (!state_) return fail(Errc::invalid_argument, "the code stream is empty");
  RESTRIDE_TRY(state_->unchanged());
  RESTRIDE_ASSIGN(const StreamInfo* info, state_->parsed());
  const std::uint32_t image = view_ ? view_->image_idx : 0;
  if (image >= info->listed())
    return fail(Errc::invalid_argument, "Image index #%u out of range (0, %zu)", image, info->listed() - 1);
  return Parsed{info, image};
}

Result<const ImageInfo*> CodeStream::info() const {
  if (state_ && state_->writable) {
    if (!state_->encoded_info) return fail(Errc::invalid_argument, "nothing was encoded into this code stream yet");
    return &*state_->encoded_info;
  }
  RESTRIDE_ASSIGN(const Parsed parsed_headers, parsed());
  return &parsed_headers.stream->images[parsed_headers.image];
}

Result<std::uint32_t> CodeStream::num_images() const {
  if (view_) return std::uint32_t{1};
  if (state_ && state_->writable && state_->encoded_info) return std::uint32_t{1};
  if (!state_) return fail(Errc::invalid_argument, "the code stream is empty");
  RESTRIDE_ASSIGN(const StreamInfo* info, state_->parsed());
  return static_cast<std::uint32_t>(info->listed());
}

Result<std::string_view> CodeStream::codec() const {
  if (state_ && state_->writable) {
    if (state_->encoded_codec.empty())
      return fail(Errc::invalid_argument, "nothing was encoded into this code stream yet");
    return state_->encoded_codec;
  }
  RESTRIDE_ASSIGN(const Parsed parsed_headers, parsed());
  return format_name(*parsed_headers.stream->format);
}

std::span<const std::byte> CodeStream::bytes() const noexcept { return state_ ? state_->content() : ByteSpan(); }

std::uint64_t CodeStream::size() const noexcept { return bytes().size(); }

std::uint64_t CodeStream::capacity() const noexcept {
  if (!state_) return 0;
  return state_->writable ? state_->buffer.capacity() : state_->bytes.size();
}

bool CodeStream::pinned() const noexcept { return state_ && state_->pinned; }
bool CodeStream::writable() const noexcept { return state_ && state_->writable; }
bool CodeStream::from_file() const noexcept { return state_ && state_->file; }

}  // namespace restride
