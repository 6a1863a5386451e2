// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>

#include "restride/code_stream.h"
#include "restride/error.h"
#include "restride/export.h"
#include "restride/image.h"
#include "restride/params.h"

namespace restride {

// Decodes code streams into images. One Decoder may be used from several threads at once. It keeps its threads and
// working memory, so make one and keep it: in steady state a call allocates nothing.
class RESTRIDE_API Decoder {
 public:
  // unsupported where none of `options.backends` exists on this machine.
  static Result<Decoder> create(const CodecOptions& options = {});
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  // Decodes in[i] into out[i] and sets statuses[i]; the three spans have one length. One bad image spoils no other. An
  // image whose stream cannot be decoded keeps its old contents, or says in its error that rows were already written.
  // A null in[i] or out[i] is invalid_argument for that image. No image may appear twice in `out`.
  void decode(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
              const DecodeParams& params = {}, Stream stream = {});

  // The same with parameters for each image; params has the length of the other spans.
  void decode_each(std::span<const CodeStream* const> in, std::span<Image* const> out, std::span<Status> statuses,
                   std::span<const DecodeParams> params, Stream stream = {});

  Status decode(const CodeStream& in, Image& out, const DecodeParams& params = {}, Stream stream = {});

  // The same into a new image.
  Result<Image> decode(const CodeStream& in, const DecodeParams& params = {}, Stream stream = {});
  Result<Image> read(const std::string& path, const DecodeParams& params = {}, Stream stream = {});

  // What decoding `in` will give, without decoding.
  Result<ImageSpec> output_spec(const CodeStream& in, const DecodeParams& params = {}) const;

  // Where a new image for this decoder should live.
  Memory output_memory() const noexcept;
  int device() const noexcept;

  struct Impl;

 private:
  explicit Decoder(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace restride
