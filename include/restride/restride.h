// SPDX-License-Identifier: Apache-2.0
// Everything public, in reading order.
#pragma once

#include "restride/code_stream.h"
#include "restride/decoder.h"
#include "restride/device.h"
#include "restride/encoder.h"
#include "restride/error.h"
#include "restride/executor.h"
#include "restride/extension.h"
#include "restride/image.h"
#include "restride/memory.h"
#include "restride/metadata.h"
#include "restride/params.h"
#include "restride/types.h"
#include "restride/version.h"
