/* SPDX-License-Identifier: Apache-2.0 */
/* The C interface: encode, decode a batch and a region, into own memory, with an own allocator and own threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restride/c_api.h"

enum { WIDTH = 320, HEIGHT = 200, IMAGES = 8 };

static void check(int32_t code, const restride_error* error, const char* doing) {
  if (code == RESTRIDE_OK) return;
  fprintf(stderr, "%s: %s: %s\n", doing, restride_code_name(code), error->message);
  exit(1);
}

static void expect(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

/* An allocator that counts. */
typedef struct counts {
  pthread_mutex_t mutex;
  size_t allocations, in_use;
} counts;

static void* allocate(void* context, size_t bytes, size_t alignment, restride_cuda_stream stream) {
  counts* c = context;
  void* data = NULL;
  (void)stream;
  if (posix_memalign(&data, alignment < sizeof(void*) ? sizeof(void*) : alignment, bytes)) return NULL;
  pthread_mutex_lock(&c->mutex);
  ++c->allocations;
  c->in_use += bytes;
  pthread_mutex_unlock(&c->mutex);
  return data;
}

static void deallocate(void* context, void* data, size_t bytes, size_t alignment, restride_cuda_stream stream) {
  counts* c = context;
  (void)alignment;
  (void)stream;
  pthread_mutex_lock(&c->mutex);
  c->in_use -= bytes;
  pthread_mutex_unlock(&c->mutex);
  free(data);
}

/* An executor that starts two threads for each call; a real program would use a pool. */
typedef struct range {
  pthread_mutex_t mutex;
  size_t next, end;
  void (*task)(void* argument, size_t i);
  void* argument;
} range;

static void* work(void* context) {
  range* r = context;
  for (;;) {
    size_t i;
    pthread_mutex_lock(&r->mutex);
    i = r->next++;
    pthread_mutex_unlock(&r->mutex);
    if (i >= r->end) return NULL;
    r->task(r->argument, i);
  }
}

static unsigned concurrency(void* context) {
  (void)context;
  return 3;
}

static void run(void* context, size_t n, void (*task)(void* argument, size_t i), void* argument) {
  range r;
  pthread_t threads[2];
  int started[2], t;
  ++*(int*)context;
  memset(&r, 0, sizeof r);
  pthread_mutex_init(&r.mutex, NULL);
  r.end = n;
  r.task = task;
  r.argument = argument;
  for (t = 0; t < 2; ++t) started[t] = pthread_create(&threads[t], NULL, work, &r) == 0;
  work(&r);
  for (t = 0; t < 2; ++t)
    if (started[t]) pthread_join(threads[t], NULL);
  pthread_mutex_destroy(&r.mutex);
}

static void released(void* context) { ++*(int*)context; }

/* A picture in the caller's own memory, wrapped. */
static restride_image* wrap(uint8_t* data, uint32_t width, uint32_t height, int* releases) {
  restride_pixels pixels;
  restride_image* image;
  restride_error error;
  memset(&pixels, 0, sizeof pixels);
  pixels.struct_size = sizeof pixels;
  pixels.data = data;
  pixels.spec.width = width;
  pixels.spec.height = height;
  pixels.spec.channels = 3;
  pixels.spec.sample_type = RESTRIDE_U8;
  pixels.spec.format = RESTRIDE_I_RGB;
  pixels.spec.color = RESTRIDE_COLOR_SRGB;
  check(restride_image_wrap(&pixels, released, releases, &image, &error), &error, "wrap");
  return image;
}

