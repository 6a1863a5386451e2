// SPDX-License-Identifier: Apache-2.0
// What files hold, from their headers alone.
#include <cstdio>

#include "files.h"
#include "settings.h"
#include "text.h"

namespace restride::cli {
namespace {

constexpr std::uint32_t kMostPages = 4096;  // described one by one; the number is always said

std::string type_text(const ImageSpec& spec) {
  return format("%u x %s of %u bits", spec.channels, name(spec.type), spec.bits());
}

// Name, size and kind of what the file carries beside pixels.
struct Extras {
  std::vector<Metadata> metadata;
  std::string problem;
};

Extras extras_of(const CodeStream& stream) {
  Extras out;
  auto found = read_metadata(stream);
  if (found)
    out.metadata = *std::move(found);
  else
    out.problem = found.error().describe();
  return out;
}

void add_image(Json& json, const ImageInfo& info) {
  const ImageSpec& spec = info.spec;
  json.add("width", spec.width).add("height", spec.height).add("channels", spec.channels);
  json.add("type", name(spec.type)).add("bits", spec.bits()).add("color", name(spec.color));
  if (info.subsampling != ChromaSubsampling::unsupported) json.add("subsampling", name(info.subsampling));
  json.add("orientation", static_cast<int>(info.orientation)).add("coded_bytes", info.coded_bytes);
  if (info.tiles) {
    json.open("tiles", '{').add("across", info.tiles->tiles_x).add("down", info.tiles->tiles_y);
    json.add("width", info.tiles->tile_width).add("height", info.tiles->tile_height).close('}');
  }
  json.add("max_reduce", info.max_reduce);
}

Status describe_json(const CodeStream& stream, Json& json) {
  const auto codec = stream.codec();
  if (!codec) return codec.error();
  const auto images = stream.num_images();
  const auto info = stream.info();
  if (!images) return images.error();
  if (!info) return info.error();
  json.add("codec", *codec).add("images", *images);
  add_image(json, **info);
  if (*images > 1) {
    json.open("pages", '[');
    for (std::uint32_t i = 0; i < *images && i < kMostPages; ++i) {
      CodeStreamView view;
      view.image_idx = i;
      const auto page = stream.sub(view);
      const auto page_info = page ? page->info() : Result<const ImageInfo*>(page.error());
      json.open('{').add("page", i);
      if (page_info)
        add_image(json, **page_info);
      else
        add_error(json, page_info.error());
      json.close('}');
    }
    json.close(']');
  }
  const Extras extras = extras_of(stream);
  json.open("metadata", '[');
  for (const Metadata& m : extras.metadata)
    json.open('{').add("kind", name(m.kind)).add("bytes", m.bytes.size()).close('}');
  json.close(']');
  if (!extras.problem.empty()) json.add("metadata_error", extras.problem);
  return {};
}

std::string image_line(const ImageInfo& info) {
  std::string out =
      format("%u x %u, %s, %s", info.spec.width, info.spec.height, name(info.spec.color), type_text(info.spec).c_str());
  if (info.subsampling != ChromaSubsampling::unsupported && info.spec.channels > 1)
    out += format(", %s", name(info.subsampling));
  if (info.tiles && (info.tiles->tiles_x > 1 || info.tiles->tiles_y > 1))
    out += format(", %u x %u tiles of %u x %u", info.tiles->tiles_x, info.tiles->tiles_y, info.tiles->tile_width,
                  info.tiles->tile_height);
  if (info.orientation != Orientation::normal) out += format(", orientation %d", static_cast<int>(info.orientation));
  return out;
}

Status describe_text(const CodeStream& stream, std::string& out) {
  const auto codec = stream.codec();
  if (!codec) return codec.error();
  const auto images = stream.num_images();
  const auto info = stream.info();
  if (!images) return images.error();
  if (!info) return info.error();
  out += format(": %.*s, %s", static_cast<int>(codec->size()), codec->data(), image_line(**info).c_str());
  out += format(", %s\n", human_bytes(stream.size()).c_str());
  for (std::uint32_t i = 0; *images > 1 && i < *images && i < kMostPages; ++i) {
    CodeStreamView view;
    view.image_idx = i;
    const auto page = stream.sub(view);
    const auto page_info = page ? page->info() : Result<const ImageInfo*>(page.error());
    out += format("  page %u: %s\n", i,
                  page_info ? image_line(**page_info).c_str() : page_info.error().describe().c_str());
  }
  const Extras extras = extras_of(stream);
  for (std::size_t i = 0; i < extras.metadata.size(); ++i)
    out += format("%s%s %s%s", i == 0 ? "  metadata: " : ", ", name(extras.metadata[i].kind),
                  human_bytes(extras.metadata[i].bytes.size()).c_str(), i + 1 == extras.metadata.size() ? "\n" : "");
  if (!extras.problem.empty()) out += "  metadata: " + extras.problem + "\n";
  return {};
}

Status describe(const std::string& path, std::uint64_t bytes, bool json, std::string& out) {
  auto stream = open_source(path);
  Status status = stream ? Status() : Status(stream.error());
  if (!json) {
    out = printable(path);
    if (status) status = describe_text(*stream, out);
    return status;
  }
  Json object;
  object.open('{').add("file", path).add("bytes", stream ? stream->size() : bytes);
  if (status) status = describe_json(*stream, object);
  if (!status) {
    object = Json();
    object.open('{').add("file", path).add("bytes", bytes).open("error", '{');
    add_error(object, status.error());
    object.close('}');
  }
  object.close('}');
  out = object.text();
  return status;
}

}  // namespace

int run_info(const Settings& settings) {
  const bool json = settings.info.json;
  auto listing = list_files(settings.info.paths, [](std::string_view e) { return !codec_for(e).empty(); });
  if (!listing) {
    std::fprintf(stderr, "restride: %s\n", listing.error().describe().c_str());
    return kCannotWork;
  }
  find_collisions(*listing, false);  // for its order
  bool failed = false, first = true;
  if (json) std::fputs("[", stdout);
  for (const Item& item : listing->items) {
    const std::string path = listing->source(item);
    std::string text;
    const Status status = describe(path, item.bytes, json, text);
    failed |= !status.ok();
    if (json) {
      std::printf("%s\n%s", first ? "" : ",", text.c_str());
    } else if (status) {
      std::fputs(text.c_str(), stdout);
    } else {
      std::fflush(stdout);  // in order, where both go to one place
      std::fprintf(stderr, "failed: %s\n", printable(path + ": " + status.error().describe()).c_str());
    }
    first = false;
  }
  if (json) std::fputs(first ? "]\n" : "\n]\n", stdout);
  return failed ? kSomeFailed : kDone;
}

}  // namespace restride::cli
