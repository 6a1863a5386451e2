// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "codec/codec.h"

namespace restride {

int option_value(std::string_view options, std::string_view module, std::string_view name, int fallback) noexcept {
  int value = fallback;
  while (!options.empty()) {
    const std::size_t end = options.find(' ');
    std::string_view item = options.substr(0, end);
    options.remove_prefix(end == std::string_view::npos ? options.size() : end + 1);
    if (const std::size_t colon = item.find(':'); colon != std::string_view::npos) {
      const std::string_view scope = item.substr(0, colon);
      if (!scope.empty() && scope != module) continue;
      item.remove_prefix(colon + 1);
    }
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || item.substr(0, equals) != name) continue;
    const std::string_view text = item.substr(equals + 1);
    int parsed = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), parsed).ec == std::errc{}) value = parsed;
  }
  return value;
}

}  // namespace restride
