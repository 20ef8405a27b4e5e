#include "core/report/markup.h"

#include <fmt/format.h>

#include "core/report/layout.h"

namespace hostcheck::report {
namespace {

// U+202A to U+202E and U+2066 to U+2069: what follows is written in another direction.
bool turns_direction(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size() || text[at] != '\xE2') return false;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  const auto third = static_cast<unsigned char>(text[at + 2]);
  return (second == 0x80 && third >= 0xAA && third <= 0xAE) || (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

}  // namespace

std::string escape_markup(std::string_view text) {
  const std::string safe = printable(text);
  std::string out;
  out.reserve(safe.size());
  for (std::size_t at = 0; at < safe.size(); ++at) {
    if (turns_direction(safe, at)) {
      for (int byte = 0; byte < 3; ++byte) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(safe[at + static_cast<std::size_t>(byte)]));
      }
      at += 2;
      continue;
    }
    const std::string_view rest = std::string_view(safe).substr(at, 3);
    if (rest == "\xef\xbf\xbe" || rest == "\xef\xbf\xbf") {
      out += "\xef\xbf\xbd";
      at += 2;
      continue;
    }
    switch (safe[at]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += safe[at];
    }
  }
  return out;
}

}  // namespace hostcheck::report