int main(void) {
  static uint8_t picture[HEIGHT][WIDTH][3], copies[IMAGES][HEIGHT][WIDTH][3], part[40][60][3];
  counts memory;
  int releases = 0, runs = 0, k;
  uint32_t x, y;
  restride_error error, errors[IMAGES + 1];
  restride_allocator allocator;
  restride_executor executor;
  restride_options options;
  restride_decode_params params;
  restride_encode_params encode_params;
  restride_encoder* encoder;
  restride_decoder* decoder;
  restride_image *source, *out[IMAGES + 1];
  const restride_image* in_image;
  restride_stream *stream, *bad, *sub;
  const restride_stream* in[IMAGES + 1];
  restride_stream_info info;
  restride_view view;
  restride_pixels found;
  size_t size;

  for (y = 0; y < HEIGHT; ++y)
    for (x = 0; x < WIDTH; ++x) {
      picture[y][x][0] = (uint8_t)x;
      picture[y][x][1] = (uint8_t)y;
      picture[y][x][2] = (uint8_t)(x * y / 64);
    }
  memset(&memory, 0, sizeof memory);
  pthread_mutex_init(&memory.mutex, NULL);
  memset(&allocator, 0, sizeof allocator);
  allocator.struct_size = sizeof allocator;
  allocator.context = &memory;
  allocator.allocate = allocate;
  allocator.deallocate = deallocate;
  memset(&executor, 0, sizeof executor);
  executor.struct_size = sizeof executor;
  executor.context = &runs;
  executor.concurrency = concurrency;
  executor.run = run;
  restride_init_options(&options, sizeof options);
  options.device = RESTRIDE_CPU_ONLY;
  options.executor = &executor;

  /* Encode into a stream that is used again. */
  check(restride_encoder_create(&options, &encoder, &error), &error, "encoder");
  check(restride_stream_create(1 << 20, 0, &stream, &error), &error, "stream");
  source = wrap(&picture[0][0][0], WIDTH, HEIGHT, &releases);
  in_image = source;
  restride_init_encode_params(&encode_params, sizeof encode_params);
  encode_params.quality_type = RESTRIDE_QUALITY_LOSSLESS;
  encode_params.quality_value = 6;
  check(restride_encode(encoder, 1, &in_image, ".png", &stream, &encode_params, NULL, &error), &error, "encode");
  restride_image_destroy(source);
  expect(releases == 1, "the wrapped memory is given back once");
  info.struct_size = sizeof info;
  check(restride_stream_get_info(stream, &info, &error), &error, "info");
  expect(!strcmp(info.codec, "png") && info.spec.width == WIDTH && info.num_images == 1,
         "the stream knows its picture");
  expect(restride_stream_bytes(stream, &size) != NULL && size > 1000, "the stream has bytes");

  /* Decode a batch, one of it damaged: straight into the caller's pictures, and one into memory of the allocator's. */
  check(restride_decoder_create(&options, &decoder, &error), &error, "decoder");
  check(restride_stream_borrow(restride_stream_bytes(stream, NULL), size / 2, released, &releases, &bad, &error),
        &error, "borrow");
  for (k = 0; k < IMAGES; ++k) {
    in[k] = k == 3 ? bad : stream;
    out[k] = wrap(&copies[k][0][0][0], WIDTH, HEIGHT, &releases);
  }
  in[IMAGES] = stream;
  check(restride_image_create(RESTRIDE_HOST, &allocator, &out[IMAGES], &error), &error, "image");
  restride_init_decode_params(&params, sizeof params);
  params.exact_shape = 0;
  k = restride_decode(decoder, IMAGES + 1, in, out, &params, NULL, errors);
  expect(k == RESTRIDE_TRUNCATED, "the damaged picture's code is the call's");
  for (k = 0; k <= IMAGES; ++k) {
    expect((errors[k].code == RESTRIDE_OK) == (k != 3), "one bad picture spoils no other");
    if (k < IMAGES && k != 3) expect(!memcmp(copies[k], picture, sizeof picture), "the pixels come back");
  }
  expect(errors[3].offset != RESTRIDE_NO_OFFSET && errors[3].message[0], "the reason is told");
  expect(runs > 0, "the caller's threads did it");
  found.struct_size = sizeof found;
  check(restride_image_get_pixels(out[IMAGES], &found, &error), &error, "pixels");
  expect(!memcmp(found.data, picture, sizeof picture), "the pixels come back into own memory");
  expect(memory.allocations == 1 && memory.in_use == sizeof picture, "the allocator gave just that");

  /* A region, reaching outside on the left. */
  memset(&view, 0, sizeof view);
  view.struct_size = sizeof view;
  view.has_region = 1;
  view.region.x = -10;
  view.region.y = 20;
  view.region.width = 60;
  view.region.height = 40;
  view.fill[0] = view.fill[1] = view.fill[2] = 255;
  check(restride_stream_sub(stream, &view, &sub, &error), &error, "sub");
  restride_image_destroy(out[0]);
  out[0] = wrap(&part[0][0][0], 60, 40, &releases);
  in[0] = sub;
  check(restride_decode(decoder, 1, in, out, NULL, NULL, &error), &error, "region");
  for (y = 0; y < 40; ++y) {
    expect(part[y][9][0] == 255, "outside is filled");
    expect(!memcmp(part[y][10], picture[y + 20], 50 * 3), "a region equals the crop of the whole");
  }

  /* What fits nowhere is refused. */
  in[0] = stream;
  expect(restride_decode(decoder, 1, in, out, NULL, NULL, &error) == RESTRIDE_INVALID_ARGUMENT,
         "memory is not overrun");
  expect(strstr(error.message, "too small") != NULL, "and why is told");

  for (k = 0; k <= IMAGES; ++k) restride_image_destroy(out[k]);
  expect(memory.in_use == 0, "all memory is given back");
  restride_stream_destroy(sub);
  restride_stream_destroy(bad);
  restride_stream_destroy(stream);
  expect(releases == 1 + IMAGES + 1 + 1, "every owner is told once");
  restride_decoder_destroy(decoder);
  restride_encoder_destroy(encoder);
  pthread_mutex_destroy(&memory.mutex);
  printf("restride %s from C: ok\n", restride_version());
  return 0;
}
