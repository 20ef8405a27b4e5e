// Parts of JSON that several renderers share; of this room only.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "core/checks/finding.h"

namespace hostcheck::report {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json json_of(const facts::Value& value);
// As in hostcheck.report/1.
[[nodiscard]] Json json_of(const checks::Finding& finding);
// With a newline; indent -1: on one line. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string dump(const Json& json, int indent);

}  // namespace hostcheck::report
