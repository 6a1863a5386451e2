// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "coding/jpeg/encode_batch.h"

namespace restride::cuda {

// Where the outcome goes: memory of the host that the device writes to directly.
struct EncodeOutcome {
  jpeg::EncodedPicture* results;  // one a picture
  jpeg::EncodeTotals* totals;
  std::uint8_t* output;        // what of the batch's output fits
  std::uint64_t output_bytes;  // a multiple of jpeg::kOutputAlignment, as is the batch's
};

// Queues everything for a batch whose descriptors are on the device.
cudaError_t launch_encode(const jpeg::EncodeBatch& batch, const EncodeOutcome& outcome, cudaStream_t stream);

}  // namespace restride::cuda
