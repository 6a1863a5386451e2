// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "restride/export.h"

namespace restride {

// The library's version, e.g. "0.1.0"; static storage.
RESTRIDE_API const char* version() noexcept;

}  // namespace restride
