/* SPDX-License-Identifier: Apache-2.0 */
/* What the C interface (restride/c_api.h) and codecs from outside (restride/codec.h) share. C99; nothing here changes
 * once it is released: numbers and structures only ever get companions. */
#ifndef RESTRIDE_C_TYPES_H
#define RESTRIDE_C_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What every fallible function returns: 0, or why it failed (restride::Errc + 1). */
typedef enum restride_code {
  RESTRIDE_OK = 0,
  RESTRIDE_INVALID_ARGUMENT = 1, /* the caller's request makes no sense: change the call */
  RESTRIDE_UNSUPPORTED = 2,      /* valid data or request that no available codec handles */
  RESTRIDE_CORRUPT = 3,          /* the data contradicts its format */
  RESTRIDE_TRUNCATED = 4,        /* the data ends too early */
  RESTRIDE_LIMIT_EXCEEDED = 5,   /* larger than the limits allow */
  RESTRIDE_OUT_OF_MEMORY = 6,
  RESTRIDE_IO = 7,        /* the operating system refused a file operation */
  RESTRIDE_NOT_FOUND = 8, /* no such file */
  RESTRIDE_DEVICE = 9,    /* CUDA or a driver failed */
  RESTRIDE_INTERNAL = 10, /* a defect of the library */
  RESTRIDE_EXTENSION = 11 /* a codec from outside broke its contract */
} restride_code;

#define RESTRIDE_NO_OFFSET UINT64_MAX

/* The reason of a failure. Zero-terminated UTF-8, cut where it is longer. */
typedef struct restride_error {
  int32_t code; /* restride_code */
  uint32_t reserved;
  uint64_t offset; /* byte position in the code stream, or RESTRIDE_NO_OFFSET */
  char message[496];
} restride_error;

/* Storage of one sample, in native byte order. */
enum {
  RESTRIDE_U8 = 0,
  RESTRIDE_I8 = 1,
  RESTRIDE_U16 = 2,
  RESTRIDE_I16 = 3,
  RESTRIDE_U32 = 4,
  RESTRIDE_I32 = 5,
  RESTRIDE_F16 = 6,
  RESTRIDE_F32 = 7,
  RESTRIDE_F64 = 8
};

/* What the colours are: restride::ColorSpec. */
enum {
  RESTRIDE_COLOR_UNCHANGED = 0, /* in a description: not known */
  RESTRIDE_COLOR_SRGB = 1,
  RESTRIDE_COLOR_GRAY = 2,
  RESTRIDE_COLOR_SYCC = 3,
  RESTRIDE_COLOR_CMYK = 4,
  RESTRIDE_COLOR_YCCK = 5
};

/* Meaning and layout of the channels: restride::SampleFormat. Odd: planar (C,H,W); even: interleaved (H,W,C). */
enum {
  RESTRIDE_FORMAT_UNKNOWN = 0,
  RESTRIDE_P_UNCHANGED = 1,
  RESTRIDE_I_UNCHANGED = 2,
  RESTRIDE_P_Y = 3,
  RESTRIDE_I_Y = 4,
  RESTRIDE_P_YA = 5,
  RESTRIDE_I_YA = 6,
  RESTRIDE_P_RGB = 7,
  RESTRIDE_I_RGB = 8,
  RESTRIDE_P_BGR = 9,
  RESTRIDE_I_BGR = 10,
  RESTRIDE_P_YCC = 11,
  RESTRIDE_I_YCC = 12,
  RESTRIDE_P_RGBA = 13,
  RESTRIDE_I_RGBA = 14,
  RESTRIDE_P_YCCK = 15,
  RESTRIDE_I_YCCK = 16,
  RESTRIDE_P_CMYK = 17,
  RESTRIDE_I_CMYK = 18
};

/* How good an encoded picture is to be. */
enum {
  RESTRIDE_QUALITY_DEFAULT = 0,
  RESTRIDE_QUALITY_LOSSLESS = 1,
  RESTRIDE_QUALITY_QUALITY = 2,           /* 1 to 100 */
  RESTRIDE_QUALITY_QUANTIZATION_STEP = 3, /* JPEG 2000: base step */
  RESTRIDE_QUALITY_PSNR = 4,              /* dB */
  RESTRIDE_QUALITY_SIZE_RATIO = 5         /* compressed size / raw size, 0 to 1 */
};

/* What pixels are, without where they are. */
typedef struct restride_spec {
  uint32_t width, height; /* pixels */
  uint32_t channels;
  int32_t sample_type; /* RESTRIDE_U8, ... */
  int32_t format;      /* RESTRIDE_I_RGB, ... */
  int32_t color;       /* RESTRIDE_COLOR_SRGB, ... */
  uint32_t precision;  /* significant bits of a sample; 0: all of them */
  uint32_t reserved;
} restride_spec;

/* Pixels [x, x + width) x [y, y + height). */
typedef struct restride_rect {
  int64_t x, y, width, height;
} restride_rect;

#ifdef __cplusplus
}
#endif
#endif
