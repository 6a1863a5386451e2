// SPDX-License-Identifier: Apache-2.0
#include "formats/tiff/geo.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error_util.h"

namespace restride::tiff {
namespace {

constexpr std::uint16_t kKeyDirectory = 34735, kDoubles = 34736, kAscii = 34737;

struct Name {
  std::uint16_t id;
  const char* text;
};

// OGC 19-008r4, 7.4 and annex D.
constexpr Name kModelTags[] = {
    {33550, "MODEL_PIXEL_SCALE"}, {33922, "MODEL_TIEPOINT"}, {34264, "MODEL_TRANSFORMATION"}};
constexpr Name kKeys[] = {{1024, "GT_MODEL_TYPE"},
                          {1025, "GT_RASTER_TYPE"},
                          {1026, "GT_CITATION"},
                          {2048, "GEODETIC_CRS"},
                          {2049, "GEODETIC_CITATION"},
                          {2050, "GEODETIC_DATUM"},
                          {2051, "PRIME_MERIDIAN"},
                          {2052, "GEOG_LINEAR_UNITS"},
                          {2053, "GEOG_LINEAR_UNIT_SIZE"},
                          {2054, "GEOG_ANGULAR_UNITS"},
                          {2055, "GEOG_ANGULAR_UNIT_SIZE"},
                          {2056, "ELLIPSOID"},
                          {2057, "ELLIPSOID_SEMI_MAJOR_AXIS"},
                          {2058, "ELLIPSOID_SEMI_MINOR_AXIS"},
                          {2059, "ELLIPSOID_INV_FLATTENING"},
                          {2060, "GEOG_AZIMUTH_UNITS"},
                          {2061, "PRIME_MERIDIAN_LONG"},
                          {2062, "GEOG_TO_WGS84"},
                          {3072, "PROJECTED_CRS"},
                          {3073, "PROJECTED_CITATION"},
                          {3074, "PROJECTION"},
                          {3075, "PROJ_METHOD"},
                          {3076, "PROJ_LINEAR_UNITS"},
                          {3077, "PROJ_LINEAR_UNIT_SIZE"},
                          {3078, "PROJ_STD_PARALLEL1"},
                          {3079, "PROJ_STD_PARALLEL2"},
                          {3080, "PROJ_NAT_ORIGIN_LONG"},
                          {3081, "PROJ_NAT_ORIGIN_LAT"},
                          {3082, "PROJ_FALSE_EASTING"},
                          {3083, "PROJ_FALSE_NORTHING"},
                          {3084, "PROJ_FALSE_ORIGIN_LONG"},
                          {3085, "PROJ_FALSE_ORIGIN_LAT"},
                          {3086, "PROJ_FALSE_ORIGIN_EASTING"},
                          {3087, "PROJ_FALSE_ORIGIN_NORTHING"},
                          {3088, "PROJ_CENTER_LONG"},
                          {3089, "PROJ_CENTER_LAT"},
                          {3090, "PROJ_CENTER_EASTING"},
                          {3091, "PROJ_CENTER_NORTHING"},
                          {3092, "PROJ_SCALE_AT_NAT_ORIGIN"},
                          {3093, "PROJ_SCALE_AT_CENTER"},
                          {3094, "PROJ_AZIMUTH_ANGLE"},
                          {3095, "PROJ_STRAIGHT_VERT_POLE_LONG"},
                          {3096, "PROJ_RECTIFIED_GRID_ANGLE"},
                          {4096, "VERTICAL"},
                          {4097, "VERTICAL_CITATION"},
                          {4098, "VERTICAL_DATUM"},
                          {4099, "VERTICAL_UNITS"}};

class Json {
 public:
  void key(const char* name) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_ += name;
    text_ += "\":";
  }
  void number(double value) {
    char digits[32];
    // JSON has no infinities and no NaN.
    const auto end = std::isfinite(value) ? std::to_chars(digits, std::end(digits), value).ptr : digits;
    text_ += end == digits ? std::string("null") : std::string(digits, end);
  }
  void string(ByteSpan characters) {
    constexpr char kHex[] = "0123456789abcdef";
    text_ += '"';
    for (const std::byte b : characters) {
      const auto c = static_cast<unsigned char>(b);
      if (c < 0x20 || c >= 0x7f)  // taken as Latin-1, which always is something
        text_ += std::string("\\u00") + kHex[c >> 4] + kHex[c & 15];
      else if (c == '"' || c == '\\')
        text_ += std::string("\\") + static_cast<char>(c);
      else
        text_ += static_cast<char>(c);
    }
    text_ += '"';
  }
  // One number stands alone, several are an array.
  template <class Get>
  void numbers(std::size_t count, bool array, Get&& get) {
    if (array) text_ += '[';
    for (std::size_t i = 0; i < count; ++i) {
      if (i) text_ += ',';
      number(get(i));
    }
    if (array) text_ += ']';
  }
  std::string finish() && {
    if (!text_.empty()) text_ += '}';
    return std::move(text_);
  }

