// SPDX-License-Identifier: Apache-2.0
#pragma once

// Marks functions that run on the CPU and, compiled by nvcc, on the GPU: one source, tested without a GPU.
#if defined(__CUDACC__)
#define RESTRIDE_HD __host__ __device__
#else
#define RESTRIDE_HD
#endif
