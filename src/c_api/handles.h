// SPDX-License-Identifier: Apache-2.0
// What stands behind the C interface's handles, and the ways in and out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include "base/error_util.h"
#include "memory/scratch.h"
#include "restride/c_api.h"
#include "restride/restride.h"

namespace restride::c_api {

// The caller's functions as a MemoryResource.
class CallersMemory final : public MemoryResource {
 public:
  CallersMemory(const restride_allocator& functions, Memory kind) noexcept : functions_(functions), kind_(kind) {}
  void* allocate(std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    return functions_.allocate(functions_.context, bytes, alignment, {stream.handle, stream.device, 0});
  }
  void deallocate(void* data, std::size_t bytes, std::size_t alignment, Stream stream) noexcept override {
    functions_.deallocate(functions_.context, data, bytes, alignment, {stream.handle, stream.device, 0});
  }
  Memory kind() const noexcept override { return kind_; }

 private:
  restride_allocator functions_;
  Memory kind_;
};

// The caller's threads as an Executor.
class CallersThreads final : public Executor {
 public:
  explicit CallersThreads(const restride_executor& functions) noexcept
      : functions_(functions), concurrency_(std::max(functions.concurrency(functions.context), 1U)) {}
  unsigned concurrency() const noexcept override { return concurrency_; }

 protected:
  void run(std::size_t n, void (*function)(void*, std::size_t), void* context) override {
    functions_.run(functions_.context, n, function, context);
  }

 private:
  restride_executor functions_;
  unsigned concurrency_;
};

// Describes `why` to the caller.
std::int32_t report(restride_error* error, const Error& why) noexcept;
std::int32_t report(restride_error* error, const Status& status) noexcept;
inline Error refusal(const char* message) { return {Errc::invalid_argument, message, Error::kNoOffset}; }

// Runs `work`, which gives a Status; nothing that it throws gets out.
template <class F>
std::int32_t guarded(restride_error* error, F&& work) noexcept {
  try {
    return report(error, work());
  } catch (const std::bad_alloc&) {
    return report(error, Error{Errc::out_of_memory, {}, Error::kNoOffset});
  } catch (const std::exception&) {
    return report(error, Error{Errc::internal, {}, Error::kNoOffset});
  }
}

// What the caller's structure holds, completed by `defaults` where the caller knows an older, smaller one.
template <class T>
Result<T> completed(const T* given, T defaults) {
  if (given && given->struct_size < 2 * sizeof(std::size_t)) return refusal("struct_size is not set");
  if (given) std::memcpy(&defaults, given, std::min(given->struct_size, sizeof(T)));
  return defaults;
}

// Fills the part of the caller's structure that the caller knows.
template <class T>
Status fill(T* to, T values) {
  if (!to || to->struct_size < 2 * sizeof(std::size_t)) return refusal("struct_size is not set");
  values.struct_size = to->struct_size;
  std::memcpy(to, &values, std::min(to->struct_size, sizeof(T)));
  return {};
}

inline Stream stream_of(const restride_cuda_stream* stream) noexcept {
  return stream ? Stream{static_cast<CUstream_st*>(stream->handle), stream->device} : Stream{};
}

// An object to be kept until the last user is gone.
std::shared_ptr<const void> keeper(void (*release)(void*), void* context);

restride_spec spec_of(const ImageSpec& spec) noexcept;
Result<ImageSpec> spec_of(const restride_spec& spec);

}  // namespace restride::c_api

struct restride_stream {
  restride::CodeStream stream;
};

struct restride_image {
  std::unique_ptr<restride::c_api::CallersMemory> memory;  // outlives the image
  restride::Image image;
};

namespace restride::c_api {

// The vectors of a call, kept for the next.
template <class In, class Out>
struct CallSpace {
  std::vector<const In*> in;
  std::vector<Out*> out;
  std::vector<Status> statuses;
};

}  // namespace restride::c_api

struct restride_decoder {
  std::unique_ptr<restride::c_api::CallersThreads> threads;  // outlives the decoder
  restride::Decoder decoder;
  restride::StatePool<restride::c_api::CallSpace<restride::CodeStream, restride::Image>> spaces;
};

struct restride_encoder {
  std::unique_ptr<restride::c_api::CallersThreads> threads;
  restride::Encoder encoder;
  restride::StatePool<restride::c_api::CallSpace<restride::Image, restride::CodeStream>> spaces;
};
