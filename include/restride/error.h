// SPDX-License-Identifier: Apache-2.0
// Errors are values. Every fallible function returns Status or Result<T>; nothing in this library throws across
// its public interface, and no reason is ever reduced to a bare code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "restride/export.h"

namespace restride {

enum class Errc : std::uint8_t {
  invalid_argument,  // the caller's request makes no sense: change the call
  unsupported,       // valid data or request that no available codec handles
  corrupt,           // the data contradicts its format
  truncated,         // the data ends too early
  limit_exceeded,    // larger than Limits allow
  out_of_memory,     // an allocation failed
  io,                // the operating system refused a file operation
  not_found,         // no such file
  device,            // CUDA or a driver failed
  internal,          // a defect of this library: please report it
  extension,         // a codec from outside the library broke its contract
};

// The stable lower-case name of `code`, e.g. "truncated".
RESTRIDE_API const char* name(Errc code) noexcept;

struct Error {
  static constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

  Errc code = Errc::internal;
  std::string message;               // what, and what to do about it: "DHT: code length 17 exceeds 16"
  std::uint64_t offset = kNoOffset;  // byte position in the code stream, where one is known

  // "corrupt: DHT: code length 17 exceeds 16 (at byte 312)"
  RESTRIDE_API std::string describe() const;
};

// A value or an Error, with std::expected's names.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success, or an Error. A successful Status holds no heap memory.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(Error error) : error_(std::move(error)) {}

  bool ok() const noexcept { return !error_.has_value(); }
  bool has_value() const noexcept { return ok(); }
  explicit operator bool() const noexcept { return ok(); }
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace restride
