// SPDX-License-Identifier: Apache-2.0
// Codecs from outside the library (restride/codec.h), as formats, decoders and encoders like any other.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/codec.h"
#include "restride/codec.h"
#include "restride/extension.h"

namespace restride {

// One registered codec. Once registered it lives as long as the process, so that streams and decoders may point to it.
class ExternalCodec {
 public:
  // Checks and copies `table`. invalid_argument.
  static Result<std::unique_ptr<ExternalCodec>> make(const restride_codec& table);
  ExternalCodec(const ExternalCodec&) = delete;
  ExternalCodec& operator=(const ExternalCodec&) = delete;

  const Format& format() const noexcept { return format_; }
  std::string_view implementation() const noexcept { return implementation_; }
  const restride_codec& table() const noexcept { return table_; }
  bool decodes() const noexcept { return table_.decode != nullptr; }
  bool encodes() const noexcept { return table_.encode != nullptr; }

  bool probe(ByteSpan bytes) const noexcept;
  Result<std::unique_ptr<StreamInfo>> parse(ByteSpan bytes) const;
  // Null where the codec does not decode, or encode.
  std::unique_ptr<FormatDecoder> make_decoder() const;
  std::unique_ptr<FormatEncoder> make_encoder() const;

 private:
  ExternalCodec() = default;

  restride_codec table_{};
  std::string name_, implementation_;
  std::vector<std::string> extensions_;
  std::vector<std::string_view> extension_views_;
  Format format_{};
};

// Calls f(codec) for the registered codecs, in order, until it returns true. Loads RESTRIDE_CODEC_PATH when first
// called. Lock-free otherwise; allocates nothing.
void visit_external_codecs(bool (*f)(void* context, const ExternalCodec& codec), void* context);

template <class F>
void for_each_external_codec(F&& f) {
  visit_external_codecs(
      [](void* context, const ExternalCodec& codec) {
        return (*static_cast<std::remove_reference_t<F>*>(context))(codec);
      },
      &f);
}

// Codec libraries that were loaded, or were to be.
std::vector<LibraryInfo> codec_libraries();

// A format of the library's own. Defined beside the table.
const Format* find_own_format(std::string_view name_or_extension) noexcept;
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

}  // namespace restride
