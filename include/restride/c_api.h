/* SPDX-License-Identifier: Apache-2.0 */
/* The library for C99 and for other languages: restride/decoder.h and restride/encoder.h behind opaque handles.
 *
 * Functions that can fail return a restride_code, and write the reason to `error` where that is not NULL. Structures
 * begin with their size as the caller knows it; restride_init_*() sets it together with the defaults. NULL for
 * parameters means the defaults, for a CUDA stream none. Handles are freed by their _destroy function, which takes
 * NULL. Thread-safety is that of the C++ classes: decoders, encoders and input streams may be shared by threads, images
 * and output streams may not.
 */
#ifndef RESTRIDE_C_API_H
#define RESTRIDE_C_API_H

#include "restride/c_types.h"
#include "restride/codec.h"
#include "restride/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct restride_stream restride_stream; /* a code stream */
typedef struct restride_image restride_image;
typedef struct restride_decoder restride_decoder;
typedef struct restride_encoder restride_encoder;

RESTRIDE_API const char* restride_version(void);           /* "0.1.0" */
RESTRIDE_API const char* restride_code_name(int32_t code); /* "truncated", ...; "ok" for 0 */

/* Where bytes live. Pinned memory is host memory that a GPU can read directly. */
enum { RESTRIDE_HOST = 0, RESTRIDE_PINNED = 1, RESTRIDE_CUDA = 2 };
enum { RESTRIDE_CURRENT_DEVICE = -1, RESTRIDE_CPU_ONLY = -99999 };

typedef struct restride_cuda_stream {
  void* handle; /* cudaStream_t */
  int32_t device;
  uint32_t reserved;
} restride_cuda_stream;

/* Memory for images and streams. `allocate` gives NULL when there is none. Both may be called from several threads;
 * `context` must outlive what was allocated. */
typedef struct restride_allocator {
  size_t struct_size;
  void* context;
  void* (*allocate)(void* context, size_t bytes, size_t alignment, restride_cuda_stream stream);
  void (*deallocate)(void* context, void* data, size_t bytes, size_t alignment, restride_cuda_stream stream);
} restride_allocator;

/* The caller's threads. `run` calls task(argument, i) once for each i below n, in increasing order of start, and
 * returns when all have returned. Calls may be nested and come from several threads: one that finds no thread free does
 * the work itself. */
typedef struct restride_executor {
  size_t struct_size;
  void* context;
  unsigned (*concurrency)(void* context); /* threads that may work at once, the calling one included */
  void (*run)(void* context, size_t n, void (*task)(void* argument, size_t i), void* argument);
} restride_executor;

/* Replaces the process's memory of a kind (NULL: the library's own again). What exists keeps the memory it has. */
RESTRIDE_API int32_t restride_set_allocator(int32_t memory, const restride_allocator* allocator, restride_error* error);

/* Maps a file (UTF-8 name), which must not change while the stream lives. */
RESTRIDE_API int32_t restride_stream_open(const char* path, restride_stream** stream, restride_error* error);
/* Refers to the caller's bytes, until `release` (may be NULL) is called with `context`: when the last stream that
 * shares them is gone, or at once on failure. */
RESTRIDE_API int32_t restride_stream_borrow(const void* bytes, size_t size, void (*release)(void* context),
                                            void* context, restride_stream** stream, restride_error* error);
/* For an encoder to write into; `pinned` not 0: memory that a GPU can read directly. */
RESTRIDE_API int32_t restride_stream_create(size_t capacity, int32_t pinned, restride_stream** stream,
                                            restride_error* error);

typedef struct restride_view {
  size_t struct_size;
  uint32_t image;            /* index */
  uint32_t limit_images;     /* 0: no limit */
  uint64_t bitstream_offset; /* TIFF: start at the directory at this offset; 0: the first */
  int32_t has_region;
  uint32_t reserved;
  restride_rect region; /* as displayed; may reach outside the picture, which is filled there */
  double fill[5];       /* one value a channel */
} restride_view;

/* A view on one image or a region, independent of `stream`'s lifetime. */
RESTRIDE_API int32_t restride_stream_sub(const restride_stream* stream, const restride_view* view,
                                         restride_stream** sub, restride_error* error);

typedef struct restride_stream_info {
  size_t struct_size;
  restride_spec spec; /* as stored */
  int32_t orientation;
  uint32_t num_images;
  char codec[40];                                     /* "jpeg" */
  uint32_t tiles_x, tiles_y, tile_width, tile_height; /* 0: the format has none */
  uint32_t max_reduce;                                /* halvings of the size that decoding can do */
  int32_t subsampling;                                /* restride::ChromaSubsampling */
} restride_stream_info;

/* What the headers say. `info->struct_size` must be set. */
RESTRIDE_API int32_t restride_stream_get_info(const restride_stream* stream, restride_stream_info* info,
                                              restride_error* error);
/* The bytes of the whole stream, valid until it is encoded into or gone. */
RESTRIDE_API const void* restride_stream_bytes(const restride_stream* stream, size_t* size);
RESTRIDE_API void restride_stream_destroy(restride_stream* stream);

/* Sample (x, y, c) is at data + y*row_stride + x*pixel_stride + c*channel_stride. */
typedef struct restride_pixels {
  size_t struct_size;
  void* data;
  restride_spec spec;
  ptrdiff_t row_stride, pixel_stride, channel_stride; /* bytes; all 0 when wrapping: dense */
  int32_t memory;                                     /* RESTRIDE_HOST, ... */
  int32_t device;                                     /* for RESTRIDE_CUDA */
} restride_pixels;

