// SPDX-License-Identifier: Apache-2.0
// One small file of each format and feature, made here: what damage, limits and fuzzing start from.
#pragma once

#include <tiffio.h>

#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "unit/support/jpeg_files.h"
#include "unit/support/kinds.h"
#include "unit/support/pictures.h"
#include "unit/support/png_files.h"
#include "unit/support/tiff_files.h"

namespace restride::test {

struct Feature {
  std::string name, codec;
  std::vector<std::byte> file;
};
inline void PrintTo(const Feature& feature, std::ostream* out) { *out << feature.name; }

namespace features_detail {

using Files = std::vector<Feature>;

inline std::vector<std::byte> text(const std::string& t) {
  const auto* first = reinterpret_cast<const std::byte*>(t.data());
  return {first, first + t.size()};
}

// Every kind of file, as our own encoders write it; with metadata too where the format has a place for it.
inline void add_encoded(Files& to) {
  static const Data exif =
      bytes_of({'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0});
  Encoder encoder = value_of(Encoder::create());
  for (const Kind& kind : kinds()) {
    auto stream = encoder.encode(picture(29, 23), kind.codec, kind.params);
    if (!stream) continue;  // a build without OpenJPH
    to.push_back({kind.name, kind.codec, bytes_of(*stream)});
    if (kind.name != kind.codec || !find_format(kind.codec)->embed) continue;
    EncodeParams params = kind.params;
    params.metadata.push_back({MetadataKind::exif, MetadataFormat::raw, MetadataType::unknown, 0, 0, exif});
    params.metadata.push_back(
        {MetadataKind::icc_profile, MetadataFormat::raw, MetadataType::unknown, 0, 0, random_data(200)});
    params.metadata.push_back({MetadataKind::xmp, MetadataFormat::xmp, MetadataType::unknown, 0, 0, text("<x/>")});
    if (auto with = encoder.encode(picture(29, 23), kind.codec, params))
      to.push_back({kind.name + "_metadata", kind.codec, bytes_of(*with)});
  }
}

inline void add_jpegs(Files& to) {
  const auto add = [&](const char* name, auto&& change) {
    JpegRecipe recipe;
    recipe.width = 37;
    recipe.height = 29;
    change(recipe);
    to.push_back({name, "jpeg", write_jpeg(recipe)});
  };
  add("jpeg_gray", [](JpegRecipe& r) { r.input = r.stored = JCS_GRAYSCALE; });
  add("jpeg_cmyk", [](JpegRecipe& r) { r.input = JCS_CMYK, r.stored = JCS_YCCK; });
  add("jpeg_restarts", [](JpegRecipe& r) { r.h[0] = r.v[0] = 2, r.restart = 3; });
  add("jpeg_progressive_restarts", [](JpegRecipe& r) { r.h[0] = r.v[0] = 2, r.progressive = true, r.restart = 2; });
  add("jpeg_scans", [](JpegRecipe& r) { r.scans = {{1, {0}, 0, 63, 0, 0}, {2, {1, 2}, 0, 63, 0, 0}}; });
  add("jpeg_own_tables", [](JpegRecipe& r) { r.own_tables = true; });
  add("jpeg_410", [](JpegRecipe& r) { r.h[0] = 4, r.v[0] = 2; });
}

inline void add_pngs(Files& to) {
  constexpr struct {
    const char* name;
    ColorType type;
    unsigned depth;
    bool interlaced, keyed;
  } kPngs[] = {{"png_gray1_interlaced", ColorType::gray, 1, true, false},
               {"png_gray16_key", ColorType::gray, 16, false, true},
               {"png_palette2", ColorType::palette, 2, false, true},
               {"png_palette8_interlaced", ColorType::palette, 8, true, false},
               {"png_rgb16", ColorType::rgb, 16, false, false},
               {"png_rgba_interlaced", ColorType::rgb_alpha, 8, true, false},
               {"png_gray_alpha", ColorType::gray_alpha, 8, false, false}};
  for (const auto& kind : kPngs) {
    Picture p = random_picture(19, 13, kind.type, kind.depth, kind.interlaced);
    if (kind.keyed) p.transparency = random_data(kind.type == ColorType::palette ? 3 : 2);
    to.push_back({kind.name, "png", png_of(p, 100)});
  }
}

// What only libtiff writes. It wants a file.
inline std::vector<std::byte> by_libtiff(std::uint16_t compression, std::uint16_t bits, std::uint16_t channels,
                                         std::uint16_t photometric) {
  char path[] = "/tmp/restride-tiff-XXXXXX";
  const int descriptor = ::mkstemp(path);
  if (descriptor < 0) std::abort();
  ::close(descriptor);
  TIFF* tif = TIFFOpen(path, "w");
  constexpr std::uint32_t kSide = 40;
  TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, kSide);
  TIFFSetField(tif, TIFFTAG_IMAGELENGTH, kSide);
  TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, channels);
  TIFFSetField(tif, TIFFTAG_COMPRESSION, compression);
  TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, photometric);
  TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, 16U);
  if (bits == 32) TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
  std::vector<std::uint8_t> row(std::size_t{kSide} * bits * channels / 8, 0);
  for (std::uint32_t y = 0; y < kSide; ++y) {
    if (bits < 32)
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::uint8_t>(i * 7 ^ y / 3 * 31);
    (void)TIFFWriteScanline(tif, row.data(), y, 0);
  }
  TIFFClose(tif);
  std::ifstream in(path, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(in)), {});
  ::unlink(path);
  return text(all);
}

