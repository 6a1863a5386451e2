// SPDX-License-Identifier: Apache-2.0
// What a codec is. CPU codecs, CUDA kernels and vendor libraries implement exactly this.
//
// Call order, by the engine:
//   Format::probe(first bytes) -> Format::parse(all bytes)            once a stream
//   FormatDecoder::plan(request) -> FormatDecoder::decode(jobs)       once a call; plan is pure
//   FormatEncoder::plan(spec, params) -> FormatEncoder::encode(jobs)
// Ownership: everything in a request or job belongs to the engine and outlives the call; codecs keep no pointer to it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error_util.h"
#include "base/executor.h"
#include "image/convert/pixel_sink.h"
#include "memory/scratch.h"
#include "restride/error.h"
#include "restride/image.h"
#include "restride/metadata.h"
#include "restride/params.h"
#include "stream/byte_sink.h"
#include "stream/stream_info.h"

namespace restride {

// One image to decode.
struct DecodeRequest {
  ByteSpan bytes;  // the whole code stream
  const StreamInfo* stream = nullptr;
  std::uint32_t image = 0;       // index into stream->images
  Rect window;                   // stored pixels to deliver, inside the picture as reduced by `reduce`
  std::uint8_t reduce = 0;       // halvings of the size, at most ImageInfo::max_reduce
  ImageSpec wanted;              // what the caller will get (window or larger): deliver this where it costs nothing
  bool converted_later = false;  // the sink is staging for a GPU, which converts for free: deliver what is cheapest
  // Pictures of the call that a CPU thread would have to decode one after another: 1 where each has a thread.
  std::uint32_t rounds = 1;
  Limits limits;

  const ImageInfo& info() const noexcept { return stream->images[image]; }
};

// What a decoder promises for a request.
struct DecodePlan {
  ImageSpec native;         // what it will deliver to the sink: convertible to request.wanted; size of the window
  std::size_t scratch = 0;  // upper bound of host working memory in bytes, for limits
  double cost = 0;          // relative time, for scheduling: about output pixels x a factor of the codec
  bool reluctant = false;  // a device decoder that can, but knows the CPU to be faster at this: taken if nobody else is
};

struct DecodeJob {
  DecodeRequest request;
  DecodePlan plan;
  PixelSink sink;
  Status status;
  bool wrote = false;  // set by the decoder before it delivers the first pixel
};

struct Context {
  Executor& executor;           // for parallel work inside one image; calls may be nested
  StatePool<Scratch>& scratch;  // leases are reset by whoever takes them
  Stream stream;                // the caller's; device -1 where no device is in use
  std::size_t jobs = 1;         // images of the call that are under way: with as many as threads, none is idle
};

// Two kinds implement this. A CPU decoder writes to host memory, and the engine calls it from many threads, a job or
// a few at a time. A device decoder (DeviceCodec) gets all its jobs of a call at once, from one thread; every
// sink.target() is then in memory of device context.stream.device. It queues its work on context.stream, in a number
// of launches that does not depend on the number of jobs, writes nothing to a target before what was queued on that
// stream earlier is done, and may return before the pixels are there, but not before every status is known.
class FormatDecoder {
 public:
  virtual ~FormatDecoder() = default;
  // Pure and thread-safe. unsupported: the next entry for the format is asked.
  virtual Result<DecodePlan> plan(const DecodeRequest& request) const = 0;
  // Sets every job's status; one bad image spoils no other. Thread-safe.
  virtual void decode(std::span<DecodeJob> jobs, Context& context) = 0;
};

// Helper for CPU decoders: one image at a time; the engine spreads images over threads.
class ImageDecoder : public FormatDecoder {
 public:
  void decode(std::span<DecodeJob> jobs, Context& context) final {
    for (DecodeJob& job : jobs) {
      auto scratch = context.scratch.lease();
      job.status = or_out_of_memory([&] { return decode_one(job, *scratch, context); });
      scratch->reset();
    }
  }

 protected:
  virtual Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) = 0;
};

// What an encoder promises for an image.
struct EncodePlan {
  ImageSpec wanted;  // the pixels it wants to read: convertible from the input, same size
  double cost = 0;
};

struct EncodeJob {
  PixelSource source;
  const EncodeParams* params = nullptr;
  EncodePlan plan;
  ByteSink* sink = nullptr;
  Status status;
};

// Device encoders likewise: all jobs at once, every source.view() in device memory, bytes complete in the (host) sinks
// on return.
class FormatEncoder {
 public:
  virtual ~FormatEncoder() = default;
  // Pure and thread-safe. Checks `params` too: invalid_argument or unsupported with the reason.
  virtual Result<EncodePlan> plan(const ImageSpec& input, const EncodeParams& params) const = 0;
  virtual void encode(std::span<EncodeJob> jobs, Context& context) = 0;
};

// Helper for CPU encoders, as ImageDecoder.
class ImageEncoder : public FormatEncoder {
 public:
  void encode(std::span<EncodeJob> jobs, Context& context) final {
    for (EncodeJob& job : jobs) {
      auto scratch = context.scratch.lease();
      job.status = or_out_of_memory([&] { return encode_one(job, *scratch, context); });
      scratch->reset();
    }
  }

 protected:
  virtual Status encode_one(EncodeJob& job, Scratch& scratch, Context& context) = 0;
};

// What of a stream's metadata is asked for.
struct MetadataQuery {
  ByteSpan bytes;
  const StreamInfo* stream = nullptr;
  std::uint32_t image = 0;
  std::optional<MetadataKind> kind;  // absent: all, but for TIFF tags
  std::optional<std::uint16_t> tag;  // with kind tiff_tag: only this one

  bool wants(MetadataKind k) const noexcept { return !kind || *kind == k; }
};

// A file format: how to recognise it and read its headers.
struct Format {
  std::string_view name;                         // nvImageCodec's codec name: "jpeg", "jpeg2k", ...
  std::span<const std::string_view> extensions;  // lower case, with the dot
  // Looks at the first bytes only. Null: a codec from outside, which is asked otherwise (codec/external.h).
  bool (*probe)(ByteSpan bytes) noexcept;
  // Reads headers, no pixels; allocates no more than a small multiple of the header bytes.
  Result<std::unique_ptr<StreamInfo>> (*parse)(ByteSpan bytes, const ParseOptions& options);
  // Appends what the query asks for, in the order in which it is to be listed; null: the format holds no metadata.
  Status (*metadata)(const MetadataQuery& query, std::vector<Metadata>& found) = nullptr;
  // Puts blocks into a finished stream, whichever encoder made it; null: the format has no place for them.
  Status (*embed)(std::span<const Metadata> metadata, ByteSink& sink) = nullptr;
};

// One implementation of a format on one backend.
struct CodecEntry {
  const Format* format;
  BackendKind backend;
  std::string_view name;                                                        // for messages: "libjpeg-turbo"
  std::unique_ptr<FormatDecoder> (*make_decoder)(const CodecOptions& options);  // null: cannot decode
  std::unique_ptr<FormatEncoder> (*make_encoder)(const CodecOptions& options);  // null: cannot encode
  std::string (*version)() = nullptr;  // of the library behind it, where there is one
};

// Value of "name=" in CodecOptions::options (last one wins, a "module:" prefix of `module` or none), or `fallback`.
int option_value(std::string_view options, std::string_view module, std::string_view name, int fallback) noexcept;

}  // namespace restride
