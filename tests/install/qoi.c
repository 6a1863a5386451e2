/* SPDX-License-Identifier: Apache-2.0 */
/* A program that knows nothing of QOI writes and reads it, because RESTRIDE_CODEC_PATH names a codec for it. */
#include <stdio.h>
#include <string.h>

#include "restride/c_api.h"

#define CHECK(call)                                      \
  do {                                                   \
    if ((call) != RESTRIDE_OK) {                         \
      fprintf(stderr, "%s: %s\n", #call, error.message); \
      return 1;                                          \
    }                                                    \
  } while (0)

int main(void) {
  unsigned char picture[20][30][3], back[20][30][3];
  restride_error error;
  restride_encoder* encoder;
  restride_decoder* decoder;
  restride_image *from, *to;
  const restride_image* in;
  restride_stream *written, *stream;
  const restride_stream* one;
  restride_stream_info info;
  restride_pixels pixels;
  const void* bytes;
  size_t i, size;
  for (i = 0; i < sizeof picture; ++i) (&picture[0][0][0])[i] = (unsigned char)(i * i / 50);
  memset(&pixels, 0, sizeof pixels);
  pixels.struct_size = sizeof pixels;
  pixels.spec.width = 30;
  pixels.spec.height = 20;
  pixels.spec.channels = 3;
  pixels.spec.format = RESTRIDE_I_RGB;
  pixels.spec.color = RESTRIDE_COLOR_SRGB;
  pixels.data = picture;
  CHECK(restride_image_wrap(&pixels, NULL, NULL, &from, &error));
  pixels.data = back;
  CHECK(restride_image_wrap(&pixels, NULL, NULL, &to, &error));
  CHECK(restride_encoder_create(NULL, &encoder, &error));
  CHECK(restride_decoder_create(NULL, &decoder, &error));
  CHECK(restride_stream_create(0, 0, &written, &error));
  in = from;
  CHECK(restride_encode(encoder, 1, &in, "qoi", &written, NULL, NULL, &error));
  bytes = restride_stream_bytes(written, &size);
  CHECK(restride_stream_borrow(bytes, size, NULL, NULL, &stream, &error));
  info.struct_size = sizeof info;
  CHECK(restride_stream_get_info(stream, &info, &error));
  one = stream;
  CHECK(restride_decode(decoder, 1, &one, &to, NULL, NULL, &error));
  if (strcmp(info.codec, "qoi") || size < 4 || memcmp(bytes, "qoif", 4) || memcmp(picture, back, sizeof back)) {
    fprintf(stderr, "the pixels did not come back\n");
    return 1;
  }
  restride_stream_destroy(stream);
  restride_stream_destroy(written);
  restride_image_destroy(from);
  restride_image_destroy(to);
  restride_decoder_destroy(decoder);
  restride_encoder_destroy(encoder);
  printf("a codec from outside: ok\n");
  return 0;
}
