// SPDX-License-Identifier: Apache-2.0
#include "coding/packbits.h"

#include <algorithm>
#include <cstring>

namespace restride::packbits {

std::size_t decode(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  std::size_t read = 0, written = 0;
  while (written < out.size() && read < in.size()) {
    const auto header = static_cast<unsigned>(in[read++]);
    if (header == 128) continue;  // no operation
    const std::size_t room = out.size() - written;
    if (header < 128) {
      const std::size_t length = std::min<std::size_t>({header + 1U, in.size() - read, room});
      std::memcpy(out.data() + written, in.data() + read, length);
      read += header + 1U;  // may pass the end: the loop stops
      written += length;
    } else {
      if (read == in.size()) break;
      const std::size_t length = std::min<std::size_t>(257U - header, room);
      std::memset(out.data() + written, static_cast<int>(in[read++]), length);
      written += length;
    }
  }
  return written;
}

}  // namespace restride::packbits
