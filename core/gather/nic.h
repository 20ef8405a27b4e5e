// What drivers tell about their devices.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

// nic_settings, nic_features, nic_statistics
[[nodiscard]] const Source& nic_source();

}  // namespace hostcheck::gather
