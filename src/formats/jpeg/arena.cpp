// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg/arena.h"

#include <jerror.h>

#include <cstring>
#include <utility>

// libjpeg leaves these two types to its memory manager.
struct jvirt_sarray_control {
  JSAMPARRAY rows;
  JDIMENSION count;
};
struct jvirt_barray_control {
  JBLOCKARRAY rows;
  JDIMENSION count;
};

namespace restride::jpeg {

void Arena::install(j_common_ptr cinfo) {
  original_ = cinfo->mem;
  manager_.arena = this;
  jpeg_memory_mgr& m = manager_.methods;
  m.alloc_small = alloc_small;
  m.alloc_large = alloc;
  m.alloc_sarray = alloc_sarray;
  m.alloc_barray = alloc_barray;
  m.request_virt_sarray = request_virt_sarray;
  m.request_virt_barray = request_virt_barray;
  m.realize_virt_arrays = [](j_common_ptr) {};  // made in full when requested
  m.access_virt_sarray = access_virt_sarray;
  m.access_virt_barray = access_virt_barray;
  m.free_pool = free_pool;
  m.self_destruct = [](j_common_ptr) {};  // never reached: remove() comes first
  m.max_memory_to_use = 0;
  m.max_alloc_chunk = 1000000000L;
  cinfo->mem = &m;
}

void* Arena::alloc(j_common_ptr cinfo, int pool, std::size_t bytes) {
  Arena& arena = of(cinfo);
  void* data = (pool == JPOOL_PERMANENT ? arena.permanent_ : arena.image_).allocate(bytes);
  if (!data) {
    cinfo->err->msg_code = JERR_OUT_OF_MEMORY;
    (*cinfo->err->error_exit)(cinfo);
  }
  return data;
}

void Arena::recycle(void* table, std::size_t bytes) noexcept {
  for (Recycled& place : recycled_) {
    if (place.table) continue;
    place = {table, bytes};
    return;
  }
}

void* Arena::alloc_small(j_common_ptr cinfo, int pool, std::size_t bytes) {
  if (pool == JPOOL_PERMANENT)
    for (Recycled& place : of(cinfo).recycled_)
      if (place.table && place.bytes == bytes) return std::memset(std::exchange(place.table, nullptr), 0, bytes);
  return std::memset(alloc(cinfo, pool, bytes), 0, bytes);
}

// Row pointers, then the rows, each a multiple of 64 bytes long, as SIMD code wants them.
JSAMPARRAY Arena::alloc_sarray(j_common_ptr cinfo, int pool, JDIMENSION width, JDIMENSION rows) {
  const std::size_t stride = (std::size_t{width} * sizeof(JSAMPLE) + 63) & ~std::size_t{63};
  auto** pointers = static_cast<JSAMPROW*>(alloc(cinfo, pool, rows * sizeof(JSAMPROW)));
  auto* data = static_cast<JSAMPLE*>(alloc(cinfo, pool, stride * rows + 64));  // SIMD may read a little past the end
  for (JDIMENSION i = 0; i < rows; ++i) pointers[i] = data + i * stride;
  return pointers;
}

JBLOCKARRAY Arena::alloc_barray(j_common_ptr cinfo, int pool, JDIMENSION width, JDIMENSION rows) {
  auto** pointers = static_cast<JBLOCKROW*>(alloc(cinfo, pool, rows * sizeof(JBLOCKROW)));
  auto* data = static_cast<JBLOCK*>(alloc(cinfo, pool, std::size_t{width} * rows * sizeof(JBLOCK)));
  for (JDIMENSION i = 0; i < rows; ++i) pointers[i] = data + std::size_t{i} * width;
  return pointers;
}

jvirt_sarray_ptr Arena::request_virt_sarray(j_common_ptr cinfo, int pool, boolean zero, JDIMENSION width,
                                            JDIMENSION rows, JDIMENSION) {
  auto* control = static_cast<jvirt_sarray_ptr>(alloc(cinfo, pool, sizeof(jvirt_sarray_control)));
  *control = {alloc_sarray(cinfo, pool, width, rows), rows};
  if (zero)
    for (JDIMENSION i = 0; i < rows; ++i) std::memset(control->rows[i], 0, width * sizeof(JSAMPLE));
  return control;
}

jvirt_barray_ptr Arena::request_virt_barray(j_common_ptr cinfo, int pool, boolean zero, JDIMENSION width,
                                            JDIMENSION rows, JDIMENSION) {
  auto* control = static_cast<jvirt_barray_ptr>(alloc(cinfo, pool, sizeof(jvirt_barray_control)));
  *control = {alloc_barray(cinfo, pool, width, rows), rows};
  if (zero && rows) std::memset(control->rows[0], 0, std::size_t{width} * rows * sizeof(JBLOCK));
  return control;
}

JSAMPARRAY Arena::access_virt_sarray(j_common_ptr cinfo, jvirt_sarray_ptr array, JDIMENSION first, JDIMENSION rows,
                                     boolean) {
  if (first > array->count || rows > array->count - first) {
    cinfo->err->msg_code = JERR_BAD_VIRTUAL_ACCESS;
    (*cinfo->err->error_exit)(cinfo);
  }
  return array->rows + first;
}

JBLOCKARRAY Arena::access_virt_barray(j_common_ptr cinfo, jvirt_barray_ptr array, JDIMENSION first, JDIMENSION rows,
                                      boolean) {
  if (first > array->count || rows > array->count - first) {
    cinfo->err->msg_code = JERR_BAD_VIRTUAL_ACCESS;
    (*cinfo->err->error_exit)(cinfo);
  }
  return array->rows + first;
}

void Arena::free_pool(j_common_ptr cinfo, int pool) {
  Arena& arena = of(cinfo);
  (pool == JPOOL_PERMANENT ? arena.permanent_ : arena.image_).reset();
}

}  // namespace restride::jpeg
