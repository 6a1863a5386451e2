// SPDX-License-Identifier: Apache-2.0
// The rules of reuse, for owned and for borrowed memory.
#include "restride/image.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace restride {
namespace {

ImageSpec rgb(std::uint32_t width, std::uint32_t height, SampleFormat format = SampleFormat::i_rgb) {
  return {width, height, 3, SampleType::u8, format, ColorSpec::srgb, 8};
}

ImageView view_of(std::vector<std::byte>& memory, const ImageSpec& spec, std::ptrdiff_t row_stride = 0) {
  ImageView view = dense_view(memory.data(), spec);
  if (row_stride) view.row_stride = row_stride;
  return view;
}

TEST(OwnedImage, GrowsAndNeverShrinks) {
  Image image;
  ASSERT_TRUE(image.ensure(rgb(720, 720)));
  EXPECT_EQ(image.size(), 1555200U);
  EXPECT_EQ(image.capacity(), 1555200U);
  const std::byte* first = image.view().data;
  ASSERT_TRUE(image.ensure(rgb(640, 475)));
  EXPECT_EQ(image.size(), 912000U);
  EXPECT_EQ(image.capacity(), 1555200U);
  EXPECT_EQ(image.view().data, first);
  ASSERT_TRUE(image.ensure(rgb(1000, 1000)));
  EXPECT_EQ(image.capacity(), 3000000U);
}

TEST(OwnedImage, KeepsItsPictureWhenGrowingFails) {
  Image image;
  ASSERT_TRUE(image.ensure(rgb(4, 4)));
  std::memset(image.view().data, 7, 48);
  const Status status = image.ensure(rgb(0xffffffff, 0xffffffff));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::out_of_memory);
  EXPECT_EQ(image.spec(), rgb(4, 4));
  EXPECT_EQ(image.view().data[47], std::byte{7});
}

TEST(OwnedImage, GivesItsMemoryBack) {
  const MemoryCount before = memory_stats().host;
  {
    Image image;
    ASSERT_TRUE(image.ensure(rgb(100, 100)));
    Image moved = std::move(image);
    EXPECT_TRUE(image.empty());
    EXPECT_EQ(moved.capacity(), 30000U);
    EXPECT_EQ(memory_stats().host.bytes_in_use, before.bytes_in_use + 30000);
  }
  EXPECT_EQ(memory_stats().host.bytes_in_use, before.bytes_in_use);
}

TEST(BorrowedImage, KeepsItsStrideWhereThePictureFitsByRows) {
  std::vector<std::byte> memory(800 * 2400);
  auto image = Image::wrap(view_of(memory, rgb(700, 700), 2400));
  ASSERT_TRUE(image);
  ASSERT_TRUE(image->ensure(rgb(600, 500)));
  EXPECT_EQ(image->view().row_stride, 2400);
  EXPECT_EQ(image->size(), 900000U);
  EXPECT_EQ(image->capacity(), 700U * 700 * 3);
  // Checked against what was wrapped, not against what is there now.
  EXPECT_TRUE(image->ensure(rgb(700, 700)));
}

TEST(BorrowedImage, ReshapesContiguousMemory) {
  std::vector<std::byte> memory(100 * 4000 * 3);
  auto image = Image::wrap(view_of(memory, rgb(4000, 100)));
  ASSERT_TRUE(image);
  ASSERT_TRUE(image->ensure(rgb(640, 475)));
  EXPECT_EQ(image->view().data, memory.data());
  EXPECT_EQ(image->view().row_stride, 1920);
  EXPECT_TRUE(image->view().contiguous());
}

TEST(BorrowedImage, RefusesWithTheTwoSentences) {
  std::vector<std::byte> memory(100 * 4000 * 3);
  auto dense = Image::wrap(view_of(memory, rgb(4000, 100)));
  const Status small = dense->ensure(rgb(720, 720));
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().message, "Existing buffer is too small to fit new image");
  EXPECT_EQ(dense->spec(), rgb(4000, 100));
  auto padded = Image::wrap(view_of(memory, rgb(3980, 80), 12000));
  const Status rows = padded->ensure(rgb(720, 720));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().message,
            "Existing buffer is not continuous. Row size or height are too small to fit new image.");
}

TEST(BorrowedImage, OnlyBytesCount) {
  std::vector<std::byte> memory(10 * 100 * 6);
  ImageSpec six{100, 10, 6, SampleType::u8, SampleFormat::i_unchanged, ColorSpec::unchanged, 8};
  auto image = Image::wrap(dense_view(memory.data(), six));
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->ensure({100, 10, 3, SampleType::u16, SampleFormat::i_rgb, ColorSpec::srgb, 16}));
}

TEST(BorrowedImage, KeepsItsOwnerAlive) {
  auto owner = std::make_shared<std::vector<std::byte>>(300);
  std::weak_ptr<std::vector<std::byte>> watch = owner;
  {
    auto image = Image::wrap(dense_view(owner->data(), rgb(10, 10)), owner);
    owner.reset();
    EXPECT_FALSE(watch.expired());
    Image moved = *std::move(image);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(BorrowedImage, RefusesGapsWithinRows) {
  std::vector<std::byte> memory(1000);
  ImageView view = dense_view(memory.data(), rgb(10, 10));
  view.pixel_stride = 4;
  EXPECT_FALSE(Image::wrap(view));
  view.pixel_stride = 3;
  view.row_stride = 29;
  EXPECT_FALSE(Image::wrap(view));
}

TEST(ImageView, PlanarAddresses) {
  std::vector<std::byte> memory(300);
  const ImageView view = dense_view(memory.data(), rgb(10, 10, SampleFormat::p_rgb));
  EXPECT_EQ(view.at(3, 2, 1), memory.data() + 100 + 23);
  EXPECT_TRUE(view.contiguous());
  const ImageView part = view.crop({2, 4, 5, 6});
  EXPECT_EQ(part.data, memory.data() + 42);
  EXPECT_EQ(part.spec.width, 5U);
  EXPECT_FALSE(part.contiguous());
}

}  // namespace
}  // namespace restride
