// SPDX-License-Identifier: Apache-2.0
// High-throughput JPEG 2000 (ISO/IEC 15444-15) is encoded by OpenJPH, which works a line at a time. It is not decoded
// by it: damaged tile headers keep version 0.9 in a loop without end.
#include "formats/jpeg2000/planes.h"

#include "base/checked.h"
#include "base/error_util.h"

#if defined(RESTRIDE_HAVE_OPENJPH)

#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_message.h>
#include <openjph/ojph_params.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <stdexcept>

#include "formats/jpeg2000/quality.h"

namespace restride::jpeg2000 {
namespace {

// OpenJPH's bases have virtual functions and no virtual destructor; these live for ever.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
// OpenJPH reports errors by calling this and expects it to throw.
class Thrower final : public ojph::message_error {
 public:
  void operator()(int, const char*, int, const char* format, ...) override {
    char text[256];
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    throw std::runtime_error(text);
  }
};
class Silent final : public ojph::message_warning {
 public:
  void operator()(int, const char*, int, const char*, ...) override {}
};
#pragma GCC diagnostic pop

// The library's message handlers are global; ours are set once and never taken back.
void take_messages() {
  static std::once_flag once;
  std::call_once(once, [] {
    static Thrower thrower;
    static Silent silent;
    ojph::configure_error(&thrower);
    ojph::configure_warning(&silent);
    // OpenJPH 0.9 keeps printing some messages through its own handlers.
    if (FILE* nowhere = std::fopen("/dev/null", "w")) {
      ojph::set_error_stream(nowhere);
      ojph::set_warning_stream(nowhere);
      ojph::set_info_stream(nowhere);
    }
  });
}

// Writes into a ByteSink.
class SinkFile final : public ojph::outfile_base {
 public:
  explicit SinkFile(ByteSink& sink) : sink_(sink), start_(sink.size()) {}
  size_t write(const void* data, size_t size) override {
    if (!sink_.append(data, size)) throw std::bad_alloc();
    return size;
  }
  ojph::si64 tell() override { return static_cast<ojph::si64>(sink_.size() - start_); }
  void close() override {}

 private:
  ByteSink& sink_;
  std::size_t start_;
};

constexpr const char* kProgressions[] = {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"};

// Decompositions, at most `wanted`, that never meet a band of 1 or 2 rows: the irreversible transform of OpenJPH 0.9
// makes pixels of it that have nothing to do with the picture.
unsigned safe_levels(const ImageSpec& spec, const EncodeParams& params, unsigned wanted) noexcept {
  const std::uint64_t tile = params.tile_height ? params.tile_height : spec.height;
  for (std::uint64_t top = 0; top < spec.height; top += tile) {
    const std::uint64_t bottom = std::min<std::uint64_t>(top + tile, spec.height);
    for (unsigned level = 0; level < wanted; ++level) {
      const std::uint64_t step = std::uint64_t{1} << level;
      if (ceil_div(bottom, step) - ceil_div(top, step) <= 2) wanted = level;
    }
  }
  return wanted;
}

Status encode_lines(EncodeJob& job, Scratch& scratch, unsigned levels) {
  const ImageSpec& spec = job.plan.wanted;
  const EncodeParams& params = *job.params;
  const bool is_signed = restride::is_signed(spec.type);
  ojph::codestream codestream;
  ojph::param_siz siz = codestream.access_siz();
  siz.set_image_extent(ojph::point(spec.width, spec.height));
  siz.set_num_components(spec.channels);
  for (ojph::ui32 c = 0; c < spec.channels; ++c) siz.set_component(c, ojph::point(1, 1), spec.bits(), is_signed);
  if (params.tile_width) siz.set_tile_size(ojph::size(params.tile_width, params.tile_height));
  ojph::param_cod cod = codestream.access_cod();
  const bool lossless = params.quality_type == QualityType::lossless;
  cod.set_num_decomposition(lossless ? levels : safe_levels(spec, params, levels));
  cod.set_block_dims(params.jpeg2k.code_block_size[0], params.jpeg2k.code_block_size[1]);
  cod.set_progression_order(kProgressions[static_cast<int>(params.jpeg2k.progression)]);
  cod.set_color_transform(params.jpeg2k.mct_mode == 1 && spec.channels >= 3);
  cod.set_reversible(lossless);
  if (!lossless) codestream.access_qcd().set_irrev_quant(static_cast<float>(quantization_step(params)));
  codestream.set_planar(false);
  SinkFile file(*job.sink);
  codestream.write_headers(&file);

  ImageSpec planar_spec = spec;
  planar_spec.format = planar(spec.format);
  planar_spec.type = is_signed ? SampleType::i32 : SampleType::u32;
  planar_spec.height = 1;
  const auto row = scratch.take<std::int32_t>(std::size_t{spec.width} * spec.channels);
  if (!row.data()) return fail(Errc::out_of_memory, "no memory for a row");
  const ImageView to = dense_view(reinterpret_cast<std::byte*>(row.data()), planar_spec);
  ojph::ui32 next = 0;
  ojph::line_buf* line = codestream.exchange(nullptr, next);
  for (std::int64_t y = 0; y < spec.height; ++y) {
    job.source.get({0, y, spec.width, 1}, to);
    for (std::uint32_t c = 0; c < spec.channels; ++c) {
      std::copy_n(row.data() + std::size_t{c} * spec.width, spec.width, line->i32);
      line = codestream.exchange(line, next);
    }
  }
  codestream.flush();
  codestream.close();
  return {};
}

}  // namespace

Status encode_openjph(EncodeJob& job, Scratch& scratch, unsigned levels) {
  take_messages();
  try {
    return encode_lines(job, scratch, levels);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "OpenJPH ran out of memory");
  } catch (const char*) {  // what its own allocator throws
    return fail(Errc::out_of_memory, "OpenJPH ran out of memory");
  } catch (const std::exception& e) {
    return fail(Errc::unsupported, "OpenJPH: %s", e.what());
  }
}

}  // namespace restride::jpeg2000

#else

namespace restride::jpeg2000 {

Status encode_openjph(EncodeJob&, Scratch&, unsigned) {
  return fail(Errc::unsupported, "HTJ2K encoding needs OpenJPH, which this build was made without");
}

}  // namespace restride::jpeg2000

#endif