/* An image with memory of its own, which grows as needed. */
RESTRIDE_API int32_t restride_image_create(int32_t memory, const restride_allocator* allocator, restride_image** image,
                                           restride_error* error);
/* An image in the caller's memory, which is never reallocated: what does not fit is refused. `release` as above. */
RESTRIDE_API int32_t restride_image_wrap(const restride_pixels* pixels, void (*release)(void* context), void* context,
                                         restride_image** image, restride_error* error);
/* The current picture; `pixels->struct_size` must be set. Valid until the image is decoded into or destroyed. */
RESTRIDE_API int32_t restride_image_get_pixels(const restride_image* image, restride_pixels* pixels,
                                               restride_error* error);
/* to = from, in to's memory. The copy is done on return. */
RESTRIDE_API int32_t restride_image_copy(const restride_image* from, restride_image* to,
                                         const restride_cuda_stream* stream, restride_error* error);
RESTRIDE_API void restride_image_destroy(restride_image* image);

typedef struct restride_options {
  size_t struct_size;
  int32_t device;       /* RESTRIDE_CURRENT_DEVICE, RESTRIDE_CPU_ONLY or an ordinal */
  uint32_t max_threads; /* 0: one a logical core */
  const char* options;  /* "name=value ..."; may be NULL */
  int32_t exact;        /* 1: a picture's pixels do not depend on the backend */
  uint32_t num_backends;
  const int32_t* backends; /* restride::BackendKind; none: all that are there */
  const restride_executor*
      executor; /* NULL: threads of the library's; copied, but its context must outlive the codec */
} restride_options;

typedef struct restride_decode_params {
  size_t struct_size;
  int32_t apply_exif_orientation; /* 1 */
  int32_t color;                  /* RESTRIDE_COLOR_SRGB */
  int32_t format;                 /* RESTRIDE_I_UNCHANGED: interleaved, channels by color */
  int32_t allow_any_depth;        /* 0: 8 bit; 1: the stream's own type */
  uint32_t reduce;                /* halvings of the size */
  uint32_t fit_width, fit_height; /* both not 0: as few more halvings as make it fit */
  int32_t exact_shape;            /* 1: refuse a picture that differs from its image in size, channels or type */
  int32_t color_managed;          /* 1: apply the picture's ICC profile: pixels are sRGB */
  uint32_t reserved;
  uint64_t max_pixels, max_memory;
} restride_decode_params;

typedef struct restride_encode_params {
  size_t struct_size;
  int32_t quality_type; /* RESTRIDE_QUALITY_DEFAULT */
  int32_t color;        /* RESTRIDE_COLOR_UNCHANGED */
  double quality_value;
  int32_t subsampling; /* restride::ChromaSubsampling; -1: gray below 3 channels, else 4:4:4 */
  int32_t jpeg_progressive, jpeg_optimized_huffman;
  uint32_t jpeg2k_code_block[2], jpeg2k_resolutions;                   /* 64, 64; 6 */
  int32_t jpeg2k_bitstream, jpeg2k_progression, jpeg2k_mct, jpeg2k_ht; /* JP2, RPCL, 0, 0 */
  uint32_t tile_width, tile_height;                                    /* 0: not tiled */
  int32_t tiff_compression;                                            /* 0: by quality, 1: none, 2: LZW, 3: Deflate */
  uint32_t reserved;
} restride_encode_params;

/* Set size and defaults; `struct_size` is the caller's sizeof. */
RESTRIDE_API void restride_init_options(restride_options* options, size_t struct_size);
RESTRIDE_API void restride_init_decode_params(restride_decode_params* params, size_t struct_size);
RESTRIDE_API void restride_init_encode_params(restride_encode_params* params, size_t struct_size);

RESTRIDE_API int32_t restride_decoder_create(const restride_options* options, restride_decoder** decoder,
                                             restride_error* error);
/* Decodes in[i] into out[i]. errors[i] (NULL, or n of them) says how it went; one bad picture spoils no other. Returns
 * RESTRIDE_OK if all are there, else the first failure's code. No image may appear twice. */
RESTRIDE_API int32_t restride_decode(restride_decoder* decoder, size_t n, const restride_stream* const* in,
                                     restride_image* const* out, const restride_decode_params* params,
                                     const restride_cuda_stream* stream, restride_error* errors);
RESTRIDE_API void restride_decoder_destroy(restride_decoder* decoder);

RESTRIDE_API int32_t restride_encoder_create(const restride_options* options, restride_encoder** encoder,
                                             restride_error* error);
/* The same from images to streams made by restride_stream_create(). `codec`: a name or an extension. */
RESTRIDE_API int32_t restride_encode(restride_encoder* encoder, size_t n, const restride_image* const* in,
                                     const char* codec, restride_stream* const* out,
                                     const restride_encode_params* params, const restride_cuda_stream* stream,
                                     restride_error* errors);
RESTRIDE_API void restride_encoder_destroy(restride_encoder* encoder);

/* Blocks until everything queued on `stream` is done. */
RESTRIDE_API int32_t restride_synchronize(const restride_cuda_stream* stream, restride_error* error);

/* Codecs from outside: restride/extension.h. */
RESTRIDE_API int32_t restride_register_codec(const restride_codec* codec, restride_error* error);
RESTRIDE_API int32_t restride_unregister_codec(const char* name, restride_error* error);
RESTRIDE_API int32_t restride_load_codec_library(const char* path, restride_error* error);

#ifdef __cplusplus
}
#endif
#endif