 private:
  std::string text_;
};

// What a key's location points into; checked to be whole.
Result<ByteSpan> values_of(std::span<const ifd::Entry> entries, std::uint16_t tag, MetadataType type) {
  const ifd::Entry* entry = ifd::find(entries, tag);
  if (!entry) return ByteSpan();
  if (entry->type != type)
    return fail_at(Errc::corrupt, entry->offset, "GeoTIFF: tag %u has type %u", unsigned{tag},
                   static_cast<unsigned>(entry->type));
  if (entry->values.size() != entry->bytes())
    return fail_at(Errc::truncated, entry->offset, "GeoTIFF: tag %u ends past the end of the file", unsigned{tag});
  return entry->values;
}

double real(ByteSpan values, std::size_t i, std::endian order) noexcept {
  return std::bit_cast<double>(load<std::uint64_t>(values.data() + 8 * i, order));
}

// What the keys point into.
struct Parameters {
  ByteSpan directory, doubles, ascii;
  std::endian order;
};

Status put_key(const Parameters& p, std::size_t at, std::uint64_t offset, Json& json) {
  const auto field = [&](std::size_t i) -> std::size_t {
    return load<std::uint16_t>(p.directory.data() + at + 2 * i, p.order);
  };
  const std::size_t id = field(0), location = field(1), count = field(2), value = field(3);
  const auto known = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Name& n) { return n.id == id; });
  const std::string name = known == std::end(kKeys) ? "KEY_" + std::to_string(id) : known->text;
  const ByteSpan from = location == kDoubles ? p.doubles : location == kAscii ? p.ascii : p.directory;
  const std::size_t size = location == kDoubles ? 8 : location == kAscii ? 1 : 2;
  if (location != 0 && (value + count) * size > from.size())
    return fail_at(Errc::corrupt, offset, "GeoTIFF: the %zu values of key %zu are not there", count, id);
  json.key(name.c_str());
  switch (location) {
    case 0:  // the value itself, in place of an offset
      json.number(static_cast<double>(value));
      return {};
    case kDoubles:
      json.numbers(count, count != 1, [&](std::size_t i) { return real(from, value + i, p.order); });
      return {};
    case kAscii: {
      ByteSpan text = from.subspan(value, count);
      while (!text.empty() && (u8_at(text, text.size() - 1) == '|' || u8_at(text, text.size() - 1) == 0))
        text = text.first(text.size() - 1);  // what ends a text here (OGC 19-008r4, 7.1.2)
      json.string(text);
      return {};
    }
    case kKeyDirectory:
      json.numbers(count, count != 1, [&](std::size_t i) {
        return static_cast<double>(load<std::uint16_t>(from.data() + 2 * (value + i), p.order));
      });
      return {};
    default:
      return fail_at(Errc::corrupt, offset, "GeoTIFF: key %zu lies in tag %zu, which holds none", id, location);
  }
}

}  // namespace

Result<std::string> geo_json(std::span<const ifd::Entry> entries, std::endian order) {
  Json json;
  for (const Name& tag : kModelTags) {
    RESTRIDE_ASSIGN(const ByteSpan values, values_of(entries, tag.id, MetadataType::f64));
    if (values.empty()) continue;
    json.key(tag.text);
    json.numbers(values.size() / 8, true, [&](std::size_t i) { return real(values, i, order); });
  }
  Parameters p{{}, {}, {}, order};
  RESTRIDE_ASSIGN(p.directory, values_of(entries, kKeyDirectory, MetadataType::u16));
  RESTRIDE_ASSIGN(p.doubles, values_of(entries, kDoubles, MetadataType::f64));
  RESTRIDE_ASSIGN(p.ascii, values_of(entries, kAscii, MetadataType::ascii));
  if (p.directory.size() < 8) return std::move(json).finish();
  // A header of four numbers, the last of them how many keys follow.
  const std::uint64_t offset = ifd::find(entries, kKeyDirectory)->offset;
  const std::size_t keys = load<std::uint16_t>(p.directory.data() + 6, order);
  if ((keys + 1) * 8 > p.directory.size())
    return fail_at(Errc::corrupt, offset, "GeoTIFF: %zu keys in a directory of %zu bytes", keys, p.directory.size());
  for (std::size_t i = 1; i <= keys; ++i) RESTRIDE_TRY(put_key(p, 8 * i, offset, json));
  return std::move(json).finish();
}

}  // namespace restride::tiff
