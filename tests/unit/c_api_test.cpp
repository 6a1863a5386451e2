// SPDX-License-Identifier: Apache-2.0
// The C interface's edges: what it refuses, sizes of older callers, ownership. examples/c shows its use.
#include "restride/c_api.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kSize = 30 * 20 * 3;

restride_pixels dense(void* data, std::uint32_t width = 30, std::uint32_t height = 20) {
  restride_pixels p{};
  p.struct_size = sizeof p;
  p.data = data;
  p.spec = {width, height, 3, RESTRIDE_U8, RESTRIDE_I_RGB, RESTRIDE_COLOR_SRGB, 8, 0};
  return p;
}

class CApi : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < kSize; ++i) picture[i] = static_cast<std::uint8_t>(i * i / 71);
    restride_options options;
    restride_init_options(&options, sizeof options);
    options.device = RESTRIDE_CPU_ONLY;
    options.max_threads = 2;
    ASSERT_EQ(restride_decoder_create(&options, &decoder, &error), RESTRIDE_OK) << error.message;
    ASSERT_EQ(restride_encoder_create(&options, &encoder, &error), RESTRIDE_OK) << error.message;
    const restride_pixels p = dense(picture.data());
    ASSERT_EQ(restride_image_wrap(&p, nullptr, nullptr, &source, &error), RESTRIDE_OK) << error.message;
    ASSERT_EQ(restride_stream_create(0, 0, &stream, &error), RESTRIDE_OK);
    ASSERT_EQ(restride_encode(encoder, 1, &source, "bmp", &stream, nullptr, nullptr, &error), RESTRIDE_OK)
        << error.message;
  }
  void TearDown() override {
    restride_stream_destroy(stream);
    restride_image_destroy(source);
    restride_decoder_destroy(decoder);
    restride_encoder_destroy(encoder);
  }
  std::string said() const { return error.message; }

  std::vector<std::uint8_t> picture = std::vector<std::uint8_t>(kSize);
  restride_error error{};
  restride_decoder* decoder = nullptr;
  restride_encoder* encoder = nullptr;
  restride_image* source = nullptr;
  restride_stream* stream = nullptr;
};

