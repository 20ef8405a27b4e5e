// Tables host and namespaces.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& host_source();
[[nodiscard]] const Source& namespace_source();

}  // namespace hostcheck::gather
