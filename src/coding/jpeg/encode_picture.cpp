// SPDX-License-Identifier: Apache-2.0
#include "coding/jpeg/encode_picture.h"

#include "base/checked.h"
#include "image/convert/converter.h"
#include "image/convert/pixels.h"

namespace restride::jpeg {
namespace {

using conversion::Model;

Model model_of(const ImageSpec& from, const ImageSpec& wanted) noexcept {
  return plan_conversion(from, dense_view(nullptr, wanted), from.width, from.height, Orientation::normal).from_model;
}

}  // namespace

Result<EncodeFrame> encode_frame(const ImageSpec& wanted, const EncodeParams& params) {
  EncodeFrame frame{wanted.width, wanted.height, wanted.channels, {1, 1}, 0, params.jpeg.optimized_huffman};
  RESTRIDE_ASSIGN(frame.quality, quality_of(params));
  if (wanted.channels == 3 && params.subsampling) {
    RESTRIDE_ASSIGN(frame.luma, luma_factors(*params.subsampling));
  }
  return frame;
}

bool reads_directly(const ImageSpec& from, const ImageSpec& wanted) noexcept {
  if (from.type != SampleType::u8 || from.bits() != 8) return false;
  if (same_samples(from, wanted)) return true;
  const Model model = model_of(from, wanted);
  switch (wanted.format) {
    case SampleFormat::i_y:
      return model != Model::cmyk && model != Model::ycck;
    case SampleFormat::i_rgb:
    case SampleFormat::i_bgr:
      return model == Model::rgb || model == Model::rgba;
    case SampleFormat::i_ycc:
      return model == Model::ycc;
    case SampleFormat::i_cmyk:
      return model == Model::cmyk;
    default:
      return false;
  }
}

ForwardPicture forward_picture(const ImageView& view, const ImageSpec& wanted, const EncodeFrame& frame) noexcept {
  ForwardPicture to{};
  const auto* data = reinterpret_cast<const std::uint8_t*>(view.data);
  const Model model = model_of(view.spec, wanted);
  const bool color = model == Model::rgb || model == Model::rgba;
  to.blue_first = interleaved(view.spec.format) == SampleFormat::i_bgr;
  for (unsigned c = 0; c < view.spec.channels && c < 4; ++c)
    to.channel[c] = data + static_cast<std::ptrdiff_t>(c) * view.channel_stride;
  to.row_stride = view.row_stride;
  to.pixel_stride = static_cast<std::int32_t>(view.pixel_stride);
  to.width = frame.width;
  to.height = frame.height;
  to.color = !color || frame.components == 4 ? ForwardColor::copy
             : frame.components == 1         ? ForwardColor::luma
                                             : ForwardColor::ycc;
  to.packed = view.spec.channels == 3 && view.pixel_stride == 3 && view.channel_stride == 1;
  const auto h = static_cast<std::uint32_t>(frame.luma.h), v = static_cast<std::uint32_t>(frame.luma.v);
  while (with_mcu_layout(to.layout, [&](auto layout) {
    return layout.kH != h || layout.kV != v || layout.kComponents != frame.components;
  }))
    ++to.layout;
  to.mcus_x = ceil_div(to.width, 8 * h);
  to.mcus_x_reciprocal = UINT32_MAX / to.mcus_x;
  to.mcu_count = to.mcus_x * ceil_div(to.height, 8 * v);
  to.blocks_x = ceil_div(to.width, 8U);
  to.blocks_y = ceil_div(to.height, 8U);
  to.padded = to.blocks_x % h != 0 || to.blocks_y % v != 0;
  to.tiles = ceil_div(to.mcu_count, kTileMcus);
  return to;
}

void order_by_layout(std::span<const ForwardPicture> pictures, ForwardPicture* to, std::uint32_t* position,
                     EncodeBatch& batch) noexcept {
  std::uint32_t placed = 0, tiles = 0, groups = 0;
  for (unsigned layout = 0; layout < kMcuLayouts; ++layout) {
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      if (pictures[i].layout != layout) continue;
      to[placed] = pictures[i];
      to[placed].first_tile = tiles;
      to[placed].first_group = groups;
      groups += ceil_div(pictures[i].tiles, kGroupTiles);
      tiles += pictures[i].tiles;
      position[i] = placed++;
    }
    batch.layout_end[layout] = tiles;
  }
  batch.picture_count = placed;
  batch.tile_count = tiles;
  batch.group_count = groups;
}

}  // namespace restride::jpeg
