#include "core/report/html_parts.h"

#include <fmt/format.h>

namespace hostcheck::report {

std::string element(std::string_view tag, std::string_view css_class, std::string_view text) {
  if (text.empty()) return {};
  const std::string attribute = css_class.empty() ? std::string{} : fmt::format(" class=\"{}\"", css_class);
  return fmt::format("<{}{}>{}</{}>\n", tag, attribute, escape_markup(text), tag);
}

std::string folded(const std::string& summary, const std::string& body) {
  return body.empty() ? std::string{}
                      : fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", escape_markup(summary), body);
}

std::string joined(const std::vector<std::string>& pieces, std::string_view between) {
  std::string out;
  for (const std::string& each : pieces) {
    if (!out.empty()) out += between;
    out += escape_markup(each);
  }
  return out;
}

}  // namespace hostcheck::report