inline void add_tiffs(Files& to) {
  const auto add = [&](const char* name, auto&& change, std::endian order = std::endian::little, bool big = false) {
    TiffPicture p;
    p.width = 33;
    p.height = 21;
    p.rows_per_strip = 8;
    change(p);
    p.randomise();
    to.push_back({name, "tiff", file_of(p, order, big)});
  };
  add(
      "tiff_packbits_big_endian", [](TiffPicture& p) { p.compression = Compression::packbits; }, std::endian::big);
  add(
      "tiff_bigtiff_16",
      [](TiffPicture& p) {
        p.bits = 16, p.channels = 3, p.photometric = Photometric::rgb, p.predictor = 2,
        p.compression = Compression::lzw;
      },
      std::endian::little, true);
  add("tiff_planar_tiles", [](TiffPicture& p) {
    p.channels = 3, p.photometric = Photometric::rgb, p.planar = true, p.tile_width = p.tile_height = 16;
    p.compression = Compression::deflate;
  });
  add("tiff_float_predictor",
      [](TiffPicture& p) { p.bits = 32, p.format = 3, p.predictor = 3, p.compression = Compression::deflate; });
  add("tiff_bits_reversed", [](TiffPicture& p) { p.bits = 1, p.reversed = true; });
  add("tiff_cmyk", [](TiffPicture& p) { p.channels = 4, p.photometric = Photometric::separated; });
  const auto libtiff = [&](const char* name, std::uint16_t compression, std::uint16_t bits, std::uint16_t channels,
                           std::uint16_t photometric) {
    if (TIFFIsCODECConfigured(compression))
      to.push_back({name, "tiff", by_libtiff(compression, bits, channels, photometric)});
  };
  libtiff("tiff_g3", COMPRESSION_CCITTFAX3, 1, 1, PHOTOMETRIC_MINISWHITE);
  libtiff("tiff_g4", COMPRESSION_CCITTFAX4, 1, 1, PHOTOMETRIC_MINISWHITE);
  libtiff("tiff_rle", COMPRESSION_CCITTRLE, 1, 1, PHOTOMETRIC_MINISBLACK);
  libtiff("tiff_jpeg", COMPRESSION_JPEG, 8, 3, PHOTOMETRIC_RGB);
  libtiff("tiff_lzma", COMPRESSION_LZMA, 8, 3, PHOTOMETRIC_RGB);
  libtiff("tiff_zstd", COMPRESSION_ZSTD, 8, 1, PHOTOMETRIC_MINISBLACK);
  libtiff("tiff_pixarlog", COMPRESSION_PIXARLOG, 8, 3, PHOTOMETRIC_RGB);
}

