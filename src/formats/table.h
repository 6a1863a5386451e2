// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "codec/codec.h"

namespace restride {

// The library's own codecs, in order of preference within a format. Constant.
std::span<const CodecEntry> codecs() noexcept;
// The format, own or from outside, called `name`, or whose extension it is (any case); nullptr if none.
const Format* find_format(std::string_view name_or_extension) noexcept;

}  // namespace restride
