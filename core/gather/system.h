// Tables pressure, softnet, softirqs, interrupts, file_handles and tcp_memory.
#pragma once

#include "core/gather/source.h"

namespace hostcheck::gather {

[[nodiscard]] const Source& pressure_source();
[[nodiscard]] const Source& softnet_source();
[[nodiscard]] const Source& softirq_source();
[[nodiscard]] const Source& interrupt_source();
[[nodiscard]] const Source& file_handle_source();
[[nodiscard]] const Source& tcp_memory_source();

}  // namespace hostcheck::gather
