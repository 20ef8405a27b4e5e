// Table kernel_log.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& kernel_log_source();

}  // namespace hostcheck::gather
