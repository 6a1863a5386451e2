// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/libjpeg.h"

#include <jerror.h>

#include <cstring>
#include <new>
#include <utility>

namespace restride::jpeg {
namespace {

ErrorManager& errors_of(j_common_ptr cinfo) noexcept { return *reinterpret_cast<ErrorManager*>(cinfo->err); }

[[noreturn]] void leave(j_common_ptr cinfo) {
  ErrorManager& errors = errors_of(cinfo);
  (*cinfo->err->format_message)(cinfo, errors.message);
  errors.offset = Error::kNoOffset;
  bool hit_end = false;
  if (cinfo->is_decompressor) {
    const auto* source = reinterpret_cast<SourceManager*>(reinterpret_cast<j_decompress_ptr>(cinfo)->src);
    if (source) {
      errors.offset = source->position();
      hit_end = source->hit_end;
    }
  }
  switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
      errors.code = Errc::out_of_memory;
      break;
    case JERR_NOT_COMPILED:
#if JPEG_LIB_VERSION < 70
    case JERR_ARITH_NOTIMPL:
#endif
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_BAD_MCU_SIZE:
    case JERR_COMPONENT_COUNT:
      errors.code = Errc::unsupported;
      break;
    default:
      errors.code = hit_end ? Errc::truncated : Errc::corrupt;
  }
  std::longjmp(errors.jump, 1);
}

// libjpeg would go on after these and give a picture that is partly grey or garbage.
bool loses_data(int warning) noexcept {
  return warning == JWRN_HIT_MARKER || warning == JWRN_HUFF_BAD_CODE || warning == JWRN_MUST_RESYNC ||
         warning == JWRN_ARITH_BAD_CODE;
}

void emit_message(j_common_ptr cinfo, int level) {
  if (level < 0 && loses_data(cinfo->err->msg_code)) leave(cinfo);
}

constexpr JOCTET kEndOfImage[2] = {0xff, JPEG_EOI};

boolean fill_input_buffer(j_decompress_ptr cinfo) {
  auto* source = reinterpret_cast<SourceManager*>(cinfo->src);
  source->hit_end = true;
  source->base.next_input_byte = kEndOfImage;
  source->base.bytes_in_buffer = sizeof kEndOfImage;
  return TRUE;
}

void skip_input_data(j_decompress_ptr cinfo, long count) {
  if (count <= 0) return;
  jpeg_source_mgr& base = *cinfo->src;
  if (static_cast<std::size_t>(count) > base.bytes_in_buffer) {
    (void)fill_input_buffer(cinfo);
    return;
  }
  base.next_input_byte += count;
  base.bytes_in_buffer -= static_cast<std::size_t>(count);
}

constexpr std::size_t kChunk = 16384;

void offer_room(j_compress_ptr cinfo) {
  auto* destination = reinterpret_cast<DestinationManager*>(cinfo->dest);
  std::byte* room = destination->sink->reserve(kChunk);
  if (!room) {
    cinfo->err->msg_code = JERR_OUT_OF_MEMORY;
    leave(reinterpret_cast<j_common_ptr>(cinfo));
  }
  destination->base.next_output_byte = reinterpret_cast<JOCTET*>(room);
  destination->base.free_in_buffer = kChunk;
}

}  // namespace

void ErrorManager::install(j_common_ptr cinfo) noexcept {
  cinfo->err = jpeg_std_error(&base);
  base.error_exit = leave;
  base.emit_message = emit_message;
  base.output_message = [](j_common_ptr) {};
}

void SourceManager::install(j_decompress_ptr cinfo, ByteSpan from) noexcept {
  bytes = from;
  hit_end = false;
  base.init_source = [](j_decompress_ptr) {};
  base.fill_input_buffer = fill_input_buffer;
  base.skip_input_data = skip_input_data;
  base.resync_to_restart = jpeg_resync_to_restart;
  base.term_source = [](j_decompress_ptr) {};
  base.next_input_byte = reinterpret_cast<const JOCTET*>(from.data());
  base.bytes_in_buffer = from.size();
  cinfo->src = &base;
}

void DestinationManager::install(j_compress_ptr cinfo, ByteSink& to) noexcept {
  sink = &to;
  base.init_destination = offer_room;
  base.empty_output_buffer = [](j_compress_ptr c) -> boolean {
    reinterpret_cast<DestinationManager*>(c->dest)->sink->commit(kChunk);  // libjpeg means: all of it is full
    offer_room(c);
    return TRUE;
  };
  base.term_destination = [](j_compress_ptr c) {
    auto* destination = reinterpret_cast<DestinationManager*>(c->dest);
    destination->sink->commit(kChunk - destination->base.free_in_buffer);
  };
  cinfo->dest = &base;
}

Decompressor::Decompressor() {
  errors.install(reinterpret_cast<j_common_ptr>(&cinfo));
  if (!guarded(errors, [&] { jpeg_create_decompress(&cinfo); })) {
    jpeg_destroy_decompress(&cinfo);
    throw std::bad_alloc();
  }
  arena.install(reinterpret_cast<j_common_ptr>(&cinfo));
}

Decompressor::~Decompressor() {
  arena.remove(reinterpret_cast<j_common_ptr>(&cinfo));
  jpeg_destroy_decompress(&cinfo);
}

void Decompressor::begin(ByteSpan bytes) noexcept {
  jpeg_abort_decompress(&cinfo);
  const auto forget = [&](auto& tables) {
    for (auto*& table : tables)
      if (table) arena.recycle(std::exchange(table, nullptr), sizeof *table);
  };
  forget(cinfo.quant_tbl_ptrs);
  forget(cinfo.dc_huff_tbl_ptrs);
  forget(cinfo.ac_huff_tbl_ptrs);
  source.install(&cinfo, bytes);
}

Compressor::Compressor() {
  errors.install(reinterpret_cast<j_common_ptr>(&cinfo));
  if (!guarded(errors, [&] { jpeg_create_compress(&cinfo); })) {
    jpeg_destroy_compress(&cinfo);
    throw std::bad_alloc();
  }
  arena.install(reinterpret_cast<j_common_ptr>(&cinfo));
}

Compressor::~Compressor() {
  arena.remove(reinterpret_cast<j_common_ptr>(&cinfo));
  jpeg_destroy_compress(&cinfo);
}

// libjpeg-turbo tells the version of its headers only, as bare tokens.
#define RESTRIDE_TEXT_OF(tokens) #tokens
#define RESTRIDE_TEXT(macro) RESTRIDE_TEXT_OF(macro)
std::string library_version() { return RESTRIDE_TEXT(LIBJPEG_TURBO_VERSION); }
#undef RESTRIDE_TEXT
#undef RESTRIDE_TEXT_OF

}  // namespace restride::jpeg
