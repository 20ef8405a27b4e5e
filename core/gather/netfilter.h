// Tables netfilter_backends, netfilter_chains and netfilter_rules.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& netfilter_source();

}  // namespace hostcheck::gather
