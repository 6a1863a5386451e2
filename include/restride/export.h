// SPDX-License-Identifier: Apache-2.0
#pragma once

// Marks what the shared library exports; everything else is hidden.
#if defined(RESTRIDE_STATIC)
#define RESTRIDE_API
#else
#define RESTRIDE_API __attribute__((visibility("default")))
#endif
