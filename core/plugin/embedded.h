// The code of plugins that are part of the program itself (core/base/embedded.h has their files).
#pragma once

#include <string_view>

#include <hostcheck/plugin.h>

namespace hostcheck::plugin {

using Entry = const hostcheck_plugin* (*)();

// The hostcheck_plugin_entry() of that plugin; nullptr where it is not part of the program.
[[nodiscard]] Entry embedded_entry(std::string_view name);

// Whether this program can load plugin.so files. One that is linked statically cannot: they want the C library of the
// host.
[[nodiscard]] bool loads_libraries();

}  // namespace hostcheck::plugin
