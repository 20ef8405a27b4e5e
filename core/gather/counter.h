// Tables counters, sockstat and protocols.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& counter_source();
[[nodiscard]] const Source& sockstat_source();
[[nodiscard]] const Source& protocol_source();

}  // namespace hostcheck::gather
