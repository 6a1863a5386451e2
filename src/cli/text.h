// SPDX-License-Identifier: Apache-2.0
// Names of values, numbers for people, and JSON.
#pragma once

#include <restride/restride.h>

#include <cstdarg>
#include <cstdint>
#include <string>
#include <string_view>

namespace restride::cli {

const char* name(SampleType type) noexcept;  // "u8", "f32", ...
const char* name(ColorSpec color) noexcept;
const char* name(ChromaSubsampling subsampling) noexcept;
const char* name(BackendKind kind) noexcept;
const char* name(MetadataKind kind) noexcept;

std::string human_bytes(std::uint64_t bytes);  // "1.5 MB", powers of 1000 as df -H has them
std::string human_seconds(double seconds);     // "0:09", "1:02:03"
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

// For a terminal: control characters, which a file name may hold, become question marks.
std::string printable(std::string_view text);

// "text" with quotes, valid whatever the bytes: what is no UTF-8 becomes U+FFFD.
std::string quoted(std::string_view text);

// One JSON object or array, written in order; nothing is checked but commas.
class Json {
 public:
  Json& open(char bracket) { return comma().put(bracket); }
  Json& open(std::string_view key, char bracket) { return label(key).put(bracket); }
  Json& close(char bracket) {
    text_ += bracket;
    return *this;
  }
  Json& add(std::string_view key, std::string_view value) { return label(key).append(quoted(value)); }
  Json& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
  Json& add(std::string_view key, std::uint64_t value) { return label(key).append(std::to_string(value)); }
  Json& add(std::string_view key, unsigned value) { return add(key, std::uint64_t{value}); }
  Json& add(std::string_view key, int value) { return label(key).append(std::to_string(value)); }
  Json& add(std::string_view key, bool value) { return label(key).append(value ? "true" : "false"); }
  Json& add(std::string_view key, double value) { return label(key).append(format("%.6g", value)); }
  Json& item(std::string_view value) { return comma().append(quoted(value)); }
  Json& item(std::uint64_t value) { return comma().append(std::to_string(value)); }
  const std::string& text() const noexcept { return text_; }

 private:
  Json& comma() {
    if (!text_.empty() && text_.back() != '{' && text_.back() != '[' && text_.back() != ':') text_ += ", ";
    return *this;
  }
  Json& label(std::string_view key) {
    comma().append(quoted(key));
    text_ += ": ";
    return *this;
  }
  Json& put(char c) {
    text_ += c;
    return *this;
  }
  Json& append(std::string_view text) {
    text_ += text;
    return *this;
  }

  std::string text_;
};

// {"code": ..., "message": ..., "offset": ...} into the object that is open.
void add_error(Json& json, const Error& error);

}  // namespace restride::cli
