// SPDX-License-Identifier: Apache-2.0
#include "arrays.h"

#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include "text.h"

namespace restride::cli {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kTypes[] = {"|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<f2", "<f4", "<f8"};

Error corrupt(std::string why) { return {Errc::corrupt, "not a .npy file: " + std::move(why)}; }

// What follows "'key':" in the header's dictionary, without leading blanks; empty: there is no such key.
std::string_view value_of(std::string_view header, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string label = quote + std::string(key) + quote;
    std::size_t at = header.find(label);
    if (at == std::string_view::npos) continue;
    at = header.find_first_not_of(" ", at + label.size());
    if (at == std::string_view::npos || header[at] != ':') return {};
    at = header.find_first_not_of(" ", at + 1);
    return at == std::string_view::npos ? std::string_view() : header.substr(at);
  }
  return {};
}

// "(480, 640, 3)": two or three numbers.
Status read_shape(std::string_view text, std::array<std::uint32_t, 3>& shape) {
  const std::size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string_view::npos) return corrupt("its shape is missing");
  text = text.substr(1, end - 1);
  std::size_t dimensions = 0;
  shape = {0, 0, 1};
  while (true) {
    const std::size_t first = text.find_first_not_of(" ,");
    if (first == std::string_view::npos) break;
    text.remove_prefix(first);
    if (dimensions == shape.size()) return Error{Errc::unsupported, "arrays of 2 or 3 dimensions are images"};
    const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), shape[dimensions]);
    if (error != std::errc{}) return corrupt("its shape is no list of numbers");
    ++dimensions;
    text.remove_prefix(static_cast<std::size_t>(next - text.data()));
  }
  if (dimensions < 2) return Error{Errc::unsupported, "arrays of 2 or 3 dimensions are images"};
  return {};
}

// An image of that shape over the bytes of `file` from `offset` on, which must be exactly enough.
Result<Image> wrap(const CodeStream& file, std::size_t offset, const std::array<std::uint32_t, 3>& shape,
                   SampleType type) {
  ImageSpec spec;
  spec.height = shape[0];
  spec.width = shape[1];
  spec.channels = shape[2];
  spec.type = type;
  spec.precision = static_cast<std::uint8_t>(8 * size_of(type));
  constexpr std::uint32_t kMostChannels = 1U << 16;
  if (spec.width == 0 || spec.height == 0 || spec.channels == 0 || spec.channels > kMostChannels)
    return Error{Errc::unsupported, format("an array of %u x %u x %u is no image", shape[0], shape[1], shape[2])};
  const std::uint64_t there = file.bytes().size() - offset;
  // A row of 2^32 x 2^16 samples of 8 bytes fits 64 bits; the picture may not.
  const std::uint64_t row = std::uint64_t{spec.width} * spec.channels * size_of(type);
  if (row > there / spec.height || row * spec.height != there)
    return Error{row > there / spec.height ? Errc::truncated : Errc::corrupt,
                 format("%llu bytes of samples where a shape of %u x %u x %u of %s needs %llu a row",
                        static_cast<unsigned long long>(there), shape[0], shape[1], shape[2], name(type),
                        static_cast<unsigned long long>(row))};
  switch (spec.channels) {
    case 1:
      spec.format = SampleFormat::i_y, spec.color = ColorSpec::gray;
      break;
    case 2:
      spec.format = SampleFormat::i_ya, spec.color = ColorSpec::gray;
      break;
    case 3:
      spec.format = SampleFormat::i_rgb, spec.color = ColorSpec::srgb;
      break;
    case 4:
      spec.format = SampleFormat::i_rgba, spec.color = ColorSpec::srgb;
      break;
    default:
      spec.format = SampleFormat::i_unchanged, spec.color = ColorSpec::unchanged;
  }
  // Encoders only read; the mapping is read-only.
  auto* data = const_cast<std::byte*>(file.bytes().data() + offset);
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(type) != 0)
    return Error{Errc::unsupported, "the samples are not aligned to their size in the file; write it by NumPy"};
  return Image::wrap(dense_view(data, spec), std::make_shared<CodeStream>(file));
}

}  // namespace

std::string npy_header(const ImageSpec& spec) {
  std::string text = format("{'descr': '%s', 'fortran_order': False, 'shape': (%u, %u",
                            kTypes[static_cast<std::size_t>(spec.type)].data(), spec.height, spec.width);
  if (spec.channels != 1) text += format(", %u", spec.channels);
  text += "), }";
  // Magic, version 1.0, length of the rest, which ends in a newline at a multiple of 64 bytes.
  constexpr std::size_t kFixed = 10, kAlignment = 64;
  text.append((kAlignment - (kFixed + text.size() + 1) % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string out(kMagic);
  out += '\1';
  out += '\0';
  out += static_cast<char>(text.size() & 255);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

Result<Image> image_of_npy(const CodeStream& file) {
  const auto bytes = file.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::size_t kShort = 10, kLong = 12, kLongestHeader = std::size_t{1} << 16;
  if (text.size() < kLong || text.substr(0, kMagic.size()) != kMagic) return corrupt("its first bytes are not NUMPY");
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  const std::size_t start = byte(6) == 1 ? kShort : kLong;  // versions 2 and 3 have a length of four bytes
  const std::size_t length =
      byte(6) == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > kLongestHeader || length > text.size() - start) return corrupt("its header is cut off");
  const std::string_view header = text.substr(start, length);
  const std::string_view type = value_of(header, "descr");
  if (value_of(header, "fortran_order").substr(0, 5) != "False")
    return Error{Errc::unsupported, "the array is in Fortran order; write np.ascontiguousarray(a)"};
  std::array<std::uint32_t, 3> shape{};
  if (Status read = read_shape(value_of(header, "shape"), shape); !read) return read.error();
  for (std::size_t i = 0; i < std::size(kTypes); ++i)
    if (type.size() > 4 && type.substr(1, 3) == kTypes[i])
      return wrap(file, start + length, shape, static_cast<SampleType>(i));
  return Error{Errc::unsupported, "samples of type " + std::string(type.substr(0, type.find(','))) +
                                      ": only little-endian integers of 8 to 32 bits and floats are taken"};
}

Result<Image> image_of_raw(const CodeStream& file, const ArraySettings& settings) {
  if (settings.shape[0] == 0) return Error{Errc::invalid_argument, "raw samples need --shape HxWxC"};
  return wrap(file, 0, settings.shape, settings.type);
}

}  // namespace restride::cli
