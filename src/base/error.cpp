// SPDX-License-Identifier: Apache-2.0
#include "restride/error.h"

#include <array>
#include <cstdio>

#include "base/error_util.h"

namespace restride {

const char* name(Errc code) noexcept {
  static constexpr std::array<const char*, 11> kNames{"invalid_argument", "unsupported",   "corrupt",  "truncated",
                                                      "limit_exceeded",   "out_of_memory", "io",       "not_found",
                                                      "device",           "internal",      "extension"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::string Error::describe() const {
  std::string text = std::string(name(code)) + ": " + message;
  if (offset != kNoOffset) text += " (at byte " + std::to_string(offset) + ")";
  return text;
}

namespace {

Error make(Errc code, std::uint64_t offset, const char* format, std::va_list arguments) {
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  return {code, text.data(), offset};
}

}  // namespace

Error fail(Errc code, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  Error error = make(code, Error::kNoOffset, format, arguments);
  va_end(arguments);
  return error;
}

Error fail_at(Errc code, std::uint64_t offset, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  Error error = make(code, offset, format, arguments);
  va_end(arguments);
  return error;
}

}  // namespace restride
