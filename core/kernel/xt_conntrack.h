// The conntrack and state matches of xtables.
#pragma once

#include "core/kernel/rule_meaning.h"
#include "core/kernel/xt_text.h"
#include "core/kernel/xt_value.h"

namespace hostcheck::kernel {

[[nodiscard]] XtArguments conntrack_arguments(const XtExtension& match, RuleMeaning& rule);
[[nodiscard]] XtArguments state_arguments(const XtExtension& match, RuleMeaning& rule);

}  // namespace hostcheck::kernel
