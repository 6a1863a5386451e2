// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "cuda/jpeg/batch_view.h"

namespace restride::cuda::jpeg {

// Queues everything from un-stuffed data to component planes; sets the batch's statuses.
cudaError_t launch_decoding(const BatchView& batch, cudaStream_t stream);
// Queues what writes the targets, of pictures whose status is good.
cudaError_t launch_storing(const BatchView& batch, cudaStream_t stream);

}  // namespace restride::cuda::jpeg
