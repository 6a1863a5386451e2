// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/libtiff_segment.h"

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "base/error_util.h"

// Handlers for one handle, not for the process, exist since libtiff 4.5.
#define RESTRIDE_TIFF_OPTIONS (TIFFLIB_VERSION >= 20221213)

namespace restride::tiff {

bool libtiff_decodes(Compression compression) noexcept {
  return name(compression) != nullptr && TIFFIsCODECConfigured(static_cast<std::uint16_t>(compression)) != 0;
}

struct LibtiffHandle {
  ByteSpan bytes;
  std::uint64_t position = 0;
  const Directory* directory = nullptr;
  TIFF* tiff = nullptr;
  std::array<char, 256> message{};  // libtiff's last error

  ~LibtiffHandle() {
    if (tiff) TIFFClose(tiff);
  }
  Error error(Errc code, const char* what) const {
    const char* compression = name(directory->compression);
    return fail_at(code, directory->offset, "TIFF (%s): %s%s%s", compression ? compression : "?", what,
                   message[0] ? ": " : "", message.data());
  }
};

namespace {

// The file that libtiff sees: read-only, and already mapped.
LibtiffHandle& of(thandle_t handle) { return *static_cast<LibtiffHandle*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t size) {
  LibtiffHandle& h = of(handle);
  if (size <= 0 || h.position >= h.bytes.size()) return 0;
  const std::uint64_t n = std::min<std::uint64_t>(static_cast<std::uint64_t>(size), h.bytes.size() - h.position);
  std::memcpy(to, h.bytes.data() + h.position, n);
  h.position += n;
  return static_cast<tmsize_t>(n);
}
tmsize_t write_bytes(thandle_t, void*, tmsize_t) { return -1; }
toff_t seek_to(thandle_t handle, toff_t offset, int whence) {
  LibtiffHandle& h = of(handle);
  if (whence == SEEK_SET) h.position = offset;
  if (whence == SEEK_CUR) h.position += offset;
  if (whence == SEEK_END) h.position = h.bytes.size() + offset;
  return h.position;
}
int close_file(thandle_t) { return 0; }
toff_t file_size(thandle_t handle) { return of(handle).bytes.size(); }
int map_file(thandle_t handle, void** base, toff_t* size) {
  *base = const_cast<std::byte*>(of(handle).bytes.data());
  *size = of(handle).bytes.size();
  return 1;
}
void unmap_file(thandle_t, void*, toff_t) {}

#if RESTRIDE_TIFF_OPTIONS
// Handled, say the results: the process-wide handlers, which print, are not called.
int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& message = static_cast<LibtiffHandle*>(user)->message;
  std::vsnprintf(message.data(), message.size(), format, arguments);
  return 1;
}
int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

TIFF* open_tiff(LibtiffHandle& handle, const char* mode) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (!options) return nullptr;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &handle);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, &handle);
  TIFF* tiff = TIFFClientOpenExt("memory", mode, &handle, read_bytes, write_bytes, seek_to, close_file, file_size,
                                 map_file, unmap_file, options);
  TIFFOpenOptionsFree(options);
  return tiff;
}
#else
TIFF* open_tiff(LibtiffHandle& handle, const char* mode) {
  static std::once_flag silenced;
  std::call_once(silenced, [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
  });
  return TIFFClientOpen("memory", mode, &handle, read_bytes, write_bytes, seek_to, close_file, file_size, map_file,
                        unmap_file);
}
#endif

}  // namespace

LibtiffReader::LibtiffReader() noexcept = default;
LibtiffReader::~LibtiffReader() = default;

Status LibtiffReader::open(ByteSpan bytes, const Directory& directory) {
  if (handle_) return {};
  auto handle = std::make_unique<LibtiffHandle>();
  handle->bytes = bytes;
  handle->directory = &directory;
  // r: read, h: the header only, c: no strip chopping, so that strips are those of the directory.
  handle->tiff = open_tiff(*handle, "rhc");
  if (!handle->tiff) return handle->error(Errc::corrupt, "libtiff does not open the file");
  if (!TIFFSetSubDirectory(handle->tiff, directory.offset))
    return handle->error(Errc::corrupt, "libtiff does not read the directory");
  TIFF* tiff = handle->tiff;
  const std::uint64_t segments = TIFFIsTiled(tiff) ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  std::uint16_t x = 0, y = 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_YCBCRSUBSAMPLING, &x, &y);
  const bool same_units = !directory.in_data_units() || (x == directory.subsample_x && y == directory.subsample_y);
  if (segments != directory.segments() || !same_units)
    return handle->error(Errc::unsupported,
                         "libtiff finds other strips, tiles or subsampling than the directory states");
  if (directory.compression == Compression::sgi_log || directory.compression == Compression::sgi_log24)
    TIFFSetField(tiff, TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_8BIT);
  handle_ = std::move(handle);
  return {};
}

Status LibtiffReader::read(std::uint64_t index, std::span<std::byte> out) {
  LibtiffHandle& h = *handle_;
  h.message[0] = 0;
  std::memset(out.data(), 0, out.size());  // rows that a damaged fax leaves unwritten are nobody's old memory
  const auto segment = static_cast<std::uint32_t>(index);
  const auto size = static_cast<tmsize_t>(out.size());
  const tmsize_t got = TIFFIsTiled(h.tiff) ? TIFFReadEncodedTile(h.tiff, segment, out.data(), size)
                                           : TIFFReadEncodedStrip(h.tiff, segment, out.data(), size);
  if (got < 0) return h.error(Errc::corrupt, "the data cannot be decompressed");
  if (got != size || h.message[0]) return h.error(Errc::truncated, "the data ends too early");
  return {};
}

}  // namespace restride::tiff
