#include "core/plugin/embedded.h"

#ifdef HOSTCHECK_EMBEDDED_PLUGINS
#define HOSTCHECK_EMBEDDED_PLUGIN(name) extern "C" const hostcheck_plugin* hostcheck_plugin_entry_##name();
#include HOSTCHECK_EMBEDDED_PLUGINS  // generated: HOSTCHECK_EMBEDDED_PLUGIN(NAME) for each
#undef HOSTCHECK_EMBEDDED_PLUGIN
#endif

namespace hostcheck::plugin {

#ifdef HOSTCHECK_EMBEDDED_PLUGINS

Entry embedded_entry(std::string_view name) {
#define HOSTCHECK_EMBEDDED_PLUGIN(plugin) \
  if (name == #plugin) return &hostcheck_plugin_entry_##plugin;
#include HOSTCHECK_EMBEDDED_PLUGINS
#undef HOSTCHECK_EMBEDDED_PLUGIN
  return nullptr;
}

bool loads_libraries() {
  return false;
}

#else

Entry embedded_entry(std::string_view) {
  return nullptr;
}

bool loads_libraries() {
  return true;
}

#endif

}  // namespace hostcheck::plugin
