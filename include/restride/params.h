// SPDX-License-Identifier: Apache-2.0
// Parameters of decoding and encoding. Plain data with nvImageCodec's defaults.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "restride/executor.h"
#include "restride/metadata.h"
#include "restride/types.h"

namespace restride {

struct Backend {
  BackendKind kind = BackendKind::gpu_only;
  // The largest share, 0 to 1, of the pictures of a batch that would go to this backend that it gets; the others go to
  // the next backend that can decode them, and stay where there is none. Policy ignore: all. Encoders take no notice.
  float load_hint = 1.0F;
  LoadHintPolicy policy = LoadHintPolicy::fixed;  // adaptive_minimize_idle_time is taken as fixed
};

struct DecodeParams {
  bool apply_exif_orientation = true;
  ColorSpec color = ColorSpec::srgb;                // srgb, gray, sycc or unchanged
  SampleFormat format = SampleFormat::i_unchanged;  // i_ or p_unchanged: channels follow from `color`
  bool allow_any_depth = false;                     // false: 8 bit unsigned; true: the stream's own type
  // Halvings of the size: JPEG 0 to 3, JPEG 2000 by its levels, TIFF by the overviews it holds. Regions are then in the
  // reduced picture's coordinates.
  std::uint8_t reduce = 0;
  // Both not 0: as few more halvings as make the picture, as displayed, this large at most.
  std::uint32_t fit_width = 0, fit_height = 0;
  // True: the picture's ICC profile is applied (perceptual intent), and pixels are sRGB, or gray or SYCC made of it; a
  // picture without one counts as sRGB. RGB, gray and CMYK of 8 or 16 bit; done by the CPU, for device images too.
  bool color_managed = false;
  bool exact_shape = false;  // refuse a picture that differs from the image given in size, channels or type
  Limits limits;
};

enum class QualityType : std::uint8_t {
  default_quality = 0,
  lossless = 1,
  quality = 2,            // 1 to 100
  quantization_step = 3,  // JPEG 2000: base step
  psnr = 4,               // dB
  size_ratio = 5,         // compressed size / raw size, 0 to 1
};

struct JpegEncodeParams {
  bool progressive = false;
  bool optimized_huffman = false;
};

enum class Jpeg2kBitstream : std::uint8_t { j2k = 0, jp2 = 1 };
enum class Jpeg2kProgression : std::uint8_t { lrcp = 0, rlcp = 1, rpcl = 2, pcrl = 3, cprl = 4 };

struct Jpeg2kEncodeParams {
  std::array<std::uint32_t, 2> code_block_size{64, 64};  // powers of two, 4 to 1024, product at most 4096
  std::uint32_t num_resolutions = 6;
  Jpeg2kBitstream bitstream = Jpeg2kBitstream::jp2;
  Jpeg2kProgression progression = Jpeg2kProgression::rpcl;
  std::uint8_t mct_mode = 0;  // 1: multiple component transform
  bool ht = false;            // high throughput block coder (ISO/IEC 15444-15)
};

enum class TiffCompression : std::uint8_t { automatic, none, lzw, deflate };

struct EncodeParams {
  QualityType quality_type = QualityType::default_quality;
  double quality_value = 0;
  ColorSpec color = ColorSpec::unchanged;
  std::optional<ChromaSubsampling> subsampling;  // absent: gray below 3 channels, else 4:4:4
  JpegEncodeParams jpeg;
  Jpeg2kEncodeParams jpeg2k;
  std::uint32_t tile_width = 0, tile_height = 0;  // 0: not tiled
  TiffCompression tiff_compression = TiffCompression::automatic;
  // EXIF, ICC and XMP blocks to keep in the file (JPEG, PNG, WebP, JP2, TIFF; TIFF takes tags too). Orientation is not
  // looked at: an EXIF block of a picture that was turned upright must say so.
  std::vector<Metadata> metadata;
};

// How a Decoder or an Encoder works. Empty backends: all that are there.
struct CodecOptions {
  static constexpr int kCurrentDevice = -1;
  static constexpr int kCpuOnly = -99999;

  int device = kCurrentDevice;
  unsigned max_threads = 0;  // 0: one a logical core
  std::vector<Backend> backends;
  // Space separated "[module]:name=value", nvImageCodec's syntax; unknown names are ignored, as there.
  // Known: "fancy_upsampling=0|1" (JPEG chroma; 1 by default).
  std::string options;
  // True: a picture's pixels do not depend on the backend. False: backends that round differently (nvJPEG) may be used
  // where they are faster; naming BackendKind::hw_gpu_only in `backends` asks for them too.
  bool exact = true;
  // Threads of the caller's, which must outlive the Decoder or Encoder; max_threads is not looked at then. Null: own
  // ones.
  Executor* executor = nullptr;
};

}  // namespace restride
