// Tables resolvers and resolver_config.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& resolver_source();

}  // namespace hostcheck::gather
