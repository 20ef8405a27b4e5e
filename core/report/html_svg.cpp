#include "core/report/html_svg.h"

#include <fmt/format.h>

#include "core/report/html_parts.h"
#include "core/report/layout.h"

namespace hostcheck::report {
namespace {

std::string disc(int y, std::string_view css_class) {
  return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"9\" class=\"mark {}\"/>\n", kMarkX, y, css_class);
}

std::string letter(int y, std::string_view css_class, std::string_view sign) {
  return disc(y, css_class) + text_at(kMarkX, y + 5, "letter", sign);
}

}  // namespace

std::string open_svg(int height, std::string_view label) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kDrawingWidth, height,
                     escape_markup(label));
}

std::string text_at(int x, int y, std::string_view css_class, std::string_view text) {
  return fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\">{}</text>\n", x, y, css_class, escape_markup(text));
}

std::string text_until(int x, int y, std::string_view css_class, std::string_view text) {
  return text_at(x, y, std::string(css_class) + " until", text);
}

std::string lines_at(int x, int& y, std::string_view css_class, std::string_view text, std::size_t columns) {
  std::string out;
  for (const std::string& line : wrap(printable(text), columns)) {
    if (line.empty()) continue;
    out += text_at(x, y, css_class, line);
    y += 16;
  }
  return out;
}

std::string cut(std::string_view text, std::size_t columns) {
  const auto lines = wrap(printable(text), columns);
  if (lines.size() == 1) return lines.front();
  const auto shorter = wrap(printable(text), columns - 1);
  return shorter.front() + "…";
}

std::string mark_at(int y, Mark mark) {
  switch (mark) {
    case Mark::passes:
      return disc(y, "good") + fmt::format("<path d=\"M{} {} l3.5 4 l6 -8\" class=\"sign\"/>\n", kMarkX - 4.5, y);
    case Mark::stops:
      return disc(y, "bad") +
             fmt::format("<path d=\"M{0} {1} l8 8 m0 -8 l-8 8\" class=\"sign\"/>\n", kMarkX - 4, y - 4);
    case Mark::warns:
      return letter(y, "warn", "!");
    case Mark::notes:
      return letter(y, "note", "i");
    case Mark::unknown:
      return letter(y, "open", "?");
    case Mark::untouched:
      return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"5\" class=\"ring\"/>\n", kMarkX, y);
  }
  return {};
}

}  // namespace hostcheck::report
