// SPDX-License-Identifier: Apache-2.0
#include "base/error_util.h"
#include "formats/jpeg2000/jpeg2000.h"
#include "formats/jpeg2000/planes.h"

namespace restride::jpeg2000 {
namespace {

class Decoder final : public ImageDecoder {
 public:
  Result<DecodePlan> plan(const DecodeRequest& request) const override { return plan_openjpeg(request); }

 protected:
  Status decode_one(DecodeJob& job, Scratch& scratch, Context& context) override {
    RESTRIDE_ASSIGN(const TileParts parts,
                    find_tile_parts(job.request.bytes, static_cast<const Headers&>(*job.request.stream->detail)));
    return decode_openjpeg(job, parts, scratch, context);
  }
};

}  // namespace

std::unique_ptr<FormatDecoder> make_decoder(const CodecOptions&) { return std::make_unique<Decoder>(); }

}  // namespace restride::jpeg2000
