// Table sysctls.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& sysctl_source();

}  // namespace hostcheck::gather
