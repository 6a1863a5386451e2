// SPDX-License-Identifier: Apache-2.0
// Sizes of a frame's components, at full and at reduced size, as libjpeg-turbo has them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/checked.h"

namespace restride::jpeg {

struct FrameSize {
  std::uint32_t width = 0, height = 0;
  unsigned components = 0;
  std::array<std::uint8_t, 4> h{}, v{};  // sampling factors, 1 to 4

  unsigned max_h() const noexcept { return *std::max_element(h.begin(), h.begin() + components); }
  unsigned max_v() const noexcept { return *std::max_element(v.begin(), v.begin() + components); }
};

// How a component's samples become the picture's.
enum class Upsampling : std::uint8_t { box, h2v1_triangle, h1v2_triangle, h2v2_triangle };

struct ComponentSize {
  std::uint32_t width = 0, height = 0;             // samples that are there; those of blocks beyond are not looked at
  std::uint32_t blocks_wide = 0, blocks_high = 0;  // that hold them
  std::uint8_t block = 8;                          // samples a block has in each direction: 8, 4, 2 or 1
  std::uint8_t h_expand = 1, v_expand = 1;
  Upsampling upsampling = Upsampling::box;
};

// False where a component's factors do not divide the largest ones, which libjpeg does not support.
inline bool component_sizes(const FrameSize& frame, unsigned reduce, bool triangle,
                            std::array<ComponentSize, 4>& out) noexcept {
  const unsigned max_h = frame.max_h(), max_v = frame.max_v(), smallest = 8U >> reduce;
  triangle = triangle && smallest > 1;
  for (unsigned i = 0; i < frame.components; ++i) {
    ComponentSize& c = out[i];
    const unsigned h = frame.h[i], v = frame.v[i];
    // Where sizes are reduced, coarser components are reduced less, as far as that replaces upsampling.
    unsigned block = smallest;
    while (block < 8 && max_h * smallest % (h * block * 2) == 0 && max_v * smallest % (v * block * 2) == 0) block *= 2;
    const unsigned in_h = h * block / smallest, in_v = v * block / smallest;
    if (max_h % in_h || max_v % in_v) return false;
    c.block = static_cast<std::uint8_t>(block);
    c.width = ceil_div<std::uint32_t>(frame.width * h * block, max_h * 8);
    c.height = ceil_div<std::uint32_t>(frame.height * v * block, max_v * 8);
    c.blocks_wide = ceil_div<std::uint32_t>(frame.width * h, max_h * 8);
    c.blocks_high = ceil_div<std::uint32_t>(frame.height * v, max_v * 8);
    c.h_expand = static_cast<std::uint8_t>(max_h / in_h);
    c.v_expand = static_cast<std::uint8_t>(max_v / in_v);
    c.upsampling = Upsampling::box;
    if (!triangle) continue;
    if (c.h_expand == 2 && c.v_expand == 1 && c.width > 2) c.upsampling = Upsampling::h2v1_triangle;
    if (c.h_expand == 1 && c.v_expand == 2) c.upsampling = Upsampling::h1v2_triangle;
    if (c.h_expand == 2 && c.v_expand == 2 && c.width > 2) c.upsampling = Upsampling::h2v2_triangle;
  }
  return true;
}

}  // namespace restride::jpeg
