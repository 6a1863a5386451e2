// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "codec/codec.h"
#include "restride/params.h"

namespace restride {

// True if `entry` may be used under `options`.
bool backend_allowed(const CodecEntry& entry, const CodecOptions& options) noexcept;

// An error if no entry of the table may be used under `options`.
Status check_backends(const CodecOptions& options);

}  // namespace restride
