// What an ask for a listener says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/probe/context.h"
#include "core/probe/listener_watch.h"

namespace hostcheck::probe {

struct ListenerSettings {
  ListenerTarget target;
  std::int64_t connects = 3;
  std::int64_t patience_ms = 3000;
  std::int64_t slow_ms = 200;
  std::string send;  // on the first connection; "" for nothing
};

// Error code invalid: the target is no port of this host, or an argument cannot be used; what it may be.
[[nodiscard]] Result<ListenerSettings> listener_settings(const Context& context);

// Bytes as people write them: \r \n \t \\ and \xHH stand for one each. nullopt for any other backslash.
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);

}  // namespace hostcheck::probe
