#include "core/cli/spec_parts.h"

#include "core/base/text.h"
#include "core/cli/command_spec.h"

namespace hostcheck::cli {

std::chrono::milliseconds duration(const std::string& name, const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed) throw Wrong{name + " '" + text + "': " + parsed.error().detail};
  return *parsed;
}

Setting setting(const std::string& text) {
  const auto equals = text.find('=');
  const auto dot = text.substr(0, equals).find('.');
  if (equals == std::string::npos || dot == std::string::npos)
    throw Wrong{"--set '" + text + "': write it as ID.PARAM=VALUE"};
  return {text.substr(0, equals), text.substr(equals + 1), "--set"};
}

// The configuration: the named one, else the system's where there is one.
RawRun config_of(const std::optional<std::string>& named) {
  auto config = read_config(named.value_or(kSystemConfig));
  if (config) return std::move(*config);
  if (!named && config.error().code == ErrorCode::vanished) return {};
  throw Wrong{config.error().message()};
}

void require_choice(const std::string& name, const std::string& value, const std::vector<std::string>& choices) {
  std::string all;
  for (const std::string& each : choices) {
    if (each == value) return;
    all += (all.empty() ? std::string{} : std::string(", ")) + each;
  }
  throw Wrong{name + " '" + value + "': one of " + all + did_you_mean(value, choices)};
}

}  // namespace hostcheck::cli
