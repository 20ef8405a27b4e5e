// JSON by appending, for answers too large to be built as a tree first.
#pragma once

#include <string>
#include <string_view>

#include "core/facts/cell.h"

namespace hostcheck::report {

// A JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
// null, a number, a string, or where boolean is set true or false for an integer.
void append_json_value(std::string& out, const facts::Value& value, bool boolean);

}  // namespace hostcheck::report
