// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "restride/code_stream.h"
#include "restride/error.h"
#include "restride/export.h"
#include "restride/image.h"
#include "restride/params.h"

namespace restride {

// Encodes images into code streams. One Encoder may be used from several threads at once; keep it, as a Decoder.
class RESTRIDE_API Encoder {
 public:
  static Result<Encoder> create(const CodecOptions& options = {});
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  // Encodes in[i] with `codec` ("jpeg", "jpeg2k", ... or an extension such as ".jpg") into out[i], which must have been
  // made by CodeStream::create, and sets statuses[i]. A stream's buffer is reused; one that is too small is replaced by
  // one of exactly the new size. A failed encode leaves the stream empty, with its capacity.
  void encode(std::span<const Image* const> in, std::string_view codec, std::span<CodeStream* const> out,
              std::span<Status> statuses, const EncodeParams& params = {}, Stream stream = {});

  // The same with parameters for each image, for example its own metadata; params has the length of the other spans.
  void encode_each(std::span<const Image* const> in, std::string_view codec, std::span<CodeStream* const> out,
                   std::span<Status> statuses, std::span<const EncodeParams> params, Stream stream = {});

  // Whether an image of `spec` can be encoded so, and the reason if not, without pixels: what encode() would refuse
  // before it starts. Thread-safe.
  Status check(const ImageSpec& spec, std::string_view codec, const EncodeParams& params = {}) const;

  Status encode(const Image& in, std::string_view codec, CodeStream& out, const EncodeParams& params = {},
                Stream stream = {});

  // The same into a new code stream, exactly as large as its content.
  Result<CodeStream> encode(const Image& in, std::string_view codec, const EncodeParams& params = {},
                            Stream stream = {});

  // Writes to a file; an empty codec is taken from the extension. The file appears complete or not at all.
  Status write(const std::string& path, const Image& in, std::string_view codec = {}, const EncodeParams& params = {},
               Stream stream = {});

  int device() const noexcept;

  struct Impl;

 private:
  explicit Encoder(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// The codec's name for "jpeg", ".jpg", ".JPG", ...; empty where there is none.
RESTRIDE_API std::string_view codec_for(std::string_view name_or_extension) noexcept;

struct FormatInfo {
  std::string name;                     // "jpeg"
  std::vector<std::string> extensions;  // lower case, with the dot; the usual one first
  bool holds_metadata = false;          // EncodeParams::metadata can be written
};

// Every format of this library, and of registered codecs.
RESTRIDE_API std::vector<FormatInfo> formats();

}  // namespace restride
