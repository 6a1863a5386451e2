// SPDX-License-Identifier: Apache-2.0
#include "restride/encoder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error_util.h"
#include "codec/external.h"
#include "engine/backends.h"
#include "engine/device.h"
#include "engine/encode_call.h"
#include "engine/thread_pool.h"
#include "formats/table.h"

namespace restride {

namespace {

Error unknown_codec(std::string_view codec) {
  return fail(Errc::invalid_argument, "unknown codec \"%s\"", std::string(codec).c_str());
}

}  // namespace

struct Encoder::Impl {
  Impl(const CodecOptions& given, int device, std::vector<Candidate> candidates)
      : options(given), pool(given.executor ? nullptr : std::make_unique<ThreadPool>(given.max_threads)) {
    environment.candidates = std::move(candidates);
    environment.executor = pool ? pool.get() : options.executor;
    environment.scratch = &scratch;
    environment.spill = &spill;
    environment.device = device;
    for (const Candidate& candidate : environment.candidates)
      environment.encoders.push_back(candidate.encoder(options));
  }

  void encode(std::span<const Image* const> in, std::string_view codec, std::span<CodeStream* const> out,
              std::span<Status> statuses, ParamsOf<EncodeParams> params, Stream stream) {
    const Status begun = or_out_of_memory([&]() -> Status {
      const Format* format = find_format(codec);
      if (!format) return unknown_codec(codec);
      calls.lease()->run(environment, in, *format, out, statuses, params, stream);
      return {};
    });
    if (!begun) std::fill(statuses.begin(), statuses.end(), begun);
  }

  CodecOptions options;
  std::unique_ptr<ThreadPool> pool;  // null: the caller's executor
  StatePool<Scratch> scratch;
  StatePool<Buffer> spill;
  StatePool<EncodeCall> calls;
  EncodeEnvironment environment;
};

Encoder::Encoder(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<Encoder> Encoder::create(const CodecOptions& options) {
  return or_out_of_memory([&]() -> Result<Encoder> {
    RESTRIDE_ASSIGN(const int device, resolve_device(options));
    RESTRIDE_ASSIGN(auto usable, candidates(options, device));
    return Encoder(std::make_unique<Impl>(options, device, std::move(usable)));
  });
}

void Encoder::encode(std::span<const Image* const> in, std::string_view codec, std::span<CodeStream* const> out,
                     std::span<Status> statuses, const EncodeParams& params, Stream stream) {
  impl_->encode(in, codec, out, statuses, params, stream);
}

void Encoder::encode_each(std::span<const Image* const> in, std::string_view codec, std::span<CodeStream* const> out,
                          std::span<Status> statuses, std::span<const EncodeParams> params, Stream stream) {
  impl_->encode(in, codec, out, statuses, ParamsOf<EncodeParams>(params), stream);
}

Status Encoder::check(const ImageSpec& spec, std::string_view codec, const EncodeParams& params) const {
  return or_out_of_memory([&]() -> Status {
    const Format* format = find_format(codec);
    if (!format) return unknown_codec(codec);
    RESTRIDE_TRY(check_parameters(*format, params));
    RESTRIDE_TRY(choose_encoder(impl_->environment, 0, spec, *format, params));
    return {};
  });
}

Status Encoder::encode(const Image& in, std::string_view codec, CodeStream& out, const EncodeParams& params,
                       Stream stream) {
  const Image* ins[] = {&in};
  CodeStream* outs[] = {&out};
  Status status;
  encode(ins, codec, outs, {&status, 1}, params, stream);
  return status;
}

Result<CodeStream> Encoder::encode(const Image& in, std::string_view codec, const EncodeParams& params, Stream stream) {
  RESTRIDE_ASSIGN(CodeStream out, CodeStream::create());
  RESTRIDE_TRY(encode(in, codec, out, params, stream));
  return out;
}

int Encoder::device() const noexcept { return impl_->environment.device; }

namespace {

std::string_view extension_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t slash = path.rfind('/');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) return {};
  return path.substr(dot);
}

Error file_error(const char* what, const std::string& path) {
  return fail(Errc::io, "%s %s: %s", what, path.c_str(), std::strerror(errno));
}

// All bytes, whatever the number of calls; false with errno set.
bool write_all(int file, ByteSpan bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

// A device or a pipe is written to as it is: a file put in its place would not be what was asked for.
Status write_special(const std::string& path, ByteSpan bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return file_error("cannot open", path);
  Status status;
  if (!write_all(file, bytes)) status = file_error("cannot write", path);
  if (::close(file) != 0 && status) status = file_error("cannot write", path);
  return status;
}

// Writes beside the target and renames, so that a full disk or a stop leaves no half file. A symbolic link stays one.
Status write_file(const std::string& path, ByteSpan bytes) {
  struct stat there {};
  const bool exists = ::stat(path.c_str(), &there) == 0;
  if (exists && S_ISDIR(there.st_mode)) return fail(Errc::io, "cannot write %s: it is a directory", path.c_str());
  if (exists && !S_ISREG(there.st_mode)) return write_special(path, bytes);
  const std::unique_ptr<char, decltype(&std::free)> real(exists ? ::realpath(path.c_str(), nullptr) : nullptr,
                                                         &std::free);
  const std::string target = real ? real.get() : path;
  static std::atomic<unsigned> counter{0};
  const std::string part = target + ".part" + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return file_error("cannot create", path);
  Status status;
  if (!write_all(file, bytes)) status = file_error("cannot write", path);
  if (::close(file) != 0 && status) status = file_error("cannot write", path);
  if (status && ::rename(part.c_str(), target.c_str()) != 0) status = file_error("cannot write", path);
  if (!status) ::unlink(part.c_str());
  return status;
}

}  // namespace

Status Encoder::write(const std::string& path, const Image& in, std::string_view codec, const EncodeParams& params,
                      Stream stream) {
  return or_out_of_memory([&]() -> Status {
    if (codec.empty()) codec = extension_of(path);
    if (!find_format(codec))
      return fail(Errc::invalid_argument,
                  "cannot tell a codec from the file name %s: give one, for example codec=\"jpeg\"", path.c_str());
    RESTRIDE_ASSIGN(const CodeStream encoded, encode(in, codec, params, stream));
    return write_file(path, encoded.bytes());
  });
}

std::string_view codec_for(std::string_view name_or_extension) noexcept {
  const Format* format = find_format(name_or_extension);
  return format ? format->name : std::string_view();
}

std::vector<FormatInfo> formats() {
  std::vector<FormatInfo> out;
  const auto add = [&](const Format& format) {
    if (std::any_of(out.begin(), out.end(), [&](const FormatInfo& there) { return there.name == format.name; })) return;
    out.push_back(
        {std::string(format.name), {format.extensions.begin(), format.extensions.end()}, format.embed != nullptr});
  };
  for (const CodecEntry& entry : codecs()) add(*entry.format);
  for_each_external_codec([&](const ExternalCodec& codec) {
    add(codec.format());
    return false;
  });
  return out;
}

}  // namespace restride
