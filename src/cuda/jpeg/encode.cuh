// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "coding/jpeg/encode_batch.h"

namespace restride::cuda {

// What the host learns, in memory of its own that the device writes to.
struct EncodeOutcome {
  jpeg::EncodedPicture* results;  // one a picture
  jpeg::EncodeTotals* totals;
  jpeg::HuffmanTables* tables;  // those that were made, by tables
};

// Queues a batch whose descriptors are on the device, in two parts: batch.targets need to be there for the second only.
// They are in memory of the host, and so is batch.staging.
cudaError_t launch_encode_tiles(const jpeg::EncodeBatch& batch, const EncodeOutcome& outcome, cudaStream_t stream);
cudaError_t launch_encode_output(const jpeg::EncodeBatch& batch, const EncodeOutcome& outcome, cudaStream_t stream);

}  // namespace restride::cuda
