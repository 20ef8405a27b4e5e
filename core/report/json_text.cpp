#include "core/report/json_text.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hostcheck::report {

void append_json_string(std::string& out, std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F && c != '"' && c != '\\'; });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  out += nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_json_value(std::string& out, const facts::Value& value, bool boolean) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    if (boolean) {
      out += *integer != 0 ? "true" : "false";
    } else {
      fmt::format_to(std::back_inserter(out), "{}", *integer);
    }
  } else if (const auto* real = std::get_if<double>(&value); real != nullptr && std::isfinite(*real)) {
    fmt::format_to(std::back_inserter(out), "{}", *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    append_json_string(out, *text);
  } else {
    out += "null";
  }
}

}  // namespace hostcheck::report
