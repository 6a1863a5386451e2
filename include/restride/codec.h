/* SPDX-License-Identifier: Apache-2.0 */
/* A codec from outside the library: a table of C functions.
 *
 * A shared library that holds such codecs exports `restride_codecs`; it includes this header, links nothing of ours and
 * is named in RESTRIDE_CODEC_PATH, by a Python entry point of the group "restride.codecs", or to
 * restride::load_codec_library(). A program may also pass its own table to restride::register_codec().
 *
 * The library does the rest: batches, threads, regions (by cropping, where a codec decodes whole pictures only), reuse,
 * conversion to what the caller asked for, EXIF orientation, limits, errors by image. Formats of the library itself are
 * recognised first, and keep their names.
 *
 * All functions may be called from several threads at once, with the `self` of their table. They return a
 * restride_code, and describe a failure in `error` (never null; what they leave empty is filled in). C++ exceptions are
 * caught, and reported as RESTRIDE_EXTENSION, as is every broken promise that can be seen.
 */
#ifndef RESTRIDE_CODEC_H
#define RESTRIDE_CODEC_H

#include "restride/c_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a table of the old kind could not be used any more. Additions go to the ends of structures, whose sizes
 * tell what is there. */
#define RESTRIDE_CODEC_ABI 1u

/* What headers say about a picture. Given zeroed; `spec` is interleaved: format RESTRIDE_FORMAT_UNKNOWN stands for the
 * usual one of so many channels, colour 0 likewise. */
typedef struct restride_picture {
  size_t struct_size;
  restride_spec spec;  /* as stored */
  int32_t orientation; /* EXIF 1 to 8, as stored; 0 is 1 */
  uint32_t reserved;
} restride_picture;

/* Working memory until the function returns, kept by the library for the next call; NULL when memory is short. */
typedef void* (*restride_allocate)(void* host, size_t bytes);

typedef struct restride_decode_job {
  size_t struct_size;
  const uint8_t* bytes; /* the whole code stream */
  size_t size;
  restride_spec picture; /* as info() gave it, completed */
  restride_rect window;  /* what to decode: all of it, but for codecs with RESTRIDE_CODEC_REGIONS */
  void* pixels;          /* where the window's first pixel goes; channels are interleaved, native byte order */
  ptrdiff_t row_stride;  /* bytes from row to row, may be negative or larger than a row: leave what lies between */
  uint32_t rows_done;    /* to be set: rows of the window that were written. Success means all of them. */
  uint32_t reserved;
  void* host; /* for allocate */
  restride_allocate allocate;
} restride_decode_job;

typedef struct restride_encode_job {
  size_t struct_size;
  restride_spec picture; /* as accepts() asked for */
  const void* pixels;    /* the first pixel; channels are interleaved */
  ptrdiff_t row_stride;  /* bytes from row to row */
  int32_t quality_type;  /* RESTRIDE_QUALITY_DEFAULT, ... */
  uint32_t reserved;
  double quality_value;
  void* host; /* for allocate, reserve and commit */
  restride_allocate allocate;
  /* Room for `bytes` more bytes of output, valid until the next call; NULL when memory is short. Then commit() what of
   * it is used. */
  void* (*reserve)(void* host, size_t bytes);
  void (*commit)(void* host, size_t bytes);
} restride_encode_job;

/* `flags` of a codec. */
enum {
  RESTRIDE_CODEC_REGIONS = 1 /* decode() can decode any window of the picture */
};

typedef struct restride_codec {
  size_t struct_size;            /* sizeof(restride_codec) */
  uint32_t abi;                  /* RESTRIDE_CODEC_ABI */
  uint32_t flags;                /* RESTRIDE_CODEC_REGIONS */
  const char* name;              /* of the format, lower case letters and digits: "qoi" */
  const char* implementation;    /* who does it, for messages and listings; NULL: the name */
  const char* const* extensions; /* lower case, with the dot, NULL at the end: {".qoi", NULL}; may be NULL */
  void* self;                    /* passed to all functions */

  /* Not 0 if `bytes` may be of this format. Looks at the first bytes only. */
  int (*probe)(void* self, const uint8_t* bytes, size_t size);
  /* Reads headers, no pixels. */
  int32_t (*info)(void* self, const uint8_t* bytes, size_t size, restride_picture* picture, restride_error* error);
  /* Writes the pixels of job->window. NULL: this codec does not decode; probe and info are then never called. */
  int32_t (*decode)(void* self, restride_decode_job* job, restride_error* error);
  /* Says which pixels encode() wants for a picture like `offered`: `wanted` comes in as the same, interleaved, and may
   * be changed in channels, type, format, colour and precision. NULL: as offered. */
  int32_t (*accepts)(void* self, const restride_spec* offered, restride_spec* wanted, restride_error* error);
  /* Writes a whole code stream. NULL: this codec does not encode. */
  int32_t (*encode)(void* self, restride_encode_job* job, restride_error* error);
} restride_codec;

/* What a shared library exports under the name "restride_codecs". `host_abi` is the host's RESTRIDE_CODEC_ABI: a
 * library that knows several may choose. The array ends with NULL; it, and all that it leads to, stays for the
 * process's life. */
typedef const restride_codec* const* (*restride_codecs_entry)(uint32_t host_abi);
#define RESTRIDE_CODECS_SYMBOL "restride_codecs"

/* How a library writes the definition of that function:
 *   RESTRIDE_CODECS_EXPORT const restride_codec* const* restride_codecs(uint32_t host_abi) { ... } */
#ifdef __cplusplus
#define RESTRIDE_CODECS_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define RESTRIDE_CODECS_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
}
#endif
#endif
