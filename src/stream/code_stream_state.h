// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "memory/buffer.h"
#include "stream/stream_info.h"

namespace restride {

// What all copies and views of one code stream share.
struct CodeStream::State {
  ~State();

  // Input: bytes that somebody else owns (`owner`), of a file: read into `buffer`, or mapped where it is large.
  ByteSpan bytes;
  std::shared_ptr<const void> owner;
  void* mapping = nullptr;
  std::size_t mapping_size = 0;
  int descriptor = -1;  // of a mapped file, to see whether it still has its size
  bool file = false;

  // Output: a buffer of our own, of which `encoded` bytes are in use.
  bool writable = false;
  bool pinned = false;
  Buffer buffer;
  std::size_t encoded = 0;
  std::string_view encoded_codec;         // static string; empty before the first encode
  std::optional<ImageInfo> encoded_info;  // the encoder's input, as it described itself

  // A view that starts at another directory shares the bytes but not the headers.
  ParseOptions parse_options;
  std::shared_ptr<State> parent;

  ByteSpan content() const noexcept { return writable ? ByteSpan(buffer.data(), encoded) : bytes; }
  // io where a mapped file was shortened since: touching its pages would end the process. Asked before each use, so
  // only a file that shrinks during one can still do that.
  Status unchanged() const;
  // Parses once; thread-safe. The error is kept and given again.
  Result<const StreamInfo*> parsed();
  // Forgets what was parsed, before new bytes are written. The caller excludes concurrent use.
  void forget() noexcept;

 private:
  std::mutex mutex_;
  std::unique_ptr<StreamInfo> info_;
  std::optional<Error> parse_error_;
};

}  // namespace restride
