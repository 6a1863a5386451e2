// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openjpeg.h>

#include <cstdio>
#include <cstring>
#include <memory>

namespace restride::jpeg2000 {

struct CodecDeleter {
  void operator()(opj_codec_t* p) const noexcept { opj_destroy_codec(p); }
};
struct StreamDeleter {
  void operator()(opj_stream_t* p) const noexcept { opj_stream_destroy(p); }
};
struct ImageDeleter {
  void operator()(opj_image_t* p) const noexcept { opj_image_destroy(p); }
};
using Codec = std::unique_ptr<opj_codec_t, CodecDeleter>;
using OpjStream = std::unique_ptr<opj_stream_t, StreamDeleter>;
using OpjImage = std::unique_ptr<opj_image_t, ImageDeleter>;

// Keeps the first error that OpenJPEG reports; prints nothing.
struct Messages {
  char text[256] = {};

  static void keep(const char* message, void* self) {
    auto& text = static_cast<Messages*>(self)->text;
    if (text[0]) return;
    std::snprintf(text, sizeof text, "%s", message);
    if (char* end = std::strpbrk(text, "\r\n")) *end = 0;
  }
  static void ignore(const char*, void*) {}
  void install(opj_codec_t* codec) {
    opj_set_error_handler(codec, keep, this);
    opj_set_warning_handler(codec, ignore, nullptr);
    opj_set_info_handler(codec, ignore, nullptr);
  }
  const char* or_default(const char* fallback) const noexcept { return text[0] ? text : fallback; }
};

}  // namespace restride::jpeg2000
