#include "core/checks/text_template.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/base/units.h"

namespace hostcheck::checks {
namespace {

struct Part {
  std::string_view literal;  // text before the placeholder
  bool brace = false;        // an escaped brace follows the literal, not a placeholder
  bool unclosed = false;     // the text ends inside a placeholder
  bool placeholder = false;
  std::string_view written;  // with its braces
  std::string_view name;
  std::string_view filter;
};

// Takes the next part off the text.
Part next_part(std::string_view& text) {
  Part part;
  const std::size_t brace = text.find_first_of("{}");
  part.literal = text.substr(0, brace);
  if (brace == std::string_view::npos) {
    text = {};
    return part;
  }
  text.remove_prefix(brace);
  if (text.front() == '}' || text.starts_with("{{")) {
    part.brace = true;
    part.written = text.substr(0, 1);
    text.remove_prefix(text.size() > 1 && text[1] == text[0] ? 2 : 1);
    return part;
  }
  const std::size_t close = text.find('}');
  part.written = text.substr(0, close == std::string_view::npos ? close : close + 1);
  text.remove_prefix(part.written.size());
  if (close == std::string_view::npos) {
    part.unclosed = true;
    return part;
  }
  part.placeholder = true;
  const std::string_view inside = part.written.substr(1, part.written.size() - 2);
  const std::size_t bar = inside.find('|');
  part.name = trim(inside.substr(0, bar));
  if (bar != std::string_view::npos) part.filter = trim(inside.substr(bar + 1));
  return part;
}

// At most the given decimals, without zeros at the end.
std::string decimal(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

const std::vector<std::string>& filters() {
  static const std::vector<std::string> all = {"bytes", "duration_ms", "duration_s", "percent"};
  return all;
}

// "client|clients": the words for one and for any other number.
std::optional<std::pair<std::string_view, std::string_view>> forms_of(std::string_view filter) {
  const std::size_t bar = filter.find('|');
  if (bar == std::string_view::npos) return std::nullopt;
  return std::pair(trim(filter.substr(0, bar)), trim(filter.substr(bar + 1)));
}

std::optional<std::string> filtered(const facts::Value& value, std::string_view filter) {
  if (const auto forms = forms_of(filter)) {
    const auto* integer = std::get_if<std::int64_t>(&value);
    return fmt::format("{} {}", to_text(value), integer != nullptr && *integer == 1 ? forms->first : forms->second);
  }
  double number = 0;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    number = static_cast<double>(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    number = *real;
  } else {
    return to_text(value);
  }
  if (filter == "bytes") return human_bytes(number);
  if (filter == "duration_ms") return human_duration(number);
  if (filter == "duration_s") return human_duration(number * 1000);
  if (filter == "percent") return decimal(number * 100, 1) + " %";
  return std::nullopt;
}

}  // namespace

std::string to_text(const facts::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return decimal(*real, std::abs(*real) < 10 ? 2 : 1);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "unknown";
}

std::string fill(std::string_view text, const Lookup& lookup) {
  std::string out;
  while (!text.empty()) {
    const Part part = next_part(text);
    out += part.literal;
    std::optional<std::string> shown;
    if (part.placeholder) {
      if (const facts::Value* value = lookup(part.name)) {
        shown = part.filter.empty() ? to_text(*value) : filtered(*value, part.filter);
      }
    }
    out += shown ? std::string_view(*shown) : part.written;
  }
  return out;
}

std::optional<std::string> check_template(std::string_view text, const std::vector<std::string>& names) {
  const auto known = [](std::string_view name, const std::vector<std::string>& all) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  while (!text.empty()) {
    const Part part = next_part(text);
    if (part.unclosed) return fmt::format("'{}' has no closing brace", part.written);
    if (!part.placeholder) continue;
    if (!known(part.name, names)) {
      return fmt::format("placeholder {} names no column of the answer and no parameter{}", part.written,
                         did_you_mean(part.name, names));
    }
    if (const auto forms = forms_of(part.filter)) {
      const bool two = !forms->first.empty() && !forms->second.empty() && !forms_of(forms->second);
      if (!two) return fmt::format("placeholder {} needs two forms, as {{n|client|clients}}", part.written);
      continue;
    }
    if (!part.filter.empty() && !known(part.filter, filters())) {
      return fmt::format("placeholder {} has an unknown filter{}", part.written, did_you_mean(part.filter, filters()));
    }
  }
  return std::nullopt;
}

}  // namespace hostcheck::checks
