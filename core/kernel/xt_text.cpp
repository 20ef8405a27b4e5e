#include "core/kernel/xt_text.h"

#include <fmt/format.h>

namespace hostcheck::kernel {

std::string describe_xt_match(const XtExtension& match, RuleMeaning& rule) {
  rule.plain = false;
  return fmt::format(" {} [revision {}]", match.name, match.revision);
}

std::string describe_xt_target(const XtExtension& target, RuleMeaning& rule) {
  rule.plain = false;
  return fmt::format(" {} [revision {}]", target.name, target.revision);
}

}  // namespace hostcheck::kernel