TEST_F(CApi, RefusesNullAndNonsense) {
  EXPECT_EQ(restride_stream_open(nullptr, &stream, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_stream_open("/nowhere/x", nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
  restride_stream* none = stream;
  EXPECT_EQ(restride_stream_open("/nowhere/x", &none, &error), RESTRIDE_NOT_FOUND);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(error.code, RESTRIDE_NOT_FOUND);
  EXPECT_NE(said().find("/nowhere/x"), std::string::npos);
  EXPECT_EQ(restride_stream_open("/nowhere/x", &none, nullptr), RESTRIDE_NOT_FOUND);
  EXPECT_EQ(restride_decode(nullptr, 1, &stream, &source, nullptr, nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_decode(decoder, 1, nullptr, &source, nullptr, nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_decode(decoder, 0, nullptr, nullptr, nullptr, nullptr, nullptr), RESTRIDE_OK);
  EXPECT_EQ(restride_encode(encoder, 1, &source, "nonsense", &stream, nullptr, nullptr, &error),
            RESTRIDE_INVALID_ARGUMENT);
  EXPECT_NE(said().find("nonsense"), std::string::npos);
  restride_pixels p = dense(nullptr);
  restride_image* image = nullptr;
  EXPECT_EQ(restride_image_wrap(&p, nullptr, nullptr, &image, &error), RESTRIDE_INVALID_ARGUMENT);
  p = dense(picture.data());
  p.spec.sample_type = 77;
  EXPECT_EQ(restride_image_wrap(&p, nullptr, nullptr, &image, &error), RESTRIDE_INVALID_ARGUMENT);
  p = dense(picture.data());
  p.memory = 9;
  EXPECT_EQ(restride_image_wrap(&p, nullptr, nullptr, &image, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_image_create(3, nullptr, &image, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_register_codec(nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_unregister_codec(nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_load_codec_library("/nowhere/x.so", &error), RESTRIDE_NOT_FOUND);
  restride_image_destroy(nullptr);
  restride_stream_destroy(nullptr);
  restride_decoder_destroy(nullptr);
  restride_encoder_destroy(nullptr);
}

TEST_F(CApi, StructuresNeedTheirSize) {
  restride_decode_params params;
  restride_init_decode_params(&params, sizeof params);
  params.struct_size = 0;
  EXPECT_EQ(restride_decode(decoder, 1, &stream, &source, &params, nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(said(), "struct_size is not set");
  restride_stream_info info{};
  EXPECT_EQ(restride_stream_get_info(stream, &info, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(restride_stream_get_info(stream, nullptr, &error), RESTRIDE_INVALID_ARGUMENT);
}

TEST_F(CApi, OlderAndNewerCallersAreServed) {
  // One that knows decode parameters up to `format`: the rest are defaults, and nothing behind is read.
  restride_decode_params params;
  std::memset(&params, 0xee, sizeof params);
  restride_init_decode_params(&params, offsetof(restride_decode_params, allow_any_depth));
  EXPECT_EQ(params.allow_any_depth, static_cast<std::int32_t>(0xeeeeeeee));
  restride_image* image = nullptr;
  ASSERT_EQ(restride_image_create(RESTRIDE_HOST, nullptr, &image, &error), RESTRIDE_OK);
  params.color = RESTRIDE_COLOR_GRAY;
  ASSERT_EQ(restride_decode(decoder, 1, &stream, &image, &params, nullptr, &error), RESTRIDE_OK) << said();
  restride_pixels found{};
  found.struct_size = offsetof(restride_pixels, row_stride);
  ASSERT_EQ(restride_image_get_pixels(image, &found, &error), RESTRIDE_OK);
  EXPECT_EQ(found.spec.channels, 1U);
  EXPECT_EQ(found.row_stride, 0);
  // One that knows more than this library.
  struct {
    restride_decode_params now;
    std::uint64_t later;
  } newer;
  restride_init_decode_params(&newer.now, sizeof newer);
  EXPECT_EQ(newer.later, 0U);
  EXPECT_EQ(restride_decode(decoder, 1, &stream, &image, &newer.now, nullptr, &error), RESTRIDE_OK);
  restride_image_destroy(image);
}

TEST_F(CApi, EveryParameterArrives) {
  restride_image* image = nullptr;
  ASSERT_EQ(restride_image_create(RESTRIDE_HOST, nullptr, &image, &error), RESTRIDE_OK);
  restride_decode_params params;
  restride_init_decode_params(&params, sizeof params);
  params.max_pixels = 30 * 20 - 1;
  EXPECT_EQ(restride_decode(decoder, 1, &stream, &image, &params, nullptr, &error), RESTRIDE_LIMIT_EXCEEDED);
  restride_init_decode_params(&params, sizeof params);
  params.format = RESTRIDE_P_BGR;
  ASSERT_EQ(restride_decode(decoder, 1, &stream, &image, &params, nullptr, &error), RESTRIDE_OK) << said();
  restride_pixels found{};
  found.struct_size = sizeof found;
  ASSERT_EQ(restride_image_get_pixels(image, &found, &error), RESTRIDE_OK);
  EXPECT_EQ(found.spec.format, RESTRIDE_P_BGR);
  EXPECT_EQ(static_cast<const std::uint8_t*>(found.data)[7], picture[7 * 3 + 2]);
  restride_encode_params encode_params;
  restride_init_encode_params(&encode_params, sizeof encode_params);
  encode_params.color = RESTRIDE_COLOR_GRAY;
  encode_params.jpeg_progressive = 1;
  encode_params.quality_type = RESTRIDE_QUALITY_QUALITY;
  encode_params.quality_value = 30;
  ASSERT_EQ(restride_encode(encoder, 1, &source, ".jpg", &stream, &encode_params, nullptr, &error), RESTRIDE_OK);
  std::size_t size = 0;
  const auto* bytes = static_cast<const std::uint8_t*>(restride_stream_bytes(stream, &size));
  bool progressive = false;
  for (std::size_t i = 0; i + 1 < size; ++i) progressive |= bytes[i] == 0xff && bytes[i + 1] == 0xc2;
  EXPECT_TRUE(progressive);
  encode_params.quality_type = 99;
  EXPECT_EQ(restride_encode(encoder, 1, &source, ".jpg", &stream, &encode_params, nullptr, &error),
            RESTRIDE_INVALID_ARGUMENT);
  restride_image_destroy(image);
}

TEST_F(CApi, ViewsOutliveTheirStream) {
  restride_view view{};
  view.struct_size = sizeof view;
  view.has_region = 1;
  view.region = {2, 3, 10, 8};
  restride_stream* sub = nullptr;
  ASSERT_EQ(restride_stream_sub(stream, &view, &sub, &error), RESTRIDE_OK) << said();
  restride_stream_destroy(stream);
  stream = sub;
  std::vector<std::uint8_t> part(10 * 8 * 3);
  const restride_pixels p = dense(part.data(), 10, 8);
  restride_image* image = nullptr;
  ASSERT_EQ(restride_image_wrap(&p, nullptr, nullptr, &image, &error), RESTRIDE_OK);
  ASSERT_EQ(restride_decode(decoder, 1, &stream, &image, nullptr, nullptr, &error), RESTRIDE_OK) << said();
  for (std::size_t y = 0; y < 8; ++y)
    EXPECT_EQ(std::memcmp(&part[y * 30], &picture[((y + 3) * 30 + 2) * 3], 30), 0) << y;
  view.image = 7;
  view.has_region = 0;
  EXPECT_EQ(restride_stream_sub(stream, &view, &sub, &error), RESTRIDE_INVALID_ARGUMENT);
  restride_image_destroy(image);
}

TEST_F(CApi, OwnersAreToldEvenOfFailures) {
  int told = 0;
  const auto release = [](void* context) { ++*static_cast<int*>(context); };
  restride_stream* borrowed = nullptr;
  EXPECT_EQ(restride_stream_borrow(nullptr, 5, release, &told, &borrowed, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(told, 1);
  restride_pixels p = dense(picture.data());
  p.row_stride = 90;
  p.pixel_stride = 7;
  p.channel_stride = 1;
  restride_image* image = nullptr;
  EXPECT_EQ(restride_image_wrap(&p, release, &told, &image, &error), RESTRIDE_INVALID_ARGUMENT);
  EXPECT_EQ(told, 2);
}

TEST_F(CApi, TheProcessesMemoryCanBeReplaced) {
  static int allocations = 0;
  restride_allocator allocator{};
  allocator.struct_size = sizeof allocator;
  allocator.allocate = [](void*, std::size_t bytes, std::size_t alignment, restride_cuda_stream) {
    ++allocations;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  };
  EXPECT_EQ(restride_set_allocator(RESTRIDE_HOST, &allocator, &error), RESTRIDE_INVALID_ARGUMENT);
  allocator.deallocate = [](void*, void* data, std::size_t, std::size_t, restride_cuda_stream) { std::free(data); };
  ASSERT_EQ(restride_set_allocator(RESTRIDE_HOST, &allocator, &error), RESTRIDE_OK);
  restride_image* image = nullptr;
  ASSERT_EQ(restride_image_create(RESTRIDE_HOST, nullptr, &image, &error), RESTRIDE_OK);
  ASSERT_EQ(restride_set_allocator(RESTRIDE_HOST, nullptr, &error), RESTRIDE_OK);
  const int before = allocations;
  ASSERT_EQ(restride_image_copy(source, image, nullptr, &error), RESTRIDE_OK) << said();
  EXPECT_EQ(allocations, before + 1);
  restride_image_destroy(image);
}

TEST(CApiNames, EveryCodeHasOne) {
  EXPECT_STREQ(restride_code_name(RESTRIDE_OK), "ok");
  EXPECT_STREQ(restride_code_name(RESTRIDE_INVALID_ARGUMENT), "invalid_argument");
  EXPECT_STREQ(restride_code_name(RESTRIDE_EXTENSION), "extension");
  EXPECT_STREQ(restride_code_name(99), "unknown");
  EXPECT_STREQ(restride_code_name(-1), "unknown");
  EXPECT_NE(std::string(restride_version()).find('.'), std::string::npos);
}

}  // namespace
