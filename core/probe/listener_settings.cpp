#include "core/probe/listener_settings.h"

#include <algorithm>
#include <vector>

#include "core/base/text.h"
#include "core/kernel/local_addresses.h"
#include "core/probe/target.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kMostData = 4096;  // bytes of send=

Error wrong(const Context& context, std::string_view detail) {
  return make_error(ErrorCode::invalid, "probe listener", context.ask.target, detail);
}

bool is_local(const std::vector<IpAddress>& own, const IpAddress& address) {
  if (address.is_loopback()) return true;
  return std::find(own.begin(), own.end(), address) != own.end();
}

Result<ListenerTarget> target_of(const Context& context) {
  const auto parsed = parse_target(context.ask.target);
  if (!parsed) return unexpected(parsed.error());
  const auto address = IpAddress::parse(parsed->host);
  if (!address || !parsed->port) return unexpected(wrong(context, "must be ADDRESS:PORT of this host"));
  if (address->is_any()) {  // what listens on all addresses listens on loopback's
    return ListenerTarget{*IpAddress::parse(address->family() == Family::ipv4 ? "127.0.0.1" : "::1"), *parsed->port};
  }
  const auto own = [&]() -> Result<std::vector<IpAddress>> {
    const auto scope = kernel::NetnsScope::enter(context.netns());
    if (!scope) return unexpected(scope.error());
    return kernel::local_addresses();
  }();
  if (!own) return unexpected(own.error());
  if (!is_local(*own, *address))
    return unexpected(wrong(context, "is no address of this host: only own listeners are asked"));
  return ListenerTarget{*address, *parsed->port};
}

}  // namespace

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      out += text[at];
      continue;
    }
    const char kind = ++at < text.size() ? text[at] : '\0';
    if (kind == 'x' && at + 2 < text.size()) {
      const auto byte = parse_number<std::uint8_t>(text.substr(at + 1, 2), 16);
      if (!byte) return std::nullopt;
      out += static_cast<char>(*byte);
      at += 2;
      continue;
    }
    constexpr std::string_view kNames = "rnt\\";
    constexpr std::string_view kBytes = "\r\n\t\\";
    const std::size_t known = kNames.find(kind);
    if (known == std::string_view::npos) return std::nullopt;
    out += kBytes[known];
  }
  return out;
}

Result<ListenerSettings> listener_settings(const Context& context) {
  ListenerSettings settings;
  const auto target = target_of(context);
  if (!target) return unexpected(target.error());
  settings.target = *target;
  const auto take = [&](std::string_view name, std::int64_t least, std::int64_t most,
                        std::int64_t& into) -> Result<void> {
    const auto value = context.number(name, into, least, most);
    if (!value) return unexpected(value.error());
    into = *value;
    return {};
  };
  for (const auto& taken :
       {take("connects", 0, 10, settings.connects), take("patience_ms", 100, 10'000, settings.patience_ms),
        take("slow_ms", 1, 10'000, settings.slow_ms)}) {
    if (!taken) return unexpected(taken.error());
  }
  if (const auto text = context.arg("send")) {
    auto bytes = unescape(*text);
    if (!bytes || bytes->empty() || bytes->size() > kMostData) {
      return unexpected(
          make_error(ErrorCode::invalid, "probe listener", "send=" + std::string(*text),
                     "must be 1 to 4096 bytes, written with \\r \\n \\t \\\\ \\xHH where they cannot be typed"));
    }
    settings.send = std::move(*bytes);
  }
  return settings;
}

}  // namespace hostcheck::probe
