// Text in HTML and XML.
#pragma once

#include <string>
#include <string_view>

namespace hostcheck::report {

// Text as it may stand between tags and in quoted attributes: control characters, bytes that are no UTF-8 and what
// turns the direction of writing are shown as escapes; U+FFFE and U+FFFF, which XML 1.0 cannot hold, become U+FFFD.
[[nodiscard]] std::string escape_markup(std::string_view text);

}  // namespace hostcheck::report
