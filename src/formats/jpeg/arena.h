// SPDX-License-Identifier: Apache-2.0
// libjpeg's memory manager over memory that is kept: a picture of a size seen before allocates nothing.
#pragma once

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE

#include <jpeglib.h>

#include "memory/scratch.h"

namespace restride::jpeg {

// Everything that libjpeg asks for comes from two bump allocators: one for the handle's life (JPOOL_PERMANENT: a few KB
// of tables and state), one for the picture at hand. Virtual arrays are always wholly in memory; their size is bounded
// before decoding starts (DecodePlan::scratch).
class Arena {
 public:
  // Puts this in front of the manager that jpeg_create_* installed, which keeps what creation itself allocated.
  void install(j_common_ptr cinfo);
  // Puts the original manager back, so that jpeg_destroy can free what it holds.
  void remove(j_common_ptr cinfo) noexcept { cinfo->mem = original_; }
  // A table of the permanent pool that is not wanted now: the next one of its size is made there.
  void recycle(void* table, std::size_t bytes) noexcept;

 private:
  struct Manager {
    jpeg_memory_mgr methods;  // first: libjpeg sees only this
    Arena* arena;
  };
  static Arena& of(j_common_ptr cinfo) noexcept { return *reinterpret_cast<Manager*>(cinfo->mem)->arena; }

  static void* alloc(j_common_ptr cinfo, int pool, std::size_t bytes);
  // The same, zeroed: libjpeg reads some of its state before it writes it where a file lacks scans.
  static void* alloc_small(j_common_ptr cinfo, int pool, std::size_t bytes);
  static JSAMPARRAY alloc_sarray(j_common_ptr cinfo, int pool, JDIMENSION width, JDIMENSION rows);
  static JBLOCKARRAY alloc_barray(j_common_ptr cinfo, int pool, JDIMENSION width, JDIMENSION rows);
  static jvirt_sarray_ptr request_virt_sarray(j_common_ptr, int pool, boolean zero, JDIMENSION width, JDIMENSION rows,
                                              JDIMENSION);
  static jvirt_barray_ptr request_virt_barray(j_common_ptr, int pool, boolean zero, JDIMENSION width, JDIMENSION rows,
                                              JDIMENSION);
  static JSAMPARRAY access_virt_sarray(j_common_ptr, jvirt_sarray_ptr, JDIMENSION first, JDIMENSION rows, boolean);
  static JBLOCKARRAY access_virt_barray(j_common_ptr, jvirt_barray_ptr, JDIMENSION first, JDIMENSION rows, boolean);
  static void free_pool(j_common_ptr cinfo, int pool);

  Manager manager_{};
  jpeg_memory_mgr* original_ = nullptr;
  Scratch permanent_, image_;
  struct Recycled {
    void* table = nullptr;
    std::size_t bytes = 0;
  };
  std::array<Recycled, 3 * NUM_QUANT_TBLS> recycled_;  // as many tables as libjpeg has: for quantising, DC and AC
};

}  // namespace restride::jpeg
