// SPDX-License-Identifier: Apache-2.0
#include "restride/version.h"

namespace restride {

const char* version() noexcept { return RESTRIDE_VERSION; }

}  // namespace restride
