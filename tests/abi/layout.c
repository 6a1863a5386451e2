/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled, not run, as C99: structures of the C interface are as they were released. A line here is changed only by
 * raising a size that grew at its end. LP64. */
#include "restride/c_api.h"

#define SIZE(type, bytes) typedef char size_of_##type[sizeof(type) == (bytes) ? 1 : -1]
#define PLACE(type, member, bytes) typedef char place_of_##type##_##member[offsetof(type, member) == (bytes) ? 1 : -1]

SIZE(restride_view, 104);
PLACE(restride_view, region, 32);
PLACE(restride_view, fill, 64);
SIZE(restride_stream_info, 112);
PLACE(restride_stream_info, codec, 48);
PLACE(restride_stream_info, subsampling, 108);
SIZE(restride_pixels, 80);
PLACE(restride_pixels, spec, 16);
PLACE(restride_pixels, memory, 72);
SIZE(restride_options, 48);
PLACE(restride_options, executor, 40);
SIZE(restride_decode_params, 64);
PLACE(restride_decode_params, exact_shape, 36);
PLACE(restride_decode_params, max_memory, 56);
SIZE(restride_encode_params, 80);
PLACE(restride_encode_params, jpeg2k_code_block, 36);
PLACE(restride_encode_params, tiff_compression, 72);
SIZE(restride_picture, 48);
PLACE(restride_picture, orientation, 40);
SIZE(restride_decode_job, 128);
PLACE(restride_decode_job, window, 56);
PLACE(restride_decode_job, allocate, 120);
SIZE(restride_encode_job, 104);
PLACE(restride_encode_job, quality_value, 64);
PLACE(restride_encode_job, commit, 96);
SIZE(restride_codec, 88);
PLACE(restride_codec, self, 40);
PLACE(restride_codec, encode, 80);
SIZE(restride_error, 512);
SIZE(restride_spec, 32);
SIZE(restride_rect, 32);
SIZE(restride_cuda_stream, 16);
SIZE(restride_allocator, 32);
SIZE(restride_executor, 32);