inline void put_le(Data& to, std::uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(value >> 8 * i));
}

// BITMAPINFOHEADER and its palette or masks.
inline Data bmp_of(std::uint32_t width, std::int32_t height, unsigned bits, unsigned compression, const Data& behind,
                   const Data& pixels) {
  Data file = text("BM");
  put_le(file, 0, 4), put_le(file, 0, 4), put_le(file, static_cast<std::uint32_t>(54 + behind.size()), 4);
  put_le(file, 40, 4), put_le(file, width, 4), put_le(file, static_cast<std::uint32_t>(height), 4);
  put_le(file, 1, 2), put_le(file, bits, 2), put_le(file, compression, 4);
  for (int i = 0; i < 5; ++i) put_le(file, 0, 4);
  file.insert(file.end(), behind.begin(), behind.end());
  file.insert(file.end(), pixels.begin(), pixels.end());
  return file;
}

inline void add_bmps(Files& to) {
  to.push_back({"bmp_1", "bmp", bmp_of(17, 9, 1, 0, random_data(8), random_data(36))});
  to.push_back({"bmp_4_top_down", "bmp", bmp_of(17, -9, 4, 0, random_data(64), random_data(108))});
  to.push_back({"bmp_8", "bmp", bmp_of(17, 9, 8, 0, random_data(1024), random_data(180))});
  Data rle8 = bytes_of({5, 1, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 3, 1, 4, 9, 0, 0, 10, 7, 0, 1});
  to.push_back({"bmp_rle8", "bmp", bmp_of(17, 9, 8, 1, random_data(1024), rle8)});
  Data rle4 = bytes_of({5, 0x12, 0, 5, 0x12, 0x34, 0x50, 0, 0, 0, 0, 2, 3, 1, 4, 0x9a, 0, 0, 10, 0x77, 0, 1});
  to.push_back({"bmp_rle4", "bmp", bmp_of(17, 9, 4, 2, random_data(64), rle4)});
  Data masks;
  put_le(masks, 0xf800, 4), put_le(masks, 0x7e0, 4), put_le(masks, 0x1f, 4);
  to.push_back({"bmp_565", "bmp", bmp_of(17, 9, 16, 3, masks, random_data(36 * 9))});
  to.push_back({"bmp_32", "bmp", bmp_of(17, 9, 32, 0, {}, random_data(68 * 9))});
}

inline void add_pnms(Files& to) {
  const auto add = [&](const char* name, const std::string& header, std::size_t bytes) {
    Data file = text(header);
    const Data pixels = random_data(bytes);
    file.insert(file.end(), pixels.begin(), pixels.end());
    to.push_back({name, "pnm", file});
  };
  add("pnm_p1", "P1 # comment\n5 3\n1 0 1 0 1\n0 1 0 1 0\n11111\n", 0);
  add("pnm_p2", "P2\n4 3\n100\n1 2 3 4 5 6 7 8 9 10 11 100\n", 0);
  add("pnm_p3_16", "P3 2 2 65535 1 2 3 400 500 600 7000 8000 9000 10 11 65535\n", 0);
  add("pnm_p4", "P4 17 9\n", 27);
  add("pnm_p5_16", "P5 17 9 1000\n", 306);
  add("pnm_p7", "P7\nWIDTH 7\nHEIGHT 5\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n", 140);
  add("pnm_pfm", "PF\n7 5\n-1.0\n", 420);
}

}  // namespace features_detail

// The same files in every call of a process with one seed.
inline const std::vector<Feature>& features() {
  static const std::vector<Feature> all = [] {
    namespace d = features_detail;
    random_bits().seed(1);
    std::vector<Feature> files;
    for (const auto add : {d::add_encoded, d::add_jpegs, d::add_pngs, d::add_tiffs, d::add_bmps, d::add_pnms})
      add(files);
    return files;
  }();
  return all;
}

}  // namespace restride::test
