// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace restride {

// The parameters of image i of a call: one for all, or one each. Refers to the caller's objects.
template <class Params>
class ParamsOf {
 public:
  ParamsOf(const Params& one) noexcept : values_(&one, 1), step_(0) {}
  explicit ParamsOf(std::span<const Params> each) noexcept : values_(each), step_(1) {}

  const Params& operator[](std::size_t i) const noexcept { return values_[i * step_]; }

 private:
  std::span<const Params> values_;
  std::size_t step_;
};

}  // namespace restride
